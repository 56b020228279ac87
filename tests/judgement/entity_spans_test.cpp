// SPDX-License-Identifier: Apache-2.0
#include "judgement/entity_spans.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

/// An entity that sends a row and some spans every tick.
class traced_entity : public ticking_entity {
public:
  using ticking_entity::ticking_entity;

  applied_as span(double ms, bool failed = false) { return span_at(at - tick / 4, ms, failed); }
  applied_as span_at(std::int64_t ts, double ms, bool failed = false,
                     std::string_view operation = "GET /cart") {
    const auto id = std::to_string(++spans_);
    event_view e;
    e.type = event_type::span;
    e.trace = id, e.span = "01", e.operation = operation;
    e.duration_us = static_cast<std::uint64_t>(ms * 1000);
    e.status = failed ? span_status::error : span_status::ok;
    return d.give(e, ts);
  }
  /// A tick of every day; @p slower is what its requests take longer.
  void calm(double slower = 1, double failing = 0.01) {
    for (double left = 20 + 10 * n.uniform(); left > 0; --left)
      span(slower * 8 * std::exp(0.4 * n.normal()), n.uniform() < failing);
    close();
  }
  /// The same with one request in fifty of another kind.
  void calm_and_seldom(double slower, double failing = 0) {
    for (int i = 0; i < 98; ++i)
      span_at(at - tick / 4, 8 * std::exp(0.4 * n.normal()), n.uniform() < 0.001);
    for (int i = 0; i < 2; ++i)
      span_at(at - tick / 4, slower * 8 * std::exp(0.4 * n.normal()), n.uniform() < failing,
              "POST /order");
    close();
  }

private:
  int spans_ = 0;
};

TEST(EntitySpans, RateErrorsAndThe95thPercentileOfATickAreChannels) {
  traced_entity e;
  for (int i = 0; i < 40; ++i) e.calm();
  for (int i = 1; i <= 19; ++i) e.span(10, i <= 4);
  e.span(200);
  e.close();
  const auto values = e.last_values();
  ASSERT_EQ(values.size(), 12U);
  EXPECT_NEAR(values.at("span.requests_rate"), 2, 0.05);
  EXPECT_NEAR(values.at("span.error_share"), 4.0 / 21, 0.01);
  EXPECT_NEAR(values.at("span.p95_ms"), 10, 0.5);
}

TEST(EntitySpans, ATickWithoutSpansHasARateOfNothingAndNoDuration) {
  traced_entity e;
  for (int i = 0; i < 40; ++i) e.calm();
  e.close();
  const auto values = e.last_values();
  EXPECT_NEAR(values.at("span.requests_rate"), 0, 0.05);
  EXPECT_TRUE(std::isnan(values.at("span.p95_ms")));
}

TEST(EntitySpans, WhoSendsNoneHasNoChannelsOfThem) {
  traced_entity e;
  for (int i = 0; i < 50; ++i) e.close();
  EXPECT_EQ(e.last_values().size(), 8U);
}

TEST(EntitySpans, SpansThatTakeFourTimesAsLongPageThoughNoMetricShowsIt) {
  traced_entity e;
  for (int i = 0; i < 3000; ++i) e.calm();
  const auto before = e.d.alerts().size();
  for (int i = 0; i < 30; ++i) e.calm(4);
  const auto alerts = e.d.alerts();
  ASSERT_GT(alerts.size(), before);
  EXPECT_EQ(alerts[before].metric, "span.p95_ms");
}

TEST(EntitySpans, SpansThatFailPage) {
  traced_entity e;
  for (int i = 0; i < 3000; ++i) e.calm();
  const auto before = e.d.alerts().size();
  for (int i = 0; i < 30; ++i) e.calm(1, 0.5);
  const auto alerts = e.d.alerts();
  ASSERT_GT(alerts.size(), before);
  EXPECT_EQ(alerts[before].metric, "span.error_share");
}

TEST(EntitySpans, AnOperationOfFewRequestsThatIsSlowPagesAndIsNamed) {
  traced_entity e;
  for (int i = 0; i < 3000; ++i) e.calm_and_seldom(1);
  ASSERT_TRUE(e.d.alerts().empty());
  for (int i = 0; i < 30; ++i) e.calm_and_seldom(6);
  ASSERT_FALSE(e.d.alerts().empty());
  const auto a = e.d.alerts().front();
  EXPECT_EQ(a.metric, "span.worst_operation");
  EXPECT_NE(a.explanation.find("POST /order"), std::string::npos) << a.explanation;
  EXPECT_EQ(a.explanation.find("GET /cart"), std::string::npos) << a.explanation;
}

TEST(EntitySpans, AnOperationOfFewRequestsThatFailsPagesAndIsNamed) {
  traced_entity e;
  for (int i = 0; i < 3000; ++i) e.calm_and_seldom(1);
  ASSERT_TRUE(e.d.alerts().empty());
  for (int i = 0; i < 30; ++i) e.calm_and_seldom(1, 0.7);
  ASSERT_FALSE(e.d.alerts().empty());
  const auto a = e.d.alerts().front();
  EXPECT_EQ(a.metric, "span.worst_operation");
  EXPECT_NE(a.explanation.find("of POST /order failed"), std::string::npos) << a.explanation;
}

TEST(EntitySpans, OperationsStandInItsStatus) {
  traced_entity e;
  EXPECT_TRUE(e.d.core.status().operations.empty());
  for (int i = 0; i < 100; ++i) e.calm_and_seldom(1);
  const auto all = e.d.core.status().operations;
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].operation, "GET /cart");
  EXPECT_NEAR(all[0].rate, 9.8, 0.2);
  EXPECT_EQ(all[1].operation, "POST /order");
}

TEST(EntitySpans, UsualSpansPageNobody) {
  traced_entity e;
  for (int i = 0; i < 4000; ++i) e.calm();
  EXPECT_TRUE(e.d.alerts().empty());
}

TEST(EntitySpans, AnEntityOfSpansAloneHasTicksIsJudgedAndNeverSilent) {
  traced_entity e{false};
  for (int i = 0; i < 3000; ++i) e.calm();
  EXPECT_EQ(e.last_values().size(), 4U);
  EXPECT_TRUE(e.d.alerts().empty());
  for (int i = 0; i < 30; ++i) e.calm(6);
  EXPECT_FALSE(e.d.alerts().empty());
  e.at += 3'600'000;
  e.d.clock(e.at);
  for (const auto& a : e.d.alerts()) EXPECT_NE(a.metric, "silence_s");
}

TEST(EntitySpans, OneBehindItsStreamIsLateAndPartOfNoTick) {
  traced_entity e;
  for (int i = 0; i < 40; ++i) e.calm();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(e.span(10), applied_as::kept);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(e.span_at(e.at - 6 * e.tick, 5'000, true), applied_as::late);
  e.close();
  const auto values = e.last_values();
  EXPECT_NEAR(values.at("span.requests_rate"), 2, 0.05);
  EXPECT_NEAR(values.at("span.error_share"), 0, 0.01);
  EXPECT_NEAR(values.at("span.p95_ms"), 10, 0.5);
}

TEST(EntitySpans, OneThatTakesManyTicksIsInTimeWhenItIsToldAtItsEnd) {
  traced_entity e;
  for (int i = 0; i < 40; ++i) e.calm();
  EXPECT_EQ(e.span(10), applied_as::kept);
  EXPECT_EQ(e.span_at(e.at - 6 * e.tick, 6.0 * e.tick), applied_as::kept);
  EXPECT_EQ(e.span_at(e.at - 6 * e.tick, 1.0 * e.tick), applied_as::late);
}

TEST(EntitySpans, DecideTheSameWhereverTheEntityWasSavedAndRestored) {
  traced_entity straight, broken;
  for (int i = 0; i < 300; ++i) {
    straight.calm();
    broken.calm();
    straight.span(5), broken.span(5);
    if (i % 37 != 0) continue;
    entity_core again{std::string{broken.d.core.id()}, test_rules()};
    ASSERT_TRUE(again.restore(broken.d.core.save()));
    ASSERT_EQ(again.save(), straight.d.core.save()) << i;
    broken.d.core = std::move(again);
  }
}

}  // namespace
}  // namespace faultline
