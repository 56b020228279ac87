// SPDX-License-Identifier: Apache-2.0
#include "lab/simulation_model.hpp"

#include <algorithm>
#include <cmath>

#include "lab/rng.hpp"

namespace faultline {

namespace {

constexpr double full = 0.97;           // utilisation beyond which requests are turned away
constexpr double mean_over_p95 = 0.45;  // of a latency

double clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

// 0 at or below low, 1 at or above high, straight between.
double ramp(double x, double low, double high) { return clamp((x - low) / (high - low), 0, 1); }

// Waiting and work of a server with a few workers, in units of work.
double queueing(double utilisation) {
  const double r = clamp(utilisation, 0, full);
  return 1 + r * r * r / (1 - r);
}

}  // namespace

sim_model::sim_model(const sim_graph& graph, double interval_s)
    : graph_{&graph},
      interval_s_{interval_s},
      states_(graph.entities()),
      calls_(graph.edges.size()),
      attempts_(graph.nodes.size()),
      own_ms_(graph.nodes.size()),
      own_error_(graph.nodes.size()),
      host_capacity_(graph.hosts.size(), 1),
      host_slow_(graph.hosts.size(), 1),
      backlog_(graph.nodes.size()),
      first_edge_(graph.nodes.size() + 1) {
  for (const auto& e : graph.edges) ++first_edge_[e.from + 1];
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) first_edge_[n + 1] += first_edge_[n];
}

void sim_model::step(double load, const std::vector<sim_pressure>& pressure) {
  send_load(load, pressure);
  share_hosts(pressure);
  for (std::size_t n = 0; n < graph_->nodes.size(); ++n) settle(n, pressure[n]);
  for (std::size_t n = graph_->nodes.size(); n-- > 0;) answer(n, pressure);
  sum_hosts(pressure);
  settled_ = true;
}

// Load goes down the calls. Failed calls are tried again, cache misses go to the other callees.
void sim_model::send_load(double load, const std::vector<sim_pressure>& pressure) {
  std::fill(attempts_.begin(), attempts_.end(), 0.0);
  attempts_[0] = load;
  for (std::size_t n = 0; n < graph_->nodes.size(); ++n) {
    double missed = 0;
    for (std::size_t i = first_edge_[n]; i < first_edge_[n + 1]; ++i)
      if (graph_->edges[i].soft) missed = std::max(missed, calls_[i].errors);
    const double working = attempts_[n] * (1 - pressure[n].outage);
    for (std::size_t i = first_edge_[n]; i < first_edge_[n + 1]; ++i) {
      const auto& e = graph_->edges[i];
      const bool store = graph_->nodes[e.to].kind == node_kind::db;
      calls_[i].requests =
          working * e.calls * (1 + e.retry * calls_[i].errors) * (store ? 1 + 1.2 * missed : 1);
      attempts_[e.to] += calls_[i].requests;
    }
  }
}

// Who runs on a host shares its processors with the others and with what hogs them.
void sim_model::share_hosts(const std::vector<sim_pressure>& pressure) {
  const std::size_t nodes = graph_->nodes.size();
  std::vector<double> wanted(graph_->hosts.size(), 0.0);
  for (std::size_t n = 0; n < nodes; ++n) {
    const auto& node = graph_->nodes[n];
    const double used = clamp(attempts_[n] / node.capacity_rps + pressure[n].cpu_hog, 0, 1);
    wanted[node.host] += used * node.quota_cores / graph_->hosts[node.host].cores;
  }
  for (std::size_t h = 0; h < wanted.size(); ++h) {
    const auto& p = pressure[nodes + h];
    const double taken = clamp(graph_->hosts[h].os_cpu + p.cpu_hog + p.cpu_add, 0, 0.95);
    const double contention = ramp(wanted[h] + taken, 0.7, 1.05);
    host_capacity_[h] = std::min(1.0, (1 - taken) / std::max(wanted[h], 1e-9));
    host_slow_[h] = 1 + 3 * contention * contention;
  }
}

// What a node's own work costs in this step, and what it fails by itself.
void sim_model::settle(std::size_t n, const sim_pressure& p) {
  const auto& node = graph_->nodes[n];
  sim_state& s = states_[n];
  const double load = attempts_[n] / node.usual_rps;
  const double offered = attempts_[n] * (1 - p.outage);

  const double usual_memory = node.memory_base * (0.94 + 0.06 * load) * p.memory_factor;
  const double memory = clamp(usual_memory + p.leak * (1.02 - node.memory_base), 0, 1);
  const double pressed = ramp(memory, 0.76, 0.99);

  const double fill = clamp(node.fill_base + p.fill * (1.005 - node.fill_base), 0, 1);
  const double crowded = ramp(fill, 0.65, 0.95);
  const double disk = clamp(node.disk_base * load + p.disk_add + 0.8 * crowded * crowded, 0, 1);

  const double capacity = node.capacity_rps * host_capacity_[node.host] *
                          clamp(1 - p.cpu_hog, 0.05, 1) * clamp(1 - p.slow, 0.02, 1);
  const double used = offered / capacity + 0.3 * pressed * pressed + p.cpu_add;
  const double turned_away = used > full ? 1 - full / used : 0;

  own_ms_[n] = node.service_ms * host_slow_[node.host] * p.latency_factor *
               (1 + 7 * pressed * pressed) *
               ((1 - node.disk_share) * queueing(used) + node.disk_share * queueing(disk));
  const double failing = 0.3 * ramp(memory, 0.97, 1) + 0.6 * node.disk_share * ramp(fill, 0.97, 1);
  own_error_[n] = 1 - (1 - node.background_error) * (1 - clamp(p.own_error, 0, 1)) *
                          (1 - turned_away) * (1 - failing);

  s.requests = offered;
  s.memory = memory * node.memory_limit;
  s.disk = disk;
  s.fill = fill;
  s.cpu =
      clamp(offered / node.capacity_rps + p.cpu_hog + 0.3 * pressed * pressed + p.cpu_add, 0, 1);
  s.network =
      offered * node.bytes_per_request * (1 - 0.5 * turned_away) * (1 - p.loss) * p.network_factor;
  const double held = ramp(used, 0.85, full) * 0.3 + 0.04 * queueing(std::max(used, disk));
  const double surplus = used - full + 1.5 * p.outage * load;
  backlog_[n] = clamp(backlog_[n] + surplus * 0.02 * interval_s_ / 10, 0, 1);
  if (node.kind == node_kind::queue) s.in_flight = clamp(held + backlog_[n], 0, 1);
}

// Latency and errors of a node from its own part and from what it sees of its callees, which
// have answered before (they stand behind it).
void sim_model::answer(std::size_t n, const std::vector<sim_pressure>& pressure) {
  const auto& node = graph_->nodes[n];
  sim_state& s = states_[n];
  double latency = own_ms_[n];
  double good = 1 - own_error_[n];
  for (std::size_t i = first_edge_[n]; i < first_edge_[n + 1]; ++i) {
    feel(i, pressure);
    const auto& e = graph_->edges[i];
    const sim_call& c = calls_[i];
    latency += e.calls * c.p95_ms;
    const double lost = c.errors * (1 - e.retry * (1 - c.errors));
    good *= 1 - std::min(1.0, e.calls) * lost * (e.soft ? 0.1 : 1);
  }
  s.p95_ms = latency;
  if (node.kind != node_kind::queue) {
    const double held_ms = (latency + pressure[n].delay_ms) * mean_over_p95;
    const double wanted = s.requests * held_ms / 1000;
    const double pool = node.pool * (1 - clamp(pressure[n].pool_taken, 0, 0.98));
    good *= 1 - 0.5 * ramp(wanted / pool, 1, 3);
    s.p95_ms *= 1 + 4 * pressure[n].pool_taken * ramp(wanted / pool, 0.5, 2);
    s.in_flight = std::min(wanted, pool) + (node.pool - pool);
  } else {  // what is not yet confirmed stays in the queue
    const double unconfirmed = 0.5 * ramp(pressure[n].delay_ms / node.service_ms, 0, 40);
    s.in_flight = clamp(s.in_flight + unconfirmed, 0, 1);
  }
  s.errors = clamp(1 - good, 0, 1);
}

// The caller sees the callee through the network, up to its time-out, and with a lag.
void sim_model::feel(std::size_t i, const std::vector<sim_pressure>& pressure) {
  const auto& e = graph_->edges[i];
  const sim_pressure& to = pressure[e.to];
  const double delay = e.net_ms + to.delay_ms + pressure[e.from].delay_ms;
  const double silent = ramp(to.outage, 0, 0.15);
  double latency = states_[e.to].p95_ms + delay;
  const double unresolved = clamp(pressure[e.from].dns, 0, 1);
  latency += std::max(silent, 0.6 * unresolved) * std::max(0.0, e.timeout_ms - latency);
  const double late = 0.9 * ramp(latency / e.timeout_ms, 0.8, 3) * (1 - silent);
  latency = std::min(latency, e.timeout_ms);
  const double errors = 1 - (1 - states_[e.to].errors) * (1 - to.outage) * (1 - late) *
                                (1 - 0.1 * clamp(to.loss, 0, 1)) * (1 - 0.9 * unresolved);
  const double share = settled_ ? 1 - portable_exp(-interval_s_ / e.lag_s) : 1;
  calls_[i].p95_ms += share * (latency - calls_[i].p95_ms);
  calls_[i].errors += share * (errors - calls_[i].errors);
}

void sim_model::sum_hosts(const std::vector<sim_pressure>& pressure) {
  const std::size_t nodes = graph_->nodes.size();
  for (std::size_t h = 0; h < graph_->hosts.size(); ++h) {
    const auto& host = graph_->hosts[h];
    const auto& p = pressure[nodes + h];
    sim_state s;
    s.memory = host.os_memory;
    s.network = 2e4;
    s.fill = clamp(host.fill_base + p.fill * (1.005 - host.fill_base), 0, 1);
    s.cpu = host.os_cpu + p.cpu_hog + p.cpu_add;
    s.disk = host.disk_base + p.disk_add;
    states_[nodes + h] = s;
  }
  for (std::size_t n = 0; n < nodes; ++n) {
    const auto& node = graph_->nodes[n];
    sim_state& s = states_[nodes + node.host];
    s.memory += states_[n].memory;
    s.network += states_[n].network;
    s.disk += states_[n].disk * 0.6;
    s.cpu += states_[n].cpu * node.quota_cores / graph_->hosts[node.host].cores;
  }
  for (std::size_t h = 0; h < graph_->hosts.size(); ++h) {
    sim_state& s = states_[nodes + h];
    s.cpu = clamp(s.cpu, 0, 1);
    s.disk = clamp(s.disk, 0, 1);
    s.memory = std::min(s.memory, graph_->hosts[h].memory_bytes);
  }
}

void size_limits(sim_graph& graph) {
  constexpr double unlimited = 1e12;
  for (auto& n : graph.nodes) n.pool = unlimited;
  for (auto& e : graph.edges) e.timeout_ms = unlimited;
  sim_model model{graph, 60};
  const std::vector<sim_pressure> rest(graph.entities());
  for (int i = 0; i < 50; ++i) model.step(graph.usual_rps * 1.5, rest);
  for (std::size_t n = 0; n < graph.nodes.size(); ++n)
    graph.nodes[n].pool = std::max(2.0, 4 * model.states()[n].in_flight);
  for (std::size_t i = 0; i < graph.edges.size(); ++i)
    graph.edges[i].timeout_ms = std::max(250.0, 15 * model.calls()[i].p95_ms);
}

}  // namespace faultline
