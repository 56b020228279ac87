// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "judgement/silence_limits.hpp"
#include "tests/judgement/correlator_fold.hpp"

namespace faultline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<label_matcher> of_a{{"entity", "a"}};

TEST(Silences, ASilencedEntityOpensNoIncidentUntilTheSilenceEnds) {
  fold f;
  f.silence("s1", of_a, noon, noon + minute);
  const auto out = f.fire("a", noon);
  EXPECT_TRUE(out.feed.at(0).alert.silenced);
  EXPECT_EQ(out.feed[0].alert.silenced_by, "ann");
  EXPECT_THAT(out.feed[0].alert.silences, ElementsAre("s1"));
  EXPECT_TRUE(f.core.open().empty());
  EXPECT_FALSE(f.core.wants_clock(event_time_of(noon + minute - 1)));
  EXPECT_TRUE(f.core.wants_clock(event_time_of(noon + minute)));
  const auto later = alerts_in(f.clock(noon + minute));
  ASSERT_EQ(later.size(), 1u) << "the feed hears of it";
  EXPECT_FALSE(later[0].silenced);
  EXPECT_EQ(later[0].transition, 2u);
  EXPECT_EQ(later[0].updated, event_time_of(noon)) << "the entity has said nothing new";
  EXPECT_EQ(f.core.open().size(), 1u);
}

TEST(Silences, WhatFiresIsToldAgainAndGoesOnInItsIncident) {
  fold f;
  f.fire("a", noon);
  f.fire("b", noon);
  const auto out = f.silence("s1", of_a, noon, noon + 60 * minute);
  const auto told = alerts_in(out);
  ASSERT_EQ(told.size(), 1u) << "the alert of b is not touched";
  EXPECT_EQ(told[0].transition, 2u);
  EXPECT_TRUE(told[0].silenced);
  EXPECT_EQ(out.feed.front().notice.what, "silenced");
  EXPECT_THAT(out.feed.front().notice.text, HasSubstr(R"({entity="a"} by ann until )"));
  EXPECT_EQ(f.core.open().size(), 2u);
  const auto raised = alerts_in(f.apply(fold::alert_decision(
      "a", noon, noon + minute, 2, alert_state::firing, alert_severity::critical)));
  EXPECT_EQ(raised.at(0).transition, 3u) << "the entity's second transition is the third told";
  EXPECT_TRUE(raised[0].silenced);
  const auto ended = alerts_in(f.end("a", noon, noon + 2 * minute, 3));
  EXPECT_TRUE(ended.at(0).silenced) << "who hears of the end must know that it was silenced";
}

TEST(Silences, EndOnAnOperatorsWordOnce) {
  fold f;
  f.fire("a", noon);
  f.silence("s1", of_a, noon, noon + 60 * minute);
  const auto out = f.command("unsilence", "s1", R"({"by":"bob"})", noon + minute);
  EXPECT_EQ(alerts_in(out).size(), 1u);
  EXPECT_EQ(out.feed.front().notice.text, R"({entity="a"} was ended by bob)");
  EXPECT_EQ(f.core.silences().at(0).state, silence_state::expired);
  EXPECT_EQ(f.core.silences()[0].what.ends, event_time_of(noon + minute));
  EXPECT_TRUE(f.command("unsilence", "s1", "{}", noon + minute).feed.empty());
  EXPECT_TRUE(f.command("unsilence", "unknown", "{}", noon + minute).feed.empty());
}

TEST(Silences, AnotherEndIsTakenAndOneThatIsOverStaysOver) {
  fold f;
  f.fire("a", noon);
  f.silence("s1", of_a, noon, noon + minute);
  EXPECT_TRUE(alerts_in(f.silence("s1", of_a, noon, noon + 5 * minute)).empty())
      << "nothing changes for the alert";
  EXPECT_TRUE(alerts_in(f.clock(noon + 2 * minute)).empty());
  EXPECT_EQ(alerts_in(f.clock(noon + 5 * minute)).size(), 1u);
  f.silence("s1", of_a, noon, noon + 50 * minute);
  EXPECT_EQ(f.core.silences().at(0).state, silence_state::expired);
}

TEST(Silences, OneThatBeginsLaterWaits) {
  fold f;
  f.fire("a", noon);
  EXPECT_TRUE(alerts_in(f.silence("s1", of_a, noon + minute, noon + 2 * minute, noon)).empty());
  EXPECT_EQ(f.core.silences().at(0).state, silence_state::pending);
  EXPECT_TRUE(alerts_in(f.clock(noon + minute)).at(0).silenced);
}

TEST(Silences, WithoutAMatcherThatAsksForSomethingNothingIsTaken) {
  fold f;
  f.fire("a", noon);
  for (const auto& m : std::vector<std::vector<label_matcher>>{
           {}, {{"x", ""}}, {{"entity", ".*", true}}, {{"entity", "(", true}}})
    EXPECT_TRUE(f.silence("s", m, noon, noon + minute).feed.empty());
  EXPECT_TRUE(f.silence("s", of_a, noon + minute, noon).feed.empty()) << "ends before it starts";
  EXPECT_TRUE(f.command("silence", "s", R"({"by":"ada"})").feed.empty());
  EXPECT_THAT(f.core.silences(), IsEmpty());
}

TEST(Silences, TwoThatOverlapAreBothNamedAndTheLastOneCounts) {
  fold f;
  f.fire("a", noon);
  f.silence("s1", of_a, noon, noon + minute);
  const auto both =
      alerts_in(f.silence("s2", {{"alertname", "Entity.*", true}}, noon, noon + 2 * minute));
  EXPECT_THAT(both.at(0).silences, ElementsAre("s1", "s2"));
  EXPECT_TRUE(alerts_in(f.clock(noon + minute)).at(0).silenced);
  EXPECT_FALSE(alerts_in(f.clock(noon + 2 * minute)).at(0).silenced);
}

// Complaint: timers-reset
TEST(Silences, AreTheSameAfterARestartInTheMiddle) {
  fold whole;
  fold cut;
  const auto play = [](fold& f, int from, int to) {
    for (int n = from; n < to; ++n) {
      const std::int64_t at = noon + n * minute;
      f.fire("e" + std::to_string(n), at);
      f.silence("s" + std::to_string(n), {{"entity", "e[0-" + std::to_string(n % 10) + "]", true}},
                at + n % 3 * minute, at + (5 + n % 7) * minute, at);
    }
  };
  play(whole, 0, 20);
  play(cut, 0, 10);
  correlator_core again{{}};
  ASSERT_TRUE(again.restore(cut.core.save()));
  cut.core = std::move(again);
  play(cut, 10, 20);
  EXPECT_EQ(cut.core.save(), whole.core.save());
  EXPECT_EQ(cut.feed.size(), whole.feed.size());
}

TEST(Silences, OneThatEndsOverSeveralAlertsOpensAnIncidentEach) {
  fold f;
  f.silence("s1", {{"entity", "a|b", true}}, noon, noon + minute);
  f.fire("a", noon);
  f.fire("b", noon);
  ASSERT_TRUE(f.core.open().empty());
  f.clock(noon + minute);
  ASSERT_EQ(f.core.open().size(), 2u);
  EXPECT_EQ(f.core.open()[0].alerts.size(), 1u);
  EXPECT_EQ(f.core.open()[1].alerts.size(), 1u);
}

TEST(Silences, WhatEndsWithItsSilenceOpensNoIncident) {
  fold f;
  f.silence("s1", of_a, noon, noon + 5 * minute);
  f.post("Slow", "a", noon, noon + 5 * minute);
  f.clock(noon + 5 * minute);
  EXPECT_TRUE(f.core.firing().empty());
  EXPECT_TRUE(f.core.open().empty());
}

TEST(Silences, ThatAreEndedByHandAreForgottenToo) {
  fold f;
  for (int n = 0; n < 1010; ++n) {
    const auto id = "s" + std::to_string(n);
    f.silence(id, of_a, noon + n, noon + minute + n);
    f.command("unsilence", id, "{}", noon + n);
  }
  EXPECT_LE(f.core.silences().size(), 1001u);
}

TEST(Silences, OldOnesAreForgotten) {
  fold f;
  f.silence("s1", of_a, noon, noon + minute);
  f.silence("s2", of_a, noon, noon + 6 * 1440 * minute);
  f.clock(noon + minute);
  EXPECT_EQ(f.core.silences().size(), 2u);
  f.clock(noon + 6 * 1440 * minute);
  EXPECT_EQ(f.core.silences().size(), 1u);
}

TEST(Silences, AreTakenUpToTheirBoundAndThoseThatHaveEndedDoNotCount) {
  fold f;
  for (std::size_t n = 0; n < most_silences; ++n)
    f.silence("s" + std::to_string(n), of_a, noon + 60 * minute, noon + 120 * minute);
  EXPECT_THAT(room_for_silence(f.core.silences()).error().what,
              HasSubstr("there are 4096 silences"));
  const auto refused = f.silence("one more", of_a, noon, noon + 60 * minute);
  EXPECT_THAT(refused.feed.at(0).notice.text, HasSubstr("refused: there are 4096 silences"));
  f.command("unsilence", "s7", R"({"by":"bob"})", noon);
  EXPECT_TRUE(room_for_silence(f.core.silences()));
  f.silence("another", of_a, noon + 60 * minute, noon + 120 * minute);
  EXPECT_FALSE(room_for_silence(f.core.silences()));
}

}  // namespace
}  // namespace faultline
