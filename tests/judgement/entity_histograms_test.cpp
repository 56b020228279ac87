// SPDX-License-Identifier: Apache-2.0
// Quantiles of histograms as an entity has them: docs/decisions/0043.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "processing/histogram_quantiles.hpp"
#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

constexpr const char* quantile = "rpc_seconds_p99";

/// An entity whose rows have the buckets of a histogram of what its requests took.
class metered_entity : public ticking_entity {
public:
  /// A tick with a row and what is counted now. @p apart: buckets in an event before it.
  void meter(bool apart = false) {
    event_view row = metrics(), buckets = counts();
    if (apart) {
      d.give(buckets, at);
    } else {
      row.metrics.insert(row.metrics.end(), buckets.metrics.begin(), buckets.metrics.end());
    }
    d.give(row, at);
    at += tick;
  }
  /// One of few hundred requests; @p slow of them takes longer.
  void requests(double slow = 0) {
    for (double left = 200 + 20 * n.uniform(); left > 0; --left)
      add(0.02 * std::exp(0.5 * n.normal()) * (n.uniform() < slow ? 8 : 1));
    meter();
  }
  void add(double seconds) {
    for (std::size_t i = 0; i < bounds.size(); ++i)
      if (seconds <= bounds[i].second) ++count[i];
  }
  event_view counts() {
    event_view e;
    for (std::size_t i = 0; i < bounds.size(); ++i)
      e.metrics.push_back({names[i], count[i], metric_kind::counter});
    return e;
  }
  event_view metrics() {
    event_view e;
    values = calm_row(at, n);
    for (const auto& [name, v] : values) e.metrics.push_back({name, v, metric_kind::gauge});
    return e;
  }

  const std::vector<std::pair<const char*, double>> bounds{
      {"0.005", 0.005}, {"0.01", 0.01}, {"0.025", 0.025}, {"0.05", 0.05},    {"0.1", 0.1},
      {"0.25", 0.25},   {"0.5", 0.5},   {"1", 1},         {"+Inf", HUGE_VAL}};
  std::vector<std::string> names = [this] {
    std::vector<std::string> all;
    for (const auto& [le, value] : bounds)
      all.push_back("rpc_seconds_bucket{le=" + std::string{le} + "}");
    return all;
  }();
  std::vector<double> count = std::vector<double>(9, 0);
  std::vector<std::pair<std::string, double>> values;
};

TEST(EntityHistograms, The99thPercentileOfATickIsAChannelAndBucketsAreNone) {
  metered_entity e;
  for (int i = 0; i < 40; ++i) e.requests();
  for (int i = 0; i < 95; ++i) e.add(0.02);
  for (int i = 0; i < 5; ++i) e.add(0.2);
  e.meter();
  const auto values = e.last_values();
  EXPECT_EQ(values.size(), 9U);
  EXPECT_NEAR(values.at(quantile), 0.1 + 0.15 * 0.8, 0.01);
  e.meter();
  EXPECT_TRUE(std::isnan(e.last_values().at(quantile))) << "nothing was asked";
  for (const auto& m : e.d.core.status().metrics) {
    EXPECT_TRUE(m.name != quantile || m.role == metric_role::latency);
  }
}

TEST(EntityHistograms, BucketsInEventsOfTheirOwnAreTheSameTick) {
  metered_entity one, two;
  for (int i = 0; i < 60; ++i) {
    for (auto* e : {&one, &two}) {
      for (int k = 0; k < 50; ++k) e->add(0.02 * std::exp(0.5 * e->n.normal()));
      e->meter(e == &two);
    }
    if (i < 3) continue;
    EXPECT_EQ(one.last_values().at(quantile), two.last_values().at(quantile)) << i;
  }
}

TEST(EntityHistograms, AFewRequestsThatAreSlowPageThoughNoMeanMoves) {
  metered_entity e;
  for (int i = 0; i < 3000; ++i) e.requests();
  const auto before = e.d.alerts().size();
  for (int i = 0; i < 30; ++i) e.requests(0.04);
  const auto alerts = e.d.alerts();
  ASSERT_GT(alerts.size(), before);
  EXPECT_EQ(alerts[before].metric, quantile);
}

TEST(EntityHistograms, WhatIsRestoredBetweenTheBucketsOfATickDecidesTheSame) {
  metered_entity e;
  for (int i = 0; i < 50; ++i) e.requests();
  for (int k = 0; k < 50; ++k) e.add(0.2);
  auto half = e.counts();
  const auto others = std::vector<metric_point>(half.metrics.begin() + 5, half.metrics.end());
  half.metrics.resize(5);
  e.d.give(half, e.at);
  entity_driver again;
  ASSERT_TRUE(again.core.restore(e.d.core.save()));
  again.position = e.d.position;
  EXPECT_EQ(again.core.save(), e.d.core.save());
  auto row = e.metrics();
  row.metrics.insert(row.metrics.end(), others.begin(), others.end());
  e.d.give(row, e.at);
  again.give(row, e.at);
  EXPECT_EQ(again.core.save(), e.d.core.save());
  EXPECT_NEAR(e.last_values().at(quantile), 0.25, 0.01);
}

TEST(EntityHistograms, AnEntityOfBucketsAloneHasTicks) {
  metered_entity e;
  for (int i = 0; i < 60; ++i) {
    for (int k = 0; k < 50; ++k) e.add(0.02 * std::exp(0.5 * e.n.normal()));
    auto buckets = e.counts();
    EXPECT_EQ(e.d.give(buckets, e.at), applied_as::kept);
    e.d.clock(e.at += e.tick);
  }
  const auto values = e.last_values();
  ASSERT_EQ(values.size(), 1U);
  EXPECT_GT(values.at(quantile), 0.025);
}

TEST(EntityHistograms, ThoseThatFindNoRoomAreCountedAndToldOnce) {
  metered_entity e;
  for (int i = 0; i < 5; ++i) e.requests();
  EXPECT_EQ(e.d.core.left_out(), 0U);
  std::vector<std::string> names;
  for (std::size_t h = 0; h <= histogram_quantiles::most_bounds_of_all / 2; ++h)
    for (const char* le : {"1", "+Inf"})
      names.push_back("h" + std::to_string(h) + "_bucket{le=" + le + "}");
  const auto told = [&] {
    return std::count_if(e.d.decisions.begin(), e.d.decisions.end(),
                         [](const entity_decision& d) { return d.key.substr(0, 2) == "m/"; });
  };
  for (int round = 0; round < 2; ++round) {
    event_view all;
    for (const auto& name : names) all.metrics.push_back({name, 1, metric_kind::counter});
    e.d.give(all, e.at);
    e.meter();
  }
  EXPECT_GT(e.d.core.left_out(), 0U);
  EXPECT_EQ(e.d.core.status().left_out, e.d.core.left_out());
  EXPECT_EQ(told(), 1);
}

}  // namespace
}  // namespace faultline
