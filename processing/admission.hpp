// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "messages/event.hpp"
#include "messages/event_codec.hpp"
#include "messages/time.hpp"
#include "processing/options.hpp"

namespace faultline {

/// What the door decides about the time of one event.
struct admission {
  std::optional<reject_reason> refused;  ///< ts_in_future, ts_too_old; nothing: admitted
  std::string text;                      ///< @pre refused: a sentence for the publisher
  event_time ts{};                       ///< @pre !refused: the event's own or the defaulted time
};

/// Rules about time at the door: an event without `ts` gets that of its arrival; one later than
/// arrival + max_future is refused; one older than arrival - max_late likewise, unless the past is
/// accepted. Pure: @p arrived was stamped by the caller.
admission admit(const event_view& event, arrival_time arrived, const processing_options& options);

}  // namespace faultline
