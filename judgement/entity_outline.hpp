// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "messages/outcome.hpp"
#include "messages/time.hpp"

namespace faultline {

/// What must be known of an entity while its state lies on disk: what lists show, and whether the
/// passing of time alone may still change it.
struct entity_outline {
  enum class standing : std::uint8_t { learning = 0, ok, warning, critical, stale };

  standing state = standing::learning;
  std::uint64_t observations = 0;
  event_time first_ts{};
  event_time last_ts{};
  arrival_time last_arrived{};
  std::int64_t silence_limit_ms = 0;
  /// Its partition's clock at its newest event, for retirement; the second without the times in
  /// which nobody listened. The entity does not know them.
  event_time heard_event{};
  arrival_time heard_arrived{};
  bool ephemeral = false;
  bool silence_open = false;  ///< silence would be an alert and is none yet
  bool tick_open = false;     ///< values wait for a clock record to close their tick
};

const char* to_string(entity_outline::standing) noexcept;
std::string encode_outline(const entity_outline& o);
/// ec::malformed, ec::unknown_version.
outcome<entity_outline> decode_outline(std::string_view bytes);

}  // namespace faultline
