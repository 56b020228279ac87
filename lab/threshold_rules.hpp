// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "lab/evaluation.hpp"
#include "lab/scoring.hpp"

namespace faultline {

/// How far out each row of one recording is under the rule that an operator sets up without
/// learning: a metric is k standard deviations off its mean of the training rows in three
/// consecutive samples; the row's level is the largest such k. As rule sigma of
/// threshold_baseline.py: a spread of at least 1 % of the mean; 5 % of the value, or 0.05, for a
/// metric that never moved; no limit for one that was never seen.
struct threshold_levels {
  std::vector<std::vector<event_time>> training_rows;  ///< by entity of the scored recording
  std::vector<std::vector<float>> training, scored;    ///< level by row; scored: after scored_from
};

threshold_levels sigma_levels(const evaluation_input& input);

/// k of the grid 1.05^0 .. 1.05^283.
std::vector<double> threshold_grid();

/// Smallest k of the grid at which an entity would have rung at most @p per_day times a day in
/// training.
double calibrated_limit(const std::vector<event_time>& rows, const std::vector<float>& level,
                        milliseconds step, milliseconds merge, double per_day);

/// The same for one k for all entities of several recordings together.
class global_limit {
public:
  void add(const threshold_levels& levels, milliseconds step, milliseconds merge);
  double at(double per_day) const;

private:
  std::vector<std::size_t> episodes_ = std::vector<std::size_t>(threshold_grid().size());
  double days_ = 0;
};

}  // namespace faultline
