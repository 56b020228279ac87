// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace faultline {

/// Bytes of memory this process may count on: the machine's, or the limit of its control group when
/// that is smaller. 0 when neither can be read. @p root is in front of /proc and /sys (tests).
std::uint64_t machine_memory_bytes(const std::string& root = "");

/// Processor time of this process so far, all threads.
double process_cpu_seconds();

}  // namespace faultline
