// SPDX-License-Identifier: Apache-2.0
// Who is retired, and namesakes that come after it.
#include "tests/actors/partition_fixture.hpp"

namespace faultline {
namespace {

using namespace std::chrono_literals;

TEST_F(Partition, ForgetsARetiredEntityAndStartsItAfresh) {
  begin();
  for (int n = 0; n < 3; ++n) append({"host/a"}, n);
  append_control("retire", "host/a");
  EXPECT_FALSE(ask<entity_answer>(directory.owner(0), entity_question{"host/a", false}).known);
  append({"host/a"}, 9);
  EXPECT_EQ(observations("host/a"), 1U);
}

TEST_F(Partition, WhoComesBackAfterItWasRetiredTellsItsOwnFaultAlsoAfterARestart) {
  begin();
  for (int n = 0; n < 40; ++n) append({"host/a"}, n);
  append_rules(5, 0.1);  // every cpu of ours is above it
  for (int n = 40; n < 44; ++n) append({"host/a"}, n);
  ASSERT_EQ(alerts_begun().size(), 1U);
  append_control("retire", "host/a", 6);
  EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
  end_owner();
  for (int n = 60; n < 100; ++n) append({"host/a"}, n);
  EXPECT_EQ(alerts_begun().size(), 2U) << "the first one ended with its predecessor";
  const auto told = alerts_begun().size();
  end_owner();  // and it takes over what is its own
  for (int n = 100; n < 110; ++n) append({"host/a"}, n);
  EXPECT_EQ(alerts_begun().size(), told);
  const auto all = memory->decisions().read(1, 1000);
  ASSERT_TRUE(all);
  for (const auto& d : *all)
    EXPECT_NE(d.command.name, "retire") << "an operator's word stands there already";
}

TEST_F(Partition, AnAlertThatBeginsBeforeTheOperatorsWordIsCarriedOutEndsWithIt) {
  begin();
  for (int n = 0; n < 40; ++n) append({"host/a", "host/b"}, n);
  decision word;
  word.kind = decision_kind::command;
  word.command = {"retire", "host/a", "{}", arrival_time_of(start_ms)};
  decision_append said;
  said.decisions = {encode_decision(word)};
  ASSERT_TRUE(memory->decisions().append(said));
  append_rules(5, 0.1);
  for (int n = 40; n < 44; ++n) append({"host/a", "host/b"}, n);
  ASSERT_EQ(alerts_begun().size(), 2U);
  append_control("retire", "host/a", 6);
  for (int life = 0; life < 2; ++life) {
    end_owner();  // carried out in replay, and once more: it is told once
    advance(1s);
  }
  append({"host/a"}, 60);
  correlator_core told{{}};
  const auto all = memory->decisions().read(1, 1000);
  ASSERT_TRUE(all);
  int times = 0;
  for (const auto& d : *all) {
    told.apply(d);
    times += d.command.name == retirement_done && d.command.subject == "host/a" ? 1 : 0;
  }
  EXPECT_EQ(times, 1);
  const auto firing = told.firing();
  ASSERT_EQ(firing.size(), 1U);
  EXPECT_EQ(firing[0].entity, "host/b");
}

TEST_F(Partition, WhoComesBackAndDiesBeforeItsSnapshotTakesNothingOverFromItsPredecessor) {
  options.recovery.sweep_interval = 1h;  // no snapshots
  begin();
  append_rules(5, 0.1);
  for (int n = 0; n < 44; ++n) append({"host/a"}, n);
  ASSERT_EQ(alerts_begun().size(), 1U);
  append_control("retire", "host/a", 6);
  append({"host/a"}, 60);
  append({"host/a"}, 61, true);
  advance(100ms);  // it would come back, and waits until its predecessor is gone from the disk
  advance(100ms);
  ASSERT_EQ(counters.entity_restarts.load(), 1U);
  for (int n = 62; n < 100; ++n) append({"host/a"}, n);
  EXPECT_EQ(observations("host/a"), 39U);
  EXPECT_EQ(alerts_begun().size(), 2U);
}

TEST_F(Partition, WhatWaitedForOneThatIsRetiredIsCountedAndNoCountFalls) {
  begin();
  append({"host/a"}, 0);
  append({"host/a"}, 1, true);  // it dies and rests
  append({"host/a"}, 2);
  const auto resent = counters.events_resent.load();
  ASSERT_GT(resent, 0U);
  append_control("retire", "host/a");
  advance(100ms);
  EXPECT_GE(counters.events_resent.load(), resent);
  EXPECT_GT(counters.events_retired.load(), 0U);
  expect_whole_sums(3);
}

TEST_F(Partition, ReplayBringsNobodyBackWhoIsRetired) {
  begin();
  for (int n = 0; n < 3; ++n) append({"host/a", "host/b"}, n);
  append_control("retire", "host/a");
  advance(4ms);  // a sweep: it is forgotten, and host/b holds the checkpoint at the start
  ASSERT_EQ(memory->checkpoints().load_checkpoint(0)->position, 0U);
  end_owner();
  EXPECT_FALSE(ask<entity_answer>(directory.owner(0), entity_question{"host/a", true}).known);
  EXPECT_EQ(counters.events_replayed.load(), 3U);
  append({"host/a"}, 9);
  EXPECT_EQ(observations("host/a"), 1U);
  EXPECT_EQ(observations("host/b"), 3U);
  expect_whole_sums(7);
}

TEST_F(Partition, ReplayLeavesANamesakeAloneThatWasSavedBehindTheRetirement) {
  options.recovery.sweep_interval = 1h;  // who does not leave is not saved
  begin();
  for (int n = 0; n < 3; ++n) append({"host/a", "host/b"}, n);
  append_control("retire", "host/a");
  append({"host/a"}, 3);
  for (int n = 4; n < 20; ++n) {
    append_clock(n);
    append({"host/b"}, n);
  }
  ASSERT_EQ(counters.passivations.load(), 1U) << "it is saved";
  ASSERT_EQ(memory->checkpoints().load_checkpoint(0)->position, 0U) << "host/b is not";
  const auto retired = counters.events_retired.load();
  end_owner();
  EXPECT_EQ(counters.events_replayed.load(), 4U) << "its predecessor's, and its own";
  EXPECT_EQ(counters.events_retired.load(), retired);
  EXPECT_EQ(observations("host/a"), 1U);
  EXPECT_EQ(observations("host/b"), 19U);
}

TEST_F(Partition, ReplayLeavesANamesakeInQuarantineThatWasNeverSaved) {
  options.recovery.sweep_interval = 1h;
  begin();
  append({"host/a", "host/b"}, 0);
  append_control("retire", "host/a");
  for (int n = 1; n <= 6; ++n) {
    append({"host/b", "host/a"}, n, true);
    advance(2s);
  }
  ASSERT_TRUE(ask<entity_answer>(directory.owner(0), entity_question{"host/a", true}).quarantined);
  ASSERT_FALSE(memory->checkpoints().load_snapshot("host/a")->has_value());
  ASSERT_EQ(memory->checkpoints().load_checkpoint(0)->position, 0U);
  end_owner();
  EXPECT_TRUE(ask<entity_answer>(directory.owner(0), entity_question{"host/a", true}).quarantined);
}

TEST_F(Partition, WhatItsPredecessorSavedIsNotTakenForItsOwnSnapshot) {
  begin();
  for (int n = 0; n < 3; ++n) append({"host/a"}, n);
  caf::anon_send(directory.owner(0), sweep_due{});
  sched.try_run_once();  // it is asked, and answers behind all this
  post_blob(control_blob("retire", "host/a"), 1);
  post_blob(event_blob({"host/a"}, 9), 1);
  caf::anon_send(directory.owner(0), sweep_due{});
  run();
  EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
  end_owner();
  EXPECT_EQ(observations("host/a"), 1U);
}

TEST(PartitionImage, WhatStandsBeforeARetirementIsOfAPredecessorThatIsForgotten) {
  for (const bool forgotten : {true, false}) {
    const auto store = open_memory_store(1);
    checkpoint_batch batch;
    if (!forgotten) batch.snapshots = {{"host/a", 1, 0, "bytes"}};
    const std::pair<const char*, log_position> said[] = {
        {"a/1/1@5", 2}, {"x/3/0", 3}, {"a/1/1@9", 4}};
    for (const auto& [key, position] : said) {
      outbox_entry entry;
      entry.entity = "host/a";
      entry.key = key;
      entry.cause = {position, 0};
      entry.decision = encode_decision(decision{});
      batch.outbox.push_back(std::move(entry));
    }
    ASSERT_TRUE(store->checkpoints().write(batch));
    const auto image = read_partition_image(*store, {0, std::make_shared<judgement_rules>()});
    ASSERT_TRUE(image);
    std::vector<log_position> causes;
    for (const auto& d : image->recorded.at("host/a")) causes.push_back(d.cause.first);
    // While its snapshot stands, the log is replayed from before its end.
    EXPECT_EQ(causes, (forgotten ? std::vector<log_position>{3, 4} : std::vector<log_position>{2}));
    const auto alone = read_entity_image(*store, {"host/a", 0, 1, 0});
    ASSERT_TRUE(alone);
    ASSERT_EQ(alone->recorded.size(), 1U);
    EXPECT_EQ(alone->recorded[0].cause.first, forgotten ? 4U : 2U);
  }
}

// What its predecessor of the same name, retired, had still to say is not its own.
TEST_F(Partition, ANamesakesWordsAreNotTakenForItsOwn) {
  begin();
  append({"host/a"}, 0);
  entity_decision said;
  said.key = "a/1/1";
  said.cause = {1, 0};
  said.what.kind = decision_kind::alert;
  said.what.alert.id = "of another";
  caf::anon_send(directory.owner(0), entity_decided{"host/a", {said}});
  advance(1s);
  EXPECT_EQ(memory->decisions().last(), 0U);
}

TEST_F(Partition, RetiresWhoIsSilentForLongAndEndsItsAlerts) {
  options.entities.retire_after = std::chrono::minutes{10};
  begin();
  for (int n = 0; n < 5; ++n) append({"host/a", "host/b"}, n);
  for (int n = 5; n < 64; ++n) {
    append_clock(n);
    append({"host/b"}, n);
  }
  EXPECT_TRUE(ask<entity_answer>(directory.owner(0), entity_question{"host/a", true}).known);
  for (int n = 64; n < 68; ++n) append_clock(n);
  advance(1s);
  EXPECT_FALSE(ask<entity_answer>(directory.owner(0), entity_question{"host/a", true}).known);
  EXPECT_TRUE(ask<entity_answer>(directory.owner(0), entity_question{"host/b", true}).known);
  EXPECT_EQ(counters.retirements.load(), 1U);
  const auto all = memory->decisions().read(1, 1000);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 1U);
  EXPECT_EQ(all->front().command.name, "retire");
  EXPECT_EQ(all->front().command.subject, "host/a");
}

TEST_F(Partition, OurOwnAbsenceRetiresNobody) {
  options.entities.retire_after = std::chrono::minutes{10};
  begin();
  for (int n = 0; n < 5; ++n) {
    append_clock(n);
    append({"host/a"}, n);
  }
  for (int n = 1000; n < 1020; ++n) append_clock(n);
  EXPECT_TRUE(ask<entity_answer>(directory.owner(0), entity_question{"host/a", true}).known);
  EXPECT_EQ(counters.retirements.load(), 0U);
}

}  // namespace
}  // namespace faultline
