// SPDX-License-Identifier: Apache-2.0
#include "lab/simulation_observer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace faultline {

namespace {

constexpr double p50_over_p95 = 0.4;

// To a multiple of @p step, as an instrument shows it.
double stepped(double value, double step) {
  return six_digits(std::floor(value / step + 0.5) * step);
}

double share(double value) { return std::clamp(value, 0.0, 1.0); }

std::string short_name(const std::string& id) { return id.substr(id.find('/') + 1); }

bool has_disk(node_kind kind) { return kind == node_kind::db || kind == node_kind::queue; }

// Events counted over the interval, per second.
double counted(random_source& rng, double per_second, double interval_s) {
  return six_digits(rng.poisson(per_second * interval_s) / interval_s);
}

}  // namespace

double sim_observer::noise::factor(random_source& rng) {
  value = keep * value + sigma * std::sqrt(1 - keep * keep) * rng.normal();
  double x = value;
  if (tail_chance > 0 && rng.chance(tail_chance)) x += rng.exponential(3 * sigma);
  return portable_exp(x);
}

sim_observer::sim_observer(const simulation_options& o, const sim_graph& graph)
    : graph_{&graph},
      interval_s_{static_cast<double>(o.interval.count())},
      missing_share_{o.missing_share},
      was_silent_(graph.entities()),
      series_(graph.entities()) {
  const auto rows = static_cast<std::size_t>(o.duration / o.interval);
  for (std::size_t e = 0; e < graph.entities(); ++e) {
    agents_.push_back(make_agent(o, e));
    series_[e].id = graph.id(e);
    name_columns(e);
    quirks_.emplace_back(o, e, series_[e].metrics);
    series_[e].metrics = quirks_[e].names();
    series_[e].ts.reserve(rows);
    series_[e].values.reserve(rows * series_[e].metrics.size());
  }
}

sim_observer::agent sim_observer::make_agent(const simulation_options& o,
                                             std::size_t entity) const {
  agent a;
  a.rng = random_source{o.seed, "agent", entity};
  auto& r = a.rng;
  auto keep = [&](double tau_s) { return portable_exp(-interval_s_ / tau_s); };
  a.cpu = {keep(r.uniform(10, 60)), r.uniform(0.03, 0.08), 0.01};
  a.memory = {keep(r.uniform(300, 1200)), r.uniform(0.003, 0.008), 0};
  a.disk = {keep(r.uniform(10, 40)), r.uniform(0.08, 0.18), 0.02};
  a.network = {keep(r.uniform(10, 40)), r.uniform(0.03, 0.07), 0.01};
  a.in_flight = {keep(r.uniform(5, 20)), r.uniform(0.05, 0.1), 0.01};
  a.latency = {keep(r.uniform(5, 30)), r.uniform(0.03, 0.07), 0.02};
  if (r.chance(0.5)) {
    a.saw_s = r.uniform(20, 60) * 60;
    a.saw_size = r.uniform(0.015, 0.04);
    a.saw_phase = r.uniform();
  }
  const bool measures = r.chance(o.edge_metric_share);
  if (entity >= graph_->nodes.size() || !measures) return a;
  for (std::size_t i = 0; i < graph_->edges.size(); ++i) {
    if (graph_->edges[i].from != entity) continue;
    a.calls.push_back(i);
    a.call_noise.push_back({keep(r.uniform(5, 20)), r.uniform(0.03, 0.06), 0.01});
  }
  return a;
}

void sim_observer::name_columns(std::size_t entity) {
  auto& names = series_[entity].metrics;
  if (entity >= graph_->nodes.size()) {
    names = {"cpu.utilization", "memory.used_bytes", "disk.io_util", "disk.used_ratio",
             "network.bytes"};
    return;
  }
  const node_kind kind = graph_->nodes[entity].kind;
  names = {"cpu.utilization",
           "memory.used_bytes",
           "disk.io_util",
           "network.bytes",
           kind == node_kind::queue ? "queue.saturation" : "connections.in_use",
           "requests.rate",
           "errors.rate",
           "latency.p95_ms"};
  if (has_disk(kind)) names.push_back("disk.used_ratio");
  for (const std::size_t i : agents_[entity].calls) {
    const std::string callee = short_name(graph_->nodes[graph_->edges[i].to].id);
    names.push_back("out_p50." + callee);
    names.push_back("out_errors." + callee);
  }
}

void sim_observer::observe(event_time at, const sim_model& model, const std::vector<bool>& silent) {
  now_ = at;
  std::vector<double> row;
  for (std::size_t e = 0; e < agents_.size(); ++e) {
    row.clear();
    if (e < graph_->nodes.size())
      write_node(e, model, row);
    else
      write_host(e - graph_->nodes.size(), model, row);
    auto& rng = agents_[e].rng;
    if (silent[e] && !was_silent_[e]) quirks_[e].restart();
    was_silent_[e] = silent[e];
    if (rng.chance(missing_share_))
      row[rng.below(row.size())] = std::numeric_limits<double>::quiet_NaN();
    quirks_[e].show(row);
    const event_time stamp = quirks_[e].stamp(at);
    const bool down = quirks_[e].down(at);
    if (rng.chance(missing_share_) || silent[e] || down) continue;
    series_[e].ts.push_back(stamp);
    series_[e].values.insert(series_[e].values.end(), row.begin(), row.end());
  }
}

// A collector lets memory grow and takes it back: a saw on top of the truth.
double sim_observer::memory_of(agent& a, double true_bytes, event_time at) const {
  double saw = 0;
  if (a.saw_s > 0) {
    const double turns = static_cast<double>(unix_ms(at)) / 1000 / a.saw_s + a.saw_phase;
    saw = a.saw_size * (turns - std::floor(turns) - 0.5);
  }
  return true_bytes * a.memory.factor(a.rng) * (1 + saw);
}

void sim_observer::write_node(std::size_t node, const sim_model& model, std::vector<double>& row) {
  const auto& n = graph_->nodes[node];
  const sim_state& s = model.states()[node];
  agent& a = agents_[node];
  const double memory = std::min(memory_of(a, s.memory, now_), n.memory_limit);
  row.push_back(stepped(share(s.cpu * a.cpu.factor(a.rng)), 0.001));
  row.push_back(stepped(memory, 4096));
  row.push_back(stepped(share(s.disk * a.disk.factor(a.rng)), 0.001));
  row.push_back(stepped(s.network * a.network.factor(a.rng), 1));
  const double in_flight = s.in_flight * a.in_flight.factor(a.rng);
  row.push_back(n.kind == node_kind::queue ? stepped(share(in_flight), 0.001)
                                           : stepped(std::min(in_flight, n.pool), 0.01));
  row.push_back(counted(a.rng, s.requests, interval_s_));
  row.push_back(counted(a.rng, s.requests * s.errors, interval_s_));
  row.push_back(stepped(s.p95_ms * a.latency.factor(a.rng), 0.01));
  if (has_disk(n.kind)) row.push_back(stepped(s.fill + 0.0002 * a.rng.normal(), 0.0001));
  for (std::size_t k = 0; k < a.calls.size(); ++k) {
    const sim_call& c = model.calls()[a.calls[k]];
    row.push_back(stepped(c.p95_ms * p50_over_p95 * a.call_noise[k].factor(a.rng), 0.01));
    row.push_back(counted(a.rng, c.requests * c.errors, interval_s_));
  }
}

void sim_observer::write_host(std::size_t host, const sim_model& model, std::vector<double>& row) {
  const sim_state& s = model.states()[graph_->nodes.size() + host];
  agent& a = agents_[graph_->nodes.size() + host];
  const double memory = memory_of(a, s.memory, now_);
  row.push_back(stepped(share(s.cpu * a.cpu.factor(a.rng)), 0.001));
  row.push_back(stepped(std::min(memory, graph_->hosts[host].memory_bytes), 4096));
  row.push_back(stepped(share(s.disk * a.disk.factor(a.rng)), 0.001));
  row.push_back(stepped(s.fill + 0.0002 * a.rng.normal(), 0.0001));
  row.push_back(stepped(s.network * a.network.factor(a.rng), 1));
}

}  // namespace faultline
