// SPDX-License-Identifier: Apache-2.0
#include "judgement/evidence.hpp"

#include <algorithm>
#include <cmath>

#include "judgement/cause_question.hpp"
#include "judgement/entity_logs.hpp"
#include "judgement/entity_spans.hpp"
#include "judgement/evidence_edges.hpp"
#include "judgement/evidence_stops.hpp"
#include "judgement/told_series.hpp"

namespace faultline {
namespace {

/// Evidence of many metrics: the best of m is less surprising than one alone.
constexpr double many_metrics = 0.5;
/// From here on a deviation dates the node's trouble.
constexpr double dates_from = 1.5;
/// What a silence is worth, and an alert at least and at most, nats.
constexpr double silence_lr = 3.0;
constexpr double alert_least = 1.0;
constexpr double alert_most = 4.0;
/// A silence is this many ticks of one that sent in at least this share of them.
constexpr int silent_ticks = 4;
constexpr double regular = 0.8;
/// What told_series calls the mean duration of an entity's own spans without what lay within them.
/// It weighs nothing: decision 0031.
constexpr std::string_view span_self = "span.self_ms";

bool begins_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

/// @p word in lower case; @p text as its writer likes it.
bool holds(std::string_view text, std::string_view word) {
  const auto lowered = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::search(text.begin(), text.end(), word.begin(), word.end(),
                     [&](char a, char b) { return lowered(a) == b; }) != text.end();
}

bool is_external(metric_role role) {
  return role == metric_role::latency || role == metric_role::errors;
}

/// May move for any reason: its meaning is unknown, or it follows the traffic.
bool says_little(metric_role role) {
  return role == metric_role::none || role == metric_role::network;
}

/// What a deviation is worth when magnitudes are compared between entities.
double log_strength(const metric_evidence& m) {
  if (m.meaning.worse * m.shows.peak < 0 || says_little(m.meaning.role)) return 0;
  return std::log(std::max(1.0, m.shows.strength));
}

void keep_best(node_evidence& e, int index, double lr) {
  const metric_evidence& m = e.metrics[static_cast<std::size_t>(index)];
  const bool resource = !is_external(m.meaning.role) && m.meaning.role != metric_role::traffic;
  const auto better = [&](int& best, double known) {
    const bool plainer =
        best < 0 || known < lr ||
        (resource && known == lr &&  // both at the bound
         e.metrics[static_cast<std::size_t>(best)].shows.strength < m.shows.strength);
    if (!plainer) return false;
    best = index;
    return true;
  };
  const auto role = static_cast<std::size_t>(m.meaning.role);
  if (role < e.by_role.size()) {
    e.has_role[role] = true;
    if (better(e.best_of_role[role], e.by_role[role])) e.by_role[role] = lr;
  }
  if (m.meaning.role == metric_role::traffic) return;
  if (is_external(m.meaning.role)) {
    if (better(e.best_external, e.external)) e.external = lr;
    e.external_strength = std::max(e.external_strength, log_strength(m));
  } else {
    if (better(e.best_internal, e.internal)) e.internal = lr;
    e.internal_strength = std::max(e.internal_strength, log_strength(m));
  }
}

/// Deviations of a node's own metrics; edges to known peers are left to edge evidence.
void take_metrics(const entity_window& w, const std::vector<seen_series>& seen,
                  const std::vector<bool>& to_known_peer, node_evidence& e) {
  for (std::size_t m = 0; m < w.metrics.size(); ++m) {
    if (!seen[m].shows || to_known_peer[m]) continue;
    e.metrics.push_back({w.metrics[m].name, seen[m].meaning, *seen[m].shows});
  }
}

void weigh_metrics(const evidence_weights& weights, node_evidence& e) {
  std::array<int, 2> counts{};
  for (const metric_evidence& m : e.metrics) ++counts[is_external(m.meaning.role) ? 0 : 1];
  e.observed = !e.metrics.empty();
  for (std::size_t m = 0; m < e.metrics.size(); ++m) {
    const metric_evidence& one = e.metrics[m];
    const int company = std::max(1, counts[is_external(one.meaning.role) ? 0 : 1]);
    double lr = one.shows.lr - many_metrics * std::log(static_cast<double>(company));
    if (says_little(one.meaning.role)) lr = std::min(lr, weights.little_most);
    keep_best(e, static_cast<int>(m), std::clamp(lr, weights.least, weights.most));
  }
}

/// Since when an entity that used to send every tick has sent nothing, up to as_of; its answer
/// covers that time.
std::optional<event_time> silent_since(const rca_node& node, const window_parts& parts,
                                       event_time as_of, const evidence_weights& weights) {
  if (node.incomplete || node.window.watermark < as_of) return std::nullopt;
  if (parts.last - parts.first < weights.min_baseline) return std::nullopt;
  std::size_t sent = 0, last = parts.first;
  for (std::size_t n = parts.first; n < parts.end; ++n) {
    const bool any = std::any_of(
        node.window.metrics.begin(), node.window.metrics.end(),
        [&](const metric_window& m) { return n < m.values.size() && std::isfinite(m.values[n]); });
    if (!any) continue;
    last = n;
    sent += n < parts.last ? 1 : 0;
  }
  if (static_cast<double>(sent) < regular * static_cast<double>(parts.last - parts.first)) {
    return std::nullopt;
  }
  const milliseconds tick{std::max<std::int64_t>(1, node.window.tick_ms)};
  const event_time since = node.window.ts[last] + tick;
  if (last + 1 < parts.last || since + silent_ticks * tick > as_of) return std::nullopt;
  return since;
}

void take_alerts(const rca_node& node, const role_table& roles, node_evidence& e) {
  for (const alert& a : node.alerts) {
    const double p = std::clamp(a.score, 0.01, 0.99);
    const double lr = std::clamp(std::log(p / (1 - p)), alert_least, alert_most);
    const metric_role role = meaning_of(a.metric, roles).role;
    double& side = is_external(role) || role == metric_role::none ? e.external : e.internal;
    side = std::max(side, lr);
    if (!e.onset) e.onset = a.started;
  }
}

/// A template that was never written before is of the entity itself; one that comes more often may
/// be about those it calls.
void take_words(const rca_question& q, const entity_window& told, const evidence_weights& weights,
                node_evidence& e) {
  const auto said = words_of(told, q.onset, q.as_of, weights);
  if (!said) return;
  e.words = said;
  const double strength = std::log(std::max(1.0, said->strength));
  (said->fresh ? e.internal : e.external) =
      std::max(said->fresh ? e.internal : e.external, said->lr);
  double& side = said->fresh ? e.internal_strength : e.external_strength;
  side = std::max(side, strength);
  if (said->word->habit.severity() >= log_severity::error) {
    constexpr auto errors = static_cast<std::size_t>(metric_role::errors);
    e.has_role[errors] = true;
    e.by_role[errors] = std::max(e.by_role[errors], said->lr);
  }
  if (said->fresh && !e.onset && said->lr >= dates_from) {
    e.onset = event_time_of(said->word->habit.first_ms());
    e.onset_sigma_s = static_cast<double>(log_habit::step_ms) / 2000;
  }
}

struct call_name {
  metric_scope scope = metric_scope::own;
  std::string_view how, peer;
};

/// "p50", "p999".
bool is_quantile(std::string_view how) {
  return how.size() > 1 && how[0] == 'p' &&
         std::all_of(how.begin() + 1, how.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Whether `in_` or `out_` before @p how is of calls: in_bytes.rate and in_flight.http are not.
/// Where a name @p begins so, what nobody knows is a latency.
bool tells_calls(std::string_view how, bool begins) {
  const metric_role role = role_of(how);
  return is_external(role) || is_quantile(how) || (begins && role == metric_role::none);
}

/// The calls that a name is of: in_p50.front, also behind what a tool or a company puts before all
/// of its names.
std::optional<call_name> call_in(std::string_view metric) {
  constexpr std::string_view between = "._-:";
  // What an interface counts as in and out: net.in_errors.eth0.
  for (const std::string_view of : {"node.", "net.", "network.", "interface.", "if."})
    if (begins_with(metric, of)) return std::nullopt;
  for (std::size_t at = 0; at < metric.size(); ++at) {
    if (at > 0 && between.find(metric[at - 1]) == std::string_view::npos) continue;
    const std::string_view rest = metric.substr(at);
    const bool out = begins_with(rest, "out_");
    if (!out && !begins_with(rest, "in_")) continue;
    const std::size_t dot = rest.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    const std::size_t first = out ? 4 : 3;
    const std::string_view how = rest.substr(first, dot - std::min(dot, first));
    if (!tells_calls(how, at == 0)) continue;
    return call_name{out ? metric_scope::out : metric_scope::in, how, rest.substr(dot + 1)};
  }
  return std::nullopt;
}

void date(const rca_node& node, node_evidence& e) {
  const double tick_s = static_cast<double>(node.window.tick_ms) / 1000;
  double strongest = 0;
  for (const metric_evidence& m : e.metrics) strongest = std::max(strongest, m.shows.lr);
  e.best = e.best_internal >= 0 && e.internal > e.external ? e.best_internal : e.best_external;
  if (e.best < 0) e.best = e.best_internal;
  for (const metric_evidence& m : e.metrics) {
    // The earliest among the metrics that show it about as plainly as the plainest.
    if (m.shows.lr < dates_from || m.shows.lr < strongest / 2) continue;
    if (e.onset && *e.onset <= m.shows.onset) continue;
    e.onset = m.shows.onset;
    e.onset_sigma_s = std::max(m.shows.onset_sigma_s, tick_s / 2);
  }
}

}  // namespace

metric_meaning meaning_of(std::string_view metric, const role_table& roles) {
  metric_meaning m;
  if (const auto call = call_in(metric)) {
    m.scope = call->scope;
    m.how = call->how;
    m.peer = call->peer;
    const bool errors = role_of(m.how) == metric_role::errors;
    m.role = errors ? metric_role::errors : metric_role::latency;
    m.worse = 1;
    return m;
  }
  if (begins_with(metric, "node.")) m.scope = metric_scope::machine;
  if (holds(metric, "availability") || holds(metric, "success") || holds(metric, "uptime")) {
    m.role = metric_role::errors;
    m.worse = -1;
    return m;
  }
  const bool ours = is_log_channel(metric) || is_span_channel(metric);
  m.role = ours ? role_of(metric) : roles.role_of(metric);
  const bool either = m.role == metric_role::none || m.role == metric_role::traffic ||
                      m.role == metric_role::network;
  m.worse = either ? 0 : 1;
  if (holds(metric, "free") || holds(metric, "available") || holds(metric, "idle")) {
    m.worse = -m.worse;
  }
  return m;
}

namespace {

std::vector<seen_series> look_at(const entity_window& w, const window_parts& parts, bool told,
                                 const role_table& roles, const evidence_weights& weights) {
  std::vector<seen_series> all;
  const bool is_machine = std::all_of(w.metrics.begin(), w.metrics.end(), [](const auto& m) {
    return is_log_channel(m.name) || is_span_channel(m.name) ||
           meaning_of(m.name).scope == metric_scope::machine;
  });
  for (const metric_window& m : w.metrics) {
    if (is_log_channel(m.name) ||
        is_span_channel(m.name)) {  // what is told says it already, in counts
      all.push_back({meaning_of(m.name, roles), {}, {}});
      continue;
    }
    seen_series one{meaning_of(m.name, roles), baseline_of(m.values, parts, weights), {}};
    if (is_machine) one.meaning.scope = metric_scope::own;  // told by the machine itself
    if (one.base && told) {
      one.base->scale = std::max(one.base->scale, counting_noise(m.name, one.base->median));
    }
    if (one.base && one.meaning.scope != metric_scope::machine && m.name != span_self) {
      one.shows = deviation_from(*one.base, w, m.values, one.meaning.worse, parts, weights);
    }
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

seen_question look_at(const rca_question& question, const evidence_weights& weights) {
  static const entity_window none;
  seen_question seen;
  for (const rca_node& node : question.nodes) {
    const entity_window& told = node.window.told ? *node.window.told : none;
    seen.parts.push_back(split(node.window, question.onset, question.as_of, weights));
    seen.series.push_back(look_at(node.window, seen.parts.back(), false, question.roles, weights));
    seen.told_parts.push_back(split(told, question.onset, question.as_of, weights));
    seen.told.push_back(look_at(told, seen.told_parts.back(), true, role_table{}, weights));
  }
  return seen;
}

evidence gather_evidence(const rca_question& question, const evidence_weights& weights) {
  return gather_evidence(question, look_at(question, weights), weights);
}

evidence gather_evidence(const rca_question& question, const seen_question& seen,
                         const evidence_weights& weights) {
  evidence all;
  const std::size_t count = question.nodes.size();
  all.nodes.resize(count);
  const auto callees = callees_in(question);
  std::vector<peer_metric> calls;
  for (std::size_t n = 0; n < count; ++n) {
    const rca_node& node = question.nodes[n];
    node_evidence& e = all.nodes[n];
    e.best_of_role.fill(-1);
    take_metrics(node.window, seen.series[n],
                 calls_in(question, n, false, seen.series[n], callees[n], calls), e);
    if (node.window.told) {
      take_metrics(*node.window.told, seen.told[n],
                   calls_in(question, n, true, seen.told[n], callees[n], calls), e);
    }
    weigh_metrics(weights, e);
    if (const auto since = silent_since(node, seen.parts[n], question.as_of, weights)) {
      e.silent = true;
      e.external = std::max(e.external, silence_lr);
      e.onset = e.silent_from = *since;
      // Who has stopped sending is not calm: it is not known.
      e.internal = std::max(e.internal, 0.0);
      for (double& lr : e.by_role) lr = std::max(lr, 0.0);
    }
    take_alerts(node, question.roles, e);
    if (node.window.told) take_words(question, *node.window.told, weights, e);
    date(node, e);
  }
  all.edges = edges_of(question, seen, calls, weights, all.nodes);
  all.stops = stops_of(question, seen, calls, weights);
  return all;
}

}  // namespace faultline
