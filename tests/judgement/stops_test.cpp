// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "judgement/alert_lifecycle.hpp"
#include "tests/judgement/correlator_fold.hpp"

namespace faultline {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::int64_t second = 1'000;

/// Says at @p told that nothing was heard of @p entity since @p last, which used to speak every
/// @p interval_s.
decision silence_of(const std::string& entity, std::int64_t last, std::int64_t told,
                    double interval_s = 10) {
  decision d =
      fold::alert_decision(entity, told, told, 1, alert_state::firing, alert_severity::warning);
  d.alert.metric = silence_metric;
  d.alert.contributors = {
      {std::string{silence_metric}, static_cast<double>(told - last) / 1000, interval_s, 0, 60, 0}};
  d.alert.labels["alertname"] = alert_name(alert_reason::silence);
  return d;
}

std::string name_of(int n) { return "host/" + std::to_string(n); }

TEST(Stops, WhoseLastEventsAreOfOneMomentFallSilentInOneIncidentWhateverConnectsThem) {
  fold f;
  for (int n = 0; n < 200; ++n)
    f.apply(silence_of(name_of(n), noon + n % 10 * second, noon + minute + n * 100));
  ASSERT_EQ(f.core.open().size(), 1u);
  const incident i = f.core.open().front();
  EXPECT_EQ(i.entities.size(), 200u);
  f.clock(noon + 3 * minute);
  EXPECT_THAT(f.core.open().front().summary,
              StartsWith("silence of 200 entities that stopped at once since 12:01"));
}

TEST(Stops, WithoutACauseTheSummarySaysWhereToLook) {
  fold f;
  std::string id;
  for (int n = 0; n < 3; ++n) {
    const auto out = f.apply(silence_of(name_of(n), noon, noon + minute));
    if (!out.requests.empty()) id = out.requests.front().incident;
  }
  EXPECT_THAT(f.core.open().front().summary, EndsWith("(`faultline publisher list`)"));
  f.answer(id, name_of(1), 0.2);
  EXPECT_THAT(f.core.open().front().summary, EndsWith("(`faultline publisher list`)"));
  f.answer(id, name_of(1), 0.8);
  EXPECT_THAT(f.core.open().front().summary, HasSubstr("likely cause: memory leak in host/1"));
}

TEST(Stops, WhoIsMorePatientIsToldLaterAndBelongsToItAllTheSame) {
  fold f;
  for (int n = 0; n < 3; ++n) f.apply(silence_of(name_of(n), noon, noon + minute));
  f.apply(silence_of("host/patient", noon + 5 * second, noon + 8 * minute));
  ASSERT_EQ(f.core.open().size(), 1u);
  EXPECT_THAT(f.core.open().front().summary, StartsWith("silence of 4 entities that stopped"));
}

TEST(Stops, OneThatStoppedAtAnotherTimeIsAnIncidentOfItsOwn) {
  fold f;
  for (int n = 0; n < 3; ++n) f.apply(silence_of(name_of(n), noon, noon + minute));
  f.apply(silence_of("host/other", noon + 21 * second, noon + 90 * second));
  EXPECT_EQ(f.core.open().size(), 2u);
}

TEST(Stops, WhoSendsSeldomMayHaveBeenHeardOfLastAnIntervalOrTwoBefore) {
  fold f;
  f.apply(silence_of("host/a", noon, noon + 6 * minute, 60));
  f.apply(silence_of("host/b", noon + 2 * minute, noon + 8 * minute, 60));
  EXPECT_EQ(f.core.open().size(), 1u);
  f.apply(silence_of("host/c", noon + 2 * minute + second, noon + 8 * minute, 60));
  EXPECT_EQ(f.core.open().size(), 2u);
}

TEST(Stops, WhatDeviatesAtThatMomentIsNotDrawnIn) {
  fold f;
  for (int n = 0; n < 3; ++n) f.apply(silence_of(name_of(n), noon, noon + minute));
  f.fire("service/cart", noon + minute);
  decision posted = silence_of("host/posted", noon, noon + minute);
  posted.alert.source = "alertmanager";
  f.apply(posted);
  EXPECT_EQ(f.core.open().size(), 3u);
}

TEST(Stops, TwoAreSpokenOfByName) {
  fold f;
  f.apply(silence_of("host/a", noon, noon + minute));
  EXPECT_THAT(f.core.open().at(0).summary, StartsWith("silence of host/a since 12:01"));
  f.apply(silence_of("host/b", noon, noon + minute));
  ASSERT_EQ(f.core.open().size(), 1u);
  EXPECT_THAT(f.core.open().at(0).summary, StartsWith("silence of host/a and 1 other since"));
}

TEST(Stops, AnIncidentThatOthersJoinedSaysHowManyStopped) {
  fold f;
  f.edge("host/0", "service/cart");
  for (int n = 0; n < 3; ++n) f.apply(silence_of(name_of(n), noon, noon + minute));
  f.fire("service/cart", noon + 2 * minute);
  ASSERT_EQ(f.core.open().size(), 1u);
  EXPECT_THAT(f.core.open().front().summary,
              StartsWith("silence of 3 entities that stopped at once and 1 other since"));
}

TEST(Stops, ARestartAmongThemChangesNothing) {
  fold f;
  for (int n = 0; n < 4; ++n) f.apply(silence_of(name_of(n), noon, noon + minute));
  correlator_core again{correlation_options{}};
  ASSERT_TRUE(again.restore(f.core.save()));
  decision more = silence_of("host/more", noon + second, noon + minute + second);
  more.seq = f.seq + 1;
  again.apply(more);
  f.apply(silence_of("host/more", noon + second, noon + minute + second));
  EXPECT_EQ(again.save(), f.core.save());
  ASSERT_EQ(again.open().size(), 1u);
  EXPECT_THAT(again.open().front().summary, HasSubstr("5 entities"));
}

TEST(Stops, WhatEndedBeforeItsAnswerCameIsCalledTheSameAfterARestart) {
  fold f;
  std::string id;
  for (int n = 0; n < 3; ++n) {
    const auto out = f.apply(silence_of(name_of(n), noon, noon + minute));
    if (!out.requests.empty()) id = out.requests.front().incident;
  }
  for (int n = 0; n < 3; ++n) f.end(name_of(n), noon + minute, noon + 2 * minute);
  f.clock(noon + 5 * minute);
  ASSERT_TRUE(f.core.open().empty());
  correlator_core again{correlation_options{}};
  ASSERT_TRUE(again.restore(f.core.save()));
  const auto told = incidents_in(f.answer(id, name_of(1), 0.8));
  const auto told_again = incidents_in(again.apply(f.log.back()));
  ASSERT_EQ(told.size(), 1u);
  ASSERT_EQ(told_again.size(), 1u);
  EXPECT_THAT(told[0].summary,
              StartsWith("silence of 3 entities that stopped at once from 12:01 to 12:02"));
  EXPECT_EQ(told[0].summary, told_again[0].summary);
  EXPECT_EQ(again.save(), f.core.save());
}

TEST(Stops, TheirReturnEndsTheIncidentOnce) {
  fold f;
  for (int n = 0; n < 3; ++n) f.apply(silence_of(name_of(n), noon, noon + minute));
  for (int n = 0; n < 3; ++n) f.end(name_of(n), noon + minute, noon + 5 * minute);
  f.clock(noon + 10 * minute);
  EXPECT_TRUE(f.core.open().empty());
  std::size_t ends = 0;
  for (const feed_event& e : f.feed)
    ends += e.what == feed_event::kind::incident && e.incident.state == incident_state::resolved;
  EXPECT_EQ(ends, 1u);
}

}  // namespace
}  // namespace faultline
