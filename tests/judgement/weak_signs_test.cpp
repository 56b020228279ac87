// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/judgement/correlator_fold.hpp"

namespace faultline {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

/// a and b are called by c. Each shows a little at noon, and nobody pages.
struct WeakSigns : ::testing::Test {
  static constexpr std::int64_t asked_at = noon + minute;
  static constexpr std::int64_t asked_again_at = noon + 3 * minute;
  static constexpr std::int64_t asked_last_at = noon + 10 * minute;

  explicit WeakSigns(correlation_options options = {}) : f{options} {
    f.edge("c", "a");
    f.edge("c", "b");
  }

  correlator_output sign(const std::string& entity, std::int64_t at, double decades = 0.8) {
    decision d;
    d.kind = decision_kind::sign;
    d.sign = {entity, event_time_of(at), decades, "latency"};
    return f.apply(d);
  }

  correlator_output answer(const rca_request& r, const std::string& cause, double probability,
                           double support) {
    decision d;
    d.kind = decision_kind::root_cause;
    d.root_cause.incident = r.incident;
    d.root_cause.as_of = r.as_of;
    d.root_cause.causes.resize(1);
    d.root_cause.causes[0].entity = cause;
    d.root_cause.causes[0].probability = probability;
    d.root_cause.support = support;
    d.root_cause.unobserved = 1 - probability;
    d.root_cause.abstained = probability < 0.4;
    return f.apply(d);
  }

  rca_request question() {
    sign("c", noon);
    sign("a", noon + minute / 2);
    const auto out = f.clock(asked_at);
    EXPECT_EQ(out.requests.size(), 1u);
    return out.requests.empty() ? rca_request{} : out.requests[0];
  }

  fold f;
};

TEST_F(WeakSigns, AreAskedAboutWithTheirNeighboursAndNobodyIsTold) {
  const rca_request r = question();
  EXPECT_EQ(unix_ms(r.onset), noon);
  EXPECT_EQ(unix_ms(r.as_of), asked_at);
  EXPECT_THAT(r.candidates, UnorderedElementsAre("a", "b", "c"));
  EXPECT_EQ(r.edges.size(), 2u);
  EXPECT_TRUE(f.feed.empty());
  EXPECT_TRUE(f.core.open().empty());
}

TEST_F(WeakSigns, OfAnEntityWithoutNeighboursAreAskedAboutAlone) {
  sign("alone", noon, 1.9);
  sign("another", noon, 1.9);
  const auto asked = f.clock(asked_at);
  ASSERT_EQ(asked.requests.size(), 2u);
  for (const auto& r : asked.requests) EXPECT_EQ(r.candidates.size(), 1u);
  const auto told = incidents_in(answer(asked.requests[0], "alone", 0.95, 6));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_THAT(told[0].entities, UnorderedElementsAre("alone"));
  EXPECT_TRUE(incidents_in(answer(asked.requests[1], "another", 0.95, 5)).empty());
}

TEST_F(WeakSigns, OfManyWithoutNeighboursNoneIsAskedAbout) {
  for (int n = 0; n < 33; ++n) sign("crowd/" + std::to_string(n), noon);
  sign("alone", noon + minute);
  sign("c", noon + minute);
  const auto asked = f.clock(noon + 4 * minute).requests;
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_THAT(asked[0].candidates, UnorderedElementsAre("a", "b", "c"));
}

TEST_F(WeakSigns, AnIncidentOfTheirsIsNamedAfterTheAlertThatJoins) {
  answer(question(), "a", 0.95, 6);
  const auto told = incidents_in(f.fire("c", noon + 3 * minute));
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back().summary.find("weak signs"), std::string::npos) << told.back().summary;
}

TEST_F(WeakSigns, OfWhatNothingConnectsMakeCandidatesOfIncidents) {
  sign("long/ago", noon - 20 * minute);
  sign("shortly/before", noon - minute / 2);
  sign("a", noon - minute / 2);  // it has its own neighbours
  const auto fired = f.fire("alone", noon);
  ASSERT_EQ(fired.requests.size(), 1u);
  EXPECT_THAT(fired.requests[0].candidates,
              UnorderedElementsAre("alone", "shortly/before", "long/ago"));
  answer(fired.requests[0], "alone", 0.9, 6);
  f.fire("other/that/pages", noon + minute / 2);
  sign("behind", noon + minute);
  const auto later = f.clock(noon + 3 * minute);  // asked once more
  const auto again =
      std::find_if(later.requests.begin(), later.requests.end(),
                   [&](const rca_request& r) { return r.incident == fired.requests[0].incident; });
  ASSERT_NE(again, later.requests.end());
  EXPECT_THAT(again->candidates, UnorderedElementsAre("alone", "shortly/before", "long/ago",
                                                      "other/that/pages", "behind"));
  answer(*again, "alone", 0.9, 6);
  for (int n = 0; n < 40; ++n) sign("crowd/" + std::to_string(n), noon + 2 * minute);
  const auto crowded = f.clock(noon + 6 * minute);
  const auto about =
      std::find_if(crowded.requests.begin(), crowded.requests.end(),
                   [&](const rca_request& r) { return r.incident == fired.requests[0].incident; });
  ASSERT_NE(about, crowded.requests.end());
  EXPECT_THAT(about->candidates, UnorderedElementsAre("alone"));
}

TEST_F(WeakSigns, WhatNothingConnectsIsACandidateWhereItsAlertIsInDoubt) {
  auto doubted =
      fold::alert_decision("young", noon, noon, 1, alert_state::firing, alert_severity::warning);
  doubted.alert.learning = true;
  f.apply(doubted);
  const auto fired = f.fire("alone", noon + minute);
  ASSERT_EQ(fired.requests.size(), 1u);
  EXPECT_THAT(fired.requests[0].candidates, UnorderedElementsAre("alone", "young"));
}

TEST_F(WeakSigns, WhatNothingConnectsIsNoCandidateCalmWhereTheyAreManyOrOthersHaveNeighbours) {
  sign("calm", noon - 20 * minute);
  const auto about_alerts = [](const correlator_output& out) {
    for (const rca_request& r : out.requests)
      if (!r.alerts.empty()) return r.candidates;
    return std::vector<std::string>{};
  };
  EXPECT_THAT(about_alerts(f.fire("a", noon)), UnorderedElementsAre("a", "b", "c"));
  for (int n = 0; n < 40; ++n) sign("crowd/" + std::to_string(n), noon - 20 * minute);
  EXPECT_THAT(about_alerts(f.fire("alone", noon + minute)), UnorderedElementsAre("alone"));
}

TEST_F(WeakSigns, OneOlderThanAllThatAreKeptIsLetGo) {
  for (int n = 0; n < 65'536; ++n) sign("quiet/" + std::to_string(n), noon);
  EXPECT_NO_THROW(sign("c", noon - minute / 60));
  EXPECT_TRUE(f.clock(asked_at).requests.empty());
  EXPECT_NO_THROW(sign("c", noon + minute));  // a younger one has a place
  EXPECT_EQ(f.clock(noon + 3 * minute).requests.size(), 1u);
}

TEST_F(WeakSigns, AStrongCauseOpensAnIncident) {
  const auto told = incidents_in(answer(question(), "a", 0.95, 6));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].transition, 1u);
  EXPECT_TRUE(told[0].alerts.empty());
  EXPECT_EQ(told[0].causes.at(0).entity, "a");
  EXPECT_EQ(unix_ms(told[0].started), noon);
  EXPECT_THAT(told[0].summary, HasSubstr("weak signs: latency of c"));
  EXPECT_EQ(f.core.open().size(), 1u);
  EXPECT_EQ(f.core.signs().opened, 1u);
}

TEST_F(WeakSigns, ACauseThatIsNotLikelyEnoughOpensNothing) {
  answer(question(), "a", 0.85, 20);
  EXPECT_TRUE(f.feed.empty());
}

TEST_F(WeakSigns, ACauseThatIsHardlyLikelierThanNothingWrongOpensNothing) {
  answer(question(), "a", 0.99, 5);  // ln(180 / 1) = 5.19
  EXPECT_TRUE(f.feed.empty());
}

struct ManyFalseIncidentsAccepted : WeakSigns {
  static correlation_options many() {
    correlation_options o;
    o.false_incidents_per_entity_month = 12;
    return o;
  }
  ManyFalseIncidentsAccepted() : WeakSigns{many()} {}
};

TEST_F(ManyFalseIncidentsAccepted, LessSupportIsEnough) {
  answer(question(), "a", 0.99, 5);  // ln(180 / 12) = 2.71
  EXPECT_EQ(f.core.open().size(), 1u);
}

struct NoFalseIncidentAccepted : WeakSigns {
  static correlation_options none() {
    correlation_options o;
    o.false_incidents_per_entity_month = 0;
    return o;
  }
  NoFalseIncidentAccepted() : WeakSigns{none()} {}
};

TEST_F(NoFalseIncidentAccepted, NothingIsAsked) {
  sign("c", noon);
  EXPECT_TRUE(f.clock(asked_at).requests.empty());
  EXPECT_FALSE(f.core.wants_clock());
}

TEST_F(WeakSigns, AreAskedAboutOnceMoreWhereTheFirstAnswerIsNotHopeless) {
  answer(question(), "a", 0.6, 1);
  EXPECT_EQ(f.clock(asked_again_at).requests.size(), 1u);
}

TEST_F(WeakSigns, AreNotAskedAboutAgainWhereNothingWrongIsLikelier) {
  answer(question(), "a", 0.6, -1);
  EXPECT_TRUE(f.clock(asked_again_at).requests.empty());
  EXPECT_FALSE(f.core.wants_clock()) << "and nothing waits any more";
}

TEST_F(WeakSigns, AreAskedAboutAtTheseAgesAndNotBefore) {
  sign("c", noon);
  const auto asked = [&](std::int64_t at, double support) {
    EXPECT_TRUE(f.clock(at - 1).requests.empty()) << at - noon;
    const auto requests = f.clock(at).requests;
    ASSERT_EQ(requests.size(), 1u) << at - noon;
    answer(requests[0], "a", 0.95, support);
  };
  asked(asked_at, 1);
  asked(asked_again_at, 3);
  asked(asked_last_at, 3);
  EXPECT_FALSE(f.core.wants_clock());
}

TEST_F(WeakSigns, AreAskedAboutALastTimeWhereTheSecondAnswerIsHalfWayThere) {
  answer(question(), "a", 0.6, 1);
  const auto second = f.clock(asked_again_at).requests;
  ASSERT_EQ(second.size(), 1u);
  answer(second[0], "a", 0.95, 3);  // ln(180 / 1) / 2 = 2.60
  const auto last = f.clock(asked_last_at).requests;
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(incidents_in(answer(last[0], "a", 0.95, 6)).size(), 1u);
}

TEST_F(WeakSigns, AreNotAskedAboutALastTimeWhereTheSecondAnswerIsLess) {
  answer(question(), "a", 0.6, 1);
  const auto second = f.clock(asked_again_at).requests;
  ASSERT_EQ(second.size(), 1u);
  answer(second[0], "a", 0.95, 2);
  EXPECT_TRUE(f.clock(asked_last_at).requests.empty());
  EXPECT_FALSE(f.core.wants_clock());
}

TEST_F(WeakSigns, OfAnEntityWithoutNeighboursAreAskedAboutTwiceAtMost) {
  sign("alone", noon);
  const auto first = f.clock(asked_at).requests;
  ASSERT_EQ(first.size(), 1u);
  answer(first[0], "alone", 0.95, 4);
  const auto second = f.clock(asked_again_at).requests;
  ASSERT_EQ(second.size(), 1u);
  answer(second[0], "alone", 0.95, 4);
  EXPECT_TRUE(f.clock(asked_last_at).requests.empty());
  EXPECT_FALSE(f.core.wants_clock());
}

TEST_F(WeakSigns, ASilencedEntityHasNone) {
  f.silence("s1", {{"entity", "c"}}, noon - minute, noon + 60 * minute);
  sign("c", noon);
  EXPECT_TRUE(f.clock(asked_at).requests.empty());
}

TEST_F(WeakSigns, OfARetiredEntityOpenNothing) {
  const rca_request r = question();
  f.command("retire", "c", "", asked_at);
  EXPECT_TRUE(answer(r, "c", 0.95, 6).feed.empty());
  EXPECT_TRUE(f.core.open().empty());
}

TEST_F(WeakSigns, OfARetiredEntityAreNoPartOfAnotherOnes) {
  const rca_request r = question();  // c's, with a
  f.command("retire", "a", "", asked_at);
  const auto told = incidents_in(answer(r, "c", 0.95, 6));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_THAT(told[0].entities, UnorderedElementsAre("c"));
}

TEST_F(WeakSigns, WhatAPageHasOpenedIsNotAskedAboutTwice) {
  sign("c", noon);
  f.fire("a", noon + minute);
  const auto out = f.clock(asked_at);
  for (const rca_request& r : out.requests) EXPECT_EQ(r.incident, f.core.open().at(0).id);
  sign("b", noon + 3 * minute);
  EXPECT_EQ(f.core.signs().asked, 0u);
}

TEST_F(WeakSigns, AnAlertThatFollowsJoinsTheirIncident) {
  answer(question(), "a", 0.95, 6);
  f.fire("b", noon + 4 * minute);
  ASSERT_EQ(f.core.open().size(), 1u);
  EXPECT_EQ(f.core.open()[0].alerts.size(), 1u);
  EXPECT_THAT(f.core.open()[0].entities, UnorderedElementsAre("a", "b", "c"));
}

TEST_F(WeakSigns, TheirIncidentEndsAWindowAfterTheLast) {
  answer(question(), "a", 0.95, 6);
  sign("b", noon + 4 * minute);
  f.clock(noon + 13 * minute);
  EXPECT_EQ(f.core.open().size(), 1u);
  const auto told = incidents_in(f.clock(noon + 14 * minute));
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back().state, incident_state::resolved);
  EXPECT_EQ(told.back().ended, event_time_of(noon + 4 * minute));
}

TEST_F(WeakSigns, AnotherTroubleLaterIsAnIncidentOfItsOwn) {
  const std::string first = incidents_in(answer(question(), "a", 0.95, 6)).at(0).id;
  sign("b", noon + 8 * minute);
  const auto out = f.clock(noon + 10 * minute);
  const auto about = std::find_if(out.requests.begin(), out.requests.end(),
                                  [&](const rca_request& r) { return r.incident != first; });
  ASSERT_NE(about, out.requests.end());
  answer(*about, "b", 0.97, 8);
  EXPECT_EQ(f.core.open().size(), 2u);
}

TEST_F(WeakSigns, RestoredAnywhereItGoesOnAsIfNothingHadHappened) {
  answer(question(), "a", 0.95, 6);
  sign("b", noon + 8 * minute);
  f.fire("b", noon + 9 * minute);
  f.clock(noon + 10 * minute);
  f.end("b", noon + 9 * minute, noon + 12 * minute);
  f.clock(noon + 40 * minute);
  for (std::size_t cut = 0; cut <= f.log.size(); ++cut) {
    correlator_core before{{}};
    for (std::size_t n = 0; n < cut; ++n) before.apply(f.log[n]);
    correlator_core after{{}};
    ASSERT_TRUE(after.restore(before.save())) << cut;
    EXPECT_EQ(after.save(), before.save());
    for (std::size_t n = cut; n < f.log.size(); ++n) {
      const auto a = before.apply(f.log[n]);
      const auto b = after.apply(f.log[n]);
      EXPECT_EQ(a.feed.size(), b.feed.size()) << cut << " " << n;
      EXPECT_EQ(a.requests.size(), b.requests.size()) << cut << " " << n;
    }
    EXPECT_EQ(after.save(), before.save()) << cut;
  }
}

}  // namespace
}  // namespace faultline
