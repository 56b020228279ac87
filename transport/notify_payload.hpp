// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "messages/notification.hpp"

namespace faultline {

/// Alertmanager's webhook, version 4.
std::string webhook_body(const notification& n, const std::string& external_url);
/// Our own: {id, status, title, text, group, incident, alerts}, records as on the feed.
std::string plain_body(const notification& n, const std::string& title, const std::string& text,
                       const std::string& external_url);
/// PagerDuty's Events API v2: trigger, acknowledge or resolve under the group's name.
std::string pagerduty_body(const notification& n, const std::string& routing_key,
                           const std::string& title, const std::string& external_url);
/// The same, and before it the end of what is still open there, where it begins anew: what comes
/// under a key that is open pages nobody.
std::vector<std::string> pagerduty_bodies(const notification& n, const std::string& routing_key,
                                          const std::string& title,
                                          const std::string& external_url);
/// Lists for POST /api/v2/alerts of an Alertmanager, at most 256 alerts each. What fires is good
/// until four minutes after `n.at`.
std::vector<std::string> alertmanager_bodies(const notification& n,
                                             const std::string& external_url);
/// A message of RFC 5322: plain text, UTF-8. @p date is n.at.
std::string mail_message(const notification& n, const std::string& from,
                         const std::vector<std::string>& to, const std::string& title,
                         const std::string& text);

}  // namespace faultline
