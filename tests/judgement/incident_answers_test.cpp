// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/judgement/correlator_fold.hpp"

namespace faultline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

/// An incident of `a` that ends before anybody has answered what caused it.
struct LateAnswer : ::testing::Test {
  LateAnswer() {
    const auto first = f.fire("a", noon);
    id = first.requests.at(0).incident;
    asked = first.requests[0].as_of;
    f.end("a", noon, noon + minute);
    const auto told = incidents_in(f.clock(noon + 60 * minute));
    transition = told.at(0).transition;
  }

  fold f;
  std::string id;
  event_time asked{};
  std::uint32_t transition = 0;
};

TEST_F(LateAnswer, TellsTheIncidentThatHasEndedOnceMore) {
  ASSERT_THAT(f.core.open(), IsEmpty());
  const auto told = incidents_in(f.answer(id, "b", 0.8, asked));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].id, id);
  EXPECT_EQ(told[0].state, incident_state::resolved);
  EXPECT_EQ(told[0].transition, transition + 1);
  EXPECT_EQ(told[0].causes.at(0).entity, "b");
  EXPECT_EQ(unix_ms(told[0].ended.value()), noon + minute);
  EXPECT_THAT(told[0].alerts, ElementsAre(fold::id_of("a", noon)));
  EXPECT_THAT(told[0].summary, HasSubstr("memory leak in b (80 %)"));
  EXPECT_THAT(f.core.open(), IsEmpty());
  EXPECT_THAT(incidents_in(f.answer(id, "c", 0.8, asked)), IsEmpty()) << "it was answered";
}

TEST_F(LateAnswer, IsTakenAfterARestart) {
  fold g;
  ASSERT_TRUE(g.core.restore(f.core.save()));
  g.seq = f.seq;
  EXPECT_EQ(g.core.save(), f.core.save());
  EXPECT_EQ(incidents_in(g.answer(id, "b", 0.8, asked)).size(), 1u);
}

TEST_F(LateAnswer, OfAnEarlierQuestionStandsUntilTheLastOneComes) {
  EXPECT_EQ(incidents_in(f.answer(id, "b", 0.8, asked - milliseconds{1})).size(), 1u);
  EXPECT_THAT(incidents_in(f.answer(id, "b", 0.7, asked - milliseconds{1})), IsEmpty());
  EXPECT_EQ(incidents_in(f.answer(id, "c", 0.8, asked)).size(), 1u);
}

TEST_F(LateAnswer, ThatIsEmptyErasesNothing) {
  f.answer(id, "b", 0.8, asked - milliseconds{1});
  decision failed;
  failed.kind = decision_kind::root_cause;
  failed.root_cause.incident = id;
  failed.root_cause.as_of = asked;
  failed.root_cause.abstained = true;
  EXPECT_THAT(incidents_in(f.apply(failed)), IsEmpty());
}

TEST_F(LateAnswer, ThatNamesNobodyIsNoSecondEnd) {
  decision failed;
  failed.kind = decision_kind::root_cause;
  failed.root_cause.incident = id;
  for (const int earlier_ms : {1, 0}) {
    failed.root_cause.as_of = asked - milliseconds{earlier_ms};
    EXPECT_THAT(incidents_in(f.apply(failed)), IsEmpty()) << earlier_ms;
  }
  EXPECT_THAT(incidents_in(f.answer(id, "b", 0.8, asked)), IsEmpty()) << "it was answered";
}

TEST_F(LateAnswer, ThatNamesNobodyLeavesRoomForTheNext) {
  decision failed;
  failed.kind = decision_kind::root_cause;
  failed.root_cause.incident = id;
  failed.root_cause.as_of = asked - milliseconds{1};
  f.apply(failed);
  EXPECT_EQ(incidents_in(f.answer(id, "b", 0.8, asked)).size(), 1u);
}

TEST_F(LateAnswer, ThatIsNotSureErasesNoCauseThatWas) {
  f.answer(id, "b", 0.95, asked - milliseconds{1});
  EXPECT_THAT(incidents_in(f.answer(id, "c", 0.2, asked)), IsEmpty());
}

TEST_F(LateAnswer, IsAskedForAgainAfterARestart) {
  const auto again = f.core.outstanding();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].incident, id);
  EXPECT_EQ(again[0].as_of, asked);
  EXPECT_THAT(again[0].candidates, ElementsAre("a"));
}

TEST(LateAnswers, AreAwaitedByTheLastSixtyFourAlone) {
  fold f;
  std::vector<rca_request> asked;
  for (int n = 0; n < 65; ++n) {
    const std::string entity = "host/" + std::to_string(n);
    asked.push_back(f.fire(entity, noon + n).requests.at(0));
    f.end(entity, noon + n, noon + minute);
  }
  f.clock(noon + 60 * minute);
  ASSERT_THAT(f.core.open(), IsEmpty());
  std::size_t told = 0;
  for (const auto& r : asked) told += incidents_in(f.answer(r.incident, "b", 0.8, r.as_of)).size();
  EXPECT_EQ(told, 64u);
}

TEST(LateAnswers, OfWhatWasMergedSayNothing) {
  fold f;
  const auto first = f.fire("a", noon).requests.at(0);
  const auto second = f.fire("b", noon + 1).requests.at(0);
  f.edge("a", "c");
  f.edge("b", "c");
  f.fire("c", noon + 2);
  ASSERT_EQ(f.core.open().size(), 1u);
  EXPECT_THAT(incidents_in(f.answer(second.incident, "b", 0.8, second.as_of)), IsEmpty());
  EXPECT_EQ(incidents_in(f.answer(first.incident, "b", 0.8, first.as_of)).size(), 1u);
}

/// a's disk fills; what it breaks begins half an hour later, when a's incident takes nobody in.
struct SameCause : ::testing::Test {
  static constexpr std::int64_t later = noon + 40 * minute;

  SameCause() {
    f.edge("b", "a");
    const auto first = f.fire("a", noon).requests.at(0);
    older = first.incident;
    f.answer(older, "a", 0.95, first.as_of);
    for (const auto& again : f.clock(later - minute).requests)
      f.answer(older, "a", 0.95, again.as_of);
    second = f.fire("b", later).requests.at(0);
  }
  correlator_output answer(const std::string& cause, double probability) {
    return f.answer(second.incident, cause, probability, second.as_of);
  }

  fold f;
  std::string older;
  rca_request second;
};

TEST_F(SameCause, OfTwoOpenIncidentsMakesThemOne) {
  ASSERT_EQ(f.core.open().size(), 2u);
  const auto out = answer("a", 0.92);
  const auto told = incidents_in(out);
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[1].id, second.incident);
  EXPECT_EQ(told[1].state, incident_state::resolved);
  EXPECT_EQ(told[1].summary, "merged into " + older);
  ASSERT_EQ(f.core.open().size(), 1u);
  EXPECT_EQ(f.core.open()[0].id, older);
  EXPECT_THAT(f.core.open()[0].entities, UnorderedElementsAre("a", "b"));
  EXPECT_DOUBLE_EQ(f.core.open()[0].causes.at(0).probability, 0.92) << "the newest answer";
  EXPECT_THAT(out.requests, IsEmpty()) << "both have just been asked about";
}

TEST_F(SameCause, IsOfTheKindThatWasSeenFromTheBeginning) {
  const auto say = [this](const std::string& incident, const std::string& cls,
                          const std::string& metric, event_time as_of) {
    decision d;
    d.kind = decision_kind::root_cause;
    d.root_cause.incident = incident;
    d.root_cause.as_of = as_of;
    ranked_cause c;
    c.entity = "a";
    c.probability = 0.95;
    c.fault_class = cls;
    c.metric = metric;
    c.evidence = {{"deviation", metric + " rose 30 robust deviations", 4}};
    c.remediation = {{"of " + cls, {}, "", 0, 0}};
    d.root_cause.causes = {c};
    d.root_cause.abstained = false;
    return f.apply(d);
  };
  const auto seen = [this] { return f.core.open().at(0).causes.at(0); };
  say(older, "disk", "disk.used", event_time_of(later - minute));
  say(second.incident, "error_burst", "errors", second.as_of);
  ASSERT_EQ(f.core.open().size(), 1u);
  EXPECT_EQ(seen().fault_class, "disk");
  EXPECT_EQ(seen().metric, "disk.used");
  EXPECT_EQ(seen().remediation.at(0).title, "of disk");
  ASSERT_EQ(seen().evidence.size(), 2u);
  EXPECT_EQ(seen().evidence[0].text, "disk.used rose 30 robust deviations");
  EXPECT_EQ(seen().evidence[1].text, "errors rose 30 robust deviations");

  f.edge("c", "b");
  const auto third = f.fire("c", later + 2 * minute).requests.at(0);
  say(older, "error_burst", "errors", third.as_of);
  EXPECT_EQ(seen().fault_class, "disk") << "the later answers are as of the later onset, too";
  EXPECT_EQ(seen().evidence.size(), 2u);

  say(older, "change", "errors", third.as_of);
  EXPECT_EQ(seen().fault_class, "change") << "something was changed since it began";
}

TEST_F(SameCause, TakesInWhatComesAfterwards) {
  f.edge("c", "b");
  answer("a", 0.92);
  const auto out = f.fire("c", later + 2 * minute);
  ASSERT_EQ(f.core.open().size(), 1u);
  EXPECT_THAT(f.core.open()[0].entities, UnorderedElementsAre("a", "b", "c"));
  ASSERT_EQ(out.requests.size(), 1u);
  EXPECT_EQ(unix_ms(out.requests[0].onset), later);
}

TEST_F(SameCause, DoesNotBringBackAnIncidentThatIsOver) {
  f.edge("c", "b");
  answer("a", 0.92);
  const auto third = f.fire("c", later + 8 * minute).requests.at(0);
  const auto told = incidents_in(f.answer(older, "c", 0.9, third.as_of));
  ASSERT_EQ(told.size(), 2u) << "split";
  for (const incident& i : told) EXPECT_NE(i.id, second.incident);
}

TEST_F(SameCause, WhoseOwnAlertIsOverKeepsThemApart) {
  f.fire("d", noon + minute);
  f.edge("d", "a");
  f.end("a", noon, noon + 10 * minute);
  answer("a", 0.92);
  EXPECT_EQ(f.core.open().size(), 2u);
}

TEST_F(SameCause, ResolvesWhenTheAlertsOfBothHaveEnded) {
  answer("a", 0.92);
  f.end("a", noon, later + minute);
  f.clock(later + 20 * minute);
  EXPECT_EQ(f.core.open().size(), 1u);
  f.end("b", later, later + 21 * minute);
  f.clock(later + 40 * minute);
  EXPECT_THAT(f.core.open(), IsEmpty());
}

TEST_F(SameCause, ThatIsNotSureKeepsThemApart) {
  answer("a", 0.89);
  EXPECT_EQ(f.core.open().size(), 2u);
}

TEST_F(SameCause, AnotherCauseKeepsThemApart) {
  answer("b", 0.99);
  EXPECT_EQ(f.core.open().size(), 2u);
}

TEST_F(SameCause, IsTheSameAfterARestart) {
  answer("a", 0.92);
  fold g;
  ASSERT_TRUE(g.core.restore(f.core.save()));
  EXPECT_EQ(g.core.save(), f.core.save());
}

TEST_F(SameCause, ThatNobodyFindsAnyMoreStaysTheAnswer) {
  f.edge("c", "b");
  answer("a", 0.92);
  const auto third = f.fire("c", later + 2 * minute).requests.at(0);
  f.answer(older, "c", 0.2, third.as_of);
  EXPECT_EQ(f.core.open().at(0).causes.at(0).entity, "a");
}

TEST(Incidents, ThatMergeAreAskedAboutWhatBeganLaterWhereTheOlderHasOneAlert) {
  fold f;
  f.edge("x", "a");
  const auto first = f.fire("a", noon).requests.at(0);
  f.answer(first.incident, "a", 0.8, first.as_of);
  for (const auto& asked : f.fire("b", noon + 7 * minute).requests)
    f.answer(asked.incident, asked.incident == first.incident ? "a" : "b", 0.8, asked.as_of);
  ASSERT_EQ(f.core.open().size(), 2u);
  const auto out = f.edge("x", "b");
  ASSERT_EQ(f.core.open().size(), 1u);
  ASSERT_EQ(out.requests.size(), 1u);
  EXPECT_EQ(unix_ms(out.requests[0].onset), noon + 7 * minute);
}

}  // namespace
}  // namespace faultline
