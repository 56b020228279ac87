// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace faultline {

/// How events become ticks. Keys under `processing:`.
struct processing_options {
  /// Smallest tick; an entity's tick is the larger of this and its median interval.
  std::chrono::milliseconds tick{10'000};
  /// Events older than arrival minus this are refused at the door.
  std::chrono::milliseconds max_late{3'600'000};
  /// Events later than arrival plus this are refused at the door.
  std::chrono::milliseconds max_future{300'000};
  /// Take the past as it comes: demo, replay, evaluation, bench. The clock then follows the newest
  /// event.
  bool accept_past = false;
  /// How many ticks an open tick waits for single values that come late.
  std::uint32_t lateness_ticks = 1;
};

/// The value of `label` names an entity of `kind`: {app, service} makes service/cart of app="cart".
struct naming_rule {
  std::string label;
  std::string kind;
};

/// How what other tools tell is named. Keys under `naming:`.
struct naming_options {
  std::vector<naming_rule> entities;           ///< tried in order, before those we know
  std::map<std::string, std::string> aliases;  ///< entity to entity: two names of one thing
  std::vector<std::string> drop;               ///< globs of metric names that are left out
  std::size_t max_metrics = 256;               ///< names of one entity
  std::size_t max_series_per_metric = 32;      ///< of these, with other labels alone
};

}  // namespace faultline
