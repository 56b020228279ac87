// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "messages/identity.hpp"
#include "messages/outcome.hpp"
#include "messages/record.hpp"
#include "processing/partition_time.hpp"

namespace faultline {

/// What a partition knows of time after one of its records.
struct clock_point {
  record_address where;   ///< of the newest clock record
  clock_record clock;     ///< it
  arrival_time before{};  ///< arrival of the clock record before it
  record_address hole_where;
  clock_record hole;           ///< the newest clock that ended a time in which nobody listened
  std::int64_t absent_ms = 0;  ///< such times together
  bool degraded = false;
  bool clock_degraded = false;  ///< as of the clock record

  /// What goes to entities with their records.
  partition_time time() const noexcept {
    partition_time t;
    static_cast<clock_record&>(t) = clock;
    t.heard_since = hole.arrived;
    t.degraded = clock_degraded;
    return t;
  }
  /// Arrival time without the times in which nobody listened: in it a silence is as long as it was
  /// heard.
  arrival_time listened() const noexcept { return clock.arrived - milliseconds{absent_ms}; }
};

std::string encode_clock_point(const clock_point& p);
/// Empty bytes are a partition that knows nothing yet. ec::malformed, ec::unknown_version.
outcome<clock_point> decode_clock_point(std::string_view bytes);

}  // namespace faultline
