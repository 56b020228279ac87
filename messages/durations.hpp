// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace faultline {

inline constexpr std::int64_t day_ms = 86'400'000;

}  // namespace faultline
