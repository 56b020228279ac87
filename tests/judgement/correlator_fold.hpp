// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "judgement/correlator_core.hpp"
#include "messages/posted_alert.hpp"
#include "messages/silence.hpp"

namespace faultline {

inline constexpr std::int64_t noon = 1'700'049'600'000;  // 12:00 UTC
inline constexpr std::int64_t minute = 60'000;

/// A decision log in the making: each call appends one decision and keeps what came of it.
class fold {
public:
  explicit fold(correlation_options options = {}) : core{options} {}

  correlator_output apply(decision d) {
    d.seq = ++seq;
    log.push_back(d);
    auto out = core.apply(d);
    for (const auto& e : out.feed) feed.push_back(e);
    return out;
  }
  correlator_output edge(const std::string& from, const std::string& to, bool removed = false,
                         edge_kind kind = edge_kind::calls) {
    decision d;
    d.kind = decision_kind::topology;
    d.topology = {from, to, kind, removed, "event", event_time_of(noon)};
    return apply(d);
  }
  correlator_output fire(const std::string& entity, std::int64_t at, std::uint32_t transition = 1,
                         alert_severity severity = alert_severity::warning) {
    return apply(alert_decision(entity, at, at, transition, alert_state::firing, severity));
  }
  correlator_output end(const std::string& entity, std::int64_t started, std::int64_t at,
                        std::uint32_t transition = 2) {
    return apply(alert_decision(entity, started, at, transition, alert_state::resolved,
                                alert_severity::warning));
  }
  correlator_output clock(std::int64_t at) {
    decision d;
    d.kind = decision_kind::clock;
    d.clock = event_time_of(at);
    return apply(d);
  }
  correlator_output command(const std::string& name, const std::string& subject,
                            const std::string& payload, std::int64_t at = 0) {
    decision d;
    d.kind = decision_kind::command;
    d.command.name = name;
    d.command.subject = subject;
    d.command.payload = payload;
    d.command.at = arrival_time_of(at);
    return apply(d);
  }
  /// At the time at which it begins, as an operator would say it.
  correlator_output silence(const std::string& id, std::vector<label_matcher> matchers,
                            std::int64_t starts, std::int64_t ends,
                            std::optional<std::int64_t> at = {}) {
    faultline::silence s;
    s.id = id;
    s.matchers = std::move(matchers);
    s.starts = event_time_of(starts);
    s.ends = event_time_of(ends);
    s.created_by = "ann";
    s.comment = "known";
    return command("silence", id, silence_json(s), at.value_or(starts));
  }
  correlator_output post(const std::string& name, const std::string& entity, std::int64_t starts,
                         std::int64_t ends, const std::string& severity = "critical",
                         std::optional<std::int64_t> at = {}) {
    posted_alert p;
    p.labels = {{"alertname", name}, {"severity", severity}, {"service", entity}};
    p.annotations = {{"summary", name + " of " + entity}};
    p.starts = event_time_of(starts);
    p.ends = event_time_of(ends);
    p.entity = entity;
    return command("posted_alerts", "", posted_json({p}), at.value_or(starts));
  }
  /// Of the question asked at @p as_of, where that matters.
  correlator_output answer(const std::string& incident, const std::string& cause,
                           double probability, event_time as_of = {}) {
    decision d;
    d.root_cause.as_of = as_of;
    d.kind = decision_kind::root_cause;
    d.root_cause.incident = incident;
    ranked_cause c;
    c.entity = cause;
    c.fault_class = "memory_leak";
    c.metric = "memory.used";
    c.probability = probability;
    d.root_cause.causes = {c};
    d.root_cause.unobserved = 1 - probability;
    d.root_cause.abstained = probability < 0.35;
    return apply(d);
  }
  static std::string id_of(const std::string& entity, std::int64_t started) {
    return entity + "@" + std::to_string(started);
  }
  static decision alert_decision(const std::string& entity, std::int64_t started, std::int64_t at,
                                 std::uint32_t transition, alert_state state,
                                 alert_severity severity) {
    decision d;
    d.kind = decision_kind::alert;
    d.alert.id = id_of(entity, started);
    d.alert.entity = entity;
    d.alert.metric = "latency";
    d.alert.transition = transition;
    d.alert.state = state;
    d.alert.severity = severity;
    d.alert.started = event_time_of(started);
    d.alert.updated = event_time_of(at);
    d.alert.labels = {{"alertname", "EntityDeviates"}, {"entity", entity}};
    if (state == alert_state::resolved) d.alert.ended = event_time_of(at);
    return d;
  }

  correlator_core core;
  std::uint64_t seq = 0;
  std::vector<decision> log;
  std::vector<feed_event> feed;
};

inline std::vector<alert> alerts_in(const correlator_output& out) {
  std::vector<alert> list;
  for (const auto& e : out.feed) {
    if (e.what == feed_event::kind::alert) list.push_back(e.alert);
  }
  return list;
}

inline std::vector<incident> incidents_in(const correlator_output& out) {
  std::vector<incident> list;
  for (const auto& e : out.feed) {
    if (e.what == feed_event::kind::incident) list.push_back(e.incident);
  }
  return list;
}

}  // namespace faultline
