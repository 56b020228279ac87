// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/free_space.hpp"

#include <sys/statvfs.h>

#include <utility>

namespace faultline {

std::uint64_t free_bytes_at(const std::string& path) {
  struct statvfs disk {};
  if (::statvfs(path.c_str(), &disk) != 0) return 0;
  if (disk.f_files != 0 && disk.f_favail == 0) return 0;  // no inode left: no new file either
  return static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
}

free_space::free_space(std::uint64_t min_free, probe read, clock now)
    : min_free_{min_free}, read_{std::move(read)}, now_{std::move(now)} {}

std::uint64_t free_space::current() {
  using namespace std::chrono;
  constexpr std::int64_t keep_ns = 200'000'000;
  const std::int64_t now = duration_cast<nanoseconds>(now_().time_since_epoch()).count();
  const std::int64_t last = read_at_ns_.load(std::memory_order_acquire);
  if (last == INT64_MIN || now - last >= keep_ns) {
    free_.store(read_(), std::memory_order_relaxed);
    read_at_ns_.store(now, std::memory_order_release);
  }
  return free_.load(std::memory_order_relaxed);
}

}  // namespace faultline
