// SPDX-License-Identifier: Apache-2.0
#include "judgement/correlator_core.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include "judgement/rules.hpp"
#include "tests/judgement/correlator_fold.hpp"

namespace faultline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

TEST(Correlator, AnAddressIsJoinedToTheEntityItNames) {
  fold f;
  f.edge("service/web", "remote/cart.shop.svc");
  EXPECT_EQ(f.core.edges().size(), 1u);
  f.edge("service/web", "service/cart");
  const auto edges = f.core.edges();
  ASSERT_EQ(edges.size(), 3u);
  EXPECT_EQ(edges[0].from + ">" + edges[0].to, "remote/cart.shop.svc>service/cart");
  EXPECT_EQ(edges[0].source, "name");
  f.edge("service/web", "remote/cart.shop.svc", true);
  EXPECT_EQ(f.core.edges().size(), 1u);
}

// Complaint: wrong-topology
TEST(Correlator, SpanEdgesThatNobodySawForAWeekGoAndOthersStay) {
  fold f;
  const auto seen = [&](const std::string& to, const std::string& source, std::int64_t at) {
    decision d;
    d.kind = decision_kind::topology;
    d.topology = {"a", to, edge_kind::calls, false, source, event_time_of(at)};
    f.apply(d);
  };
  constexpr std::int64_t day = 24 * 60 * minute;
  seen("b", "span", noon);
  seen("c", "event", noon);
  seen("d", "span", noon + 6 * day);
  EXPECT_EQ(f.core.edges().size(), 3u);
  seen("d", "span", noon + 8 * day);
  ASSERT_EQ(f.core.edges().size(), 2u);
  EXPECT_EQ(f.core.edges()[0].to, "c");
  EXPECT_EQ(f.core.edges()[1].to, "d");
}

TEST(Correlator, FirstAlertOpensAnIncidentAndAsksForItsCause) {
  fold f;
  f.edge("service/front", "service/cart");
  f.edge("service/cart", "db/cart");
  const auto out = f.fire("service/front", noon);
  ASSERT_EQ(out.feed.size(), 2u);
  EXPECT_EQ(out.feed[0].what, feed_event::kind::alert);
  const incident& i = out.feed[1].incident;
  EXPECT_EQ(i.state, incident_state::open);
  EXPECT_EQ(i.transition, 1u);
  EXPECT_EQ(i.summary, "latency of service/front since 12:00");
  ASSERT_EQ(out.requests.size(), 1u);
  EXPECT_EQ(out.requests[0].incident, i.id);
  EXPECT_THAT(out.requests[0].candidates, ElementsAre("service/front", "service/cart", "db/cart"));
  EXPECT_EQ(out.requests[0].edges.size(), 2u);
  EXPECT_EQ(out.requests[0].alerts.size(), 1u);
}

TEST(Correlator, AlertsWithinHopsAndWindowAreOneIncident) {
  fold f;
  f.edge("a", "b");
  f.edge("c", "b");
  f.edge("c", "host", false, edge_kind::runs_on);
  f.fire("a", noon);
  f.fire("host", noon + 9 * minute);
  ASSERT_EQ(f.core.open().size(), 1u);
  EXPECT_THAT(f.core.open()[0].entities, ElementsAre("a", "host"));
}

TEST(Correlator, AlertsTooFarOrTooLateAreAnotherIncident) {
  correlation_options options;
  options.hops = 1;
  fold f{options};
  f.edge("a", "b");
  f.edge("b", "c");
  f.fire("a", noon);
  f.fire("c", noon);
  EXPECT_EQ(f.core.open().size(), 2u);
  f.fire("a", noon + 11 * minute);
  EXPECT_EQ(f.core.open().size(), 3u);
}

TEST(Correlator, AlertsThatFollowOneAnotherForHoursAreNotOneIncident) {
  fold f;
  f.edge("a", "b");
  for (int n = 0; n < 12; ++n) f.fire(n % 2 == 0 ? "a" : "b", noon + n * 9 * minute);
  ASSERT_EQ(f.core.open().size(), 3u);  // four in half an hour
  for (const auto& i : f.core.open()) EXPECT_EQ(i.alerts.size(), 4u);
}

TEST(Correlator, WithoutTopologyOnlyTheSameEntityJoins) {
  fold f;
  f.fire("a", noon);
  f.fire("b", noon);
  f.fire("a", noon + minute);
  EXPECT_EQ(f.core.open().size(), 2u);
}

TEST(Correlator, AnAlertBetweenTwoIncidentsMergesThemIntoTheOlder) {
  correlation_options options;
  options.hops = 1;
  fold f{options};
  f.edge("a", "m");
  f.edge("m", "z");
  const std::string older = incidents_in(f.fire("z", noon))[0].id;
  const std::string younger = incidents_in(f.fire("a", noon))[0].id;
  const auto out = f.fire("m", noon + minute);
  ASSERT_EQ(f.core.open().size(), 1u);
  EXPECT_EQ(f.core.open()[0].id, older);
  EXPECT_THAT(f.core.open()[0].entities, UnorderedElementsAre("a", "m", "z"));
  const auto told = incidents_in(out);
  ASSERT_GE(told.size(), 2u);
  EXPECT_EQ(told[0].id, younger);
  EXPECT_EQ(told[0].state, incident_state::resolved);
  EXPECT_EQ(told[0].transition, 2u);
  EXPECT_EQ(told[0].summary, "merged into " + older);
  EXPECT_TRUE(f.answer(younger, "a", 0.9).feed.empty());
}

TEST(Correlator, ANewEdgeMergesWhatItConnects) {
  fold f;
  f.fire("a", noon);
  f.fire("b", noon);
  EXPECT_EQ(f.core.open().size(), 2u);
  f.edge("a", "x");
  EXPECT_EQ(f.core.open().size(), 2u);
  f.edge("x", "b");
  EXPECT_EQ(f.core.open().size(), 1u);
}

TEST(Correlator, ARemovedEdgeNoLongerConnects) {
  fold f;
  f.edge("a", "b");
  f.fire("a", noon);
  f.edge("a", "b", true);
  f.fire("b", noon);
  EXPECT_EQ(f.core.open().size(), 2u);
}

TEST(Correlator, DropsTransitionsItHasSeen) {
  fold f;
  EXPECT_EQ(f.fire("a", noon, 1).feed.size(), 2u);
  EXPECT_TRUE(f.fire("a", noon, 1).feed.empty());
  EXPECT_EQ(f.end("a", noon, noon + minute, 3).feed.size(), 1u);
  EXPECT_TRUE(f.end("a", noon, noon + minute, 2).feed.empty());
  f.clock(noon + 60 * minute);
  EXPECT_TRUE(f.core.open().empty());
  EXPECT_TRUE(f.end("a", noon, noon + minute, 3).feed.empty());
  EXPECT_TRUE(f.fire("a", noon, 4).feed.empty());  // an ended episode stays ended
}

TEST(Correlator, ResolvesWhenAllAlertsHaveAndSettled) {
  fold f;
  f.edge("a", "b");
  f.fire("a", noon);
  f.fire("b", noon);
  f.end("a", noon, noon + minute);
  f.clock(noon + 50 * minute);
  EXPECT_EQ(f.core.open().size(), 1u);  // b still fires
  f.end("b", noon, noon + 51 * minute);
  EXPECT_TRUE(f.core.wants_clock());
  EXPECT_TRUE(incidents_in(f.clock(noon + 53 * minute - 1)).empty());
  const auto told = incidents_in(f.clock(noon + 53 * minute));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].state, incident_state::resolved);
  EXPECT_EQ(unix_ms(*told[0].ended), noon + 51 * minute);
  EXPECT_THAT(told[0].summary, HasSubstr("from 12:00 to 12:51"));
  EXPECT_TRUE(f.core.open().empty());
  EXPECT_FALSE(f.core.wants_clock());
}

TEST(Correlator, AnAlertWhileSettlingKeepsTheIncidentOpen) {
  fold f;
  f.fire("a", noon);
  f.end("a", noon, noon + minute);
  f.fire("a", noon + 2 * minute);
  f.clock(noon + 9 * minute);
  ASSERT_EQ(f.core.open().size(), 1u);
  EXPECT_EQ(f.core.open()[0].alerts.size(), 2u);
}

TEST(Correlator, OneRequestAtATimeAndOneMoreWhenTheAnswerComes) {
  fold f;
  f.edge("a", "b");
  f.edge("a", "c");
  const auto first = f.fire("a", noon);
  ASSERT_EQ(first.requests.size(), 1u);
  EXPECT_TRUE(f.fire("b", noon).requests.empty());
  EXPECT_TRUE(f.fire("c", noon).requests.empty());
  EXPECT_EQ(f.core.outstanding().size(), 1u);
  const auto answered = f.answer(first.requests[0].incident, "b", 0.78);
  ASSERT_EQ(answered.requests.size(), 1u);
  EXPECT_EQ(answered.requests[0].alerts.size(), 3u);
  const auto told = incidents_in(answered);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].transition, 4u);
  EXPECT_EQ(told[0].summary,
            "latency of a and 2 others since 12:00; likely cause: memory leak in b (78 %)");
  EXPECT_TRUE(f.answer(first.requests[0].incident, "b", 0.8).requests.empty());
  EXPECT_TRUE(f.core.outstanding().empty());
}

// Complaint: wrong-topology
TEST(Correlator, AnAbstainedAnswerNamesNoCause) {
  fold f;
  const auto first = f.fire("a", noon);
  const auto told = incidents_in(f.answer(first.requests[0].incident, "b", 0.2));
  EXPECT_EQ(told[0].summary, "latency of a since 12:00; no cause stands out");
}

TEST(Correlator, RisingSeverityIsToldAndAskedAgain) {
  fold f;
  const std::string id = incidents_in(f.fire("a", noon))[0].id;
  f.answer(id, "a", 0.5);
  EXPECT_TRUE(f.fire("a", noon, 2, alert_severity::warning).requests.empty());
  const auto out = f.fire("a", noon, 3, alert_severity::critical);
  EXPECT_EQ(incidents_in(out).at(0).severity, alert_severity::critical);
  EXPECT_EQ(out.requests.size(), 1u);
}

TEST(Correlator, AsksAgainAsTheIncidentAges) {
  fold f;
  const std::string id = incidents_in(f.fire("a", noon))[0].id;
  f.answer(id, "a", 0.5);
  EXPECT_TRUE(f.clock(noon + minute).requests.empty());
  const auto out = f.clock(noon + 2 * minute);
  ASSERT_EQ(out.requests.size(), 1u);
  EXPECT_EQ(unix_ms(out.requests[0].as_of), noon + 2 * minute);
}

TEST(Correlator, AnAnswerThatNeverComesIsAskedForAgain) {
  fold f;
  f.fire("a", noon);
  EXPECT_TRUE(f.clock(noon + 4 * minute).requests.empty());
  EXPECT_EQ(f.clock(noon + 5 * minute).requests.size(), 1u);
}

// Complaint: cold-start
TEST(Correlator, ALearningAlertOpensNothingButJoins) {
  fold f;
  f.edge("a", "b");
  decision d =
      fold::alert_decision("a", noon, noon, 1, alert_state::firing, alert_severity::warning);
  d.alert.learning = true;
  EXPECT_EQ(f.apply(d).feed.size(), 1u);
  EXPECT_TRUE(f.core.open().empty());
  EXPECT_EQ(f.core.firing().size(), 1u);
  f.fire("b", noon + minute);
  ASSERT_EQ(f.core.open().size(), 1u);
  EXPECT_THAT(f.core.open()[0].entities, ElementsAre("b", "a"));
}

// A page comes upon two alerts that opened nothing, one within its window and one within that of
// the other.
TEST(Correlator, LooseAlertsJoinAlikeInWhateverOrderTheirDependenciesWereSeen) {
  const auto loose = [](fold& f, const std::string& entity, std::int64_t at) {
    decision d =
        fold::alert_decision(entity, at, at, 1, alert_state::firing, alert_severity::warning);
    d.alert.learning = true;
    f.apply(d);
  };
  for (const auto& [near, far] : {std::pair{"b", "z"}, std::pair{"z", "b"}}) {
    for (const auto& [first, second] : {std::pair{near, far}, std::pair{far, near}}) {
      correlation_options options;
      options.window = milliseconds{10 * minute};
      fold straight{options}, restored{options};
      for (auto* f : {&straight, &restored}) {
        f->edge("a", first);
        f->edge("a", second);
        loose(*f, far, noon - 16 * minute);
        loose(*f, near, noon - 8 * minute);
        if (f == &restored) {
          correlator_core again{options};
          ASSERT_TRUE(again.restore(f->core.save()));
          f->core = std::move(again);
        }
        f->fire("a", noon);
      }
      ASSERT_EQ(straight.core.open().size(), 1U);
      EXPECT_THAT(straight.core.open()[0].entities, ElementsAre("a", near, far));
      ASSERT_EQ(straight.feed.size(), restored.feed.size());
      for (std::size_t i = 0; i < straight.feed.size(); ++i) {
        ASSERT_EQ(straight.feed[i].what, restored.feed[i].what) << i;
        EXPECT_EQ(encode_incident(straight.feed[i].incident),
                  encode_incident(restored.feed[i].incident))
            << i;
        EXPECT_EQ(encode_alert(straight.feed[i].alert), encode_alert(restored.feed[i].alert)) << i;
      }
      EXPECT_EQ(straight.core.save(), restored.core.save());
    }
  }
}

TEST(Correlator, LooseAlertsThatFollowOneAnotherForHoursAreNotOneFault) {
  fold f;
  for (int i = 1; i < 12; ++i) {
    f.edge("a", "b" + std::to_string(i));
    decision d =
        fold::alert_decision("b" + std::to_string(i), noon - i * 8 * minute, noon - i * 8 * minute,
                             1, alert_state::firing, alert_severity::warning);
    d.alert.learning = true;
    f.apply(d);
  }
  f.fire("a", noon);
  ASSERT_EQ(f.core.open().size(), 1U);
  EXPECT_EQ(f.core.open()[0].started, event_time_of(noon - 24 * minute));
}

TEST(Correlator, LearningOverTheSameAlertOpensAnIncident) {
  fold f;
  decision d =
      fold::alert_decision("a", noon, noon, 1, alert_state::firing, alert_severity::warning);
  d.alert.learning = true;
  f.apply(d);
  f.fire("a", noon, 2);
  EXPECT_EQ(f.core.open().size(), 1u);
}

TEST(Correlator, MarksOfOperatorsStayOnLaterTransitions) {
  fold f;
  f.fire("a", noon);
  const std::string id = fold::id_of("a", noon);
  const auto out = f.command("acknowledge", id, R"({"by": "ann", "comment": "on it"})");
  ASSERT_EQ(out.feed.size(), 2u);
  EXPECT_TRUE(out.feed[0].alert.acknowledged);
  EXPECT_EQ(out.feed[0].alert.acknowledged_by, "ann");
  EXPECT_EQ(out.feed[1].notice.what, "acknowledged");
  EXPECT_EQ(out.feed[1].notice.text, "acknowledged by ann: on it");
  EXPECT_TRUE(f.fire("a", noon, 2).feed[0].alert.acknowledged);
  EXPECT_EQ(f.core.firing()[0].acknowledged_by, "ann");
  f.command("acknowledge", id, R"({"by": "bob", "off": true})");
  EXPECT_FALSE(f.fire("a", noon, 3).feed[0].alert.acknowledged);
  EXPECT_TRUE(f.command("acknowledge", "nobody", "{}").feed.empty());
}

TEST(Correlator, AnAcknowledgementIsATransitionAndLaterOnesCountOnFromIt) {
  fold f;
  f.fire("a", noon);
  const std::string id = fold::id_of("a", noon);
  EXPECT_EQ(f.command("acknowledge", id, R"({"by": "ann"})").feed[0].alert.transition, 2u);
  // The entity knows nothing of it and counts for itself: its second is the third told.
  const auto raised = f.fire("a", noon, 2, alert_severity::critical);
  EXPECT_EQ(raised.feed[0].alert.transition, 3u);
  EXPECT_TRUE(f.fire("a", noon, 2, alert_severity::critical).feed.empty()) << "told already";
  EXPECT_EQ(f.command("acknowledge", id, R"({"off": true})").feed[0].alert.transition, 4u);
  EXPECT_EQ(f.end("a", noon, noon + minute, 3).feed[0].alert.transition, 5u);
  EXPECT_TRUE(f.end("a", noon, noon + minute, 3).feed.empty());
}

TEST(Correlator, AnAcknowledgementThatSaysNothingNewIsNoTransition) {
  fold f;
  f.fire("a", noon);
  const std::string id = fold::id_of("a", noon);
  f.command("acknowledge", id, R"({"by": "ann"})");
  EXPECT_TRUE(f.command("acknowledge", id, R"({"by": "ann", "comment": "again"})").feed.empty());
  EXPECT_EQ(f.command("acknowledge", id, R"({"by": "bob"})").feed.size(), 2u);
  f.end("a", noon, noon + minute);
  EXPECT_TRUE(f.command("acknowledge", id, R"({"by": "cy"})").feed.empty()) << "it has ended";
}

TEST(Correlator, RemembersAcknowledgementsInItsSavedState) {
  fold f;
  f.fire("a", noon);
  f.command("acknowledge", fold::id_of("a", noon), R"({"by": "ann"})");
  correlator_core again{{}};
  ASSERT_TRUE(again.restore(f.core.save()));
  EXPECT_EQ(again.save(), f.core.save());
  auto d = fold::alert_decision("a", noon, noon, 2, alert_state::firing, alert_severity::critical);
  d.seq = f.seq + 1;
  const auto told = again.apply(d).feed.at(0).alert;
  EXPECT_EQ(told.transition, 3u);
  EXPECT_EQ(told.acknowledged_by, "ann");
}

TEST(Correlator, ARetiredEntitysAcknowledgedAlertEndsWithTheNextTransition) {
  fold f;
  f.fire("a", noon);
  f.command("acknowledge", fold::id_of("a", noon), R"({"by": "ann"})");
  const auto out = f.command("retire", "a", "{}");
  ASSERT_FALSE(out.feed.empty());
  EXPECT_EQ(out.feed[0].alert.state, alert_state::resolved);
  EXPECT_EQ(out.feed[0].alert.transition, 3u);
  EXPECT_TRUE(f.core.firing().empty());
}

TEST(Correlator, TakesItsNumbersFromTheLogAndKeepsThem) {
  fold f;
  f.edge("a", "b");
  rules_record r;
  r.correlation.hops = 0;
  r.correlation.settle = milliseconds{1};
  f.command("configuration", "", encode_rules(r));
  f.fire("a", noon);
  f.fire("b", noon);
  EXPECT_EQ(f.core.open().size(), 2u) << "without hops neighbours are strangers";
  correlator_core again{{}};
  ASSERT_TRUE(again.restore(f.core.save()));
  EXPECT_EQ(again.save(), f.core.save());
  f.command("configuration", "", "no rules at all");
  f.fire("c", noon);
  EXPECT_EQ(f.core.open().size(), 3u) << "what cannot be read changes nothing";
}

TEST(Correlator, RetiringAnEntityEndsItsAlertsAndForgetsItsEdges) {
  fold f;
  f.edge("a", "b");
  f.fire("a", noon);
  const auto out = f.command("retire", "a", "{}");
  ASSERT_EQ(out.feed.size(), 1u);
  EXPECT_EQ(out.feed[0].alert.state, alert_state::resolved);
  EXPECT_EQ(out.feed[0].alert.transition, 2u);
  EXPECT_TRUE(f.core.nodes().empty());
  EXPECT_TRUE(f.core.firing().empty());
}

TEST(Correlator, WhatAnEntitySaysBehindTheWordThatRetiredItFiresNoAlertThatHasEnded) {
  fold f;
  f.edge("a", "b");
  f.fire("a", noon);
  f.fire("b", noon);
  ASSERT_EQ(f.core.open().size(), 1u) << "one incident, which stays open";
  f.command("retire", "a", "{}");
  // Its partition has not come to the word yet: it was firing there, and rises and is told again.
  for (const std::uint32_t transition : {2u, 3u, 4u}) {
    const auto said = alerts_in(f.apply(fold::alert_decision(
        "a", noon, noon + minute, transition, alert_state::firing, alert_severity::critical)));
    EXPECT_THAT(said, ::testing::IsEmpty()) << transition;
  }
  ASSERT_EQ(f.core.firing().size(), 1u);
  EXPECT_EQ(f.core.firing()[0].entity, "b");
  EXPECT_THAT(alerts_in(f.command("retired", "a", "{}")), ::testing::IsEmpty());
}

TEST(Correlator, AnAlertThatEndsAsItsEntityIsRetiredHasNoTimeLeftToALimit) {
  fold f;
  decision d =
      fold::alert_decision("a", noon, noon, 1, alert_state::firing, alert_severity::warning);
  d.alert.lead_time_s = 600;
  f.apply(d);
  const auto ended = alerts_in(f.command("retire", "a", "{}"));
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].state, alert_state::resolved);
  EXPECT_FALSE(ended[0].lead_time_s);
}

TEST(Correlator, WhatARetiredEntitySaidUntilItsPartitionCameToTheWordEndsAndNothingElse) {
  fold f;
  f.command("retire", "a", "{}");
  f.edge("a", "b");
  f.edge("c", "a");
  f.fire("a", noon);
  f.command("edge", "a", R"({"from": "a", "to": "d", "action": "add"})");
  f.post("Slow", "a", noon, noon + 9 * minute);
  f.fire("c", noon);
  f.command("retired", "a", "{}");
  const auto firing = f.core.firing();
  ASSERT_EQ(firing.size(), 2u);
  EXPECT_TRUE(firing[0].entity == "c" || firing[1].entity == "c");
  EXPECT_TRUE(firing[0].source != "" || firing[1].source != "") << "it was posted behind the word";
  std::vector<std::string> left;
  for (const auto& e : f.core.edges()) left.push_back(e.from + ">" + e.to);
  EXPECT_THAT(left, UnorderedElementsAre("a>d", "c>a"));
}

TEST(Correlator, NoticesPassThrough) {
  fold f;
  decision d;
  d.kind = decision_kind::notice;
  d.notice = {"overload", "partition/3", "behind by 4 s", event_time_of(noon)};
  const auto out = f.apply(d);
  ASSERT_EQ(out.feed.size(), 1u);
  EXPECT_EQ(out.feed[0].notice.text, "behind by 4 s");
}

TEST(Correlator, RecentChangesOfCandidatesTravelWithTheRequest) {
  fold f;
  f.edge("a", "b");
  const auto change = [&](const std::string& entity, std::int64_t at) {
    decision d;
    d.kind = decision_kind::change;
    d.change = {entity, change_kind::deploy, "v2", event_time_of(at)};
    f.apply(d);
  };
  change("b", noon - 3 * minute);
  change("b", noon - 24 * 60 * minute);
  change("stranger", noon - minute);
  const auto out = f.fire("a", noon);
  ASSERT_EQ(out.requests[0].changes.size(), 1u);
  EXPECT_EQ(out.requests[0].changes[0].entity, "b");
}

TEST(Correlator, ADecisionIsAppliedOnce) {
  fold f;
  f.fire("a", noon);
  EXPECT_TRUE(f.core.apply(f.log.back()).feed.empty());
  EXPECT_EQ(f.core.applied_through(), 1u);
}

/// A long mixed story for the two tests below.
fold story() {
  fold f;
  for (int n = 0; n < 12; ++n) {
    f.edge("s" + std::to_string(n), "s" + std::to_string((n * 7 + 1) % 12));
    f.edge("s" + std::to_string(n), "h" + std::to_string(n % 4), false, edge_kind::runs_on);
  }
  for (int n = 0; n < 400; ++n) {
    const std::int64_t at = noon + n * 20'000;
    const std::string who = "s" + std::to_string(n * n % 12);
    if (n % 9 == 3) f.silence(std::to_string(n), {{"entity", who}}, at - minute, at + minute);
    if (n % 27 == 12) f.command("unsilence", std::to_string(n - 9), R"({"by":"x"})");
    if (n % 13 == 4) f.post("Slow", who, at, at + 3 * minute);
    if (n % 31 == 5) f.edge(who, "s" + std::to_string(n % 12), n % 2 == 0);
    if (n % 50 == 7) f.command("retire", who, "{}");
    const auto out =
        f.fire(who, at, 1, n % 5 == 0 ? alert_severity::critical : alert_severity::warning);
    if (n % 3 == 0 && !out.requests.empty()) f.answer(out.requests[0].incident, who, 0.6);
    if (n % 4 != 0) f.end(who, at, at + 15'000);
    if (n % 40 == 39) f.clock(at + 30 * minute);
  }
  return f;
}

std::string told(const correlator_output& out) {
  std::string text;
  for (const auto& e : out.feed) {
    if (e.what == feed_event::kind::alert) text += encode_alert(e.alert);
    if (e.what == feed_event::kind::incident) text += encode_incident(e.incident);
    if (e.what == feed_event::kind::notice) text += e.notice.what + e.notice.subject;
  }
  for (const auto& r : out.requests) {
    text += r.incident + std::to_string(unix_ms(r.as_of)) + std::to_string(r.alerts.size());
    for (const auto& c : r.candidates) text += c;
  }
  return text;
}

TEST(Correlator, RestoredInTheMiddleItGoesOnAsIfNothingHadHappened) {
  const auto f = story();
  correlator_core straight{correlation_options{}};
  for (std::size_t n = 0; n < f.log.size(); ++n) {
    if (n % 37 == 0) {
      correlator_core back{correlation_options{}};
      const std::string bytes = straight.save();
      ASSERT_TRUE(back.restore(bytes));
      ASSERT_EQ(back.save(), bytes);
      correlator_core copy{correlation_options{}};
      ASSERT_TRUE(copy.restore(bytes));
      ASSERT_EQ(told(copy.apply(f.log[n])), told(back.apply(f.log[n])));
      ASSERT_EQ(copy.save(), back.save());
      straight = std::move(back);
      continue;
    }
    straight.apply(f.log[n]);
  }
  EXPECT_EQ(straight.save(), f.core.save());
}

TEST(Correlator, RefusesDamagedStateAndKeepsItsOwn) {
  auto f = story();
  const std::string bytes = f.core.save();
  for (std::size_t cut = 0; cut < bytes.size(); cut += 1 + cut / 50) {
    ASSERT_FALSE(f.core.restore(std::string_view{bytes}.substr(0, cut))) << cut;
  }
  EXPECT_FALSE(f.core.restore(bytes + '\0'));
  std::string newer = bytes;
  newer[0] = 99;
  EXPECT_EQ(f.core.restore(newer).error().code, ec::unknown_version);
  EXPECT_EQ(f.core.save(), bytes);
}

TEST(Correlator, TransitionsOfAnIncidentGrowByOneAndEndWithResolved) {
  const auto f = story();
  std::map<std::string, std::uint32_t> last;
  std::map<std::string, incident_state> state;
  for (const auto& e : f.feed) {
    if (e.what != feed_event::kind::incident) continue;
    ASSERT_EQ(e.incident.transition, last[e.incident.id] + 1) << e.incident.id;
    last[e.incident.id] = e.incident.transition;
    ASSERT_NE(state[e.incident.id], incident_state::resolved);
    state[e.incident.id] = e.incident.state;
  }
  EXPECT_GT(last.size(), 3u);
}

TEST(Correlator, OfADecisionThatIsPassedOverTheEndOfAnAlertIsLeft) {
  fold f;
  f.fire("a", noon);
  f.fire("b", noon);
  ASSERT_EQ(f.core.open().size(), 2u);
  decision end = fold::alert_decision("a", noon, noon + minute, 2, alert_state::resolved,
                                      alert_severity::warning);
  end.seq = ++f.seq;
  const auto told = alerts_in(f.core.pass_over(end));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].state, alert_state::resolved);
  EXPECT_EQ(told[0].transition, 2u);
  ASSERT_EQ(f.core.firing().size(), 1u);
  EXPECT_EQ(f.core.firing()[0].entity, "b");
  f.clock(noon + 24 * 60 * minute);
  ASSERT_EQ(f.core.open().size(), 1u);  // b's
  EXPECT_TRUE(alerts_in(f.fire("a", noon, 3)).empty()) << "an episode that ended stays ended";
  decision other =
      fold::alert_decision("c", noon, noon, 1, alert_state::firing, alert_severity::warning);
  other.seq = ++f.seq;
  EXPECT_TRUE(f.core.pass_over(other).feed.empty());
  EXPECT_EQ(f.core.firing().size(), 1u);
}

// Complaint: storms
TEST(Correlator, AStormOfAlertsIsOneIncidentAndFewRecords) {
  fold f;
  constexpr int count = 10'000;
  for (int n = 1; n < count; ++n) {
    f.edge("e" + std::to_string(n), "e" + std::to_string((n - 1) / 4));
  }
  for (int n = 0; n < count; ++n) f.fire("e" + std::to_string((n * 7919) % count), noon + n);
  ASSERT_EQ(f.core.open().size(), 1u);
  EXPECT_EQ(f.core.open()[0].alerts.size(), static_cast<std::size_t>(count));
  const auto records = std::count_if(f.feed.begin(), f.feed.end(), [](const feed_event& e) {
    return e.what == feed_event::kind::incident;
  });
  EXPECT_LT(records, count);
}

}  // namespace
}  // namespace faultline
