// SPDX-License-Identifier: Apache-2.0
#include "actors/partition_clock.hpp"

namespace faultline {

void partition_clock::pass(const clock_record& clock, const record_address& where) {
  auto next = points_.back();
  next.before = next.clock.arrived;
  next.clock = not_before(next.clock, clock);
  next.clock_degraded = next.degraded;
  next.where = where;
  const bool first = unix_ms(next.before) == 0;
  if (absence_ms_ != 0 && !first && unix_ms(clock.arrived) - unix_ms(next.before) > absence_ms_) {
    next.hole = clock;
    next.hole_where = where;
    next.absent_ms += unix_ms(clock.arrived) - unix_ms(next.before);
  }
  points_.push_back(next);
  since_.push_back(where.position);
}

void partition_clock::degrade(bool on, const record_address& where) {
  auto next = points_.back();
  next.degraded = on;
  points_.push_back(next);
  since_.push_back(where.position);
}

const clock_point& partition_clock::after(log_position position) const noexcept {
  std::size_t at = points_.size() - 1;
  while (at != 0 && since_[at] > position) --at;
  return points_[at];
}

void partition_clock::forget_before(log_position position) {
  while (points_.size() > 1 && since_[1] <= position) {
    points_.pop_front();
    since_.pop_front();
  }
}

}  // namespace faultline
