// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "messages/record.hpp"
#include "processing/options.hpp"

namespace faultline {

/// @p next, but that the time of events never goes back: a process that comes back may not know of
/// the newest events, and who has heard of its clock and who has not would see other rows late.
inline clock_record not_before(const clock_record& known, clock_record next) noexcept {
  next.event = std::max(next.event, known.event);
  return next;
}

/// Where the time of a partition stands: its newest CLOCK record, and since when somebody has
/// listened without a break. With live data a clock record comes every tick while somebody listens;
/// a hole in them is our own absence, which is no silence of anybody. A function of the clock
/// records alone, so that replay says the same.
struct partition_time : clock_record {
  arrival_time heard_since{};  ///< 0: always, or time is the events' own (accept_past)
  bool degraded = false;       ///< were ticks scored without the model when it passed

  /// Takes the next clock record of the partition's log.
  void follow(const clock_record& next, bool is_degraded,
              const processing_options& options) noexcept {
    const bool known = arrived != arrival_time{};
    if (!options.accept_past && known && next.arrived - arrived > longest_pause(options))
      heard_since = next.arrived;
    static_cast<clock_record&>(*this) = not_before(*this, next);
    degraded = is_degraded;
  }

  /// The longest time between two clock records of which it is said that somebody listened.
  static milliseconds longest_pause(const processing_options& options) noexcept {
    constexpr milliseconds least{3'000};
    return std::max<milliseconds>(3 * options.tick, least);
  }
};

}  // namespace faultline
