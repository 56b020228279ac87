// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>

#include "messages/identity.hpp"
#include "messages/record.hpp"
#include "processing/clock_point.hpp"

namespace faultline {

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
