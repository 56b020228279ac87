// SPDX-License-Identifier: Apache-2.0
#include "judgement/told_series.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "judgement/evidence.hpp"
#include "tests/judgement/entity_fixture.hpp"
#include "tests/judgement/root_cause_cases.hpp"

namespace faultline {
namespace {

using ::testing::ElementsAre;

constexpr std::int64_t step = told_series::step_ms;

event_time at(std::int64_t number, std::int64_t within = 0) {
  return event_time_of(test_start + number * step + within);
}

const metric_window* series(const entity_window& w, const std::string& name) {
  for (const metric_window& m : w.metrics) {
    if (m.name == name) return &m;
  }
  return nullptr;
}

TEST(ToldSeries, CountsLinesBySeverityInStepsThatHaveEnded) {
  told_series told;
  told.note_log(at(0, 5), log_severity::info);
  told.note_log(at(1), log_severity::warn);
  told.note_log(at(1, 7), log_severity::error);
  told.note_log(at(1, 29'999), log_severity::fatal);
  told.note_log(at(2), log_severity::error);
  const auto w = told.window(at(2, 100));
  ASSERT_TRUE(w);
  EXPECT_THAT(w->ts, ElementsAre(at(1), at(2))) << "stamped with their ends; the third is open";
  EXPECT_THAT(series(*w, "log.lines")->values, ElementsAre(1, 3));
  EXPECT_THAT(series(*w, "log.warnings")->values, ElementsAre(0, 1));
  EXPECT_THAT(series(*w, "log.errors")->values, ElementsAre(0, 2));
  EXPECT_EQ(series(*w, "span.requests"), nullptr) << "it sends no spans";
  EXPECT_FALSE(told.window(at(0, 100))) << "nothing has ended";
}

TEST(ToldSeries, SpansGiveRequestsErrorsAndDurationsAlsoOfEachPeer) {
  told_series told;
  told.note_span(at(0), 10, false, "db/cart");
  told.note_span(at(0, 9), 30, true, "db/cart");
  told.note_span(at(0, 10), 80, false, "");
  told.note_span(at(2), 5, false, "");
  const auto w = told.window(at(3));
  ASSERT_TRUE(w);
  EXPECT_THAT(series(*w, "span.requests")->values, ElementsAre(3, 0, 1));
  EXPECT_THAT(series(*w, "span.errors")->values, ElementsAre(1, 0, 0));
  EXPECT_EQ(series(*w, "span.latency_ms")->values[0], 40);
  EXPECT_TRUE(std::isnan(series(*w, "span.latency_ms")->values[1])) << "no calls, no latency";
  EXPECT_EQ(series(*w, "out_latency_ms.db/cart")->values[0], 20);
  EXPECT_EQ(series(*w, "out_errors.db/cart")->values[0], 1);
  EXPECT_EQ(series(*w, "log.lines"), nullptr);
}

TEST(ToldSeries, TheOrderOfEventsChangesNothingAndWhatIsTooOldIsLeftOut) {
  told_series forth, back;
  for (int n = 0; n < 200; ++n) forth.note_log(at(n), log_severity::error);
  for (int n = 200; n-- > 0;) back.note_log(at(n), log_severity::error);
  const auto a = forth.window(at(200)), b = back.window(at(200));
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->ts.size(), told_series::steps);
  EXPECT_EQ(a->ts, b->ts);
  EXPECT_EQ(series(*a, "log.errors")->values, series(*b, "log.errors")->values);
}

TEST(ToldSeries, SilenceAfterTheLastLineIsZerosAndAGapForgetsWhatLiesBeforeIt) {
  told_series told;
  told.note_log(at(0), log_severity::error);
  EXPECT_THAT(series(*told.window(at(4)), "log.errors")->values, ElementsAre(1, 0, 0, 0));
  told.note_log(at(1000), log_severity::info);
  const auto w = told.window(at(1001));
  double errors = 0;
  for (const float v : series(*w, "log.errors")->values) errors += v;
  EXPECT_EQ(errors, 0);
  EXPECT_EQ(w->ts.size(), told_series::steps);
}

TEST(ToldSeries, WhatLayWithinSpansIsACallToItsPeerAndNotTheEntitysOwnTime) {
  told_series told;
  for (int n = 0; n < 4; ++n) told.note_span(at(0), 10, false, {});
  EXPECT_EQ(series(*told.window(at(1)), "span.self_ms"), nullptr) << "not known";
  told.note_calls(at(0), {4, 1, 20'000}, "db/cart");
  told.note_calls(at(0), {2, 0, 4'000}, {});
  const auto w = told.window(at(1));
  EXPECT_EQ(series(*w, "span.latency_ms")->values[0], 10);
  EXPECT_EQ(series(*w, "span.self_ms")->values[0], 4);
  EXPECT_EQ(series(*w, "out_latency_ms.db/cart")->values[0], 5);
  EXPECT_EQ(series(*w, "out_errors.db/cart")->values[0], 1);
  EXPECT_EQ(series(*w, "out_errors."), nullptr);
  told.note_calls(at(0), {1, 0, 90'000}, {});
  EXPECT_EQ(series(*told.window(at(1)), "span.self_ms")->values[0], 0)
      << "side by side they take longer than what they lie in";
}

TEST(ToldSeries, OwnTimeHasItsPlaceBesideAllPeersAndInTheSnapshot) {
  told_series told;
  for (int n = 0; n < 20; ++n) told.note_span(at(0), 3, false, "db/" + std::to_string(n));
  told.note_calls(at(0), {1, 0, 6'000}, {});
  std::string bytes;
  byte_writer out{bytes};
  told.save(out);
  told_series again;
  byte_reader in{bytes};
  ASSERT_TRUE(again.restore(in, 12));
  EXPECT_FLOAT_EQ(series(*again.window(at(1)), "span.self_ms")->values[0], 54.0F / 20);
  EXPECT_TRUE(series(*again.window(at(1)), "out_errors.db/7"));
}

TEST(ToldSeries, HoldsTheFirstPeersAndCountsTheCallsOfOthers) {
  told_series told;
  for (int n = 0; n < 50; ++n) told.note_span(at(0), 1, false, "db/" + std::to_string(n));
  told.note_calls(at(0), {7, 0, 9'000}, "db/99");
  EXPECT_TRUE(series(*told.window(at(1)), "out_errors.db/15"));
  EXPECT_FALSE(series(*told.window(at(1)), "out_errors.db/16"));
  EXPECT_EQ(series(*told.window(at(1)), "span.requests")->values[0], 50);
  EXPECT_EQ(told.calls_left_out(), 34U + 7U);
}

TEST(ToldSeries, WhoHasNotBeenCalledInAnyStepMakesRoom) {
  told_series told;
  for (int n = 0; n < 16; ++n) told.note_span(at(0), 1, false, "db/" + std::to_string(n));
  const auto last = static_cast<int>(told_series::steps) - 1;
  told.note_span(at(last), 1, false, "db/3");
  told.note_span(at(last), 1, false, "db/new");
  EXPECT_EQ(told.calls_left_out(), 1U) << "all have been called in a step that is there";
  told.note_span(at(last + 1), 1, true, "db/new");
  EXPECT_EQ(told.calls_left_out(), 1U);
  const auto w = told.window(at(last + 2));
  EXPECT_EQ(series(*w, "out_errors.db/new")->values.back(), 1);
  EXPECT_FALSE(series(*w, "out_errors.db/0")) << "it made the room";
  EXPECT_TRUE(series(*w, "out_errors.db/3"));
}

event_view log_event(log_severity severity) {
  event_view e;
  e.type = event_type::log;
  e.severity = severity;
  e.body = "it broke";
  return e;
}

TEST(ToldSeries, LivesInTheEntityAndItsSnapshotAndMakesNoTick) {
  entity_driver d;
  noise n{3};
  for (int i = 0; i < 40; ++i) d.row(test_start + i * 10'000, calm_row(test_start, n));
  EXPECT_FALSE(d.core.window(at(20)).told) << "who sends none has none";
  const std::size_t before = d.core.memory_bytes();
  auto e = log_event(log_severity::error);
  EXPECT_EQ(d.give(e, test_start + 400'000), applied_as::kept);
  EXPECT_GT(d.core.memory_bytes(), before);
  const auto as_of = event_time_of(test_start + 600'000);
  const auto w = d.core.window(as_of);
  ASSERT_TRUE(w.told);
  EXPECT_THAT(series(*w.told, "log.errors")->values[0], 1);
  EXPECT_EQ(w.metrics.size(), 8u);
  entity_driver again;
  ASSERT_TRUE(again.core.restore(d.core.save()));
  EXPECT_EQ(again.core.save(), d.core.save());
  EXPECT_EQ(again.core.window(as_of).told->metrics[2].values, w.told->metrics[2].values);
  const auto joined = join_window({}, w, 512, as_of, window_detail::values);
  ASSERT_TRUE(joined);
  EXPECT_EQ(joined->told, w.told);
}

TEST(ToldSeries, CallsAreNoSignOfLifeAndDrawAnEdge) {
  entity_driver d;
  noise n{3};
  for (int i = 0; i < 4; ++i) d.row(test_start + i * 10'000, calm_row(test_start, n));
  const auto before = d.core.status();
  event_view e;
  e.type = event_type::calls;
  e.calls = 3, e.duration_us = 12'000;
  e.peer = "db/orders";
  EXPECT_EQ(d.give(e, test_start + 60'000), applied_as::kept);
  EXPECT_EQ(d.core.status().observations, before.observations);
  EXPECT_EQ(d.core.status().last_ts, before.last_ts);
  ASSERT_FALSE(d.decisions.empty());
  const auto& what = d.decisions.back().what;
  ASSERT_EQ(what.kind, decision_kind::topology);
  EXPECT_EQ(what.topology.to, "db/orders");
  EXPECT_EQ(what.topology.source, "span");
  const auto edges = d.decisions.size();
  e.peer = d.core.id();
  d.give(e, test_start + 61'000);
  EXPECT_EQ(d.decisions.size(), edges) << "nobody depends on itself";
  EXPECT_TRUE(series(*d.core.window(event_time_of(test_start + 120'000)).told, "span.self_ms"));
}

std::vector<std::pair<std::string, double>> calm(std::int64_t at) {
  noise n{3};
  return calm_row(at, n);
}

/// What the door tells of calls to @p peer that took as long as @p ms says.
struct seen_calls {
  seen_calls(const char* peer, const std::vector<double>& ms, std::uint32_t failed) {
    latency_sketch took;
    for (const double m : ms) took.add(m * 1000);
    byte_writer out{durations};
    took.save(out);
    e.type = event_type::calls;
    e.calls = static_cast<std::uint32_t>(ms.size()), e.failed = failed;
    e.peer = peer;
    e.body = durations;
  }
  std::string durations;
  event_view e;
};

TEST(ToldSeries, CallsThatOthersSpansShowHaveQuantilesInWhateverOrderTheyAreTold) {
  std::vector<double> fast(100, 20), slow(99, 80);
  fast.push_back(500);
  seen_calls a{"db/orders", fast, 0}, b{"db/orders", slow, 11}, c{"cache/c1", {1, 1}, 0};
  const std::int64_t at = test_start / 300'000 * 300'000;

  for (const bool backwards : {false, true}) {
    entity_driver d;
    for (int i = 0; i < 3; ++i) d.row(at + i * 1'000, calm(at));
    std::vector<std::pair<event_view*, std::int64_t>> told{
        {&a.e, at + 10'000}, {&c.e, at + 20'000}, {&b.e, at + 310'000}};
    if (backwards) std::reverse(told.begin(), told.end());
    for (const auto& [e, ts] : told) d.give(*e, ts);
    d.row(at + 320'000, calm(at));
    const auto seen = d.core.status().operations;
    ASSERT_EQ(seen.size(), 2U) << backwards;
    EXPECT_EQ(seen[0].peer, "db/orders");
    EXPECT_EQ(seen[0].operation, "");
    EXPECT_NEAR(seen[0].rate, 200 / 320.0, 0.01);
    EXPECT_NEAR(seen[0].error_share, 11 / 200.0, 1e-9);
    EXPECT_NEAR(seen[0].p50_ms, 20, 0.4);
    EXPECT_NEAR(seen[0].p95_ms, 80, 1.6);
    EXPECT_NEAR(seen[1].p99_ms, 1, 0.02);
    EXPECT_TRUE(std::isnan(seen[0].usual_p95_ms));
    EXPECT_EQ(seen[0].last_ms, at + 310'000);
    entity_driver again;
    ASSERT_TRUE(again.core.restore(d.core.save()));
    EXPECT_EQ(again.core.save(), d.core.save());
    EXPECT_EQ(again.core.status().operations.at(0).p95_ms, seen[0].p95_ms);
  }
}

TEST(ToldSeries, CallsOfOldRecordsAreCountedAndHaveNoQuantilesAndOldCallsAreLetGo) {
  seen_calls a{"db/orders", {20, 20}, 1};
  a.e.body = {};
  entity_driver d;
  d.row(test_start, calm(test_start));
  d.give(a.e, test_start);
  auto seen = d.core.status().operations;
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].error_share, 0.5);
  EXPECT_GT(seen[0].rate, 0);
  EXPECT_TRUE(std::isnan(seen[0].p95_ms));
  a.e.body = "no sketch";
  a.e.failed = 7;  // of two: no record of ours
  d.give(a.e, test_start + 1'000);
  EXPECT_EQ(d.core.status().operations.at(0).error_share, 0.75);
  entity_driver again;
  EXPECT_TRUE(again.core.restore(d.core.save()));
  d.row(test_start + 900'000, calm(test_start));
  EXPECT_TRUE(d.core.status().operations.empty());
}

TEST(ToldSeries, CallsThatOthersSpansShowAreNoOperationToBeHeldAgainstItsPast) {
  entity_driver d;
  seen_calls a{"db/orders", {20, 30}, 0};
  for (int i = 0; i < 100; ++i) {
    d.row(test_start + i * 10'000, calm(test_start));
    d.give(a.e, test_start + i * 10'000);
  }
  for (const auto& m : d.core.status().metrics) EXPECT_NE(m.name.substr(0, 5), "span.");
}

/// a calls b; their metrics are calm. Both log @p errors more a step in the fault, b first.
rca_question logged(std::uint32_t errors) {
  root_cause_cases::system_builder b{360, 36};
  b.service("service/a").service("service/b").calls("service/a", "service/b");
  rca_question q = b.question();
  const std::int64_t onset = unix_ms(q.onset);
  for (rca_node& node : q.nodes) {
    if (node.entity == "service/a" && errors < 10) continue;
    told_series told;
    for (std::int64_t t = onset - 3'000'000; t < unix_ms(q.as_of); t += 10'000) {
      told.note_log(event_time_of(t), log_severity::info);
      for (std::uint32_t n = 0; t >= onset && n < errors; ++n)
        told.note_log(event_time_of(t), log_severity::error);
    }
    node.window.told = told.window(q.as_of);
  }
  return q;
}

TEST(ToldEvidence, ErrorsThatAreLoggedAreEvidenceAndNameTheirSource) {
  const auto found = find_root_cause(logged(20), root_cause_options{}, {}, nullptr);
  ASSERT_FALSE(found.causes.empty());
  EXPECT_EQ(found.causes[0].entity, "service/b") << "its caller's errors are explained by it";
  EXPECT_EQ(found.causes[0].metric, "log.errors");
  EXPECT_EQ(found.causes[0].fault_class, "error_burst");
  EXPECT_FALSE(found.abstained);
}

TEST(ToldEvidence, ASingleErrorIsNoEvidence) {
  rca_question q = logged(0);
  told_series told;
  for (std::int64_t t = unix_ms(q.onset) - 3'000'000; t < unix_ms(q.as_of); t += 10'000)
    told.note_log(event_time_of(t), log_severity::info);
  told.note_log(q.onset, log_severity::error);
  q.nodes[1].window.told = told.window(q.as_of);
  const auto found = find_root_cause(q, root_cause_options{}, {}, nullptr);
  EXPECT_TRUE(found.abstained);
}

TEST(ToldEvidence, CallsThatSpansFindSlowPointAtThePeer) {
  root_cause_cases::system_builder b{360, 36};
  b.service("service/a").service("service/b").calls("service/a", "service/b");
  rca_question q = b.question();
  told_series told;
  for (std::int64_t t = unix_ms(q.onset) - 3'000'000; t < unix_ms(q.as_of); t += 5'000)
    told.note_span(event_time_of(t), (t >= unix_ms(q.onset) ? 300 : 20) + t / 5'000 % 3, false,
                   "service/b");
  q.nodes[0].window.told = told.window(q.as_of);
  const auto seen = gather_evidence(q, evidence_weights{});
  ASSERT_EQ(seen.edges.size(), 1u);
  EXPECT_TRUE(seen.edges[0].has_latency);
  EXPECT_EQ(q.nodes[seen.edges[0].to].entity, "service/b");
  EXPECT_GT(seen.edges[0].latency, 3);
  EXPECT_NEAR(seen.edges[0].rise, 280, 20);
}

}  // namespace
}  // namespace faultline
