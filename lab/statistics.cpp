// SPDX-License-Identifier: Apache-2.0
#include "lab/statistics.hpp"

#include <algorithm>
#include <cmath>

#include "lab/rng.hpp"

namespace faultline {

namespace {

// P(X <= count) for a Poisson distribution.
double poisson_at_most(std::size_t count, double mean) {
  double sum = 0;
  for (std::size_t k = 0; k <= count; ++k)
    sum += std::exp(static_cast<double>(k) * std::log(mean) - mean -
                    std::lgamma(static_cast<double>(k) + 1));
  return std::min(sum, 1.0);
}

// The mean at which P(X <= count) is @p p; it falls with the mean.
double mean_where(std::size_t count, double p) {
  double low = 1e-12, high = 20 + 4 * static_cast<double>(count);
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (poisson_at_most(count, middle) > p ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

interval95 poisson_interval(std::size_t count) {
  return {count == 0 ? 0.0 : mean_where(count - 1, 0.975), mean_where(count, 0.025)};
}

interval95 bootstrap_interval(const std::vector<resampled_unit>& units, std::uint64_t seed,
                              std::size_t resamples) {
  if (units.empty() || resamples == 0) return {};
  random_source rng{seed, "bootstrap"};
  std::vector<double> ratios;
  for (std::size_t r = 0; r < resamples; ++r) {
    double sum = 0, weight = 0;
    for (std::size_t i = 0; i < units.size(); ++i) {
      const auto& u = units[rng.below(units.size())];
      sum += u.sum;
      weight += u.weight;
    }
    if (weight > 0) ratios.push_back(sum / weight);
  }
  if (ratios.empty()) return {};
  return {quantile_of(ratios, 0.025), quantile_of(ratios, 0.975)};
}

double quantile_of(std::vector<double> values, double p) {
  std::sort(values.begin(), values.end());
  const double at = p * static_cast<double>(values.size() - 1);
  const auto i = static_cast<std::size_t>(at);
  if (i + 1 >= values.size()) return values.back();
  const double rest = at - static_cast<double>(i);
  return rest == 0 ? values[i] : values[i] + rest * (values[i + 1] - values[i]);
}

void reliability::add(double probability, bool fault) noexcept {
  const double p = std::clamp(probability, 0.0, 1.0);
  auto& b = bins_[std::min(bins - 1, static_cast<std::size_t>(p * bins))];
  b.probability += p;
  b.faults += fault ? 1 : 0;
  ++b.count;
  const double off = p - (fault ? 1 : 0);
  squares_ += off * off;
}

void reliability::add(const reliability& other) noexcept {
  for (std::size_t i = 0; i < bins; ++i) {
    bins_[i].probability += other.bins_[i].probability;
    bins_[i].faults += other.bins_[i].faults;
    bins_[i].count += other.bins_[i].count;
  }
  squares_ += other.squares_;
}

std::size_t reliability::count() const noexcept {
  std::size_t n = 0;
  for (const auto& b : bins_) n += b.count;
  return n;
}

double reliability::brier() const noexcept {
  return count() == 0 ? 0 : squares_ / static_cast<double>(count());
}

double reliability::expected_error() const noexcept {
  double sum = 0;
  for (const auto& b : bins_) sum += std::fabs(b.probability - b.faults);
  return count() == 0 ? 0 : sum / static_cast<double>(count());
}

}  // namespace faultline
