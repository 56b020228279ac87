// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "lab/detection_study.hpp"

namespace faultline {

namespace {

constexpr double days_of_month = 30;
constexpr double soon_enough_s = 300;
constexpr double progressive_from_s = 1800;

template <class Wanted, class Hit>
share_figure share_of(const std::vector<fault_outcome>& faults, std::uint64_t seed, Wanted wanted,
                      Hit hit) {
  std::vector<resampled_unit> units;
  double hits = 0;
  for (const auto& f : faults) {
    if (!wanted(f)) continue;
    const double one = hit(f) ? 1 : 0;
    units.push_back({one, 1});
    hits += one;
  }
  share_figure out;
  out.of = units.size();
  if (units.empty()) return out;
  out.value = hits / static_cast<double>(units.size());
  out.range = bootstrap_interval(units, seed);
  return out;
}

std::optional<double> median_of(const std::vector<double>& values, double p = 0.5) {
  if (values.empty()) return std::nullopt;
  return quantile_of(values, p);
}

bool progressive(const fault_outcome& f) {
  return (f.form == "linear" || f.form == "exponential") && f.ramp_s >= progressive_from_s;
}

void take_times(const std::vector<fault_outcome>& faults, std::uint64_t seed,
                detection_figures& out) {
  std::vector<double> delays, linear, exponential, leads;
  for (const auto& f : faults) {
    if (!f.visible) continue;
    if (f.form == "abrupt") ++out.abrupt;
    if (f.form == "abrupt" && f.paged) delays.push_back(f.delay_ticks);
    if (!progressive(f)) continue;
    const double share = f.paged && f.effect_s > 0 ? std::max(0.0, f.lead_s / f.effect_s) : 0;
    (f.form == "linear" ? linear : exponential).push_back(share);
    if (f.paged) leads.push_back(f.lead_s / 60);
  }
  out.delay_median_ticks = median_of(delays);
  out.delay_p90_ticks = median_of(delays, 0.9);
  out.lead_linear = median_of(linear);
  out.lead_exponential = median_of(exponential);
  out.lead_median_min = median_of(leads);
  out.warned = share_of(
      faults, seed, [](const fault_outcome& f) { return f.visible && progressive(f); },
      [](const fault_outcome& f) { return f.paged && f.lead_s >= soon_enough_s; });
}

void take_alarms(const detector_outcome& all, const std::string& set, detection_figures& out) {
  double rows = 0, under = 0, right = 0;
  std::vector<double> ratios;
  for (const auto& e : all.entities) {
    if (!set.empty() && e.set != set) continue;
    out.false_episodes += e.verdict.false_episodes;
    out.entity_days += e.free_days;
    rows += static_cast<double>(e.verdict.free_rows);
    under += static_cast<double>(e.verdict.alarm_rows);
    right += static_cast<double>(e.verdict.true_episodes);
    if (e.free_days >= 1 && all.promised_per_month > 0)
      ratios.push_back(static_cast<double>(e.verdict.false_episodes) / e.free_days * days_of_month /
                       all.promised_per_month);
  }
  const auto wrong = static_cast<double>(out.false_episodes);
  const double months = out.entity_days / days_of_month;
  if (right + wrong > 0) out.precision = right / (right + wrong);
  if (rows > 0) out.alarm_share = under / rows;
  out.ratio_median = median_of(ratios);
  out.ratio_p90 = median_of(ratios, 0.9);
  if (months <= 0) return;
  const interval95 count = poisson_interval(out.false_episodes);
  out.false_per_month = wrong / months;
  out.false_range = {count.low / months, count.high / months};
  if (all.promised_per_month <= 0) return;
  out.ratio_pooled = out.false_per_month / all.promised_per_month;
  out.ratio_range = {out.false_range.low / all.promised_per_month,
                     out.false_range.high / all.promised_per_month};
}

void take_rankings(const detector_outcome& all, const std::string& set, detection_figures& out) {
  double n = 0, ap = 0, vus = 0, chance = 0;
  for (const auto& r : all.rankings) {
    if (!set.empty() && r.set != set) continue;
    n += 1;
    ap += r.average_precision;
    vus += r.vus_pr;
    chance += r.chance;
  }
  if (n == 0) return;
  out.average_precision = ap / n;
  out.vus_pr = vus / n;
  out.chance = chance / n;
}

}  // namespace

head_study head_of(const detector_outcome& outcome, const std::string& set) {
  head_study pooled;
  for (const auto& [name, head] : outcome.heads)
    if (set.empty() || name == set) pooled.add(head);
  return pooled;
}

detection_figures figures_of(const detector_outcome& outcome, const std::string& set,
                             std::uint64_t seed) {
  detection_figures out;
  out.detector = outcome.name;
  out.set = set.empty() ? "pooled" : set;
  out.promised_per_month = outcome.promised_per_month;
  out.oracle = outcome.oracle;
  std::vector<fault_outcome> faults;
  for (const auto& f : outcome.faults)
    if (set.empty() || f.set == set) faults.push_back(f);
  const auto visible = [](const fault_outcome& f) { return f.visible; };
  const auto paged = [](const fault_outcome& f) { return f.paged; };
  out.paged = share_of(faults, seed, visible, paged);
  out.overlapped =
      share_of(faults, seed, visible, [](const fault_outcome& f) { return f.overlapped; });
  out.paged_with_impact = share_of(
      faults, seed, [](const fault_outcome& f) { return f.visible && f.impact; }, paged);
  out.paged_unseen = share_of(
      faults, seed, [](const fault_outcome& f) { return f.visible && !f.unseen.empty(); }, paged);
  take_times(faults, seed, out);
  take_alarms(outcome, set, out);
  take_rankings(outcome, set, out);
  if (set.empty()) {
    out.brier = outcome.probabilities.brier();
    out.calibration_error = outcome.probabilities.expected_error();
  }
  return out;
}

}  // namespace faultline
