// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace faultline {

/// What is subscribed to at an XPUB, by the messages of one that is "verboser": it tells of every
/// subscription and of every end. Of what a connection that closes leaves behind it tells once for
/// each prefix, but not whose it was; and it tells when somebody ends what he never began.
///
/// So a connection is its descriptor, which is open as long as it is. Who began a prefix wants it
/// until he ends it himself, or until a close is told and his descriptor is found closed. No end of
/// another's takes it from him.
///
/// Never less than what libzmq keeps. It may be more: a descriptor that was given again before the
/// close of its first connection was told counts until the second ends the prefix, or until it is
/// found closed when the next close is told.
///
/// Connections of ZMTP before 3.0 have no descriptor. They are counted; their ends look like
/// closes, and only other nameless ones can lose by them.
class subscriptions {
public:
  static constexpr int closed = -1;  ///< in place of a connection: it has ended, or has no name
  /// What one takes here and in libzmq: each byte of a prefix the byte and a node of libzmq's, each
  /// prefix and each connection that wants it their nodes in both.
  static constexpr std::size_t byte_cost = 35, prefix_cost = 224, connection_cost = 96;

  using open_check = bool (*)(int descriptor);
  explicit subscriptions(open_check is_open = &is_open_socket) : is_open_{is_open} {}

  void begin(std::string_view prefix, int connection);
  void end(std::string_view prefix, int connection);
  void clear();
  /// A close may be told a moment before the descriptor is closed: looks for those once more.
  void look_again();
  /// Of memory, with libzmq's.
  std::size_t bytes() const noexcept { return bytes_; }
  /// Whether one of them names topics of JSON. That to everything ("") does not.
  bool wants_json() const noexcept { return json_ != 0; }

private:
  struct wanting {
    std::set<int> connections;
    std::size_t nameless = 0;
  };
  static bool is_open_socket(int descriptor);
  bool forget_closed(wanting& who);
  void forget_if_unwanted(std::string_view prefix);

  open_check is_open_;
  std::map<std::string, wanting, std::less<>> wanted_;
  std::set<std::string, std::less<>> unsure_;  ///< prefixes of which it is not known who closed
  std::size_t bytes_ = 0;
  std::size_t json_ = 0;  ///< prefixes that name JSON
};

}  // namespace faultline
