// SPDX-License-Identifier: Apache-2.0
#include "actors/partition.hpp"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include <caf/actor_registry.hpp>

#include "actors/caf_bridge.hpp"
#include "actors/directory.hpp"
#include "actors/keeper.hpp"
#include "actors/librarian.hpp"
#include "actors/supervisor.hpp"
#include "judgement/correlator_core.hpp"
#include "messages/retirement.hpp"
#include "storage/memory_store.hpp"
#include "tests/support/actor_fixture.hpp"

namespace faultline {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t start_ms = 1'750'000'000'000;

/// Remembers what it was told.
struct told {
  std::vector<decisions_available> available;
  std::vector<event_clock_at> clocks;
};

correlator_actor::behavior_type recording_correlator(correlator_actor::pointer,
                                                     std::shared_ptr<told> into) {
  return {
      [into](const decisions_available& d) { into->available.push_back(d); },
      [into](const event_clock_at& c) { into->clocks.push_back(c); },
      [](const correlator_question&) { return correlator_view{}; },
      [](const pulse_question&) { return pulse{}; },
  };
}

/// Hands everything on to @p real, pages of the log only while @p open.
librarian_actor::behavior_type gated_librarian(librarian_actor::pointer self, librarian_actor real,
                                               std::shared_ptr<bool> open) {
  return {
      [=](const read_log& q) -> caf::result<log_page> {
        if (*open) return self->delegate(real, q);
        return self->make_response_promise<log_page>();
      },
      [=](const load_partition& q) { return self->delegate(real, q); },
      [=](const load_entity& q) { return self->delegate(real, q); },
      [=](const load_snapshots& q) { return self->delegate(real, q); },
      [=](const read_entity& q) { return self->delegate(real, q); },
      [=](const read_window& q) { return self->delegate(real, q); },
      [=](const load_blocks& q) { return self->delegate(real, q); },
      [=](const read_decisions& q) { return self->delegate(real, q); },
      [=](const load_correlator& q) { return self->delegate(real, q); },
  };
}

/// Checkpoints are written only while `open`; what waits is written with the next group_due.
struct checkpoint_gate {
  bool open = true;
  bool full = false;   ///< the disk is, and the server ends
  bool stuck = false;  ///< answers nobody who asks whether it is there
  std::vector<std::pair<caf::typed_response_promise<checkpoint_written>, write_checkpoint>> waiting;
};

keeper_actor::behavior_type gated_keeper(keeper_actor::pointer self, keeper_actor real,
                                         std::shared_ptr<checkpoint_gate> gate) {
  return {
      [=](const write_checkpoint& w) -> caf::result<checkpoint_written> {
        if (gate->full) return to_caf_error({ec::no_space, "no room"});
        if (gate->open) return self->delegate(real, w);
        gate->waiting.emplace_back(self->make_response_promise<checkpoint_written>(), w);
        return gate->waiting.back().first;
      },
      [=](const append_decisions& a) { return self->delegate(real, a); },
      [=](const write_feed& w) { return self->delegate(real, w); },
      [=](const skip_record& s) { return self->delegate(real, s); },
      [=](const group_due&) {
        for (auto& [promise, w] : std::exchange(gate->waiting, {})) promise.delegate(real, w);
      },
      [=](const pulse_question& q) -> caf::result<pulse> {
        if (!gate->stuck) return self->delegate(real, q);
        return self->make_response_promise<pulse>();
      },
  };
}

struct Partition : actor_fixture {
  Partition() { memory = open_memory_store(1); }

  void begin() {
    keeper_hooks hooks;
    hooks.decided = [](std::uint64_t) {};
    hooks.publish = [](const feed_record&, const std::vector<std::string>&) {};
    hooks.now = [] { return arrival_time_of(start_ms); };
    auto plan = std::make_shared<supervisor_plan>();
    plan->peers.librarian = spawn(gated_librarian, spawn(librarian, memory.get()), log_readable);
    gatekeeper = spawn(gated_keeper, spawn(keeper, memory.get(), hooks), gate);
    plan->peers.keeper = gatekeeper;
    plan->peers.correlator = spawn(recording_correlator, heard);
    plan->peers.counters = &counters;
    plan->peers.registry = &registry;
    plan->partition.rules = std::make_shared<judgement_rules>();
    plan->partition.replay_budget = 4;
    plan->partition.entities = options.entities;
    plan->partition.recovery = options.recovery;
    plan->directory = &directory;
    plan->log_ends = log_ends;
    plan->give_up = [this](const std::string& why) { gave_up = why; };
    boss = spawn(supervisor, plan);
    run();
  }

  void end_boss() {
    caf::anon_send_exit(boss, caf::exit_reason::user_shutdown);
    run();
  }

  /// Appends and tells the owner, which has not heard it yet.
  log_position post_blob(std::string bytes, std::uint32_t records) {
    append_group group;
    group.log.push_back(log_append{0, bytes, records});
    auto at = memory->events().append(group);
    EXPECT_TRUE(at);
    counters.appended += records;
    auto blob = std::make_shared<const log_blob>(log_blob{0, at->front(), std::move(bytes)});
    if (auto owner = directory.owner(0)) caf::anon_send(owner, blob_appended{blob});
    return at->front();
  }
  void append_blob(std::string bytes, std::uint32_t records) {
    post_blob(std::move(bytes), records);
    run();
  }

  static std::string clock_blob(int n) {
    blob_writer writer;
    writer.add(
        clock_record{event_time_of(start_ms + n * 10'000), arrival_time_of(start_ms + n * 10'000)});
    return writer.take();
  }
  void append_clock(int n) { append_blob(clock_blob(n), 1); }

  static std::string control_blob(const char* name, const char* payload,
                                  std::uint64_t sequence = 0) {
    blob_writer writer;
    writer.add(control_record{sequence, name, payload});
    return writer.take();
  }
  void append_control(const char* name, const char* payload, std::uint64_t sequence = 0) {
    append_blob(control_blob(name, payload, sequence), 1);
  }

  static std::string event_blob(const std::vector<std::string>& entities, int n,
                                double times = 1.0) {
    blob_writer writer;
    event_view e;
    for (const auto& id : entities) {
      e.clear();
      e.entity = id;
      e.ts = event_time_of(start_ms + n * 10'000);
      e.has_ts = true;
      e.arrived = arrival_time_of(start_ms + n * 10'000);
      e.metrics = {{"cpu", times * (0.5 + 0.01 * (n % 7)), metric_kind::gauge},
                   {"requests.rate", 100.0 + n % 5, metric_kind::gauge}};
      writer.add(e);
    }
    return writer.take();
  }
  /// Appends events of @p entities at tick @p n to the log and tells the owner.
  void append(const std::vector<std::string>& entities, int n, bool damage_last = false,
              double times = 1.0) {
    auto bytes = event_blob(entities, n, times);
    // A name longer than its record: the last event cannot be read.
    if (damage_last) bytes[bytes.rfind("requests.rate") - 1] = static_cast<char>(0xff);
    append_blob(std::move(bytes), static_cast<std::uint32_t>(entities.size()));
  }

  /// Appends a control record that sets the limit of every metric's upper side.
  void append_rules(std::uint64_t sequence, double above) {
    rules_record r;
    r.rules.processing.accept_past = true;
    r.rules.detection.learning = milliseconds{0};
    r.rules.detection.limits = {{"*", "cpu", above, std::nullopt, "critical"}};
    const auto payload = encode_rules(r);
    blob_writer writer;
    writer.add(control_record{sequence, "configuration", payload});
    append_group group;
    group.log.push_back(log_append{0, writer.take(), 1});
    auto at = memory->events().append(group);
    ASSERT_TRUE(at);
    if (auto owner = directory.owner(0))
      caf::anon_send(owner, blob_appended{std::make_shared<const log_blob>(
                                log_blob{0, at->front(), group.log[0].blob})});
    run();
  }

  void end_owner() {
    caf::anon_send_exit(directory.owner(0), caf::exit_reason::unhandled_exception);
    run();
  }

  /// The sums of docs/flow.md, with nothing under way.
  void expect_whole_sums(std::uint64_t events) const {
    const auto& n = counters;
    EXPECT_EQ(n.lag(), 0U);
    EXPECT_EQ(n.in_flight.load(), 0U);
    EXPECT_EQ(n.read_log.load(), events);
    EXPECT_EQ(n.read_log + n.read_restart + n.read_revival,
              n.events_taken + n.events_late + n.events_kept + n.events_replayed + n.events_poison +
                  n.events_quarantined + n.events_resent + n.events_retired);
  }

  /// Ids of the alerts that were told from their beginning on.
  std::vector<std::string> alerts_begun() {
    std::vector<std::string> ids;
    const auto all = memory->decisions().read(1, 1000);
    EXPECT_TRUE(all);
    for (const auto& d : *all)
      if (d.kind == decision_kind::alert && d.alert.transition == 1) ids.push_back(d.alert.id);
    return ids;
  }

  std::uint64_t observations(const std::string& id) {
    return ask<entity_answer>(directory.owner(0), entity_question{id, false}).status.observations;
  }

  std::unique_ptr<store> memory;
  node_counters counters;
  entity_registry registry;
  partition_options options;
  std::shared_ptr<bool> log_readable = std::make_shared<bool>(true);
  std::shared_ptr<checkpoint_gate> gate = std::make_shared<checkpoint_gate>();
  keeper_actor gatekeeper;
  std::vector<log_position> log_ends;  ///< as the node found them at its start
  partition_directory directory{1};
  std::shared_ptr<told> heard = std::make_shared<told>();
  std::string gave_up;
  supervisor_actor boss;
};

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

// ---- coming and going ---------------------------------------------------------------------------

TEST_F(Partition, AnEntityLeavesAfterTwelveIdleTicksAndComesBackWithItsNextEvent) {
  begin();
  for (int n = 0; n < 5; ++n) append({"host/a", "host/b"}, n);
  append_clock(14);
  append_clock(15);
  advance(1s);
  EXPECT_EQ(counters.entities_active.load(), 2U) << "eleven ticks are not twelve";
  append_clock(16);
  advance(1s);
  EXPECT_EQ(counters.entities_active.load(), 0U);
  EXPECT_EQ(counters.entities.load(), 2U) << "known, not forgotten";
  EXPECT_EQ(counters.passivations.load(), 2U);
  EXPECT_EQ(observations("host/a"), 5U) << "answered from its snapshot";
  EXPECT_EQ(counters.entities_active.load(), 0U) << "and nobody was woken for it";
  append({"host/a"}, 18);
  EXPECT_EQ(counters.entities_active.load(), 1U);
  EXPECT_EQ(observations("host/a"), 6U);
  EXPECT_EQ(counters.lag(), 0U);
}

// The write of an older snapshot is no leave to go: its next event would find that one on disk.
TEST_F(Partition, AnEntityLeavesOnlyWhenItsNewestSnapshotIsOnDisk) {
  begin();
  for (int n = 0; n < 3; ++n) append({"host/a"}, n);
  gate->open = false;
  for (int i = 0; i < 8 && gate->waiting.empty(); ++i) advance(250ms);  // a sweep saves it
  ASSERT_EQ(gate->waiting.size(), 1U);
  for (int n = 3; n < 6; ++n) append({"host/a"}, n);
  for (int n = 6; n < 20; ++n) append_clock(n);  // idle: it is saved again, to leave
  caf::anon_send(gatekeeper, group_due{});
  run();
  EXPECT_EQ(counters.passivations.load(), 0U) << "three of six events are on disk";
  append({"host/a"}, 20);
  EXPECT_EQ(observations("host/a"), 7U);
  gate->open = true;
  caf::anon_send(gatekeeper, group_due{});
  run();
  for (int n = 21; n < 36; ++n) append_clock(n);
  for (int i = 0; i < 8; ++i) advance(250ms);
  EXPECT_EQ(counters.passivations.load(), 1U);
  append({"host/a"}, 36);
  EXPECT_EQ(observations("host/a"), 8U);
}

TEST_F(Partition, OneThatWouldLeaveDoesSoWithoutAnotherClockWhereverTimeWasLost) {
  begin();
  int n = 0;
  const auto idle_until_the_last = [&](const std::string& id, int clocks) {
    for (int i = 0; i < 3; ++i) append({id}, n++);
    for (int i = 0; i < clocks; ++i) append_clock(n++);
  };
  idle_until_the_last("host/first", 20);
  ASSERT_EQ(counters.passivations.load(), 1U);
  int clocks = 0;  // after which one leaves
  idle_until_the_last("host/second", 0);
  for (; counters.passivations == 1 && clocks < 20; ++clocks) append_clock(n++);
  ASSERT_LT(clocks, 20);
  for (int step = 0; step < 20; ++step) {
    idle_until_the_last("host/" + std::to_string(step), clocks - 1);
    post_blob(clock_blob(n++), 1);
    for (int job = 0; sched.try_run_once(); ++job)
      if (job == step) sched.advance_time(11s);  // longer than a snapshot may take
    for (int i = 0; i < 8; ++i) advance(250ms);
    ASSERT_EQ(counters.passivations.load(), step + 3U) << "lost after job " << step;
  }
}

TEST_F(Partition, WhatIsDecidedDoesNotWaitForSnapshotsThatAreUnderWay) {
  begin();
  append_rules(1, 5.0);
  for (int n = 0; n < 3; ++n) append({"host/a"}, n);
  gate->open = false;
  for (int i = 0; i < 8 && gate->waiting.empty(); ++i) advance(250ms);  // a sweep saves it
  ASSERT_EQ(gate->waiting.size(), 1U);
  ASSERT_TRUE(gate->waiting[0].second.batch->outbox.empty());
  append({"host/a"}, 3, false, 100.0);
  append({"host/a"}, 4, false, 100.0);
  for (int n = 5; n < 9; ++n) append({"host/a"}, n, false, 100.0);
  ASSERT_EQ(gate->waiting.size(), 2U) << "the alert is on its way beside the snapshot";
  const auto& told = *gate->waiting[1].second.batch;
  EXPECT_EQ(told.outbox.size(), 1U);
  EXPECT_TRUE(told.snapshots.empty());
  EXPECT_FALSE(told.checkpoint) << "it covers nothing";
  gate->open = true;
  caf::anon_send(gatekeeper, group_due{});
  run();
  EXPECT_EQ(memory->decisions().last(), 1U);
}

TEST_F(Partition, OneThatWentAndCameBackIsTheSameAsOneThatStayed) {
  begin();
  const auto life = [&](int from) {
    for (int n = from; n < from + 20; ++n) append({"host/a"}, n);
  };
  life(0);
  for (int n = 20; n < 40; ++n) append_clock(n);
  advance(1s);
  ASSERT_EQ(counters.entities_active.load(), 0U);
  for (int n = 40; n < 60; ++n) append({"host/a"}, n);
  EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
  const auto went = memory->checkpoints().load_snapshot("host/a");

  // The same records, and nobody ever leaves: it is asked for its snapshot only at the end.
  entity_core stayed{"host/a", std::make_shared<judgement_rules>()};
  std::vector<entity_decision> decided;
  auto blobs = memory->events().read(0, 1, 1000, 1 << 30);
  ASSERT_TRUE(blobs);
  partition_time clock;
  for (const auto& blob : *blobs) {
    blob_reader reader{blob.bytes};
    record_view r;
    for (auto index = reader.index(); *reader.next(r); index = reader.index()) {
      const record_address where{0, blob.position, index};
      if (r.kind == record_kind::clock) {
        clock.follow(r.clock, false, processing_options{});
        stayed.advance(clock, where, decided);
      }
      if (r.kind == record_kind::event) stayed.observe(r.event, where, decided);
      forecast_row row;
      while (stayed.row_waiting()) {
        stayed.begin_tick(row);
        stayed.finish_tick(nullptr, decided);
      }
    }
  }
  ASSERT_TRUE(went && went->has_value());
  EXPECT_EQ((*went)->bytes, stayed.save());
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
  caf::anon_send_exit(directory.owner(0), caf::exit_reason::unhandled_exception);
  while (counters.read_restart == 0 && sched.try_run_once()) continue;
  ASSERT_NE(counters.read_restart.load(), 0U);
  EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
  EXPECT_LT(counters.read_restart.load(), 100U);
  const auto checkpoint = memory->checkpoints().load_checkpoint(0);
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->position, counters.read_restart.load()) << "what was applied is saved";
  end_owner();
  EXPECT_EQ(observations("host/a"), 200U);
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

TEST_F(Partition, StartsWithoutItsEntitiesAndBringsBackOnlyWhomARecordNeeds) {
  begin();
  for (int n = 0; n < 5; ++n) append({"host/a", "host/b", "host/c"}, n);
  EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
  caf::anon_send_exit(directory.owner(0), caf::exit_reason::unhandled_exception);
  run();
  EXPECT_EQ(counters.partitions_ready.load(), 1U);
  EXPECT_EQ(counters.wakes.load(), 0U);
  EXPECT_EQ(ask<list_answer>(directory.owner(0), list_question{"host/", "", 10}).entities.size(),
            3U);
  const auto brief = ask<entity_answer>(directory.owner(0), entity_question{"host/b", true});
  EXPECT_EQ(brief.status.observations, 5U);
  EXPECT_EQ(brief.status.state, "learning");
  const auto whole = ask<entity_answer>(directory.owner(0), entity_question{"host/b", false});
  EXPECT_EQ(whole.status.metrics.size(), 2U);
  EXPECT_EQ(ask<window_answer>(directory.owner(0),
                               window_question{"host/c", event_time_of(start_ms + 1'000'000)})
                .tail.ts.size(),
            5U);
  append({"host/b"}, 5);
  EXPECT_EQ(counters.wakes.load(), 1U);
  EXPECT_EQ(observations("host/b"), 6U);
}

TEST_F(Partition, AStoreWithoutSummariesIsReadOnceAndHasThemThen) {
  begin();
  for (int n = 0; n < 5; ++n) append({"host/a"}, n);
  EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
  const auto snapshot = memory->checkpoints().load_snapshot("host/a");
  const auto other = open_memory_store(1);
  checkpoint_batch old;
  old.snapshots = {{"host/a", 1, 0, (*snapshot)->bytes}};
  old.checkpoint = partition_checkpoint{1, 1};
  ASSERT_TRUE(other->checkpoints().write(old));
  const load_partition what{0, std::make_shared<judgement_rules>()};
  for (int twice = 0; twice < 2; ++twice) {
    const auto image = read_partition_image(*other, what);
    ASSERT_TRUE(image);
    ASSERT_EQ(image->entities.size(), 1U);
    EXPECT_EQ(image->entities[0].outline.observations, 5U);
  }
  std::size_t rows = 0;
  const auto whole = other->checkpoints().load_summaries(0, [&](const entity_summary&) { ++rows; });
  EXPECT_TRUE(whole && *whole);
  EXPECT_EQ(rows, 1U);
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

// Complaint: timers-reset
TEST_F(Partition, TheSilentAlertComesAtTheSameClockWithAndWithoutARestart) {
  std::vector<std::string> ids[2];
  for (const bool restart : {false, true}) {
    memory = open_memory_store(1);
    begin();
    for (int n = 0; n < 400; ++n) {  // longer than it learns: its silence is news
      append_clock(n);
      append({"host/a", "host/b"}, n);
    }
    for (int n = 400; n < 440; ++n) {
      append_clock(n);
      append({"host/b"}, n);
      if (restart && n == 403) {
        EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
        caf::anon_send_exit(directory.owner(0), caf::exit_reason::unhandled_exception);
        run();
      }
    }
    advance(1s);
    const auto all = memory->decisions().read(1, 1000);
    ASSERT_TRUE(all);
    for (const auto& d : *all)
      if (d.kind == decision_kind::alert) ids[restart ? 1 : 0].push_back(d.alert.id);
    end_boss();
  }
  ASSERT_EQ(ids[0].size(), 1U);
  EXPECT_EQ(ids[0], ids[1]);
}

TEST_F(Partition, DecidesTheSameWhetherEntitiesStayOrComeAndGo) {
  std::vector<std::string> told[2];
  std::uint64_t went[2] = {0, 0};
  for (const bool crowded : {false, true}) {
    memory = open_memory_store(1);
    options.entities.max_active = crowded ? 1 : 0;
    const auto before = counters.passivations.load();
    begin();
    for (int n = 0; n < 420; ++n) {
      append_clock(n);
      // One goes wild for a while, another falls silent.
      append({"host/a"}, n, false, n >= 380 && n < 395 ? 40.0 : 1.0);
      if (n < 400) append({"host/b"}, n);
      append({"host/c"}, n);
    }
    advance(1s);
    const auto all = memory->decisions().read(1, 1000);
    ASSERT_TRUE(all);
    for (const auto& d : *all)
      if (d.kind == decision_kind::alert)
        told[crowded ? 1 : 0].push_back(d.alert.id + "/" + std::to_string(d.alert.transition) +
                                        " " + to_string(d.alert.state) + " " +
                                        std::to_string(unix_ms(d.alert.updated)));
    std::sort(told[crowded ? 1 : 0].begin(), told[crowded ? 1 : 0].end());
    went[crowded ? 1 : 0] = counters.passivations.load() - before;
    end_boss();
  }
  EXPECT_LE(went[0], 1U) << "only the silent one";
  EXPECT_GT(went[1], 400U);
  EXPECT_EQ(told[0].size(), 3U) << "one wild for a while, one silent";
  EXPECT_EQ(told[0], told[1]);
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

TEST_F(Partition, WhatLinesTakeIsCountedWhileTheirEntityIsInMemory) {
  begin();
  blob_writer writer;
  for (int n = 0; n < 64; ++n) {
    event_view e;
    e.type = event_type::log;
    e.entity = "host/a";
    e.ts = event_time_of(start_ms + n * 10'000);
    e.has_ts = true;
    e.body = "connection refused by upstream";
    writer.add(e);
  }
  append_blob(writer.take(), 64);
  EXPECT_GT(counters.told_bytes.load(), 1'000U);
  EXPECT_GT(counters.room_taken(), 0U);
  append({"host/b"}, 1);
  append_control("retire", "host/a");
  advance(1s);
  EXPECT_EQ(counters.told_bytes.load(), 0U) << "host/b sends metrics alone";
}

TEST_F(Partition, AKnownEntityComesBackWhenTheIdlestMakesRoom) {
  options.entities.max_active = 2;
  begin();
  for (int n = 0; n < 3; ++n) append({"host/a"}, n);
  append({"host/b"}, 3);
  append({"host/c"}, 4);  // the door would have refused it: from the log it is taken
  advance(1s);
  EXPECT_EQ(counters.entities_active.load(), 2U);
  append({"host/a"}, 5);
  advance(1s);
  EXPECT_EQ(counters.entities_active.load(), 2U);
  EXPECT_EQ(observations("host/a"), 4U);
  EXPECT_EQ(observations("host/b"), 1U);
  EXPECT_EQ(observations("host/c"), 1U);
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

TEST_F(Partition, WhatTheDoorsTookBeforeItsOwnerHadBegunIsCountedAsAppliedToo) {
  log_ends = {0};  // the process found an empty log, and its doors were open before its partitions
  append({"host/a"}, 0);
  begin();
  EXPECT_EQ(observations("host/a"), 1U);
  EXPECT_EQ(counters.lag(), 0U);
}

TEST_F(Partition, OneThatDiesWhileItsSnapshotIsUnderWayComesBackWithAllItKnew) {
  begin();
  for (int n = 0; n < 3; ++n) append({"host/a"}, n);
  advance(250ms);  // the sweep has asked; what it got is written by the next one
  ASSERT_FALSE(memory->checkpoints().load_snapshot("host/a")->has_value());
  append({"host/b", "host/a"}, 3, true);
  advance(101ms);
  advance(101ms);
  EXPECT_EQ(observations("host/a"), 3U);
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

TEST_F(Partition, JudgesByTheRulesThatStandInItsLogAndKeepsThemWithItsCheckpoint) {
  begin();
  for (int n = 0; n < 40; ++n) append({"host/a"}, n);
  EXPECT_EQ(memory->decisions().last(), 0U);
  append_rules(5, 0.1);  // every cpu of ours is above it
  for (int n = 40; n < 44; ++n) append({"host/a"}, n);
  const auto decided = memory->decisions().last();
  EXPECT_GT(decided, 0U);
  EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
  const auto rules = memory->checkpoints().load_rules(0);
  ASSERT_TRUE(rules);
  EXPECT_EQ(rules->sequence, 5U);
  caf::anon_send_exit(directory.owner(0), caf::exit_reason::unhandled_exception);
  run();
  append({"host/b"}, 50);
  for (int n = 51; n < 90; ++n) append({"host/b"}, n);
  EXPECT_GT(memory->decisions().last(), decided) << "also who came after the restart";
}

TEST_F(Partition, ReplayChangesTheRulesAtTheSameRecords) {
  begin();
  for (int n = 0; n < 40; ++n) append({"host/a"}, n);
  append_rules(5, 0.1);
  for (int n = 40; n < 50; ++n) append({"host/a"}, n);
  append_rules(6, 1e9);
  for (int n = 50; n < 60; ++n) append({"host/a"}, n);
  const auto decided = memory->decisions().last();
  EXPECT_GE(decided, 1U);
  caf::anon_send_exit(directory.owner(0), caf::exit_reason::unhandled_exception);
  run();
  EXPECT_EQ(observations("host/a"), 60U);
  EXPECT_EQ(memory->decisions().last(), decided);
}

// An entity that has just had an event hears of a clock with its next one, or before new rules.
TEST_F(Partition, WhatAClockClosedIsJudgedByTheRulesBeforeIt) {
  begin();
  for (int n = 0; n < 40; ++n) append({"host/a"}, n);
  for (int n = 40; n < 43; ++n) {
    append_clock(n);
    blob_writer writer;
    event_view e;
    e.entity = "host/a";
    e.ts = event_time_of(start_ms + n * 10'000);
    e.arrived = arrival_time_of(start_ms + n * 10'000);
    e.metrics = {{"cpu", 0.5, metric_kind::gauge}};  // not its whole row: the tick stays open
    writer.add(e);
    append_blob(writer.take(), 1);
  }
  append_clock(45);
  append_rules(5, 0.1);  // every cpu of ours is above it
  append_clock(46);
  EXPECT_EQ(memory->decisions().last(), 0U);
  end_owner();
  append_clock(47);
  EXPECT_EQ(memory->decisions().last(), 0U);
}

TEST_F(Partition, AnEntityThatDiesIsJudgedAgainByTheRulesOfEachOfItsRecords) {
  begin();
  for (int n = 0; n < 40; ++n) append({"host/a"}, n);
  append_rules(5, 0.1);
  for (int n = 40; n < 50; ++n) append({"host/a"}, n);
  append_rules(6, 1e9);
  for (int n = 50; n < 60; ++n) append({"host/a"}, n);
  const auto decided = memory->decisions().last();
  append({"host/a"}, 60, true);
  advance(2s);
  EXPECT_EQ(counters.entity_restarts.load(), 1U);
  EXPECT_EQ(observations("host/a"), 60U);
  EXPECT_EQ(memory->decisions().last(), decided);
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

TEST_F(Partition, ListsItsEntitiesInOrderAfterTheGivenOne) {
  begin();
  append({"host/c", "host/a", "db/x", "host/b"}, 0);
  EXPECT_EQ(ask<list_answer>(directory.owner(0), list_question{"host/", "host/a", 10}).entities,
            (std::vector<std::string>{"host/b", "host/c"}));
}

}  // namespace
}  // namespace faultline
