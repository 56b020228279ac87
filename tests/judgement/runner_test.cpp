// SPDX-License-Identifier: Apache-2.0
#include "judgement/runner.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

constexpr std::int64_t tick = 10'000;

/// Says that everything stays as it is, and counts its passes.
class persistence : public forecaster {
public:
  explicit persistence(std::size_t capacity) : capacity_{capacity} {}
  std::size_t capacity() const noexcept override { return capacity_; }
  const model_identity& identity() const noexcept override { return identity_; }
  outcome<void> step(const forecast_row* const* rows, forecast_result* const* results,
                     std::size_t count) override {
    ++passes;
    EXPECT_LE(count, capacity_);
    for (std::size_t i = 0; i < count; ++i) {
      *results[i] = {};
      for (auto& horizon : results[i]->mu)
        std::copy_n(rows[i]->input.begin(), forecast_shape::slots, horizon.begin());
      results[i]->h[0] = rows[i]->h[0] + 1;
    }
    if (fails) return failure{ec::model_failed, "not finite"};
    return {};
  }
  int passes = 0;
  bool fails = false;

private:
  std::size_t capacity_;
  model_identity identity_{"persistence", "1", std::string(64, '0')};
};

struct told {
  std::vector<alert> alerts;
  std::vector<incident> incidents;
  std::size_t scores = 0;
};

runner_options options() {
  runner_options o;
  o.rules = test_rules();
  return o;
}

// Four services on one database; its latency goes up at `onset` and theirs with it.
told run(forecaster* model, int ticks, int onset, int ends, bool silent_until_onset = false) {
  runner r{options(), model, nullptr};
  told t;
  r.on_feed = [&](const feed_event& e) {
    if (e.what == feed_event::kind::alert) t.alerts.push_back(e.alert);
    if (e.what == feed_event::kind::incident) t.incidents.push_back(e.incident);
  };
  r.on_score = [&](const tick_score&) { ++t.scores; };
  const std::vector<std::string> ids{"db/main", "service/a", "service/b", "service/c", "service/d"};
  event_view e;
  const auto give = [&](const std::string& id, std::int64_t ts) {
    e.entity = id;
    e.has_ts = true;
    e.ts = event_time_of(ts);
    e.arrived = arrival_time_of(ts);
    r.take(e);
  };
  for (std::size_t i = 1; i < ids.size(); ++i) {
    e.clear();
    e.type = event_type::edge;
    e.depends_on = {ids[0]};
    give(ids[i], test_start);
  }
  noise n{11};
  if (silent_until_onset) r.set_alerting(false);
  for (int i = 0; i < ticks; ++i) {
    if (i == onset) r.set_alerting(true);
    for (std::size_t k = 0; k < ids.size(); ++k) {
      auto row = calm_row(test_start + i * tick, n);
      if (i >= onset && i < ends) row[7].second += (k == 0 ? 5.0 : 3.0) * std::min(i - onset, 60);
      e.clear();
      for (const auto& [name, value] : row) e.metrics.push_back({name, value, metric_kind::gauge});
      give(ids[k], test_start + i * tick + static_cast<std::int64_t>(k) * 100);
    }
  }
  r.advance_to(event_time_of(test_start + (ticks + 200) * tick));
  return t;
}

TEST(Runner, TellsOneIncidentOfAFaultThatSpreads) {
  const auto t = run(nullptr, 5000, 4000, 4200);
  ASSERT_FALSE(t.alerts.empty());
  ASSERT_FALSE(t.incidents.empty());
  for (const auto& i : t.incidents) EXPECT_EQ(i.id, t.incidents.front().id) << i.summary;
  EXPECT_GE(t.incidents.back().entities.size(), 3u);
  EXPECT_EQ(t.alerts.back().state, alert_state::resolved);
  EXPECT_TRUE(t.alerts.front().degraded);
  EXPECT_EQ(t.scores, 5u * 5000u);
}

TEST(Runner, SaysNothingWhereNothingIs) {
  const auto t = run(nullptr, 5000, 6000, 6000);
  EXPECT_EQ(t.alerts.size(), 0u);
  EXPECT_EQ(t.incidents.size(), 0u);
}

TEST(Runner, DecidesTheSameWhateverTheBatch) {
  persistence one{1}, many{64};
  const auto a = run(&one, 3000, 2000, 2100);
  const auto b = run(&many, 3000, 2000, 2100);
  EXPECT_GT(one.passes, many.passes);
  ASSERT_EQ(a.alerts.size(), b.alerts.size());
  ASSERT_GT(a.alerts.size(), 0u);
  for (std::size_t i = 0; i < a.alerts.size(); ++i)
    EXPECT_EQ(encode_alert(a.alerts[i]), encode_alert(b.alerts[i]));
  EXPECT_FALSE(a.alerts.front().degraded);
}

TEST(Runner, GoesOnDegradedWhenTheModelFails) {
  persistence broken{64};
  broken.fails = true;
  const auto t = run(&broken, 3000, 2000, 2100);
  ASSERT_FALSE(t.alerts.empty());
  EXPECT_TRUE(t.alerts.front().degraded);
}

TEST(Runner, TellsNothingBeforeAlertingIsOn) {
  const auto quiet = run(nullptr, 3000, 2900, 2000, true);
  EXPECT_EQ(quiet.alerts.size(), 0u);
}

// Three hosts that nothing connects, seen for so many minutes; then one of them is slow for so
// long.
told first_hour(int minutes_known, int minutes_slow) {
  runner r{options(), nullptr, nullptr};
  told t;
  r.on_feed = [&](const feed_event& e) {
    if (e.what == feed_event::kind::alert) t.alerts.push_back(e.alert);
    if (e.what == feed_event::kind::incident) t.incidents.push_back(e.incident);
  };
  noise n{11};
  const int onset = 6 * minutes_known, ends = onset + 6 * minutes_slow;
  event_view e;
  for (int i = 0; i < ends + 60; ++i) {
    for (int k = 0; k < 3; ++k) {
      auto row = calm_row(test_start + i * tick, n);
      if (k == 0 && i >= onset && i < ends) row[7].second *= 6;
      e.clear();
      for (const auto& [name, value] : row) e.metrics.push_back({name, value, metric_kind::gauge});
      const std::string id = "host/" + std::to_string(k);
      e.entity = id;
      e.has_ts = true;
      e.ts = event_time_of(test_start + i * tick + k * 100);
      e.arrived = arrival_time_of(test_start + i * tick + k * 100);
      r.take(e);
    }
  }
  r.advance_to(event_time_of(test_start + (ends + 200) * tick));
  return t;
}

// Complaint: cold-start
TEST(Runner, InTheFirstHourWhatLastsOpensAnIncidentWithoutAnEdge) {
  const auto t = first_hour(25, 12);
  ASSERT_FALSE(t.alerts.empty());
  EXPECT_TRUE(t.alerts.front().learning);
  ASSERT_FALSE(t.incidents.empty());
  EXPECT_EQ(t.incidents.front().entities, std::vector<std::string>{"host/0"});
  EXPECT_GE(t.incidents.front().updated - t.alerts.front().started, milliseconds{300'000});
  EXPECT_EQ(t.incidents.back().state, incident_state::resolved);
}

// Complaint: cold-start
TEST(Runner, InTheFirstHourWhatIsOverInMinutesOpensNone) {
  const auto t = first_hour(25, 3);
  ASSERT_FALSE(t.alerts.empty());
  EXPECT_TRUE(t.alerts.back().learning);
  EXPECT_TRUE(t.incidents.empty());
}

TEST(Runner, AnswersForAnEntityAndNotForAStranger) {
  runner r{options(), nullptr, nullptr};
  noise n{1};
  for (int i = 0; i < 200; ++i) {
    event_view e;
    const auto row = calm_row(test_start + i * tick, n);
    for (const auto& [name, value] : row) e.metrics.push_back({name, value, metric_kind::gauge});
    e.entity = "service/a";
    e.ts = event_time_of(test_start + i * tick);
    e.arrived = arrival_time_of(test_start + i * tick);
    r.take(e);
  }
  r.advance_to(event_time_of(test_start + 200 * tick));
  EXPECT_EQ(r.window_of("service/a", event_time_of(test_start + 200 * tick)).ts.size(), 200u);
  EXPECT_TRUE(r.window_of("service/z", event_time_of(test_start)).ts.empty());
}

TEST(Runner, LearnsWhoCallsWhomFromSpansThatNameNobody) {
  runner r{options(), nullptr, nullptr};
  event_view e;
  const auto span = [&](const char* entity, int n, const char* id, const char* parent) {
    const auto trace = std::to_string(n);
    e.clear();
    e.type = event_type::span;
    e.entity = entity;
    e.trace = trace, e.span = id, e.parent = parent, e.operation = "GET";
    e.has_ts = true;
    e.ts = event_time_of(test_start + n * 1000);
    e.arrived = arrival_time_of(test_start + n * 1000);
    e.duration_us = 1000;
    r.take(e);
  };
  for (int n = 0; n < 30; ++n) {
    span("db/orders", n, "03", "02");  // the innermost ends first
    span("service/web", n, "01", "");
    span("service/cart", n, "02", "01");
  }
  r.advance_to(event_time_of(test_start + 60'000));
  std::vector<std::string> edges;
  for (const auto& edge : r.correlator().edges()) edges.push_back(edge.from + ">" + edge.to);
  std::sort(edges.begin(), edges.end());
  EXPECT_EQ(edges,
            (std::vector<std::string>{"service/cart>db/orders", "service/web>service/cart"}));
}

}  // namespace
}  // namespace faultline
