// SPDX-License-Identifier: Apache-2.0
#include "judgement/calibration.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "judgement/alert_lifecycle.hpp"
#include "messages/glob.hpp"
#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

constexpr std::int64_t minute = 60'000;
constexpr int month = 30 * 1440;

/// Shapes of the noise that views make in quiet times: scores are decades, so their tails fall
/// about exponentially, some faster, some more slowly.
enum class shape { half_normal, exponential, stretched, bursts };

class quiet_views {
public:
  quiet_views(std::uint64_t seed, shape s) : n_{seed}, shape_{s} {}
  view_scores next() {
    view_scores s{};
    if (n_.uniform() < 0.002) burst_ = 8;
    const double common = burst_ > 0 && shape_ == shape::bursts ? 1.5 * (burst_ > 4 ? 2 : 1) : 0;
    if (burst_ > 0) --burst_;
    for (auto& v : s) v = static_cast<float>(common + one());
    return s;
  }

private:
  double one() {
    const double e = -std::log(n_.uniform() + 1e-12);
    switch (shape_) {
      case shape::half_normal:
        return 1.5 * std::fabs(n_.normal());
      case shape::exponential:
      case shape::bursts:
        return 0.8 * e;
      case shape::stretched:
        return 0.5 * std::pow(e, 1.3);
    }
    return 0;
  }
  noise n_;
  shape shape_;
  int burst_ = 0;
};

// Episodes over the threshold, half an hour apart at least.
int episodes(calibration& c, quiet_views& n, int ticks, std::int64_t from, double budget) {
  int found = 0;
  int quiet = 1000;
  for (int i = 0; i < ticks; ++i) {
    const auto s = n.next();
    const auto j = c.judge(s, budget, false);
    ++quiet;
    if (j.excess() > 0) {
      if (quiet > 30) {
        ++found;
        c.episode(j);
      }
      quiet = 0;
    }
    c.take(s, j, from + i * minute, minute, j.excess() <= 0);
  }
  return found;
}

/// Realised over promised episodes of each of some entities.
std::vector<double> kept_promise(shape s, double budget, int entities) {
  std::vector<double> ratios;
  for (int e = 1; e <= entities; ++e) {
    calibration c;
    quiet_views n{static_cast<std::uint64_t>(e), s};
    episodes(c, n, 14 * 1440, 0, budget);
    ratios.push_back(episodes(c, n, month, 14 * 1440 * minute, budget) / budget);
  }
  std::sort(ratios.begin(), ratios.end());
  return ratios;
}

TEST(Calibration, KeepsABudgetOfOneADayWhateverTheShapeOfTheNoise) {
  for (const auto s : {shape::half_normal, shape::exponential, shape::stretched, shape::bursts}) {
    const auto ratios = kept_promise(s, 30, 9);
    EXPECT_GE(ratios[4], 0.7) << static_cast<int>(s);
    EXPECT_LE(ratios[4], 1.4) << static_cast<int>(s);
    EXPECT_LE(ratios[8], 3) << static_cast<int>(s);
  }
}

TEST(Calibration, KeepsABudgetOfOneAMonthOverManyEntities) {
  for (const auto s : {shape::half_normal, shape::exponential, shape::stretched}) {
    double sum = 0;
    for (const double r : kept_promise(s, 1, 30)) sum += r;
    EXPECT_LE(sum, 60) << static_cast<int>(s);  // 30 promised
  }
}

// One threshold means the same on an entity whose views are loud all the time and on a calm one.
TEST(Calibration, GivesScoresThatMeanTheSameOnEveryEntity) {
  const auto top_decades = [](shape s, float louder) {
    calibration c;
    quiet_views n{7, s};
    std::vector<float> seen;
    for (int i = 0; i < 44 * 1440; ++i) {
      auto v = n.next();
      for (auto& x : v) x *= louder;
      const auto j = c.judge(v, 30, false);
      c.take(v, j, i * minute, minute, true);
      if (i > 14 * 1440) seen.push_back(j.decades);
    }
    std::sort(seen.rbegin(), seen.rend());
    return seen[30];  // about once a day
  };
  const float calm = top_decades(shape::half_normal, 1);
  EXPECT_NEAR(top_decades(shape::half_normal, 3), calm, 0.35f);
  EXPECT_NEAR(top_decades(shape::exponential, 2), calm, 0.35f);
  EXPECT_NEAR(top_decades(shape::stretched, 1), calm, 0.35f);
}

// Complaint: cold-start
TEST(Calibration, IsStricterWhileItLearns) {
  const calibration c;
  view_scores s{};
  s[0] = 6;
  const auto grown = c.judge(s, 1, false);
  const auto young = c.judge(s, 1, true);
  EXPECT_NEAR(young.threshold - grown.threshold, 1.0, 1e-3);
  EXPECT_LT(young.probability, grown.probability);
}

TEST(Calibration, AsksForMoreWhenTheBudgetIsSmaller) {
  const calibration c;
  const view_scores s{};
  EXPECT_GT(c.judge(s, 0.1, false).threshold, c.judge(s, 1, false).threshold);
  EXPECT_GT(c.judge(s, 1, false).threshold, c.judge(s, 30, false).threshold);
}

// Lonely spikes of one tick are usual here: one more is nothing, the same is much once it lasts.
TEST(Calibration, JudgesWhatStaysByWhatUsuallyStays) {
  calibration c;
  quiet_views n{5, shape::exponential};
  view_scores spike{};
  spike[0] = 12;
  std::int64_t ts = 0;
  const auto give = [&](const view_scores& v) {
    const auto j = c.judge(v, 30, false);
    if (j.excess() > 0) c.episode(j);
    c.take(v, j, ts += minute, minute, j.excess() <= 0);
    return j;
  };
  for (int i = 0; i < 20'000; ++i) give(i % 120 == 0 ? spike : n.next());
  EXPECT_LT(give(spike).excess(), 0);
  view_scores lasting = spike;
  lasting[static_cast<std::size_t>(view::level)] = 12;
  lasting[static_cast<std::size_t>(view::drift)] = 6;
  EXPECT_GT(give(lasting).excess(), 0);
}

TEST(Calibration, RarityGrowsWithTheScore) {
  const tail_shape shape{-2, 0.125f, {0.6f, 0.3f, 48}};
  tail_model t{shape};
  noise n{3};
  for (int i = 0; i < 3000; ++i) t.add(static_cast<float>(0.5 + 0.2 * std::fabs(n.normal())));
  float before = -1;
  for (float x = -2; x < 8; x += 0.05f) {
    EXPECT_GE(t.rarity(x), before);
    before = t.rarity(x);
  }
  EXPECT_NEAR(t.rarity(t.value_at(1e-3f)), 3, 0.01);
}

TEST(Calibration, ComesBackFromItsBytes) {
  calibration c;
  quiet_views n{4, shape::stretched};
  episodes(c, n, 2000, 0, 30);
  std::string bytes;
  byte_writer out{bytes};
  c.save(out);
  calibration d;
  byte_reader in{bytes};
  ASSERT_TRUE(d.restore(in));
  EXPECT_TRUE(in.at_end());
  quiet_views a{5, shape::stretched}, b{5, shape::stretched};
  EXPECT_EQ(episodes(c, a, 5000, 2000 * minute, 30), episodes(d, b, 5000, 2000 * minute, 30));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    calibration e;
    byte_reader shorter{std::string_view{bytes}.substr(0, cut)};
    EXPECT_FALSE(e.restore(shorter)) << cut;
  }
}

TEST(AlertLifecycle, FiresOnTwoOfThreeAndResolvesAfterQuietTime) {
  alert_lifecycle life;
  tick_signs over, quiet;
  over.over = true;
  quiet.quiet = true;
  EXPECT_EQ(life.next(over, 0, minute), alert_step::none);
  EXPECT_EQ(life.next(quiet, minute, minute), alert_step::none);
  EXPECT_EQ(life.next(over, 2 * minute, minute), alert_step::fire);
  life.apply(alert_step::fire, alert_severity::warning, alert_reason::deviation, 2 * minute);
  EXPECT_EQ(life.episode(), 1u);
  int steps = 0;
  std::int64_t ts = 3 * minute;
  while (life.next(quiet, ts, minute) != alert_step::resolve) {
    ts += minute;
    ASSERT_LT(++steps, 20);
  }
  EXPECT_EQ(ts, 5 * minute);
  life.apply(alert_step::resolve, alert_severity::warning, alert_reason::deviation, ts);
  EXPECT_FALSE(life.firing());
  EXPECT_EQ(life.transition(), 2u);
}

TEST(AlertLifecycle, RareRowsAreCalmSooner) {
  const auto calm_rows = [](std::int64_t tick_ms, alert_reason why = alert_reason::deviation,
                            std::int64_t early_ms = 0) {
    alert_lifecycle life;
    life.apply(alert_step::fire, alert_severity::warning, why, 0);
    tick_signs quiet;
    quiet.quiet = true;
    int rows = 1;
    while (life.next(quiet, rows * tick_ms - early_ms, tick_ms) != alert_step::resolve) ++rows;
    return rows;
  };
  EXPECT_EQ(calm_rows(10'000), 18);
  EXPECT_EQ(calm_rows(minute), 3);
  EXPECT_EQ(calm_rows(5 * minute), 3);
  EXPECT_EQ(calm_rows(10 * minute), 2);
  EXPECT_EQ(calm_rows(15 * minute), 1);
  EXPECT_EQ(calm_rows(60 * minute), 1);
  EXPECT_EQ(calm_rows(60 * minute, alert_reason::limit), 3);
  for (const auto tick : {minute, 15 * minute, 60 * minute})
    EXPECT_EQ(calm_rows(tick, alert_reason::deviation, 150), calm_rows(tick)) << "150 ms early";
}

TEST(AlertLifecycle, RisesOnceAndKeepsTheEpisode) {
  alert_lifecycle life;
  tick_signs fault;
  fault.over = fault.fault = true;
  life.next(fault, 0, minute);
  EXPECT_EQ(life.next(fault, minute, minute), alert_step::fire);
  life.apply(alert_step::fire, alert_severity::warning, alert_reason::deviation, minute);
  EXPECT_EQ(life.next(fault, 2 * minute, minute), alert_step::rise);
  life.apply(alert_step::rise, alert_severity::critical, alert_reason::deviation, 2 * minute);
  EXPECT_EQ(life.next(fault, 3 * minute, minute), alert_step::none);
  EXPECT_EQ(life.severity(), alert_severity::critical);
  EXPECT_EQ(life.episode(), 1u);
  EXPECT_EQ(life.transition(), 2u);
}

TEST(AlertLifecycle, GivesEachEpisodeItsOwnId) {
  const auto id = alert_id("service/a", alert_reason::deviation, 1000, 1);
  EXPECT_EQ(id.size(), 16u);
  EXPECT_EQ(id, alert_id("service/a", alert_reason::deviation, 1000, 1));
  EXPECT_NE(id, alert_id("service/b", alert_reason::deviation, 1000, 1));
  EXPECT_NE(id, alert_id("service/a", alert_reason::silence, 1000, 1));
  EXPECT_NE(id, alert_id("service/a", alert_reason::deviation, 1001, 1));
  EXPECT_NE(id, alert_id("service/a", alert_reason::deviation, 1000, 2));
}

TEST(Glob, MatchesRunsAndSingleCharacters) {
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_TRUE(glob_matches("service/*", "service/cart"));
  EXPECT_TRUE(glob_matches("*_p?9", "latency_p99"));
  EXPECT_TRUE(glob_matches("a*b*c", "axxbyybzzc"));
  EXPECT_FALSE(glob_matches("service/*", "host/service"));
  EXPECT_FALSE(glob_matches("a?c", "ac"));
  EXPECT_FALSE(glob_matches("", "a"));
}

TEST(AlertLifecycle, TheEchoOfACrossedLimitOpensNothingForTenMinutes) {
  alert_lifecycle life;
  tick_signs crossed, within, echo;
  crossed.limit = crossed.crossed = true;
  echo.limit = true;
  std::int64_t ts = 0;
  const auto give = [&](const tick_signs& s) {
    const auto step = life.next(s, ts += minute, minute);
    life.apply(step, alert_severity::critical, alert_reason::limit, ts);
    return step;
  };
  for (int i = 0; i < 3; ++i) give(crossed);
  ASSERT_TRUE(life.firing());
  for (int i = 0; i < 3; ++i) give(within);
  ASSERT_FALSE(life.firing());
  for (int i = 0; i < 9; ++i) EXPECT_EQ(give(echo), alert_step::none) << i;
  give(echo), give(echo);
  EXPECT_TRUE(life.firing());
}

TEST(AlertLifecycle, OneTickBeyondALimitOnTheWayToItEndsNoEpisode) {
  alert_lifecycle life;
  tick_signs near, crossed, within;
  near.limit = true;
  crossed.limit = crossed.crossed = true;
  std::int64_t ts = 0;
  const auto give = [&](const tick_signs& s) {
    const auto step = life.next(s, ts += minute, minute);
    life.apply(step, alert_severity::warning, alert_reason::limit, ts);
  };
  give(near), give(crossed);  // fires by both
  for (int i = 0; i < 4; ++i) give(near);
  ASSERT_TRUE(life.firing());
  give(crossed);
  for (int i = 0; i < 4; ++i) give(near);
  EXPECT_TRUE(life.firing());
  for (int i = 0; i < 2; ++i) give(crossed);
  EXPECT_EQ(life.episode(), 1u);
  for (int i = 0; i < 3; ++i) give(within);
  EXPECT_FALSE(life.firing()) << "what did cross it ends as ever";
}

// The largest of many scores is larger: what is rare for one channel is not for thirty.
TEST(Calibration, ExpectsLargerScoresOfMoreChannelsUntilItHasSeenThem) {
  view_scores scores{};
  scores[static_cast<std::size_t>(view::residual)] = 4;
  const auto rarity = [&](std::size_t channels, std::uint64_t seed, int ticks) {
    calibration c;
    c.expect(channels);
    quiet_views n{seed, shape::exponential};
    episodes(c, n, ticks, 0, 1);
    return c.judge(scores, 1, false).rarity[static_cast<std::size_t>(view::residual)];
  };
  EXPECT_GT(rarity(1, 1, 0), rarity(8, 1, 0) + 0.5f);
  EXPECT_GT(rarity(8, 1, 0), rarity(64, 1, 0) + 0.3f);
  EXPECT_EQ(rarity(64, 1, 0), rarity(256, 1, 0));
  EXPECT_NEAR(rarity(1, 1, 2 * month), rarity(64, 1, 2 * month), 0.3f);
}

// Channels that do not know yet what is usual of them are surprised by everything.
TEST(TailModel, TheFirstHoursTeachLittle) {
  constexpr tail_shape shape{0, 0.25f, {0, 0.5f, 24}};
  tail_model t{shape};
  for (int i = 0; i < 12; ++i) t.add(8);
  EXPECT_FLOAT_EQ(t.blocks(), 3);
  for (int i = 0; i < 12; ++i) t.add(8);
  EXPECT_FLOAT_EQ(t.blocks(), 9);
  for (int i = 0; i < 12; ++i) t.add(1);
  EXPECT_FLOAT_EQ(t.blocks(), 21);
}

TEST(Calibration, ABeliefInAFaultFadesByADecadeInTwentyMinutes) {
  constexpr std::int64_t twenty = 20 * minute;
  const double just_paged = calibration::belief(0, 0.9, minute);
  EXPECT_DOUBLE_EQ(just_paged, 0.9);
  const double later = calibration::belief(just_paged, 0.01, twenty);
  const auto decades = [](double p) { return std::log2(p / (1 - p)) / 1.2; };
  EXPECT_NEAR(decades(later), decades(0.9) - 1, 1e-6);
  EXPECT_DOUBLE_EQ(calibration::belief(0.9, 0.95, twenty), 0.95);
  EXPECT_DOUBLE_EQ(calibration::belief(0.9, 0.01, 100 * twenty), 0.01);
  EXPECT_TRUE(std::isfinite(calibration::belief(1, 0, 0)));
  EXPECT_TRUE(std::isfinite(calibration::belief(0, 0, 0)));
}

}  // namespace
}  // namespace faultline
