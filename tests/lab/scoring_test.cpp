// SPDX-License-Identifier: Apache-2.0
//
// The traps in which figures of detection lie, each as a test of the harness itself.
#include "lab/scoring.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "lab/detection_study.hpp"
#include "lab/rng.hpp"
#include "lab/statistics.hpp"
#include "lab/threshold_rules.hpp"

namespace faultline {
namespace {

constexpr std::int64_t minute = 60'000;
const event_time start = event_time_of(1'704'067'200'000);
event_time at(std::int64_t minutes) { return start + milliseconds{minutes * minute}; }

/// @p minutes rows of one metric; the first third trains.
telemetry rows_of_one(std::int64_t minutes, const char* id = "host/a") {
  telemetry t;
  t.name = "test";
  t.interval_s = 60;
  entity_series s;
  s.id = id;
  s.metrics = {"m"};
  random_source rng{11};
  for (std::int64_t i = 0; i < minutes; ++i) {
    s.ts.push_back(at(i));
    s.values.push_back(six_digits(10 + rng.normal()));
  }
  t.entities.push_back(std::move(s));
  t.train_until = at(minutes / 3);
  return t;
}

labels one_fault(std::int64_t from, std::int64_t to) {
  labels l;
  l.early_s = 0;
  fault_label f;
  f.id = "f";
  f.start = at(from);
  f.end = at(to);
  f.entities = {"host/a"};
  l.faults.push_back(f);
  return l;
}

TEST(Trap, AnAlwaysOnAlarmFindsNothingAndIsUnderAlarmAllTheTime) {
  const auto t = rows_of_one(3000);
  const scored_truth truth{t, one_fault(2000, 2100)};
  const auto v = truth.judge({{{at(1000), event_time::max() - milliseconds{1}}}});
  EXPECT_FALSE(v.faults[0].paged);
  EXPECT_TRUE(v.faults[0].overlapped);
  EXPECT_EQ(v.entities[0].false_episodes, 1U);
  EXPECT_EQ(v.entities[0].alarm_rows, v.entities[0].free_rows);
}

TEST(Trap, OneHitOfManyRowsIsNotPointAdjustedToAll) {
  std::vector<bool> label(1000);
  std::vector<float> score(1000);
  for (std::size_t i = 400; i < 600; ++i) label[i] = true;
  score[500] = 1;  // point adjustment would call 200 rows found
  const double ap = *average_precision(label, score);
  EXPECT_LT(ap, 0.21);
}

TEST(Trap, ARandomScoreIsWorthNoMoreThanChance) {
  random_source rng{5};
  std::vector<bool> label(20'000);
  std::vector<float> score;
  for (std::size_t i = 0; i < label.size(); ++i) {
    label[i] = i % 2000 < 100;
    score.push_back(static_cast<float>(rng.uniform()));
  }
  EXPECT_NEAR(*average_precision(label, score), 0.05, 0.02);
  EXPECT_LT(*vus_pr(label, score), 0.15);
}

TEST(Trap, ThresholdsOfBaselinesComeFromTrainingRowsAlone) {
  auto t = rows_of_one(3000);
  const auto calm = sigma_levels({t, {}});
  for (std::size_t i = 1500; i < 3000; ++i) t.entities[0].values[i] = 1000;  // the scored part
  const auto wild = sigma_levels({t, {}});
  EXPECT_EQ(calm.training, wild.training);
  const milliseconds step{minute};
  EXPECT_EQ(calibrated_limit(calm.training_rows[0], calm.training[0], step, 10 * step, 0.1),
            calibrated_limit(wild.training_rows[0], wild.training[0], step, 10 * step, 0.1));
  global_limit a, b;
  a.add(calm, step, 10 * step);
  b.add(wild, step, 10 * step);
  EXPECT_EQ(a.at(0.1), b.at(0.1));
}

TEST(Trap, ScalesComeFromThePastAlone) {
  auto t = rows_of_one(3000);
  const auto before = sigma_levels({t, {}});
  for (std::size_t i = 2000; i < 3000; ++i) t.entities[0].values[i] *= 50;
  const auto after = sigma_levels({t, {}});
  for (std::size_t i = 0; i < 1000 - 2; ++i) EXPECT_EQ(before.scored[0][i], after.scored[0][i]);
}

detector_outcome two_sets() {
  detector_outcome o;
  o.name = "d";
  o.promised_per_month = 1;
  for (int i = 0; i < 10; ++i) {
    fault_outcome f;
    f.set = i < 8 ? "many" : "few";
    f.paged = i < 8;
    o.faults.push_back(f);
  }
  entity_outcome e;
  e.set = "many";
  e.free_days = 30;
  e.verdict.free_rows = 1000;
  o.entities.push_back(e);
  e.set = "few";
  e.verdict.false_episodes = 6;
  e.verdict.alarm_rows = 100;
  o.entities.push_back(e);
  return o;
}

TEST(Trap, EachSetStandsAloneBeforeThePool) {
  const auto o = two_sets();
  EXPECT_EQ(figures_of(o, "many", 1).paged.value, 1);
  EXPECT_EQ(figures_of(o, "few", 1).paged.value, 0);
  EXPECT_NEAR(figures_of(o, "", 1).paged.value, 0.8, 1e-12);
  EXPECT_EQ(figures_of(o, "few", 1).false_per_month, 6);
  EXPECT_EQ(figures_of(o, "many", 1).false_per_month, 0);
  EXPECT_NEAR(figures_of(o, "", 1).alarm_share, 0.05, 1e-12);
}

TEST(Trap, AFalseAlarmRateOfAShortTestHasAWideInterval) {
  const auto f = figures_of(two_sets(), "many", 1);  // none in thirty days
  EXPECT_EQ(f.false_range.low, 0);
  EXPECT_NEAR(f.false_range.high, 3.689, 0.01);
}

TEST(Trap, AFaultThatNobodyCanSeeIsNeitherFoundNorMissedNorFalse) {
  auto l = one_fault(2000, 2100);
  l.faults[0].visible = false;
  const auto t = rows_of_one(3000);
  const scored_truth truth{t, l};
  const auto v = truth.judge({{{at(2050), at(2060)}}});
  EXPECT_EQ(v.entities[0].false_episodes, 0U);
  detector_outcome o;
  fault_outcome hidden;
  hidden.visible = false;
  hidden.paged = true;
  o.faults = {hidden};
  EXPECT_EQ(figures_of(o, "", 1).paged.of, 0U);
}

TEST(Trap, AFaultThatWasNotWarnedOfHasNoLead) {
  detector_outcome o;
  for (int i = 0; i < 3; ++i) {
    fault_outcome f;
    f.form = "linear";
    f.ramp_s = f.effect_s = 7200;
    f.paged = i == 0;
    f.lead_s = f.paged ? 7200 : 0;
    o.faults.push_back(f);
  }
  EXPECT_EQ(*figures_of(o, "", 1).lead_linear, 0);  // the median over all, not over the lucky ones
  EXPECT_NEAR(figures_of(o, "", 1).warned.value, 1.0 / 3, 1e-12);
}

TEST(Scoring, AnEpisodeIsJudgedByWhereItBegins) {
  const auto t = rows_of_one(3000);
  const scored_truth truth{t, one_fault(2000, 2100)};
  const auto v = truth.judge({{{at(1990), at(2050)}, {at(2080), at(2085)}, {at(2500), at(2501)}}});
  ASSERT_TRUE(v.faults[0].paged);
  EXPECT_EQ(*v.faults[0].paged, at(2080));
  EXPECT_EQ(v.entities[0].true_episodes, 1U);
  EXPECT_EQ(v.entities[0].false_episodes, 2U);
}

TEST(Scoring, AlarmsNearEachOtherAreOneEpisode) {
  const auto t = rows_of_one(3000);
  const scored_truth truth{t, {}};
  EXPECT_EQ(truth.episodes({{at(2000), at(2001)}, {at(2010), at(2011)}}).size(), 1U);
  EXPECT_EQ(truth.episodes({{at(2000), at(2001)}, {at(2011), at(2012)}}).size(), 2U);
  EXPECT_TRUE(truth.episodes({{at(10), at(20)}}).empty());  // before the scored part
}

TEST(Scoring, EarlyAlarmsCountWhereTheRecordingSaysSo) {
  const auto t = rows_of_one(3000);
  auto l = one_fault(2000, 2100);
  EXPECT_FALSE((scored_truth{t, l}).judge({{{at(1980), at(1985)}}}).faults[0].paged);
  l.early_s = 1800;
  EXPECT_TRUE((scored_truth{t, l}).judge({{{at(1980), at(1985)}}}).faults[0].paged);
  l.early_s.reset();  // the larger of ten intervals and half an hour
  EXPECT_TRUE((scored_truth{t, l}).judge({{{at(1971), at(1972)}}}).faults[0].paged);
}

TEST(Scoring, AnAlarmOfAnotherEntityIsNeitherTrueNorFalse) {
  auto t = rows_of_one(3000);
  t.entities.push_back(t.entities[0]);
  t.entities[1].id = "host/b";
  const scored_truth truth{t, one_fault(2000, 2100)};
  const auto v = truth.judge({{}, {{at(2050), at(2060)}}});
  EXPECT_FALSE(v.faults[0].paged);
  EXPECT_EQ(v.entities[1].true_episodes + v.entities[1].false_episodes, 0U);
}

TEST(Scoring, IgnoredTimeAndFaultsBeforeTheScoredPartDoNotCount) {
  const auto t = rows_of_one(3000);
  auto l = one_fault(100, 200);  // in the part that trains
  l.ignore.push_back({at(1500), at(1600), {}, ""});
  const scored_truth truth{t, l};
  EXPECT_TRUE(truth.faults().empty());
  const auto v = truth.judge({{{at(1550), at(1560)}}});
  EXPECT_EQ(v.entities[0].false_episodes, 0U);
  EXPECT_EQ(v.entities[0].free_rows, 2000U - 101U);
}

TEST(Ranking, APerfectScoreIsOneAndTheWorstIsLow) {
  std::vector<bool> label(2000);
  std::vector<float> good(2000), bad(2000);
  for (std::size_t i = 0; i < 2000; ++i) {
    label[i] = i >= 900 && i < 1000;
    good[i] = label[i] ? 1.0F : 0.0F;
    bad[i] = label[i] ? 0.0F : 1.0F;
  }
  EXPECT_NEAR(*average_precision(label, good), 1, 1e-12);
  EXPECT_GT(*vus_pr(label, good), 0.9);
  EXPECT_LT(*average_precision(label, bad), 0.06);
  EXPECT_FALSE(average_precision(std::vector<bool>(10), std::vector<float>(10)));
  EXPECT_FALSE(vus_pr(std::vector<bool>(10), std::vector<float>(10)));
}

TEST(Statistics, PoissonIntervalsAreGarwoods) {
  EXPECT_NEAR(poisson_interval(0).high, 3.6889, 1e-3);
  EXPECT_NEAR(poisson_interval(10).low, 4.7954, 1e-3);
  EXPECT_NEAR(poisson_interval(10).high, 18.3904, 1e-3);
  EXPECT_NEAR(poisson_interval(400).high, 441.2, 0.5);
}

TEST(Statistics, ABootstrapIntervalHoldsTheShareAndRepeats) {
  std::vector<resampled_unit> units;
  for (int i = 0; i < 100; ++i) units.push_back({i < 30 ? 1.0 : 0.0, 1});
  const auto a = bootstrap_interval(units, 1), b = bootstrap_interval(units, 1);
  EXPECT_EQ(a.low, b.low);
  EXPECT_NEAR(a.low, 0.21, 0.03);
  EXPECT_NEAR(a.high, 0.39, 0.03);
  EXPECT_EQ(bootstrap_interval({}, 1).high, 0);
}

TEST(Statistics, AnHonestProbabilityHasNoCalibrationError) {
  random_source rng{2};
  reliability honest, boastful;
  for (int i = 0; i < 50'000; ++i) {
    const double p = rng.uniform();
    const bool fault = rng.chance(p);
    honest.add(p, fault);
    boastful.add(1 - (1 - p) * (1 - p), fault);
  }
  EXPECT_LT(honest.expected_error(), 0.01);
  EXPECT_NEAR(honest.brier(), 1.0 / 6, 0.01);
  EXPECT_GT(boastful.expected_error(), 0.1);
}

}  // namespace
}  // namespace faultline
