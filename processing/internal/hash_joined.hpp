// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace faultline {

/// One hash of two, in their order.
inline std::uint64_t hash_joined(std::uint64_t a, std::uint64_t b) noexcept {
  return (a ^ (b + 0x9e3779b97f4a7c15ULL + (a << 6U) + (a >> 2U))) * 0xff51afd7ed558ccdULL;
}

}  // namespace faultline
