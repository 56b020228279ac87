// SPDX-License-Identifier: Apache-2.0
#include "server/placement.hpp"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <spdlog/spdlog.h>

namespace faultline {
namespace {

/// What a thread that answers asks for at a time: the least that Linux gives. Since 6.12 who asks
/// for less comes on sooner, with the same share of the processor; before, this is not looked at.
constexpr std::uint64_t soon_ns = 100'000;

}  // namespace

placed::placed(const char* name, const core_set& cores, thread_turn turn) {
  const auto self = ::pthread_self();
  ::pthread_getname_np(self, name_before_.data(), name_before_.size());
  ::pthread_setname_np(self, name);
  take_turns(name, turn);
  if (cores.empty()) return;
  cpu_set_t wanted;
  CPU_ZERO(&wanted);
  for (const auto core : cores) CPU_SET(core, &wanted);
  int why = ::pthread_getaffinity_np(self, sizeof cores_before_, &cores_before_);
  if (why == 0) why = ::pthread_setaffinity_np(self, sizeof wanted, &wanted);
  moved_ = why == 0;
  if (!moved_)
    spdlog::warn("threads run on any core name={} reason=\"{}\"", name, std::strerror(why));
}

placed::~placed() {
  const auto self = ::pthread_self();
  ::pthread_setname_np(self, name_before_.data());
  if (takes_turns_) ::syscall(SYS_sched_setattr, 0, &turns_before_, 0);
  if (moved_) ::pthread_setaffinity_np(self, sizeof cores_before_, &cores_before_);
}

void placed::take_turns(const char* name, thread_turn turn) {
  if (::syscall(SYS_sched_getattr, 0, &turns_before_, sizeof turns_before_, 0) == 0) {
    // Idle, or in real time: somebody has chosen it for the server as a whole.
    if (turns_before_.policy != SCHED_OTHER && turns_before_.policy != SCHED_BATCH) return;
    auto wanted = turns_before_;
    wanted.policy = turn == thread_turn::whole ? SCHED_BATCH : SCHED_OTHER;
    wanted.runtime_ns = turn == thread_turn::soon ? soon_ns : 0;
    takes_turns_ = ::syscall(SYS_sched_setattr, 0, &wanted, 0) == 0;
  }
  if (!takes_turns_)
    spdlog::info("threads take turns as all others do name={} reason=\"{}\"", name,
                 std::strerror(errno));
}

outcome<void> check_placement(const placement_options& options) {
  cpu_set_t mine;
  CPU_ZERO(&mine);
  if (::sched_getaffinity(::getpid(), sizeof mine, &mine) != 0)
    return failure{ec::io_failed, "placement: the cores of the process are not known"};
  for (const auto& [key, cores] :
       {std::pair{"actors", &options.actors}, std::pair{"inference", &options.inference},
        std::pair{"storage", &options.storage}, std::pair{"doors", &options.doors}})
    for (const auto core : *cores)
      if (!CPU_ISSET(core, &mine))
        return failure{ec::invalid, std::string{"placement."} + key +
                                        ": the process may not run on core " +
                                        std::to_string(core)};
  return {};
}

}  // namespace faultline
