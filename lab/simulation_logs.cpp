// SPDX-License-Identifier: Apache-2.0
#include "lab/simulation_logs.hpp"

#include <algorithm>

namespace faultline {

namespace {

constexpr std::size_t most_spans = 60;  // of one trace
constexpr int deepest = 8;
constexpr double mean_over_p95 = 0.45;
// Operations of a node: each is a quarter as frequent as the one before, and takes so many times
// its usual time.
struct operation_kind {
  const char* verb;
  const char* end;
  double takes;
};
constexpr operation_kind operations[] = {
    {"GET", "", 1},      {"POST", "", 2.5}, {"GET", "/export", 4},  {"GET", "/status", 0.5},
    {"DELETE", "", 1.5}, {"PUT", "", 2},    {"GET", "/history", 3}, {"PATCH", "", 1.2}};

std::string hex(std::uint64_t x) {
  std::string out(16, '0');
  for (std::size_t i = 16; i-- > 0; x >>= 4) out[i] = "0123456789abcdef"[x & 15];
  return out;
}

std::string short_name(const std::string& id) { return id.substr(id.find('/') + 1); }

std::string whole(double x) { return std::to_string(static_cast<std::int64_t>(x)); }

// The words of what presses on a node, strongest first; empty where nothing does.
std::string cause_of(const sim_pressure& p) {
  if (p.dns > 0.05) return "could not resolve host name: temporary failure in name resolution";
  if (p.fill > 0.8) return "write failed: no space left on device";
  if (p.leak > 0.8) return "out of memory: cannot allocate, collector ran for too long";
  if (p.pool_taken > 0.5) return "timeout waiting for a connection from the pool";
  if (p.outage > 0.05) return "worker does not answer, giving up";
  if (p.loss > 0.2) return "connection reset by peer";
  if (p.disk_add > 0.5) return "fsync took too long";
  if (p.latency_factor > 2) return "lock wait timeout exceeded";
  return p.own_error > 0.01 ? "unexpected null in response" : std::string{};
}

}  // namespace

sim_narrator::sim_narrator(const simulation_options& o, const sim_graph& graph)
    : graph_{&graph},
      interval_s_{static_cast<double>(o.interval.count())},
      lines_{o.log_lines_per_hour * interval_s_ / 3600},
      traces_{o.traces_per_minute * interval_s_ / 60},
      operations_{o.operations},
      rng_{o.seed, "narrator"} {}

void sim_narrator::tell(event_time at, const sim_model& model,
                        const std::vector<sim_pressure>& pressure,
                        const std::vector<bool>& silent) {
  if (lines_ > 0)
    for (std::size_t n = 0; n < graph_->nodes.size(); ++n) {
      if (silent[n])
        log(n, at, log_severity::info, "shutting down, version " + number(40) + " starts");
      else
        log_node(n, at, model, pressure[n]);
    }
  if (traces_ > 0)
    for (double left = rng_.poisson(traces_); left > 0; --left) trace(at, model);
}

void sim_narrator::log(std::size_t node, event_time at, log_severity severity, std::string body) {
  const auto within = static_cast<std::int64_t>(rng_.uniform() * interval_s_ * 1000);
  logs_.push_back({at + milliseconds{within}, graph_->nodes[node].id, severity, std::move(body)});
}

void sim_narrator::log_node(std::size_t node, event_time at, const sim_model& model,
                            const sim_pressure& p) {
  const sim_state& s = model.states()[node];
  const sim_node& n = graph_->nodes[node];
  const std::string name = short_name(n.id);
  for (double left = rng_.poisson(lines_ * s.requests / n.usual_rps); left > 0; --left) {
    const std::uint64_t kind = rng_.below(5);
    std::string body;
    if (kind == 0)
      body = "GET /" + name + "/" + number(100'000) + " 200 in " + whole(s.p95_ms) + " ms";
    if (kind == 1) body = "connection from 10.0." + number(256) + "." + number(256) + " accepted";
    if (kind == 2) body = "refreshed " + number(5000) + " entries";
    if (kind == 3) body = "job " + hex(rng_.next()) + " done";
    if (kind == 4) body = "checkpoint complete: wrote " + number(9000) + " buffers";
    log(node, at, log_severity::info, std::move(body));
  }
  const double failing = std::min(5.0, lines_ * (0.02 + 40 * s.errors));
  for (double left = rng_.poisson(failing); left > 0; --left) {
    const std::string cause = cause_of(p);
    log(node, at, log_severity::error,
        !cause.empty() ? cause : "request " + hex(rng_.next()) + " failed: upstream error");
  }
  if (s.p95_ms > 3 * n.service_ms && rng_.chance(std::min(1.0, lines_)))
    log(node, at, log_severity::warn, "slow request /" + name + " took " + whole(s.p95_ms) + " ms");
}

void sim_narrator::trace(event_time at, const sim_model& model) {
  trace_at_ = at + milliseconds{static_cast<std::int64_t>(rng_.uniform() * interval_s_ * 900)};
  trace_id_ = hex(rng_.next());
  trace_first_ = spans_.size();
  const sim_state& front = model.states()[0];
  served_call first;
  first.operation = draw_operation();
  first.failed = rng_.chance(front.errors);
  first.duration_ms =
      front.p95_ms * mean_over_p95 * rng_.uniform(0.6, 1.6) * operations[first.operation].takes;
  walk(first, model);
}

std::size_t sim_narrator::draw_operation() {
  if (operations_ == 1) return 0;
  double all = 0, share = 1;
  for (std::size_t n = 0; n < operations_; ++n, share /= 4) all += share;
  double left = rng_.uniform() * all;
  share = 1;
  for (std::size_t n = 0; n + 1 < operations_; ++n, share /= 4)
    if ((left -= share) < 0) return n;
  return operations_ - 1;
}

void sim_narrator::walk(const served_call& call, const sim_model& model) {
  if (spans_.size() - trace_first_ >= most_spans || call.depth > deepest) return;
  span_row s;
  s.ts = trace_at_ + milliseconds{static_cast<std::int64_t>(call.start_ms)};
  s.entity = graph_->nodes[call.node].id;
  s.trace = trace_id_;
  s.span = hex(rng_.next());
  s.parent = call.parent;
  const auto& kind = operations[call.operation];
  s.operation = operations_ == 1 ? "handle /" + short_name(s.entity)
                                 : std::string{kind.verb} + " /" + short_name(s.entity) + kind.end;
  s.duration_us = static_cast<std::uint64_t>(std::max(1.0, call.duration_ms * 1000));
  s.status = call.failed ? span_status::error : span_status::ok;
  const std::string id = s.span;
  spans_.push_back(std::move(s));
  double at_ms = call.start_ms;
  for (std::size_t i = 0; i < graph_->edges.size(); ++i) {
    const sim_edge& e = graph_->edges[i];
    if (e.from != call.node || !rng_.chance(std::min(1.0, e.calls))) continue;
    const sim_call& c = model.calls()[i];
    served_call made;
    made.node = e.to;
    made.operation = draw_operation();
    made.parent = id;
    made.start_ms = at_ms;
    made.duration_ms =
        c.p95_ms * mean_over_p95 * rng_.uniform(0.6, 1.6) * operations[made.operation].takes;
    made.failed = rng_.chance(c.errors);
    made.depth = call.depth + 1;
    walk(made, model);
    at_ms += made.duration_ms;
  }
}

std::vector<log_line> sim_narrator::take_logs() {
  std::stable_sort(logs_.begin(), logs_.end(),
                   [](const log_line& a, const log_line& b) { return a.ts < b.ts; });
  return std::move(logs_);
}

std::vector<span_row> sim_narrator::take_spans() {
  std::stable_sort(spans_.begin(), spans_.end(),
                   [](const span_row& a, const span_row& b) { return a.ts < b.ts; });
  return std::move(spans_);
}

}  // namespace faultline
