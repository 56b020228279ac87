// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/current_records.hpp"

#include "messages/alert.hpp"
#include "messages/incident.hpp"

namespace faultline {

bool is_resolved(std::string_view key, std::string_view bytes) {
  if (key.rfind("alert/", 0) == 0) {
    const auto a = decode_alert(bytes);
    return a && a->state == alert_state::resolved;
  }
  if (key.rfind("incident/", 0) == 0) {
    const auto i = decode_incident(bytes);
    return i && i->state == incident_state::resolved;
  }
  return false;
}

}  // namespace faultline
