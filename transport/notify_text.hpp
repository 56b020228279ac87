// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "messages/notification.hpp"
#include "messages/outcome.hpp"

namespace faultline {

/// Fields that templates may name: status, severity, summary, count, firing, resolved, entities,
/// alerts (one line each), cause, probability, steps, incident, url, receiver, group. Values are
/// plain text.
std::map<std::string, std::string> notification_fields(const notification& n,
                                                       const std::string& external_url);

/// @p text with every {{ field }} in place of its value, and {{ label.NAME }} of what the alerts
/// have in common. Nothing else is a template.
std::string fill_template(std::string_view text, const notification& n,
                          const std::map<std::string, std::string>& fields);
/// ec::invalid naming the first field that does not exist, or an open brace.
outcome<void> check_template(std::string_view text);

inline constexpr std::string_view default_title = "[{{ status }}] {{ summary }}";
inline constexpr std::string_view default_text =
    "{{ summary }}\n\n{{ alerts }}\n{{ cause }}{{ steps }}{{ url }}\n";

}  // namespace faultline
