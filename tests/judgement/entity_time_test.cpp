// SPDX-License-Identifier: Apache-2.0
//
// Rule 5 as an entity holds it: what silence is, what a limit's end is, and that a tick is judged
// as of the record that closed it, however late its row comes back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "judgement/entity_core.hpp"
#include "tests/judgement/entity_fixture.hpp"
#include "tests/judgement/eventful_log.hpp"

namespace faultline {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::int64_t tick = 10'000;

std::shared_ptr<judgement_rules> rules_with(std::int64_t tick_ms, bool past = true) {
  auto rules = std::make_shared<judgement_rules>(*test_rules(tick_ms));
  rules->processing.accept_past = past;
  return rules;
}

/// Calm rows every @p interval, each after a clock. @returns the time after the last.
std::int64_t calm(entity_driver& d, int rows, std::int64_t interval,
                  std::int64_t from = test_start) {
  noise n{5};
  for (int i = 0; i < rows; ++i, from += interval) {
    d.clock(from);
    d.row(from, calm_row(from, n));
  }
  return from;
}

/// Clocks every @p tick_ms from @p from on until an alert stands or @p most_ms have passed.
/// @returns how long after the last row (one interval before from) it came.
std::int64_t silence_until_told(entity_driver& d, std::int64_t from, std::int64_t tick_ms,
                                std::int64_t interval, std::int64_t most_ms) {
  for (std::int64_t at = from; at < from + most_ms; at += tick_ms) {
    d.clock(at);
    if (!d.alerts().empty()) return at - (from - interval);
  }
  return -1;
}

TEST(EntityTime, CallsItSilenceAfterSixOfItsOwnIntervalsAndTenSecondsAtLeast) {
  struct {
    std::int64_t tick_ms, interval, told_after;
  } const cases[] = {{1'000, 1'000, 11'000},    // six would be nervous: ten seconds
                     {2'000, 2'000, 14'000},    // the first clock after 12 s
                     {10'000, 10'000, 70'000},  // the first clock after 60 s
                     {10'000, 60'000, 370'000}};
  for (const auto& c : cases) {
    auto rules = rules_with(c.tick_ms);
    rules->detection.learning = milliseconds{0};
    entity_driver d{rules};
    const auto end = calm(d, 400, c.interval);
    ASSERT_THAT(d.alerts(), SizeIs(0)) << c.interval;
    EXPECT_EQ(silence_until_told(d, end, c.tick_ms, c.interval, 30'000'000), c.told_after)
        << c.tick_ms << " " << c.interval;
    ASSERT_THAT(d.alerts(), SizeIs(1));
    EXPECT_EQ(d.alerts()[0].labels.at("alertname"), "EntitySilent");
  }
}

TEST(EntityTime, WaitsLongerForWhoeverPausesByHabit) {
  entity_driver d;
  auto at = calm(d, 400, tick);
  at = calm(d, 1, tick, at + 40'000);  // a pause of 50 s
  at = calm(d, 100, tick, at);
  const auto told = silence_until_told(d, at, tick, tick, 1'000'000);
  EXPECT_GE(told, 120'000);  // 2.5 times the pause, which fades
  EXPECT_LE(told, 130'000);
}

// An outage of an hour is remembered as four times what was allowed, not as a habit of hours.
TEST(EntityTime, OneOutageDoesNotExcuseAllThatComeAfterIt) {
  entity_driver d;
  auto at = calm(d, 400, tick);
  at = calm(d, 100, tick, at + 3'600'000);
  d.decisions.clear();
  const auto told = silence_until_told(d, at, tick, tick, 3'600'000);
  const auto limit = 60'000;
  EXPECT_GT(told, 9 * limit);   // 2.5 times four times the limit
  EXPECT_LE(told, 12 * limit);  // 2.5 times the outage would be 150
}

TEST(EntityTime, RemembersAPauseForWeeks) {
  auto rules = rules_with(60'000);
  entity_driver d{rules};
  auto at = calm(d, 400, 60'000);
  at = calm(d, 1, 60'000, at + 20 * 60'000);
  at = calm(d, 10 * 1440, 60'000, at);  // ten days without another
  d.decisions.clear();
  const auto told = silence_until_told(d, at, 60'000, 60'000, 7'200'000);
  EXPECT_GT(told, 25 * 60'000);
  EXPECT_LT(told, 53 * 60'000);  // 2.5 times 21 minutes, fading
}

TEST(EntityTime, IsPatientWithANewEntityAndSaysNothingOfOneItHardlyKnows) {
  entity_driver young;
  auto at = calm(young, 60, tick);  // ten minutes old
  EXPECT_EQ(silence_until_told(young, at, tick, tick, 2'000'000), 310'000);
  ASSERT_THAT(young.alerts(), SizeIs(1));
  EXPECT_TRUE(young.alerts()[0].learning);

  entity_driver seen_five_times;
  at = calm(seen_five_times, 5, tick);
  EXPECT_EQ(silence_until_told(seen_five_times, at, tick, tick, 20'000'000), -1);
  EXPECT_GT(seen_five_times.core.idle_ticks(), 100U) << "it may be put away";
}

TEST(EntityTime, IsNotPutAwayBeforeItsSilenceIsTold) {
  entity_driver d;
  auto at = calm(d, 400, tick);
  while (d.alerts().empty()) {
    EXPECT_LT(d.core.idle_ticks(), 12U);
    d.clock(at);
    at += tick;
  }
  for (int i = 0; i < 20; ++i, at += tick) d.clock(at);
  EXPECT_GE(d.core.idle_ticks(), 12U);
}

TEST(EntityTime, IsNotPutAwayWhileATickIsOpen) {
  auto rules = rules_with(tick);
  rules->processing.lateness_ticks = 30;
  entity_driver d{rules};
  d.row(test_start, {{"a", 1.0}});
  for (int i = 1; i < 25; ++i) d.clock(test_start + i * tick);
  EXPECT_EQ(d.core.idle_ticks(), 0U);
  for (int i = 25; i < 40; ++i) d.clock(test_start + i * tick);
  EXPECT_GE(d.core.idle_ticks(), 12U);
}

TEST(EntityTime, ASilentEntityIsBackWithItsFirstWordWhateverItSays) {
  for (const bool metric : {true, false}) {
    entity_driver d;
    auto at = calm(d, 400, tick);
    for (int i = 0; i < 20; ++i, at += tick) d.clock(at);
    ASSERT_THAT(d.alerts(), SizeIs(1));
    event_view e;
    if (metric) {
      e.metrics = {{"latency_ms", 20.0, metric_kind::gauge}};  // one value: its tick stays open
    } else {
      e.type = event_type::log;
      e.body = "up again";
    }
    d.give(e, at - 3'000);
    ASSERT_THAT(d.alerts(), SizeIs(2)) << "at once, not when the tick ends";
    const auto alerts = d.alerts();
    EXPECT_EQ(alerts[1].state, alert_state::resolved);
    EXPECT_EQ(alerts[1].id, alerts[0].id);
    EXPECT_EQ(alerts[1].ended, event_time_of(at - 3'000));
    EXPECT_THAT(alerts[1].explanation, HasSubstr("sends again"));
    EXPECT_EQ(d.core.status().state, "ok");
  }
}

// The silence and its end stand in the outbox, the snapshot knows of neither: the record that ended
// it, whose clock is ahead of its event, must not begin another one.
TEST(EntityTime, TheEndOfASilenceIsAdoptedWithItsRecord) {
  const auto rules = rules_with(tick, false);
  entity_driver live{rules};
  auto at = calm(live, 400, tick);
  const auto snapshot = live.core.save();
  for (int i = 0; i < 20; ++i, at += tick) live.clock(at);
  ASSERT_THAT(live.alerts(), SizeIs(1));
  partition_time clock;
  clock.event = event_time_of(at);
  clock.arrived = arrival_time_of(at + 100);
  event_view e;
  e.entity = "service/cart";
  e.has_ts = true;
  e.ts = event_time_of(at - 200);
  e.arrived = arrival_time_of(at + 150);
  e.metrics = {{"latency_ms", 20.0, metric_kind::gauge}};
  const record_address where{0, live.position + 1, 0};
  const auto apply = [&](entity_driver& d) {
    d.core.advance(clock, where, d.decisions);
    d.core.observe(e, where, d.decisions);
    d.pump();
  };
  apply(live);
  ASSERT_THAT(live.alerts(), SizeIs(2));
  entity_driver again{rules};
  ASSERT_TRUE(again.core.restore(snapshot));
  again.core.adopt(live.decisions, 0);
  apply(again);
  EXPECT_THAT(again.decisions, SizeIs(0));
  EXPECT_EQ(again.core.save(), live.core.save());
}

TEST(EntityTime, AnOldEventIsASignOfLifeWhereThePastIsAccepted) {
  entity_driver d;
  auto at = calm(d, 400, tick);
  for (int i = 0; i < 5; ++i, at += tick) d.clock(at);
  noise n{1};
  d.row(at - 300'000, calm_row(at, n));  // late, not scored, but heard
  EXPECT_EQ(silence_until_told(d, at, tick, tick, 1'000'000), 70'000);
}

TEST(EntityTime, LiveSilenceIsOfArrivalsWhateverThePublishersClockSays) {
  for (const std::int64_t ahead : {0LL, 250'000LL, -250'000LL}) {
    entity_driver d{rules_with(tick, false)};
    noise n{5};
    std::int64_t at = test_start;
    for (int i = 0; i < 400; ++i, at += tick) {
      d.clock(at);
      event_view e;
      const auto values = calm_row(at, n);
      for (const auto& [name, value] : values)
        e.metrics.push_back({name, value, metric_kind::gauge});
      d.give(e, at + ahead, at);
    }
    EXPECT_EQ(silence_until_told(d, at, tick, tick, 1'000'000), 70'000) << ahead;
  }
}

TEST(EntityTime, EphemeralHoldsOnceSaidUntilAnEventSaysOtherwise) {
  struct {
    const char* later;
    std::size_t alerts;
  } const cases[] = {{nullptr, 0}, {"zone", 0}, {"ephemeral", 1}};
  for (const auto& c : cases) {
    entity_driver d;
    noise n{5};
    std::int64_t at = test_start;
    for (int i = 0; i < 400; ++i, at += tick) {
      d.clock(at);
      event_view e;
      const auto values = calm_row(at, n);
      for (const auto& [name, value] : values)
        e.metrics.push_back({name, value, metric_kind::gauge});
      if (i == 0)
        e.attributes = {{"ephemeral", "true"}};
      else if (c.later != nullptr)
        e.attributes = {{c.later, "false"}};
      d.give(e, at);
      if (i == 200) {
        entity_core again{"service/cart", rules_with(tick)};
        ASSERT_TRUE(again.restore(d.core.save()));
        d.core = std::move(again);
      }
    }
    silence_until_told(d, at, tick, tick, 1'000'000);
    EXPECT_THAT(d.alerts(), SizeIs(c.alerts)) << (c.later != nullptr ? c.later : "nothing");
  }
}

// The clock of one that was put away stood still meanwhile: what it missed comes with its next
// event.
TEST(EntityTime, OurOwnAbsenceIsTheSameForWhoeverHeardTheClocksAndWhoDidNot) {
  entity_driver all{rules_with(tick, false)}, away{rules_with(tick, false)};
  calm(all, 400, tick);
  const auto at = calm(away, 400, tick);
  noise a{3}, b{3};
  const std::int64_t back = at + 3'600'000;  // an hour in which nobody listened
  for (int i = 0; i < 3; ++i) all.clock(back + i * tick);
  partition_time missed;  // as the partition has it
  missed.follow({event_time_of(at), arrival_time_of(at)}, false,
                rules_with(tick, false)->processing);
  for (int i = 0; i < 3; ++i)
    missed.follow({event_time_of(back + i * tick), arrival_time_of(back + i * tick)}, false,
                  rules_with(tick, false)->processing);
  EXPECT_EQ(missed.heard_since, arrival_time_of(back));
  away.clock(missed);
  all.position = away.position = 10'000;
  for (int i = 3; i < 20; ++i) {
    const auto ts = back + i * tick;
    for (auto* d : {&all, &away}) d->clock(ts);
    all.row(ts, calm_row(ts, a));
    away.row(ts, calm_row(ts, b));
  }
  EXPECT_EQ(all.core.save(), away.core.save());
  EXPECT_THAT(all.alerts(), SizeIs(0));
}

TEST(EntityTime, AGapBeyond128TicksIsOneStepHoweverLongItIs) {
  const auto after_gap = [](int ticks) {
    entity_driver d;
    noise n{5};
    std::vector<double> scores;
    for (int i = 0; i < 500; ++i) d.row(test_start + i * tick, calm_row(test_start + i * tick, n));
    for (int i = 0; i < 200; ++i) {
      const auto ts = test_start + (500 + ticks + i) * tick;
      d.row(ts, calm_row(test_start + (500 + i) * tick, n));
      scores.push_back(d.core.last_verdict().score);
    }
    return scores;
  };
  constexpr int day = 8640;  // so that the time of day is the same
  EXPECT_EQ(after_gap(day), after_gap(7 * day));
  EXPECT_NE(after_gap(day), after_gap(0));
}

// ---- limits

// Its result must not wait for the entity's next event, however quiet the model finds it.
TEST(EntityLimits, ATickBeyondOneIsLookedAtAsSoonAsItsResultIsThere) {
  auto rules = std::make_shared<judgement_rules>(*test_rules());
  rules->detection.limits.push_back({"service/*", "queue_*", 20.0, {}, "critical"});
  entity_driver d{rules};
  noise n{4};
  for (int i = 0; i < 30; ++i) d.row(test_start + i * 10'000, calm_row(test_start + i * 10'000, n));
  const auto begin = [&](int at, double queue) {
    event_view e;
    e.type = event_type::metric;
    e.entity = d.core.id();
    e.has_ts = true;
    e.ts = event_time_of(test_start + at * 10'000);
    e.arrived = arrival_time_of(test_start + at * 10'000);
    const auto calm = calm_row(test_start + at * 10'000, n);
    for (const auto& [name, value] : calm)
      e.metrics.push_back({name, name == "queue_length" ? queue : value, metric_kind::gauge});
    d.core.observe(e, {0, ++d.position, 0}, d.decisions);
    ASSERT_TRUE(d.core.row_waiting());
    forecast_row row;
    d.core.begin_tick(row);
  };
  begin(30, 3);
  EXPECT_FALSE(d.core.expectant());
  d.core.finish_tick(nullptr, d.decisions);
  begin(31, 20.5);
  EXPECT_TRUE(d.core.expectant());
}

struct limited_driver : entity_driver {
  limited_driver() : limited_driver{one()} {}
  explicit limited_driver(std::vector<operator_limit> limits)
      : entity_driver{make_rules(std::move(limits))} {}
  static std::vector<operator_limit> one() {
    return {{"service/*", "queue_*", 20.0, {}, "critical"}};
  }
  static std::shared_ptr<judgement_rules> make_rules(std::vector<operator_limit> limits) {
    auto rules = std::make_shared<judgement_rules>(*test_rules());
    rules->detection.limits = std::move(limits);
    return rules;
  }
  void tick_with(double queue, bool missing = false) {
    auto row = calm_row(test_start + i * tick, n);
    row[4].second = queue;
    if (missing) row.erase(row.begin() + 4);
    this->row(test_start + i++ * tick, row);
  }
  std::vector<alert> of_limit() const {
    std::vector<alert> found;
    for (const auto& a : alerts())
      if (a.labels.at("alertname") == "LimitCrossed") found.push_back(a);
    return found;
  }
  noise n{4};
  int i = 0;
};

TEST(EntityLimits, ACrossedLimitResolvesAtTheThirdTickWithinItAndItsEchoOpensNothing) {
  for (const double far : {21.0, 25.0, 500.0}) {
    limited_driver d;
    for (int k = 0; k < 1000; ++k) d.tick_with(3 + (k % 5) * 0.3);
    for (int k = 0; k < 20; ++k) d.tick_with(far);
    ASSERT_FALSE(d.of_limit().empty()) << far;
    EXPECT_EQ(d.of_limit().back().state, alert_state::firing);
    const int back = d.i;
    for (int k = 0; k < 300; ++k) d.tick_with(3 + (k % 5) * 0.3);
    const auto last = d.alerts().back();
    EXPECT_EQ(last.state, alert_state::resolved) << far;
    EXPECT_EQ(last.ended, event_time_of(test_start + (back + 2) * tick)) << far;
    EXPECT_THAT(last.explanation, HasSubstr("back within its limits"));
    EXPECT_EQ(last.episode, 1U) << "one episode, however loud its echo";
  }
}

TEST(EntityLimits, AValueThatSwingsAboutTheLimitIsOneEpisode) {
  limited_driver d;
  for (int k = 0; k < 1000; ++k) d.tick_with(3);
  for (int k = 0; k < 60; ++k) d.tick_with(k % 3 == 0 ? 19 : 21);
  EXPECT_EQ(d.alerts().back().episode, 1U);
  EXPECT_EQ(d.alerts().back().state, alert_state::firing);
}

TEST(EntityLimits, ThoseOfEachSeverityHoldWhateverTheirOrder) {
  const operator_limit low{"*", "queue_*", 20.0, {}, "warning"};
  const operator_limit high{"service/*", "queue_*", 40.0, {}, "critical"};
  const operator_limit empty{"*", "queue_*", {}, 1.0, "warning"};
  for (const auto& limits : {std::vector{low, high, empty}, std::vector{empty, high, low}}) {
    limited_driver d{limits};
    for (int k = 0; k < 1000; ++k) d.tick_with(3);
    for (int k = 0; k < 10; ++k) d.tick_with(25);
    ASSERT_FALSE(d.of_limit().empty());
    EXPECT_EQ(d.of_limit().back().severity, alert_severity::warning);
    for (int k = 0; k < 10; ++k) d.tick_with(50);
    EXPECT_EQ(d.of_limit().back().severity, alert_severity::critical);
    EXPECT_EQ(d.of_limit().back().episode, 1U) << "it rises";
    for (int k = 0; k < 10; ++k) d.tick_with(3);
    EXPECT_EQ(d.of_limit().back().state, alert_state::resolved);
    for (int k = 0; k < 10; ++k) d.tick_with(0);
    EXPECT_EQ(d.of_limit().back().state, alert_state::firing);
    EXPECT_EQ(d.of_limit().back().severity, alert_severity::warning);
  }
}

TEST(EntityLimits, OfOneSeverityTheLastThatMatchesHolds) {
  limited_driver d{
      {{"*", "queue_*", 20.0, {}, "critical"}, {"service/*", "queue*", 40.0, {}, "critical"}}};
  for (int k = 0; k < 1000; ++k) d.tick_with(3);
  for (int k = 0; k < 10; ++k) d.tick_with(35);
  for (const auto& a : d.of_limit()) EXPECT_THAT(a.explanation, Not(HasSubstr("beyond")));
  for (int k = 0; k < 10; ++k) d.tick_with(45);
  EXPECT_THAT(d.of_limit().back().explanation, HasSubstr("beyond its limit"));
}

TEST(EntityLimits, AMetricThatStaysAwayIsNotWithinItsLimit) {
  limited_driver d;
  for (int k = 0; k < 1000; ++k) d.tick_with(3);
  for (int k = 0; k < 20; ++k) d.tick_with(30);
  for (int k = 0; k < 6; ++k) d.tick_with(0, true);
  EXPECT_EQ(d.alerts().back().state, alert_state::firing);
  for (int k = 0; k < 60; ++k) d.tick_with(0, true);
  EXPECT_EQ(d.alerts().back().state, alert_state::resolved) << "it will not say any more";
}

TEST(EntityLimits, CrossedAgainIsANewEpisodeAlsoWithinTheEcho) {
  limited_driver d;
  for (int k = 0; k < 1000; ++k) d.tick_with(3);
  for (int k = 0; k < 20; ++k) d.tick_with(30);
  for (int k = 0; k < 5; ++k) d.tick_with(3);
  for (int k = 0; k < 5; ++k) d.tick_with(30);
  const auto told = d.of_limit();
  ASSERT_GE(told.size(), 3U);
  EXPECT_EQ(told.back().episode, 2U);
  EXPECT_EQ(told.back().state, alert_state::firing);
}

TEST(EntityLimits, RemembersTheEchoOverASnapshot) {
  limited_driver straight, stopped;
  for (auto* d : {&straight, &stopped}) {
    for (int k = 0; k < 1000; ++k) d->tick_with(3);
    for (int k = 0; k < 20; ++k) d->tick_with(500);
    for (int k = 0; k < 120; ++k) {
      if (d == &stopped) {
        entity_core fresh{"service/cart", limited_driver::make_rules(limited_driver::one())};
        ASSERT_TRUE(fresh.restore(d->core.save()));
        d->core = std::move(fresh);
      }
      d->tick_with(3);
    }
  }
  EXPECT_EQ(straight.core.save(), stopped.core.save());
  EXPECT_EQ(straight.decisions.size(), stopped.decisions.size());
}

// ---- lag

TEST(EntityTime, ATickIsJudgedAsOfItsRecordHoweverLateItsRowComesBack) {
  int silences = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    for (const bool past : {true, false}) {
      std::deque<std::string> names;
      const auto log = eventful_log(seed, names, past);
      auto rules = rules_with(tick, past);
      rules->detection.learning = milliseconds{600'000};
      rules->detection.limits.push_back({"*", "metric_1_percent", 85.0, {}, "critical"});
      lagging_entity prompt{rules};
      for (const auto& m : log) {
        prompt.take(m);
        while (prompt.busy()) prompt.result();
      }
      for (const auto& d : prompt.decisions)
        silences += d.what.kind == decision_kind::alert && d.what.alert.metric == "silence_s";
      for (const double answers : {0.9, 0.3, 0.05}) {
        lagging_entity slow{rules};
        noise lane{seed * 7 + 1};
        for (const auto& m : log) {
          slow.take(m);
          while (lane.uniform() < answers) slow.result();
        }
        while (slow.busy()) slow.result();
        ASSERT_EQ(slow.decisions.size(), prompt.decisions.size()) << seed << " " << answers;
        for (std::size_t i = 0; i < slow.decisions.size(); ++i)
          ASSERT_EQ(encode_decision(slow.decisions[i].what),
                    encode_decision(prompt.decisions[i].what))
              << seed << " " << answers << " " << i;
        EXPECT_EQ(slow.core.save(), prompt.core.save()) << seed << " " << answers;
      }
    }
  }
  EXPECT_GE(silences, 10);
}

}  // namespace
}  // namespace faultline
