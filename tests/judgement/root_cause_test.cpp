// SPDX-License-Identifier: Apache-2.0
#include "judgement/root_cause.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "inference/ranker.hpp"
#include "judgement/posterior.hpp"
#include "judgement/rca_features.hpp"
#include "tests/judgement/root_cause_cases.hpp"

namespace faultline {
namespace {

using root_cause_cases::leaking_database;
using root_cause_cases::slow_network;
using root_cause_cases::system_builder;
using root_cause_cases::tree;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;

root_cause_result found(const rca_question& q) {
  return find_root_cause(q, root_cause_options{}, {}, nullptr);
}

double sum_of(const root_cause_result& r) {
  return std::accumulate(r.causes.begin(), r.causes.end(), r.unobserved,
                         [](double s, const ranked_cause& c) { return s + c.probability; });
}

TEST(RootCause, ALeakingDatabaseIsNamedWithItsMetricAndClass) {
  const auto r = found(leaking_database());
  ASSERT_FALSE(r.causes.empty());
  const ranked_cause& c = r.causes[0];
  EXPECT_EQ(c.entity, "db/cart");
  EXPECT_EQ(c.fault_class, "memory_leak");
  EXPECT_EQ(c.metric, "memory.used_bytes");
  EXPECT_FALSE(r.abstained);
  EXPECT_GT(c.probability, 0.5);
  EXPECT_THAT(c.evidence,
              Contains(Field(&evidence_item::text, HasSubstr("memory.used_bytes rose"))));
  EXPECT_THAT(c.evidence,
              Contains(Field(&evidence_item::text, HasSubstr("callers anomalous: 2 of 2"))));
  EXPECT_THAT(c.evidence, Contains(Field(&evidence_item::text, HasSubstr("before any caller"))));
}

TEST(RootCause, ProbabilitiesAndUnobservedAddUpToOne) {
  for (const auto& q : {leaking_database(), slow_network(), tree(60)}) {
    const auto r = found(q);
    EXPECT_NEAR(sum_of(r), 1, 1e-9);
    EXPECT_TRUE(std::is_sorted(r.causes.begin(), r.causes.end(), [](const auto& a, const auto& b) {
      return a.probability > b.probability;
    }));
  }
}

TEST(RootCause, ANetworkFaultIsFoundOnItsEdges) {
  const auto r = found(slow_network());
  EXPECT_EQ(r.causes[0].entity, "service/search");
  EXPECT_EQ(r.causes[0].fault_class, "network_delay");
  EXPECT_THAT(r.causes[0].evidence,
              Contains(Field(&evidence_item::text, HasSubstr("rose for 2 of 2 callers"))));
}

TEST(RootCause, WithoutTheEdgesTheNetworkFaultIsNotBlamedOnSearch) {
  auto q = slow_network();
  for (auto& n : q.nodes) {
    auto& m = n.window.metrics;
    m.erase(std::remove_if(m.begin(), m.end(),
                           [](const metric_window& w) { return w.name.rfind("out_", 0) == 0; }),
            m.end());
  }
  const auto r = found(q);
  EXPECT_NE(r.causes[0].fault_class, "network_delay");
}

TEST(RootCause, HealthySystemsHaveNoCause) {
  system_builder b;
  b.service("service/front").service("service/cart").calls("service/front", "service/cart");
  const auto r = found(b.question());
  EXPECT_TRUE(r.abstained) << r.unobserved << " " << r.causes[0].entity << " "
                           << r.causes[0].probability;
}

TEST(RootCause, AnOnsetToldTwoMinutesWrongChangesNothing) {
  for (const int minutes : {-2, -1, 1, 2}) {
    auto q = leaking_database();
    q.onset += std::chrono::minutes{minutes};
    EXPECT_EQ(found(q).causes[0].entity, "db/cart") << minutes;
    auto edges = slow_network();
    edges.onset += std::chrono::minutes{minutes};
    EXPECT_EQ(found(edges).causes[0].entity, "service/search") << minutes;
  }
}

TEST(RootCause, TheLoudestInternalSignOutweighsADriftedDependency) {
  system_builder b;
  b.service("service/front", 3, 0, 1).service("service/cart", 3, 2);
  b.node("db/cart").metric("memory.used_bytes", 1e9, 0.15).metric("cpu.utilization", 0.2);
  b.calls("service/front", "service/cart").calls("service/cart", "db/cart");
  const auto r = found(b.question());
  EXPECT_EQ(r.causes[0].entity, "service/cart");
  EXPECT_EQ(r.causes[0].fault_class, "cpu");
  EXPECT_THAT(r.causes[0].counter_evidence,
              Contains(Field(&evidence_item::text, HasSubstr("not explained by it: db/cart"))));
}

TEST(RootCause, ARecentDeployRaisesItsEntityAndAnOldOneDoesNot) {
  const auto build = [](std::int64_t age_s) {
    system_builder b;
    b.service("service/front", 3).service("service/a", 2).service("service/b", 2);
    b.calls("service/front", "service/a").calls("service/front", "service/b");
    b.change("service/b", age_s);
    return b.question();
  };
  const auto probability_of_b = [](const root_cause_result& r) {
    for (const auto& c : r.causes) {
      if (c.entity == "service/b") return c.probability;
    }
    return 0.0;
  };
  const auto recent = found(build(120));
  EXPECT_EQ(recent.causes[0].entity, "service/b");
  EXPECT_THAT(
      recent.causes[0].evidence,
      Contains(Field(&evidence_item::text, HasSubstr("deploy 2 min before the onset: v2"))));
  EXPECT_GT(probability_of_b(recent), probability_of_b(found(build(5 * 3600))));
}

TEST(RootCause, OfTwoMetricsThatBothSayTheMostTheOneFurthestOutIsNamed) {
  for (const bool first : {false, true}) {
    system_builder b;
    b.service("service/front", 3).node("service/a");
    b.metric("cpu.user", 0.2, first ? 400 : 4).metric("cpu.total", 0.2, first ? 4 : 400);
    b.calls("service/front", "service/a");
    const auto r = found(b.question());
    EXPECT_EQ(r.causes[0].entity, "service/a");
    EXPECT_EQ(r.causes[0].metric, first ? "cpu.user" : "cpu.total");
  }
}

TEST(RootCause, NobodyIsToldOfAChangeWhereNoneIsKnown) {
  for (const bool changed : {false, true}) {
    system_builder b;
    b.service("service/front", 3).service("service/a", 2).service("service/calm");
    b.calls("service/front", "service/a").calls("service/front", "service/calm");
    if (changed) b.change("service/calm", 60);
    const auto r = found(b.question());
    ASSERT_EQ(r.causes.size(), 3U);
    for (const auto& c : r.causes)
      EXPECT_EQ(c.fault_class == "change", changed && c.entity == "service/calm") << c.entity;
  }
}

TEST(RootCause, ANodeKnownFromTheGraphAloneMayBeTheCauseOfAllItsCallers) {
  system_builder b;
  b.service("service/a", 3).service("service/b", 3).service("service/c", 3).node("db/shared");
  for (const char* s : {"service/a", "service/b", "service/c"}) b.calls(s, "db/shared");
  const auto r = found(b.question());
  EXPECT_EQ(r.causes[0].entity, "db/shared");
  EXPECT_THAT(r.causes[0].counter_evidence,
              Contains(Field(&evidence_item::text, HasSubstr("no metrics of it are known"))));
}

/// front -> shop -> pay, of which nobody measures anything but shop, by its calls.
rca_question failing_shop(double its_calls) {
  system_builder b;
  b.service("service/front", 1).metric("errors.rate", 1, 4);
  b.service("service/shop").metric("errors.rate", 1, 9).metric("out_errors.pay", 1, its_calls);
  b.node("external/pay");
  b.calls("service/front", "service/shop").calls("service/shop", "external/pay");
  return b.question();
}

TEST(RootCause, WhoseCallsToAnUnmeasuredDependencyFailHasItsFailuresFromThere) {
  EXPECT_EQ(found(failing_shop(9)).causes.front().entity, "external/pay");
  EXPECT_EQ(found(failing_shop(0)).causes.front().entity, "service/shop");
}

TEST(RootCause, WhatIsSeenFromOutsideAloneIsNamedByWhatIsPlainest) {
  system_builder b;
  b.service("service/shop").metric("errors.rate", 1, 9);
  b.metric("out_p95.pay", 20, 0.12).metric("out_errors.pay", 1, 9).node("external/pay");
  b.calls("service/shop", "external/pay");
  const auto r = found(b.question());
  EXPECT_EQ(r.causes.front().entity, "external/pay");
  EXPECT_EQ(r.causes.front().metric, "out_errors.pay");
}

TEST(RootCause, OfANodeKnownFromTheGraphAloneNoKindOfFaultIsSaid) {
  system_builder b;
  b.service("service/a", 3).service("service/b", 3).service("service/c", 3).node("db/shared");
  for (const char* s : {"service/a", "service/b", "service/c"}) b.calls(s, "db/shared");
  const std::vector<runbook> books{{"*", "cpu", "more cores", {"add some"}, ""},
                                   {"*", "*", "look", {"look at it"}, ""}};
  const auto r = find_root_cause(b.question(), root_cause_options{}, books, nullptr);
  ASSERT_EQ(r.causes[0].entity, "db/shared");
  EXPECT_EQ(r.causes[0].fault_class, "");
  EXPECT_THAT(r.causes[0].remediation, ElementsAre(Field(&remediation_item::title, "look")));
  for (const auto& c : r.causes)
    for (const auto& e : c.evidence) EXPECT_NE(e.text, "its own dependencies are as usual");
}

TEST(RootCause, OfANodeThatIsCalmNeitherKindNorMetricIsSaid) {
  system_builder b;
  b.service("service/front", 3).service("service/cart", 3).service("service/search");
  b.calls("service/front", "service/search").calls("service/cart", "service/search");
  const auto result = find_root_cause(b.question(), {}, {}, nullptr);
  const auto search =
      std::find_if(result.causes.begin(), result.causes.end(),
                   [](const ranked_cause& c) { return c.entity == "service/search"; });
  ASSERT_NE(search, result.causes.end());
  EXPECT_EQ(search->fault_class, "");
  EXPECT_EQ(search->metric, "");
}

TEST(RootCause, WhatShowsInItsCallersAloneIsNamedByTheirMetric) {
  system_builder b;
  b.service("service/front", 0.5).metric("out_errors.search", 1, 30);
  b.service("service/cart", 0.5).metric("out_errors.search", 1, 30);
  b.service("service/search");
  b.calls("service/front", "service/search").calls("service/cart", "service/search");
  const auto result = find_root_cause(b.question(), {}, {}, nullptr);
  ASSERT_EQ(result.causes.front().entity, "service/search");
  EXPECT_EQ(result.causes.front().metric, "out_errors.search");
}

// What somebody has posted is told as that, and not as a metric that hardly moved.
TEST(RootCause, AnAlertIsNoDeviationOfAMetricThatIsAsUsual) {
  for (const char* metric : {"Slow", "cpu.utilization"}) {
    system_builder b;
    b.service("service/front").service("service/cart").calls("service/front", "service/cart");
    rca_question& q = b.question();
    alert& a = q.nodes[1].alerts.emplace_back();
    a.entity = "service/cart";
    a.metric = metric;
    a.score = 1;
    a.started = q.onset;
    const auto r = found(q);
    ASSERT_EQ(r.causes[0].entity, "service/cart");
    EXPECT_THAT(r.causes[0].evidence,
                Contains(Field(&evidence_item::text,
                               HasSubstr(std::string{"it has an alert on "} + metric))));
    for (const auto& e : r.causes[0].evidence)
      EXPECT_EQ(e.text.find("robust deviations"), std::string::npos) << e.text;
  }
}

TEST(RootCause, AnAlertOfWhatIsNotMeasuredIsNoCauseAndHasNoRemedy) {
  const std::vector<runbook> any{{"*", "*", "look", {"look at it"}, ""}};
  for (const bool depends : {false, true}) {
    system_builder b;
    b.node("service/posted");
    if (depends) b.node("db/x").calls("service/posted", "db/x");
    const auto r = find_root_cause(b.question(), root_cause_options{}, any, nullptr);
    EXPECT_TRUE(r.abstained) << depends;
    for (const auto& c : r.causes) {
      for (const auto& e : c.evidence) EXPECT_LE(e.weight, 0) << e.text;
      EXPECT_TRUE(c.remediation.empty()) << depends;
    }
  }
}

// As one group of Prometheus' rules posts them: of what we do not measure, with one time.
TEST(RootCause, AlertsOfWhatIsNotMeasuredThatBeginAtOnceHaveProbabilities) {
  rca_question q;
  q.onset = q.as_of = system_builder::at(0);
  for (const char* entity : {"service/cart", "db/cart"}) {
    rca_node& n = q.nodes.emplace_back();
    n.entity = entity;
    n.alerts.emplace_back().entity = entity;
    n.alerts.back().started = q.onset;
    n.alerts.back().score = 1;
  }
  q.edges.push_back({"service/cart", "db/cart", edge_kind::calls});
  const auto r = found(q);
  ASSERT_EQ(r.causes.size(), 2u);
  for (const auto& c : r.causes) EXPECT_TRUE(std::isfinite(c.probability)) << c.entity;
  EXPECT_NEAR(sum_of(r), 1, 1e-9);
}

TEST(RootCause, ASilentDependencyIsSeen) {
  system_builder b;
  b.service("service/front", 3).service("service/cart", 3).service("db/cart");
  for (metric_window& m : b.question().nodes.back().window.metrics) {
    for (std::size_t n = 120; n < m.values.size(); ++n) {
      m.values[n] = std::numeric_limits<float>::quiet_NaN();
    }
  }
  b.calls("service/front", "service/cart").calls("service/cart", "db/cart");
  const auto r = found(b.question());
  EXPECT_EQ(r.causes[0].entity, "db/cart");
  EXPECT_EQ(r.causes[0].fault_class, "dependency");
  EXPECT_THAT(r.causes[0].evidence,
              Contains(Field(&evidence_item::text, HasSubstr("has sent no metric"))));
  auto late = b.question();
  late.nodes.back().incomplete = true;  // its answer may just not have come
  for (const auto& c : found(late).causes) {
    EXPECT_THAT(
        c.evidence,
        ::testing::Not(Contains(Field(&evidence_item::text, HasSubstr("has sent no metric")))));
  }
}

TEST(RootCause, TheWayFromTheCauseToWhereItIsFeltIsTold) {
  const auto r = found(leaking_database());
  ASSERT_FALSE(r.causes.empty());
  EXPECT_THAT(r.causes[0].evidence, Contains(Field(&evidence_item::kind, "path")));
  for (const evidence_item& e : r.causes[0].evidence) {
    if (e.kind != "path") continue;
    EXPECT_EQ(e.text.find("felt along " + r.causes[0].entity + " -> "), 0u) << e.text;
    EXPECT_THAT(e.text, HasSubstr("service/front"));
  }
}

TEST(RootCause, TheWayEndsWhereACallerIsAsUsual) {
  system_builder b;
  b.service("service/front", 3).service("service/between").service("db/cart", 3, 3);
  b.calls("service/front", "service/between").calls("service/between", "db/cart");
  const auto r = found(b.question());
  ASSERT_EQ(r.causes[0].entity, "db/cart");
  EXPECT_THAT(r.causes[0].evidence, ::testing::Not(Contains(Field(&evidence_item::kind, "path"))));
}

/// Two faults at once, in halves of a system that meet at the front alone.
rca_question two_halves(double second) {
  system_builder b;
  b.service("service/front", 3).service("service/a", 3, 2).service("service/b", second, second);
  b.service("service/c");
  b.calls("service/front", "service/a").calls("service/front", "service/b");
  b.calls("service/front", "service/c");
  return b.question();
}

TEST(RootCause, ASecondCauseIsNamedWhenEvidenceIsLeftOverAndNotElse) {
  const auto about_second = Contains(Field(&evidence_item::kind, "second"));
  const auto both = found(two_halves(2));
  ASSERT_GE(both.causes.size(), 2u);
  const std::string other = both.causes[0].entity == "service/a" ? "service/b" : "service/a";
  EXPECT_THAT(both.causes[0].counter_evidence,
              Contains(Field(&evidence_item::text, HasSubstr(other + " may be at fault as well"))));
  EXPECT_EQ(both.causes[1].entity, other);
  EXPECT_THAT(both.causes[1].evidence, about_second);
  EXPECT_NEAR(sum_of(both), 1, 1e-9);
  const auto little = found(two_halves(0.1));
  EXPECT_EQ(little.causes[0].entity, "service/a");
  EXPECT_THAT(little.causes[0].counter_evidence, ::testing::Not(about_second)) << "may be chance";
  const auto one = found(two_halves(0));
  EXPECT_EQ(one.causes[0].entity, "service/a");
  EXPECT_THAT(one.causes[0].counter_evidence, ::testing::Not(about_second));
  // What follows from the first is not left over.
  const auto chain = found(leaking_database());
  EXPECT_THAT(chain.causes[0].counter_evidence, ::testing::Not(about_second));
}

TEST(RootCause, IncompleteAnswersAreNamed) {
  auto q = leaking_database();
  q.nodes[1].incomplete = true;
  EXPECT_EQ(found(q).incomplete, std::vector<std::string>{"service/cart"});
}

TEST(RootCause, TheSameQuestionGetsTheSameAnswerInAnyOrderOfNodes) {
  const auto q = leaking_database();
  auto turned = q;
  std::reverse(turned.nodes.begin(), turned.nodes.end());
  std::reverse(turned.edges.begin(), turned.edges.end());
  const auto a = found(q);
  const auto b = found(turned);
  ASSERT_EQ(a.causes.size(), b.causes.size());
  for (std::size_t n = 0; n < a.causes.size(); ++n) {
    EXPECT_EQ(a.causes[n].entity, b.causes[n].entity);
    EXPECT_NEAR(a.causes[n].probability, b.causes[n].probability, 1e-12);
  }
}

TEST(RootCause, SurvivesQuestionsWithNothingInThem) {
  EXPECT_TRUE(found(rca_question{}).abstained);
  EXPECT_EQ(found(rca_question{}).unobserved, 1);
  system_builder b;
  b.node("a").node("b").calls("a", "b").calls("b", "a").calls("a", "stranger");
  EXPECT_NEAR(sum_of(found(b.question())), 1, 1e-9);
  auto q = leaking_database();
  q.onset = q.nodes[0].window.ts.front();  // nothing before it
  EXPECT_NEAR(sum_of(found(q)), 1, 1e-9);
  q = leaking_database();
  q.as_of = q.onset - std::chrono::hours{9};  // nothing after it
  EXPECT_NEAR(sum_of(found(q)), 1, 1e-9);
}

TEST(RootCause, CyclesOfDependenciesEnd) {
  auto q = leaking_database();
  q.edges.push_back({"db/cart", "service/front", edge_kind::calls});
  EXPECT_NEAR(sum_of(found(q)), 1, 1e-9);
}

TEST(RootCause, ConstantMetricsAndOneErrorAreNoProof) {
  system_builder b;
  b.service("service/front", 3).service("service/cart", 3, 2).service("service/mail");
  metric_window errors;
  errors.name = "errors.rate";
  errors.values.assign(132, 0.0F);
  errors.values[125] = 1;
  b.question().nodes.back().window.metrics.push_back(errors);
  b.calls("service/front", "service/cart").calls("service/front", "service/mail");
  EXPECT_EQ(found(b.question()).causes[0].entity, "service/cart");
}

/// Says what it is told, for any graph.
class told_ranker final : public cause_ranker {
public:
  explicit told_ranker(std::size_t favourite) : favourite_{favourite} {}
  const model_identity& identity() const noexcept override { return identity_; }
  outcome<ranker_scores> rank(const ranker_graph& graph) override {
    if (favourite_ >= graph.nodes.size()) return failure{ec::model_failed, "no such node"};
    ranker_scores s;
    s.node_logit.assign(graph.nodes.size(), 0);
    s.node_logit[favourite_] = 8;
    s.class_logit.resize(graph.nodes.size());
    s.attention.resize(graph.nodes.size());
    s.attention[favourite_][100] = 1;
    return s;
  }

private:
  std::size_t favourite_;
  model_identity identity_{"told", "1", ""};
};

TEST(RootCause, TheRankerEntersWithItsWeightAndIsNamed) {
  const auto q = slow_network();
  told_ranker ranker{3};
  posterior_weights weights;
  weights.ranker = 0;
  const auto without = find_root_cause(q, root_cause_options{}, {}, &ranker, weights);
  weights.ranker = 2;
  const auto with = find_root_cause(q, root_cause_options{}, {}, &ranker, weights);
  EXPECT_EQ(without.causes[0].entity, "service/search");
  EXPECT_EQ(with.causes[0].entity, "service/cart");
  EXPECT_THAT(with.causes[0].evidence, Contains(Field(&evidence_item::kind, "ranker")));
  EXPECT_THAT(with.model, HasSubstr("told 1"));
  EXPECT_EQ(without.model.find("told"), std::string::npos);
}

TEST(RootCause, ARankerThatFailsIsLeftOut) {
  told_ranker broken{99};
  const auto q = slow_network();
  const auto r = find_root_cause(q, root_cause_options{}, {}, &broken);
  EXPECT_EQ(r.causes[0].entity, "service/search");
  EXPECT_EQ(r.model.find("told"), std::string::npos);
}

TEST(RootCauseFeatures, StandardisesAgainstTheFreshBaselineNewestLast) {
  const auto q = leaking_database();
  const ranker_graph g = ranker_graph_of(q);
  ASSERT_EQ(g.nodes.size(), 4u);
  ASSERT_EQ(g.edges.size(), 3u);
  EXPECT_EQ(g.edges[1].from, 1u);
  EXPECT_EQ(g.edges[1].to, 2u);
  const auto memory = static_cast<std::size_t>(metric_role::memory);
  const auto& z = g.nodes[2].z[memory];
  EXPECT_GT(z[126], 3);
  EXPECT_LT(std::abs(z[40]), 2);
  EXPECT_EQ(g.nodes[2].mask[memory][127], 0);  // the tick that contains as_of has only begun
  EXPECT_EQ(g.nodes[2].mask[memory][126], 1);
  EXPECT_EQ(g.nodes[2].mask[static_cast<std::size_t>(metric_role::disk)][126], 0);
}

TEST(RootCauseFeatures, WhatCallersSeeStandsAtTheCallee) {
  const auto q = slow_network();
  const ranker_graph g = ranker_graph_of(q);
  EXPECT_GT(g.nodes[2].z[8][126], 3);  // service/search
  EXPECT_LT(g.nodes[3].z[8][126], 2);  // service/cart
  EXPECT_EQ(g.nodes[0].mask[8][126], 0);
}

TEST(RootCauseFeatures, WhatCallersSeeStandsAtTheCalleeOfTheirs) {
  system_builder b;
  b.service("db/search").service("service/search");
  b.service("service/front", 2).metric("out_p50.search", 20, 5);
  b.calls("service/front", "service/search").calls("service/search", "db/search");
  const ranker_graph g = ranker_graph_of(b.question());
  EXPECT_EQ(g.nodes[0].mask[8][126], 0);
  EXPECT_GT(g.nodes[1].z[8][126], 3);
}

const ranked_cause& cause_of(const root_cause_result& r, const std::string& entity) {
  const auto at = std::find_if(r.causes.begin(), r.causes.end(),
                               [&](const ranked_cause& c) { return c.entity == entity; });
  EXPECT_NE(at, r.causes.end()) << entity;
  return at == r.causes.end() ? r.causes.front() : *at;
}

std::string all_said(const ranked_cause& c) {
  std::string text;
  for (const auto* list : {&c.evidence, &c.counter_evidence})
    for (const evidence_item& e : *list) text += e.text + "\n";
  return text;
}

TEST(RootCause, WhatRoseFartherThanATickCountsIsToldAsItIs) {
  system_builder b;
  b.service("service/front", 3).node("db/cart").metric("queue.depth", 5);
  for (std::size_t n = 120; n < 132; ++n) b.question().nodes[1].window.metrics[0].values[n] = 4e5F;
  b.calls("service/front", "db/cart");
  const auto r = found(b.question());
  ASSERT_EQ(r.causes[0].entity, "db/cart");
  EXPECT_THAT(all_said(r.causes[0]), HasSubstr("rose more than 10k robust deviations, from "));
  EXPECT_THAT(all_said(r.causes[0]), HasSubstr(" to 400k"));
}

TEST(RootCause, OnlyWhatIsMeasuredIsSaidToBeAsUsual) {
  system_builder b;
  b.service("service/front", 3, 2).node("host/h1").metric("cpu.utilization", 0.3);
  b.metric("memory.used_bytes", 5e8).runs_on("service/front", "host/h1");
  b.service("service/idle").calls("service/front", "service/idle");
  auto& idle = b.question().nodes.back().window.metrics;
  for (std::size_t n = 120; n < 132; ++n) idle[2].values[n] = 1;  // a hundredth of its requests
  const auto r = found(b.question());
  const std::string host = all_said(cause_of(r, "host/h1"));
  EXPECT_THAT(host, HasSubstr("its own metrics are as usual"));
  EXPECT_THAT(host, ::testing::Not(HasSubstr("latency")));
  const std::string fell = all_said(cause_of(r, "service/idle"));
  EXPECT_THAT(fell, HasSubstr("its own latency is as usual"));
  EXPECT_THAT(fell, ::testing::Not(HasSubstr("traffic")));
}

TEST(RootCause, TrafficThatHasGoneIsNotAsUsual) {
  system_builder b;
  b.service("service/front", 3, 2).node("service/worker").metric("cpu.utilization", 0.3);
  b.metric("requests.rate", 100, -0.99).calls("service/front", "service/worker");
  const std::string said = all_said(cause_of(found(b.question()), "service/worker"));
  EXPECT_THAT(said, HasSubstr("but for its traffic it is as usual"));
}

TEST(RootCause, OfADependencyThatIsNotMeasuredNothingIsSaid) {
  system_builder b;
  b.service("service/front", 3, 4).service("service/cart").node("db/unheard");
  b.calls("service/front", "service/cart").calls("service/front", "db/unheard");
  const std::string said = all_said(cause_of(found(b.question()), "service/front"));
  EXPECT_THAT(said, HasSubstr("what is measured of its own dependencies is as usual"));
  EXPECT_THAT(said, ::testing::Not(HasSubstr("its own dependencies are")));
}

TEST(RootCause, WhatBeganInTheSameInstantHasNoOrder) {
  system_builder b;
  b.node("service/front").node("db/cart").calls("service/front", "db/cart");
  for (rca_node& n : b.question().nodes) {
    alert& a = n.alerts.emplace_back();
    a.entity = n.entity;
    a.metric = "errors.rate";
    a.score = 1;
    a.started = b.question().onset + milliseconds{n.entity == "db/cart" ? 0 : 200};
  }
  const auto r = found(b.question());
  EXPECT_THAT(all_said(cause_of(r, "db/cart")), ::testing::Not(HasSubstr("it began 0 s")));
}

TEST(RootCause, WhatRunsOnAMachineIsNotSaidToCallIt) {
  system_builder b;
  b.service("service/a", 3)
      .service("service/b", 3)
      .node("host/h1")
      .metric("cpu.utilization", 0.3, 2);
  b.runs_on("service/a", "host/h1").runs_on("service/b", "host/h1");
  const auto r = found(b.question());
  ASSERT_EQ(r.causes[0].entity, "host/h1");
  EXPECT_THAT(all_said(r.causes[0]), HasSubstr("dependents anomalous: 2 of 2"));
  EXPECT_THAT(all_said(r.causes[0]), ::testing::Not(HasSubstr("caller")));
}

TEST(RootCause, ACalleeThatSendsNoLatencyIsNotSaidToBeAsFastAsEver) {
  system_builder b;
  b.service("service/front", 2).metric("out_p50.search", 20, 5);
  b.node("service/search").metric("cpu.utilization", 0.3).calls("service/front", "service/search");
  const auto r = found(b.question());
  const std::string said = all_said(cause_of(r, "service/search"));
  EXPECT_THAT(said, HasSubstr("what it takes itself is not measured"));
  EXPECT_THAT(said, ::testing::Not(HasSubstr("itself 0")));
}

TEST(RootCause, OfManyNamesAFewAreTold) {
  system_builder b;
  b.service("service/front", 3, 9);
  for (int n = 0; n < 40; ++n) {
    const std::string callee = "service/s" + std::to_string(n);
    b.service(callee, 3).calls("service/front", callee);
  }
  const auto r = found(b.question());
  bool told = false;
  for (const ranked_cause& c : r.causes) {
    for (const evidence_item& e : c.counter_evidence) {
      EXPECT_LT(e.text.size(), 300U) << e.text;
      told = told || e.text.find(" more") != std::string::npos;
    }
  }
  EXPECT_TRUE(told);
}

/// Of two, the third and the last, it says most; it looks at the newest tick.
class partial_ranker final : public cause_ranker {
public:
  const model_identity& identity() const noexcept override { return identity_; }
  outcome<ranker_scores> rank(const ranker_graph& graph) override {
    ranker_scores s;
    s.node_logit.assign(graph.nodes.size(), -4);
    s.node_logit[2] = s.node_logit.back() = 4;
    s.class_logit.resize(graph.nodes.size());
    s.attention.resize(graph.nodes.size());
    for (auto& a : s.attention) a.back() = 1;
    return s;
  }

private:
  model_identity identity_;
};

TEST(RootCause, TheRankerHasNotLookedAtWhatNobodySent) {
  auto q = leaking_database();
  q.nodes.push_back({});
  q.nodes.back().entity = "service/unheard";
  q.edges.push_back({"service/front", "service/unheard"});
  partial_ranker ranker;
  const auto r = find_root_cause(q, root_cause_options{}, {}, &ranker);
  EXPECT_THAT(all_said(cause_of(r, "db/cart")), HasSubstr("it looked most at"));
  const std::string unheard = all_said(cause_of(r, "service/unheard"));
  EXPECT_THAT(unheard, HasSubstr("the learned ranker gives it"));
  EXPECT_THAT(unheard, ::testing::Not(HasSubstr("it looked most at")));
}

}  // namespace
}  // namespace faultline
