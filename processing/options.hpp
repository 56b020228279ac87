// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

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

}  // namespace faultline
