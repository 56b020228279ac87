// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "messages/event.hpp"
#include "messages/internal/event_builder.hpp"

namespace faultline {

/// Reads one syslog line, RFC 5424 or RFC 3164, as a log event of `host/<HOSTNAME>`. An RFC 3164
/// timestamp has no year and no zone and is left out. Views point into @p line and @p entity.
/// @returns what is wrong, or nothing.
event_fault parse_syslog(std::string_view line, event_view& out, std::string& entity);

}  // namespace faultline
