// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace faultline {

/// Ends a fuzzer with what it was given, in every build.
inline void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace faultline
