// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/outcome.hpp"
#include "messages/time.hpp"

namespace faultline {

enum class alert_state : std::uint8_t { firing = 1, resolved = 2 };
enum class alert_severity : std::uint8_t { warning = 1, critical = 2 };
const char* to_string(alert_state) noexcept;
const char* to_string(alert_severity) noexcept;

/// One metric's part in an alert, in the metric's own units.
struct alert_contributor {
  std::string metric;
  double actual = 0;
  double expected = 0;
  double lower = 0;
  double upper = 0;
  double score = 0;  ///< distance in robust standard deviations, signed
};

/// One transition of one alert episode: what the feed carries. With `id`, `transition` is unique
/// for ever. `id` is a hash of (entity, signature, start tick, episode number), never of a score.
struct alert {
  std::string id;
  std::uint32_t transition = 1;  ///< 1 = the first firing of the episode
  std::uint32_t episode = 0;     ///< number of the episode within the entity
  alert_state state = alert_state::firing;
  alert_severity severity = alert_severity::warning;
  std::string entity;
  std::string metric;
  std::vector<alert_contributor> contributors;
  event_time started{};
  event_time updated{};  ///< the tick that caused this transition
  std::optional<event_time> ended;
  double score = 0;                   ///< calibrated probability in 0..1
  std::optional<double> lead_time_s;  ///< until the forecast crosses the limit
  std::map<std::string, double> detectors;
  std::string explanation;
  std::string model;  ///< "name version"
  bool acknowledged = false;
  bool silenced = false;
  std::string acknowledged_by;
  std::string silenced_by;
  std::map<std::string, std::string> labels;
  bool degraded = false;
  bool learning = false;
  std::string source;  ///< who raised it: empty = this server's detector; alertmanager = posted
  std::map<std::string, std::string> annotations;  ///< of a posted alert
  std::string generator;                           ///< of a posted alert: link to what raised it
  std::vector<std::string> silences;               ///< ids of those that are active and match it
  std::vector<std::string> inhibited_by;           ///< ids of alerts that make it a consequence
  std::vector<std::string> maintenance;            ///< names of windows that cover it now
  std::string assigned_to;
  bool flapping = false;  ///< it comes and goes
  /// Topics' severities this episode has used so far, for the resolve (not on the wire).
  bool was_warning = false;
  bool was_critical = false;
};

/// Nobody is to be notified of it: silenced, inhibited, or under maintenance.
bool suppressed(const alert& a) noexcept;

/// Compact binary form for the outbox and the decision log; begins with a version.
std::string encode_alert(const alert& a);
outcome<alert> decode_alert(std::string_view bytes);

}  // namespace faultline
