// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lab/recording.hpp"
#include "lab/simulator.hpp"

namespace faultline {

/// What is added to a real recording.
struct injection_options {
  std::uint64_t seed = 1;
  std::vector<fault_type> types;          ///< drawn from these; empty: all
  std::optional<event_time> train_until;  ///< instead of the recording's own
  double quiet_hours = 24;                ///< mean time between two faults of one entity, hours
  seconds shortest_ramp{600};             ///< of a progressive fault
  seconds longest_ramp{48 * 3600};
  double look_alikes = 5;        ///< benign look-alikes per fault
  bool repeated_backups = true;  ///< some entities get one every night, training included
};

/// @returns the first rule @p o breaks, or nothing.
std::optional<failure> validate(const injection_options& o);

struct injected_recording {
  telemetry observed;
  labels truth;
};

/// Adds fault shapes to the real rows of @p t after train_until and away from its labelled faults,
/// which become ignored time. The same input and seed give the same bytes.
///
/// A fault moves one metric and those that react with it: by role where the names tell one
/// (recipes as a memory leak's), else by their correlation before train_until. How far, in units of
/// each metric's own robust noise before train_until (lab/metric_habits.hpp), is drawn: one in
/// seven too little to be seen, else 3.5 to 25. `visible_from`: first row on which some metric is
/// three units off, of three at least; `full_effect`: the end of the ramp; `impact`, for want of a
/// service level: eight units or more. Values keep to
/// what a metric can be (shares, nothing negative).
///
/// Look-alikes (restart, load peak, backup, failover drill) stay within the 0.1 % and 99.9 %
/// quantiles of each metric's training part. Faults of different entities of one recording may
/// coincide: split a recording whose entities have nothing to do with each other (split_entities).
/// @returns ec::invalid for options that make no sense.
outcome<injected_recording> inject_faults(telemetry t, const labels& l, const injection_options& o);

/// One recording for each entity with rows of @p t; labels go to the entities they name.
std::vector<injected_recording> split_entities(const telemetry& t, const labels& l);

}  // namespace faultline
