// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "lab/recording.hpp"

namespace faultline {

/// What one metric usually does, from the rows that may train.
struct metric_habit {
  double median = 0;
  double scale = 0;       ///< robust deviation about the median of its hour of the day
  double low = 0;         ///< 0.1 % quantile
  double high = 0;        ///< 99.9 % quantile
  double least = 0;       ///< smallest value it may take: 0 where it never was negative
  double most = 0;        ///< largest: 1 or 100 for a share, else without bound
  bool moves = false;     ///< it takes enough values to have a noise
  bool measured = false;  ///< it was seen at all
};

/// Habits of all metrics of @p series, by column, from the rows before @p until.
/// Scale: the largest of IQR/1.349, (p95 - p5)/3.29 and (p99 - p1)/4.65 of the residuals (all the
/// same for normal noise; the last for spikes), at least a thousandth of the median. The hour of
/// the day counts from two days of history on.
std::vector<metric_habit> habits_of(const entity_series& series, event_time until);

/// Pearson correlation of two metrics over the rows before @p until, values beyond four scales
/// clipped; 0 where they are not measured together.
double correlation(const entity_series& series, const std::vector<metric_habit>& habits,
                   std::size_t a, std::size_t b, event_time until);

}  // namespace faultline
