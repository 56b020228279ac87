// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include <nlohmann/json.hpp>

#include "lab/cause_questions.hpp"
#include "lab/evaluation_run.hpp"
#include "lab/internal/json_text.hpp"

namespace faultline {

namespace {

/// How long after an onset the ranking is taken, and in how many rows at least.
constexpr milliseconds look_least{10 * 60 * 1000};
constexpr std::int64_t look_rows = 2;
/// Likewise after the full effect of a fault that came slowly, where it is known.
constexpr milliseconds after_full_effect{2 * 60 * 1000};
/// Age of a change that may still be a cause, as the correlator keeps them.
constexpr milliseconds change_age{6 * 3600 * 1000};

/// @p causes without entities that may not be ranked; the rest and what is unobserved add up to 1.
std::vector<ranked_cause> candidates_of(const std::vector<ranked_cause>& causes, double unobserved,
                                        const telemetry& scored) {
  if (scored.candidates.empty()) return causes;
  const std::set<std::string> may{scored.candidates.begin(), scored.candidates.end()};
  std::vector<ranked_cause> kept;
  double sum = unobserved;
  for (const ranked_cause& c : causes) {
    if (may.count(c.entity) == 0) continue;
    kept.push_back(c);
    sum += c.probability;
  }
  if (sum > 0)
    for (ranked_cause& c : kept) c.probability /= sum;
  return kept;
}

void take_alerting(std::map<std::string, double>& worst, const std::string& entity, double score) {
  const auto [at, fresh] = worst.emplace(entity, score);
  if (!fresh) at->second = std::max(at->second, score);
}

std::vector<std::pair<std::string, double>> list_of(const std::map<std::string, double>& worst) {
  return {worst.begin(), worst.end()};
}

/// The incident whose page an operator reads when @p fault is looked into at @p by: the first that
/// began since the fault did, else, of those that were open already, the one that began last.
const incident_history* page_for(const incident_run& run, const fault_label& fault, event_time by) {
  const incident_history* fresh = nullptr;
  const incident_history* older = nullptr;
  for (const incident_history& i : run.incidents) {
    if (i.started > by || (i.ended && *i.ended < fault.start)) continue;
    if (i.started >= fault.start) {
      if (fresh == nullptr || i.started < fresh->started) fresh = &i;
    } else if (older == nullptr || i.started > older->started) {
      older = &i;
    }
  }
  return fresh != nullptr ? fresh : older;
}

/// The answer that stood about @p i at @p as_of.
void answer_from(const incident_run& run, const incident_history& i, const telemetry& scored,
                 cause_answer& out) {
  out.incident = i.id;
  out.onset = i.started;
  const incident* stands = nullptr;
  for (const incident& told : i.told)
    if (told.updated <= out.as_of) stands = &told;
  if (stands == nullptr) return;
  out.abstained = stands->abstained;
  out.causes = candidates_of(stands->causes, stands->unobserved, scored);
  const std::set<std::string> members{stands->alerts.begin(), stands->alerts.end()};
  std::map<std::string, double> worst;
  for (const alert_word& a : run.alerts)
    if (a.at <= out.as_of && members.count(a.id) != 0) take_alerting(worst, a.entity, a.score);
  out.alerting = list_of(worst);
}

}  // namespace

milliseconds look_for(const telemetry& scored) {
  const auto interval = static_cast<std::int64_t>(1000 * scored.interval_s);
  return std::max(look_least, milliseconds{look_rows * interval});
}

given_onset given_for(const telemetry& scored, const fault_label& fault) {
  const milliseconds interval{static_cast<std::int64_t>(1000 * scored.interval_s)};
  given_onset at{fault.start, {}};
  if (fault.visible_from) at.start = std::max(at.start, *fault.visible_from - interval);
  event_time look = at.start + look_for(scored);
  if (fault.full_effect) look = std::max(look, *fault.full_effect + after_full_effect);
  at.as_of = std::min(std::max(fault.end, at.start + interval), look);
  return at;
}

rca_question question_at(const telemetry& scored, const given_onset& onset, const runner& judge) {
  rca_question q;
  q.incident = "given";
  q.onset = onset.start;
  q.as_of = onset.as_of;
  std::map<std::string, std::vector<alert>> firing;
  for (alert& a : judge.correlator().firing())
    if (a.started >= onset.start) firing[a.entity].push_back(std::move(a));
  std::set<std::string> asked;
  const auto ask = [&](const std::string& entity) {
    if (!asked.insert(entity).second) return;
    rca_node node;
    node.entity = entity;
    node.window = judge.window_of(entity, onset.as_of);
    if (const auto at = firing.find(entity); at != firing.end()) node.alerts = at->second;
    q.nodes.push_back(std::move(node));
  };
  for (const std::string& entity : scored.candidates) ask(entity);
  for (const entity_series& series : scored.entities) ask(series.id);
  for (const topology_edge& e : judge.correlator().edges())
    if (asked.count(e.from) != 0 && asked.count(e.to) != 0)
      q.edges.push_back({e.from, e.to, e.kind, e.confidence});
  for (const change_row& c : scored.changes)
    if (c.ts >= onset.start - change_age && c.ts <= onset.as_of && asked.count(c.entity) != 0)
      q.changes.push_back({c.entity, c.kind, c.summary, c.ts});
  return q;
}

cause_answer answer_to(const rca_question& q, const telemetry& scored,
                       const root_cause_options& options, cause_ranker* ranker,
                       const posterior_weights& weights) {
  const root_cause_result found = find_root_cause(q, options, {}, ranker, weights);
  cause_answer out;
  out.onset = q.onset;
  out.as_of = q.as_of;
  out.abstained = found.abstained;
  out.causes = candidates_of(found.causes, found.unobserved, scored);
  std::map<std::string, double> worst;
  for (const rca_node& node : q.nodes)
    for (const alert& a : node.alerts) take_alerting(worst, a.entity, a.score);
  out.alerting = list_of(worst);
  return out;
}

std::vector<fault_label> scored_faults(const telemetry& scored, const labels& truth) {
  std::vector<fault_label> out;
  for (const fault_label& fault : truth.faults)
    if (fault.end >= scored_from(scored)) out.push_back(fault);
  return out;
}

incident_run run_incidents(const evaluation_input& input, const evaluation_options& options,
                           const evaluation_models& models, const evaluation_progress& progress) {
  incident_run run;
  std::map<std::string, std::size_t> place;
  evaluation_pass pass{input, options, models};
  pass.judge().on_feed = [&](const feed_event& said) {
    if (said.what == feed_event::kind::alert)
      run.alerts.push_back(
          {said.alert.id, said.alert.entity, said.alert.updated, said.alert.score});
    if (said.what != feed_event::kind::incident) return;
    const incident& i = said.incident;
    const auto [at, fresh] = place.emplace(i.id, run.incidents.size());
    if (fresh) run.incidents.push_back({i.id, i.started, {}, {}});
    incident_history& known = run.incidents[at->second];
    known.ended = i.ended;
    known.told.push_back(i);
    for (ranked_cause& c : known.told.back().causes) {  // sentences are not kept
      c.evidence.clear();
      c.counter_evidence.clear();
      c.remediation.clear();
    }
  };
  pass.run(progress);
  run.signs = pass.judge().correlator().signs();
  return run;
}

std::vector<cause_answer> match_incidents(const incident_run& run, const telemetry& scored,
                                          const labels& truth, double grace) {
  std::vector<cause_answer> answers;
  const milliseconds late{static_cast<std::int64_t>(1000 * grace * scored.interval_s)};
  for (const fault_label& fault : scored_faults(scored, truth)) {
    cause_answer answer;
    answer.recording = scored.name;
    answer.fault = fault.id;
    const event_time by = fault.end + late;
    if (const incident_history* page = page_for(run, fault, by); page != nullptr) {
      answer.as_of = std::min(by, std::max(page->started, fault.start) + look_for(scored));
      answer.predates = page->started < fault.start;
      answer_from(run, *page, scored, answer);
    }
    answers.push_back(std::move(answer));
  }
  return answers;
}

incident_rate rate_of(const incident_run& run, const telemetry& scored, const labels& truth) {
  const milliseconds after = look_for(scored);
  const auto quiet = [&](event_time t) {
    return t >= scored_from(scored) &&
           std::none_of(truth.faults.begin(), truth.faults.end(),
                        [&](const fault_label& f) { return t >= f.start && t <= f.end + after; });
  };
  incident_rate rate;
  rate.signs = run.signs;
  for (const entity_series& series : scored.entities) {
    const auto rows = std::count_if(series.ts.begin(), series.ts.end(), quiet);
    rate.entity_days += static_cast<double>(rows) * scored.interval_s / 86'400;
  }
  for (const incident_history& i : run.incidents) {
    if (!quiet(i.started)) continue;
    ++(i.told.front().alerts.empty() ? rate.by_sign : rate.paged);
  }
  return rate;
}

std::vector<cause_answer> ask_at_onsets(const evaluation_input& input,
                                        const std::vector<given_onset>& onsets,
                                        const evaluation_options& options,
                                        const evaluation_models& models,
                                        const evaluation_progress& progress) {
  std::vector<std::size_t> order(onsets.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return onsets[a].as_of < onsets[b].as_of; });
  std::vector<event_time> moments;
  for (const std::size_t n : order) moments.push_back(onsets[n].as_of);
  std::vector<cause_answer> answers(onsets.size());
  evaluation_pass pass{input, options, models};
  pass.stop_at(std::move(moments), [&](std::size_t moment) {
    const std::size_t n = order[moment];
    const rca_question q = question_at(input.scored, onsets[n], pass.judge());
    answers[n] = answer_to(q, input.scored, options.root_cause, models.ranker, {});
  });
  pass.run(progress);
  return answers;
}

outcome<std::vector<cause_answer>> evaluate_root_cause(
    const evaluation_input& input, const std::filesystem::path& path, onset_source onset,
    const evaluation_options& options, const evaluation_models& models,
    const evaluation_progress& progress, incident_rate* quiet) {
  if (onset == onset_source::own) {
    const incident_run run = run_incidents(input, options, models, progress);
    const auto truth = read_labels(path);
    if (!truth) return truth.error();
    if (quiet != nullptr) *quiet = rate_of(run, input.scored, *truth);
    return match_incidents(run, input.scored, *truth, options.own_grace);
  }
  const auto truth = read_labels(path);
  if (!truth) return truth.error();
  const std::vector<fault_label> faults = scored_faults(input.scored, *truth);
  std::vector<given_onset> onsets;
  for (const fault_label& fault : faults) onsets.push_back(given_for(input.scored, fault));
  auto answers = ask_at_onsets(input, onsets, options, models, progress);
  for (std::size_t n = 0; n < faults.size(); ++n) {
    answers[n].recording = input.scored.name;
    answers[n].fault = faults[n].id;
  }
  return answers;
}

outcome<std::vector<cause_answer>> evaluate_root_cause(
    const std::filesystem::path& path, onset_source onset, const evaluation_options& options,
    const evaluation_models& models, const evaluation_progress& progress, incident_rate* quiet) {
  const auto input = read_evaluation_input(path);
  if (!input) return input.error();
  return evaluate_root_cause(*input, path, onset, options, models, progress, quiet);
}

std::string causes_line(const cause_answer& answer) {
  using json = nlohmann::ordered_json;
  json line{
      {"recording", answer.recording}, {"fault", answer.fault}, {"abstained", answer.abstained}};
  line["causes"] = json::array();
  for (const ranked_cause& c : answer.causes) {
    json cause{{"entity", c.entity}};
    if (!c.metric.empty()) cause["metric"] = c.metric;
    if (!c.fault_class.empty()) cause["fault_class"] = c.fault_class;
    cause["probability"] = c.probability;
    line["causes"].push_back(std::move(cause));
  }
  line["alerting"] = json::array();
  for (const auto& [entity, score] : answer.alerting)
    line["alerting"].push_back({{"entity", entity}, {"severity", score}});
  if (!answer.incident.empty()) {
    line["incident"] = answer.incident;
    line["predates"] = answer.predates;
  }
  if (answer.as_of != event_time{}) {
    line["onset"] = unix_ms(answer.onset);
    line["as_of"] = unix_ms(answer.as_of);
  }
  return json_text(line);
}

}  // namespace faultline
