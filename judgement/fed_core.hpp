// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <vector>

#include "inference/forecaster.hpp"
#include "judgement/entity_core.hpp"

namespace faultline {

/// An entity core where there is neither a lane nor a disk: with its row to a model (see
/// tick_feed) and the closed blocks of its window.
struct fed_core {
  template <class... Args>
  explicit fed_core(Args&&... args) : core{std::forward<Args>(args)...} {}

  /// Ends the tick that is under way. @p result: nullptr where no model has judged it.
  void finish_tick(const forecast_result* result, std::vector<entity_decision>& decided);
  /// Its live window as of @p as_of.
  entity_window window(event_time as_of) const;

  entity_core core;
  bool queued = false;  ///< a row of it waits in the feed
  bool scored = false;  ///< `result` is the model's answer to `row`
  forecast_row row;
  forecast_result result;
  std::vector<closed_block> blocks;  ///< as many as the live window has
};

}  // namespace faultline
