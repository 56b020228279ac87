// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace faultline {

/// Command: the partition of an entity has come to an operator's `retire`. It stands in the
/// decision log behind all that the entity said, and is no control: nobody carries it out.
inline constexpr std::string_view retirement_done = "retired";

}  // namespace faultline
