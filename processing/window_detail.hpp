// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace faultline {

/// What is wanted of a window: evidence needs no more than the values.
enum class window_detail : std::uint8_t { bands, values };

}  // namespace faultline
