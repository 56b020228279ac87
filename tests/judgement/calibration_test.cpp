// SPDX-License-Identifier: Apache-2.0
#include "judgement/calibration.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "judgement/alert_lifecycle.hpp"
#include "judgement/glob.hpp"
#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

constexpr std::int64_t minute = 60'000;
constexpr int month = 30 * 1440;

view_scores quiet_scores(noise& n, double heavy) {
  view_scores s{};
  for (auto& v : s) {
    const double x = std::fabs(n.normal());
    v = static_cast<float>(heavy > 0 ? x * std::pow(n.uniform() + 1e-9, -1 / heavy) : x);
  }
  return s;
}

// Episodes of two of three ticks over the threshold, an hour apart at least.
int episodes(calibration& c, noise& n, double heavy, int ticks, std::int64_t from, double budget) {
  int found = 0;
  int quiet = 1000;
  for (int i = 0; i < ticks; ++i) {
    const auto s = quiet_scores(n, heavy);
    const auto j = c.judge(s, budget, false);
    ++quiet;
    if (j.steady_excess() > 0) {
      if (quiet > 60) {
        ++found;
        c.episode(j);
      }
      quiet = 0;
    }
    c.take(s, j, from + i * minute, minute, j.excess() <= 0);
  }
  return found;
}

TEST(Calibration, KeepsItsBudgetOnLightAndHeavyTails) {
  for (const double heavy : {0.0, 6.0, 3.0}) {
    int found = 0;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      calibration c;
      noise n{seed};
      episodes(c, n, heavy, 5 * 1440, 0, 10);
      found += episodes(c, n, heavy, month, 5 * 1440 * minute, 10);
    }
    EXPECT_LE(found, 60) << heavy;  // three months of ten: not more than twice what was promised
  }
}

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

TEST(Calibration, NeedsTwoOfThreeTicks) {
  calibration c;
  view_scores high{}, low{};
  high.fill(50);
  const auto first = c.judge(high, 1, false);
  EXPECT_GT(first.excess(), 0);
  EXPECT_LT(first.steady_excess(), 0);
  c.take(high, first, 0, minute, false);
  c.take(low, c.judge(low, 1, false), minute, minute, false);
  EXPECT_GT(c.judge(high, 1, false).steady_excess(), 0);
}

TEST(Calibration, RarityGrowsWithTheScore) {
  tail_model t{-2, 0.125f, {0.6f, 0.3f, 48}};
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
  noise n{4};
  episodes(c, n, 3, 2000, 0, 30);
  std::string bytes;
  byte_writer out{bytes};
  c.save(out);
  calibration d;
  byte_reader in{bytes};
  ASSERT_TRUE(d.restore(in));
  EXPECT_TRUE(in.at_end());
  noise a{5}, b{5};
  EXPECT_EQ(episodes(c, a, 3, 5000, 2000 * minute, 30), episodes(d, b, 3, 5000, 2000 * minute, 30));
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
  EXPECT_EQ(ts, 12 * minute);
  life.apply(alert_step::resolve, alert_severity::warning, alert_reason::deviation, ts);
  EXPECT_FALSE(life.firing());
  EXPECT_EQ(life.transition(), 2u);
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

}  // namespace
}  // namespace faultline
