// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "messages/time.hpp"

namespace faultline {

/// The machine's wall clock without its leaps. A clock record that stood far ahead would make every
/// event late until the wall clock is there again, and no record is ever taken back. So a step of
/// more than `most` is followed only when the wall clock has stayed there for `settled`; until then
/// time goes on from where it was, by the clock that runs since boot and that nobody sets.
///
/// Threads: at() from any, follow() from one, often (some times a second).
class held_clock {
public:
  static constexpr milliseconds most{10'000};
  static constexpr milliseconds settled{60'000};

  enum class step : std::uint8_t {
    none,
    held,      ///< the wall clock has leapt: it is not followed for now
    followed,  ///< it has stayed there: from now on it is
    back,      ///< it is back where time went on without it
  };

  /// What time it is when the wall clock says @p wall and the one since boot @p running. Before the
  /// first follow(): @p wall.
  arrival_time at(arrival_time wall, milliseconds running) const noexcept;
  /// Goes along with what is no leap, and decides about leaps.
  step follow(arrival_time wall, milliseconds running) noexcept;
  /// How far the wall clock is ahead of the time held; 0: it is followed.
  milliseconds held_off() const noexcept { return milliseconds{held_off_.load()}; }

private:
  std::atomic<std::int64_t> offset_{0};  ///< of the wall clock, as followed
  std::atomic<bool> begun_{false};
  std::atomic<std::int64_t> held_off_{0};
  std::int64_t leapt_to_ = 0;  ///< offset that is not followed yet
  milliseconds leapt_at_{};    ///< since when
};

}  // namespace faultline
