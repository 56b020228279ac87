// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/current_records.hpp"

#include <utility>

#include "messages/alert.hpp"
#include "messages/incident.hpp"

namespace faultline {
namespace {

constexpr std::string_view alerts_by_time = "alerts-by-time/";
constexpr std::string_view incidents_by_time = "incidents-by-time/";
constexpr std::size_t time_digits = 17;  ///< of a key by time, with what ends them

bool begins_with(std::string_view key, std::string_view prefix) {
  return key.substr(0, prefix.size()) == prefix;
}

}  // namespace

bool is_resolved(std::string_view key, std::string_view bytes) {
  if (begins_with(key, "alert/") || begins_with(key, alerts_by_time)) {
    const auto a = decode_alert(bytes);
    return a && a->state == alert_state::resolved;
  }
  if (begins_with(key, "incident/") || begins_with(key, incidents_by_time)) {
    const auto i = decode_incident(bytes);
    return i && i->state == incident_state::resolved;
  }
  return false;
}

std::string copied_from(std::string_view key) {
  for (const auto& [prefix, original] :
       {std::pair{alerts_by_time, "alert/"}, std::pair{incidents_by_time, "incident/"}}) {
    if (begins_with(key, prefix) && key.size() > prefix.size() + time_digits)
      return original + std::string{key.substr(prefix.size() + time_digits)};
  }
  return {};
}

}  // namespace faultline
