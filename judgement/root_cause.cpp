// SPDX-License-Identifier: Apache-2.0
#include "judgement/root_cause.hpp"

#include <algorithm>
#include <optional>

#include "judgement/evidence.hpp"
#include "judgement/fault_kind.hpp"
#include "judgement/posterior.hpp"
#include "judgement/rca_features.hpp"
#include "judgement/remediation.hpp"
#include "judgement/root_cause_paths.hpp"
#include "judgement/root_cause_text.hpp"

namespace faultline {
namespace {

/// Causes that are told, and how many of them with evidence and steps. What is left out is too
/// improbable to matter; its probability counts as unobserved.
constexpr std::size_t most_causes = 20;
constexpr std::size_t most_told = 5;

/// The metric of a caller by which it is late, or else fails.
std::string seen_from_outside(const evidence& seen, std::size_t r) {
  for (const edge_evidence& edge : seen.edges)
    if (edge.to == r && edge.has_latency && edge.latency > 0)
      return std::string{edge.latency_metric};
  for (const edge_evidence& edge : seen.edges)
    if (edge.to == r && edge.has_errors && edge.errors > 0) return std::string{edge.errors_metric};
  return {};
}

/// The metric of a caller by which it shows most plainly, late or failing.
std::string plainest_from_outside(const evidence& seen, std::size_t r) {
  double most = 0;
  std::string_view name;
  for (const edge_evidence& edge : seen.edges) {
    if (edge.to != r) continue;
    if (edge.has_latency && edge.latency > most) {
      most = edge.latency;
      name = edge.latency_metric;
    }
    if (edge.has_errors && edge.errors > most) {
      most = edge.errors;
      name = edge.errors_metric;
    }
  }
  return std::string{name};
}

/// The metric that shows it best; for a network fault, and where it shows nothing itself, the one
/// that looks at it from outside. Of no kind of fault: what is out of the usual at all.
std::string metric_of(const evidence& seen, std::size_t r, std::optional<fault_class> kind) {
  const node_evidence& e = seen.nodes[r];
  const auto named = [&](int index) {
    return index < 0 ? std::string{} : std::string{e.metrics[static_cast<std::size_t>(index)].name};
  };
  const auto role = [&](metric_role which) {
    return named(e.best_of_role[static_cast<std::size_t>(which)]);
  };
  const bool shows = e.best >= 0 && e.metrics[static_cast<std::size_t>(e.best)].shows.lr > 0;
  const std::string plainest = shows ? named(e.best) : std::string{};
  if (!kind) return plainest;
  switch (*kind) {
    case fault_class::cpu:
      return role(metric_role::cpu);
    case fault_class::memory_leak:
      return role(metric_role::memory);
    case fault_class::disk:
      return role(metric_role::disk);
    case fault_class::error_burst:
      return role(metric_role::errors);
    case fault_class::load:
      return role(metric_role::traffic);
    case fault_class::network_delay:
    case fault_class::packet_loss:
      if (std::string outside = seen_from_outside(seen, r); !outside.empty()) return outside;
      break;
    case fault_class::dependency:
    case fault_class::change:
      break;
  }
  return shows ? plainest : plainest_from_outside(seen, r);
}

/// Whether nothing is measured of the node and nothing else speaks for it: an alert somebody has
/// posted says that something is wrong, not what.
bool is_guess(const node_evidence& of, const ranked_cause& cause) {
  return !of.observed && std::none_of(cause.evidence.begin(), cause.evidence.end(),
                                      [](const auto& e) { return e.weight > 0; });
}

/// The way from the cause to where it is felt, as the last of its evidence.
void tell_path(const cause_story& story, std::size_t r, ranked_cause& cause) {
  const auto path = propagation_path(story, r);
  if (path.size() < 2) return;
  std::string way;
  for (const std::size_t n : path)
    way += (way.empty() ? "" : " -> ") + story.question.nodes[n].entity;
  cause.evidence.push_back({"path", "felt along " + way, 0});
}

/// What the likeliest cause leaves over, said at both: at the one that explains it, and at the
/// first.
void tell_second(const cause_story& story, const posterior_weights& weights, std::size_t first,
                 std::vector<ranked_cause>& causes) {
  const auto second = second_cause_beside(story, first, weights);
  if (!second) return;
  const rca_question& q = story.question;
  const std::string left = some_names(q, second->leftover);
  const std::string& entity = q.nodes[second->node].entity;
  causes.front().counter_evidence.push_back(
      {"second", "does not explain " + left + ": " + entity + " may be at fault as well", 0});
  for (ranked_cause& c : causes) {
    if (c.entity != entity) continue;
    c.evidence.push_back(
        {"second",
         "a second cause: explains " + left + ", which " + q.nodes[first].entity + " does not",
         second->nats});
  }
}

/// Ranker's scores when it is there and answered for every node.
std::optional<ranker_scores> ask(const rca_question& question, const seen_question& series,
                                 cause_ranker* ranker, double weight) {
  if (ranker == nullptr || weight <= 0 || question.nodes.empty()) return std::nullopt;
  const ranker_graph graph = ranker_graph_of(question, series);
  if (graph.nodes.size() != question.nodes.size()) return std::nullopt;
  auto scores = ranker->rank(graph);
  if (!scores || scores->node_logit.size() != graph.nodes.size()) return std::nullopt;
  return std::move(*scores);
}

}  // namespace

const char* to_string(fault_class c) noexcept {
  switch (c) {
    case fault_class::cpu:
      return "cpu";
    case fault_class::memory_leak:
      return "memory_leak";
    case fault_class::disk:
      return "disk";
    case fault_class::network_delay:
      return "network_delay";
    case fault_class::packet_loss:
      return "packet_loss";
    case fault_class::error_burst:
      return "error_burst";
    case fault_class::dependency:
      return "dependency";
    case fault_class::change:
      return "change";
    case fault_class::load:
      return "load";
  }
  return "unknown";
}

root_cause_result find_root_cause(const rca_question& question, const root_cause_options& options,
                                  const std::vector<runbook>& runbooks, cause_ranker* ranker) {
  return find_root_cause(question, options, runbooks, ranker, posterior_weights{});
}

root_cause_result find_root_cause(const rca_question& question, const root_cause_options& options,
                                  const std::vector<runbook>& runbooks, cause_ranker* ranker,
                                  const posterior_weights& weights) {
  root_cause_result result;
  result.incident = question.incident;
  result.as_of = question.as_of;
  result.model = "posterior 1";
  for (const rca_node& n : question.nodes) {
    if (n.incomplete) result.incomplete.push_back(n.entity);
  }
  const seen_question series = look_at(question, weights.evidence);
  const evidence seen = gather_evidence(question, series, weights.evidence);
  const reach_table passing = passing_chances(question, weights);
  const auto scores = ask(question, series, ranker, weights.ranker);
  if (scores) result.model += " + " + ranker->identity().name + " " + ranker->identity().version;
  const ranker_scores* said = scores ? &*scores : nullptr;
  const cause_posterior p = weigh_causes(question, seen, passing, options, weights, said);

  std::vector<std::size_t> order;
  for (std::size_t r = 0; r < p.causes.size(); ++r) order.push_back(r);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (p.causes[a].probability != p.causes[b].probability) {
      return p.causes[a].probability > p.causes[b].probability;
    }
    return question.nodes[a].entity < question.nodes[b].entity;
  });
  if (order.size() > most_causes) order.resize(most_causes);
  const cause_story story{question, seen, passing, p, said};
  double told = 0;
  for (const std::size_t r : order) {
    ranked_cause c;
    c.entity = question.nodes[r].entity;
    const auto kind = kind_of_fault(seen.nodes[r], p.causes[r], said, r, weights.ranker);
    if (kind) c.fault_class = to_string(*kind);
    c.metric = metric_of(seen, r, kind);
    c.probability = p.causes[r].probability;
    told += c.probability;
    if (result.causes.size() < most_told) {
      tell_cause(story, r, c);
      tell_path(story, r, c);
      if (!is_guess(seen.nodes[r], c))
        c.remediation = remediation_for(c.entity, c.fault_class, runbooks);
    }
    result.causes.push_back(std::move(c));
  }
  result.unobserved = std::max(0.0, 1 - told);
  if (!order.empty()) result.support = p.causes[order.front()].support;
  const double best = result.causes.empty() ? 0 : result.causes.front().probability;
  result.abstained = best < options.abstain_below || p.unobserved >= best || order.empty() ||
                     is_guess(seen.nodes[order.front()], result.causes.front());
  if (!result.abstained) tell_second(story, weights, order.front(), result.causes);
  return result;
}

}  // namespace faultline
