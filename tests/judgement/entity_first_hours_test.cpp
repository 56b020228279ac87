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

}  // namespace
}  // namespace faultline
