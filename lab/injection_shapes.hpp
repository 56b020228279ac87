// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "lab/metric_habits.hpp"
#include "lab/rng.hpp"
#include "lab/simulator.hpp"

namespace faultline {

/// One metric that takes part in a fault, and how much: 1 = as far as the fault goes, < 0 = down.
struct reacting_metric {
  std::size_t column = 0;
  double weight = 1;
};

/// The metrics of @p series that react together to a fault of @p type, strongest first; none
/// where nothing of it moves. Names tell roles; where they do not, a metric is drawn and those
/// that correlate with it go along.
std::vector<reacting_metric> reaction_of(const entity_series& series,
                                         const std::vector<metric_habit>& habits, fault_type type,
                                         event_time until, random_source& rng);

/// A metric drawn among those that move, and what correlates with it.
std::vector<reacting_metric> correlated_reaction(const entity_series& series,
                                                 const std::vector<metric_habit>& habits,
                                                 event_time until, random_source& rng);

/// How a fault comes over its time, in milliseconds since its onset.
struct injected_shape {
  fault_shape form = fault_shape::abrupt;
  std::int64_t ramp_ms = 0;
  std::int64_t end_ms = 0;
  struct burst {
    std::int64_t from, to;
  };
  std::vector<burst> bursts;  ///< intermittent

  /// 0 at and before the onset, 1 when whole, 0 after the end.
  double at(std::int64_t since_ms) const noexcept;
};

/// Draws form, ramp and what follows; @p longest_ms limits the whole.
injected_shape draw_injected_shape(random_source& rng, std::int64_t interval_ms,
                                   std::int64_t shortest_ramp_ms, std::int64_t longest_ramp_ms,
                                   std::int64_t longest_ms);

}  // namespace faultline
