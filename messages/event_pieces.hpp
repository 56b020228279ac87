// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace faultline {

/// Where the events of @p payload (msgpack, JSON or a syslog line) stand in it, in order: what was
/// refused can be kept, and sent again, alone. One pass; a payload that is not whole gives the
/// events before the break.
std::vector<std::string_view> event_pieces(std::string_view payload);

/// @p event, one event as event_pieces() gives it, with the time @p unix_ms where it names none:
/// what is sent again later keeps the time it came. A syslog line, and what is no event, stays as
/// it is.
std::string with_default_ts(std::string_view event, std::int64_t unix_ms);

}  // namespace faultline
