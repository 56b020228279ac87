// SPDX-License-Identifier: Apache-2.0
#include "lab/simulation_traffic.hpp"

#include <algorithm>
#include <cmath>

namespace faultline {

namespace {

constexpr double day_s = 86400;
constexpr double deploy_memory_s = 200;  // time constant of a new process's memory
constexpr double deploy_settled_s = 900;

bool overlaps(double from, double to, const sim_fault& f, double margin) {
  const auto onset = static_cast<double>(f.plan.onset.count());
  const auto end = onset + static_cast<double>(f.plan.duration.count());
  return from < end + margin && to > onset - margin;
}

double start_of(const simulation_options& o) {
  return static_cast<double>(unix_ms(o.start)) / 1000;
}

void add_deploys(const simulation_options& o, const sim_graph& graph,
                 const std::vector<sim_fault>& faults, std::vector<sim_benign>& out) {
  random_source rng{o.seed, "deploys"};
  const auto total = static_cast<double>(o.duration.count());
  for (double at = rng.exponential(6 * 3600); at < total; at += rng.exponential(6 * 3600)) {
    std::size_t node = 0;
    do node = rng.below(graph.nodes.size());
    while (graph.nodes[node].kind != node_kind::service);
    const double to = at + deploy_settled_s;
    const bool hit = std::any_of(faults.begin(), faults.end(), [&](const sim_fault& f) {
      return f.entity == node && overlaps(at, to, f, 600);
    });
    if (!hit && to < total) out.push_back({sim_benign::kind::deploy, node, at, to, 1});
  }
}

void add_peaks(const simulation_options& o, const std::vector<sim_fault>& faults,
               std::vector<sim_benign>& out) {
  random_source rng{o.seed, "peaks"};
  const auto total = static_cast<double>(o.duration.count());
  for (double at = rng.exponential(30 * 3600); at < total; at += rng.exponential(30 * 3600)) {
    const double to = at + rng.uniform(20, 50) * 60;
    const double size = rng.uniform(1.3, 1.55);
    const bool hit = std::any_of(faults.begin(), faults.end(),
                                 [&](const sim_fault& f) { return overlaps(at, to, f, 900); });
    if (!hit && to < total) out.push_back({sim_benign::kind::load_peak, 0, at, to, size});
  }
}

// Every night between 01:30 and 03:30, each database at its own time, give or take a minute.
void add_backups(const simulation_options& o, const sim_graph& graph,
                 const std::vector<sim_fault>& faults, std::vector<sim_benign>& out) {
  const auto total = static_cast<double>(o.duration.count());
  const double first_midnight = std::floor(start_of(o) / day_s) * day_s - start_of(o);
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    if (graph.nodes[n].kind != node_kind::db) continue;
    random_source rng{o.seed, "backups", n};
    const double minute = rng.uniform(90, 210);
    const double minutes = rng.uniform(20, 40);
    for (double midnight = first_midnight; midnight < total; midnight += day_s) {
      const double from = midnight + (minute + rng.uniform(-1, 1)) * 60;
      const double to = from + minutes * rng.uniform(0.95, 1.05) * 60;
      const bool hit = std::any_of(faults.begin(), faults.end(), [&](const sim_fault& f) {
        return f.entity == n && overlaps(from, to, f, 300);
      });
      if (!hit && from >= 0 && to < total)
        out.push_back({sim_benign::kind::backup, n, from, to, 1});
    }
  }
}

bool hits(const sim_benign& b, const std::vector<sim_fault>& faults, double margin) {
  return std::any_of(faults.begin(), faults.end(), [&](const sim_fault& f) {
    return f.entity == b.entity && overlaps(b.from, b.to, f, margin);
  });
}

// One node in four and one host in two work something off at the same hour every day.
void add_batch_jobs(const simulation_options& o, const sim_graph& graph,
                    const std::vector<sim_fault>& faults, std::vector<sim_benign>& out) {
  const auto total = static_cast<double>(o.duration.count());
  const double first_midnight = std::floor(start_of(o) / day_s) * day_s - start_of(o);
  for (std::size_t e = 0; e < graph.entities(); ++e) {
    random_source rng{o.seed, "batch jobs", e};
    const bool host = e >= graph.nodes.size();
    if (!rng.chance(host ? 0.5 : 0.25)) continue;
    const double hour = rng.uniform(0, 24), minutes = rng.uniform(10, 45),
                 size = rng.uniform(0.4, 1);
    for (double midnight = first_midnight; midnight < total; midnight += day_s) {
      const double from = midnight + hour * 3600 + rng.uniform(-60, 60);
      const sim_benign job{sim_benign::kind::batch_job, e, from, from + minutes * 60, size};
      if (!hits(job, faults, 300) && from >= 0 && job.to < total) out.push_back(job);
    }
  }
}

// A store changes over to its second: half a minute of slow answers, then a busy network.
void add_drill(const simulation_options& o, const sim_graph& graph,
               const std::vector<sim_fault>& faults, random_source& rng,
               std::vector<sim_benign>& out) {
  std::vector<std::size_t> stores;
  for (std::size_t n = 0; n < graph.nodes.size(); ++n)
    if (graph.nodes[n].kind == node_kind::db || graph.nodes[n].kind == node_kind::queue)
      stores.push_back(n);
  if (stores.empty()) return;
  const double from = rng.uniform() * static_cast<double>(o.duration.count());
  const sim_benign drill{sim_benign::kind::failover_drill, stores[rng.below(stores.size())], from,
                         from + rng.uniform(120, 420), 1};
  if (!hits(drill, faults, 900) && drill.to < static_cast<double>(o.duration.count()))
    out.push_back(drill);
}

void add_one_deploy(const simulation_options& o, const sim_graph& graph,
                    const std::vector<sim_fault>& faults, random_source& rng,
                    std::vector<sim_benign>& out) {
  std::size_t node = 0;
  do node = rng.below(graph.nodes.size());
  while (graph.nodes[node].kind != node_kind::service);
  const double from = rng.uniform() * static_cast<double>(o.duration.count());
  const sim_benign deploy{sim_benign::kind::deploy, node, from, from + deploy_settled_s, 1};
  if (!hits(deploy, faults, 600) && deploy.to < static_cast<double>(o.duration.count()))
    out.push_back(deploy);
}

// One drill a day; then as many deploys as it takes.
void add_rich_look_alikes(const simulation_options& o, const sim_graph& graph,
                          const std::vector<sim_fault>& faults, std::vector<sim_benign>& out) {
  add_batch_jobs(o, graph, faults, out);
  random_source rng{o.seed, "more look-alikes"};
  const auto days = static_cast<int>(static_cast<double>(o.duration.count()) / day_s + 1);
  for (int i = 0; i < days; ++i) add_drill(o, graph, faults, rng, out);
  for (std::size_t tries = 0; out.size() < 5 * faults.size() && tries < 50 * faults.size(); ++tries)
    add_one_deploy(o, graph, faults, rng, out);
}

}  // namespace

const char* to_string(sim_benign::kind kind) noexcept {
  switch (kind) {
    case sim_benign::kind::deploy:
      return "deploy";
    case sim_benign::kind::backup:
      return "backup";
    case sim_benign::kind::load_peak:
      return "load_peak";
    case sim_benign::kind::batch_job:
      return "batch_job";
    case sim_benign::kind::failover_drill:
      return "failover_drill";
  }
  return "unknown";
}

std::vector<sim_benign> plan_benign(const simulation_options& o, const sim_graph& graph,
                                    const std::vector<sim_fault>& faults) {
  std::vector<sim_benign> out;
  if (!o.look_alikes) return out;
  add_deploys(o, graph, faults, out);
  add_peaks(o, faults, out);
  add_backups(o, graph, faults, out);
  if (o.edition > 1) add_rich_look_alikes(o, graph, faults, out);
  std::stable_sort(out.begin(), out.end(),
                   [](const sim_benign& a, const sim_benign& b) { return a.from < b.from; });
  return out;
}

void press(const sim_benign& b, double t, std::vector<sim_pressure>& pressure) noexcept {
  if (t < b.from || t > b.to) return;
  sim_pressure& p = pressure[b.entity];
  const double since = t - b.from;
  switch (b.what) {
    case sim_benign::kind::deploy:
      p.memory_factor *= 1 - 0.3 * portable_exp(-since / deploy_memory_s);
      p.cpu_add += 0.12 * portable_exp(-since / 90);
      p.latency_factor *= 1 + 0.3 * portable_exp(-since / 60);
      break;
    case sim_benign::kind::backup:
      p.disk_add += 0.3;
      p.cpu_add += 0.06;
      p.network_factor *= 2.2;
      break;
    case sim_benign::kind::load_peak:
      break;  // acts through the traffic
    case sim_benign::kind::batch_job:
      p.cpu_add += 0.15 * b.size;
      p.disk_add += 0.12 * b.size;
      break;
    case sim_benign::kind::failover_drill:
      p.latency_factor *= 1 + 1.5 * portable_exp(-since / 30);
      p.network_factor *= 1.8;
      p.memory_factor *= 0.85;
      break;
  }
}

sim_traffic::sim_traffic(const simulation_options& o, double usual_rps)
    : rng_{o.seed, "traffic"},
      usual_rps_{usual_rps},
      start_s_{start_of(o)},
      interval_s_{static_cast<double>(o.interval.count())},
      phase_h_{rng_.uniform(-1, 1)} {
  if (o.edition == 1) return;
  random_source rng{o.seed, "traffic of edition 2"};
  phase_h_ = rng.uniform(-6, 6);
  day_size_ = rng.uniform(0.1, 0.45);
  weekend_ = rng.uniform(0.55, 1.1);
  slow_size_ = rng.uniform(0.03, 0.07);
  hours_size_ = rng.uniform(0.02, 0.06);
}

double sim_traffic::next(double t, const std::vector<sim_benign>& benign) {
  const double hour = (start_s_ + t) / 3600 + phase_h_;
  const auto weekday = static_cast<long>(std::floor((start_s_ + t) / day_s) + 3) % 7;  // 0 Monday
  double load = 1 + day_size_ * portable_sin_turns((hour - 8) / 24) +
                0.06 * portable_sin_turns((hour - 10.5) / 12);
  if (weekday >= 5) load *= weekend_;

  const double slow_keep = portable_exp(-interval_s_ / 900);
  const double fast_keep = portable_exp(-interval_s_ / 30);
  slow_ = slow_keep * slow_ + slow_size_ * std::sqrt(1 - slow_keep * slow_keep) * rng_.normal();
  fast_ = fast_keep * fast_ + 0.03 * std::sqrt(1 - fast_keep * fast_keep) * rng_.normal();
  if (hours_size_ > 0) {  // days are not alike
    const double keep = portable_exp(-interval_s_ / (4 * 3600));
    hours_ = keep * hours_ + hours_size_ * std::sqrt(1 - keep * keep) * rng_.normal();
    load *= portable_exp(hours_);
  }
  burst_ *= portable_exp(-interval_s_ / 60);
  const bool bursts = rng_.chance(interval_s_ / (5 * 3600));
  const double size = rng_.uniform(0.08, 0.3);
  if (bursts) burst_ += size;
  load *= portable_exp(slow_ + fast_) * (1 + burst_);

  for (const auto& b : benign) {
    if (b.what != sim_benign::kind::load_peak || t < b.from || t > b.to) continue;
    const double edge = std::min(t - b.from, b.to - t) / 300;  // five minutes up and down
    load *= 1 + (b.size - 1) * std::min(1.0, edge);
  }
  return usual_rps_ * load;
}

}  // namespace faultline
