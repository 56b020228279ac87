// SPDX-License-Identifier: Apache-2.0
#include "lab/cause_fitting.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "judgement/rca_features.hpp"
#include "lab/cause_questions.hpp"
#include "lab/evaluation_run.hpp"
#include "lab/rng.hpp"
#include "lab/statistics.hpp"

namespace faultline {

namespace {

/// Pulls weights towards where they began, so that data that say nothing move nothing.
constexpr double pull = 0.02;
constexpr double first_step = 0.12;  ///< of a weight's range
constexpr double least_gain = 1e-5;
constexpr double least_share = 1e-5;
constexpr std::size_t resamples = 2000;
constexpr const char* held_out = "held out";

}  // namespace

/// A question without its series: what they show stands in the evidence.
struct cause_fitting::one_case {
  std::string set;
  rca_question question;
  evidence seen;
  std::optional<ranker_scores> scores;
  std::vector<std::size_t> candidates, roots;
};

const std::vector<fitted_weight>& fitted_weights() {
  using w = posterior_weights;
  static const std::vector<fitted_weight> all{
      {"background", &w::background, 0.01, 0.3},
      {"self_external", &w::self_external, 0.3, 0.98},
      {"self_internal", &w::self_internal, 0.2, 0.98},
      {"calls", &w::calls, 0.3, 0.97},
      {"runs_on", &w::runs_on, 0.2, 0.97},
      {"internal_share", &w::internal_share, 0.02, 0.8},
      {"edge", &w::edge, 0.3, 0.99},
      {"own", &w::own, 0.2, 1.5},
      {"unseen", &w::unseen, -3, 1},
      {"order", &w::order, 0, 2},
      {"magnitude", &w::magnitude, 0, 2.5},
      {"magnitude_most", &w::magnitude_most, 1, 12},
      {"joint", &w::joint, 0.3, 1},
      {"unobserved_external", &w::unobserved_external, 0.05, 0.9},
      {"temperature", &w::temperature, 0.5, 4},
  };
  return all;
}

void cause_fitting::add(const std::string& set, double share, const evaluation_input& input,
                        const labels& truth) {
  shares_[set] = share;
  std::vector<std::pair<given_onset, const fault_label*>> moments;
  const auto faults = scored_faults(input.scored, truth);
  for (const fault_label& f : faults)
    if (f.visible.value_or(true)) moments.emplace_back(given_for(input.scored, f), &f);
  std::stable_sort(moments.begin(), moments.end(),
                   [](const auto& a, const auto& b) { return a.first.as_of < b.first.as_of; });
  std::vector<event_time> stops;
  for (const auto& m : moments) stops.push_back(m.first.as_of);
  evaluation_options options;
  options.detection.false_pages_per_entity_month = 12;
  evaluation_pass pass{input, options, {}};
  pass.stop_at(std::move(stops), [&](std::size_t n) {
    auto c = std::make_shared<one_case>();
    c->set = set;
    c->question = question_at(input.scored, moments[n].first, pass.judge());
    const seen_question series = look_at(c->question, evidence_weights{});
    c->seen = gather_evidence(c->question, series, evidence_weights{});
    if (ranker_ != nullptr) {
      auto scores = ranker_->rank(ranker_graph_of(c->question, series));
      if (scores && scores->node_logit.size() == c->question.nodes.size())
        c->scores = std::move(*scores);
    }
    const auto in = [](const std::vector<std::string>& list, const std::string& id) {
      return std::find(list.begin(), list.end(), id) != list.end();
    };
    for (std::size_t i = 0; i < c->question.nodes.size(); ++i) {
      rca_node& node = c->question.nodes[i];
      for (metric_window& m : node.window.metrics) m.values = {};
      const auto& may = input.scored.candidates;
      if (may.empty() || in(may, node.entity)) c->candidates.push_back(i);
      if (in(moments[n].second->roots, node.entity)) c->roots.push_back(i);
    }
    cases_.push_back(std::move(c));
  });
  pass.run({});
}

outcome<void> cause_fitting::add_simulated(const std::string& set, double share, data_split split,
                                           std::uint64_t first, std::size_t count,
                                           const std::function<void(std::size_t)>& progress) {
  shares_[set] = share;
  for (std::size_t n = 0; n < count; ++n) {
    simulation_options o = split_system(split, first + n);
    random_source rng{o.seed, "size of a cause system"};
    o.services = static_cast<std::size_t>(20 * portable_exp(rng.uniform() * portable_log(10)));
    o.duration = seconds{3 * 3600};
    auto system = simulate(o);
    if (!system) return system.error();
    add(set, share, {std::move(system->observed), {}}, system->truth);
    progress(n + 1);
  }
  return {};
}

cause_fitting::verdict cause_fitting::judge(const one_case& c, const posterior_weights& w,
                                            bool ranked) {
  const auto passing = passing_chances(c.question, w);
  const ranker_scores* scores = ranked && c.scores ? &*c.scores : nullptr;
  const auto p = weigh_causes(c.question, c.seen, passing, root_cause_options{}, w, scores);
  verdict v;
  double sum = p.unobserved, root = 0;
  for (const std::size_t i : c.candidates) {
    sum += p.causes[i].probability;
    v.top = std::max(v.top, p.causes[i].probability);
  }
  for (const std::size_t i : c.roots) root = std::max(root, p.causes[i].probability);
  v.rank = 1;
  for (const std::size_t i : c.candidates) {
    const bool is_root = std::find(c.roots.begin(), c.roots.end(), i) != c.roots.end();
    v.rank += !is_root && p.causes[i].probability >= root ? 1 : 0;
  }
  v.top /= sum;
  v.loss = -std::log(std::max(least_share, root / sum));
  return v;
}

std::map<std::string, fit_figures> cause_fitting::figures(const posterior_weights& w) const {
  std::map<std::string, fit_figures> by_set;
  std::map<std::string, reliability> kept;
  for (const auto& c : cases_) {
    const verdict v = judge(*c, w, false);
    fit_figures& f = by_set[c->set];
    ++f.cases;
    f.loss += v.loss;
    f.first += v.rank == 1 ? 1 : 0;
    f.third += v.rank <= 3 ? 1 : 0;
    kept[c->set].add(std::min(1.0, v.top), v.rank == 1);
  }
  for (auto& [set, f] : by_set) {
    for (double* sum : {&f.loss, &f.first, &f.third}) *sum /= static_cast<double>(f.cases);
    f.ece = kept[set].expected_error();
  }
  return by_set;
}

double cause_fitting::objective(const posterior_weights& w, const posterior_weights& start,
                                const std::string& leave_out) const {
  std::map<std::string, std::pair<double, std::size_t>> by_set;
  for (const auto& c : cases_) {
    const auto share = shares_.find(c->set);
    if (c->set == leave_out || share == shares_.end() || share->second <= 0) continue;
    auto& [loss, count] = by_set[c->set];
    loss += judge(*c, w, false).loss;
    ++count;
  }
  double sum = 0, total = 0;
  for (const auto& [set, of] : by_set) {
    const double share = shares_.at(set);
    sum += share * of.first / static_cast<double>(of.second);
    total += share;
  }
  double cost = total > 0 ? sum / total : 0;
  for (const fitted_weight& f : fitted_weights()) {
    const double moved = (w.*f.member - start.*f.member) / (f.most - f.least);
    cost += pull * moved * moved;
  }
  return cost;
}

posterior_weights cause_fitting::fit(const posterior_weights& start, const std::string& leave_out,
                                     std::size_t rounds,
                                     const std::function<void(std::size_t, double)>& told) const {
  posterior_weights best = start;
  double least = objective(best, start, leave_out);
  double step = first_step;
  for (std::size_t round = 0; round < rounds; ++round) {
    bool any = false;
    for (const fitted_weight& f : fitted_weights()) {
      for (const int way : {1, -1}) {
        posterior_weights tried = best;
        tried.*f.member = std::clamp(best.*f.member + way * step * (f.most - f.least),
                                     std::min(f.least, start.*f.member), f.most);
        if (tried.*f.member == best.*f.member) continue;
        const double cost = objective(tried, start, leave_out);
        if (cost >= least - least_gain) continue;
        least = cost;
        best = tried;
        any = true;
        break;
      }
    }
    told(round + 1, least);
    if (!any || round % 2 == 1) step /= 2;
  }
  return best;
}

std::vector<gate_row> cause_fitting::gate(const posterior_weights& w,
                                          const std::vector<double>& weights,
                                          std::uint64_t seed) const {
  std::vector<verdict> without;
  for (const auto& c : cases_) without.push_back(judge(*c, w, false));
  std::vector<gate_row> rows;
  for (const double weight : weights) {
    posterior_weights with = w;
    with.ranker = weight;
    std::map<std::string, std::vector<double>> gains;
    std::map<std::string, gate_row> by_set;
    for (std::size_t n = 0; n < cases_.size(); ++n) {
      const verdict v = judge(*cases_[n], with, true);
      const bool apart = shares_.at(cases_[n]->set) <= 0;
      for (const std::string& set : {cases_[n]->set, std::string{apart ? held_out : ""}}) {
        if (set.empty()) continue;
        gains[set].push_back(without[n].loss - v.loss);
        gate_row& row = by_set[set];
        row.first_without += without[n].rank == 1 ? 1 : 0;
        row.first_with += v.rank == 1 ? 1 : 0;
      }
    }
    for (auto& [set, row] : by_set) {
      const auto& of = gains[set];
      row.set = set;
      row.weight = weight;
      row.cases = of.size();
      const auto count = static_cast<double>(of.size());
      row.first_without /= count;
      row.first_with /= count;
      for (const double g : of) row.gain += g / count;
      random_source rng{seed, "gate of " + set};
      std::vector<double> means;
      for (std::size_t r = 0; r < resamples; ++r) {
        double sum = 0;
        for (std::size_t n = 0; n < of.size(); ++n) sum += of[rng.below(of.size())];
        means.push_back(sum / count);
      }
      row.low = quantile_of(means, 0.025);
      row.high = quantile_of(means, 0.975);
      rows.push_back(row);
    }
  }
  return rows;
}

}  // namespace faultline
