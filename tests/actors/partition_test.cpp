// SPDX-License-Identifier: Apache-2.0
// The log to its entities, and what it keeps.
#include "tests/actors/partition_fixture.hpp"

namespace faultline {
namespace {

using namespace std::chrono_literals;

// Whose event comes next is guessed by the last time.
TEST_F(Partition, EventsGoToWhomTheyNameInWhateverOrderTheyCome) {
  begin();
  append({"host/a", "host/b", "host/c"}, 0);
  append({"host/a", "host/b", "host/c"}, 1);
  append({"host/c", "host/a", "host/a", "host/b"}, 2);
  append({"host/a", "host/new", "host/c"}, 3);
  EXPECT_EQ(observations("host/a"), 5U);
  EXPECT_EQ(observations("host/b"), 3U);
  EXPECT_EQ(observations("host/c"), 4U);
  EXPECT_EQ(observations("host/new"), 1U);
}

TEST_F(Partition, AppliesEveryEventOnceToItsEntity) {
  begin();
  for (int n = 0; n < 5; ++n) append({"host/a", "host/b"}, n);
  EXPECT_EQ(observations("host/a"), 5U);
  EXPECT_EQ(observations("host/b"), 5U);
  EXPECT_EQ(counters.lag(), 0U);
  EXPECT_EQ(counters.in_flight.load(), 0U);
  EXPECT_EQ(counters.entities.load(), 2U);
}

TEST_F(Partition, KnowsNothingOfAnEntityThatNeverCame) {
  begin();
  EXPECT_FALSE(ask<entity_answer>(directory.owner(0), entity_question{"host/none", false}).known);
}

TEST_F(Partition, IsReadyOnlyWhenTheLogIsReplayed) {
  for (int n = 0; n < 3; ++n) append({"host/a"}, n);
  EXPECT_EQ(counters.partitions_ready.load(), 0U);
  begin();
  EXPECT_EQ(counters.partitions_ready.load(), 1U);
  EXPECT_EQ(observations("host/a"), 3U);
}

TEST_F(Partition, CatchesUpWhileItIsWrittenToAllTheTime) {
  for (int n = 0; n < 3; ++n) append({"host/a"}, n);
  begin();
  // A gap: it is told of 5 and 6 before it has read 4 from the log.
  auto unseen = directory.owner(0);
  directory.set(0, partition_actor{});
  append({"host/a"}, 3);
  directory.set(0, unseen);
  const auto told = [&](int n) {
    blob_writer writer;
    event_view e;
    e.entity = "host/a";
    e.ts = event_time_of(start_ms + n * 10'000);
    e.has_ts = true;
    e.arrived = arrival_time_of(start_ms + n * 10'000);
    e.metrics = {{"cpu", 0.5, metric_kind::gauge}};
    writer.add(e);
    append_group group;
    group.log.push_back(log_append{0, writer.take(), 1});
    const auto at = memory->events().append(group);
    counters.appended += 1;
    caf::anon_send(unseen, blob_appended{std::make_shared<const log_blob>(
                               log_blob{0, at->front(), group.log[0].blob})});
  };
  told(4);
  told(5);
  run();
  append({"host/a"}, 6);
  EXPECT_EQ(observations("host/a"), 7U);
  EXPECT_EQ(counters.lag(), 3U) << "those from before it began are not of this life";
}

TEST_F(Partition, GoesOnFromItsSnapshotsAfterARestart) {
  begin();
  for (int n = 0; n < 10; ++n) append({"host/a", "host/b"}, n);
  EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
  const auto checkpoint = memory->checkpoints().load_checkpoint(0);
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->position, 10U);
  caf::anon_send_exit(directory.owner(0), caf::exit_reason::unhandled_exception);
  run();
  append({"host/a"}, 10);
  EXPECT_EQ(observations("host/a"), 11U);
  EXPECT_EQ(observations("host/b"), 10U);
  EXPECT_EQ(counters.partition_restarts.load(), 1U);
}

TEST_F(Partition, EverybodyAnswersWhetherTheyAreThereAndWhoIsStuckIsNamed) {
  begin();
  EXPECT_THAT(ask<pulse>(boss, pulse_question{1s}).late, ::testing::IsEmpty());
  gate->stuck = true;
  auto waiting = probe->request(boss, 10s, pulse_question{1s});
  run();
  advance(2s);
  waiting.receive([](const pulse& p) { EXPECT_THAT(p.late, ::testing::ElementsAre("keeper")); },
                  [](const caf::error& e) { ADD_FAILURE() << to_string(e); });
  EXPECT_THAT(ask<pulse>(boss, pulse_question{1s, false}).late, ::testing::IsEmpty())
      << "a keeper that waits for room is not asked";
}

TEST_F(Partition, WhoHasDiedIsNotStuck) {
  begin();
  const auto dead = directory.owner(0);
  end_owner();
  directory.set(0, dead);
  EXPECT_THAT(ask<pulse>(boss, pulse_question{1s}).late, ::testing::IsEmpty());
}

TEST_F(Partition, IsStartedAgainFromTheLogWhenItDiesWithoutASnapshot) {
  begin();
  for (int n = 0; n < 3; ++n) append({"host/a"}, n);
  caf::anon_send_exit(directory.owner(0), caf::exit_reason::unhandled_exception);
  run();
  EXPECT_EQ(observations("host/a"), 3U);
}

TEST_F(Partition, WhatWaitsForARestingEntityWhenItsOwnerDiesIsAppliedAndLeavesNoLag) {
  begin();
  for (int n = 0; n < 3; ++n) append({"host/a"}, n);
  append({"host/a"}, 3, true);
  for (int n = 4; n < 9; ++n) append({"host/a", "host/b"}, n);
  ASSERT_EQ(counters.lag(), 5U) << "host/a rests";
  end_owner();
  append({"host/a"}, 9);
  EXPECT_EQ(observations("host/a"), 9U);
  EXPECT_EQ(observations("host/b"), 5U);
  expect_whole_sums(15);
}

TEST_F(Partition, WhatIsHeldForAnEntityOnItsWayWhenItsOwnerDiesIsAppliedAndLeavesNoLag) {
  begin();
  for (int n = 0; n < 3; ++n) append({"host/a"}, n);
  EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
  end_owner();  // from here on host/a is passive
  append({"host/b"}, 3);
  blob_writer writer;
  event_view e;
  e.entity = "host/a";
  e.ts = event_time_of(start_ms + 30'000);
  e.has_ts = true;
  e.metrics = {{"cpu", 0.5, metric_kind::gauge}};
  writer.add(e);
  post_blob(writer.take(), 1);
  while (counters.wakes == 0 && sched.try_run_once()) continue;
  ASSERT_EQ(counters.in_flight.load(), 1U) << "its snapshot is asked for, the event held";
  end_owner();
  EXPECT_EQ(observations("host/a"), 4U);
  expect_whole_sums(5);
}

TEST(EntityCell, AClosedOneGivesNothingOutAndTakesNothingBack) {
  entity_cell cell;
  EXPECT_TRUE(cell.begin());
  EXPECT_TRUE(cell.release(1, 1));
  EXPECT_TRUE(cell.begin());
  const auto given = cell.close();
  EXPECT_EQ(given.released, 1U);
  EXPECT_EQ(given.finished, 1U);
  EXPECT_EQ(cell.begun(), 2U);
  EXPECT_FALSE(cell.begin()) << "an actor that outlives its partition's owner";
  EXPECT_FALSE(cell.release(1, 1));
}

TEST_F(Partition, SweepsSnapshotsSoThatLittleIsLeftToReplay) {
  begin();
  for (int n = 0; n < 20; ++n) {
    append({"host/a", "host/b"}, n);
    advance(250ms);
  }
  const auto checkpoint = memory->checkpoints().load_checkpoint(0);
  ASSERT_TRUE(checkpoint);
  EXPECT_GE(checkpoint->position, 15U);
}

TEST_F(Partition, SnapshotsNobodyForAFewRecordsHoweverLittleMayBeReplayed) {
  std::vector<std::string> many;
  for (int i = 0; i < 64; ++i) many.push_back("host/" + std::to_string(i));
  begin();  // four records may be replayed: less than one for each
  for (int n = 0; n < 40; ++n) {
    append(many, n);
    advance(250ms);
  }
  // Four a sweep because nothing else is to be done, and each after eight records of its own.
  EXPECT_LE(counters.snapshots.load(), 40U * 4 + 64U * 40 / 5);
  const auto checkpoint = memory->checkpoints().load_checkpoint(0);
  ASSERT_TRUE(checkpoint);
  EXPECT_GE(checkpoint->position, 25U);
}

TEST_F(Partition, SavesNothingThatStaysWhileItCatchesUp) {
  begin();
  append({"host/a", "host/b"}, 0);
  *log_readable = false;
  // Told of what lies far ahead, it must read what lies between, and cannot.
  caf::anon_send(directory.owner(0),
                 blob_appended{std::make_shared<const log_blob>(log_blob{0, 1000, {}})});
  run();
  for (int n = 0; n < 20; ++n) advance(250ms);
  EXPECT_EQ(counters.snapshots.load(), 0U);
  EXPECT_EQ(observations("host/a"), 1U) << "it answers all the same";
}

TEST_F(Partition, EndsInOrderOnAFullDiskAndReadsAgainWhatItCouldNotWrite) {
  begin();
  append({"host/a"}, 0);
  gate->full = true;
  append({"host/a"}, 1);
  EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
  gate->full = false;
  caf::anon_send_exit(directory.owner(0), caf::exit_reason::unhandled_exception);
  run();
  EXPECT_EQ(observations("host/a"), 2U);
}

TEST_F(Partition, EndsInOrderWhileItStillCatchesUpWithTheLog) {
  begin();
  append({"host/a"}, 0);
  *log_readable = false;
  // Told of what lies far ahead, it must read what lies between, and cannot.
  caf::anon_send(directory.owner(0),
                 blob_appended{std::make_shared<const log_blob>(log_blob{0, 1000, {}})});
  run();
  EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
  const auto saved = memory->checkpoints().load_snapshot("host/a");
  EXPECT_TRUE(saved && saved->has_value()) << "what was applied is saved";
}

TEST_F(Partition, WhoCatchesUpEndsWithoutApplyingAllThatItHasRead) {
  options.recovery.sweep_interval = 1h;  // no snapshots: all of it is to be read again
  begin();
  for (int n = 0; n < 200; ++n) append({"host/a"}, n);
  end_owner_and_run_until_it_reads();
  EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
  EXPECT_LT(counters.read_restart.load(), 100U);
  const auto checkpoint = memory->checkpoints().load_checkpoint(0);
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->position, counters.read_restart.load()) << "what was applied is saved";
  end_owner();
  EXPECT_EQ(observations("host/a"), 200U);
  EXPECT_EQ(counters.lag(), 0U);
}

TEST_F(Partition, ReadsNothingMoreWhenItHasSaidThatItIsDrainedWhileItCaughtUp) {
  options.recovery.sweep_interval = 1h;  // no snapshots: all of it is to be read again
  begin();
  for (int n = 0; n < 200; ++n) append({"host/a"}, n);
  end_owner_and_run_until_it_reads();
  EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
  const auto read = counters.read_restart.load();
  ASSERT_LT(read, 200U);
  append({"host/a"}, 200);
  EXPECT_EQ(counters.read_restart.load(), read);
  EXPECT_EQ(counters.read_log.load(), 200U);
  end_owner();
  EXPECT_EQ(observations("host/a"), 201U) << "it is in the log";
  EXPECT_EQ(counters.lag(), 0U);
}

TEST_F(Partition, ReadsNothingMoreWhenItHasSaidThatItIsDrained) {
  begin();
  append({"host/a", "host/b"}, 0);
  append({"host/a"}, 1, true);
  EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
  append({"host/a", "host/b"}, 2);
  EXPECT_EQ(counters.read_log.load(), 3U);
  advance(100ms);
  EXPECT_EQ(counters.read_revival.load(), 0U) << "nor does it bring back who died";
  end_owner();
  EXPECT_EQ(observations("host/a"), 2U);
  EXPECT_EQ(observations("host/b"), 2U);
  EXPECT_EQ(counters.lag(), 0U);
}

/// CAF's clock keeps the deadline of a request until it is due, answered or not.
TEST_F(Partition, LeavesNoDeadlineBehindForWhatTheKeeperHasAnswered) {
  begin();
  append({"host/a"}, 0);
  const auto before = sched.clock().schedule().size();
  for (int n = 1; n < 60; ++n) {
    append({"host/a"}, n);
    sched.advance_time(std::chrono::seconds{2});
    run();
  }
  EXPECT_LE(sched.clock().schedule().size(), before + 8);
}

TEST(PartitionImage, HoldsWhatWasRecordedOfRecordsThatTheSnapshotDoesNotCover) {
  const auto store = open_memory_store(1);
  checkpoint_batch batch;
  batch.snapshots = {{"host/a", 2, 5, "bytes"}};
  const record_mark causes[] = {{1, 9}, {2, 4}, {2, 5}, {2, 6}, {2, whole_blob}, {3, whole_blob}};
  for (const auto& cause : causes) {
    outbox_entry entry;
    entry.entity = "host/a";
    entry.key = "a/1/" + std::to_string(batch.outbox.size());
    entry.cause = cause;
    entry.decision = encode_decision(decision{});
    batch.outbox.push_back(std::move(entry));
  }
  ASSERT_TRUE(store->checkpoints().write(batch));
  const auto image = read_entity_image(*store, {"host/a", 0, 1, 0});
  ASSERT_TRUE(image);
  ASSERT_EQ(image->recorded.size(), 2U) << "one that knows its blob alone is decided again";
  EXPECT_EQ(image->recorded[0].cause, (record_mark{2, 6}));
  EXPECT_EQ(image->recorded[1].cause.first, 3U);
}

// A clock that waits for its entity to come back may make it say something: a restart must come by
// it again.
TEST_F(Partition, AClockThatIsHeldKeepsTheCheckpointBeforeIt) {
  begin();
  for (int n = 0; n < 400; ++n) {
    append_clock(n);
    append({"host/a", "host/b"}, n);
  }
  EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
  end_owner();
  ASSERT_EQ(counters.wakes.load(), 0U);
  log_position at = 0;
  for (int n = 400; n < 440 && counters.wakes == 0; ++n) {
    run();
    at = post_blob(clock_blob(n), 1);
    caf::anon_send(directory.owner(0), sweep_due{});  // it writes how far it is
    while (counters.wakes == 0 && sched.try_run_once()) continue;
  }
  ASSERT_NE(counters.wakes.load(), 0U) << "its silence may be an alert";
  for (int i = 0; i < 4; ++i) sched.try_run_once();  // correlator, librarian, its own sweep, keeper
  const auto held = memory->checkpoints().load_checkpoint(0);
  ASSERT_TRUE(held);
  EXPECT_LT(held->position, at);
  run();
  append_clock(440);
  for (int i = 0; i < 4; ++i) advance(250ms);
  EXPECT_GE(memory->checkpoints().load_checkpoint(0)->position, at) << "and not for ever";
}

TEST_F(Partition, WhatTheDoorsTookBeforeItsOwnerHadBegunIsCountedAsAppliedToo) {
  log_ends = {0};  // the process found an empty log, and its doors were open before its partitions
  append({"host/a"}, 0);
  begin();
  EXPECT_EQ(observations("host/a"), 1U);
  EXPECT_EQ(counters.lag(), 0U);
}

TEST_F(Partition, TheLogIsTrimmedUnderLoadBelowTheCheckpointAndNothingIsMissing) {
  storage_options small;
  small.partitions = 1;
  small.log_retention = std::chrono::seconds{60};
  memory = open_memory_store(small);
  begin();
  for (int n = 0; n < 200; ++n) {
    append({"host/a", "host/b"}, n);
    advance(250ms);
    if (n % 5 == 0) {
      ASSERT_TRUE(memory->sweep_retention(arrival_time_of(start_ms + n * 10'000)));
    }
  }
  const auto first = memory->events().first(0);
  EXPECT_GT(first, 100U);
  EXPECT_LE(first, memory->checkpoints().load_checkpoint(0)->position + 1);
  caf::anon_send_exit(directory.owner(0), caf::exit_reason::unhandled_exception);
  run();
  append({"host/a", "host/b"}, 200);
  EXPECT_EQ(observations("host/a"), 201U);
  EXPECT_EQ(observations("host/b"), 201U);
}

TEST_F(Partition, ItsEntitiesEndWithItsOwner) {
  begin();
  append({"host/a", "host/b", "host/c"}, 0);
  const auto running = system.registry().running();
  end_owner();  // the next one brings them back
  append({"host/a", "host/b", "host/c"}, 1);
  EXPECT_EQ(observations("host/a"), 2U);
  EXPECT_EQ(system.registry().running(), running);
}

TEST_F(Partition, ListsWhoHasComeSinceTheLastPage) {
  begin();
  append({"host/a", "host/c"}, 0);
  const list_question all{"host/", "", 10};
  EXPECT_EQ(ask<list_answer>(directory.owner(0), all).entities,
            (std::vector<std::string>{"host/a", "host/c"}));
  append({"host/b"}, 0);
  EXPECT_EQ(ask<list_answer>(directory.owner(0), list_question{"host/", "host/a", 1}).entities,
            (std::vector<std::string>{"host/b"}));
}

TEST_F(Partition, SaysThatItStartsAndNotThatThereIsNobodyWhileItReadsWhomItKnows) {
  begin();
  append({"host/a"}, 0);
  *loadable = false;
  end_owner();
  const window_question window{"host/a", event_time_of(start_ms), window_detail::bands};
  EXPECT_EQ(refusal<list_answer>(list_question{"", "", 10}), ec::overloaded);
  EXPECT_EQ(refusal<entity_answer>(entity_question{"host/a", true}), ec::overloaded);
  EXPECT_EQ(refusal<window_answer>(window), ec::overloaded);
  *loadable = true;
  end_owner();
  EXPECT_EQ(ask<list_answer>(directory.owner(0), list_question{"", "", 10}).entities.size(), 1U);
  EXPECT_EQ(refusal<window_answer>(window), std::nullopt);
}

TEST_F(Partition, ListsItsEntitiesInOrderAfterTheGivenOne) {
  begin();
  append({"host/c", "host/a", "db/x", "host/b"}, 0);
  EXPECT_EQ(ask<list_answer>(directory.owner(0), list_question{"host/", "host/a", 10}).entities,
            (std::vector<std::string>{"host/b", "host/c"}));
}

}  // namespace
}  // namespace faultline
