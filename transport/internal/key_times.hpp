// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ctime>
#include <optional>
#include <string>

#include "messages/rfc3339.hpp"
#include "messages/time.hpp"

namespace faultline {

/// When a key or token ends: "2027-01-31", its begin in UTC, or "2027-01-31T12:00:00Z".
inline std::optional<arrival_time> key_time_of(const std::string& text) {
  for (const char* form : {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), form, &parts);
    if (end == nullptr || *end != '\0') continue;
    if (is_date(parts.tm_year + 1900, static_cast<unsigned>(parts.tm_mon) + 1,
                static_cast<unsigned>(parts.tm_mday)))
      return arrival_time_of(1000 * std::int64_t{::timegm(&parts)});
  }
  return std::nullopt;
}

inline std::string key_time_text(arrival_time at) {
  const std::time_t seconds_at = unix_ms(at) / 1000;
  std::tm parts{};
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", ::gmtime_r(&seconds_at, &parts));
  return text;
}

}  // namespace faultline
