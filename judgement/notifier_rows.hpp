// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "messages/alert.hpp"
#include "messages/outcome.hpp"
#include "messages/time.hpp"

namespace faultline {

/// What a receiver knows of an alert.
/// `perhaps`: it was sent, and no answer has said that it came.
enum class told_state : std::uint8_t { nothing, warning, critical, ended, perhaps };

/// Alerts that a receiver is told of together, as the notifier keeps them.
struct notify_group {
  std::string receiver;
  std::string route_name;  ///< see notifier_core
  std::map<std::string, std::string> labels;
  std::string incident;                      ///< id; empty: of none
  std::map<std::string, told_state> alerts;  ///< by id
  arrival_time first{};                      ///< when the oldest of what was never told came
  arrival_time sent{};                       ///< 0: never
  arrival_time retry{};                      ///< not before, after a failure
  arrival_time calm{};                       ///< when an alert of it has ended last
  std::uint32_t attempts = 0;                ///< that failed in a row
  std::uint64_t number = 0;                  ///< notifications sent
  bool acknowledged = false;                 ///< the receiver knows
};

/// An alert that somebody is to be told of, or was, and does not know the end of.
struct notify_alert {
  alert what;
  std::string incident;  ///< id; empty: of none
  arrival_time ended{};
};

std::string encode_notify_group(const notify_group& g);
/// Fails: ec::unknown_version, ec::malformed.
outcome<notify_group> decode_notify_group(std::string_view bytes);
std::string encode_notify_alert(const notify_alert& a);
/// Fails: ec::unknown_version, ec::malformed.
outcome<notify_alert> decode_notify_alert(std::string_view bytes);

}  // namespace faultline
