// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

// Where an entity was retired stands in the outbox, in order with what entities decide: what it
// said stands before it, what a namesake says that came later stands behind it. It goes from there
// when nothing older than it can be read any more.

namespace faultline {

/// Keys: "r/<position>" where the partition retired it, "x/<position>/<index>" where an operator
/// did.
constexpr bool is_retirement(std::string_view key) noexcept {
  return key.substr(0, 2) == "r/" || key.substr(0, 2) == "x/";
}

/// An operator's came from the decision log: it is not appended there again.
constexpr bool is_decided_already(std::string_view key) noexcept {
  return key.substr(0, 2) == "x/";
}

}  // namespace faultline
