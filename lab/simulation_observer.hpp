// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "lab/recording.hpp"
#include "lab/rng.hpp"
#include "lab/simulation_model.hpp"
#include "lab/simulation_quirks.hpp"
#include "lab/simulator.hpp"

namespace faultline {

/// Turns true states into the rows of a monitoring agent: autoregressive noise, heavy tails,
/// counts, steps of instruments, a garbage collector's saw, lost rows and values.
///
/// Metrics of a node: cpu.utilization (0..1), memory.used_bytes, disk.io_util (0..1),
/// network.bytes (per second), connections.in_use (queues: queue.saturation, 0..1),
/// requests.rate, errors.rate (both per second), latency.p95_ms; stores also disk.used_ratio;
/// some callers also out_p50.<callee> (ms) and out_errors.<callee> (per second).
/// Metrics of a host: cpu.utilization, memory.used_bytes, disk.io_util, disk.used_ratio,
/// network.bytes. What agents of edition 2 make of them: lab/simulation_quirks.hpp.
class sim_observer {
public:
  sim_observer(const simulation_options& o, const sim_graph& graph);

  /// Adds a row of every entity. @param silent entities whose agent says nothing, by number
  void observe(event_time at, const sim_model& model, const std::vector<bool>& silent);

  const entity_series& series(std::size_t entity) const { return series_[entity]; }
  std::vector<entity_series> take() { return std::move(series_); }

private:
  /// An AR(1) noise of standard deviation sigma with now and then a long tail.
  struct noise {
    double keep = 0.7;
    double sigma = 0.05;
    double tail_chance = 0;
    double value = 0;
    double factor(random_source& rng);
  };
  struct agent {
    random_source rng{0};
    noise cpu, memory, disk, network, in_flight, latency;
    double saw_s = 0;  ///< period of the collector; 0: none
    double saw_size = 0;
    double saw_phase = 0;
    std::vector<std::size_t> calls;  ///< edges it measures
    std::vector<noise> call_noise;
  };

  agent make_agent(const simulation_options& o, std::size_t entity) const;
  void name_columns(std::size_t entity);
  void write_node(std::size_t node, const sim_model& model, std::vector<double>& row);
  void write_host(std::size_t host, const sim_model& model, std::vector<double>& row);
  double memory_of(agent& a, double true_bytes, event_time at) const;

  const sim_graph* graph_;
  double interval_s_;
  double missing_share_;
  event_time now_{};
  std::vector<agent> agents_;
  std::vector<sim_quirks> quirks_;
  std::vector<bool> was_silent_;
  std::vector<entity_series> series_;
};

}  // namespace faultline
