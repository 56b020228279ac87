// SPDX-License-Identifier: Apache-2.0
// Answers that the page is made of: what is wrong now, one incident's story, how well it went.
#include <cmath>

#include <nlohmann/json.hpp>

#include "dashboard/internal/api_json.hpp"
#include "dashboard/internal/json_text.hpp"
#include "messages/feed.hpp"

namespace faultline {

namespace {

using nlohmann::json;

json outline(const incident_outline& i) {
  json cause = nullptr;
  if (!i.cause.empty())
    cause = {{"entity", i.cause},
             {"metric", i.metric},
             {"fault_class", i.fault_class},
             {"probability", number(i.probability)}};
  return {{"id", i.id},
          {"state", to_string(i.state)},
          {"severity", to_string(i.severity)},
          {"summary", i.summary},
          {"started", i.started},
          {"updated", i.updated},
          {"ended", or_null(i.ended)},
          {"abstained", i.abstained},
          {"unobserved", number(i.unobserved)},
          {"cause", std::move(cause)},
          {"entities", i.entities},
          {"alerts", i.alerts},
          {"firing", i.firing},
          {"acknowledged", i.acknowledged},
          {"silenced", i.silenced},
          {"first_entities", i.first_entities},
          {"limit_at", or_null(i.limit_at)}};
}

json outlines(const std::vector<incident_outline>& all) {
  json list = json::array();
  for (const auto& i : all) list.push_back(outline(i));
  return list;
}

json told_items(const std::vector<story_item>& all) {
  json items = json::array();
  for (const auto& i : all)
    items.push_back({{"ts", i.ts},
                     {"kind", i.kind},
                     {"subject", i.subject},
                     {"state", i.state},
                     {"text", i.text},
                     {"by", i.by}});
  return items;
}

}  // namespace

std::string api_json(const overview_view& view) {
  return text_of({{"open", view.open},
                  {"incidents", outlines(view.incidents)},
                  {"firing",
                   {{"critical", view.critical},
                    {"warning", view.warning},
                    {"acknowledged", view.acknowledged},
                    {"silenced", view.silenced}}},
                  {"feed", {{"seq", view.feed_seq}}},
                  {"now", view.now}});
}

std::string api_json(const entity_story& story) {
  return text_of({{"items", told_items(story.items)},
                  {"cut", story.cut},
                  {"incidents", outlines(story.incidents)}});
}

std::string api_json(const incident_story& story) {
  json alerts = json::array();
  for (const auto& a : story.alerts)
    alerts.push_back(json::parse(to_json(a.record, a.seq, a.published), nullptr, false));
  return text_of({{"items", told_items(story.items)},
                  {"cut", story.cut},
                  {"alerts", std::move(alerts)},
                  {"related", outlines(story.related)}});
}

std::string api_json(const quality_view& q) {
  json days = json::array();
  for (const auto& d : q.days)
    days.push_back({{"ts", d.ts}, {"episodes", d.episodes}, {"called_false", d.called_false}});
  return text_of({{"since", q.since},
                  {"until", q.until},
                  {"promised_per_entity_month", number(q.promised_per_entity_month)},
                  {"entities", q.entities},
                  {"episodes", q.episodes},
                  {"critical", q.critical},
                  {"critical_at_once", q.critical_at_once},
                  {"alert_verdicts", q.alert_verdicts},
                  {"incidents", q.incidents},
                  {"incident_verdicts", q.incident_verdicts},
                  {"lead_s", q.lead_s},
                  {"days", std::move(days)}});
}

std::string brief_json(const alert_page& page) {
  json rows = json::array();
  for (const auto& t : page.alerts) {
    const alert& a = t.record;
    json row{{"id", a.id},
             {"entity", a.entity},
             {"metric", a.metric},
             {"severity", to_string(a.severity)},
             {"state", to_string(a.state)},
             {"started", unix_ms(a.started)},
             {"updated", unix_ms(a.updated)},
             {"score", number(std::round(a.score * 1000) / 1000)}};
    if (a.ended) row["ended"] = unix_ms(*a.ended);
    if (a.lead_time_s) row["lead_time_s"] = number(std::round(*a.lead_time_s));
    if (a.acknowledged) row["acknowledged"] = a.acknowledged_by;
    if (!a.assigned_to.empty()) row["assigned_to"] = a.assigned_to;
    if (a.silenced) row["silenced"] = a.silenced_by;
    if (!a.maintenance.empty()) row["maintenance"] = a.maintenance;
    rows.push_back(std::move(row));
  }
  return text_of(
      {{"alerts", std::move(rows)}, {"next", page.next.empty() ? json(nullptr) : json(page.next)}});
}

}  // namespace faultline
