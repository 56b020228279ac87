// SPDX-License-Identifier: Apache-2.0
#include "lab/evaluation_run.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "lab/evaluation_events.hpp"
#include "processing/tick_builder.hpp"

namespace faultline {

namespace {

constexpr std::uint64_t progress_step = 1024;

runner_options options_for(const evaluation_options& options, const evaluation_models& models) {
  auto rules = std::make_shared<judgement_rules>();
  rules->processing = options.processing;
  rules->processing.accept_past = true;
  rules->detection = options.detection;
  if (models.forecast != nullptr) rules->model = models.forecast->identity();
  runner_options out;
  out.rules = std::move(rules);
  out.correlation = options.correlation;
  out.correlation.false_incidents_per_entity_month =
      options.false_incidents.value_or(options.detection.false_pages_per_entity_month);
  out.root_cause = options.root_cause;
  return out;
}

/// Whether anything was measured at or after @p from: a row of nothing is no event.
bool says_anything(const entity_series& series, event_time from) {
  for (std::size_t row = series.rows(); row-- > 0 && series.ts[row] >= from;) {
    const double* values = series.row(row);
    if (std::any_of(values, values + series.metrics.size(),
                    [](double value) { return std::isfinite(value); }))
      return true;
  }
  return false;
}

}  // namespace

std::uint64_t evaluation_input::events() const noexcept {
  return count_events(scored) + (training ? count_events(*training) : 0);
}

outcome<evaluation_input> read_evaluation_input(const std::filesystem::path& path) {
  auto scored = read_telemetry(path);
  if (!scored) return scored.error();
  evaluation_input input{std::move(*scored), {}};
  if (input.scored.train_recording.empty()) return input;
  auto training = read_training_part(path, input.scored);
  if (!training) return training.error();
  input.training = std::move(*training);
  const event_time first = scored_from(input.scored);
  for (const auto& series : input.training->entities)
    if (!series.ts.empty() && series.ts.back() >= first)
      return failure{ec::invalid, input.scored.name + ": trains on rows later than its own"};
  return input;
}

std::vector<std::string> what_is_left_out(const evaluation_input& input) {
  std::vector<std::string> out;
  const telemetry& t = input.scored;
  out = t.left_out;
  if (input.training)
    for (const std::string& what : input.training->left_out) out.push_back("training, " + what);
  const event_time from = faultline::scored_from(t);
  const auto late = [from](const auto& row) { return row.ts >= from; };
  bool any = std::any_of(t.logs.begin(), t.logs.end(), late) ||
             std::any_of(t.spans.begin(), t.spans.end(), late);
  for (const entity_series& series : t.entities) {
    any = any || says_anything(series, from);
    constexpr std::size_t most = tick_builder::max_channels;
    if (series.metrics.size() > most)
      out.push_back(series.id + " has " + std::to_string(series.metrics.size()) +
                    " metrics: those beyond the first " + std::to_string(most) +
                    " with a value are left out");
  }
  if (!any)
    out.push_back("nothing at or after train_until, " + std::to_string(unix_ms(t.train_until)) +
                  " ms: nothing is scored");
  return out;
}

evaluation_pass::evaluation_pass(const evaluation_input& input, const evaluation_options& options,
                                 const evaluation_models& models)
    : input_{input},
      runner_{options_for(options, models), models.forecast, models.ranker},
      scored_from_{faultline::scored_from(input.scored)} {
  runner_.set_alerting(false);
}

void evaluation_pass::stop_at(std::vector<event_time> moments,
                              std::function<void(std::size_t)> at) {
  moments_ = std::move(moments);
  at_moment_ = std::move(at);
}

void evaluation_pass::run(const evaluation_progress& progress) {
  if (input_.training) feed(*input_.training, event_time::max(), progress);
  feed(input_.scored, scored_from_, progress);
  pass_moments(event_time::max());
}

void evaluation_pass::feed(const telemetry& source, event_time alerts_from,
                           const evaluation_progress& progress) {
  evaluation_events events{source};
  bool alerting = false;
  event_time last{};
  while (const event_view* event = events.next()) {
    if (!alerting && event->ts >= alerts_from) {
      runner_.set_alerting(true);
      alerting = true;
    }
    pass_moments(event_time_of(unix_ms(event->arrived)));
    runner_.take(*event);
    last = std::max(last, event->ts);
    if (++fed_ % progress_step == 0 && progress) progress(fed_);
  }
  if (last != event_time{}) runner_.advance_to(last);
}

void evaluation_pass::pass_moments(event_time before) {
  while (next_moment_ < moments_.size() && moments_[next_moment_] < before) {
    runner_.advance_to(moments_[next_moment_]);
    at_moment_(next_moment_++);
  }
}

void alert_book::take(const alert& a) {
  const auto [at, fresh] = place_.emplace(a.id, alerts_.size());
  if (fresh) {
    told_alert t;
    t.id = a.id;
    t.entity = a.entity;
    t.metric = a.metric;
    t.started = a.updated;
    t.severity = a.severity;
    t.score = a.score;
    t.lead_time_s = a.lead_time_s;
    alerts_.push_back(std::move(t));
  }
  told_alert& known = alerts_[at->second];
  known.severity = std::max(known.severity, a.severity);
  known.score = std::max(known.score, a.score);
  if (a.state == alert_state::resolved) known.ended = a.ended.value_or(a.updated);
}

}  // namespace faultline
