// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

/// Ticks of a calm entity whose forecaster says the mean of the last values, and @p off too much.
class forecast_entity {
public:
  explicit forecast_entity(std::shared_ptr<const judgement_rules> rules = test_rules())
      : d_{std::move(rules)} {}

  void ticks(int count, float off) {
    for (int i = 0; i < count; ++i, ts_ += 60'000) {
      event_view e;
      const auto values = calm_row(ts_, noise_);
      for (const auto& [name, value] : values)
        e.metrics.push_back({name, value, metric_kind::gauge});
      e.type = event_type::metric;
      e.entity = "service/cart";
      e.has_ts = true;
      e.ts = event_time_of(ts_);
      e.arrived = arrival_time_of(ts_);
      d_.core.observe(e, {0, ++d_.position, 0}, d_.decisions);
      while (d_.core.row_waiting()) answer(off);
    }
  }
  void say_fault(float logit) { fault_logit_ = logit; }
  entity_belief belief() const { return d_.core.status().belief; }
  entity_driver& driver() { return d_; }

private:
  void answer(float off) {
    forecast_row row;
    forecast_result result;
    result.fault_logit = fault_logit_;
    d_.core.begin_tick(row);
    for (std::size_t s = 0; s < forecast_shape::slots; ++s) {
      float mean = 0;
      for (std::size_t l = 0; l < forecast_shape::lags; ++l)
        mean += row.lagged[s * forecast_shape::lags + l] / forecast_shape::lags;
      for (auto& horizon : result.mu) horizon[s] = mean + off;
    }
    d_.core.finish_tick(&result, d_.decisions);
  }

  entity_driver d_;
  noise noise_{5};
  std::int64_t ts_ = test_start;
  float fault_logit_ = -5;
};

TEST(Belief, AForecasterThatIsBetterThanTheLastValueIsHeard) {
  forecast_entity e;
  EXPECT_EQ(e.belief().forecaster, forecaster_standing::absent);
  e.ticks(400, 0);
  EXPECT_EQ(e.belief().forecaster, forecaster_standing::heard);
}

TEST(Belief, AForecasterThatIsWorseThanTheLastValueIsNotHeardUntilItIsBetter) {
  forecast_entity e;
  e.ticks(400, 2.5F);
  EXPECT_EQ(e.belief().forecaster, forecaster_standing::unheard);
  e.ticks(2500, 0);
  EXPECT_EQ(e.belief().forecaster, forecaster_standing::heard);
}

/// The surprise of the model's view in the first alert of a limit that is put in force after @p
/// off.
double model_surprise_after(float off) {
  judgement_rules r = *test_rules();
  r.detection.learning = milliseconds{0};
  forecast_entity e{std::make_shared<const judgement_rules>(r)};
  e.ticks(400, off);
  r.detection.limits = {{"*", "latency_ms", 1.0, std::nullopt, "critical"}};
  e.driver().core.set_rules(std::make_shared<const judgement_rules>(r));
  e.ticks(5, off);
  const auto alerts = e.driver().alerts();
  EXPECT_FALSE(alerts.empty());
  if (alerts.empty()) return -1;
  const auto found = alerts.back().detectors.find("model");
  return found == alerts.back().detectors.end() ? 0 : found->second;
}

TEST(Belief, OnlyAForecasterThatIsHeardSaysAnythingInAnAlert) {
  EXPECT_GT(model_surprise_after(0), 0);
  EXPECT_EQ(model_surprise_after(2.5F), 0);
}

TEST(Belief, WhatAForecasterIsWorthOutlivesASnapshot) {
  forecast_entity e;
  e.ticks(400, 2.5F);
  entity_core again{"service/cart", test_rules()};
  ASSERT_TRUE(again.restore(e.driver().core.save()));
  EXPECT_EQ(again.status().belief.forecaster, forecaster_standing::unheard);
}

TEST(Belief, AnotherForecasterBeginsWithoutDebt) {
  forecast_entity e;
  e.ticks(400, 2.5F);
  judgement_rules other = *test_rules();
  other.model.sha256 = std::string(64, 'b');
  e.driver().core.set_rules(std::make_shared<const judgement_rules>(other));
  e.ticks(1, 0);
  EXPECT_EQ(e.belief().forecaster, forecaster_standing::listening);
  e.ticks(model_shadow_ticks + 30, 0);
  EXPECT_EQ(e.belief().forecaster, forecaster_standing::heard);
}

TEST(Belief, WhatTheHeadOfTheForecasterSaysOfTheNextMinutesStandsBesideTheRest) {
  forecast_entity e;
  e.ticks(8, 0);
  EXPECT_FALSE(e.belief().soon) << "first answers are only listened to";
  e.ticks(400, 0);
  ASSERT_TRUE(e.belief().soon);
  EXPECT_NEAR(*e.belief().soon, 0.0067, 0.0001);
  e.say_fault(std::log(0.25F / 0.75F));
  e.ticks(1, 0);
  EXPECT_NEAR(*e.belief().soon, 0.25, 0.001);
  e.say_fault(1e30F);
  e.ticks(1, 0);
  EXPECT_EQ(*e.belief().soon, 1);
  entity_core again{"service/cart", test_rules()};
  ASSERT_TRUE(again.restore(e.driver().core.save()));
  EXPECT_FALSE(again.status().belief.soon) << "it is of the newest answer, and this one has none";
}

TEST(Belief, WhatTheHeadSaysDecidesNothing) {
  forecast_entity calm, loud;
  loud.say_fault(30);
  calm.ticks(400, 0);
  loud.ticks(400, 0);
  EXPECT_GT(*loud.belief().soon, 0.99);
  EXPECT_EQ(calm.driver().core.save(), loud.driver().core.save());
  EXPECT_EQ(loud.driver().decisions.size(), calm.driver().decisions.size());
}

TEST(Belief, CountsPagesAgainstTheBudgetOfItsTime) {
  judgement_rules r = *test_rules();
  r.detection.false_pages_per_entity_month = 3;
  r.detection.learning = milliseconds{0};
  entity_driver d{std::make_shared<const judgement_rules>(r)};
  noise n{1};
  std::int64_t ts = test_start;
  for (; ts < test_start + 5 * 86'400'000LL; ts += 300'000) d.row(ts, calm_row(ts, n));
  const auto calm = d.core.status();
  EXPECT_NEAR(calm.belief.accepted_by_now, 0.5, 0.01);
  EXPECT_EQ(calm.belief.pages, d.alerts().size());
  EXPECT_NEAR(calm.belief.half_hours, 240, 30);
  EXPECT_EQ(calm.belief.weekdays, 4);
  EXPECT_EQ(calm.belief.weekend_days, 0);
  EXPECT_LT(calm.belief.stricter, 0.1);
  EXPECT_LT(calm.belief.excess, 0);
  for (int i = 0; i < 6; ++i, ts += 300'000) {
    auto row = calm_row(ts, n);
    for (auto& [name, value] : row) value *= 6;
    d.row(ts, row);
  }
  const auto after = d.core.status();
  EXPECT_EQ(after.belief.pages, calm.belief.pages + 1);
  EXPECT_GT(after.belief.stricter, calm.belief.stricter);
  EXPECT_GT(after.belief.excess, 0);
  EXPECT_GT(after.belief.probability, 0.5);
  EXPECT_GT(after.metrics.front().off, 1);
  EXPECT_GT(after.metrics.front().profile_weight, 0);
}

}  // namespace
}  // namespace faultline
