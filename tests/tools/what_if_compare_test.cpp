// SPDX-License-Identifier: Apache-2.0
#include "tools/what_if_compare.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace faultline {
namespace {

constexpr std::int64_t noon = 1'704'715'200'000;
constexpr std::int64_t minute = 60'000;

/// Tells @p run of an episode: fires at @p from, ends at @p to (0: it does not).
void tell(what_if_run& run, const std::string& id, const std::string& entity, std::int64_t from,
          std::int64_t to = 0, alert_severity severity = alert_severity::warning) {
  feed_event e;
  e.what = feed_event::kind::alert;
  e.alert.id = id;
  e.alert.entity = entity;
  e.alert.severity = severity;
  e.alert.labels["alertname"] = "LimitCrossed";
  e.alert.started = e.alert.updated = event_time_of(from);
  e.alert.explanation = "disk of " + entity;
  run.take(e);
  run.entities = 10;
  run.newest = std::max(run.newest, std::max(from, to));
  if (to == 0) return;
  e.alert.state = alert_state::resolved;
  e.alert.updated = event_time_of(to);
  e.alert.ended = event_time_of(to);
  run.take(e);
}

TEST(WhatIfCompare, SaysNothingAboutRunsThatToldTheSame) {
  what_if_run run;
  tell(run, "a", "host/a", noon, noon + minute);
  const auto d = compare(run, run, noon - minute, noon + 10 * minute);
  EXPECT_TRUE(d.none());
  EXPECT_EQ(d.before.alerts, 1U);
  EXPECT_NE(difference_text(d).find("no difference"), std::string::npos);
}

TEST(WhatIfCompare, TellsApartWhatCameGoneMovedAndChanged) {
  what_if_run before, after;
  tell(before, "gone", "host/gone", noon, noon + minute);
  tell(before, "late", "host/moved", noon + 5 * minute, noon + 9 * minute);
  tell(after, "early", "host/moved", noon + 2 * minute, noon + 9 * minute);
  tell(before, "worse", "host/worse", noon, noon + minute);
  tell(after, "worse", "host/worse", noon, noon + minute, alert_severity::critical);
  tell(after, "came", "host/came", noon);
  const auto d = compare(before, after, noon - minute, noon + 10 * minute);
  ASSERT_EQ(d.only_before.size(), 1U);
  EXPECT_EQ(d.only_before[0].id, "gone");
  ASSERT_EQ(d.only_after.size(), 1U);
  EXPECT_EQ(d.only_after[0].id, "came");
  ASSERT_EQ(d.moved.size(), 1U);
  EXPECT_EQ(d.moved[0].after.started - d.moved[0].before.started, -3 * minute);
  ASSERT_EQ(d.changed.size(), 1U);
  EXPECT_EQ(d.changed[0].after.severity, alert_severity::critical);
  const auto json = nlohmann::json::parse(difference_json(d));
  EXPECT_TRUE(json["differs"]);
  EXPECT_EQ(json["only_after"][0]["ended"], nullptr);
  EXPECT_EQ(json["moved"][0]["later_ms"], -3 * minute);
  EXPECT_EQ(json["before"]["critical"], 0);
  EXPECT_EQ(json["after"]["critical"], 1);
  for (const char* part : {"host/gone", "host/came", "3m earlier", "was warning"})
    EXPECT_NE(difference_text(d).find(part), std::string::npos) << part;
}

TEST(WhatIfCompare, LooksAtItsTimeAlone) {
  what_if_run before, after;
  tell(before, "old", "host/a", noon - 20 * minute, noon - 10 * minute);
  tell(after, "new", "host/b", noon + 20 * minute);
  EXPECT_TRUE(compare(before, after, noon, noon + 10 * minute).none());
  EXPECT_FALSE(compare(before, after, noon, noon + 30 * minute).none());
}

TEST(WhatIfCompare, CountsWhatItListsAndNoTimeBeforeTheFirstEvent) {
  what_if_run before, after;
  before.oldest = after.oldest = noon - 30 * minute;
  tell(before, "a", "host/a", noon - 20 * minute, noon + minute);
  tell(after, "a", "host/a", noon - 20 * minute, noon + minute, alert_severity::critical);
  const auto d = compare(before, after, noon, noon + 10 * minute);
  EXPECT_EQ(d.changed.size(), 1U);
  EXPECT_EQ(d.after.critical, 1U) << "it is listed, so it counts";
  EXPECT_DOUBLE_EQ(d.after.pages_per_entity_month, 0) << "it began before";
  EXPECT_EQ(compare(before, after, 1, noon).from, noon - 30 * minute);
}

TEST(WhatIfCompare, CountsPagesPerEntityAndMonth) {
  what_if_run run;
  tell(run, "a", "host/a", noon);
  tell(run, "b", "host/b", noon);
  const auto d = compare(run, run, noon, noon + 3 * 86'400'000LL);
  EXPECT_DOUBLE_EQ(d.before.pages_per_entity_month, 2.0);  // 10 entities, a tenth of a month
}

}  // namespace
}  // namespace faultline
