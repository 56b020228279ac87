// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace faultline {

/// Bytes a process without privileges may still write below @p path; 0 when that cannot be learned.
std::uint64_t free_bytes_at(const std::string& path);

/// Keeps the store away from a full disk, where RocksDB of Debian ends the process. Two marks:
/// below `min_free` nothing new is taken in; below half of it nothing is written at all. What has
/// been taken in can still be worked off between the two.
///
/// Threads: any. The answer of the disk is kept for 200 ms.
class free_space {
public:
  using probe = std::function<std::uint64_t()>;
  using clock = std::function<std::chrono::steady_clock::time_point()>;

  free_space(std::uint64_t min_free, probe read, clock now = std::chrono::steady_clock::now);

  bool intake_allowed() { return current() >= min_free_; }
  bool writes_allowed() { return current() >= min_free_ / 2; }
  std::uint64_t min_free() const noexcept { return min_free_; }
  /// The next question asks the disk.
  void forget() noexcept { read_at_ns_.store(INT64_MIN, std::memory_order_release); }
  /// Free bytes as last read, at most 200 ms ago.
  std::uint64_t current();

private:
  const std::uint64_t min_free_;
  const probe read_;
  const clock now_;
  std::atomic<std::uint64_t> free_{0};
  std::atomic<std::int64_t> read_at_ns_{INT64_MIN};
};

}  // namespace faultline
