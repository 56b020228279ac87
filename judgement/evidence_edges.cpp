// SPDX-License-Identifier: Apache-2.0
#include "judgement/evidence_edges.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "judgement/cause_question.hpp"

namespace faultline {
namespace {

/// What told_series calls the mean duration of an entity's own spans.
constexpr std::string_view span_latency = "span.latency_ms";

/// Values of @p other at the ticks of @p w: the newest tick that began by half a tick later.
std::vector<float> aligned(const entity_window& w, const entity_window& other,
                           const std::vector<float>& values) {
  std::vector<float> out(w.ts.size(), std::numeric_limits<float>::quiet_NaN());
  std::size_t at = 0;
  const milliseconds half{w.tick_ms / 2};
  for (std::size_t n = 0; n < w.ts.size(); ++n) {
    while (at + 1 < other.ts.size() && other.ts[at + 1] <= w.ts[n] + half) ++at;
    if (at >= values.size() || other.ts.empty()) continue;
    const auto apart = other.ts[at] - w.ts[n];
    if (apart <= half && apart >= -milliseconds{w.tick_ms + w.tick_ms / 2}) out[n] = values[at];
  }
  return out;
}

/// The latency of @p e that the same instrument measures, else its plainest; or nothing.
const deviation* own_latency(const node_evidence& e, bool by_spans) {
  for (const metric_evidence& m : e.metrics) {
    if (by_spans && m.name == span_latency) return &m.shows;
  }
  const int best = e.best_of_role[static_cast<std::size_t>(metric_role::latency)];
  return best < 0 ? nullptr : &e.metrics[static_cast<std::size_t>(best)].shows;
}

class edge_gatherer {
public:
  edge_gatherer(const rca_question& q, const seen_question& seen, const evidence_weights& weights,
                const std::vector<node_evidence>& nodes)
      : q_{q}, seen_{seen}, weights_{weights}, nodes_{nodes} {}

  void latency(const peer_metric& call, std::optional<deviation> shows, const window_parts& parts) {
    if (!shows) return;
    const auto [from, to, metric, by_spans] = call;
    const entity_window& w = call.window(q_);
    const metric_window& seen = w.metrics[metric];
    edge_evidence& e = edge(from, to);
    double own_rise = 0;
    const metric_window* told = other_end(call);
    const deviation* own = told == nullptr ? own_latency(nodes_[to], by_spans) : nullptr;
    if (told != nullptr) {
      // The same calls from both ends: what the callee does not see lies between them.
      const auto between =
          deviation_between(w, seen.values, aligned(w, q_.nodes[to].window, told->values), parts);
      if (between) {
        own_rise = (shows->after - shows->before) - (between->after - between->before);
        shows = between;
      }
    } else if (own != nullptr) {
      own_rise = own->lr > 0 ? own->after - own->before : 0;
      const double rise = shows->after - shows->before;
      const double share = rise > 0 ? std::clamp(1 - own_rise / rise, 0.0, 1.0) : 1.0;
      shows->peak *= share;
      shows->strength *= share;
      const double beyond = weights_.slope * std::log(std::max(shows->strength, 1e-6));
      shows->lr = std::min(shows->lr, std::clamp(beyond, weights_.least, weights_.most));
    }
    // Beside a percentile that rises one that falls tells nothing.
    const double worth = shows->peak > 0 ? shows->lr : std::min(shows->lr, 0.0);
    if (e.has_latency && e.latency >= worth) return;
    e.has_latency = true;
    e.latency = worth;
    e.latency_strength = shows->peak > 0 ? std::log(std::max(1.0, shows->strength)) : 0;
    e.latency_peak = shows->peak;
    e.rise = shows->after - shows->before + (told != nullptr ? own_rise : 0);
    e.own_rise = own_rise;
    e.own_known = told != nullptr || own != nullptr;
    e.latency_metric = seen.name;
    e.onset = shows->onset;
  }

  void errors(const peer_metric& call, const std::optional<deviation>& shows) {
    if (!shows) return;
    edge_evidence& e = edge(call.from, call.to);
    const auto errors = static_cast<std::size_t>(metric_role::errors);
    // Errors the callee reports itself are its own, not the edge's.
    const node_evidence& callee = nodes_[call.to];
    const double own = callee.has_role[errors] ? callee.by_role[errors] : 0;
    const double beyond = shows->lr - 0.5 * std::max(0.0, own);
    const double lr = shows->peak > 0 ? beyond : std::min(shows->lr, 0.0);
    if (e.has_errors && e.errors >= lr) return;
    e.has_errors = true;
    e.errors = lr;
    e.errors_peak = shows->peak;
    e.errors_strength = shows->peak > 0 ? std::log(std::max(1.0, shows->strength)) : 0;
    e.errors_metric = call.window(q_).metrics[call.metric].name;
  }

  /// By (from, to).
  std::vector<edge_evidence> found() && {
    std::sort(edges_.begin(), edges_.end(), [](const edge_evidence& a, const edge_evidence& b) {
      return std::pair{a.from, a.to} < std::pair{b.from, b.to};
    });
    return std::move(edges_);
  }

private:
  /// What the callee measures of the same calls in the same way; or nothing.
  const metric_window* other_end(const peer_metric& call) const {
    const std::string_view how = call.series(seen_).meaning.how;
    const std::string_view caller = short_name(q_.nodes[call.from].entity);
    const std::vector<seen_series>& callee = seen_.series[call.to];
    for (std::size_t m = 0; m < callee.size(); ++m) {
      const metric_meaning& what = callee[m].meaning;
      if (what.scope == metric_scope::in && what.how == how && what.peer == caller)
        return &q_.nodes[call.to].window.metrics[m];
    }
    return nullptr;
  }

  /// Of what the caller sees beyond the callee. Both were packed, each with an error of its own.
  std::optional<deviation> deviation_between(const entity_window& w,
                                             const std::vector<float>& caller,
                                             std::vector<float> callee,
                                             const window_parts& parts) const {
    const double noise = packing_noise_of(caller, parts) + packing_noise_of(callee, parts);
    std::vector<float>& excess = callee;
    excess.resize(std::min(excess.size(), caller.size()));
    for (std::size_t n = 0; n < excess.size(); ++n) excess[n] = caller[n] - excess[n];
    auto base = baseline_of(excess, parts, weights_);
    if (!base) return std::nullopt;
    base->scale = std::max(base->scale, noise);
    return deviation_from(*base, w, excess, 1, parts, weights_);
  }

  edge_evidence& edge(std::size_t from, std::size_t to) {
    const auto [at, fresh] = index_.try_emplace({from, to}, edges_.size());
    if (fresh) {
      edges_.emplace_back();
      edges_.back().from = from;
      edges_.back().to = to;
    }
    return edges_[at->second];
  }

  const rca_question& q_;
  const seen_question& seen_;
  const evidence_weights& weights_;
  const std::vector<node_evidence>& nodes_;
  std::vector<edge_evidence> edges_;
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> index_;
};

}  // namespace

std::vector<bool> calls_in(const rca_question& q, std::size_t from, bool told,
                           const std::vector<seen_series>& seen,
                           const std::vector<std::size_t>& callees,
                           std::vector<peer_metric>& calls) {
  std::vector<bool> known(seen.size(), false);
  for (std::size_t m = 0; m < seen.size(); ++m) {
    if (seen[m].meaning.scope != metric_scope::out) continue;
    const auto to = peer_of(q, from, callees, seen[m].meaning.peer);
    if (!to) continue;
    known[m] = true;
    calls.push_back({from, *to, m, told});
  }
  return known;
}

std::optional<std::size_t> peer_of(const rca_question& q, std::size_t from,
                                   const std::vector<std::size_t>& near, std::string_view peer) {
  std::vector<std::size_t> named;  // by the short name, each once
  const auto is_it = [&](std::size_t n) {
    const std::string& entity = q.nodes[n].entity;
    if (n == from) return false;
    if (short_name(entity) == peer && (named.empty() || named.back() != n)) named.push_back(n);
    return entity == peer;
  };
  for (const std::size_t n : near)
    if (is_it(n)) return n;
  if (named.empty())
    for (std::size_t n = 0; n < q.nodes.size(); ++n)
      if (is_it(n)) return n;
  return named.size() == 1 ? std::optional{named.front()} : std::nullopt;
}

std::vector<std::vector<std::size_t>> callees_in(const rca_question& q) {
  std::vector<std::vector<std::size_t>> callees(q.nodes.size());
  for (const placed_edge& e : placed_edges(q)) callees[e.from].push_back(e.to);
  for (auto& list : callees) std::sort(list.begin(), list.end());
  return callees;
}

std::vector<edge_evidence> edges_of(const rca_question& q, const seen_question& seen,
                                    const std::vector<peer_metric>& calls,
                                    const evidence_weights& weights,
                                    const std::vector<node_evidence>& nodes) {
  edge_gatherer edges{q, seen, weights, nodes};
  for (const peer_metric& call : calls) {
    const seen_series& series = call.series(seen);
    if (series.meaning.role == metric_role::errors) {
      edges.errors(call, series.shows);
    } else {
      edges.latency(call, series.shows, (call.told ? seen.told_parts : seen.parts)[call.from]);
    }
  }
  return std::move(edges).found();
}

}  // namespace faultline
