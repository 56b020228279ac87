// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "judgement/correlator_core.hpp"
#include "judgement/entity_core.hpp"
#include "judgement/root_cause.hpp"

namespace faultline {

struct runner_options {
  std::shared_ptr<const judgement_rules> rules;
  correlation_options correlation;
  root_cause_options root_cause;
  std::vector<runbook> runbooks;
};

/// A score of one entity tick, for evaluation.
struct tick_score {
  std::string_view entity;
  event_time tick{};
  double score = 0;            ///< calibrated, comparable over entities: larger is more suspicious
  std::optional<double> soon;  ///< as entity_belief::soon
};

/// The whole judgement over all entities on one thread at full speed on event time: what the server
/// does with actors, `evaluate`, what-if and the simulation tests do with this. Clock records are
/// synthesised from the events' time.
class runner {
public:
  /// @p model and @p ranker may be nullptr (then ticks are degraded, causes unranked by it).
  runner(runner_options options, forecaster* model, cause_ranker* ranker);
  ~runner();

  /// Called with every feed event in order, and with every tick's score.
  std::function<void(const feed_event&)> on_feed;
  std::function<void(const tick_score&)> on_score;

  /// Events must come in order of time over all entities (ties in any fixed order). Entities are
  /// gathered so that the model runs in batches.
  void take(const event_view& event);
  /// Ends everything that is open to be finished by time @p until.
  void advance_to(event_time until);
  /// From now on ticks are judged by these rules.
  void set_rules(std::shared_ptr<const judgement_rules> rules);
  /// From now on alerts are suppressed (false: before train_until) or told (true).
  void set_alerting(bool on);
  const correlator_core& correlator() const noexcept;
  /// The window of an entity now; nullptr-like empty when unknown.
  entity_window window_of(std::string_view entity, event_time as_of) const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace faultline
