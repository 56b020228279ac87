// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace faultline {

/// Asks the processor to bring [@p at, @p at + @p bytes) into its caches and goes on at once. Any
/// address may be given: nothing is read, and nothing fails.
inline void prefetch(const void* at, std::size_t bytes) noexcept {
  constexpr std::size_t line = 64;
  const auto* byte = static_cast<const char*>(at);
  for (std::size_t i = 0; i < bytes; i += line) __builtin_prefetch(byte + i);
}

}  // namespace faultline
