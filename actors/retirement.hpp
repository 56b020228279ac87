// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

// Where an entity was retired stands in the outbox, in order with what entities decide: what it
// said stands before it, what a namesake says that came later stands behind it. It goes from there
// when nothing older than it can be read any more.

namespace faultline {

/// "r/<position>": the partition retired it.
constexpr bool is_by_silence(std::string_view key) noexcept { return key.substr(0, 2) == "r/"; }

/// Or "x/<position>/<index>": an operator did. His word stands in the decision log already, perhaps
/// before something that the entity said until its partition came to it.
constexpr bool is_retirement(std::string_view key) noexcept {
  return is_by_silence(key) || key.substr(0, 2) == "x/";
}

}  // namespace faultline
