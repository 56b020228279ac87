// SPDX-License-Identifier: Apache-2.0
#include "judgement/evidence.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "tests/judgement/root_cause_cases.hpp"

namespace faultline {
namespace {

using root_cause_cases::system_builder;

struct meaning_row {
  const char* metric;
  metric_role role;
  metric_scope scope;
  int worse;
  const char* peer;
};

TEST(Evidence, NamesOfMetricsSayWhereTheyWereMeasuredAndWhichWayIsBad) {
  const meaning_row rows[]{
      {"cpu.utilization", metric_role::cpu, metric_scope::own, 1, ""},
      {"memory.free_bytes", metric_role::memory, metric_scope::own, -1, ""},
      {"latency.p99", metric_role::latency, metric_scope::own, 1, ""},
      {"availability.avg", metric_role::errors, metric_scope::own, -1, ""},
      {"success.pct", metric_role::errors, metric_scope::own, -1, ""},
      {"requests.rate", metric_role::traffic, metric_scope::own, 0, ""},
      {"out_p50.cart", metric_role::latency, metric_scope::out, 1, "cart"},
      {"out_errors.cart", metric_role::errors, metric_scope::out, 1, "cart"},
      {"in_p50.front", metric_role::latency, metric_scope::in, 1, "front"},
      {"shop_out_p95.cart", metric_role::latency, metric_scope::out, 1, "cart"},
      {"istio.in_request_duration.front", metric_role::latency, metric_scope::in, 1, "front"},
      {"app_out_errors.cart", metric_role::errors, metric_scope::out, 1, "cart"},
      {"in_bytes.rate", metric_role::network, metric_scope::own, 0, ""},
      {"http.in_flight.requests", metric_role::saturation, metric_scope::own, 1, ""},
      {"disk_time_in_queue.sda", metric_role::saturation, metric_scope::own, 1, ""},
      {"Availability.Average", metric_role::errors, metric_scope::own, -1, ""},
      {"node.cpu_pct", metric_role::cpu, metric_scope::machine, 1, ""},
      {"net.in_errors.eth0", metric_role::errors, metric_scope::own, 1, ""},
      {"node.in_errors.eth0", metric_role::errors, metric_scope::machine, 1, ""},
      {"frobnication", metric_role::none, metric_scope::own, 0, ""},
  };
  for (const meaning_row& row : rows) {
    const metric_meaning m = meaning_of(row.metric);
    EXPECT_EQ(m.role, row.role) << row.metric;
    EXPECT_EQ(m.scope, row.scope) << row.metric;
    EXPECT_EQ(m.worse, row.worse) << row.metric;
    EXPECT_EQ(m.peer, row.peer) << row.metric;
  }
}

deviation shown(double rise, int lag = 0, const char* name = "latency.p95_ms") {
  system_builder b;
  b.node("a").metric(name, 40, rise, lag);
  const auto& w = b.question().nodes[0].window;
  const evidence_weights weights;
  const auto parts = split(w, b.question().onset, b.question().as_of, weights);
  return *deviation_of(w, w.metrics[0].values, meaning_of(name).worse, parts, weights);
}

TEST(Evidence, NoiseIsNoDeviationAndARiseIs) {
  EXPECT_LT(shown(0).lr, 0);
  EXPECT_GT(shown(0.5).lr, 3);
  EXPECT_GT(shown(0.5).peak, 10);
}

TEST(Evidence, ASmallLastingRiseIsSeenByItsMean) {
  const deviation d = shown(0.04);
  EXPECT_TRUE(d.lasting);
  EXPECT_GT(d.lr, 0);
}

TEST(Evidence, WhatAMetricShowsDoesNotDependOnItsUnit) {
  const auto in_unit = [](double level) {
    system_builder b;
    b.node("a").metric("latency.p95", level, 0.5);
    const evidence_weights weights;
    const auto& q = b.question();
    const auto& w = q.nodes[0].window;
    return *deviation_of(w, w.metrics[0].values, 1, split(w, q.onset, q.as_of, weights), weights);
  };
  const deviation large = in_unit(4e7);
  for (const double level : {4e-2, 4e-8, 4e-12}) {
    const deviation small = in_unit(level);
    EXPECT_NEAR(small.strength, large.strength, 1e-3 * large.strength) << level;
    EXPECT_NEAR(small.lr, large.lr, 1e-3) << level;
    EXPECT_NEAR(small.after / level, large.after / 4e7, 1e-3) << level;
  }
}

TEST(Evidence, AFallOfWhatIsBadWhenItRisesCountsLittle) {
  EXPECT_GT(shown(0.9).lr, 4);
  EXPECT_LE(shown(-0.9).lr, evidence_weights{}.wrong_way_most);
  EXPECT_GT(shown(-0.9, 0, "requests.rate").lr, 4);
}

TEST(Evidence, TheOnsetIsWhereTheChangeBegan) {
  for (const int lag : {-5, 0, 4}) {
    const deviation d = shown(0.5, lag);
    const auto expected = system_builder::at(static_cast<std::size_t>(120 + lag));
    EXPECT_EQ(unix_ms(d.onset), unix_ms(expected)) << lag;
    EXPECT_GT(d.onset_sigma_s, 0);
  }
}

TEST(Evidence, ATickBelongsToTheBaselineWhenItsNewestEventCameBeforeTheMargin) {
  system_builder b;
  b.node("a").metric("cpu", 1);
  const evidence_weights weights;
  const auto parts =
      split(b.question().nodes[0].window, b.question().onset, b.question().as_of, weights);
  EXPECT_EQ(parts.last, 109u);  // two minutes are twelve ticks; the one at their start is before
  EXPECT_EQ(parts.changed, 109u);
  EXPECT_EQ(parts.end, 132u);
}

TEST(Evidence, TheMarginTakesAtMostAQuarterOfAShortPast) {
  system_builder b{16, 4};
  b.node("a").metric("cpu", 1);
  const auto parts = split(b.question().nodes[0].window, b.question().onset, b.question().as_of,
                           evidence_weights{});
  EXPECT_EQ(parts.last, 13u);
}

/// 120 ticks around 40, some of them @p hole ticks ago, then @p level; a rise of @p rise at the
/// end.
deviation behind_a_hole(std::int64_t hole, double level, double rise) {
  system_builder b{144, 12};
  b.node("a").metric("latency.p95_ms", 40);
  rca_question q = b.question();
  entity_window& w = q.nodes[0].window;
  auto& values = w.metrics[0].values;
  for (std::size_t n = 0; n < w.ts.size(); ++n) {
    if (n < 120) {
      w.ts[n] -= milliseconds{hole * w.tick_ms};
      continue;
    }
    values[n] = static_cast<float>(values[n] / 40 * (n < 144 ? level : level + rise));
  }
  const evidence_weights weights;
  const auto parts = split(w, q.onset, q.as_of, weights);
  return *deviation_of(w, values, 1, parts, weights);
}

TEST(Evidence, ALevelThatIsOtherSinceABreakIsNoDeviationAndAnotherChangeIs) {
  EXPECT_LT(behind_a_hole(1000, 80, 0).lr, 0);
  EXPECT_GT(behind_a_hole(1000, 80, 80).lr, 3);
  EXPECT_NEAR(behind_a_hole(1000, 80, 80).before, 80, 3);
  EXPECT_NEAR(behind_a_hole(100, 80, 0).before, 40, 3) << "a short hole is no break";
}

/// As a baseline wants them, by sorting.
double sorted_quantile(std::vector<float> values, double q) {
  std::sort(values.begin(), values.end());
  const double at = q * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  if (low + 1 >= values.size()) return values[low];
  return values[low] + (at - std::floor(at)) * (static_cast<double>(values[low + 1]) - values[low]);
}

TEST(Evidence, ABaselinesQuantilesAreThoseOfTheSortedValues) {
  const evidence_weights weights;
  for (int shape = 0; shape < 6; ++shape) {
    for (const std::size_t count : {8U, 9U, 64U, 359U}) {
      std::vector<float> values;
      std::uint32_t state = 7;
      for (std::size_t n = 0; n < count; ++n) {
        state = state * 1664525U + 1013904223U;
        const double u = state / 4294967296.0;
        const double wild = n == 3 ? 1e30 : u;
        const double shapes[] = {u, std::exp(20 * u), std::floor(4 * u), 5, wild, -u * u};
        values.push_back(static_cast<float>(shapes[shape]));
      }
      const auto base = baseline_of(values, {0, count, count, count}, weights);
      ASSERT_TRUE(base);
      EXPECT_EQ(base->median, sorted_quantile(values, 0.5)) << shape << " of " << count;
      const double quartiles =
          (sorted_quantile(values, 0.75) - sorted_quantile(values, 0.25)) / 1.349;
      const double tails = (sorted_quantile(values, 0.95) - sorted_quantile(values, 0.05)) / 3.29;
      EXPECT_GE(base->scale, std::max(quartiles, tails)) << shape << " of " << count;
      if (shape == 0) {
        EXPECT_EQ(base->scale, std::max(quartiles, tails));
      }
    }
  }
}

/// One wild tick, or a lasting rise, of sixty that are looked at.
deviation wild(std::size_t ticks) {
  system_builder b{200, 60};
  b.node("a").metric("latency.p95_ms", 40);
  rca_question q = b.question();
  entity_window& w = q.nodes[0].window;
  for (std::size_t n = 0; n < ticks; ++n) w.metrics[0].values[220 + n] = 80;
  const evidence_weights weights;
  return *deviation_of(w, w.metrics[0].values, 1, split(w, q.onset, q.as_of, weights), weights);
}

TEST(Evidence, WhatShowsInOneTickOfManyIsWorthLessThanWhatLasts) {
  EXPECT_GT(wild(16).lr, 1.5 * wild(1).lr);
  EXPECT_GT(wild(1).lr, 0);
  EXPECT_FALSE(wild(1).lasting);
}

TEST(Evidence, TheNoiseOfPackingAConstantIsNoBaseline) {
  system_builder b;
  b.node("a").metric("errors.rate", 0);
  rca_question q = b.question();
  auto& values = q.nodes[0].window.metrics[0].values;
  for (std::size_t n = 0; n < 120; ++n) values[n] = n % 2 == 0 ? -3e-9F : 3e-9F;
  values[125] = 0.01F;
  const evidence_weights weights;
  const auto& w = q.nodes[0].window;
  const auto shows = *deviation_of(w, values, 1, split(w, q.onset, q.as_of, weights), weights);
  EXPECT_LT(shows.peak, 25);
  // Few values of a real instrument are not that: its steps are large beside what follows.
  for (std::size_t n = 0; n < 120; ++n) values[n] = n % 2 == 0 ? 0.001F : 0.002F;
  const auto base = *baseline_of(values, split(w, q.onset, q.as_of, weights), weights);
  EXPECT_NEAR(base.scale, 0.001 / 1.349, 1e-4);
}

TEST(Evidence, TooFewTicksOrNoneAfterTheChangeSayNothing) {
  system_builder b{6, 4};
  b.node("a").metric("cpu", 1, 9);
  auto& w = b.question().nodes[0].window;
  const evidence_weights weights;
  auto parts = split(w, b.question().onset, b.question().as_of, weights);
  EXPECT_FALSE(deviation_of(w, w.metrics[0].values, 1, parts, weights));
  system_builder c;
  c.node("a").metric("cpu", 1, 9);
  auto& silent = c.question().nodes[0].window;
  parts = split(silent, c.question().onset, c.question().as_of, weights);
  for (std::size_t n = parts.changed; n < silent.ts.size(); ++n) {
    silent.metrics[0].values[n] = std::numeric_limits<float>::quiet_NaN();
  }
  EXPECT_FALSE(deviation_of(silent, silent.metrics[0].values, 1, parts, weights));
}

TEST(Evidence, RatiosStayWithinTheirBounds) {
  system_builder b;
  b.node("a").metric("cpu.utilization", 0.1, 1e9).metric("latency", 1, 1e9);
  const evidence seen = gather_evidence(b.question(), evidence_weights{});
  EXPECT_LE(seen.nodes[0].internal, 8);
  EXPECT_LE(seen.nodes[0].external, 8);
  EXPECT_TRUE(std::isfinite(seen.nodes[0].internal_strength));
}

TEST(Evidence, TheMachineUnderneathIsNotTheEntity) {
  system_builder b;
  b.node("a").metric("node.cpu_pct", 10, 9).metric("cpu.pct", 10);
  const evidence seen = gather_evidence(b.question(), evidence_weights{});
  EXPECT_LT(seen.nodes[0].internal, 0);
}

TEST(Evidence, AnEdgeShowsWhatTheCalleeDoesNotSeeItself) {
  const auto seen = gather_evidence(root_cause_cases::slow_network(), evidence_weights{});
  ASSERT_EQ(seen.edges.size(), 3u);
  EXPECT_EQ(seen.edges[0].to, 2u);
  EXPECT_GT(seen.edges[0].latency, 3);
  EXPECT_NEAR(seen.edges[0].rise, 100, 10);
  EXPECT_LT(seen.edges[1].latency, 0);  // front -> cart
}

/// Of a call of which both ends see the same rise, under these names.
edge_evidence seen_by_both(const char* caller, const char* callee) {
  system_builder b;
  b.node("service/a").metric(caller, 20, 5).node("service/b").metric(callee, 18, 100.0 / 18);
  b.calls("service/a", "service/b");
  return gather_evidence(b.question(), evidence_weights{}).edges.at(0);
}

TEST(Evidence, ARiseTheCalleeSeesTooIsNotTheEdges) {
  EXPECT_LT(seen_by_both("out_p50.b", "in_p50.a").latency, 1);
}

TEST(Evidence, WhatPackingMakesOfOneRiseAtBothEndsIsNotTheEdges) {
  for (const bool steady : {true, false}) {
    system_builder b;
    b.node("service/a").metric("out_p50.b", 1000, 4).node("service/b").metric("in_p50.a", 1000, 4);
    b.calls("service/a", "service/b");
    auto& nodes = b.question().nodes;
    auto& callee = nodes[1].window.metrics[0].values;
    for (std::size_t n = 0; n < callee.size(); ++n)
      callee[n] = steady ? (n < 120 ? 1000.0F : 5000.0F) : nodes[0].window.metrics[0].values[n];
    auto& caller = nodes[0].window.metrics[0].values;
    caller = callee;
    for (std::size_t n = 120; n < caller.size(); ++n) caller[n] += 0.5F;  // 1e-4 of it
    const auto seen = gather_evidence(b.question(), evidence_weights{}).edges.at(0);
    EXPECT_LT(seen.latency, 0) << steady;
  }
}

TEST(Evidence, ASpikeThatBothEndsSawHidesNoTroubleBetweenThem) {
  system_builder b;
  b.node("service/a").metric("out_p50.b", 20, 4).node("service/b").metric("in_p50.a", 20, 4);
  b.calls("service/a", "service/b");
  auto& nodes = b.question().nodes;
  auto& callee = nodes[1].window.metrics[0].values;
  for (std::size_t n = 0; n < callee.size(); ++n) callee[n] = n == 40 ? 30'000.0F : 20.0F;
  auto& caller = nodes[0].window.metrics[0].values;
  caller = callee;
  for (std::size_t n = 120; n < caller.size(); ++n) caller[n] = 40;
  EXPECT_GT(gather_evidence(b.question(), evidence_weights{}).edges.at(0).latency, 4);
}

TEST(Evidence, BothEndsOfACallAreComparedWhateverStandsBeforeTheirNames) {
  EXPECT_LT(seen_by_both("shop_out_p95.b", "shop_in_p95.a").latency, 1);
}

TEST(Evidence, ACallIsToTheOneThatItsMetricNames) {
  const auto callee_of = [](const char* metric, bool depends_on_both) {
    system_builder b;
    b.node("db/cart").metric("latency.p50_ms", 5).node("service/cart").metric("latency.p50_ms", 5);
    b.node("service/front").metric(metric, 20, 5);
    if (depends_on_both) b.calls("service/front", "db/cart");
    b.calls("service/front", "service/cart");
    const auto seen = gather_evidence(b.question(), evidence_weights{});
    return seen.edges.empty() ? std::string{} : b.question().nodes[seen.edges[0].to].entity;
  };
  EXPECT_EQ(callee_of("out_p50.cart", false), "service/cart");
  EXPECT_EQ(callee_of("out_p50.service/cart", true), "service/cart");
  EXPECT_EQ(callee_of("out_p50.db/cart", true), "db/cart");
  EXPECT_EQ(callee_of("out_p50.cart", true), "") << "either of two is neither's";
}

TEST(Evidence, MetricsOfAMachineAreItsOwnWhereItTellsThemItself) {
  system_builder b;
  b.node("host/a").metric("node.cpu_pct", 20, 3).metric("log.lines_rate", 5);
  b.node("service/b").metric("node.cpu_pct", 20, 3).metric("memory.used_bytes", 5e8);
  const auto seen = gather_evidence(b.question(), evidence_weights{});
  EXPECT_GT(seen.nodes[0].internal, 3);
  EXPECT_LT(seen.nodes[1].internal, 0);
}

TEST(Evidence, AFallOfOnePercentileHidesNoRiseOfAnother) {
  const auto seen_with = [](double fall) {
    system_builder b;
    b.node("service/a").metric("out_p50.b", 20, 0.1).metric("out_p90.b", 60, fall);
    b.node("service/b").metric("latency.p50_ms", 18);
    b.calls("service/a", "service/b");
    const auto question = b.question();
    const auto seen = gather_evidence(question, evidence_weights{}).edges.at(0);
    return std::pair{seen.latency, std::string{seen.latency_metric}};
  };
  const auto alone = seen_with(0).first;
  EXPECT_GT(alone, 1);
  EXPECT_EQ(seen_with(-0.95), std::pair(alone, std::string{"out_p50.b"}));
}

}  // namespace
}  // namespace faultline
