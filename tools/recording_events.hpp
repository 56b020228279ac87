// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "lab/recording.hpp"
#include "messages/event.hpp"
#include "messages/outcome.hpp"
#include "tools/event_input.hpp"

namespace faultline {

/// Says on the error stream what of the tables of @p t could not be read.
void report_left_out(const telemetry& t);

/// First and last stamp of anything in a recording. @returns nothing when it holds no event.
struct time_span {
  event_time first{};
  event_time last{};
};
std::optional<time_span> span_of(const telemetry& t);

/// The events of @p t in order of time, each moved by @p shift: edges first (at the first stamp),
/// then rows, logs, spans and changes as they come; at the same stamp changes before logs before
/// spans before rows. A missing value is left out, a row without any value is passed over.
/// @p t must outlive the input.
std::unique_ptr<event_input> recording_input(const telemetry& t, milliseconds shift);

}  // namespace faultline
