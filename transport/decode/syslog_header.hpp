// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace faultline {

/// A line of traditional syslog as a relay passes it on (RFC 3164, 4.3): what its header lacks is
/// there, the host as @p sender. Devices and libraries that know no hostname send such lines
/// (`<14>text`, `<134>Nov 27 02:34:34 haproxy[7]: text`), others a time of their own
/// (`<189>29: *Mar  1 18:48:50.483: %SYS-5-CONFIG_I: text`).
/// @returns @p line itself where nothing is missing or there is no PRI, else a view of @p made.
std::string_view complete_syslog(std::string_view line, std::string_view sender, std::string& made);

/// @p line with U+FFFD for each byte that is not of UTF-8; a view of @p made.
std::string_view readable_utf8(std::string_view line, std::string& made);

}  // namespace faultline
