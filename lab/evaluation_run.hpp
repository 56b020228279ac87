// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "judgement/runner.hpp"
#include "lab/evaluation.hpp"

namespace faultline {

/// One pass of a runner over a recording: training with alerts off, then the scored part with
/// alerts on. What is said goes to the runner's callbacks, to be set on judge() before run().
class evaluation_pass {
public:
  evaluation_pass(const evaluation_input& input, const evaluation_options& options,
                  const evaluation_models& models);

  runner& judge() noexcept { return runner_; }
  /// First stamp at which alerts are on.
  event_time scored_from() const noexcept { return scored_from_; }

  /// Stops at each of @p moments (ascending): everything up to and including it is finished,
  /// nothing later has been seen.
  void stop_at(std::vector<event_time> moments, std::function<void(std::size_t)> at);
  void run(const evaluation_progress& progress);

private:
  void feed(const telemetry& source, event_time alerts_from, const evaluation_progress& progress);
  void pass_moments(event_time before);

  const evaluation_input& input_;
  runner runner_;
  event_time scored_from_{};
  std::vector<event_time> moments_;
  std::size_t next_moment_ = 0;
  std::function<void(std::size_t)> at_moment_;
  std::uint64_t fed_ = 0;
};

/// Follows alert transitions on a feed into episodes.
class alert_book {
public:
  void take(const alert& a);
  const std::vector<told_alert>& alerts() const noexcept { return alerts_; }
  std::vector<told_alert> release() { return std::move(alerts_); }

private:
  std::vector<told_alert> alerts_;
  std::map<std::string, std::size_t> place_;
};

}  // namespace faultline
