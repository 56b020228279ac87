// SPDX-License-Identifier: Apache-2.0
#include "server/machine.hpp"

#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <fstream>

// Of jemalloc, where it is linked in.
extern "C" __attribute__((weak)) int mallctl(const char* name, void* old_value, size_t* old_size,
                                             void* new_value, size_t new_size);

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

memory_use memory_use_now() {
  memory_use use;
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);)
    if (line.rfind("RssAnon:", 0) == 0) use.anonymous = std::stoull(line.substr(8)) * 1024;
  if (mallctl == nullptr) return use;
  std::uint64_t epoch = 1;  // its figures are as of the last new epoch
  std::size_t size = sizeof epoch;
  mallctl("epoch", &epoch, &size, &epoch, size);
  const auto read = [](const char* name, std::uint64_t& into) {
    std::size_t value = 0, bytes = sizeof value;
    if (mallctl(name, &value, &bytes, nullptr, 0) == 0) into = value;
  };
  read("stats.allocated", use.allocated);
  read("stats.active", use.active);
  read("stats.metadata", use.metadata);
  return use;
}

std::chrono::milliseconds running_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::milliseconds{std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000};
}

std::uint64_t allow_open_files(std::uint64_t wanted) {
  constexpr rlim_t most_spare = 256;
  rlimit bound{};
  if (::getrlimit(RLIMIT_NOFILE, &bound) != 0) return wanted;
  const auto allowed = std::max(bound.rlim_cur, std::min<rlim_t>(wanted, bound.rlim_max));
  const auto spare = std::min(most_spare, bound.rlim_max / 16);
  bound.rlim_cur = std::min(allowed, bound.rlim_max - spare);
  if (::setrlimit(RLIMIT_NOFILE, &bound) == 0) return allowed;
  ::getrlimit(RLIMIT_NOFILE, &bound);
  return bound.rlim_cur;
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
