// SPDX-License-Identifier: Apache-2.0
#include "judgement/maintenance.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "judgement/rules.hpp"
#include "judgement/window_words.hpp"
#include "tests/judgement/correlator_fold.hpp"
#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::int64_t hour = 60 * minute;
constexpr std::int64_t day = 24 * hour;
constexpr std::int64_t monday = 1'711'324'800'000;  // 2024-03-25, 00:00 UTC

/// Two hours ahead of UTC in summer, from 2024-03-31 01:00 UTC on.
std::vector<zone_offset> berlin(const std::string& zone) {
  if (zone == "UTC") return {{event_time{}, 0}};
  if (zone != "Europe/Berlin") return {};
  return {{event_time{}, 3600}, {event_time_of(1'711'846'800'000), 7200}};
}

maintenance_window nightly(const std::string& zone = "UTC") {
  window_words w;
  w.name = "nightly";
  w.entities = {"db/*"};
  w.days = {"mon", "sun"};
  w.at = "02:00";
  w.lasts_ms = 90 * minute;
  w.zone = zone;
  auto made = window_of(w, berlin);
  EXPECT_TRUE(made) << made.error().what;
  return *made;
}

maintenance_window once(std::int64_t from, std::int64_t to, std::string entity = "a") {
  maintenance_window w;
  w.name = "once";
  w.entities = {std::move(entity)};
  w.starts = event_time_of(from);
  w.ends = event_time_of(to);
  return w;
}

// Complaint: recurring-tasks
TEST(Maintenance, ARecurringWindowIsOpenOnItsDaysAtItsTime) {
  const auto w = nightly();
  EXPECT_FALSE(open_at(w, event_time_of(monday + 2 * hour - 1)));
  EXPECT_TRUE(open_at(w, event_time_of(monday + 2 * hour)));
  EXPECT_TRUE(open_at(w, event_time_of(monday + 3 * hour + 30 * minute - 1)));
  EXPECT_FALSE(open_at(w, event_time_of(monday + 3 * hour + 30 * minute)));
  EXPECT_FALSE(open_at(w, event_time_of(monday + day + 2 * hour))) << "Tuesday";
  EXPECT_EQ(next_change(w, event_time_of(monday)), event_time_of(monday + 2 * hour));
  EXPECT_EQ(next_change(w, event_time_of(monday + 2 * hour)),
            event_time_of(monday + 3 * hour + 30 * minute));
  EXPECT_EQ(next_change(w, event_time_of(monday + 4 * hour)),
            event_time_of(monday + 6 * day + 2 * hour))
      << "Sunday";
}

TEST(Maintenance, OneThatRecursIsOpenWithinItsOwnBoundsAlone) {
  auto w = nightly();  // Mondays from 2:00 to 3:30
  w.starts = event_time_of(monday + 2 * hour + 30 * minute);
  w.ends = event_time_of(monday + 3 * hour);
  EXPECT_FALSE(open_at(w, event_time_of(monday + 2 * hour + 30 * minute - 1)));
  EXPECT_TRUE(open_at(w, event_time_of(monday + 2 * hour + 30 * minute)));
  EXPECT_TRUE(open_at(w, event_time_of(monday + 3 * hour - 1)));
  EXPECT_FALSE(open_at(w, event_time_of(monday + 3 * hour)));
  EXPECT_EQ(next_change(w, event_time_of(monday)), event_time_of(monday + 2 * hour + 30 * minute));
  EXPECT_EQ(next_change(w, event_time_of(monday + 2 * hour + 40 * minute)),
            event_time_of(monday + 3 * hour));
  EXPECT_EQ(next_change(w, event_time_of(monday + 3 * hour)), event_time::max());
}

TEST(Maintenance, LocalTimeFollowsTheClocksOfTheZone) {
  const auto w = nightly("Europe/Berlin");
  EXPECT_TRUE(open_at(w, event_time_of(monday + hour))) << "02:00 in winter is 01:00 UTC";
  EXPECT_FALSE(open_at(w, event_time_of(monday + 3 * hour)));
  const std::int64_t later = monday + 7 * day;  // 2024-04-01, summer
  EXPECT_TRUE(open_at(w, event_time_of(later)));
  EXPECT_FALSE(open_at(w, event_time_of(later + 2 * hour)));
  const std::int64_t sunday = monday + 6 * day;  // 02:00 does not exist: the clocks leap to 03:00
  EXPECT_TRUE(open_at(w, event_time_of(sunday + hour)));
}

/// Berlin and New York in 2024: hours of UTC at which a window "at 02:30" begins where the clocks
/// leap ahead and back.
TEST(Maintenance, WhereTheClocksLeapItBeginsOnceEastAndWestOfGreenwich) {
  const auto begins = [](std::vector<zone_offset> offsets, const std::string& at,
                         std::int64_t day_of) {
    window_words words;
    words.name = "w";
    words.entities = {"a"};
    words.at = at;
    words.lasts_ms = 10 * minute;
    words.zone = "here";
    const auto w = *window_of(words, [&](const std::string&) { return offsets; });
    std::vector<std::int64_t> found;
    for (std::int64_t t = day_of; t < day_of + day; t += 10 * minute)
      if (open_at(w, event_time_of(t)) && !open_at(w, event_time_of(t - 10 * minute)))
        found.push_back((t - day_of) / minute);
    return found;
  };
  constexpr std::int64_t spring_berlin = 1'711'843'200'000;  // 2024-03-31 00:00 UTC
  constexpr std::int64_t autumn_berlin = 1'729'987'200'000;  // 2024-10-27
  constexpr std::int64_t spring_york = 1'710'028'800'000;    // 2024-03-10
  constexpr std::int64_t autumn_york = 1'730'592'000'000;    // 2024-11-03
  const std::vector<zone_offset> ahead{{event_time{}, 3600},
                                       {event_time_of(spring_berlin + hour), 7200},
                                       {event_time_of(autumn_berlin + hour), 3600}};
  const std::vector<zone_offset> behind{{event_time{}, -5 * 3600},
                                        {event_time_of(spring_york + 7 * hour), -4 * 3600},
                                        {event_time_of(autumn_york + 6 * hour), -5 * 3600}};
  EXPECT_THAT(begins(ahead, "02:30", spring_berlin), ElementsAre(90)) << "03:30 of the summer";
  EXPECT_THAT(begins(ahead, "02:30", autumn_berlin), ElementsAre(30)) << "the first of the two";
  EXPECT_THAT(begins(ahead, "12:00", autumn_berlin), ElementsAre(11 * 60));
  EXPECT_THAT(begins(behind, "02:30", spring_york), ElementsAre(7 * 60 + 30));
  EXPECT_THAT(begins(behind, "01:30", autumn_york), ElementsAre(5 * 60 + 30));
  EXPECT_THAT(begins(behind, "03:00", spring_york), ElementsAre(7 * 60));
}

TEST(Maintenance, AWindowOverMidnightBelongsToTheDayOnWhichItBegins) {
  window_words words;
  words.name = "late";
  words.entities = {"a"};
  words.days = {"mon"};
  words.at = "23:00";
  words.lasts_ms = 2 * hour;
  const auto w = *window_of(words, berlin);
  EXPECT_TRUE(open_at(w, event_time_of(monday + day + 30 * minute)));
  EXPECT_FALSE(open_at(w, event_time_of(monday + 30 * minute)));
}

TEST(Maintenance, WhatMakesNoSenseIsRefused) {
  const auto problem = [](const std::function<void(window_words&)>& edit) {
    window_words w;
    w.name = "w";
    w.entities = {"a"};
    w.at = "02:00";
    w.lasts_ms = hour;
    edit(w);
    const auto made = window_of(w, berlin);
    return made ? std::string{} : made.error().what;
  };
  EXPECT_EQ(problem([](window_words&) {}), "");
  EXPECT_NE(problem([](window_words& w) { w.name.clear(); }), "");
  EXPECT_NE(problem([](window_words& w) { w.entities.clear(); }), "");
  EXPECT_NE(problem([](window_words& w) { w.at = "24:00"; }), "");
  for (const char* at : {"2:00", "1::30", ":1:30", "01:3:", "-1:30", "02:60"})
    EXPECT_NE(problem([at](window_words& w) { w.at = at; }), "") << at;
  EXPECT_NE(problem([](window_words& w) { w.lasts_ms = 0; }), "");
  EXPECT_EQ(problem([](window_words& w) {
              w.at.clear();
              w.starts = "2024-03-01T00:00:00Z";
              w.lasts_ms = 0;
            }),
            "it does not say how long it lasts");
  EXPECT_NE(problem([](window_words& w) { w.lasts_ms = 8 * day; }), "");
  EXPECT_EQ(problem([](window_words& w) {
              w.at.clear();
              w.starts = "2024-03-01T00:00:00Z";
              w.lasts_ms = 20 * day;
            }),
            "")
      << "a week is the bound of one that recurs";
  EXPECT_NE(problem([](window_words& w) {
              w.at.clear();
              w.starts = "2024-03-01T00:00:00Z";
              w.lasts_ms = 4000 * day;
            }),
            "");
  EXPECT_NE(problem([](window_words& w) { w.days = {"monday"}; }), "");
  EXPECT_NE(problem([](window_words& w) { w.zone = "Mars/Olympus"; }), "");
  EXPECT_NE(problem([](window_words& w) { w.at.clear(); }), "") << "neither begin nor time of day";
  EXPECT_NE(problem([](window_words& w) {
              w.at.clear();
              w.starts = "2024-03-25T00:00:00Z";
              w.ends = "2024-03-24T00:00:00Z";
            }),
            "");
}

TEST(Maintenance, IsWrittenAndReadBackAndThoseOfOperatorsOutliveTheFile) {
  auto ours = nightly("Europe/Berlin");
  auto old = once(noon - hour, noon);
  old.name = "over";
  auto of_file = once(noon, noon + hour);
  of_file.configured = true;
  const auto back = read_windows_json(windows_json({ours, of_file}));
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(windows_json(*back), windows_json({ours, of_file}));
  EXPECT_FALSE(read_windows_json("[{}]"));
  const auto merged = merged_windows({of_file}, {ours, old, of_file}, event_time_of(noon));
  ASSERT_EQ(merged.size(), 2u);
  EXPECT_EQ(merged[1].name, "nightly");
}

struct MaintenanceOfAlerts : ::testing::Test {
  correlator_output rules(std::vector<maintenance_window> windows) {
    rules_record r;
    r.rules.maintenance = std::move(windows);
    return f.command("configuration", "", encode_rules(r));
  }
  fold f;
};

// Complaint: recurring-tasks, planned-change
TEST_F(MaintenanceOfAlerts, NobodyIsToldWhileTheWindowIsOpenAndThenOfWhatIsLeft) {
  rules({once(noon, noon + hour)});
  const auto out = alerts_in(f.fire("a", noon + minute));
  EXPECT_THAT(out.at(0).maintenance, ElementsAre("once"));
  EXPECT_TRUE(suppressed(out[0]));
  f.fire("b", noon + minute);
  ASSERT_EQ(f.core.open().size(), 1u) << "of b, which the window does not name";
  EXPECT_TRUE(f.core.wants_clock(event_time_of(noon + hour)));
  const auto later = alerts_in(f.clock(noon + hour));
  ASSERT_EQ(later.size(), 1u);
  EXPECT_THAT(later[0].maintenance, IsEmpty());
  EXPECT_EQ(f.core.open().size(), 2u);
}

TEST_F(MaintenanceOfAlerts, WhatFiredBeforeIsToldAgainWhenItOpens) {
  f.fire("a", noon);
  rules({once(noon + minute, noon + hour)});
  EXPECT_THAT(alerts_in(f.clock(noon + minute)).at(0).maintenance, ElementsAre("once"));
  EXPECT_THAT(alerts_in(rules({})).at(0).maintenance, IsEmpty()) << "the window is taken away";
}

// Complaint: planned-change
TEST_F(MaintenanceOfAlerts, DependentsAreCoveredWhereItSaysSo) {
  f.edge("front", "cart");
  f.edge("cart", "db");
  auto w = once(noon, noon + hour, "db");
  rules({w});
  EXPECT_THAT(alerts_in(f.fire("front", noon)).at(0).maintenance, IsEmpty());
  w.dependents = true;
  EXPECT_THAT(alerts_in(rules({w})).at(0).maintenance, ElementsAre("once"));
  f.edge("other", "db");
  EXPECT_THAT(alerts_in(f.fire("other", noon + minute)).at(0).maintenance, ElementsAre("once"));
  EXPECT_THAT(alerts_in(f.fire("stranger", noon + minute)).at(0).maintenance, IsEmpty());
}

// By the graph as it is: also of what fires already.
TEST_F(MaintenanceOfAlerts, ADependencyThatComesOrGoesCoversAndFreesDependentsThatFire) {
  auto w = once(noon, noon + hour, "db");
  w.dependents = true;
  rules({w});
  f.edge("front", "cart");
  EXPECT_THAT(alerts_in(f.fire("front", noon)).at(0).maintenance, IsEmpty());
  EXPECT_THAT(alerts_in(f.edge("cart", "db")).at(0).maintenance, ElementsAre("once"));
  const auto freed = alerts_in(f.edge("cart", "db", true));
  EXPECT_THAT(freed.at(0).maintenance, IsEmpty());
  f.edge("cart", "db");
  EXPECT_THAT(alerts_in(f.command("retire", "cart", "{}", noon)).at(0).maintenance, IsEmpty());
}

// An address stands for an entity while somebody depends on both: it goes with his dependency.
TEST_F(MaintenanceOfAlerts, WhoDependedOverANameThatIsGoneIsFreed) {
  auto w = once(noon, noon + hour, "db");
  w.dependents = true;
  rules({w});
  f.edge("front", "db.local:5432");
  f.edge("front", "db");
  f.edge("other", "db.local:5432");
  decision name;
  name.kind = decision_kind::topology;
  name.topology = {"db.local:5432", "db", edge_kind::calls, false, "name", event_time_of(noon)};
  f.apply(name);
  EXPECT_THAT(alerts_in(f.fire("other", noon)).at(0).maintenance, ElementsAre("once"));
  const auto freed = alerts_in(f.edge("front", "db", true));
  ASSERT_EQ(freed.size(), 1u);
  EXPECT_EQ(freed[0].entity, "other");
  EXPECT_THAT(freed[0].maintenance, IsEmpty());
}

TEST_F(MaintenanceOfAlerts, OtherHopsCoverOthersByTheSameWindows) {
  f.edge("front", "cart");
  f.edge("cart", "db");
  auto w = once(noon, noon + hour, "db");
  w.dependents = true;
  rules({w});
  EXPECT_THAT(alerts_in(f.fire("front", noon)).at(0).maintenance, ElementsAre("once"));
  rules_record nearer;
  nearer.rules.maintenance = {w};
  nearer.correlation.hops = 1;
  const auto out = alerts_in(f.command("configuration", "", encode_rules(nearer)));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_THAT(out[0].maintenance, IsEmpty());
}

TEST_F(MaintenanceOfAlerts, AWindowThatBeginsAsASilenceEndsLeavesDependentsNoMomentBetween) {
  f.edge("front", "db");
  auto w = once(noon + minute, noon + hour, "db");
  w.dependents = true;
  rules({w});
  f.silence("s1", {{"entity", "front"}}, noon, noon + minute);
  f.fire("front", noon);
  const auto out = alerts_in(f.clock(noon + minute));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_FALSE(out[0].silenced);
  EXPECT_THAT(out[0].maintenance, ElementsAre("once"));
  EXPECT_TRUE(f.core.open().empty());
}

TEST_F(MaintenanceOfAlerts, WhoDependsNoMoreIsNotCoveredNorAfterARestart) {
  auto w = once(noon, noon + hour, "db");
  w.dependents = true;
  for (const char* how : {"reset", "retire"}) {
    const std::string who = std::string{"front-"} + how;
    const auto edge = [&](const char* action) {
      return R"({"from":")" + who + R"(","to":"db","kind":"calls","action":")" + action + R"("})";
    };
    f.command("edge", "", edge("add"), noon);
    rules({w});
    EXPECT_THAT(alerts_in(f.fire(who, noon)).at(0).maintenance, ElementsAre("once")) << how;
    f.end(who, noon, noon + 1000);
    if (std::string{how} == "reset")
      f.command("edge", "", edge("reset"), noon);
    else
      f.command("retire", "db", "", noon);
    EXPECT_THAT(alerts_in(f.fire(who, noon + minute)).at(0).maintenance, IsEmpty()) << how;
  }
}

TEST_F(MaintenanceOfAlerts, IsTheSameAfterARestart) {
  f.edge("front", "db");
  auto w = once(noon, noon + hour, "db");
  w.dependents = true;
  rules({w});
  f.fire("front", noon);
  correlator_core again{{}};
  ASSERT_TRUE(again.restore(f.core.save()));
  EXPECT_EQ(again.save(), f.core.save());
  f.core = std::move(again);
  EXPECT_EQ(alerts_in(f.clock(noon + hour)).size(), 1u);
}

/// Half hours of calm rows that an entity has learned from under @p rules.
double learned(const judgement_rules& rules) {
  entity_driver d{std::make_shared<const judgement_rules>(rules)};
  noise n{3};
  for (std::int64_t ts = test_start; ts < test_start + 6 * hour; ts += minute)
    d.row(ts, calm_row(ts, n));
  return d.core.status().belief.half_hours;
}

TEST(MaintenanceOfEntities, NothingIsLearnedWhileTheWindowIsOpen) {
  judgement_rules r = *test_rules();
  const double all = learned(r);
  r.maintenance = {once(test_start, test_start + 6 * hour, "other/*")};
  EXPECT_EQ(learned(r), all) << "another entity's";
  r.maintenance = {once(test_start + 2 * hour, test_start + 5 * hour, "service/*")};
  EXPECT_LT(learned(r), all / 2);
  r.maintenance = {once(test_start, test_start + 6 * hour, "service/cart")};
  EXPECT_EQ(learned(r), 0);
}

/// An entity after six calm hours, five in which it was worked on, or not, and two calm ones.
struct after_work {
  static constexpr std::int64_t begin = test_start + 6 * hour, end = begin + 5 * hour;

  after_work(bool works, bool window) {
    judgement_rules r = *test_rules();
    if (window) r.maintenance = {once(begin, end, "service/cart")};
    entity_driver d{std::make_shared<const judgement_rules>(r)};
    noise n{3};
    for (std::int64_t ts = test_start; ts < end + 2 * hour; ts += minute) {
      auto row = calm_row(ts, n);
      const bool now = works && ts >= begin && ts < end;
      if (now && ts / minute % 60 < 25) continue;  // it is restarted each hour
      for (auto& [name, value] : row) value = now ? 3 * value + 10 : value;
      d.row(ts, row);
      event_view e;
      e.type = event_type::log;
      e.severity = now ? log_severity::error : log_severity::info;
      e.body = now ? "migration of the tables goes on" : "request done";
      d.give(e, ts);
      if (ts >= end + 3 * minute) later += d.core.status().alerts.size();
    }
    for (const alert& a : d.alerts())
      if (a.started >= event_time_of(end)) ++begun;
    status = d.core.status();
    silence_ms = d.core.outline().silence_limit_ms;
  }
  std::vector<std::string> words() const {
    std::vector<std::string> all;
    for (const log_word& w : status.words) all.push_back(w.text);
    return all;
  }
  entity_status status;
  std::int64_t silence_ms = 0;
  std::size_t begun = 0;  ///< alerts that began behind the window
  std::size_t later = 0;  ///< that fire three minutes behind it and later
};

// Complaint: poisoned-baseline, recurring-tasks
TEST(MaintenanceOfEntities, OutagesOfItsWindowMoveNoSilenceLimit) {
  const auto limit = [](bool outages, bool window, std::int64_t back) {
    judgement_rules r = *test_rules();
    for (const std::int64_t night : {test_start + day, test_start + 2 * day})
      if (window) r.maintenance.push_back(once(night, night + 40 * minute, "service/cart"));
    entity_driver d{std::make_shared<const judgement_rules>(r)};
    noise n{3};
    for (std::int64_t ts = test_start; ts < test_start + 2 * day + 6 * hour; ts += minute) {
      const auto row = calm_row(ts, n);
      const std::int64_t of_day = (ts - test_start) % day;
      if (outages && ts >= test_start + day && of_day < back) continue;
      d.row(ts, row);
    }
    return d.core.outline().silence_limit_ms;
  };
  const auto usual = limit(false, true, 0);
  EXPECT_EQ(limit(true, true, 39 * minute), usual);
  EXPECT_EQ(limit(true, true, 45 * minute), usual) << "back five minutes late";
  EXPECT_GT(limit(true, false, 39 * minute), usual) << "without windows they are usual";
}

// Complaint: poisoned-baseline
TEST(MaintenanceOfEntities, WhatIsSeenInAWindowChangesNothingThatIsExpectedBehindIt) {
  const after_work calm{false, true};
  const after_work worked{true, true};
  const after_work unmarked{true, false};
  ASSERT_EQ(calm.status.metrics.size(), worked.status.metrics.size());
  std::size_t moved = 0;
  for (std::size_t m = 0; m < calm.status.metrics.size(); ++m) {
    const metric_status& a = calm.status.metrics[m];
    const metric_status& b = worked.status.metrics[m];
    const double width = a.upper - a.lower;
    EXPECT_NEAR(b.expected, a.expected, 0.05 * width) << a.name;
    EXPECT_NEAR(b.upper, a.upper, 0.05 * width) << a.name;
    EXPECT_NEAR(b.lower, a.lower, 0.05 * width) << a.name;
    const metric_status& c = unmarked.status.metrics[m];
    if (std::fabs(c.upper - a.upper) > 0.05 * width) ++moved;
  }
  EXPECT_GE(moved, 4u) << "without the window it would have been learned";
  EXPECT_EQ(worked.silence_ms, calm.silence_ms) << "its restarts are no usual gap";
  EXPECT_GT(unmarked.silence_ms, calm.silence_ms);
  EXPECT_THAT(worked.words(),
              ::testing::Not(::testing::Contains(::testing::HasSubstr("migration"))));
  EXPECT_THAT(unmarked.words(), ::testing::Contains(::testing::HasSubstr("migration")));
  EXPECT_EQ(worked.begun, 0u) << "what is calm behind the window is calm";
  EXPECT_EQ(worked.later, 0u) << "what fired in it ends as soon as anything does";
}

}  // namespace
}  // namespace faultline
