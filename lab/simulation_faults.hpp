// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "lab/simulation_model.hpp"
#include "lab/simulator.hpp"

namespace faultline {

/// A fault plan with everything decided. Times are seconds after the start of the recording.
struct sim_fault {
  fault_plan plan;
  std::size_t entity = 0;
  double delay_ms = 0;  ///< network_delay: at full strength
  struct burst {
    double from, to;
  };
  std::vector<burst> bursts;  ///< intermittent only
};

/// The faults of a run, in order of onset: those of @p o, or drawn from its seed.
/// @param usual_p95_ms of the gateway
/// @returns ec::invalid for a target that does not exist or that the type cannot break.
outcome<std::vector<sim_fault>> plan_faults(const simulation_options& o, const sim_graph& graph,
                                            double usual_p95_ms);

/// How far @p f has come at @p t: 0 before and after, severity when whole.
double strength(const sim_fault& f, double t) noexcept;

/// Adds the pressure of @p f at @p t.
void press(const sim_fault& f, double t, std::vector<sim_pressure>& pressure) noexcept;

/// Whether a fault of this type can be injected into the entity at all.
bool can_break(fault_type type, const sim_graph& graph, std::size_t entity);

/// The metric in which entity number @p entity itself shows a fault of @p type first.
const char* root_metric(fault_type type, const sim_graph& graph, std::size_t entity) noexcept;

}  // namespace faultline
