// SPDX-License-Identifier: Apache-2.0
#include "server/placement.hpp"

#include <cstring>
#include <string>
#include <utility>

#include <pthread.h>

#include <spdlog/spdlog.h>

namespace faultline {

placed::placed(const char* name, const core_set& cores) {
  const auto self = ::pthread_self();
  ::pthread_getname_np(self, name_before_.data(), name_before_.size());
  ::pthread_setname_np(self, name);
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
  if (moved_) ::pthread_setaffinity_np(self, sizeof cores_before_, &cores_before_);
}

outcome<void> check_placement(const placement_options& options) {
  cpu_set_t mine;
  CPU_ZERO(&mine);
  if (::sched_getaffinity(0, sizeof mine, &mine) != 0)
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
