// SPDX-License-Identifier: Apache-2.0
#include "config/zones.hpp"

#include <chrono>
#include <exception>

#include <date/tz.h>

namespace faultline {

std::vector<std::pair<std::int64_t, std::int32_t>> offsets_of(const std::string& zone) {
  using namespace date;  // NOLINT: its literals
  const auto first = sys_days{year{2020} / 1 / 1};
  const auto last = sys_days{year{2060} / 1 / 1};
  std::vector<std::pair<std::int64_t, std::int32_t>> all;
  try {  // throws for a name that it does not know, or where there is no database
    const time_zone* found = locate_zone(zone);
    for (sys_seconds at = first; at < last;) {
      const sys_info info = found->get_info(at);
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch());
      all.emplace_back(ms.count(), static_cast<std::int32_t>(info.offset.count()));
      if (info.end <= at) break;
      at = info.end;
    }
  } catch (const std::exception&) {
    return {};
  }
  if (!all.empty()) all.front().first = 0;  // nothing is older
  return all;
}

}  // namespace faultline
