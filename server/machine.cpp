// SPDX-License-Identifier: Apache-2.0
#include "server/machine.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>

namespace faultline {

namespace {

/// The number after "MemTotal:", in kB there.
std::uint64_t total_memory(const std::string& root) {
  std::ifstream file{root + "/proc/meminfo"};
  std::string name;
  std::uint64_t kb = 0;
  std::string unit;
  while (file >> name >> kb >> unit)
    if (name == "MemTotal:") return kb * 1024;
  return 0;
}

}  // namespace

std::uint64_t machine_memory_bytes(const std::string& root) {
  const auto total = total_memory(root);
  std::ifstream group{root + "/sys/fs/cgroup/memory.max"};
  std::uint64_t limit = 0;
  if (!(group >> limit) || limit == 0) return total;  // "max": there is none
  return total == 0 ? limit : std::min(total, limit);
}

double process_cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds_of = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
}

}  // namespace faultline
