// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messages/outcome.hpp"
#include "messages/time.hpp"

namespace faultline {

/// One condition on a label. A label that is not there is empty. `regex` is anchored at both ends.
struct label_matcher {
  std::string name;
  std::string value;
  bool regex = false;
  bool equal = true;  ///< false: != and !~

  friend bool operator==(const label_matcher& a, const label_matcher& b) {
    return a.name == b.name && a.value == b.value && a.regex == b.regex && a.equal == b.equal;
  }
};

enum class silence_state : std::uint8_t { pending = 1, active, expired };
const char* to_string(silence_state state) noexcept;

/// Alerts whose labels fulfil every matcher are silenced from `starts` to `ends` (event time).
struct silence {
  std::string id;
  std::vector<label_matcher> matchers;
  event_time starts{};
  event_time ends{};
  std::string created_by;
  std::string comment;
  event_time updated{};
};

/// {id, matchers: [{name, value, isRegex, isEqual}], starts, ends, createdBy, comment, updated};
/// times are Unix milliseconds. The payload of the command `silence`.
std::string silence_json(const silence& s);
/// Reads what silence_json wrote. Fails: ec::malformed.
outcome<silence> read_silence_json(std::string_view text);

/// `name="value"` as people write it: = != =~ !~, the value quoted.
std::string matcher_text(const label_matcher& m);
/// All of them: `{a="b",c!~"d.*"}`.
std::string matchers_text(const std::vector<label_matcher>& list);

}  // namespace faultline
