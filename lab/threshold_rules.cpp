// SPDX-License-Identifier: Apache-2.0
#include "lab/threshold_rules.hpp"

#include <algorithm>
#include <cmath>

#include "messages/durations.hpp"

namespace faultline {

namespace {

constexpr std::size_t in_a_row = 3;

struct metric_limit {
  double mean = 0;
  double spread = 0;  ///< 0: never seen, no limit can be set
};

/// Rows [from, to) of a series.
struct part {
  const entity_series* series = nullptr;
  std::size_t from = 0, to = 0;
};

metric_limit limit_of(const part& p, std::size_t column) {
  double n = 0, sum = 0, squares = 0;
  double low = 0, high = 0;
  for (std::size_t i = p.from; i < p.to; ++i) {
    const double v = p.series->row(i)[column];
    if (std::isnan(v)) continue;
    low = n == 0 ? v : std::min(low, v);
    high = n == 0 ? v : std::max(high, v);
    n += 1;
    sum += v;
  }
  if (n == 0) return {};
  const double mean = sum / n;
  for (std::size_t i = p.from; i < p.to; ++i) {
    const double v = p.series->row(i)[column];
    if (!std::isnan(v)) squares += (v - mean) * (v - mean);
  }
  const double least =
      low == high ? std::max(0.05 * std::fabs(mean), 0.05) : 0.01 * std::fabs(mean);
  return {mean, std::max({std::sqrt(squares / n), least, 1e-12})};
}

/// The largest k of a metric that held for three rows.
std::vector<float> levels_of(const part& p, const std::vector<metric_limit>& limits) {
  std::vector<float> level(p.to - p.from);
  for (std::size_t c = 0; c < limits.size(); ++c) {
    if (limits[c].spread <= 0) continue;
    double before = 0, before_that = 0;
    for (std::size_t i = p.from; i < p.to; ++i) {
      const double v = p.series->row(i)[c];
      const double k = std::isnan(v) ? 0 : std::fabs(v - limits[c].mean) / limits[c].spread;
      if (i - p.from + 1 >= in_a_row) {
        float& worst = level[i - p.from];
        worst = std::max(worst, static_cast<float>(std::min({k, before, before_that})));
      }
      before_that = before;
      before = k;
    }
  }
  return level;
}

/// The training rows of the entity and where they stand.
part training_of(const evaluation_input& input, const entity_series& series) {
  if (input.training) {
    const auto at = input.training->find(series.id);
    if (!at) return {};
    const auto& other = input.training->entities[*at];
    return other.metrics == series.metrics ? part{&other, 0, other.rows()} : part{};
  }
  const auto until =
      std::lower_bound(series.ts.begin(), series.ts.end(), scored_from(input.scored));
  return {&series, 0, static_cast<std::size_t>(until - series.ts.begin())};
}

std::size_t count_episodes(const std::vector<event_time>& rows, const std::vector<float>& level,
                           double limit, milliseconds step, milliseconds merge) {
  std::size_t count = 0;
  event_time last{};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (static_cast<double>(level[i]) < limit) continue;
    if (count == 0 || rows[i] - last - step >= merge) ++count;
    last = rows[i];
  }
  return count;
}

}  // namespace

threshold_levels sigma_levels(const evaluation_input& input) {
  threshold_levels out;
  const event_time from = scored_from(input.scored);
  for (const auto& series : input.scored.entities) {
    const part train = training_of(input, series);
    std::vector<metric_limit> limits(series.metrics.size());
    if (train.series != nullptr)
      for (std::size_t c = 0; c < limits.size(); ++c) limits[c] = limit_of(train, c);
    const auto begin = static_cast<std::size_t>(
        std::lower_bound(series.ts.begin(), series.ts.end(), from) - series.ts.begin());
    out.scored.push_back(levels_of({&series, begin, series.rows()}, limits));
    out.training.emplace_back();
    out.training_rows.emplace_back();
    if (train.series == nullptr) continue;
    out.training.back() = levels_of(train, limits);
    out.training_rows.back().assign(
        train.series->ts.begin(), train.series->ts.begin() + static_cast<std::ptrdiff_t>(train.to));
  }
  return out;
}

std::vector<double> threshold_grid() {
  std::vector<double> grid{1};
  while (grid.size() < 284) grid.push_back(grid.back() * 1.05);
  return grid;
}

double calibrated_limit(const std::vector<event_time>& rows, const std::vector<float>& level,
                        milliseconds step, milliseconds merge, double per_day) {
  const double days = static_cast<double>(rows.size()) * static_cast<double>(step.count()) / day_ms;
  const auto grid = threshold_grid();
  for (const double limit : grid)
    if (static_cast<double>(count_episodes(rows, level, limit, step, merge)) <= per_day * days)
      return limit;
  return grid.back();
}

void global_limit::add(const threshold_levels& levels, milliseconds step, milliseconds merge) {
  const auto grid = threshold_grid();
  for (std::size_t e = 0; e < levels.training.size(); ++e) {
    const auto& rows = levels.training_rows[e];
    days_ += static_cast<double>(rows.size()) * static_cast<double>(step.count()) / day_ms;
    for (std::size_t i = 0; i < grid.size(); ++i)
      if (const auto n = count_episodes(rows, levels.training[e], grid[i], step, merge))
        episodes_[i] += n;
      else
        break;
  }
}

double global_limit::at(double per_day) const {
  const auto grid = threshold_grid();
  for (std::size_t i = 0; i < grid.size(); ++i)
    if (static_cast<double>(episodes_[i]) <= per_day * days_) return grid[i];
  return grid.back();
}

}  // namespace faultline
