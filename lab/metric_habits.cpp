// SPDX-License-Identifier: Apache-2.0
#include "lab/metric_habits.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace faultline {

namespace {

constexpr double largest_value = std::numeric_limits<double>::max();  // beyond it there is infinity
constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::size_t most_pairs = 4000;  // rows a correlation looks at
// Of a normal distribution, in deviations: its middle 50, 90 and 98 per cent.
constexpr double half_width = 1.349, ninety_width = 3.29, most_width = 4.65;

// @pre sorted and not empty
double quantile(const std::vector<double>& sorted, double p) {
  const double at = p * static_cast<double>(sorted.size() - 1);
  const auto i = static_cast<std::size_t>(at);
  const double rest = at - static_cast<double>(i);
  return i + 1 < sorted.size() ? sorted[i] + rest * (sorted[i + 1] - sorted[i]) : sorted[i];
}

std::size_t rows_before(const entity_series& s, event_time until) {
  return static_cast<std::size_t>(std::lower_bound(s.ts.begin(), s.ts.end(), until) - s.ts.begin());
}

std::size_t hour_of(event_time t) { return static_cast<std::size_t>(unix_ms(t) / hour_ms % 24); }

// Median of each hour of the day; the whole median where an hour has too little.
std::array<double, 24> hourly(const entity_series& s, std::size_t column, std::size_t rows,
                              double median) {
  std::array<std::vector<double>, 24> seen;
  for (std::size_t i = 0; i < rows; ++i) {
    const double v = s.row(i)[column];
    if (!std::isnan(v)) seen[hour_of(s.ts[i])].push_back(v);
  }
  std::array<double, 24> out{};
  for (std::size_t h = 0; h < 24; ++h) {
    std::sort(seen[h].begin(), seen[h].end());
    out[h] = seen[h].size() < 12 ? median : quantile(seen[h], 0.5);
  }
  return out;
}

double spread_of(std::vector<double> residuals) {
  std::sort(residuals.begin(), residuals.end());
  const auto width = [&](double outside) {
    return quantile(residuals, 1 - outside) - quantile(residuals, outside);
  };
  return std::max({width(0.25) / half_width, width(0.05) / ninety_width, width(0.01) / most_width});
}

// The bound a share cannot pass: by what was seen of it, or by its name.
double bound_of(const std::string& name, double smallest, double largest) {
  if (smallest < 0) return largest_value;
  if (largest <= 1) return 1;
  const bool percent =
      name.find("pct") != std::string::npos || name.find("percent") != std::string::npos;
  return percent && largest <= 100 ? 100 : largest_value;
}

metric_habit habit_of(const entity_series& s, std::size_t column, std::size_t rows) {
  metric_habit h;
  std::vector<double> sorted;
  for (std::size_t i = 0; i < rows; ++i)
    if (const double v = s.row(i)[column]; !std::isnan(v)) sorted.push_back(v);
  if (sorted.size() < 20) return h;
  h.measured = true;
  std::sort(sorted.begin(), sorted.end());
  h.median = quantile(sorted, 0.5);
  h.low = quantile(sorted, 0.001);
  h.high = quantile(sorted, 0.999);
  h.least = sorted.front() >= 0 ? 0 : -largest_value;
  h.most = bound_of(s.metrics[column], sorted.front(), sorted.back());
  const bool days = rows > 1 && s.ts[rows - 1] - s.ts[0] >= milliseconds{48 * hour_ms};
  std::array<double, 24> usual;
  usual.fill(h.median);
  if (days) usual = hourly(s, column, rows, h.median);
  std::vector<double> residuals;
  for (std::size_t i = 0; i < rows; ++i)
    if (const double v = s.row(i)[column]; !std::isnan(v))
      residuals.push_back(v - usual[hour_of(s.ts[i])]);
  h.scale = spread_of(std::move(residuals));
  h.moves = h.scale > 1e-9 * (std::fabs(h.median) + 1e-6);
  h.scale = std::max(h.scale, 1e-3 * std::fabs(h.median));
  return h;
}

}  // namespace

std::vector<metric_habit> habits_of(const entity_series& series, event_time until) {
  const std::size_t rows = rows_before(series, until);
  std::vector<metric_habit> out;
  for (std::size_t c = 0; c < series.metrics.size(); ++c) out.push_back(habit_of(series, c, rows));
  return out;
}

double correlation(const entity_series& series, const std::vector<metric_habit>& habits,
                   std::size_t a, std::size_t b, event_time until) {
  if (!habits[a].moves || !habits[b].moves) return 0;
  const std::size_t rows = rows_before(series, until);
  const std::size_t step = std::max<std::size_t>(1, rows / most_pairs);
  const auto z = [&](std::size_t row, std::size_t c) {
    return std::clamp((series.row(row)[c] - habits[c].median) / habits[c].scale, -4.0, 4.0);
  };
  double n = 0, sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0;
  for (std::size_t i = 0; i < rows; i += step) {
    if (std::isnan(series.row(i)[a]) || std::isnan(series.row(i)[b])) continue;
    const double x = z(i, a), y = z(i, b);
    n += 1, sa += x, sb += y, saa += x * x, sbb += y * y, sab += x * y;
  }
  if (n < 20) return 0;
  const double va = saa - sa * sa / n, vb = sbb - sb * sb / n;
  return va <= 0 || vb <= 0 ? 0 : (sab - sa * sb / n) / std::sqrt(va * vb);
}

}  // namespace faultline
