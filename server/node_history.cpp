// SPDX-License-Identifier: Apache-2.0
// What was told of alerts.
#include <algorithm>
#include <utility>

#include "processing/label_matchers.hpp"
#include "server/node_life_cycle.hpp"
#include "server/told_records.hpp"

namespace faultline {

namespace {

/// Whether @p wanted stands in @p a somewhere.
bool holds_text(const alert& a, const std::string& wanted) {
  if (holds(a.entity, wanted) || holds(a.metric, wanted) || holds(a.explanation, wanted) ||
      holds(a.id, wanted))
    return true;
  return std::any_of(a.labels.begin(), a.labels.end(),
                     [&](const auto& label) { return holds(label.second, wanted); });
}

bool wanted_in(const alert_search& s, const label_matchers& m, const alert& a) {
  if (!s.state.empty() && s.state != to_string(a.state)) return false;
  if (s.to != 0 && unix_ms(a.started) >= s.to) return false;
  if (s.from != 0 && a.ended && unix_ms(*a.ended) < s.from) return false;
  if (!s.text.empty() && !holds_text(a, s.text)) return false;
  if (m.empty()) return true;
  auto labels = a.labels;
  labels.try_emplace("entity", a.entity);
  return m.matches(labels);
}

}  // namespace

void node_life_cycle::alert_by_id(std::string id, answer<told<alert>> done) {
  auto record = record_named(*parts_.memory, "alert", id, decode_alert);
  if (!record) return done(record.error());
  done(as_told(*parts_.memory, std::move(*record)));
}

void node_life_cycle::search_alerts(alert_search s, answer<alert_page> done) {
  if (!s.next.empty() && !goes_on_under(alerts_by_time, s.next)) return done(no_such_page());
  std::vector<label_matcher> all;
  for (const std::string& text : s.matchers) {
    auto some = parse_matchers(text);
    if (!some) return done(some.error());
    all.insert(all.end(), some->begin(), some->end());
  }
  auto matchers = label_matchers::compile(std::move(all));
  if (!matchers) return done(matchers.error());
  parts_.reads->ask<alert_page>(
      [memory = parts_.memory, s, m = std::move(*matchers)]() -> outcome<alert_page> {
        const auto until = std::chrono::steady_clock::now() + longest_search;
        std::string after = s.next;
        if (s.to != 0) {  // the newest come first: those that began later are not even read
          alert bound;
          bound.started = event_time_of(s.to);
          after = std::max(after, time_key(bound));
        }
        auto page = newest<alert>(
            *memory, {alerts_by_time, std::move(after), s.limit},
            [](const std::string& bytes) { return decode_alert(bytes); },
            [&](const alert& a) { return wanted_in(s, m, a); },
            [&] { return std::chrono::steady_clock::now() > until; });
        if (!page) return page.error();
        return alert_page{std::move(page->first), std::move(page->second)};
      },
      std::move(done));
}

}  // namespace faultline
