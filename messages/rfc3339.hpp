// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "messages/outcome.hpp"
#include "messages/time.hpp"

namespace faultline {

/// "2026-03-01T12:00:00.000Z".
std::string rfc3339(event_time t);
/// Reads a date-time of RFC 3339 with any offset; what is finer than a millisecond is cut off.
/// Fails: ec::invalid. Years 0001 to 9999; 0001-01-01T00:00:00Z, "not set" in Go, is its own value.
outcome<event_time> parse_rfc3339(std::string_view text);
/// Whether the calendar has this day: no 31 April, a 29 February in leap years alone. Months and
/// days count from 1.
bool is_date(std::int64_t year, unsigned month, unsigned day) noexcept;

}  // namespace faultline
