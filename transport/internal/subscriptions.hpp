// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace faultline {

/// What is subscribed to at an XPUB, by the messages of one that is verbose. It tells of every
/// subscription, and of the end of one when nobody is left: but also when somebody ends what he
/// never began, while others go on. So only who began one ends it, or the end of the last
/// connection that had it.
///
/// Never less than what libzmq keeps. It may be more: who stops while others go on is not told of,
/// and counts until the last connection ends.
class subscriptions {
public:
  static constexpr int closed = -1;  ///< in place of a connection: it has ended
  void begin(std::string_view prefix, int connection);
  void end(std::string_view prefix, int connection);
  void clear();
  /// Of all prefixes together, each once.
  std::size_t bytes() const noexcept { return bytes_; }
  /// Whether one of them names topics of JSON. That to everything ("") does not.
  bool wants_json() const noexcept { return json_ != 0; }

private:
  std::map<std::string, std::set<int>, std::less<>> wanted_;  ///< with who may want it
  std::size_t bytes_ = 0;
  std::size_t json_ = 0;  ///< prefixes that name JSON
};

}  // namespace faultline
