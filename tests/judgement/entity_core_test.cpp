// SPDX-License-Identifier: Apache-2.0
#include "judgement/entity_core.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <limits>

#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::int64_t tick = 10'000;
constexpr int day = 8640;

TEST(EntityCore, StaysQuietOverTwoCalmDays) {
  entity_driver d;
  noise n{1};
  for (int i = 0; i < 2 * day; ++i)
    d.row(test_start + i * tick, calm_row(test_start + i * tick, n));
  EXPECT_THAT(d.alerts(), SizeIs(0));
  EXPECT_EQ(d.core.observations(), static_cast<std::uint64_t>(2 * day));
  EXPECT_EQ(d.core.status().state, "ok");
}

// A quarter of a day with two metrics and @p constants that never move: how unusual each tick was.
std::vector<double> verdicts_beside(int constants) {
  entity_driver d;
  noise n{4};
  std::vector<double> excess;
  for (int i = 0; i < day / 4; ++i) {
    auto row = calm_row(test_start + i * tick, n);
    row.resize(2);
    for (int c = 0; c < constants; ++c) row.push_back({"limit." + std::to_string(c), 4});
    d.row(test_start + i * tick, row);
    excess.push_back(d.core.last_verdict().excess);
  }
  return excess;
}

TEST(EntityCore, WhatNeverMovesMakesNothingLessUnusual) {
  EXPECT_EQ(verdicts_beside(30), verdicts_beside(0));
}

// A leak of 40 points in two hours, after a calm day and a half.
TEST(EntityCore, WarnsOfALeakBeforeItsEnd) {
  entity_driver d;
  noise n{2};
  const int onset = day + day / 2;
  for (int i = 0; i < onset + 720; ++i) {
    auto row = calm_row(test_start + i * tick, n);
    row[1].second += i > onset ? 40.0 * (i - onset) / 720 : 0.0;
    d.row(test_start + i * tick, row);
  }
  const auto alerts = d.alerts();
  ASSERT_FALSE(alerts.empty());
  const auto& first = alerts.front();
  EXPECT_EQ(first.metric, "memory_used_percent");
  EXPECT_GE(first.started, event_time_of(test_start + onset * tick));
  EXPECT_LT(first.started, event_time_of(test_start + (onset + 240) * tick));
  EXPECT_THAT(first.explanation, HasSubstr("memory_used_percent"));
  EXPECT_THAT(first.explanation, HasSubstr(" percent, expected "));
  EXPECT_EQ(first.labels.at("entity"), "service/cart");
  EXPECT_EQ(first.state, alert_state::firing);
}

TEST(EntityCore, FiresOnAnAbruptFaultAndResolvesAfterIt) {
  entity_driver d;
  noise n{3};
  for (int i = 0; i < day + 600; ++i) {
    auto row = calm_row(test_start + i * tick, n);
    if (i >= day && i < day + 60) {
      row[6].second += 30;
      row[7].second += 400;
    }
    d.row(test_start + i * tick, row);
  }
  const auto alerts = d.alerts();
  ASSERT_GE(alerts.size(), 2u);
  EXPECT_LE(alerts.front().started, event_time_of(test_start + (day + 3) * tick));
  EXPECT_EQ(alerts.back().state, alert_state::resolved);
  EXPECT_EQ(alerts.back().id, alerts.front().id);
  EXPECT_EQ(alerts.back().transition, alerts.size());
  bool critical = false;
  for (const auto& a : alerts) critical = critical || a.severity == alert_severity::critical;
  EXPECT_TRUE(critical);
}

constexpr std::int64_t minute = 60'000;

/// Rows of a minute of a calm service, with something added to its memory.
class minutes_driver : public entity_driver {
public:
  explicit minutes_driver(std::uint64_t seed) : entity_driver{test_rules(minute)}, n_{seed} {}
  void go(int count, double memory = 0, double latency = 0) {
    for (int i = 0; i < count; ++i) {
      auto row_now = calm_row(now, n_);
      row_now[1].second += memory + wild * n_.normal();
      row_now[7].second += latency;
      row(now, row_now);
      now += minute;
    }
  }
  std::vector<notice> notices() const {
    std::vector<notice> said;
    for (const auto& d : decisions) {
      if (d.what.kind == decision_kind::notice) said.push_back(d.what.notice);
    }
    return said;
  }
  std::int64_t now = test_start;
  double wild = 0;  ///< noise of the memory

private:
  noise n_;
};

TEST(EntityCore, AcceptsALevelThatStaysTellsItOnceAndSeesTheNextFault) {
  minutes_driver d{11};
  d.go(3 * 1440);
  ASSERT_THAT(d.alerts(), SizeIs(0));
  const auto shift = d.now;
  d.go(12 * 60, 20);
  const auto alerts = d.alerts();
  ASSERT_FALSE(alerts.empty());
  EXPECT_LE(alerts.front().started, event_time_of(shift + 2 * minute));
  EXPECT_EQ(alerts.back().state, alert_state::resolved);
  EXPECT_LE(alerts.back().updated, event_time_of(shift + 10 * 60 * minute));
  EXPECT_EQ(alerts.back().episode, alerts.front().episode) << "what settles opens nothing at once";
  ASSERT_THAT(d.notices(), SizeIs(1));
  EXPECT_EQ(d.notices()[0].what, "regime_changed");
  EXPECT_EQ(d.notices()[0].subject, "service/cart");
  EXPECT_THAT(d.notices()[0].text, HasSubstr("memory_used_percent"));
  const auto before = d.alerts().size();
  d.go(4 * 60, 20);
  const auto fault = d.now;
  d.go(5, 40);
  ASSERT_GT(d.alerts().size(), before);
  EXPECT_GE(d.alerts()[before].started, event_time_of(fault));
  EXPECT_LE(d.alerts()[before].started, event_time_of(fault + 2 * minute));
}

// What is believed of tails that were not seen yet is of one channel here, not of eight.
TEST(EntityCore, SeesWithinADayWhatIsFarOutOfItsOnlyMetric) {
  entity_driver d{test_rules(minute)};
  noise n{19};
  std::int64_t now = test_start;
  for (int i = 0; i < 600; ++i, now += minute) d.row(now, {{"m00", 50 + n.normal()}});
  float most = -9;
  for (int i = 0; i < 3; ++i, now += minute) {
    d.row(now, {{"m00", 66.0}});
    most = std::max(most, static_cast<float>(d.core.last_verdict().excess));
  }
  EXPECT_GT(most, 0.0f);
}

// The profile is learned in steps of z near the middle; where the values went they are others.
TEST(EntityCore, SettlesAtALevelFarAwayAlsoWhereADailyProfileWasLearned) {
  entity_driver d{test_rules(minute)};
  noise n{18};
  const auto go = [&](std::int64_t from, int minutes, bool stuck) {
    for (std::int64_t ts = from; ts < from + minutes * minute; ts += minute) {
      auto row = calm_row(ts, n);
      const double turn = static_cast<double>(ts % 86'400'000) / 86.4e6;
      row[1].second = stuck ? 9.4 : 98 + 0.8 * std::sin(2 * 3.14159265 * turn) + 0.2 * n.normal();
      d.row(ts, row);
    }
    return from + minutes * minute;
  };
  const auto shift = go(test_start, 6 * 1440 + 300, false);
  d.decisions.clear();
  go(shift, 16 * 60, true);
  const auto alerts = d.alerts();
  ASSERT_FALSE(alerts.empty());
  EXPECT_EQ(alerts.back().state, alert_state::resolved);
  EXPECT_EQ(alerts.back().episode, alerts.front().episode) << "one change, one episode";
}

// Another version may be calmer, and what was usual before must not hide what is unusual now.
TEST(EntityCore, LearnsWithinADayWhatIsUsualAtANewLevel) {
  const auto told_after = [](int hours, double jump) {
    minutes_driver d{17};
    d.wild = 12;
    d.go(4 * 1440);
    d.wild = 0;
    d.go(hours * 60, 90);
    const auto before = d.alerts().size();
    d.go(30, 90 + jump);
    return d.alerts().size() > before;
  };
  EXPECT_FALSE(told_after(7, 20));
  EXPECT_TRUE(told_after(18, 20));
  EXPECT_TRUE(told_after(30, 15));
}

TEST(EntityCore, DoesNotTakeALevelThatIsOverALimitForNormal) {
  auto rules = std::make_shared<judgement_rules>(*test_rules(minute));
  rules->detection.limits.push_back({"*", "memory_used_percent", 70.0, std::nullopt, "critical"});
  minutes_driver d{12};
  d.core.set_rules(rules);
  d.go(3 * 1440);
  d.go(12 * 60, 20);
  EXPECT_THAT(d.notices(), SizeIs(0));
  EXPECT_EQ(d.core.status().state, "critical");
}

TEST(EntityCore, OpensAnEpisodeForEachOfTwoFaultsMinutesApart) {
  minutes_driver d{13};
  d.go(3 * 1440);
  for (int fault = 0; fault < 3; ++fault) {
    d.go(3, 0, 200);
    d.go(12);
  }
  std::uint32_t episodes = 0;
  for (const auto& a : d.alerts()) episodes = std::max(episodes, a.episode);
  EXPECT_EQ(episodes, 3u);
  EXPECT_EQ(d.alerts().back().state, alert_state::resolved);
}

TEST(EntityCore, LooksForItsLevelsAfterHoursAwayAndJudgesByThem) {
  minutes_driver d{14};
  d.go(3 * 1440);
  d.now += 14 * 60 * minute;
  d.go(180, 12);
  EXPECT_THAT(d.alerts(), SizeIs(0));
  const auto fault = d.now;
  d.go(4, 24);
  ASSERT_FALSE(d.alerts().empty());
  EXPECT_LE(d.alerts().front().started, event_time_of(fault + 2 * minute));
}

// One row like those before it says that nothing has to be looked for.
TEST(EntityCore, JudgesAtOnceWhatIsWhereItWasAfterHoursAway) {
  minutes_driver d{14};
  d.go(3 * 1440);
  d.now += 24 * 60 * minute;
  d.go(3);
  const auto fault = d.now;
  d.go(4, 24);
  ASSERT_FALSE(d.alerts().empty());
  EXPECT_GE(d.alerts().front().started, event_time_of(fault));
  EXPECT_LE(d.alerts().front().started, event_time_of(fault + 2 * minute));
}

TEST(EntityCore, TakesAJumpAfterAShortBreakForWhatItIs) {
  minutes_driver d{15};
  d.go(3 * 1440);
  d.now += 30 * minute;
  d.go(30, 12);
  EXPECT_FALSE(d.alerts().empty());
}

TEST(EntityCore, CallsACrossedLimitCriticalWhateverTheBudget) {
  auto rules = std::make_shared<judgement_rules>(*test_rules());
  rules->detection.false_pages_per_entity_month = 1e-3;
  rules->detection.limits.push_back({"service/*", "queue_*", 20.0, {}, "critical"});
  entity_driver d{rules};
  noise n{4};
  for (int i = 0; i < 1000; ++i) {
    auto row = calm_row(test_start + i * tick, n);
    if (i > 900) row[4].second = 25;
    d.row(test_start + i * tick, row);
  }
  const auto alerts = d.alerts();
  ASSERT_FALSE(alerts.empty());
  EXPECT_EQ(alerts.back().severity, alert_severity::critical);
  EXPECT_EQ(alerts.back().metric, "queue_length");
  EXPECT_EQ(alerts.back().labels.at("alertname"), "LimitCrossed");
}

// Complaint: silent-host
TEST(EntityCore, TellsOfSilenceAndOfItsEndUnlessEphemeral) {
  for (const bool ephemeral : {false, true}) {
    entity_driver d;
    noise n{5};
    for (int i = 0; i < 1000; ++i) {
      event_view e;
      const auto values = calm_row(test_start + i * tick, n);
      for (const auto& [name, value] : values)
        e.metrics.push_back({name, value, metric_kind::gauge});
      if (ephemeral) e.attributes.push_back({"ephemeral", "true"});
      d.give(e, test_start + i * tick);
      d.clock(test_start + i * tick);
    }
    for (int i = 1000; i < 1100; ++i) d.clock(test_start + i * tick);
    if (ephemeral) {
      EXPECT_THAT(d.alerts(), SizeIs(0));
      EXPECT_GT(d.core.idle_ticks(), 90u);
      continue;
    }
    ASSERT_THAT(d.alerts(), SizeIs(1));
    EXPECT_EQ(d.core.status().state, "stale");
    EXPECT_EQ(d.alerts()[0].labels.at("alertname"), "EntitySilent");
    d.row(test_start + 1100 * tick, calm_row(test_start + 1100 * tick, n));
    ASSERT_THAT(d.alerts(), SizeIs(2));
    EXPECT_EQ(d.alerts()[1].state, alert_state::resolved);
  }
}

/// A core with live data that has heard 1000 calm rows, each after a clock record.
entity_driver live_driver(noise& n) {
  auto rules = std::make_shared<judgement_rules>(*test_rules());
  rules->processing.accept_past = false;
  entity_driver d{rules};
  for (int i = 0; i < 1000; ++i) {
    d.clock(test_start + i * tick);
    d.row(test_start + i * tick, calm_row(test_start + i * tick, n));
  }
  return d;
}

TEST(EntityCore, TakesOurOwnAbsenceForNobodysSilence) {
  noise n{6};
  auto d = live_driver(n);
  const int back = 1100;
  for (int i = back; i < back + 5; ++i) d.clock(test_start + i * tick);
  EXPECT_THAT(d.alerts(), SizeIs(0));
  for (int i = back + 5; i < back + 20; ++i) {
    d.clock(test_start + i * tick);
    d.row(test_start + i * tick, calm_row(test_start + i * tick, n));
  }
  EXPECT_THAT(d.alerts(), SizeIs(0));
  for (int i = back + 20; i < back + 40; ++i) d.clock(test_start + i * tick);
  ASSERT_THAT(d.alerts(), SizeIs(1)) << "a silence that we listened to is one, as soon as before";
  EXPECT_EQ(d.alerts()[0].labels.at("alertname"), "EntitySilent");
}

TEST(EntityCore, AdoptsASilenceThatItsSnapshotDoesNotKnow) {
  noise n{7};
  auto d = live_driver(n);
  const auto snapshot = d.core.save();
  for (int i = 1000; i < 1020; ++i) d.clock(test_start + i * tick);
  ASSERT_THAT(d.alerts(), SizeIs(1));
  auto rules = std::make_shared<judgement_rules>(*test_rules());
  rules->processing.accept_past = false;
  entity_driver again{rules};
  ASSERT_TRUE(again.core.restore(snapshot));
  again.core.adopt(d.decisions, d.position - 5);
  again.position = d.position;
  for (int i = 1020; i < 1060; ++i) again.clock(test_start + i * tick);
  EXPECT_THAT(again.alerts(), SizeIs(0)) << "decided before, not again";
  again.row(test_start + 1060 * tick, calm_row(test_start + 1060 * tick, n));
  ASSERT_THAT(again.alerts(), SizeIs(1));
  EXPECT_EQ(again.alerts()[0].state, alert_state::resolved);
  EXPECT_EQ(again.alerts()[0].id, d.alerts()[0].id);
}

TEST(EntityCore, TheSilenceOfOneThatSendsTenTimesASecondSaysSo) {
  entity_driver d{test_rules(100)};
  for (int i = 0; i < 100; ++i) d.row(test_start + i * 100, {{"cpu", 1.0}});
  for (int i = 1; i < 80; ++i) d.clock(test_start + i * 1000);
  ASSERT_THAT(d.alerts(), SizeIs(1));
  EXPECT_NE(d.alerts()[0].explanation.find("it used to every 100 ms."), std::string::npos)
      << d.alerts()[0].explanation;
}

// Complaint: flat-at-100
TEST(EntityCore, SurvivesExtremeValuesAndConstantSeries) {
  entity_driver d;
  for (int i = 0; i < 3000; ++i) {
    const double big = i % 7 == 0 ? 1e308 : (i % 11 == 0 ? -1e308 : 5.0);
    d.row(test_start + i * tick, {{"flat", 3.0},
                                  {"zero", 0.0},
                                  {"wild", big},
                                  {"tiny", std::numeric_limits<double>::denorm_min() * i}});
  }
  for (const auto& m : d.core.window(event_time_of(test_start + 3000 * tick)).metrics) {
    for (const auto v : m.upper) ASSERT_TRUE(std::isfinite(v)) << m.name;
  }
  EXPECT_TRUE(std::isfinite(d.core.last_verdict().score));
  entity_core again{"service/cart", test_rules()};
  EXPECT_TRUE(again.restore(d.core.save()));
}

TEST(EntityCore, DecidesTheSameWhenSavedAndRestoredOnTheWay) {
  entity_driver straight, stopped;
  noise a{6}, b{6};
  const auto row_at = [&](int i, noise& n) {
    auto row = calm_row(test_start + i * tick, n);
    if (i % 3000 > 2800) row[7].second += 3.0 * (i % 3000 - 2800);
    return row;
  };
  for (int i = 0; i < day; ++i) {
    straight.row(test_start + i * tick, row_at(i, a));
    stopped.row(test_start + i * tick, row_at(i, b));
    if (i % 97 == 0) {
      entity_core fresh{"service/cart", test_rules()};
      ASSERT_TRUE(fresh.restore(stopped.core.save())) << i;
      stopped.core = std::move(fresh);
    }
  }
  EXPECT_EQ(straight.core.save(), stopped.core.save());
  ASSERT_EQ(straight.decisions.size(), stopped.decisions.size());
  EXPECT_GT(straight.decisions.size(), 0u);
  for (std::size_t i = 0; i < straight.decisions.size(); ++i)
    EXPECT_EQ(encode_decision(straight.decisions[i].what),
              encode_decision(stopped.decisions[i].what));
}

// Its first gaps are longer than 128 ticks of the server, the same gap is less once its own tick is
// known: whoever comes back weighs it as one that stayed.
TEST(EntityCore, OneThatSendsHourlyLearnsTheSameWhenSavedAndRestoredOnTheWay) {
  entity_driver straight, stopped;
  noise a{6}, b{6};
  const auto at = [](int i) { return test_start + i * 3'600'000LL; };
  for (int i = 0; i < 100; ++i) {
    straight.row(at(i), calm_row(at(i), a));
    stopped.row(at(i), calm_row(at(i), b));
    entity_core fresh{"service/cart", test_rules()};
    ASSERT_TRUE(fresh.restore(stopped.core.save())) << i;
    stopped.core = std::move(fresh);
    ASSERT_EQ(straight.core.save(), stopped.core.save()) << i;
  }
}

TEST(EntityCore, RefusesSnapshotsThatAreCutOrChangedAndStaysAsItWas) {
  entity_driver d;
  noise n{7};
  for (int i = 0; i < 200; ++i) d.row(test_start + i * tick, calm_row(test_start + i * tick, n));
  const auto good = d.core.save();
  for (std::size_t cut = 0; cut < good.size(); cut += 37)
    EXPECT_FALSE(d.core.restore(good.substr(0, cut))) << cut;
  for (std::size_t at = 1; at < good.size(); at += 61) {
    auto bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x20);
    EXPECT_FALSE(d.core.restore(bad)) << at;
  }
  auto newer = good;
  newer[0] = static_cast<char>(newer[0] + 1);
  EXPECT_EQ(d.core.restore(newer).error().code, ec::unknown_version);
  EXPECT_EQ(d.core.save(), good);
}

TEST(EntityCore, AppliesNothingTwice) {
  entity_driver d;
  noise n{8};
  d.row(test_start, calm_row(test_start, n));
  event_view e;
  e.metrics.push_back({"latency_ms", 1.0, metric_kind::gauge});
  e.ts = event_time_of(test_start + tick);
  EXPECT_EQ(d.core.observe(e, {0, d.position, 0}, d.decisions), applied_as::duplicate);
  EXPECT_EQ(d.core.observe(e, {0, d.position, 1}, d.decisions), applied_as::taken);
  EXPECT_EQ(d.core.observations(), 2u);
}

// Replays the second half from a snapshot: what the outbox holds is taken over and not told again.
TEST(EntityCore, AdoptsRecordedDecisionsOnReplay) {
  const auto row_at = [](int i, noise& n) {
    auto row = calm_row(test_start + i * tick, n);
    if (i >= 4500 && i < 4560) row[7].second += 300;
    return row;
  };
  entity_driver live;
  noise n{9};
  std::string snapshot;
  for (int i = 0; i < 6000; ++i) {
    if (i == 4000) snapshot = live.core.save();
    live.row(test_start + i * tick, row_at(i, n));
  }
  ASSERT_GE(live.decisions.size(), 2u);
  entity_driver again;
  ASSERT_TRUE(again.core.restore(snapshot));
  again.core.adopt(live.decisions, live.position);
  noise m{9};
  for (int i = 0; i < 6000; ++i) {
    const auto row = row_at(i, m);
    if (i < 4000)
      ++again.position;
    else
      again.row(test_start + i * tick, row);
  }
  EXPECT_THAT(again.decisions, SizeIs(0));
  EXPECT_EQ(again.core.save(), live.core.save());
}

// The outbox may lag behind: what was not recorded above 'decided through' is decided, with the
// same ids.
TEST(EntityCore, DecidesAgainAboveDecidedThroughWithTheSameIds) {
  const auto row_at = [](int i, noise& n) {
    auto row = calm_row(test_start + i * tick, n);
    if (i >= 4500 && i < 4560) row[7].second += 300;
    return row;
  };
  entity_driver live;
  noise n{9};
  std::string snapshot;
  for (int i = 0; i < 6000; ++i) {
    if (i == 4000) snapshot = live.core.save();
    live.row(test_start + i * tick, row_at(i, n));
  }
  drop_signs(live.decisions);
  entity_driver again;
  ASSERT_TRUE(again.core.restore(snapshot));
  again.core.adopt({live.decisions[0]}, live.decisions[0].cause.first);
  noise m{9};
  for (int i = 0; i < 6000; ++i) {
    const auto row = row_at(i, m);
    if (i < 4000)
      ++again.position;
    else
      again.row(test_start + i * tick, row);
  }
  drop_signs(again.decisions);
  ASSERT_EQ(again.decisions.size() + 1, live.decisions.size());
  for (std::size_t i = 0; i < again.decisions.size(); ++i) {
    EXPECT_EQ(again.decisions[i].key, live.decisions[i + 1].key);
    EXPECT_EQ(again.decisions[i].what.alert.id, live.decisions[i + 1].what.alert.id);
  }
}

TEST(EntityCore, TellsEdgesWhenNewGoneOrAnHourOld) {
  entity_driver d;
  event_view e;
  e.type = event_type::edge;
  e.depends_on = {"db/orders", "cache/main"};
  EXPECT_EQ(d.give(e, test_start), applied_as::kept);
  EXPECT_THAT(d.decisions, SizeIs(2));
  d.give(e, test_start + 60'000);
  EXPECT_THAT(d.decisions, SizeIs(2));
  d.give(e, test_start + 3'600'000);
  EXPECT_THAT(d.decisions, SizeIs(4));
  e.remove = true;
  e.depends_on = {"db/orders"};
  d.give(e, test_start + 3'700'000);
  ASSERT_THAT(d.decisions, SizeIs(5));
  EXPECT_TRUE(d.decisions.back().what.topology.removed);
  EXPECT_EQ(d.decisions.back().what.kind, decision_kind::topology);
}

TEST(EntityCore, TellsChanges) {
  entity_driver d;
  event_view e;
  e.type = event_type::change;
  e.change = change_kind::deploy;
  e.summary = "v2";
  d.give(e, test_start);
  ASSERT_THAT(d.decisions, SizeIs(1));
  EXPECT_EQ(d.decisions[0].what.change.summary, "v2");
  EXPECT_EQ(d.decisions[0].key.substr(0, 2), "c/");
}

TEST(EntityCore, KeepsTheLastTicksAndJoinsThemWithBlocks) {
  entity_driver d;
  std::vector<closed_block> blocks;
  for (int i = 0; i < 300; ++i) {
    d.row(test_start + i * tick, {{"a", i * 1.0}, {"b", 1000.0 - i}});
    for (auto& b : d.core.take_blocks()) blocks.push_back(b);
  }
  const auto all = event_time_of(test_start + 300 * tick);
  const auto tail = d.core.window(all);
  EXPECT_EQ(tail.ts.size(), 64u);
  EXPECT_THAT(blocks, SizeIs(4));
  auto joined = join_window(blocks, tail, 512);
  ASSERT_TRUE(joined);
  ASSERT_EQ(joined->ts.size(), 300u);
  for (std::size_t i = 0; i < 300; ++i) {
    EXPECT_EQ(unix_ms(joined->ts[i]), test_start + static_cast<std::int64_t>(i) * tick);
    EXPECT_NEAR(joined->metrics[0].values[i], static_cast<double>(i), 1.5);
  }
  // Who asks for evidence gets the same values, as they are packed, and nothing else.
  const auto bare = join_window(blocks, d.core.window(all, window_detail::values), 512, all,
                                window_detail::values);
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->ts, joined->ts);
  EXPECT_THAT(bare->metrics[1].values,
              ::testing::Pointwise(::testing::FloatNear(1.0f), joined->metrics[1].values));
  EXPECT_TRUE(bare->metrics[1].expected.empty() && bare->metrics[1].upper.empty());
  EXPECT_EQ(joined->metrics[1].upper.size(), 300u);
  auto cut = join_window(blocks, tail, 100);
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->ts.size(), 100u);
  EXPECT_EQ(cut->ts.back(), joined->ts.back());
  EXPECT_EQ(d.core.window(event_time_of(test_start + 290 * tick)).ts.back(),
            event_time_of(test_start + 290 * tick));
  blocks[0].bytes.pop_back();
  EXPECT_FALSE(join_window(blocks, tail, 512));
}

TEST(EntityCore, StaysWithinItsMemoryAndSnapshotBudget) {
  entity_driver d;
  noise n{10};
  for (int i = 0; i < 3000; ++i) {
    d.row(test_start + i * tick, calm_row(test_start + i * tick, n));
    d.core.take_blocks();
  }
  EXPECT_LE(d.core.memory_bytes(), 12u * 1024);
  EXPECT_LE(d.core.save().size(), 8u * 1024);
}

/// A metric event in tick @p n that has @p said.
void give_attributes(entity_driver& d, std::int64_t n, std::vector<attribute> said) {
  event_view e;
  e.type = event_type::metric;
  e.metrics.push_back({"cpu", 0.5, metric_kind::gauge});
  e.attributes = std::move(said);
  d.give(e, test_start + n * tick);
}

TEST(EntityCore, AnAttributeStaysUntilAnEventSaysOtherwise) {
  entity_driver d;
  const auto give = [&](std::int64_t n, std::vector<attribute> said) {
    give_attributes(d, n, std::move(said));
  };
  give(0, {{"ephemeral", "true"}, {"env", "test"}});
  EXPECT_TRUE(d.core.outline().ephemeral);
  give(1, {{"zmq.topic", "pods"}});
  EXPECT_TRUE(d.core.outline().ephemeral) << "the topic says nothing of it";
  entity_core back{"service/cart", test_rules()};
  ASSERT_TRUE(back.restore(d.core.save()));
  EXPECT_TRUE(back.outline().ephemeral);
  give(2, {{"ephemeral", "false"}});
  EXPECT_FALSE(d.core.outline().ephemeral);
  for (int n = 0; n < 100; ++n) give(3 + n, {{"key." + std::to_string(n), "v"}});
  EXPECT_TRUE(back.restore(d.core.save())) << "however many are said, a snapshot can be read";
}

TEST(EntityCore, EphemeralIsKnownBesideAsManyAttributesAsThereMayBe) {
  entity_driver d;
  const auto give = [&](std::int64_t n, std::vector<attribute> said) {
    give_attributes(d, n, std::move(said));
  };
  std::vector<std::string> keys;
  for (int n = 0; n < 32; ++n) keys.push_back("key." + std::to_string(n));
  for (int n = 0; n < 32; ++n) give(n, {{keys[static_cast<std::size_t>(n)], "v"}});
  give(32, {{"ephemeral", "true"}});
  give(33, {{"one.more", "v"}});
  ASSERT_TRUE(d.core.outline().ephemeral);
  entity_core back{"service/cart", test_rules()};
  ASSERT_TRUE(back.restore(d.core.save()));
  EXPECT_TRUE(back.outline().ephemeral);
}

TEST(EntityCore, ASnapshotOfAnAlertCanBeReadHoweverLongTheAttributes) {
  auto rules = std::make_shared<judgement_rules>(*test_rules());
  rules->detection.limits.push_back({"service/*", "queue_*", 20.0, {}, "critical"});
  entity_driver d{rules};
  std::vector<std::string> keys;
  for (int n = 0; n < 32; ++n) {  // the wire protocol takes these
    const auto number = std::to_string(n);
    keys.push_back(number + std::string(128 - number.size(), 'k'));
  }
  const std::string value(4096, 'v');
  noise n{4};
  for (int i = 0; i < 40; ++i) {
    event_view e;
    e.type = event_type::metric;
    const auto calm = calm_row(test_start + i * tick, n);
    for (const auto& [name, v] : calm)
      e.metrics.push_back({name, name == "queue_length" && i > 35 ? 50 : v, metric_kind::gauge});
    for (const auto& key : keys) e.attributes.push_back({key, value});
    d.give(e, test_start + i * tick);
  }
  ASSERT_FALSE(d.alerts().empty());
  ASSERT_EQ(d.alerts().back().state, alert_state::firing);
  entity_core back{"service/cart", rules};
  const auto bytes = d.core.save();
  ASSERT_TRUE(back.restore(bytes));
  EXPECT_EQ(back.save(), bytes);
}

TEST(EntityOutline, IsReadAsItWasWrittenAndRefusedOtherwise) {
  entity_outline o;
  o.state = entity_outline::standing::stale;
  o.observations = 7;
  o.first_ts = event_time_of(1);
  o.last_ts = event_time_of(2);
  o.last_arrived = arrival_time_of(3);
  o.silence_limit_ms = 60'000;
  o.heard_event = event_time_of(4);
  o.heard_arrived = arrival_time_of(5);
  o.silence_open = true;
  const auto bytes = encode_outline(o);
  const auto back = decode_outline(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(encode_outline(*back), bytes);
  EXPECT_EQ(back->observations, 7U);
  EXPECT_TRUE(back->silence_open);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_FALSE(decode_outline(bytes.substr(0, cut))) << cut;
  EXPECT_FALSE(decode_outline(bytes + "x"));
  EXPECT_EQ(decode_outline(std::string{char(2)} + bytes.substr(1)).error().code,
            ec::unknown_version);
}

// What was learned of the total, a thousand times what is added in a tick, must not be what its
// rate is judged by.
TEST(EntityCore, ACounterThatNobodyCalledOneIsJudgedByItsRate) {
  noise n{11};
  entity_driver d{test_rules(60'000)};
  double total = 1e6;
  std::int64_t at = test_start;
  const auto minutes = [&](int count, double each) {
    for (int i = 0; i < count; ++i, at += 60'000)
      d.row(at, {{"calls_total", total += each + 5 * n.normal()}});
  };
  minutes(3 * 1440, 600);
  EXPECT_TRUE(d.alerts().empty());
  const auto w = d.core.window(event_time_of(at));
  EXPECT_NEAR(w.metrics.at(0).expected.back(), 10, 0.5);
  minutes(10, 60);
  ASSERT_FALSE(d.alerts().empty());
  EXPECT_EQ(d.alerts().front().metric, "calls_total");
}

// It is further from where it was every day, and at midnight most of all; a restart is no fault by
// itself, and one that stands still is.
TEST(EntityCore, AnUptimeIsJudgedByHowFastItGrows) {
  entity_driver d{test_rules(300'000)};
  double uptime = 1e6;
  std::int64_t at = test_start;
  const auto rows = [&](int count, double each) {
    for (int i = 0; i < count; ++i, at += 300'000) d.row(at, {{"system.uptime", uptime += each}});
  };
  rows(10 * 288, 300);
  uptime = 0;
  rows(10 * 288, 300);
  EXPECT_TRUE(d.alerts().empty()) << d.alerts().front().explanation;
  rows(3, 0);
  EXPECT_FALSE(d.alerts().empty());
}

}  // namespace
}  // namespace faultline
