// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messages/alert.hpp"
#include "messages/event.hpp"
#include "messages/incident.hpp"

namespace faultline {

/// Kinds of entries of the one decision log: the only order that correlator and topology see.
enum class decision_kind : std::uint8_t {
  alert = 1,   ///< an entity's alert transition (from a partition's outbox)
  topology,    ///< an edge appeared or went (from a partition's outbox)
  change,      ///< a change event of an entity (from a partition's outbox)
  root_cause,  ///< an RCA result with its inputs' digest
  command,     ///< an operator's word: acknowledge, silence, feedback, retire, limits
  notice,      ///< something to tell: quarantine, overload, recovered
  clock,       ///< event time has passed while something is open
  sign,        ///< an entity is somewhat unusual: no page, but others may show it too
};

struct topology_change {
  std::string from;  ///< depends on
  std::string to;
  edge_kind kind = edge_kind::calls;
  bool removed = false;
  std::string source;  ///< event, span, configuration
  event_time at{};
};

struct change_note {
  std::string entity;
  change_kind kind = change_kind::other;
  std::string summary;
  event_time at{};
};

/// An entity is unusual, and too little so for a page.
struct weak_sign {
  std::string entity;
  event_time at{};     ///< the tick
  double decades = 0;  ///< how rare a half hour is that holds such a tick
  std::string metric;  ///< the most surprising one
};

/// What an RCA run found for an incident, with what it was based on.
struct root_cause_result {
  std::string incident;
  event_time as_of{};
  std::vector<ranked_cause> causes;
  double unobserved = 1;
  bool abstained = true;
  std::vector<std::string> incomplete;  ///< entities whose watermark had not passed as_of
  std::string model;
  /// How many natural log units likelier what is seen is with the first cause than with nothing
  /// wrong anywhere, tempered as the posterior; 0 without a cause and in records of version 2.
  double support = 0;
};

struct operator_command {
  /// alert_feedback, incident_feedback, acknowledge, silence, retire, release, edge, configuration,
  /// model
  std::string name;
  std::string subject;  ///< alert id, incident id, entity or sha-256 of a model
  std::string payload;  ///< JSON
  arrival_time at{};
};

/// Commands that set the rules by which entities are judged; their payload holds all of them.
bool sets_rules(std::string_view command) noexcept;
/// Commands that partitions must hear of: copied into their logs as control records.
bool is_control(std::string_view command) noexcept;
/// The payload of a retirement that a partition has decided by itself, and acted on.
inline constexpr std::string_view retired_by_silence = R"({"by":"silence"})";

/// Version of the logic that decides. It grows, with a release, after every change after which the
/// same records may lead to other decisions.
inline constexpr std::uint32_t logic_version = 1;

struct notice {
  std::string what;  ///< quarantine, overload, recovered, regime_changed, poison
  std::string subject;
  std::string text;
  event_time at{};
};

/// One entry. Exactly the member named by `kind` counts.
struct decision {
  std::uint64_t seq = 0;  ///< given by the log
  decision_kind kind = decision_kind::notice;
  faultline::alert alert;
  topology_change topology;
  change_note change;
  root_cause_result root_cause;
  operator_command command;
  faultline::notice notice;
  event_time clock{};
  weak_sign sign;
  std::uint32_t logic = logic_version;  ///< of who decided; 0 in records older than this field
  std::string model;                    ///< sha-256 of the model in force; empty: none, not known
};

/// Binary form (begins with a version; `seq` is not part of it).
std::string encode_decision(const decision& d);
outcome<decision> decode_decision(std::string_view bytes);

}  // namespace faultline
