// SPDX-License-Identifier: Apache-2.0
#include "lab/detection_study.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "judgement/calibration.hpp"

namespace faultline {

namespace {

constexpr double days_of_month = 30;
constexpr std::size_t candidates_of_a_sweep = 80;

double seconds_between(event_time from, event_time to) {
  return static_cast<double>((to - from).count()) / 1000;
}

double step_seconds(const scored_truth& truth) {
  return static_cast<double>(truth.step().count()) / 1000;
}

fault_outcome outcome_of(const fault_verdict& v, const judged_recording& r) {
  const fault_label& f = *v.fault;
  fault_outcome o;
  o.set = r.set;
  o.recording = r.name;
  o.id = f.id;
  o.type = f.type;
  o.form = f.form;
  o.visible = f.visible.value_or(true);
  o.impact = f.impact.value_or(false);
  o.unseen = f.unseen;
  o.paged = v.paged.has_value();
  o.overlapped = v.overlapped;
  o.ramp_s = f.ramp_end ? seconds_between(f.start, *f.ramp_end) : 0;
  o.effect_s = f.full_effect ? seconds_between(f.start, *f.full_effect) : 0;
  if (!v.paged) return o;
  o.delay_ticks =
      seconds_between(f.visible_from.value_or(f.start), *v.paged) / step_seconds(r.truth);
  o.lead_s = f.full_effect ? seconds_between(*v.paged, *f.full_effect) : 0;
  return o;
}

void append(const recording_verdict& verdict, const judged_recording& r, detector_outcome& to) {
  for (const auto& f : verdict.faults) to.faults.push_back(outcome_of(f, r));
  for (std::size_t e = 0; e < r.entities.size(); ++e) {
    const auto& v = verdict.entities[e];
    to.entities.push_back(
        {r.set, r.name, r.entities[e], static_cast<double>(v.free_rows) * verdict.step_days, v});
  }
}

std::vector<std::string> ids_of(const telemetry& t) {
  std::vector<std::string> out;
  for (const auto& series : t.entities) out.push_back(series.id);
  return out;
}

recording_alarms alarms_of(const detection_run& run, const telemetry& t) {
  recording_alarms out(t.entities.size());
  for (const auto& a : run.alerts)
    if (const auto at = t.find(a.entity))
      out[*at].push_back({a.started, a.ended.value_or(event_time::max() - milliseconds{1})});
  return out;
}

/// The scores on the rows of the truth: of each the largest of the interval that ends with it, 0
/// where nothing was said.
std::vector<std::vector<float>> scores_of(const detection_run& run, const telemetry& t,
                                          const scored_truth& truth) {
  std::vector<std::vector<scored_tick>> said(truth.entities());
  for (const auto& s : run.scores)
    if (const auto e = t.find(run.entities[s.entity])) said[*e].push_back(s);
  std::vector<std::vector<float>> out;
  for (std::size_t e = 0; e < truth.entities(); ++e) {
    out.emplace_back();
    std::size_t from = 0, to = 0;
    for (const event_time row : truth.rows(e)) {
      while (to < said[e].size() && said[e][to].ts <= row) ++to;
      while (from < to && row - said[e][from].ts >= truth.step()) ++from;
      float most = 0;
      for (std::size_t n = from; n < to; ++n) most = std::max(most, said[e][n].score);
      out.back().push_back(most);
    }
  }
  return out;
}

/// How well @p scores, by entity and row, put the faulty rows above the others.
void rank(const judged_recording& r, const std::vector<std::vector<float>>& scores,
          std::size_t vus_buffer, detector_outcome& to) {
  const auto& truth = r.truth;
  for (std::size_t e = 0; e < truth.entities(); ++e) {
    std::vector<bool> label;
    std::vector<float> score;
    for (std::size_t i = 0; i < scores[e].size(); ++i) {
      if (!truth.counted(e)[i]) continue;
      label.push_back(truth.faulty(e)[i]);
      score.push_back(scores[e][i]);
      to.probabilities.add(scores[e][i], label.back());
    }
    const auto ap = average_precision(label, score);
    if (!ap) continue;
    const auto faulty = static_cast<double>(std::count(label.begin(), label.end(), true));
    const auto vus = vus_pr(label, score, std::min(vus_buffer, label.size() / 10));
    to.rankings.push_back({r.set, r.name, r.entities[e], *ap, vus.value_or(0),
                           faulty / static_cast<double>(label.size())});
  }
}

}  // namespace

std::vector<study_variant> variants_at(const evaluation_options& options,
                                       const std::vector<double>& per_month, bool forecaster) {
  std::vector<study_variant> out;
  for (const double budget : per_month) {
    study_variant v;
    v.options = options;
    v.options.detection.false_pages_per_entity_month = budget;
    v.with_forecaster = forecaster;
    v.with_rankings = out.empty();
    out.push_back(std::move(v));
  }
  return out;
}

std::vector<study_variant> ablation_variants(const evaluation_options& options, bool forecaster) {
  std::vector<study_variant> out;
  const auto add = [&](std::string name, std::uint32_t without, bool lstm) {
    study_variant v;
    v.name = std::move(name);
    v.options = options;
    v.options.detection.without_views |= without;
    v.with_forecaster = lstm;
    out.push_back(std::move(v));
  };
  add("all", 0, forecaster);
  if (forecaster) add("without the LSTM", 0, false);
  for (std::size_t i = 0; i < view_count; ++i) {
    const auto which = static_cast<view>(i);
    if (which == view::model) continue;  // is the LSTM
    add(std::string{"without "} + to_string(which), std::uint32_t{1} << i, forecaster);
  }
  return out;
}

std::uint64_t detection_study::work(const evaluation_input& input) const {
  return input.events() * options_.variants.size();
}

void detection_study::add(const std::string& set, const evaluation_input& input,
                          const labels& truth, const evaluation_models& models,
                          const evaluation_progress& progress) {
  if (variants_.empty())
    for (const auto& v : options_.variants)
      variants_.push_back(
          {v.name, v.options.detection.false_pages_per_entity_month, false, {}, {}, {}, {}});
  kept k{{set, input.scored.name, ids_of(input.scored), scored_truth{input.scored, truth}}, {}, {}};
  std::uint64_t before = 0;
  for (std::size_t v = 0; v < options_.variants.size(); ++v) {
    run_variant(v, input, truth, k, models, [&](std::uint64_t done) {
      if (progress) progress(before + done);
    });
    before += input.events();
  }
  if (!options_.baselines) return;
  k.levels = sigma_levels(input);
  global_.add(k.levels, k.truth.step(), k.truth.merge());
  kept_.push_back(std::move(k));
}

void detection_study::run_variant(std::size_t v, const evaluation_input& input, const labels& truth,
                                  kept& into, const evaluation_models& models,
                                  const evaluation_progress& progress) {
  const study_variant& variant = options_.variants[v];
  evaluation_models with = models;
  if (!variant.with_forecaster) with.forecast = nullptr;
  const auto run = run_detection(input, variant.options, with, progress);
  append(into.truth.judge(alarms_of(run, input.scored)), into, variants_[v]);
  if (!variant.with_rankings && v != 0) return;
  auto scores = scores_of(run, input.scored, into.truth);
  if (variant.with_rankings) {
    rank(into, scores, options_.vus_buffer, variants_[v]);
    variants_[v].heads[into.set].add(run, truth, into.truth.step());
  }
  if (v == 0) into.scores = std::move(scores);
}

void detection_study::add_baselines(double per_month, std::vector<detector_outcome>& out) const {
  const double per_day = per_month / days_of_month;
  detector_outcome global{"one global k-sigma", per_month, false, {}, {}, {}, {}};
  detector_outcome own{"limits per entity", per_month, false, {}, {}, {}, {}};
  const double k = global_.at(per_day);
  for (const kept& r : kept_) {
    recording_alarms by_global, by_own;
    for (std::size_t e = 0; e < r.entities.size(); ++e) {
      const double limit = calibrated_limit(r.levels.training_rows[e], r.levels.training[e],
                                            r.truth.step(), r.truth.merge(), per_day);
      by_global.push_back(spans_above(r.truth.rows(e), r.levels.scored[e], k, r.truth.step()));
      by_own.push_back(spans_above(r.truth.rows(e), r.levels.scored[e], limit, r.truth.step()));
    }
    append(r.truth.judge(by_global), r, global);
    append(r.truth.judge(by_own), r, own);
  }
  out.push_back(std::move(global));
  out.push_back(std::move(own));
}

namespace {

/// Distinct values at geometrically spaced ranks, dense among the highest.
std::vector<double> candidates(std::vector<float> values) {
  values.erase(std::remove_if(values.begin(), values.end(), [](float v) { return !(v > 0); }),
               values.end());
  std::sort(values.begin(), values.end(), std::greater<>{});
  std::vector<double> out;
  const auto size = static_cast<double>(values.size());
  double rank = 1;
  const double factor = std::pow(std::max(size, 2.0), 1.0 / candidates_of_a_sweep);
  while (rank <= size) {
    const double v = values[static_cast<std::size_t>(rank) - 1];
    if (out.empty() || v < out.back()) out.push_back(v);
    rank = std::max(rank + 1, rank * factor);
  }
  return out;
}

/// A recording and what a limit is tried on: by entity and row.
struct swept {
  const judged_recording* of;
  std::vector<std::vector<float>> level;
};

detector_outcome judged_at(const std::vector<swept>& all, double limit, const std::string& name,
                           double per_month) {
  detector_outcome out{name, per_month, true, {}, {}, {}, {}};
  for (const swept& s : all) {
    recording_alarms alarms;
    const auto& truth = s.of->truth;
    for (std::size_t e = 0; e < s.of->entities.size(); ++e)
      alarms.push_back(spans_above(truth.rows(e), s.level[e], limit, truth.step()));
    append(truth.judge(alarms), *s.of, out);
  }
  return out;
}

/// The best limit within a rate of false episodes a day and a share of time under alarm.
detector_outcome best_within(const std::vector<swept>& all, const std::string& name,
                             double per_month, double per_day, double most_alarm) {
  std::vector<float> values;
  for (const swept& s : all)
    for (const auto& level : s.level)
      for (std::size_t i = 0; i < level.size(); i += 7) values.push_back(level[i]);
  detector_outcome best = judged_at(all, 1e30, name, per_month);
  std::size_t most = 0;
  for (const double limit : candidates(std::move(values))) {
    auto tried = judged_at(all, limit, name, per_month);
    double days = 0, rows = 0, under = 0, wrong = 0;
    for (const auto& e : tried.entities) {
      days += e.free_days;
      rows += static_cast<double>(e.verdict.free_rows);
      under += static_cast<double>(e.verdict.alarm_rows);
      wrong += static_cast<double>(e.verdict.false_episodes);
    }
    if (wrong > per_day * days || under > most_alarm * rows) continue;
    const auto hits = static_cast<std::size_t>(
        std::count_if(tried.faults.begin(), tried.faults.end(),
                      [](const fault_outcome& f) { return f.paged && f.visible; }));
    if (hits > most) most = hits, best = std::move(tried);
  }
  return best;
}

}  // namespace

void detection_study::add_oracles(const detector_outcome& like,
                                  std::vector<detector_outcome>& out) const {
  double wrong = 0, days = 0;
  for (const auto& e : like.entities) {
    wrong += static_cast<double>(e.verdict.false_episodes);
    days += e.free_days;
  }
  const double per_day =
      days > 0 ? std::max(wrong / days, like.promised_per_month / days_of_month) : 0;
  std::vector<swept> score, global, own;
  for (const kept& r : kept_) {
    swept s{&r, r.scores};
    score.push_back(s);
    s.level = r.levels.scored;
    global.push_back(s);
    for (std::size_t e = 0; e < r.entities.size(); ++e) {
      const double limit =
          calibrated_limit(r.levels.training_rows[e], r.levels.training[e], r.truth.step(),
                           r.truth.merge(), like.promised_per_month / days_of_month);
      for (float& v : s.level[e]) v = static_cast<float>(static_cast<double>(v) / limit);
    }
    own.push_back(std::move(s));
  }
  const auto add = [&](const std::vector<swept>& all, const char* name) {
    out.push_back(
        best_within(all, name, like.promised_per_month, per_day, options_.max_alarm_share));
  };
  add(score, "faultline's scores, oracle");
  add(global, "one global k-sigma, oracle");
  add(own, "limits per entity, oracle");
}

std::vector<detector_outcome> detection_study::finish() {
  std::vector<detector_outcome> out = std::move(variants_);
  if (!options_.baselines) return out;
  const std::size_t own = out.size();
  for (std::size_t v = 0; v < own; ++v) add_baselines(out[v].promised_per_month, out);
  if (own > 0) add_oracles(out[0], out);
  return out;
}

}  // namespace faultline
