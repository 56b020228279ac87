// SPDX-License-Identifier: Apache-2.0
//
// Rule 6 between an entity and the lane: the partition and its entities run under the test
// scheduler, the lane on its own thread with a model that waits at a gate.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "actors/directory.hpp"
#include "actors/keeper.hpp"
#include "actors/lane.hpp"
#include "actors/librarian.hpp"
#include "actors/supervisor.hpp"
#include "storage/memory_store.hpp"
#include "tests/actors/fake_models.hpp"
#include "tests/support/actor_fixture.hpp"

namespace faultline {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t start_ms = 1'750'000'000'000;

correlator_actor::behavior_type deaf_correlator(correlator_actor::pointer) {
  return {[](const decisions_available&) {}, [](const event_clock_at&) {},
          [](const correlator_question&) { return correlator_view{}; },
          [](const pulse_question&) { return pulse{}; }};
}

struct EntityLane : actor_fixture {
  EntityLane() {
    auto owned = std::make_unique<fake_model>(64);
    model = owned.get();
    inference = std::make_unique<lane>(std::move(owned), lane_options{}, counters);
    memory = open_memory_store(1);
    keeper_hooks hooks;
    hooks.decided = [](std::uint64_t) {};
    hooks.publish = [](const feed_record&, const std::vector<std::string>&) {};
    hooks.now = [] { return arrival_time_of(start_ms); };
    auto plan = std::make_shared<supervisor_plan>();
    plan->peers.librarian = spawn(librarian, memory.get());
    plan->peers.keeper = spawn(keeper, memory.get(), hooks);
    plan->peers.correlator = spawn(deaf_correlator);
    plan->peers.inference = inference.get();
    plan->peers.counters = &counters;
    plan->peers.registry = &registry;
    auto rules = std::make_shared<judgement_rules>();
    rules->processing.accept_past = true;
    operator_limit limit;
    limit.entity = "host/limited";
    limit.metric = "cpu";
    limit.above = 10;
    rules->detection.limits = {limit};
    plan->partition.rules = rules;
    plan->partition.replay_budget = 4;
    plan->directory = &directory;
    plan->give_up = [](const std::string& why) { ADD_FAILURE() << why; };
    boss = spawn(supervisor, plan);
    run();
  }
  ~EntityLane() override { model->open_gate(); }

  void append(blob_writer& writer, bool damage = false) {
    const auto records = writer.records();
    auto bytes = writer.take();
    // A name longer than its record: the last event cannot be read.
    if (damage) bytes[bytes.rfind("requests.rate") - 1] = static_cast<char>(0xff);
    append_group group;
    group.log.push_back(log_append{0, bytes, static_cast<std::uint32_t>(records)});
    auto at = memory->events().append(group);
    ASSERT_TRUE(at);
    counters.appended += records;
    caf::anon_send(directory.owner(0), blob_appended{std::make_shared<const log_blob>(
                                           log_blob{0, at->front(), std::move(bytes)})});
    run();
  }
  /// A row of host/a at tick @p n.
  void row(int n, bool damage = false) { row_of("host/a", n, 0.5 + 0.01 * (n % 7), damage); }
  void row_of(const std::string& entity, int n, double cpu, bool damage = false) {
    event_view e;
    e.entity = entity;
    e.has_ts = true;
    e.ts = event_time_of(start_ms + n * 10'000);
    e.arrived = arrival_time_of(start_ms + n * 10'000);
    e.metrics = {{"cpu", cpu, metric_kind::gauge},
                 {"requests.rate", 100.0 + n % 5, metric_kind::gauge}};
    blob_writer writer;
    writer.add(e);
    append(writer, damage);
  }
  void clock(int n) {
    blob_writer writer;
    writer.add(clock_record{event_time_of(start_ms + n * 10'000), arrival_time_of(start_ms)});
    append(writer);
  }
  /// Lets the actors run, and their time pass, until @p holds: the lane is a thread of its own.
  void settle(const char* what, const std::function<bool()>& holds) {
    for (int i = 0; i < 20'000 && !holds(); ++i) {
      advance(1ms);
      std::this_thread::sleep_for(1ms);
    }
    run();
    ASSERT_TRUE(holds()) << what;
  }
  /// Likewise, with a clock record now and then: it takes in results that nobody waits for.
  void drain(const char* what, const std::function<bool()>& holds) {
    for (int n = 100; n < 20'000 && !holds(); ++n) {
      clock(n);
      std::this_thread::sleep_for(1ms);
    }
    ASSERT_TRUE(holds()) << what;
  }
  /// Until the row of tick @p n is with the model or answered; no time passes.
  void drain_rows(std::uint64_t n) {
    for (int i = 0; i < 20'000 && counters.lane_rows < n; ++i) {
      std::this_thread::sleep_for(1ms);
      run();
    }
    ASSERT_GE(counters.lane_rows.load(), n);
  }
  /// Until @p n ticks are scored; no time passes, so that no sweep asks for them.
  void drain_ticks(std::uint64_t n) {
    for (int i = 0; i < 20'000 && counters.ticks_scored < n; ++i) {
      std::this_thread::sleep_for(1ms);
      run();
    }
    ASSERT_EQ(counters.ticks_scored.load(), n);
  }
  std::uint64_t ticks() const { return counters.ticks_scored + counters.ticks_degraded; }

  node_counters counters;
  std::unique_ptr<lane> inference;
  fake_model* model = nullptr;
  std::unique_ptr<store> memory;
  entity_registry registry;
  partition_directory directory{1};
  supervisor_actor boss;
};

// Each a size of the allocator (and of most): one byte more costs 256 or 128 for every entity.
TEST(EntitySize, ActorAndSlotFillTheirPiecesOfMemory) {
  using one = caf::stateful_actor<entity_state, entity_actor::base>;
  EXPECT_LE(sizeof(caf::actor_storage<one>), 1280U);
  constexpr std::size_t shared = 16;  // counts of a shared_ptr
  EXPECT_LE(sizeof(lane_slot) + shared, 640U);
  EXPECT_LE(sizeof(entity_cell) + shared, 80U);
  EXPECT_LE(sizeof(entity_entry), 256U);
}

TEST_F(EntityLane, HasOneRowInFlightHoweverManyTicksWait) {
  model->close_gate();
  for (int n = 0; n < 6; ++n) row(n);
  model->wait_for_pass(1);
  EXPECT_EQ(counters.ticks_scored.load(), 0U);
  model->open_gate();
  drain("all ticks", [&] { return counters.ticks_scored == 6; });
  for (const auto& pass : model->passes()) EXPECT_EQ(pass.size(), 1U) << "never two of one entity";
}

// The state of the model travels: each answer's h comes back with the next row.
TEST_F(EntityLane, HandsTheModelsStateFromRowToRow) {
  for (int n = 0; n < 6; ++n) row(n);
  drain("all ticks", [&] { return counters.ticks_scored == 6; });
  EXPECT_EQ(model->states(), (std::vector<float>{0, 1, 2, 3, 4, 5}));
}

TEST_F(EntityLane, TakesNoSnapshotWhileARowIsInFlight) {
  model->close_gate();
  for (int n = 0; n < 6; ++n) row(n);
  model->wait_for_pass(1);
  for (int i = 0; i < 4; ++i) advance(250ms);
  EXPECT_EQ(counters.snapshots.load(), 0U);
  model->open_gate();
  settle("a snapshot", [&] { return counters.snapshots != 0; });
  EXPECT_EQ(counters.ticks_scored.load(), 6U) << "every tick is in it";
}

// The second tick over a limit is an alert, and is not to wait for the entity's next event.
TEST_F(EntityLane, AnEntityWithASignOfAnAlertLooksAtItsNextResultAtOnce) {
  row_of("host/limited", 0, 20);
  row_of("host/limited", 1, 20);
  drain_ticks(2);
  EXPECT_EQ(counters.knocks_loud.load(), 0U) << "the model finds nothing in it";
  row_of("host/limited", 2, 0.5);
  drain_ticks(3);  // while it fires
}

TEST_F(EntityLane, AClockTakesInAResultThatNobodyWaitedFor) {
  row(0);
  row(1);
  settle("the tick behind", [&] { return counters.ticks_scored >= 1; });
  settle("the result", [&] { return counters.lane_rows == 2; });
  const auto before = counters.ticks_scored.load();
  clock(2);  // its entity had an event since the clock before: this one comes with the next
  clock(3);
  settle("taken in", [&] { return counters.ticks_scored == 2; });
  EXPECT_LE(before, 2U);
}

// The entity dies while its row is with the model: what comes back is not for its successor, and
// the credit of the row comes back once.
TEST_F(EntityLane, AResultForAnEntityThatDiedReachesNobody) {
  for (int n = 0; n < 3; ++n) row(n);
  settle("three ticks", [&] { return counters.lane_rows == 3; });
  model->close_gate();
  row(3);
  model->wait_for_pass(4);
  row(4, true);  // kills it; its successor replays 0..3 behind the closed gate
  EXPECT_EQ(counters.entity_restarts.load(), 1U);
  advance(100ms);  // it rests before it is back
  model->open_gate();
  row(5);
  settle("replayed",
         [&] { return counters.lag() == 0 && counters.in_flight == 0 && counters.lane_rows > 4; });
  EXPECT_EQ(ask<entity_answer>(directory.owner(0), entity_question{"host/a"}).status.observations,
            5U);
  EXPECT_LE(counters.finished.load(), counters.appended.load()) << "credit came back once";
  EXPECT_EQ(counters.events_poison.load(), 1U);
}

// The owner dies with ticks behind the lane, observations in a mailbox and records not come to.
TEST_F(EntityLane, WhatAnOwnerHadUnderWayIsCountedOnceAndLeavesNoLag) {
  model->close_gate();
  for (int n = 0; n < 40; ++n) row(n);
  model->wait_for_pass(1);
  ASSERT_GT(counters.lag(), 20U);
  ASSERT_LT(counters.read_log.load(), 40U) << "the credit was used up before the log";
  caf::anon_send_exit(directory.owner(0), caf::exit_reason::unhandled_exception);
  run();
  model->open_gate();
  settle("all applied", [&] { return counters.lag() == 0 && counters.in_flight == 0; });
  EXPECT_EQ(ask<entity_answer>(directory.owner(0), entity_question{"host/a"}).status.observations,
            40U);
  const auto& n = counters;
  EXPECT_EQ(n.finished.load(), n.appended.load());
  EXPECT_EQ(n.read_log.load(), 40U) << "each came from the log once";
  EXPECT_EQ(n.read_log + n.read_restart, n.events_taken + n.events_resent);
}

TEST_F(EntityLane, ASnapshotThatWaitsForTheModelIsTakenHoweverLateWithItsBlocks) {
  int n = 0;
  for (; n < 140; ++n) {
    row(n);
    drain_rows(static_cast<std::uint64_t>(n));
  }
  ASSERT_EQ(counters.snapshots.load(), 0U);
  model->close_gate();
  row(n);
  row(n + 1);
  model->wait_for_pass(static_cast<std::size_t>(counters.lane_passes) + 1);
  advance(250ms);  // the sweep asks, and the row is with the model
  advance(60s);
  model->open_gate();
  for (int i = 0; i < 200 && counters.in_flight + counters.lag() != 0; ++i) {
    advance(1ms);
    std::this_thread::sleep_for(1ms);
  }
  settle("a snapshot", [&] { return counters.snapshots != 0; });
  EXPECT_EQ(counters.snapshots.load(), 1U) << "asked for once, answered once";
  advance(500ms);
  const auto blocks = memory->checkpoints().load_blocks("host/a");
  ASSERT_TRUE(blocks);
  EXPECT_FALSE(blocks->empty());
}

TEST_F(EntityLane, AnEntityHoldsAClosedBlockUntilItIsOnDiskAndNoLonger) {
  const event_time always{milliseconds{4'102'444'800'000}};
  const auto fresh = [&] {
    return ask<window_answer>(directory.owner(0), window_question{"host/a", always}).fresh.size();
  };
  int n = 0;
  for (; n < 70; ++n) {
    row(n);
    drain_rows(static_cast<std::uint64_t>(n));
  }
  // No time passes: no sweep takes a snapshot.
  for (int i = 0; i < 20'000 && ticks() + 1 < 70; ++i) {
    std::this_thread::sleep_for(1ms);
    run();
  }
  ASSERT_GE(ticks() + 1, 70U);
  ASSERT_EQ(counters.snapshots.load(), 0U);
  EXPECT_EQ(memory->checkpoints().load_blocks("host/a")->size(), 0U);
  EXPECT_EQ(fresh(), 1U);
  settle("a snapshot", [&] { return counters.snapshots != 0; });
  advance(500ms);
  EXPECT_EQ(memory->checkpoints().load_blocks("host/a")->size(), 1U);
  EXPECT_EQ(fresh(), 0U);
}

TEST_F(EntityLane, FinishesTheTickDegradedWhenTheModelFails) {
  model->fail(true);
  for (int n = 0; n < 6; ++n) row(n);
  drain("all ticks", [&] { return ticks() == 6; });
  EXPECT_EQ(counters.ticks_scored.load(), 0U);
  EXPECT_EQ(counters.ticks_degraded.load(), 6U);
  EXPECT_EQ(counters.model_faults.load(), 6U);
  EXPECT_EQ(counters.lag(), 0U);
}

TEST_F(EntityLane, ATickIsDegradedAsItsRecordSaysNotAsLaterOnesDo) {
  model->close_gate();
  for (int n = 0; n < 3; ++n) row(n);
  model->wait_for_pass(1);
  blob_writer on;
  on.add(degrade_record{true, "load"});
  append(on);
  for (int n = 3; n < 5; ++n) row(n);
  blob_writer off;
  off.add(degrade_record{false, ""});
  append(off);
  for (int n = 5; n < 7; ++n) row(n);
  model->open_gate();
  drain("all ticks", [&] { return ticks() == 7; });
  EXPECT_EQ(counters.ticks_scored.load(), 5U);
  EXPECT_EQ(counters.ticks_degraded.load(), 2U);
}

}  // namespace
}  // namespace faultline
