// SPDX-License-Identifier: Apache-2.0
#include "lab/fault_head.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace faultline {

namespace {

constexpr milliseconds least_ramp{5 * 60 * 1000};
constexpr milliseconds apart{30 * 60 * 1000};
constexpr double cells_a_unit = 20;

std::string text_of(double v, int digits) {
  char text[40];
  std::snprintf(text, sizeof text, "%.*f", digits, v);
  return text;
}

bool builds_up(const fault_label& f) {
  return f.full_effect && *f.full_effect - f.start >= least_ramp && f.visible.value_or(true);
}

}  // namespace

bool is_of_fault(const fault_label& fault, const std::string& entity) {
  const auto has = [&](const std::vector<std::string>& list) {
    return std::find(list.begin(), list.end(), entity) != list.end();
  };
  return has(fault.entities) || has(fault.roots);
}

// The last fault that has something to say says it, as in the training.
soon_truth truth_of_soon(const labels& truth, const std::string& entity, event_time ts) {
  soon_truth said = soon_truth::no;
  for (const fault_label& fault : truth.faults) {
    if (!is_of_fault(fault, entity)) continue;
    const event_time effect = fault.full_effect.value_or(fault.start);
    if (ts >= fault.start && ts <= fault.end + fault_recovery)
      said = ts < effect && effect - ts <= head_horizon ? soon_truth::yes : soon_truth::unknown;
    else if (ts < fault.start && effect - ts <= head_horizon)
      said = soon_truth::unknown;
  }
  return said;
}

void head_study::add(const detection_run& run, const labels& truth, milliseconds interval) {
  std::vector<std::vector<scored_tick>> by_entity(run.entities.size());
  for (const scored_tick& s : run.scores)
    if (s.soon >= 0) by_entity[s.entity].push_back(s);
  constexpr double day_ms = 86'400'000;
  for (std::size_t e = 0; e < by_entity.size(); ++e) {
    labels own;
    for (const fault_label& f : truth.faults)
      if (is_of_fault(f, run.entities[e])) own.faults.push_back(f);
    std::array<event_time, levels.size()> last{};
    for (const scored_tick& s : by_entity[e]) {
      const soon_truth is = truth_of_soon(own, run.entities[e], s.ts);
      if (is == soon_truth::unknown) continue;
      take(s.soon, is == soon_truth::yes);
      if (is == soon_truth::yes) continue;
      free_days_ += static_cast<double>(interval.count()) / day_ms;
      for (std::size_t l = 0; l < levels.size(); ++l) {
        if (static_cast<double>(s.soon) < levels[l]) continue;
        if (s.ts - last[l] >= apart) ++false_[l];
        last[l] = s.ts;
      }
    }
  }
  add_ramps(run, truth, by_entity);
}

void head_study::take(float probability, bool yes) {
  const double p = std::clamp(static_cast<double>(probability), 1e-9, 1 - 1e-9);
  const double cell = cells_a_unit * std::log(p / (1 - p)) + cells / 2.0;
  const auto at = static_cast<std::size_t>(std::clamp(cell, 0.0, cells - 1.0));
  probabilities_.add(p, yes);
  ++(yes ? of_yes_ : of_no_)[at];
  yes_ += yes ? 1 : 0;
}

void head_study::add_ramps(const detection_run& run, const labels& truth,
                           const std::vector<std::vector<scored_tick>>& by_entity) {
  for (const fault_label& f : truth.faults) {
    if (!builds_up(f)) continue;
    const event_time from = std::max(f.start, *f.full_effect - head_horizon);
    float most = -1;
    for (std::size_t e = 0; e < by_entity.size(); ++e) {
      if (!is_of_fault(f, run.entities[e])) continue;
      for (const scored_tick& s : by_entity[e])
        if (s.ts >= from && s.ts < *f.full_effect) most = std::max(most, s.soon);
    }
    if (most < 0) continue;  // nothing was scored then
    ++ramps_;
    for (std::size_t l = 0; l < levels.size(); ++l)
      said_[l] += static_cast<double>(most) >= levels[l] ? 1 : 0;
  }
}

void head_study::add(const head_study& other) {
  probabilities_.add(other.probabilities_);
  for (std::size_t c = 0; c < cells; ++c)
    of_yes_[c] += other.of_yes_[c], of_no_[c] += other.of_no_[c];
  for (std::size_t l = 0; l < levels.size(); ++l)
    said_[l] += other.said_[l], false_[l] += other.false_[l];
  yes_ += other.yes_;
  ramps_ += other.ramps_;
  free_days_ += other.free_days_;
}

double head_study::ranking() const {
  double below = 0, no = 0;
  for (std::size_t c = 0; c < cells; ++c) {
    below += static_cast<double>(of_yes_[c]) * (no + 0.5 * static_cast<double>(of_no_[c]));
    no += static_cast<double>(of_no_[c]);
  }
  const double pairs = no * static_cast<double>(yes_);
  return pairs > 0 ? below / pairs : 0;
}

double head_study::false_a_month(std::size_t level) const {
  return free_days_ > 0 ? 30 * static_cast<double>(false_[level]) / free_days_ : 0;
}

std::string head_markdown(const head_study& s) {
  if (s.yes() == 0) return {};
  std::string out =
      "The forecaster's head for faults that build up, which decides nothing: ranking " +
      text_of(s.ranking(), 3) + " (chance 0.5), Brier " + text_of(s.probabilities().brier(), 5) +
      ", expected calibration error " + text_of(s.probabilities().expected_error(), 5) + " over " +
      std::to_string(s.ticks()) + " ticks, " + std::to_string(s.yes()) +
      " of them within 15 minutes before the full effect.\n\n"
      "| said | ramps it is said of, in their last 15 min | false a month of each "
      "entity |\n|---|---|---|\n";
  for (std::size_t l = 0; l < head_study::levels.size(); ++l)
    out += "| " + text_of(head_study::levels[l], 2) + " and more | " +
           std::to_string(s.ramps_said(l)) + " of " + std::to_string(s.ramps()) + " | " +
           text_of(s.false_a_month(l), 2) + " |\n";
  out += "\n| probability said, mean | came true | ticks |\n|---|---|---|\n";
  for (const auto& b : s.probabilities()) {
    if (b.count == 0) continue;
    const auto n = static_cast<double>(b.count);
    out += "| " + text_of(b.probability / n, 3) + " | " + text_of(b.faults / n, 3) + " | " +
           std::to_string(b.count) + " |\n";
  }
  return out;
}

}  // namespace faultline
