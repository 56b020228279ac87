// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "lab/simulation_graph.hpp"

namespace faultline {

/// What presses on one entity at one moment; at rest by default. Faults and benign events add up
/// here, and nowhere else do they touch the system.
struct sim_pressure {
  double cpu_hog = 0;     ///< share of the processor that is taken away, 0 .. 0.95
  double leak = 0;        ///< 0: usual memory .. 1: at the limit
  double fill = 0;        ///< 0: usual fill of the disk .. 1: full
  double delay_ms = 0;    ///< on every packet to and from it
  double loss = 0;        ///< share of its traffic that has to be sent again
  double own_error = 0;   ///< share of requests it fails by itself
  double slow = 0;        ///< share of its capacity that is gone
  double outage = 0;      ///< share of requests it never answers
  double pool_taken = 0;  ///< share of its pool that is held by nobody's request
  double dns = 0;         ///< share of its own calls whose name is not resolved
  double cpu_add = 0;     ///< utilisation on top
  double disk_add = 0;
  double network_factor = 1;
  double memory_factor = 1;
  double latency_factor = 1;
};

/// The true state of one entity, before an observer's noise.
struct sim_state {
  double requests = 0;  ///< answered per second
  double errors = 0;    ///< share of them that fail
  double p95_ms = 0;
  double cpu = 0;        ///< 0 .. 1
  double memory = 0;     ///< bytes
  double disk = 0;       ///< utilisation 0 .. 1
  double fill = 0;       ///< 0 .. 1
  double network = 0;    ///< bytes per second
  double in_flight = 0;  ///< requests; queue: share of its room
};

/// What the caller of one edge sees.
struct sim_call {
  double requests = 0;  ///< per second
  double p95_ms = 0;
  double errors = 0;  ///< share, before retries
};

/// The system in time: step() moves it by one interval. No randomness.
class sim_model {
public:
  sim_model(const sim_graph& graph, double interval_s);

  /// @param load requests per second at the gateway
  /// @param pressure one per entity, nodes then hosts
  void step(double load, const std::vector<sim_pressure>& pressure);

  const std::vector<sim_state>& states() const noexcept { return states_; }
  const std::vector<sim_call>& calls() const noexcept { return calls_; }

private:
  void send_load(double load, const std::vector<sim_pressure>& pressure);
  void share_hosts(const std::vector<sim_pressure>& pressure);
  void settle(std::size_t node, const sim_pressure& p);
  void answer(std::size_t node, const std::vector<sim_pressure>& pressure);
  void feel(std::size_t edge, const std::vector<sim_pressure>& pressure);
  void sum_hosts(const std::vector<sim_pressure>& pressure);

  const sim_graph* graph_;
  double interval_s_;
  std::vector<sim_state> states_;  // nodes, then hosts
  std::vector<sim_call> calls_;    // like graph_->edges
  std::vector<double> attempts_;   // requests per second that arrive at a node
  std::vector<double> own_ms_;     // its own part of the latency
  std::vector<double> own_error_;
  std::vector<double> host_capacity_;  // share of the wanted processor time a host can give
  std::vector<double> host_slow_;      // latency factor of contention
  std::vector<double> backlog_;        // queues: share of the room
  std::vector<std::size_t> first_edge_;
  bool settled_ = false;  // the first step has no past to lag behind
};

/// Gives pools and time-outs their usual size: four times what the peak of the day needs, and
/// fifteen times the usual latency (0.25 s at least).
void size_limits(sim_graph& graph);

}  // namespace faultline
