// SPDX-License-Identifier: Apache-2.0
#include "judgement/limit_forecast.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>

#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

using ::testing::HasSubstr;

constexpr double tick_s = 10;
constexpr std::int64_t tick = 10'000;

/// Lane 0 of a block whose middle is 0 and scale 1, after 64 ticks of @p value(ticks ago), each
/// with noise of that much, and before @p hole ticks without any, which end @p behind ticks ago.
struct lately {
  explicit lately(const std::function<double(int)>& value, double spread = 0, int hole = 0,
                  int behind = 0) {
    clear_block(block);
    for (std::size_t i = 0; i < channel_block::width; ++i) {
      block.center[i] = 0, block.scale[i] = 1, block.step[i] = 0;
    }
    block.set_seen(0, 100'000);
    noise n{11};
    for (int ago = 64; ago >= 1; --ago) {
      block_scores s{};
      s.mask[0] = 1;
      s.z[0] = static_cast<float>(std::asinh(value(ago) + spread * n.normal()));
      ring.push(event_time_of(test_start - (ago + (ago > behind ? hole : 0)) * tick), &s, 1);
    }
  }
  /// As if it had gone up by so much a second for many hours.
  lately& for_hours(double slope) {
    block.y_short[0] = 0;
    block.y_long[0] = static_cast<float>(-slope * (7200 - 900) / 0.693147);
    return *this;
  }
  std::optional<limit_forecast> to(double raw, bool rises = true, bool drifts = true) const {
    const auto course = course_of(block, ring, 0, event_time_of(test_start), tick_s, drifts);
    return forecast_limit(course, block, 0, raw, rises);
  }
  channel_block block;
  window_ring ring;
};

TEST(LimitForecast, ARampThatBeganMinutesAgoIsToldByItsOwnSlope) {
  // 0.02 a second for five minutes, flat before: six are left to 13.2 from 6.
  const lately ramp{[](int ago) { return ago < 30 ? (30 - ago) * 0.2 : 0.0; }, 0.05};
  const auto lead = ramp.to(13.2);
  ASSERT_TRUE(lead);
  EXPECT_NEAR(lead->seconds, 360, 25);
  EXPECT_LT(lead->soonest, lead->seconds);
  EXPECT_GT(lead->latest.value(), lead->seconds);
  EXPECT_TRUE(lead->rises);
}

TEST(LimitForecast, WhatFallsMeetsALimitBelow) {
  const lately fall{[](int ago) { return 5 + ago * 0.1; }, 0.05};
  const auto lead = fall.to(0, false);
  ASSERT_TRUE(lead);
  EXPECT_NEAR(lead->seconds, 500, 25);
  EXPECT_FALSE(lead->rises);
}

TEST(LimitForecast, WhatComesBackFromBeyondALimitDoesNotMeetIt) {
  const lately falling{[](int ago) { return 5 + ago * 0.1; }, 0.05};
  EXPECT_FALSE(falling.to(3, true)) << "it is above and falls";
  EXPECT_FALSE(falling.to(7, false)) << "it is below already";
}

TEST(LimitForecast, ARampOfHoursThatNoiseHidesIsToldByTheMeansOfHours) {
  lately slow{[](int) { return 0.0; }, 1.0};
  const auto lead = slow.for_hours(0.0005).to(3);
  ASSERT_TRUE(lead);
  EXPECT_GT(lead->seconds, 1800);
  EXPECT_FALSE(lead->latest) << "such a slope may as well be none";
  EXPECT_FALSE(slow.to(3, true, false)) << "no drift, no means of hours";
}

TEST(LimitForecast, WhereHoursAloneTellNothingIsCertain) {
  lately unknown{[](int) { return 0.0; }};
  unknown.ring = {};
  const auto lead = unknown.for_hours(0.0005).to(3);
  ASSERT_TRUE(lead);
  EXPECT_FALSE(lead->latest);
}

TEST(LimitForecast, WhatStandsStillAfterARampMeetsNothing) {
  lately over{[](int) { return 5.0; }, 0.01};
  EXPECT_FALSE(over.for_hours(0.0005).to(6));
}

TEST(LimitForecast, ACoarseMetricThatShowsNoStepIsNotSaidToStandStill) {
  lately coarse{[](int) { return 5.0; }};
  coarse.block.step[0] = 0.5;  // a step in a thousand seconds
  EXPECT_TRUE(coarse.for_hours(0.0005).to(6));
}

TEST(LimitForecast, AStepIsNoRamp) {
  for (int at = 1; at < 63; ++at) {
    const lately step{[&](int ago) { return ago < at ? 5.0 : 0.0; }, 0.01};
    EXPECT_FALSE(step.to(6, true, false)) << at << " ticks ago";
  }
}

TEST(LimitForecast, AStepBehindAHoleIsNoRamp) {
  for (int at = 1; at < 63; ++at) {
    const lately step{[&](int ago) { return ago <= at ? 0.8 : 0.5; }, 0.01, 120, at};
    EXPECT_FALSE(step.to(0.95, true, false)) << at << " ticks ago";
  }
}

TEST(LimitForecast, ARampThatCurvesIsToldByItsNewestTicksAndSeenForAllOfThem) {
  const lately steeper{[](int ago) { return 8 * std::exp(-ago * 10 / 1800.0); }};
  const auto course =
      course_of(steeper.block, steeper.ring, 0, event_time_of(test_start), tick_s, true);
  EXPECT_NEAR(course.slope, 8 / 1800.0, 0.0004);
  EXPECT_GE(course.span_s, 600);
}

TEST(LimitForecast, AStepBehindValuesThatAreMissingIsNoRamp) {
  lately step{[](int ago) { return ago > 14 ? 0.0 : 5.0; }, 0.01};
  for (int n = 0; n < 2; ++n) {
    block_scores none{};
    step.ring.push(event_time_of(test_start + (n + 1) * 3 * tick), &none, 1);
  }
  block_scores s{};
  s.mask[0] = 1;
  s.z[0] = static_cast<float>(std::asinh(8.0));
  for (int n = 0; n < 14; ++n) step.ring.push(event_time_of(test_start + (9 + n) * tick), &s, 1);
  const auto course =
      course_of(step.block, step.ring, 0, event_time_of(test_start + 23 * tick), tick_s, false);
  EXPECT_TRUE(course.standing());
}

TEST(LimitForecast, WhatIsFurtherThanTenTimesWhatWasSeenIsNotTold) {
  const lately ramp{[](int ago) { return -ago * 0.1; }};
  EXPECT_TRUE(ramp.to(60)) << "64 ticks are seen";
  EXPECT_FALSE(ramp.to(66));
}

TEST(LimitForecast, TooFewValuesTellNothing) {
  lately ramp{[](int ago) { return -ago * 0.1; }};
  EXPECT_TRUE(ramp.to(1, true, false));
  for (int n = 0; n < 13; ++n) {
    block_scores s{};
    ramp.ring.push(event_time_of(test_start + n * tick), &s, 1);
  }
  const auto course =
      course_of(ramp.block, ramp.ring, 0, event_time_of(test_start + 13 * tick), tick_s, false);
  EXPECT_TRUE(course.standing());
}

/// A disk that is flat for three hours and then fills, from 45 %, by so much a tick, which is told
/// until it is 92 % full, or stands still at @p rest for an hour.
struct filling_disk {
  explicit filling_disk(double by, double rest = 1, std::string name = "disk.used_ratio") {
    noise n{8};
    full = flat + static_cast<int>(0.5 / by);
    const int last = rest < 1 ? flat + static_cast<int>((rest - 0.45) / by) + 360
                              : flat + static_cast<int>(0.47 / by);
    for (int i = 0; i < last; ++i) {
      auto row = calm_row(test_start + i * tick, n);
      const double used = i < flat ? 0.45 : std::min(rest, 0.45 + (i - flat) * by);
      row.emplace_back(name, used + 0.001 * n.normal());
      d.row(test_start + i * tick, row);
    }
  }
  /// Seconds from an alert's transition until the disk is at 95 %.
  double left(const alert& a) const {
    return static_cast<double>(test_start + full * tick - unix_ms(a.updated)) / 1000;
  }
  static constexpr int flat = 1080;
  entity_driver d;
  int full = 0;
};

TEST(LimitForecast, AnAlertOfADiskThatFillsWithinHalfAnHourTellsWhenItIsFull) {
  const filling_disk disk{0.0028};
  int told = 0;
  for (const alert& a : disk.d.alerts()) {
    if (!a.lead_time_s) continue;
    ++told;
    EXPECT_GT(*a.lead_time_s, disk.left(a) / 1.5) << a.explanation;
    EXPECT_LT(*a.lead_time_s, disk.left(a) * 1.5) << a.explanation;
    EXPECT_THAT(a.explanation, HasSubstr("disk.used_ratio rises to 0.95 in about "));
  }
  EXPECT_GT(told, 0);
}

// It goes from half a percent to nearly one, and not to its end.
TEST(LimitForecast, TheWholeOfAPercentageIsAHundredHoweverLittleOfItWasEverUsed) {
  const filling_disk disk{0.0028, 1, "disk.used_percent"};
  const auto alerts = disk.d.alerts();
  ASSERT_FALSE(alerts.empty());
  for (const alert& a : alerts) EXPECT_FALSE(a.lead_time_s) << a.explanation;
}

TEST(LimitForecast, AnAlertIsToldAnewWhenALimitComesInSightAndNotAtEveryTick) {
  const filling_disk disk{0.0028};
  const auto alerts = disk.d.alerts();
  ASSERT_GE(alerts.size(), 2u);
  EXPECT_LE(alerts.size(), 4u);
  EXPECT_FALSE(alerts[0].lead_time_s) << "it has only just begun";
  EXPECT_TRUE(alerts[1].lead_time_s);
  EXPECT_EQ(alerts[1].id, alerts[0].id);
  EXPECT_EQ(alerts[1].transition, 2u);
  EXPECT_EQ(alerts[1].severity, alert_severity::warning);
  EXPECT_GE(unix_ms(alerts[1].updated) - unix_ms(alerts[0].updated), 60'000);
}

TEST(LimitForecast, WhatStandsStillBeforeItsLimitIsToldToHaveNone) {
  const filling_disk disk{0.0028, 0.8};
  const auto alerts = disk.d.alerts();
  ASSERT_GE(alerts.size(), 3u);
  EXPECT_EQ(alerts.back().state, alert_state::firing);
  EXPECT_FALSE(alerts.back().lead_time_s) << alerts.back().explanation;
}

}  // namespace
}  // namespace faultline
