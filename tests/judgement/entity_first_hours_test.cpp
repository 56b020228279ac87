// SPDX-License-Identifier: Apache-2.0
// What an entity says of which little is known yet.
#include <gtest/gtest.h>

#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

constexpr std::int64_t tick = ticking_entity::tick;

std::shared_ptr<const judgement_rules> limited_rules() {
  auto r = *test_rules();
  operator_limit limit;
  limit.metric = "memory_used_percent";
  limit.above = 90;
  limit.severity = "warning";
  r.detection.limits.push_back(limit);
  return std::make_shared<const judgement_rules>(r);
}

/// A host whose cpu is at `busy` from tick @p onset to @p ends; so many ticks in all.
std::vector<alert> busy_host(int onset, int ends, int ticks, double busy = 0.95) {
  entity_driver d;
  noise n{5};
  for (int i = 0; i < ticks; ++i) {
    const double cpu = i >= onset && i < ends ? busy : 0.05;
    d.row(test_start + i * tick, {{"cpu.utilization", cpu + 0.01 * n.normal()},
                                  {"memory.used_share", 0.42 + 0.002 * n.normal()}});
  }
  return d.alerts();
}

TEST(FirstHours, AnAlertIsInDoubtUntilItHasLasted) {
  const auto alerts = busy_host(200, 300, 340);
  ASSERT_GE(alerts.size(), 2U);
  EXPECT_TRUE(alerts[0].learning);
  EXPECT_FALSE(alerts[1].learning);
  EXPECT_EQ(alerts[1].id, alerts[0].id);
  EXPECT_EQ(alerts[1].state, alert_state::firing);
  EXPECT_EQ(alerts[1].updated - alerts[0].started, milliseconds{300'000});
  EXPECT_FALSE(alerts.back().learning) << "what stands stays so";
}

TEST(FirstHours, OneThatIsOverInMinutesStaysInDoubt) {
  const auto alerts = busy_host(200, 215, 300);
  ASSERT_EQ(alerts.size(), 2U);
  EXPECT_TRUE(alerts[0].learning);
  EXPECT_TRUE(alerts[1].learning);
  EXPECT_EQ(alerts[1].state, alert_state::resolved);
}

TEST(FirstHours, WhoIsFarOutIsNotBackToNormalBeforeItIsBack) {
  const int ends = 200 + 180;
  const auto alerts = busy_host(200, ends, ends + 60);
  ASSERT_FALSE(alerts.empty());
  for (const auto& a : alerts) {
    if (a.state != alert_state::resolved) continue;
    EXPECT_GE(a.ended, event_time_of(test_start + ends * tick)) << a.explanation;
  }
  EXPECT_EQ(alerts.back().state, alert_state::resolved);
}

TEST(FirstHours, AnOperatorsLimitIsNoMatterOfLearning) {
  entity_driver d{limited_rules()};
  noise n{5};
  for (int i = 0; i < 120; ++i) {
    const double memory = i < 100 ? 40 : 93;
    d.row(test_start + i * tick, {{"memory_used_percent", memory + 0.1 * n.normal()}});
  }
  ASSERT_FALSE(d.alerts().empty());
  EXPECT_EQ(d.alerts().front().labels.at("alertname"), "LimitCrossed");
  EXPECT_FALSE(d.alerts().front().learning);
}

TEST(FirstHours, WhereAMetricIsGoingIsSaidAndCalledALimitOnlyWhereOneIsSet) {
  const auto explained = [](std::shared_ptr<const judgement_rules> rules) {
    entity_driver d{std::move(rules)};
    noise n{5};
    std::string all;
    for (int i = 0; i < 330; ++i) {
      const double memory = 40 + (i < 270 ? 0 : 0.7 * (i - 270)) + 0.1 * n.normal();
      d.row(test_start + i * tick, {{"memory_used_percent", memory}});
    }
    for (const auto& a : d.alerts()) all += a.explanation;
    return all;
  };
  const auto set = explained(limited_rules());
  EXPECT_NE(set.find("memory_used_percent rises to its limit of 90 percent in about"),
            std::string::npos)
      << set;
  const auto none = explained(test_rules());
  EXPECT_NE(none.find("memory_used_percent rises to 95 percent in about"), std::string::npos)
      << none;
}

TEST(FirstHours, BandsLieAboutWhatWasSeenHoweverLittleThatIs) {
  entity_driver d;
  noise n{3};
  for (int i = 0; i < 700; ++i) {
    const double two = n.uniform() < 0.5 ? 50 : 100;
    d.row(test_start + i * tick,
          {{"level", 40 + 20 * n.uniform()}, {"two_ways", two + n.normal()}, {"steady", 50}});
    if (i < 24 || (i < 64 ? i % 4 : i % 64) != 0) continue;
    for (const auto& m : d.core.status().metrics) {
      if (m.name == "steady") continue;
      const bool level = m.name == "level";
      EXPECT_GT(m.lower, level ? 20 : -30) << m.name << " at tick " << i;
      EXPECT_LT(m.upper, level ? 80 : 165) << m.name << " at tick " << i;
      EXPECT_LT(m.lower, level ? 44 : 60) << m.name << " at tick " << i;
      EXPECT_GT(m.upper, level ? 56 : 90) << m.name << " at tick " << i;
    }
  }
}

TEST(FirstHours, AnAlertsBandIsThatOfWhatWasSeen) {
  entity_driver d;
  noise n{3};
  for (int i = 0; i < 260; ++i)
    d.row(test_start + i * tick, {{"level", i < 200 ? 40 + 20 * n.uniform() : 900.0}});
  ASSERT_FALSE(d.alerts().empty());
  for (const auto& a : d.alerts()) {
    ASSERT_FALSE(a.contributors.empty());
    EXPECT_GT(a.contributors.front().lower, 15) << a.explanation;
    EXPECT_LT(a.contributors.front().upper, 90) << a.explanation;
  }
}

TEST(FirstHours, NoBandOfAnAmountBeginsBelowZeroUnlessItsValuesDo) {
  entity_driver d;
  noise n{3};
  for (int i = 0; i < 300; ++i)
    d.row(test_start + i * tick, {{"errors_per_second", n.uniform() < 0.1 ? 2 * n.uniform() : 0.0},
                                  {"clock_offset_seconds", 1e-4 * n.normal()},
                                  {"balance", 3 + n.normal()}});
  for (const auto& m : d.core.status().metrics) {
    EXPECT_TRUE(m.name != "errors_per_second" || m.lower >= 0) << m.lower;
    EXPECT_TRUE(m.name != "clock_offset_seconds" || m.lower < 0) << m.lower;
  }
  for (const auto& m : d.core.window(event_time::max(), window_detail::bands).metrics) {
    for (const float lower : m.lower) {
      EXPECT_TRUE(m.name != "errors_per_second" || lower >= 0) << lower;
      EXPECT_TRUE(m.name != "clock_offset_seconds" || lower < 0) << lower;
    }
  }
}

}  // namespace
}  // namespace faultline
