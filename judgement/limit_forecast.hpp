// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>

#include "messages/time.hpp"
#include "processing/channel_block.hpp"
#include "processing/window_ring.hpp"

namespace faultline {

/// When a metric that goes on as it does meets a limit, in seconds from the tick.
struct limit_forecast {
  double seconds = 0;
  double soonest = 0;            ///< with the slope two standard errors steeper,
  std::optional<double> latest;  ///< and so much flatter; nothing: it might never
  bool rises = false;
  double at = 0;        ///< the limit, in the metric's units
  bool is_set = false;  ///< by an operator: else it is what the metric can be, or ever was and more
};

/// Where a channel is going, in its own scale units: at @p now at the tick, @p slope a second from
/// there.
struct channel_course {
  double now = 0;
  double slope = 0;
  double error = 0;   ///< standard error of the slope
  double span_s = 0;  ///< of the ticks that tell it; 0: the means of hours do
  bool standing() const noexcept { return slope == 0; }
  /// Whether it goes at all, by twice its error.
  bool sure() const noexcept { return slope > 2 * error || -slope > 2 * error; }
};

/// Of @p channel (its lane of @p block) at the tick at @p at, which is not in @p ring yet. Along a
/// least-squares line through the newest 16, 32 or 64 ticks without a hole, the longest of these of
/// which a line explains nine tenths and whose newer half goes the same way; else, where it @p
/// drifts, along the difference of its means of 15 minutes and 2 hours, unless the newest ticks
/// clearly go elsewhere.
channel_course course_of(const channel_block& block, const window_ring& ring, std::size_t channel,
                         event_time at, double tick_seconds, bool drifts);

/// When a course is at @p raw, a value in the metric's
/// units, coming from below (@p rises) or above.
/// @returns nothing where it leads elsewhere or takes more than four hours, or more than ten times
/// as long as the ticks that tell it.
std::optional<limit_forecast> forecast_limit(const channel_course& course,
                                             const channel_block& block, std::size_t lane,
                                             double raw, bool rises);

}  // namespace faultline
