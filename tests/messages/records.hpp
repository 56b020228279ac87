// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "messages/decision.hpp"

/// One of everything the decision log and the feed carry.
namespace faultline {

inline alert firing_alert() {
  alert a;
  a.id = "00ff";
  a.transition = 2;
  a.episode = 5;
  a.severity = alert_severity::critical;
  a.entity = "service/cart";
  a.metric = "latency_p99";
  a.contributors = {{"latency_p99", 812.5, 200, 150, 260, 9.5}, {"errors", 3, 0, 0, 1, 4}};
  a.started = event_time_of(1'700'000'000'000);
  a.updated = event_time_of(1'700'000'060'000);
  a.score = 0.97;
  a.lead_time_s = 340.5;
  a.detectors = {{"residual", 0.9}, {"level", 0.4}};
  a.explanation = "latency_p99 of service/cart is 812.5, expected 150 to 260";
  a.model = "lstm 1";
  a.labels = {{"alertname", "early_warning"}, {"entity", "service/cart"}};
  a.learning = true;
  a.was_warning = true;
  a.was_critical = true;
  return a;
}

inline alert resolved_alert() {
  alert a = firing_alert();
  a.transition = 3;
  a.state = alert_state::resolved;
  a.ended = event_time_of(1'700'000'120'000);
  a.lead_time_s.reset();
  a.acknowledged = true;
  a.acknowledged_by = "ada";
  a.silenced = true;
  a.silenced_by = "bob";
  a.degraded = true;
  a.learning = false;
  a.source = "alertmanager";
  a.annotations = {{"summary", "the cart is slow"}};
  a.generator = "http://prometheus/graph";
  a.silences = {"s1", "s2"};
  a.inhibited_by = {"00fe"};
  a.maintenance = {"nightly"};
  a.assigned_to = "cy";
  a.flapping = true;
  return a;
}

inline ranked_cause sample_cause() {
  ranked_cause c;
  c.entity = "db/orders";
  c.metric = "memory";
  c.fault_class = "memory_leak";
  c.probability = 0.75;
  c.evidence = {{"onset", "memory rose 90 s before the others", 2.5}};
  c.counter_evidence = {{"history", "never the cause before", -0.25}};
  c.remediation = {
      {"Restart the replica", {"drain it", "restart it"}, "https://runbooks/db", 3, 4}};
  return c;
}

inline incident sample_incident() {
  incident i;
  i.id = "inc-1";
  i.transition = 4;
  i.severity = alert_severity::critical;
  i.started = event_time_of(1'700'000'000'000);
  i.updated = event_time_of(1'700'000'060'000);
  i.alerts = {"00ff", "00fe"};
  i.entities = {"service/cart", "db/orders"};
  i.summary = "2 entities";
  i.abstained = false;
  i.unobserved = 0.25;
  i.causes = {sample_cause()};
  return i;
}

inline std::vector<decision> every_decision() {
  std::vector<decision> all(8);
  for (std::size_t i = 0; i < all.size(); ++i) all[i].kind = static_cast<decision_kind>(i + 1);
  all[0].alert = resolved_alert();
  all[1].topology = {"service/a", "db/b", edge_kind::runs_on, true, "span", event_time_of(5)};
  all[2].change = {"service/a", change_kind::scale, "3 to 5", event_time_of(6)};
  all[3].root_cause = {"inc-1", event_time_of(7), {sample_cause()}, 0.25,
                       false,   {"db/b"},         "rank 2",         4.5};
  all[4].command = {"silence", "00ff", R"({"by":"ada"})", arrival_time_of(8)};
  all[5].notice = {"quarantine", "host/x", "5 deaths in 60 s", event_time_of(9)};
  all[6].clock = event_time_of(10);
  all[7].sign = {"service/a", event_time_of(11), 0.7, "latency_p50"};
  return all;
}

}  // namespace faultline
