// SPDX-License-Identifier: Apache-2.0
#include "judgement/rules.hpp"

#include <gtest/gtest.h>

#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

rules_record every_rule() {
  rules_record r;
  r.rules.processing = {milliseconds{5000}, milliseconds{60'000}, milliseconds{70'000}, true, 3};
  r.rules.detection.false_pages_per_entity_month = 0.1;
  r.rules.detection.learning = milliseconds{1234};
  r.rules.detection.limits = {{"host/*", "disk \"used\"", 90.0, std::nullopt, "warning"},
                              {"*", "free", std::nullopt, -0.1, "critical"}};
  r.rules.model = {"lstm", "1.2", std::string(64, 'a')};
  r.correlation.window = milliseconds{1};
  r.correlation.hops = 2;
  r.correlation.settle = milliseconds{3};
  r.correlation.false_incidents_per_entity_month = 4.5;
  r.correlation.edges = {{"a", "h", edge_kind::runs_on}};
  r.correlation.inhibit = {{{"severity=critical"}, {"severity=warning", "a!=b"}, {"entity"}}};
  r.correlation.inhibit_consequences = true;
  r.root_cause.hops = 4;
  r.root_cause.abstain_below = 0.3;
  r.root_cause.unobserved_prior = 0.2;
  r.ranker = {"cnn", "2", std::string(64, 'b')};
  r.configured_model = std::string(64, 'c');
  return r;
}

TEST(Rules, AreReadBackWhole) {
  const auto bytes = encode_rules(every_rule());
  const auto back = decode_rules(bytes);
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(encode_rules(*back), bytes);
  EXPECT_EQ(back->rules.processing.tick.count(), 5000);
  EXPECT_EQ(back->rules.detection.limits.size(), 2U);
  EXPECT_EQ(back->rules.detection.limits[1].below, -0.1);
  EXPECT_FALSE(back->rules.detection.limits[1].above);
  EXPECT_EQ(back->correlation.hops, 2U);
  EXPECT_EQ(back->correlation.edges, every_rule().correlation.edges);
  EXPECT_EQ(back->logic, logic_version);
}

TEST(Rules, HoldRolesOfOnesOwnAndSayNothingOfThoseBuiltIn) {
  auto r = every_rule();
  EXPECT_EQ(encode_rules(r).find("roles"), std::string::npos);
  r.rules.roles = role_table{{{"orders", metric_role::traffic}}};
  const auto back = decode_rules(encode_rules(r));
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(back->rules.roles, r.rules.roles);
  EXPECT_FALSE(decode_rules(R"({"roles": [7]})"));
  EXPECT_FALSE(decode_rules(R"({"roles": [["orders"]]})"));
}

TEST(Rules, OfAnotherBuildAreReadAsFarAsTheyAreKnown) {
  const auto back = decode_rules(R"({"detection": {"learning_ms": 5}, "of tomorrow": [1]})");
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(back->rules.detection.learning.count(), 5);
  EXPECT_EQ(back->rules.processing.tick, processing_options{}.tick);
  EXPECT_EQ(back->logic, 0U);
}

TEST(Rules, ThatMakeNoSenseAreRefused) {
  for (const char* text :
       {"", "[]", "{", "7", R"({"logic": "one"})", R"({"limits": [7]})",
        R"({"limits": [{"above": "high"}]})", R"({"processing": {"tick_ms": 0}})",
        R"({"processing": {"tick_ms": "10s"}})", R"({"model": {"sha256": 5}})"})
    EXPECT_FALSE(decode_rules(text)) << text;
}

/// Rules with another limit or another model than test_rules().
std::shared_ptr<const judgement_rules> with(std::optional<double> above, char model) {
  judgement_rules r = *test_rules();
  r.detection.learning = milliseconds{0};
  if (above) r.detection.limits = {{"*", "latency_ms", above, std::nullopt, "critical"}};
  r.model.sha256 = std::string(64, model);
  return std::make_shared<const judgement_rules>(r);
}

TEST(Rules, ChangeWhatIsDecidedFromTheirPlaceOn) {
  entity_driver d{with(std::nullopt, 'a')};
  noise n{1};
  std::int64_t ts = test_start;
  for (int i = 0; i < 100; ++i, ts += 10'000) d.row(ts, calm_row(ts, n));
  EXPECT_TRUE(d.alerts().empty());
  d.core.set_rules(with(1.0, 'a'));
  for (int i = 0; i < 5; ++i, ts += 10'000) d.row(ts, calm_row(ts, n));
  ASSERT_FALSE(d.alerts().empty());
  EXPECT_EQ(d.alerts().front().labels.at("alertname"), "LimitCrossed");
  EXPECT_EQ(d.decisions.front().what.model, std::string(64, 'a'));
}

/// Feeds one more tick and answers its row with @p h. @returns h as it came in the row.
float one_tick(entity_driver& d, std::int64_t ts, noise& n, float h) {
  event_view e;
  e.type = event_type::metric;
  e.entity = "service/cart";
  e.has_ts = true;
  e.ts = event_time_of(ts);
  e.arrived = arrival_time_of(ts);
  const auto values = calm_row(ts, n);
  for (const auto& [name, value] : values) e.metrics.push_back({name, value, metric_kind::gauge});
  d.core.observe(e, {0, ++d.position, 0}, d.decisions);
  forecast_row row;
  forecast_result result;
  result.h.fill(h);
  float came = -1;
  while (d.core.row_waiting()) {
    d.core.begin_tick(row);
    came = row.h[0];
    d.core.finish_tick(&result, d.decisions);
  }
  return came;
}

TEST(Rules, AnotherModelBeginsAnewAndIsOnlyListenedToAtFirst) {
  entity_driver d{with(1000.0, 'a')};
  noise n{1};
  std::int64_t ts = test_start;
  for (int i = 0; i < 100; ++i, ts += 10'000) one_tick(d, ts, n, 5);
  EXPECT_EQ(one_tick(d, ts += 10'000, n, 5), 5.0F);
  d.core.set_rules(with(1.0, 'b'));
  EXPECT_EQ(one_tick(d, ts += 10'000, n, 7), 0.0F) << "another model's state is nothing to it";
  EXPECT_EQ(one_tick(d, ts += 10'000, n, 7), 7.0F);
  one_tick(d, ts += 10'000, n, 7);
  ASSERT_FALSE(d.alerts().empty());
  EXPECT_TRUE(d.alerts().front().degraded);
  EXPECT_EQ(d.alerts().front().detectors.count("model"), 0U);
  drop_signs(d.decisions);
  EXPECT_EQ(d.decisions.front().what.model, std::string(64, 'b'));
}

TEST(Rules, TheShadowEndsAfterItsTicksAlsoOverASnapshot) {
  entity_driver d{with(std::nullopt, 'a')};
  noise n{1};
  std::int64_t ts = test_start;
  for (int i = 0; i < 40; ++i) one_tick(d, ts += 10'000, n, 5);
  d.core.set_rules(with(std::nullopt, 'b'));
  for (int i = 0; i < model_shadow_ticks / 2; ++i) one_tick(d, ts += 10'000, n, 7);
  entity_driver again{with(1.0, 'b')};
  ASSERT_TRUE(again.core.restore(d.core.save()));
  again.position = d.position;
  EXPECT_EQ(one_tick(again, ts += 10'000, n, 7), 7.0F) << "the snapshot knows whose state it holds";
  for (int i = 0; i < model_shadow_ticks / 2 - 1; ++i) one_tick(again, ts += 10'000, n, 7);
  const auto before = again.alerts();
  ASSERT_FALSE(before.empty());
  EXPECT_TRUE(before.back().degraded);
  again.core.set_rules(with(std::nullopt, 'b'));
  for (int i = 0; i < 60; ++i) one_tick(again, ts += 10'000, n, 7);
  again.core.set_rules(with(1.0, 'b'));
  for (int i = 0; i < 5; ++i) one_tick(again, ts += 10'000, n, 7);
  ASSERT_GT(again.alerts().size(), before.size());
  EXPECT_FALSE(again.alerts().back().degraded);
}

TEST(Rules, ASnapshotAheadOfTheReplayKeepsItsModelsState) {
  entity_driver d{with(std::nullopt, 'b')};
  noise n{1};
  std::int64_t ts = test_start;
  for (int i = 0; i < 40; ++i) one_tick(d, ts += 10'000, n, 7);
  entity_driver again{with(std::nullopt, 'a')};  // the checkpoint's rules: before the activation
  ASSERT_TRUE(again.core.restore(d.core.save()));
  again.position = d.position;
  again.core.set_rules(with(std::nullopt, 'b'));  // replay comes to it
  EXPECT_EQ(one_tick(again, ts += 10'000, n, 7), 7.0F);
}

}  // namespace
}  // namespace faultline
