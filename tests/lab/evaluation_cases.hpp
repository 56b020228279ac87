// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <stdexcept>
#include <utility>

#include "lab/evaluation.hpp"
#include "lab/simulator.hpp"

namespace faultline::test {

/// Two hours of a small system; the processor of one service is eaten from 80 to 100 minutes on.
/// It trains on all that lies before @p train_share of it.
inline simulated_system broken_system(double train_share) {
  simulation_options o;
  o.seed = 7;
  o.services = 5;
  o.duration = seconds{2 * 3600};
  o.look_alikes = false;
  fault_plan fault;
  fault.type = fault_type::dependency_outage;
  fault.shape = fault_shape::linear;
  fault.onset = seconds{80 * 60};
  fault.ramp = seconds{600};
  fault.duration = seconds{1200};
  o.faults.push_back(fault);
  o.train_share = 0.6;
  o.name = "test/broken";
  auto made = simulate(o);
  if (!made) throw std::runtime_error{made.error().what};
  made->observed.train_until =
      o.start + std::chrono::duration_cast<milliseconds>(o.duration * train_share);
  return std::move(*made);
}

inline evaluation_input input_of(const telemetry& t) { return {t, {}}; }

inline incident told_incident(const std::string& id, std::int64_t started_ms,
                              std::int64_t updated_ms,
                              std::vector<std::pair<std::string, double>> causes,
                              double unobserved) {
  incident i;
  i.id = id;
  i.started = event_time_of(started_ms);
  i.updated = event_time_of(updated_ms);
  i.abstained = false;
  i.unobserved = unobserved;
  for (auto& [entity, probability] : causes) {
    ranked_cause c;
    c.entity = entity;
    c.metric = "cpu";
    c.probability = probability;
    i.causes.push_back(std::move(c));
  }
  return i;
}

}  // namespace faultline::test
