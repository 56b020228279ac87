// SPDX-License-Identifier: Apache-2.0
#include "lab/cause_study.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <utility>

#include "lab/cause_baselines.hpp"
#include "lab/cause_questions.hpp"
#include "lab/evaluation_run.hpp"
#include "lab/rng.hpp"
#include "lab/simulator.hpp"

namespace faultline {

namespace {

using wall_clock = std::chrono::steady_clock;

bool sees_all(const cause_variant& v) {
  return v.graph && v.edges && v.alerts && v.changes && v.told && v.words;
}

/// @p q as @p v sees it.
rca_question seen_by(const cause_variant& v, rca_question q) {
  if (!v.graph) q.edges.clear();
  if (!v.changes) q.changes.clear();
  for (rca_node& n : q.nodes) {
    if (!v.alerts) n.alerts.clear();
    if (!v.told) n.window.told.reset();
    if (!v.words && n.window.told) {
      auto told = std::make_shared<entity_window>(*n.window.told);
      told->words.clear();
      n.window.told = std::move(told);
    }
    if (v.edges) continue;
    auto& metrics = n.window.metrics;
    metrics.erase(std::remove_if(metrics.begin(), metrics.end(),
                                 [](const metric_window& m) {
                                   const auto scope = meaning_of(m.name).scope;
                                   return scope == metric_scope::out || scope == metric_scope::in;
                                 }),
                  metrics.end());
  }
  return q;
}

/// Moments in the second half of the training rows, evenly apart, without a fault near them.
std::vector<given_onset> quiet_moments(const telemetry& t, const labels& truth, std::size_t count) {
  event_time first = event_time::max();
  for (const entity_series& e : t.entities)
    if (!e.ts.empty()) first = std::min(first, e.ts.front());
  const event_time last = t.train_until;
  std::vector<given_onset> out;
  if (!t.train_recording.empty() || first >= last) return out;
  const auto half = (last - first) / 2;
  const milliseconds look = look_for(t);
  for (std::size_t n = 0; n < count; ++n) {
    const event_time at = first + half + half * static_cast<int>(n) / static_cast<int>(count);
    const bool faulty = std::any_of(
        truth.faults.begin(), truth.faults.end(),
        [&](const fault_label& f) { return at + look >= f.start && at <= f.end + look; });
    if (!faulty && at + look < last) out.push_back({at, at + look});
  }
  return out;
}

std::vector<std::string> candidates_in(const telemetry& t) {
  if (!t.candidates.empty()) return t.candidates;
  std::vector<std::string> all;
  for (const entity_series& e : t.entities) all.push_back(e.id);
  return all;
}

}  // namespace

std::vector<cause_variant> cause_ablations() {
  std::vector<cause_variant> out{{"faultline", {}}};
  const auto without = [&](const char* what, auto change) {
    cause_variant v{std::string{"without "} + what, {}};
    change(v);
    out.push_back(std::move(v));
  };
  without("the ranker", [](cause_variant& v) { v.ranker = false; });
  without("the topology", [](cause_variant& v) { v.graph = false; });
  without("edge evidence", [](cause_variant& v) { v.edges = false; });
  without("alerts", [](cause_variant& v) { v.alerts = false; });
  without("own evidence by class", [](cause_variant& v) { v.weights.own = 0; });
  without("explaining others", [](cause_variant& v) { v.weights.reach = 0; });
  without("onset order", [](cause_variant& v) { v.weights.order = 0; });
  without("magnitude", [](cause_variant& v) { v.weights.magnitude = 0; });
  without("logs and spans", [](cause_variant& v) { v.told = false; });
  without("change events", [](cause_variant& v) { v.changes = false; });
  without("brevity", [](cause_variant& v) { v.weights.evidence.brief = 1; });
  without("temperature", [](cause_variant& v) { v.weights.temperature = 1; });
  return out;
}

cause_row& cause_study::row(const std::string& set, const std::string& method) {
  for (cause_row& r : rows_)
    if (r.set == set && r.method == method) return r;
  rows_.push_back({set, method, {}, 0, 0});
  return rows_.back();
}

void cause_study::ask(const std::string& set, const evaluation_input& input,
                      const fault_label* fault, const given_onset& at, const runner& judge,
                      const evaluation_models& models) {
  const auto began = wall_clock::now();
  const rca_question q = question_at(input.scored, at, judge);
  const std::vector<std::string> candidates = candidates_in(input.scored);
  const auto severities = baseline_alerts(q);
  for (std::size_t n = 0; n < options_.variants.size(); ++n) {
    const cause_variant& v = options_.variants[n];
    const auto from = n == 0 ? began : wall_clock::now();
    std::optional<rca_question> less;
    if (!sees_all(v)) less = seen_by(v, q);
    const cause_answer answer = answer_to(less ? *less : q, input.scored, options_.judge.root_cause,
                                          v.ranker ? models.ranker : nullptr, v.weights);
    if (n == 0) {
      const std::chrono::duration<double, std::milli> took = wall_clock::now() - from;
      times_.emplace_back(q.nodes.size(), took.count());
    }
    cause_row& r = row(set, v.name);
    if (fault == nullptr) {
      ++r.quiet;
      r.quiet_silent += answer.abstained ? 1 : 0;
    } else {
      r.figures.add(
          judge_causes(answer.causes, answer.abstained, severities, candidates, fault->roots));
    }
  }
  if (!options_.baselines || fault == nullptr) return;
  for (const cause_baseline b : every_cause_baseline) {
    row(set, to_string(b))
        .figures.add(
            judge_causes(baseline_causes(b, q), false, severities, candidates, fault->roots));
  }
}

void cause_study::add(const std::string& set, const evaluation_input& input, const labels& truth,
                      const evaluation_models& models, const evaluation_progress& progress) {
  const std::vector<fault_label> faults = scored_faults(input.scored, truth);
  std::vector<std::pair<given_onset, const fault_label*>> moments;
  for (const fault_label& f : faults)
    if (f.visible.value_or(true)) moments.emplace_back(given_for(input.scored, f), &f);
  for (const given_onset& at : quiet_moments(input.scored, truth, options_.quiet))
    moments.emplace_back(at, nullptr);
  std::stable_sort(moments.begin(), moments.end(),
                   [](const auto& a, const auto& b) { return a.first.as_of < b.first.as_of; });
  std::vector<event_time> stops;
  for (const auto& [at, fault] : moments) stops.push_back(at.as_of);
  evaluation_pass pass{input, options_.judge, models};
  pass.stop_at(std::move(stops), [&](std::size_t n) {
    ask(set, input, moments[n].second, moments[n].first, pass.judge(), models);
  });
  pass.run(progress);
  if (options_.own) add_own(set, input, truth, models, progress);
}

void cause_study::add_own(const std::string& set, const evaluation_input& input,
                          const labels& truth, const evaluation_models& models,
                          const evaluation_progress& progress) {
  const incident_run run = run_incidents(input, options_.judge, models, progress);
  const auto answers = match_incidents(run, input.scored, truth, options_.judge.own_grace);
  const auto faults = scored_faults(input.scored, truth);
  const std::vector<std::string> candidates = candidates_in(input.scored);
  for (std::size_t n = 0; n < answers.size(); ++n) {
    if (!faults[n].visible.value_or(true)) continue;
    row(set, "faultline, own onset")
        .figures.add(judge_causes(answers[n].causes, answers[n].abstained, answers[n].alerting,
                                  candidates, faults[n].roots));
  }
}

std::pair<double, std::size_t> cause_study::slowest_ms(std::size_t nodes) const {
  std::vector<double> took;
  for (const auto& [size, ms] : times_)
    if (size >= nodes) took.push_back(ms);
  return {took.empty() ? 0 : quantile_of(took, 0.95), took.size()};
}

outcome<void> simulated_causes(
    std::size_t systems, std::uint64_t seed, bool told,
    const std::function<void(const std::string&, const evaluation_input&, const labels&)>& each) {
  for (std::size_t n = 0; n < 2 * systems; ++n) {
    const bool unseen = n >= systems;
    simulation_options o = split_system(data_split::test, 1000 * seed + n);
    random_source rng{o.seed, "size of a cause system"};
    o.services = static_cast<std::size_t>(20 * portable_exp(rng.uniform() * portable_log(10)));
    o.duration = seconds{3 * 3600};
    if (told) o.log_lines_per_hour = 60, o.traces_per_minute = 20;
    if (unseen) {
      o.types.clear();
      for (const fault_type type : every_fault_type())
        if (is_held_out(type)) o.types.push_back(type);
    }
    auto system = simulate(o);
    if (!system) return system.error();
    const evaluation_input input{std::move(system->observed), {}};
    each(unseen ? "simulated, unseen types" : "simulated", input, system->truth);
  }
  return {};
}

}  // namespace faultline
