// SPDX-License-Identifier: Apache-2.0
#include "tools/what_if_compare.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "tools/internal/json_text.hpp"
#include "tools/output.hpp"

namespace faultline {

namespace {

using json = nlohmann::ordered_json;

constexpr double month_ms = 30.0 * 86'400'000.0;

std::int64_t end_of(const what_if_alert& a) {
  return a.ended.value_or(std::numeric_limits<std::int64_t>::max());
}

/// Alerts of @p run that touch [from, to], by start.
std::vector<const what_if_alert*> within(const what_if_run& run, std::int64_t from,
                                         std::int64_t to) {
  std::vector<const what_if_alert*> found;
  for (const auto& [id, a] : run.alerts)
    if (a.started <= to && end_of(a) >= from) found.push_back(&a);
  std::sort(found.begin(), found.end(), [](const what_if_alert* a, const what_if_alert* b) {
    return std::tie(a->started, a->entity, a->id) < std::tie(b->started, b->entity, b->id);
  });
  return found;
}

what_if_difference::totals totals_of(const what_if_run& run, std::int64_t from, std::int64_t to) {
  what_if_difference::totals t;
  std::size_t began = 0;
  for (const what_if_alert* a : within(run, from, to)) {
    ++t.alerts;
    if (a->severity == alert_severity::critical) ++t.critical;
    if (a->started >= from) ++began;
  }
  for (const auto& [id, started] : run.incidents)
    if (started >= from && started <= to) ++t.incidents;
  const double entity_months =
      static_cast<double>(run.entities) * static_cast<double>(to - from) / month_ms;
  if (entity_months > 0) t.pages_per_entity_month = static_cast<double>(began) / entity_months;
  return t;
}

bool same_trouble(const what_if_alert& a, const what_if_alert& b) {
  return a.entity == b.entity && a.name == b.name && a.started <= end_of(b) &&
         b.started <= end_of(a);
}

json alert_value(const what_if_alert& a) {
  json v{{"id", a.id},
         {"entity", a.entity},
         {"alertname", a.name},
         {"severity", to_string(a.severity)},
         {"started", a.started},
         {"ended", nullptr},
         {"explanation", a.explanation}};
  if (a.ended) v["ended"] = *a.ended;
  return v;
}

json pair_values(const std::vector<what_if_pair>& pairs) {
  json list = json::array();
  for (const auto& p : pairs)
    list.push_back({{"entity", p.before.entity},
                    {"alertname", p.before.name},
                    {"later_ms", p.after.started - p.before.started},
                    {"before", alert_value(p.before)},
                    {"after", alert_value(p.after)}});
  return list;
}

json totals_value(const what_if_difference::totals& t) {
  return {{"alerts", t.alerts},
          {"critical", t.critical},
          {"incidents", t.incidents},
          {"pages_per_entity_month", t.pages_per_entity_month}};
}

std::string span_text(const what_if_alert& a) {
  return format_time(a.started) + (a.ended ? " to " + format_time(*a.ended) : " and still firing");
}

std::string line_of(const char* sign, const what_if_alert& a) {
  return std::string{sign} + " " + span_text(a) + "  " + to_string(a.severity) + "  " +
         harmless(a.entity) + "  " + harmless(a.name) + ": " + harmless(a.explanation) + "\n";
}

}  // namespace

void what_if_run::take(const feed_event& e) {
  if (e.what == feed_event::kind::incident) {
    incidents.emplace(e.incident.id, unix_ms(e.incident.started));
    return;
  }
  if (e.what != feed_event::kind::alert) return;
  const auto& told = e.alert;
  auto& a = alerts[told.id];
  if (a.id.empty()) {
    const auto name = told.labels.find("alertname");
    a.id = told.id;
    a.entity = told.entity;
    a.name = name == told.labels.end() ? std::string{} : name->second;
    a.started = unix_ms(told.started);
    a.explanation = told.explanation;
  }
  a.severity = std::max(a.severity, told.severity);
  a.updated = unix_ms(told.updated);
  if (told.state == alert_state::resolved) a.ended = unix_ms(told.ended.value_or(told.updated));
}

what_if_difference compare(const what_if_run& before, const what_if_run& after, std::int64_t from,
                           std::int64_t to) {
  // Before the first event nothing was quiet: nothing was seen.
  from = std::max(from, std::min(before.oldest, to));
  what_if_difference d;
  d.from = from;
  d.to = to;
  d.before = totals_of(before, from, to);
  d.after = totals_of(after, from, to);
  d.entities = std::max(before.entities, after.entities);
  std::set<const what_if_alert*> taken;
  const auto differs = [](const what_if_alert& a, const what_if_alert& b) {
    return a.ended != b.ended || a.severity != b.severity;
  };
  std::vector<const what_if_alert*> unpaired;
  for (const auto* a : within(before, from, to)) {
    const auto same = after.alerts.find(a->id);
    if (same == after.alerts.end()) {
      unpaired.push_back(a);
      continue;
    }
    taken.insert(&same->second);
    if (differs(*a, same->second)) d.changed.push_back({*a, same->second});
  }
  const auto now = within(after, from, to);
  for (const auto* a : unpaired) {
    const auto same = std::find_if(now.begin(), now.end(), [&](const what_if_alert* b) {
      return taken.count(b) == 0 && before.alerts.count(b->id) == 0 && same_trouble(*a, *b);
    });
    if (same == now.end()) {
      d.only_before.push_back(*a);
      continue;
    }
    taken.insert(*same);
    if (a->started != (*same)->started)
      d.moved.push_back({*a, **same});
    else if (differs(*a, **same))
      d.changed.push_back({*a, **same});
  }
  for (const auto* b : now)
    if (taken.count(b) == 0 && before.alerts.count(b->id) == 0) d.only_after.push_back(*b);
  return d;
}

std::string difference_json(const what_if_difference& d) {
  json before = json::array(), after = json::array();
  for (const auto& a : d.only_before) before.push_back(alert_value(a));
  for (const auto& a : d.only_after) after.push_back(alert_value(a));
  return json_text(json{{"from", d.from},
                        {"to", d.to},
                        {"entities", d.entities},
                        {"differs", !d.none()},
                        {"before", totals_value(d.before)},
                        {"after", totals_value(d.after)},
                        {"only_before", before},
                        {"only_after", after},
                        {"moved", pair_values(d.moved)},
                        {"changed", pair_values(d.changed)}},
                   2);
}

std::string difference_text(const what_if_difference& d) {
  std::string text;
  for (const auto& a : d.only_before) text += line_of("-", a);
  for (const auto& a : d.only_after) text += line_of("+", a);
  for (const auto& p : d.moved) {
    const auto by = p.after.started - p.before.started;
    text += line_of("~", p.after);
    text += "    " + format_duration(milliseconds{by < 0 ? -by : by}) +
            (by < 0 ? " earlier than " : " later than ") + format_time(p.before.started) + "\n";
  }
  for (const auto& p : d.changed)
    text += line_of("~", p.after) + "    was " + to_string(p.before.severity) + ", " +
            span_text(p.before) + "\n";
  if (d.none()) text += "no difference\n";
  const auto total = [](const char* name, const what_if_difference::totals& t) {
    return std::string{name} + format_count(t.alerts) + " alerts (" + format_count(t.critical) +
           " critical), " + format_count(t.incidents) +
           (t.incidents == 1 ? " incident, " : " incidents, ") +
           format_number(t.pages_per_entity_month) + " pages per entity and month\n";
  };
  text += total("before: ", d.before) + total("after:  ", d.after);
  return text + format_count(d.entities) + " entities, " + format_time(d.from) + " to " +
         format_time(d.to) + "\n";
}

}  // namespace faultline
