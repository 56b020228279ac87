// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

#include "judgement/posterior.hpp"
#include "tests/judgement/root_cause_cases.hpp"

namespace faultline {
namespace {

using root_cause_cases::system_builder;

constexpr std::size_t onset = 120, ticks = 132;
enum node : std::size_t { front, checkout, cart, mail };

/// checkout calls cart and mail, and front calls it. Everything is as usual.
rca_question shop() {
  system_builder b;
  b.service("service/front").metric("out_p50.checkout", 60);
  b.service("service/checkout").metric("out_p50.cart", 20).metric("out_p50.mail", 5);
  b.service("service/cart").service("service/mail");
  b.calls("service/front", "service/checkout").calls("service/checkout", "service/cart");
  b.calls("service/checkout", "service/mail");
  return b.question();
}

void leave_out(rca_question& q, node n, std::string_view metric, std::size_t first,
               std::size_t end = ticks) {
  for (metric_window& m : q.nodes[n].window.metrics)
    if (m.name == metric)
      for (std::size_t t = first; t < end; ++t)
        m.values[t] = std::numeric_limits<float>::quiet_NaN();
}

std::vector<stopped_calls> stops(const rca_question& q) { return gather_evidence(q, {}).stops; }

TEST(StoppedCalls, AreSeenWhileTheirCallerWorks) {
  rca_question q = shop();
  EXPECT_TRUE(stops(q).empty());
  leave_out(q, checkout, "out_p50.mail", onset + 1, onset + 5);
  const auto seen = stops(q);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].from, checkout);
  EXPECT_EQ(seen[0].to, mail);
  EXPECT_EQ(seen[0].since, system_builder::at(onset + 1));
  EXPECT_EQ(seen[0].until, system_builder::at(onset + 4));
  EXPECT_EQ(seen[0].lr, evidence_weights{}.stop_most);
}

TEST(StoppedCalls, OfACallerThatStandsStillSayNothing) {
  rca_question q = shop();
  for (const char* metric : {"out_p50.mail", "out_p50.cart", "latency.p95_ms", "requests.rate"})
    leave_out(q, checkout, metric, onset);
  EXPECT_TRUE(stops(q).empty());
}

TEST(StoppedCalls, AreNoneOfWhatCameNowAndThen) {
  rca_question q = shop();
  for (std::size_t t = 0; t < onset; t += 3) leave_out(q, checkout, "out_p50.mail", t, t + 1);
  leave_out(q, checkout, "out_p50.mail", onset);
  EXPECT_TRUE(stops(q).empty());
}

TEST(StoppedCalls, AreNotOneTickThatIsMissing) {
  rca_question q = shop();
  leave_out(q, checkout, "out_p50.mail", onset, onset + 1);
  leave_out(q, checkout, "out_p50.mail", onset + 3, onset + 4);
  EXPECT_TRUE(stops(q).empty());
  evidence_weights dear;  // a tick is worth all that its absence says
  dear.stop_each = dear.stop_most = 100;
  EXPECT_TRUE(gather_evidence(q, dear).stops.empty());
  dear.stop_ticks = 1;
  EXPECT_EQ(gather_evidence(q, dear).stops.size(), 1u) << "it would say something";
}

TEST(StoppedCalls, PointToTheCallerNotToWhomItDoesNotCall) {
  rca_question q = shop();
  leave_out(q, checkout, "out_p50.mail", onset);
  const root_cause_result found = find_root_cause(q, root_cause_options{}, {}, nullptr);
  ASSERT_FALSE(found.causes.empty());
  EXPECT_EQ(found.causes[0].entity, "service/checkout");
  const auto& said = found.causes[0].evidence;
  EXPECT_TRUE(std::any_of(said.begin(), said.end(), [](const evidence_item& e) {
    return e.text == "it did not call service/mail for 2 min, and it worked meanwhile";
  }));
}

TEST(StoppedCalls, ThatMayStillBeUnderWayAreToldSo) {
  rca_question q = shop();
  leave_out(q, checkout, "out_p50.mail", ticks - 3);
  const auto seen = stops(q);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_TRUE(seen[0].may_hang);
  const root_cause_result found = find_root_cause(q, root_cause_options{}, {}, nullptr);
  const auto by = [&](std::string_view entity, std::string_view text) {
    return std::any_of(found.causes.begin(), found.causes.end(), [&](const ranked_cause& c) {
      return c.entity == entity &&
             std::any_of(c.evidence.begin(), c.evidence.end(),
                         [&](const evidence_item& e) { return e.text == text; });
    });
  };
  EXPECT_TRUE(by("service/checkout",
                 "none of its calls to service/mail ended for 30 s, and it worked meanwhile"));
  EXPECT_TRUE(by("service/mail", "no call of service/checkout to it ended for 30 s"));
}

cause_posterior weighed(const rca_question& q) {
  const posterior_weights w;
  return weigh_causes(q, gather_evidence(q, w.evidence), passing_chances(q, w), {}, w, nullptr);
}

TEST(StoppedCalls, OfOneCallerAreOneSign) {
  rca_question one = shop(), two = shop();
  leave_out(one, checkout, "out_p50.mail", onset);
  for (const char* metric : {"out_p50.mail", "out_p50.cart"})
    leave_out(two, checkout, metric, onset);
  ASSERT_EQ(stops(two).size(), 2u);
  const auto parts = weighed(two).causes[checkout].stops;
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].second, weighed(one).causes[checkout].stops.at(0).second);
}

TEST(StoppedCalls, MayBeOfWhatTheCallerCallsBeforeOrOfACalleeThatIsSilent) {
  rca_question q = shop();
  leave_out(q, checkout, "out_p50.mail", onset);
  const cause_posterior alive = weighed(q);
  ASSERT_EQ(alive.causes[cart].stops.size(), 1u);
  EXPECT_LT(alive.causes[cart].stops[0].second, alive.causes[checkout].stops[0].second);
  EXPECT_TRUE(alive.causes[mail].stops.empty());
  EXPECT_TRUE(alive.causes[front].stops.empty());
  entity_window& silent = q.nodes[mail].window;
  silent.ts.resize(onset);
  for (metric_window& m : silent.metrics) m.values.resize(onset);
  EXPECT_EQ(weighed(q).causes[mail].stops.size(), 1u);
}

}  // namespace
}  // namespace faultline
