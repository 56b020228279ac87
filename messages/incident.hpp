// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/alert.hpp"

namespace faultline {

enum class incident_state : std::uint8_t { open = 1, resolved = 2 };
const char* to_string(incident_state) noexcept;

/// One term of a cause's score as a sentence an operator can check.
struct evidence_item {
  std::string kind;  ///< deviation, onset, internal, edge, topology, ranker, change, log, history
  std::string text;
  double weight = 0;  ///< natural log units added to (or taken from) the cause's score
};

struct remediation_item {
  std::string title;
  std::vector<std::string> steps;
  std::string runbook;  ///< link
  std::uint32_t worked = 0;
  std::uint32_t tried = 0;
};

struct ranked_cause {
  std::string entity;
  std::string metric;
  std::string fault_class;  ///< most probable class, for example "memory_leak"
  double probability = 0;
  std::vector<evidence_item> evidence;
  std::vector<evidence_item> counter_evidence;
  std::vector<remediation_item> remediation;
};

/// One incident as the feed carries it. Probabilities of causes and `unobserved` add up to 1.
struct incident {
  std::string id;
  incident_state state = incident_state::open;
  std::uint32_t transition = 1;
  alert_severity severity = alert_severity::warning;
  event_time started{};
  event_time updated{};
  std::optional<event_time> ended;
  std::vector<std::string> alerts;  ///< ids
  std::vector<std::string> entities;
  std::string summary;
  bool abstained = true;
  double unobserved = 1;
  std::vector<ranked_cause> causes;
};

std::string encode_incident(const incident& i);
outcome<incident> decode_incident(std::string_view bytes);

}  // namespace faultline
