// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "messages/outcome.hpp"

namespace faultline {

/// Every record begins with its version (a byte, from 1). A build reads its own and the one before.
/// The failure of a record of @p format whose version this build does not know.
inline failure newer_version(const std::string& format, std::uint64_t found, std::uint64_t newest) {
  return {ec::unknown_version, format + " has version " + std::to_string(found) +
                                   ", this build reads up to " + std::to_string(newest) +
                                   ": written by a newer build"};
}

/// Whether a record of @p format with the version byte @p found can be read by a build that knows
/// 1 to @p newest. 0 is no version: ec::malformed.
inline outcome<void> check_version(const char* format, unsigned found, unsigned newest) {
  if (found == 0) return failure{ec::malformed, std::string{format} + " has no version"};
  if (found > newest) return newer_version(format, found, newest);
  return {};
}

}  // namespace faultline
