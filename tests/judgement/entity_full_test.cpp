// SPDX-License-Identifier: Apache-2.0
//
// An entity that tells more metrics than it may have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsNan;
using ::testing::SizeIs;

std::vector<std::pair<std::string, double>> row_of(const char* prefix, int count) {
  std::vector<std::pair<std::string, double>> row;
  for (int n = 0; n < count; ++n) row.emplace_back(prefix + std::to_string(n), n);
  return row;
}

std::vector<entity_decision> told(const entity_driver& d) {
  std::vector<entity_decision> said;
  for (const auto& one : d.decisions)
    if (one.what.kind == decision_kind::notice) said.push_back(one);
  return said;
}

TEST(EntityFull, TellsOnceWhichMetricWasTheFirstToBeLeftOutAndCountsThemAll) {
  entity_driver d;
  d.row(test_start, row_of("a.", 200));
  EXPECT_EQ(d.core.left_out(), 0U);
  d.row(test_start + 1, row_of("b.", 100));
  d.row(test_start + 2, row_of("c.", 1));
  EXPECT_EQ(d.core.left_out(), 45U);
  EXPECT_EQ(d.core.status().left_out, 45U);
  EXPECT_THAT(d.core.status().metrics, SizeIs(256));
  const auto said = told(d);
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_EQ(said[0].what.notice.what, "too_many_metrics");
  EXPECT_EQ(said[0].what.notice.subject, "service/cart");
  EXPECT_THAT(said[0].what.notice.text, HasSubstr("b.56 "));
}

TEST(EntityFull, WhoHasRoomForAllTellsNothing) {
  entity_driver d;
  for (int n = 0; n < 3; ++n) d.row(test_start + n, row_of("a.", 256));
  EXPECT_EQ(d.core.left_out(), 0U);
  EXPECT_THAT(told(d), SizeIs(0));
}

TEST(EntityFull, IsNotToldAgainAfterARestart) {
  entity_driver d;
  d.row(test_start, row_of("a.", 256));
  const std::string before = d.core.save();
  d.row(test_start + 1, row_of("b.", 1));
  const auto said = told(d);
  ASSERT_THAT(said, SizeIs(1));

  entity_driver later;
  ASSERT_TRUE(later.core.restore(d.core.save()));
  later.position = d.position;
  later.row(test_start + 2, row_of("b.", 1));
  EXPECT_THAT(told(later), SizeIs(0)) << "what a snapshot covers was told";
  EXPECT_EQ(later.core.left_out(), 2U);

  entity_driver again;
  ASSERT_TRUE(again.core.restore(before));
  again.core.adopt(said, 0);
  again.position = d.position - 1;
  again.row(test_start + 1, row_of("b.", 1));
  EXPECT_THAT(told(again), SizeIs(0)) << "what stands in the outbox was told";

  entity_driver anew;
  ASSERT_TRUE(anew.core.restore(before));
  anew.position = d.position - 1;
  anew.row(test_start + 1, row_of("b.", 1));
  ASSERT_THAT(told(anew), SizeIs(1)) << "what was lost is told";
  EXPECT_EQ(told(anew)[0].key, said[0].key);
}

TEST(EntityFull, AlsoSaysSoOfWhatItsLinesComeTo) {
  entity_driver d;
  d.row(test_start, row_of("a.", 256));
  event_view line;
  line.type = event_type::log;
  line.body = "x";
  for (int n = 1; n < 8; ++n) {
    d.give(line, test_start + n * 10'000);
    d.row(test_start + n * 10'000, row_of("a.", 256));
  }
  EXPECT_GT(d.core.left_out(), 0U);
  ASSERT_THAT(told(d), SizeIs(1));
  EXPECT_THAT(told(d)[0].what.notice.text, HasSubstr("lines and spans"));
}

TEST(EntityStatus, ACounterThatCameOnceHasNoRateYet) {
  entity_driver d;
  const auto count = [&d](double total, std::int64_t ts) {
    event_view e;
    e.type = event_type::metric;
    e.metrics = {{"requests", total, metric_kind::counter}, {"level", 7, metric_kind::gauge}};
    d.give(e, ts);
  };
  const auto last = [&d](const std::string& name) {
    for (const auto& m : d.core.status().metrics)
      if (m.name == name) return m.last;
    return -1.0;
  };
  count(1000, test_start);
  EXPECT_TRUE(std::isnan(last("requests"))) << last("requests");
  EXPECT_EQ(last("level"), 7);
  for (int n = 1; n < 4; ++n) count(1000 + 50 * n, test_start + n * 10'000);
  EXPECT_EQ(last("requests"), 5);
}

TEST(EntityStatus, NothingIsUsualBeforeTheFirstTickOfAMetricHasEnded) {
  entity_driver d;
  const auto usual = [&d](const std::string& name) {
    for (const auto& m : d.core.status().metrics)
      if (m.name == name) return std::vector<double>{m.lower, m.expected, m.upper};
    return std::vector<double>{};
  };
  d.row(test_start, {{"queue", 100}});
  EXPECT_THAT(usual("queue"), Each(IsNan()));
  d.row(test_start + 10'000, {{"queue", 100}});
  d.row(test_start + 20'000, {{"queue", 100}, {"late", 5}});
  EXPECT_THAT(usual("queue"), Each(DoubleNear(100, 1)));
  EXPECT_THAT(usual("late"), SizeIs(3));
}

TEST(EntityWindow, ShowsTheNumbersThatWereSentAsFarAsTheyAreCertain) {
  const auto shown = [](const std::vector<double>& sent) {
    entity_driver d;
    std::int64_t ts = test_start;
    for (const double v : sent) d.row(ts += 10'000, {{"a", v}});
    return d.core.window(event_time_of(ts)).metrics.at(0).values;
  };
  EXPECT_EQ(shown({1, 2, 3, 4, 5}), (std::vector<float>{1, 2, 3, 4, 5}));
  EXPECT_EQ(shown({43.5, 43.5, 95}), (std::vector<float>{43.5F, 43.5F, 95}));
  EXPECT_EQ(shown({0, 0, 0, 100}), (std::vector<float>{0, 0, 0, 100})) << "and nothing below 0";
  EXPECT_EQ(shown({1e6, 1e6, 1.5e6}), (std::vector<float>{1e6F, 1e6F, 1.5e6F}));
}

}  // namespace
}  // namespace faultline
