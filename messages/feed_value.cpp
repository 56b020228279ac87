// SPDX-License-Identifier: Apache-2.0
#include "messages/internal/feed_value.hpp"

#include <string>

#include "messages/units.hpp"

namespace faultline {
namespace {

using nlohmann::json;

template <class T>
json values_of(const std::vector<T>& items, json (*one)(const T&)) {
  json list = json::array();
  for (const auto& item : items) list.push_back(one(item));
  return list;
}

template <class T>
void read_list(const json& list, std::vector<T>& items, void (*one)(const json&, T&)) {
  items.clear();
  for (const auto& value : list) one(value, items.emplace_back());
}

json contributor_value(const alert_contributor& c) {
  return {{"metric", c.metric},     {"unit", unit_of(c.metric)}, {"actual", c.actual},
          {"expected", c.expected}, {"lower", c.lower},          {"upper", c.upper},
          {"score", c.score}};
}

void read_contributor(const json& v, alert_contributor& c) {
  v.at("metric").get_to(c.metric);
  v.at("actual").get_to(c.actual);
  v.at("expected").get_to(c.expected);
  v.at("lower").get_to(c.lower);
  v.at("upper").get_to(c.upper);
  v.at("score").get_to(c.score);
}

json evidence_value(const evidence_item& e) {
  return {{"kind", e.kind}, {"text", e.text}, {"weight", e.weight}};
}

void read_evidence(const json& v, evidence_item& e) {
  v.at("kind").get_to(e.kind);
  v.at("text").get_to(e.text);
  v.at("weight").get_to(e.weight);
}

json remediation_value(const remediation_item& r) {
  return {{"title", r.title},
          {"steps", r.steps},
          {"runbook", r.runbook},
          {"worked", r.worked},
          {"tried", r.tried}};
}

void read_remediation(const json& v, remediation_item& r) {
  v.at("title").get_to(r.title);
  v.at("steps").get_to(r.steps);
  v.at("runbook").get_to(r.runbook);
  v.at("worked").get_to(r.worked);
  v.at("tried").get_to(r.tried);
}

json cause_value(const ranked_cause& c) {
  return {{"entity", c.entity},
          {"metric", c.metric},
          {"fault_class", c.fault_class},
          {"probability", c.probability},
          {"evidence", values_of(c.evidence, evidence_value)},
          {"counter_evidence", values_of(c.counter_evidence, evidence_value)},
          {"remediation", values_of(c.remediation, remediation_value)}};
}

void read_cause(const json& v, ranked_cause& c) {
  v.at("entity").get_to(c.entity);
  v.at("metric").get_to(c.metric);
  v.at("fault_class").get_to(c.fault_class);
  v.at("probability").get_to(c.probability);
  read_list(v.at("evidence"), c.evidence, read_evidence);
  read_list(v.at("counter_evidence"), c.counter_evidence, read_evidence);
  read_list(v.at("remediation"), c.remediation, read_remediation);
}

event_time time_at(const json& v, const char* key) {
  return event_time_of(v.at(key).get<std::int64_t>());
}

std::optional<event_time> read_ended(const json& v) {
  if (!v.contains("ended")) return std::nullopt;
  return time_at(v, "ended");
}

alert_severity read_severity(const json& v) {
  return v.at("severity").get<std::string>() == to_string(alert_severity::critical)
             ? alert_severity::critical
             : alert_severity::warning;
}

constexpr const char* own_source = "detector";

template <class T>
void read_present(const json& v, const char* key, T& into) {
  if (const auto at = v.find(key); at != v.end()) at->get_to(into);
}

/// What records of earlier builds do not have.
void read_operators_part(const json& v, alert& a) {
  read_present(v, "source", a.source);
  if (a.source == own_source) a.source.clear();
  read_present(v, "silences", a.silences);
  read_present(v, "annotations", a.annotations);
  read_present(v, "generator", a.generator);
  read_present(v, "inhibited_by", a.inhibited_by);
  read_present(v, "maintenance", a.maintenance);
  read_present(v, "assigned_to", a.assigned_to);
  read_present(v, "flapping", a.flapping);
}

}  // namespace

json value_of(const alert& a) {
  json v{{"kind", "alert"},
         {"id", a.id},
         {"transition", a.transition},
         {"state", to_string(a.state)},
         {"severity", to_string(a.severity)},
         {"entity", a.entity},
         {"metric", a.metric},
         {"contributors", values_of(a.contributors, contributor_value)},
         {"started", unix_ms(a.started)},
         {"updated", unix_ms(a.updated)},
         {"score", a.score},
         {"lead_time_s", nullptr},
         {"detectors", a.detectors},
         {"explanation", a.explanation},
         {"model", a.model},
         {"acknowledged", a.acknowledged},
         {"silenced", a.silenced},
         {"labels", a.labels},
         {"degraded", a.degraded},
         {"learning", a.learning},
         {"ts", unix_ms(a.updated)}};
  if (a.state == alert_state::resolved) v["ended"] = unix_ms(a.ended.value_or(a.updated));
  if (a.lead_time_s) v["lead_time_s"] = *a.lead_time_s;
  if (a.silenced) v["by"] = v["silenced_by"] = a.silenced_by;
  if (a.acknowledged) v["by"] = v["acknowledged_by"] = a.acknowledged_by;
  v["source"] = a.source.empty() ? own_source : a.source;
  // What most alerts have none of is left out.
  if (a.silenced) v["silences"] = a.silences;
  if (!a.annotations.empty()) v["annotations"] = a.annotations;
  if (!a.generator.empty()) v["generator"] = a.generator;
  if (!a.inhibited_by.empty()) v["inhibited_by"] = a.inhibited_by;
  if (!a.maintenance.empty()) v["maintenance"] = a.maintenance;
  if (!a.assigned_to.empty()) v["assigned_to"] = a.assigned_to;
  if (a.flapping) v["flapping"] = true;
  return v;
}

json value_of(const incident& i) {
  json v{{"kind", "incident"},
         {"id", i.id},
         {"transition", i.transition},
         {"state", to_string(i.state)},
         {"started", unix_ms(i.started)},
         {"updated", unix_ms(i.updated)},
         {"severity", to_string(i.severity)},
         {"alerts", i.alerts},
         {"entities", i.entities},
         {"summary", i.summary},
         {"abstained", i.abstained},
         {"unobserved", i.unobserved},
         {"causes", values_of(i.causes, cause_value)},
         {"ts", unix_ms(i.updated)}};
  if (i.state == incident_state::resolved) v["ended"] = unix_ms(i.ended.value_or(i.updated));
  return v;
}

json value_of(const notice& n) {
  return {{"kind", "notice"},
          {"what", n.what},
          {"subject", n.subject},
          {"text", n.text},
          {"ts", unix_ms(n.at)}};
}

void read_value(const json& v, alert& a) {
  v.at("id").get_to(a.id);
  v.at("transition").get_to(a.transition);
  a.state = v.at("state").get<std::string>() == to_string(alert_state::resolved)
                ? alert_state::resolved
                : alert_state::firing;
  a.severity = read_severity(v);
  v.at("entity").get_to(a.entity);
  v.at("metric").get_to(a.metric);
  read_list(v.at("contributors"), a.contributors, read_contributor);
  a.started = time_at(v, "started");
  a.updated = time_at(v, "updated");
  a.ended = read_ended(v);
  v.at("score").get_to(a.score);
  if (const auto& lead = v.at("lead_time_s"); !lead.is_null()) a.lead_time_s = lead.get<double>();
  v.at("detectors").get_to(a.detectors);
  v.at("explanation").get_to(a.explanation);
  v.at("model").get_to(a.model);
  v.at("acknowledged").get_to(a.acknowledged);
  v.at("silenced").get_to(a.silenced);
  if (a.acknowledged) v.at("acknowledged_by").get_to(a.acknowledged_by);
  if (a.silenced) v.at("silenced_by").get_to(a.silenced_by);
  v.at("labels").get_to(a.labels);
  v.at("degraded").get_to(a.degraded);
  v.at("learning").get_to(a.learning);
  read_operators_part(v, a);
}

void read_value(const json& v, incident& i) {
  v.at("id").get_to(i.id);
  v.at("transition").get_to(i.transition);
  i.state = v.at("state").get<std::string>() == to_string(incident_state::resolved)
                ? incident_state::resolved
                : incident_state::open;
  i.started = time_at(v, "started");
  i.updated = time_at(v, "updated");
  i.ended = read_ended(v);
  i.severity = read_severity(v);
  v.at("alerts").get_to(i.alerts);
  v.at("entities").get_to(i.entities);
  v.at("summary").get_to(i.summary);
  v.at("abstained").get_to(i.abstained);
  v.at("unobserved").get_to(i.unobserved);
  read_list(v.at("causes"), i.causes, read_cause);
}

void read_value(const json& v, notice& n) {
  v.at("what").get_to(n.what);
  v.at("subject").get_to(n.subject);
  v.at("text").get_to(n.text);
  n.at = time_at(v, "ts");
}

}  // namespace faultline
