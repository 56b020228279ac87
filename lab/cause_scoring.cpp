// SPDX-License-Identifier: Apache-2.0
#include "lab/cause_scoring.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace faultline {

namespace {

using weighted = std::vector<std::pair<std::string, double>>;

/// 1-based place of the best root; others of its weight stand before it. 0: not listed.
std::size_t place_of(const weighted& list, const std::set<std::string>& roots) {
  double best = -std::numeric_limits<double>::infinity();
  bool listed = false;
  for (const auto& [entity, weight] : list) {
    if (roots.count(entity) == 0) continue;
    best = std::max(best, weight);
    listed = true;
  }
  if (!listed) return 0;
  std::size_t before = 0;
  for (const auto& [entity, weight] : list) before += roots.count(entity) == 0 && weight >= best;
  return before + 1;
}

double expected_place(std::size_t count, std::size_t roots) {
  return static_cast<double>(count + 1) / static_cast<double>(roots + 1);
}

double walked(std::size_t place, std::size_t listed, std::size_t count, std::size_t roots) {
  if (place != 0) return static_cast<double>(place);
  const std::size_t rest = count > listed ? count - listed : 0;
  return static_cast<double>(listed) + expected_place(std::max(rest, roots), roots);
}

/// Chance that one of @p roots of @p count stands within the first @p k of a random order.
double chance_of(std::size_t count, std::size_t roots, std::size_t k) {
  if (k >= count) return 1;
  double none = 1;
  for (std::size_t i = 0; i < k; ++i) {
    const double left = static_cast<double>(count - i);
    none *= std::max(0.0, left - static_cast<double>(roots)) / left;
  }
  return 1 - none;
}

}  // namespace

cause_verdict judge_causes(const std::vector<ranked_cause>& causes, bool abstained,
                           const weighted& alerting, const std::vector<std::string>& candidates,
                           const std::vector<std::string>& roots) {
  const std::set<std::string> may{candidates.begin(), candidates.end()};
  std::set<std::string> true_roots;
  for (const std::string& r : roots)
    if (may.count(r) != 0) true_roots.insert(r);
  weighted list, alerts;
  cause_verdict v;
  for (const ranked_cause& c : causes) {
    if (may.count(c.entity) == 0) continue;
    list.emplace_back(c.entity, c.probability);
    v.top = std::max(v.top, c.probability);
  }
  for (const auto& a : alerting)
    if (may.count(a.first) != 0) alerts.push_back(a);
  v.candidates = may.size();
  v.roots = true_roots.size();
  v.rank = place_of(list, true_roots);
  v.abstained = abstained;
  v.inspected = walked(v.rank, list.size(), v.candidates, v.roots);
  v.by_alerts = walked(place_of(alerts, true_roots), alerts.size(), v.candidates, v.roots);
  v.by_chance = expected_place(v.candidates, v.roots);
  return v;
}

void cause_figures::add(const cause_verdict& v) {
  ++faults_;
  for (std::size_t k = 1; k <= 5; ++k) {
    within_[k] += v.within(k) ? 1 : 0;
    chance_[k] += chance_of(v.candidates, v.roots, k);
  }
  if (v.rank != 0) reciprocal_ += 1 / static_cast<double>(v.rank);
  inspected_ += v.inspected;
  by_alerts_ += v.by_alerts;
  by_chance_ += v.by_chance;
  abstained_ += v.abstained ? 1 : 0;
  answered_first_ += !v.abstained && v.first() ? 1 : 0;
  if (v.top > 0) reliability_.add(std::min(1.0, v.top), v.first());
}

double cause_figures::share(double sum) const noexcept {
  return faults_ == 0 ? 0 : sum / static_cast<double>(faults_);
}
double cause_figures::within(std::size_t k) const noexcept { return share(within_[k]); }
double cause_figures::average5() const noexcept {
  double sum = 0;
  for (std::size_t k = 1; k <= 5; ++k) sum += within_[k];
  return share(sum / 5);
}
double cause_figures::reciprocal() const noexcept { return share(reciprocal_); }
double cause_figures::inspected() const noexcept { return share(inspected_); }
double cause_figures::by_alerts() const noexcept { return share(by_alerts_); }
double cause_figures::by_chance() const noexcept { return share(by_chance_); }
double cause_figures::chance_within(std::size_t k) const noexcept { return share(chance_[k]); }
double cause_figures::abstained() const noexcept { return share(static_cast<double>(abstained_)); }
double cause_figures::first_unless_abstained() const noexcept {
  return static_cast<double>(answered_first_) / static_cast<double>(faults_ - abstained_);
}

interval95 cause_figures::first_interval() const noexcept {
  if (faults_ == 0) return {};
  constexpr double z = 1.959964;
  const auto n = static_cast<double>(faults_);
  const double p = within(1), d = 1 + z * z / n;
  const double centre = (p + z * z / (2 * n)) / d;
  const double half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / d;
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

}  // namespace faultline
