// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace faultline {

/// Bytes of memory this process may count on: the machine's, or the limit of its control group when
/// that is smaller. 0 when neither can be read. @p root is in front of /proc and /sys (tests).
std::uint64_t machine_memory_bytes(const std::string& root = "");

/// What this process holds in memory.
struct memory_use {
  std::uint64_t anonymous = 0;  ///< RssAnon: memory that belongs to it alone
  /// Of the allocator, where it can say: handed out and not given back; the same with the rest of
  /// the pages that it stands on; its own books. 0 where it cannot (sanitizers).
  std::uint64_t allocated = 0, active = 0, metadata = 0;
};
memory_use memory_use_now();

/// Lets this process open @p wanted files and connections, as far as the machine permits: a shell's
/// own bound (1,024) is less than the pages that may follow. Some below the machine's bound are
/// left to the store, which lifts ours for its files. @returns how many it may open now, those
/// included.
std::uint64_t allow_open_files(std::uint64_t wanted);

/// Since boot, suspensions included; nobody sets it.
std::chrono::milliseconds running_clock();

/// Processor time of this process so far, all threads.
double process_cpu_seconds();

}  // namespace faultline
