// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "lab/fault_head.hpp"

namespace faultline {
namespace {

constexpr std::int64_t minute = 60'000;
constexpr std::int64_t begin = 1'704'715'200'000;

event_time at(std::int64_t minutes) { return event_time_of(begin + minutes * minute); }

/// Builds up from minute 300 to 360 and is over at 400.
labels one_ramp() {
  fault_label f;
  f.start = at(300), f.end = at(400), f.full_effect = at(360);
  f.entities = {"service/cart"};
  f.roots = {"db/carts"};
  labels out;
  out.faults = {f};
  return out;
}

soon_truth truth_at(std::int64_t minutes, const std::string& entity = "service/cart") {
  return truth_of_soon(one_ramp(), entity, at(minutes));
}

TEST(SoonTruth, IsYesInTheLastQuarterOfAnHourBeforeTheFullEffect) {
  EXPECT_EQ(truth_at(345), soon_truth::yes);
  EXPECT_EQ(truth_at(359, "db/carts"), soon_truth::yes);
  EXPECT_EQ(truth_at(344), soon_truth::unknown);
  EXPECT_EQ(truth_at(360), soon_truth::unknown);
}

TEST(SoonTruth, IsNotKnownInAFaultAndJustBehindIt) {
  EXPECT_EQ(truth_at(300), soon_truth::unknown);
  EXPECT_EQ(truth_at(410), soon_truth::unknown);
  EXPECT_EQ(truth_at(411), soon_truth::no);
  EXPECT_EQ(truth_at(299), soon_truth::no);
  EXPECT_EQ(truth_at(350, "service/other"), soon_truth::no);
}

TEST(SoonTruth, OfAnAbruptFaultNobodyCanSayThatItComes) {
  labels truth = one_ramp();
  truth.faults[0].full_effect = truth.faults[0].start;
  EXPECT_EQ(truth_of_soon(truth, "service/cart", at(290)), soon_truth::unknown);
  EXPECT_EQ(truth_of_soon(truth, "service/cart", at(284)), soon_truth::no);
}

/// A day of minutes of two entities; @p said of the one with the ramp, by minute.
template <class Said>
detection_run run_of(Said said) {
  detection_run run;
  run.entities = {"service/cart", "service/other"};
  for (std::int64_t m = 0; m < 1440; ++m)
    for (std::uint32_t e = 0; e < 2; ++e)
      run.scores.push_back({at(m), e, 0, e == 0 ? static_cast<float>(said(m)) : 0.01F});
  return run;
}

head_study study_of(const detection_run& run) {
  head_study s;
  s.add(run, one_ramp(), milliseconds{minute});
  return s;
}

TEST(HeadStudy, CountsARampThatWasSaidAndNothingThatWasNot) {
  const auto s = study_of(run_of([](auto m) { return m >= 350 && m < 360 ? 0.6 : 0.01; }));
  EXPECT_EQ(s.yes(), 15U);
  EXPECT_EQ(s.ramps(), 1U);
  EXPECT_EQ(s.ramps_said(2), 1U) << "0.5";
  EXPECT_EQ(s.ramps_said(3), 0U) << "0.8";
  EXPECT_EQ(s.false_a_month(0), 0);
  EXPECT_NEAR(s.ranking(), (10 + 5 * 0.5) / 15, 0.001);
}

TEST(HeadStudy, WhatIsSaidOfNothingIsFalseOnceInHalfAnHour) {
  const auto s = study_of(run_of([](auto m) { return m >= 600 && m < 700 ? 0.6 : 0.01; }));
  EXPECT_EQ(s.ramps_said(0), 0U);
  const double days = (2 * 1440 - 111) / 1440.0;
  EXPECT_NEAR(s.false_a_month(2), 30 / days, 0.001);
  const auto twice =
      study_of(run_of([](auto m) { return m == 600 || m == 620 || m == 700 ? 0.6 : 0.01; }));
  EXPECT_NEAR(twice.false_a_month(2), 2 * 30 / days, 0.001);
}

TEST(HeadStudy, TicksOfWhichNothingWasSaidDoNotCount) {
  auto run = run_of([](auto) { return -1; });
  const auto s = study_of(run);
  EXPECT_EQ(s.ticks(), 1440U) << "of the other one";
  EXPECT_EQ(s.ramps(), 0U);
  EXPECT_EQ(s.ranking(), 0);
  EXPECT_TRUE(head_markdown(s).empty());
}

TEST(HeadStudy, AddsUpOverRecordings) {
  const auto said = study_of(run_of([](auto m) { return m >= 345 && m < 360 ? 0.9 : 0.01; }));
  head_study both = study_of(run_of([](auto) { return 0.01; }));
  EXPECT_NEAR(both.ranking(), 0.5, 0.001);
  both.add(said);
  EXPECT_EQ(both.ramps(), 2U);
  EXPECT_EQ(both.ramps_said(3), 1U);
  EXPECT_NEAR(both.ranking(), 0.75, 0.001);
  EXPECT_EQ(both.ticks(), 2 * said.ticks());
  EXPECT_NE(head_markdown(both).find("1 of 2"), std::string::npos);
}

}  // namespace
}  // namespace faultline
