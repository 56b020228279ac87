// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>

#include "processing/channel_block.hpp"
#include "processing/window_ring.hpp"

namespace faultline {

/// When a metric that goes on as it does meets a limit, in seconds from the tick.
struct limit_forecast {
  double seconds = 0;
  double soonest = 0;            ///< with the slope two standard errors steeper,
  std::optional<double> latest;  ///< and so much flatter; nothing: it might never
  bool rises = false;
};

/// When @p channel (its lane of @p block) is at @p raw, a value in the metric's units, if it goes
/// on as it does: along a least-squares line through the shortest of the newest 16, 32 and 64 ticks
/// of which a line explains nine tenths; else, where it @p drifts, along the difference of its
/// means of 15 minutes and 2 hours, unless the newest ticks clearly go elsewhere.
/// @returns nothing where it leads elsewhere, stands still, or takes more than four hours.
std::optional<limit_forecast> forecast_limit(const channel_block& block, const window_ring& ring,
                                             std::size_t channel, double tick_seconds, bool drifts,
                                             double raw);

}  // namespace faultline
