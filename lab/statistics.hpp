// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace faultline {

/// Both ends of a 95 % interval.
struct interval95 {
  double low = 0;
  double high = 0;
};

/// Of the mean of a Poisson distribution of which @p count was seen (Garwood 1936).
interval95 poisson_interval(std::size_t count);

/// One unit that is drawn as a whole: an entity or a case. Its share is sum / weight.
struct resampled_unit {
  double sum = 0;
  double weight = 0;
};

/// Of the ratio of sums over @p units, by drawing units with replacement @p resamples times
/// (percentiles). The same seed gives the same interval. No units: 0, 0.
interval95 bootstrap_interval(const std::vector<resampled_unit>& units, std::uint64_t seed,
                              std::size_t resamples = 1000);

/// Linear between ranks; values need not be sorted. @pre not empty, p in 0 .. 1
double quantile_of(std::vector<double> values, double p);

/// Sums for the Brier score and the expected calibration error of probabilities.
class reliability {
public:
  static constexpr std::size_t bins = 10;
  void add(double probability, bool fault) noexcept;
  void add(const reliability& other) noexcept;
  std::size_t count() const noexcept;
  double brier() const noexcept;  ///< mean of (probability - truth)^2
  /// Mean over bins of |mean probability - share of faults|, weighted by size.
  double expected_error() const noexcept;
  struct bin {
    double probability = 0, faults = 0;
    std::size_t count = 0;
  };
  const bin* begin() const noexcept { return bins_; }
  const bin* end() const noexcept { return bins_ + bins; }

private:
  bin bins_[bins];
  double squares_ = 0;
};

}  // namespace faultline
