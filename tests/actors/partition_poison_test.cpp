// SPDX-License-Identifier: Apache-2.0
// Records that kill, and entities that keep dying.
#include "tests/actors/partition_fixture.hpp"

namespace faultline {
namespace {

using namespace std::chrono_literals;

TEST_F(Partition, SkipsTheRecordThatKillsItsEntityAndLosesNoOther) {
  begin();
  for (int n = 0; n < 3; ++n) append({"host/a"}, n);
  append({"host/a"}, 3, true);
  append({"host/a", "host/b"}, 4);
  EXPECT_EQ(counters.entity_restarts.load(), 1U);
  EXPECT_EQ(counters.events_poison.load(), 1U);
  EXPECT_EQ(observations("host/b"), 1U) << "the others are not held up";
  EXPECT_EQ(counters.lag(), 1U) << "what came for it waits in the log";
  advance(100ms);
  EXPECT_EQ(observations("host/a"), 4U);
  EXPECT_EQ(memory->dead_letters().total(), 1U);
  EXPECT_EQ(counters.lag(), 0U);
}

TEST_F(Partition, WhoDiesBeforeItAnswersIsToldAsRestarting) {
  begin();
  for (int n = 0; n < 3; ++n) append({"host/a"}, n);
  for (const bool brief : {true, false}) {
    auto bytes = event_blob({"host/a"}, 3);
    bytes[bytes.rfind("requests.rate") - 1] = static_cast<char>(0xff);  // it dies of this
    post_blob(std::move(bytes), 1);
    const auto a = ask<entity_answer>(directory.owner(0), entity_question{"host/a", brief});
    EXPECT_TRUE(a.known);
    EXPECT_EQ(a.status.state, "restarting");
    advance(1s);
  }
  EXPECT_EQ(counters.entity_restarts.load(), 2U);
}

TEST_F(Partition, TheWindowOfWhoDiesBeforeItAnswersIsThatOfTheDisk) {
  begin();
  for (int n = 0; n < 40; ++n) append({"host/a"}, n);
  EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
  end_owner();
  append({"host/a"}, 40);
  auto bytes = event_blob({"host/a"}, 41);
  bytes[bytes.rfind("requests.rate") - 1] = static_cast<char>(0xff);
  post_blob(std::move(bytes), 1);
  const auto a = ask<window_answer>(
      directory.owner(0),
      window_question{"host/a", event_time_of(start_ms + 500'000), window_detail::values});
  EXPECT_TRUE(a.known);
  EXPECT_EQ(counters.entity_restarts.load(), 1U);
}

TEST_F(Partition, NoticesOfPoisonNameItsPartitionAsAllOthersDo) {
  begin();
  append_control("configuration", "no rules", 1);
  append_blob("no records", 1);
  std::vector<std::string> subjects;
  const auto all = memory->decisions().read(1, 100);
  ASSERT_TRUE(all);
  for (const auto& d : *all)
    if (d.kind == decision_kind::notice && d.notice.what == "poison")
      subjects.push_back(d.notice.subject);
  EXPECT_EQ(subjects, (std::vector<std::string>{"partition/0", "partition/0"}));
}

// It is the clock that would say, alone, that the entity is silent: five minutes while it is young.
TEST_F(Partition, AClockThatIsSkippedIsSkippedForARevivedEntityToo) {
  constexpr int ticks = 40, patience = 30;
  ASSERT_TRUE(memory->poison().skip({0, ticks + patience + 1, 0},
                                    {"poison", arrival_time_of(1), "process", "", ""}));
  begin();
  int n = 0;
  while (n < ticks) append({"host/a"}, n++);
  while (n < ticks + patience) append_clock(n++);
  append_clock(n++);  // killed the process twice
  append({"host/a"}, n++, true);
  advance(100ms);
  append({"host/a"}, n++);
  EXPECT_EQ(observations("host/a"), ticks + 1U);
  EXPECT_EQ(counters.entity_restarts.load(), 1U);
  EXPECT_EQ(counters.decisions.load(), 0U) << "for nobody that clock has passed";
}

TEST_F(Partition, AClockThatIsNotSkippedSaysThatAnEntityIsSilent) {
  constexpr int ticks = 40, patience = 30;
  begin();
  int n = 0;
  while (n < ticks) append({"host/a"}, n++);
  while (n < ticks + patience) append_clock(n++);
  EXPECT_EQ(counters.decisions.load(), 0U);
  append_clock(n);
  EXPECT_EQ(counters.decisions.load(), 1U);
}

TEST_F(Partition, RemembersThePoisonAfterARestart) {
  begin();
  append({"host/a"}, 0);
  append({"host/a"}, 1, true);
  advance(100ms);
  caf::anon_send_exit(directory.owner(0), caf::exit_reason::unhandled_exception);
  run();
  append({"host/a"}, 2);
  EXPECT_EQ(observations("host/a"), 2U);
  EXPECT_EQ(counters.entity_restarts.load(), 1U);
}

TEST_F(Partition, QuarantinesAnEntityThatKeepsDying) {
  begin();
  append({"host/a", "host/b"}, 0);
  for (int n = 1; n <= 6; ++n) {
    append({"host/b", "host/a"}, n, true);
    advance(2s);  // longer than any rest between five deaths
  }
  const auto a = ask<entity_answer>(directory.owner(0), entity_question{"host/a", false});
  EXPECT_TRUE(a.quarantined);
  EXPECT_EQ(observations("host/b"), 7U);
  EXPECT_EQ(counters.lag(), 0U);
}

TEST_F(Partition, QuarantineOutlivesARestartAndEndsWithARelease) {
  begin();
  append({"host/a", "host/b"}, 0);
  for (int n = 1; n <= 5; ++n) {
    append({"host/b", "host/a"}, n, true);
    advance(2s);
  }
  ASSERT_TRUE(ask<entity_answer>(directory.owner(0), entity_question{"host/a", false}).quarantined);
  caf::anon_send_exit(directory.owner(0), caf::exit_reason::unhandled_exception);
  run();
  EXPECT_TRUE(ask<entity_answer>(directory.owner(0), entity_question{"host/a", false}).quarantined);
  append({"host/a"}, 7);
  EXPECT_GE(counters.events_quarantined.load(), 1U);
  append_control("release", "host/a");
  append({"host/a"}, 8);
  const auto a = ask<entity_answer>(directory.owner(0), entity_question{"host/a", false});
  EXPECT_FALSE(a.quarantined);
  EXPECT_EQ(a.status.observations, 1U) << "no snapshot was taken: it goes on from the present";
  EXPECT_EQ(counters.lag(), 0U);
  EXPECT_EQ(counters.in_flight.load(), 0U);
  append_control("release", "host/none");  // nobody of that name: nothing happens
  EXPECT_EQ(counters.lag(), 0U);
}

TEST_F(Partition, WhoIsReleasedAndSaysNothingIsSilentToo) {
  begin();
  int n = 0;
  for (; n < 400; ++n) {  // longer than it learns: its silence is news
    append_clock(n);
    append({"host/a"}, n);
  }
  for (int i = 0; i < 8; ++i) advance(250ms);
  ASSERT_TRUE(memory->checkpoints().load_snapshot("host/a")->has_value());
  for (int i = 0; i < 5; ++i) {
    append({"host/a"}, n, true);
    advance(2s);
  }
  ASSERT_TRUE(ask<entity_answer>(directory.owner(0), entity_question{"host/a", true}).quarantined);
  append_control("release", "host/a");
  EXPECT_TRUE(alerts_begun().empty());
  for (; n < 440; ++n) append_clock(n);
  EXPECT_EQ(alerts_begun().size(), 1U);
}

TEST_F(Partition, WhoIsRetiredRightAfterItsReleaseIsForgottenWhole) {
  begin();
  append({"host/a"}, 0);
  for (int n = 1; n <= 5; ++n) {
    if (n == 5) gate->open = false;  // what follows is one batch
    append({"host/a"}, n, true);
    advance(2s);
  }
  ASSERT_TRUE(ask<entity_answer>(directory.owner(0), entity_question{"host/a", true}).quarantined);
  append_control("release", "host/a");
  append_control("retire", "host/a");
  gate->open = true;
  caf::anon_send(gatekeeper, group_due{});
  run();
  EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
  end_owner();
  EXPECT_FALSE(ask<entity_answer>(directory.owner(0), entity_question{"host/a", true}).known);
}

TEST_F(Partition, WhatStandsBehindAQuarantinedOnesSnapshotIsHeldForNobodyAfterARestart) {
  options.recovery.sweep_interval = 1h;  // no snapshots: host/b keeps the checkpoint at the start
  begin();
  append({"host/b", "host/a"}, 0);
  for (int n = 1; n <= 5; ++n) {
    append({"host/b", "host/a"}, n, true);
    advance(2s);
  }
  ASSERT_TRUE(ask<entity_answer>(directory.owner(0), entity_question{"host/a", false}).quarantined);
  ASSERT_FALSE(memory->checkpoints().load_snapshot("host/a")->has_value());
  caf::anon_send_exit(directory.owner(0), caf::exit_reason::unhandled_exception);
  run();
  EXPECT_TRUE(ask<entity_answer>(directory.owner(0), entity_question{"host/a", false}).quarantined);
  EXPECT_EQ(counters.in_flight.load(), 0U);
}

}  // namespace
}  // namespace faultline
