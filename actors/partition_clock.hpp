// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
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

/// The clock of a partition, now and as it was after each record since the checkpoint.
class partition_clock {
public:
  /// @p absence_ms: clocks further apart by arrival were not heard (0: no such thing).
  void begin(const clock_point& at, std::int64_t absence_ms) {
    points_.assign(1, at);
    since_.assign(1, 0);
    absence_ms_ = absence_ms;
  }
  void pass(const clock_record& clock, const record_address& where);
  void degrade(bool on, const record_address& where);

  std::int64_t absence_ms() const noexcept { return absence_ms_; }
  void set_absence(std::int64_t absence_ms) noexcept { absence_ms_ = absence_ms; }
  const clock_point& now() const noexcept { return points_.back(); }
  const clock_record& clock() const noexcept { return points_.back().clock; }
  /// As it was after the records up to the end of @p position.
  const clock_point& after(log_position position) const noexcept;
  /// Positions before @p position are not asked for any more.
  void forget_before(log_position position);

private:
  std::deque<clock_point> points_{1};
  std::deque<log_position> since_ =
      std::deque<log_position>(1);  ///< position from which points_[i] holds
  std::int64_t absence_ms_ = 0;
};

}  // namespace faultline
