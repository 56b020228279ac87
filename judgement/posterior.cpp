// SPDX-License-Identifier: Apache-2.0
#include "judgement/posterior.hpp"

#include <algorithm>
#include <cmath>

#include "judgement/cause_question.hpp"

namespace faultline {
namespace {

constexpr std::size_t role_index(metric_role r) { return static_cast<std::size_t>(r); }
constexpr std::size_t class_index(fault_class c) { return static_cast<std::size_t>(c); }

/// Shares of a sign that count for a class which it does not tell apart from others: packets that a
/// machine counts are lost by whoever it talks to; what fails, is late or is full may be so because
/// of another fault of the same entity; more traffic is no fault by itself; and behind a change
/// anything may show.
constexpr double counted_packets = 0.6;
constexpr double failures = 0.8;
constexpr double lateness = 0.6;
constexpr double saturation = 0.5;
constexpr double more_traffic = 0.6;
constexpr double changed_and_shows = 0.5;
constexpr double least_apart_s = 1e-3;  // of two onsets: what a time can tell apart

/// log((q e^lr + 1 - q) / (b e^lr + 1 - b)): what it is worth that the cause reaches a node with
/// this evidence, against nothing reaching it.
double gain(double lr, double q, double b) {
  const double e = std::exp(lr);
  return std::log((q * e + 1 - q) / (b * e + 1 - b));
}

/// Worth of symptoms that are not independent; @p sum >= 0.
double joint(double sum, double power) { return sum > 1 ? std::pow(sum, power) : sum; }

double log_sum_exp(const std::vector<double>& x) {
  const double top = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (const double v : x) sum += std::exp(v - top);
  return top + std::log(sum);
}

class weigher {
public:
  weigher(const rca_question& q, const evidence& seen, const reach_table& passing,
          const posterior_weights& w)
      : q_{q},
        seen_{seen},
        passing_{passing},
        w_{w},
        callees_(q.nodes.size()),
        edges_of_(q.nodes.size()) {
    for (const placed_edge& e : placed_edges(q)) callees_[e.from].push_back(e.to);
    for (std::size_t e = 0; e < seen.edges.size(); ++e) {
      edges_of_[seen.edges[e].from].push_back(e);
      edges_of_[seen.edges[e].to].push_back(e);
    }
    for (std::size_t n = 0; n < q.nodes.size(); ++n) {
      strength_.push_back(strength(n));
      strongest_ = std::max(strongest_, strength_.back());
    }
  }

  cause_terms weigh(std::size_t r) const {
    cause_terms t;
    own_evidence(r, t);
    own_symptoms(r, t);
    others(r, t);
    stops(r, t);
    order(r, t);
    // Its worth is in the class `change` already; named on its own for the explanation.
    if (t.change_index) t.change = t.by_class[class_index(fault_class::change)];
    if (!of_any_size(r)) {
      t.magnitude = -w_.magnitude * std::min(strongest_ - strength_[r], w_.magnitude_most);
    }
    return t;
  }

private:
  /// What @p r shows beyond what its direct dependencies show: trouble that comes from below is
  /// theirs. One of which nothing is measured shows what the calls to it show.
  double beyond_callees(std::size_t r, metric_role of) const {
    double below = 0;
    for (const std::size_t c : callees_[r])
      below = std::max(below, seen_.nodes[c].by_role[role_index(of)]);
    for (const std::size_t n : edges_of_[r]) {
      const edge_evidence& e = seen_.edges[n];
      if (e.from != r || seen_.nodes[e.to].observed) continue;
      below = std::max(below, of == metric_role::errors ? e.errors : e.latency);
    }
    return role(r, of) - below;
  }

  double role(std::size_t r, metric_role role) const {
    const node_evidence& e = seen_.nodes[r];
    return e.has_role[role_index(role)] ? e.by_role[role_index(role)] : unseen(r);
  }

  /// A class of which nothing is measured: possible, but whoever sends metrics mostly shows
  /// something.
  double unseen(std::size_t r) const { return seen_.nodes[r].observed ? w_.unseen : 0; }

  /// Log strength of the plainest sign of @p r that is not handed up to it by a dependency.
  double strength(std::size_t r) const {
    const node_evidence& e = seen_.nodes[r];
    double below = 0;
    for (const std::size_t c : callees_[r]) {
      below = std::max(below, seen_.nodes[c].external_strength);
    }
    double late = 0, timed = 0, failed = 0, counted = 0;
    for (const std::size_t n : edges_of_[r]) {
      const edge_evidence& edge = seen_.edges[n];
      if (edge.from == r && !seen_.nodes[edge.to].observed)
        below = std::max({below, edge.latency_strength, edge.errors_strength});
      if (edge.to != r) continue;
      late += edge.latency_strength;
      timed += edge.has_latency ? 1 : 0;
      if (e.observed) continue;
      failed += edge.errors_strength;
      counted += edge.has_errors ? 1 : 0;
    }
    if (timed > 0) late /= timed;
    if (counted > 0) failed /= counted;
    return std::max({e.internal_strength, e.external_strength - below, late, failed});
  }

  /// Mean over the measured edges at r of what lies between the two ends. Both directions count: a
  /// sick network card delays what it sends and what it answers.
  double edge_mean(std::size_t r, bool errors) const {
    double in = 0, in_count = 0, out = 0, out_count = 0;
    for (const std::size_t n : edges_of_[r]) {
      const edge_evidence& e = seen_.edges[n];
      if (!(errors ? e.has_errors : e.has_latency)) continue;
      const double lr = errors ? e.errors : e.latency;
      if (e.to == r) {
        in += lr;
        ++in_count;
      } else {
        out += lr;
        ++out_count;
      }
    }
    if (in_count == 0) return out_count == 0 ? unseen(r) : 0.5 * out / out_count;
    // Seen by its callers is the plainer sign; its own calls confirm it or do not.
    return out_count == 0 ? in / in_count : (2 * in / in_count + out / out_count) / 3;
  }

  void own_evidence(std::size_t r, cause_terms& t) const {
    const node_evidence& e = seen_.nodes[r];
    auto& k = t.by_class;
    k[class_index(fault_class::cpu)] = role(r, metric_role::cpu);
    k[class_index(fault_class::memory_leak)] = role(r, metric_role::memory);
    k[class_index(fault_class::disk)] = role(r, metric_role::disk);
    k[class_index(fault_class::network_delay)] = edge_mean(r, false);
    k[class_index(fault_class::packet_loss)] =
        std::max(edge_mean(r, true), counted_packets * role(r, metric_role::network));
    k[class_index(fault_class::error_burst)] = failures * beyond_callees(r, metric_role::errors);
    const double late = beyond_callees(r, metric_role::latency);
    // An entity that stops answering: silent, slow by itself, or its callers' calls to it fail.
    k[class_index(fault_class::dependency)] =
        std::max({e.silent ? w_.evidence.most / 2 : unseen(r), lateness * late,
                  failures * edge_mean(r, true), saturation * role(r, metric_role::saturation)});
    k[class_index(fault_class::load)] = load(r);
    std::vector<double> all;
    double strongest = 0;
    for (double& lr : k) {
      lr = w_.own * std::clamp(lr, w_.evidence.least, w_.evidence.most);
      strongest = std::max(strongest, lr);
    }
    k[class_index(fault_class::change)] =
        changed_and_shows * strongest + w_.change * change_lr(r, t);
    for (const double lr : k) all.push_back(lr);
    const double sum = log_sum_exp(all);
    for (std::size_t n = 0; n < k.size(); ++n) {
      t.class_share[n] = std::exp(k[n] - sum);
      if (k[n] > k[t.best_class]) t.best_class = n;
    }
    // One class is at work: the sum over them with the same prior each.
    t.own = sum - std::log(static_cast<double>(k.size()));
  }

  /// Traffic that rose where nobody we see sends it.
  double load(std::size_t r) const {
    const int best = seen_.nodes[r].best_of_role[role_index(metric_role::traffic)];
    if (best < 0) return unseen(r);
    const deviation& d = seen_.nodes[r].metrics[static_cast<std::size_t>(best)].shows;
    for (std::size_t n = 0; n < q_.nodes.size(); ++n) {
      if (n != r && passing_[r][n] > 0) return unseen(r);
    }
    return d.peak > 0 ? more_traffic * role(r, metric_role::traffic) : unseen(r);
  }

  void own_symptoms(std::size_t r, cause_terms& t) const {
    const node_evidence& e = seen_.nodes[r];
    t.own_symptoms = gain(e.external, w_.self_external, w_.background) +
                     gain(e.internal, w_.self_internal, w_.background);
  }

  /// Nothing is seen of it from which the size of its trouble could be told.
  bool of_any_size(std::size_t r) const {
    const node_evidence& e = seen_.nodes[r];
    return e.silent || (!e.observed && edges_of_[r].empty());
  }

  void others(std::size_t r, cause_terms& t) const {
    double up = 0, down = 0;
    for (std::size_t n = 0; n < q_.nodes.size(); ++n) {
      const double q = passing_[r][n];
      if (n == r || q <= 0) continue;
      const auto mixed = [&](double chance) { return 1 - (1 - w_.background) * (1 - chance); };
      const node_evidence& e = seen_.nodes[n];
      const double part = gain(e.external, mixed(q), w_.background) +
                          gain(e.internal, mixed(q * w_.internal_share), w_.background);
      if (part == 0) continue;
      (part > 0 ? up : down) += part;
      t.others.emplace_back(n, part);
    }
    const double joint_up = joint(up, w_.joint);
    const double joint_down = -joint(-down, w_.joint);
    for (auto& [n, part] : t.others) part *= part > 0 ? joint_up / up : joint_down / down;
    t.explained = joint_up + joint_down;
    // Edges speak for a cause in so far as it is a network fault.
    const double network = t.class_share[class_index(fault_class::network_delay)] +
                           t.class_share[class_index(fault_class::packet_loss)];
    for (const std::size_t n : edges_of_[r]) {
      const edge_evidence& e = seen_.edges[n];
      const double lr = std::max(e.has_latency ? e.latency : w_.evidence.least,
                                 e.has_errors ? e.errors : w_.evidence.least);
      const double part =
          gain(lr, w_.background + network * (w_.edge - w_.background), w_.background);
      t.explained += part;
      t.edges.emplace_back(n, part);
    }
  }

  /// Chance that trouble of @p r keeps the caller of @p stop from its calls.
  double stopping_chance(std::size_t r, const stopped_calls& stop) const {
    if (r == stop.from) return w_.stopped_caller;
    const node_evidence& callee = seen_.nodes[stop.to];
    const bool heard = callee.observed && !callee.silent && !stop.may_hang;
    if (r == stop.to) return heard ? 0 : w_.stopped_callee;
    double passes = 0;
    for (const std::size_t c : callees_[stop.from])
      if (c != stop.to) passes = std::max(passes, passing_[r][c]);
    return w_.stopped_by_callee * passes;
  }

  /// One caller gives up at one place: what it does not come to after that is one sign.
  void stops(std::size_t r, cause_terms& t) const {
    for (std::size_t n = 0; n < seen_.stops.size();) {
      const std::size_t from = seen_.stops[n].from;
      std::pair<std::size_t, double> best{n, 0};
      for (; n < seen_.stops.size() && seen_.stops[n].from == from; ++n) {
        const double q = stopping_chance(r, seen_.stops[n]);
        const double part =
            gain(seen_.stops[n].lr, w_.background + q * (1 - w_.background), w_.background);
        if (part > best.second) best = {n, part};
      }
      if (best.second == 0) continue;
      t.explained += best.second;
      t.stops.push_back(best);
    }
  }

  void order(std::size_t r, cause_terms& t) const {
    const node_evidence& cause = seen_.nodes[r];
    if (!cause.onset) return;
    double sum = 0;
    for (std::size_t n = 0; n < q_.nodes.size(); ++n) {
      const node_evidence& e = seen_.nodes[n];
      if (n == r || passing_[r][n] <= 0 || !e.onset || e.external <= 0) continue;
      const double tick_s =
          static_cast<double>(std::max(q_.nodes[n].window.tick_ms, q_.nodes[r].window.tick_ms)) /
          1000;
      const double late_s = static_cast<double>((*cause.onset - *e.onset).count()) / 1000;
      // Laplace over the difference of two uncertain onsets, one tick free. What is known by alerts
      // alone has no tick and an onset to the millisecond.
      const double scale = std::max(tick_s + cause.onset_sigma_s + e.onset_sigma_s, least_apart_s);
      sum -= std::clamp((late_s - tick_s) / scale, 0.0, w_.order_most_each);
    }
    t.order = w_.order * std::max(sum, -w_.order_most);
  }

  /// The newest change of r before the onset, as evidence; sets t.change_index.
  double change_lr(std::size_t r, cause_terms& t) const {
    double best = 0;
    for (std::size_t n = 0; n < q_.changes.size(); ++n) {
      const change_note& c = q_.changes[n];
      if (c.entity != q_.nodes[r].entity) continue;
      const double age_s = static_cast<double>((q_.onset - c.at).count()) / 1000;
      const double margin_s = static_cast<double>(w_.evidence.onset_margin_ms) / 1000;
      if (age_s < -margin_s) continue;
      const double lr =
          std::log(w_.change_window_s / w_.change_mean_s) - std::max(0.0, age_s) / w_.change_mean_s;
      if (lr <= best) continue;
      best = lr;
      t.change_index = n;
    }
    return best;
  }

  const rca_question& q_;
  const evidence& seen_;
  const reach_table& passing_;
  const posterior_weights& w_;
  std::vector<std::vector<std::size_t>> callees_;
  std::vector<std::vector<std::size_t>> edges_of_;
  std::vector<double> strength_;
  double strongest_ = 0;
};

double unobserved_score(const evidence& seen, const posterior_weights& w, double prior) {
  double up = 0, down = 0;
  for (const node_evidence& e : seen.nodes) {
    const double part = gain(e.external, w.unobserved_external, w.background);
    (part > 0 ? up : down) += part;
  }
  return std::log(prior) + joint(up, w.joint) - joint(-down, w.joint);
}

}  // namespace

reach_table passing_chances(const rca_question& question, const posterior_weights& weights) {
  const std::size_t count = question.nodes.size();
  std::vector<std::vector<std::pair<std::size_t, double>>> callers(count);
  for (const auto& [from, to, edge] : placed_edges(question)) {
    if (from == to) continue;
    const double passes = edge->kind == edge_kind::runs_on ? weights.runs_on : weights.calls;
    callers[to].emplace_back(from, passes * edge->confidence);
  }
  reach_table table(count, std::vector<double>(count, 0));
  for (std::size_t r = 0; r < count; ++r) {
    std::vector<double>& chance = table[r];
    chance[r] = 1;
    std::vector<std::size_t> ring{r};
    for (std::uint32_t step = 0; step < weights.reach && !ring.empty(); ++step) {
      std::vector<std::size_t> next;
      for (const std::size_t n : ring) {
        for (const auto& [up, rho] : callers[n]) {
          if (chance[n] * rho <= chance[up]) continue;
          chance[up] = chance[n] * rho;
          next.push_back(up);
        }
      }
      std::sort(next.begin(), next.end());
      next.erase(std::unique(next.begin(), next.end()), next.end());
      ring = std::move(next);
    }
  }
  return table;
}

cause_posterior weigh_causes(const rca_question& question, const evidence& seen,
                             const reach_table& passing, const root_cause_options& options,
                             const posterior_weights& weights, const ranker_scores* scores) {
  cause_posterior p;
  const std::size_t count = question.nodes.size();
  if (count == 0) return p;
  const double prior = std::clamp(options.unobserved_prior, 1e-6, 1 - 1e-6);
  std::vector<double> ranker(count + 1, 0);
  if (scores != nullptr && scores->node_logit.size() == count && weights.ranker > 0) {
    std::vector<double> logits{scores->node_logit.begin(), scores->node_logit.end()};
    logits.push_back(scores->null_logit);
    const double total = log_sum_exp(logits);
    const double uniform = -std::log(static_cast<double>(count));  // logit of 1 / (count + 1)
    for (std::size_t n = 0; n <= count; ++n) {
      const double log_p = std::min(logits[n] - total, -1e-9);
      const double logit = log_p - std::log(-std::expm1(log_p));
      ranker[n] = weights.ranker *
                  std::clamp(logit - uniform, -weights.evidence.most, weights.evidence.most);
    }
    p.ranked = true;
  }
  const weigher weigh{question, seen, passing, weights};
  const double each = std::log((1 - prior) / static_cast<double>(count));
  std::vector<double> logs;
  for (std::size_t r = 0; r < count; ++r) {
    cause_terms t = weigh.weigh(r);
    t.ranker = ranker[r];
    t.total = each + t.own + t.own_symptoms + t.explained + t.magnitude + t.order + t.ranker;
    t.support = (t.total - each) / weights.temperature;
    logs.push_back(t.total / weights.temperature);
    p.causes.push_back(std::move(t));
  }
  logs.push_back((unobserved_score(seen, weights, prior) + ranker[count]) / weights.temperature);
  const double total = log_sum_exp(logs);
  for (std::size_t r = 0; r < count; ++r) p.causes[r].probability = std::exp(logs[r] - total);
  p.unobserved = std::exp(logs[count] - total);
  return p;
}

}  // namespace faultline
