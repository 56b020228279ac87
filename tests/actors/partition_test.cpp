// SPDX-License-Identifier: Apache-2.0
#include "actors/partition.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "actors/directory.hpp"
#include "actors/keeper.hpp"
#include "actors/librarian.hpp"
#include "actors/supervisor.hpp"
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
    plan->peers.librarian = spawn(librarian, memory.get());
    plan->peers.keeper = spawn(keeper, memory.get(), hooks);
    plan->peers.correlator = spawn(recording_correlator, heard);
    plan->peers.counters = &counters;
    plan->peers.registry = &registry;
    plan->partition.rules = std::make_shared<judgement_rules>();
    plan->partition.replay_budget = 4;
    plan->directory = &directory;
    plan->give_up = [this](const std::string& why) { gave_up = why; };
    boss = spawn(supervisor, plan);
    run();
  }

  /// Appends events of @p entities at tick @p n to the log and tells the owner.
  void append(const std::vector<std::string>& entities, int n, bool damage_last = false) {
    blob_writer writer;
    event_view e;
    for (const auto& id : entities) {
      e.clear();
      e.entity = id;
      e.ts = event_time_of(start_ms + n * 10'000);
      e.has_ts = true;
      e.arrived = arrival_time_of(start_ms + n * 10'000);
      e.metrics = {{"cpu", 0.5 + 0.01 * (n % 7), metric_kind::gauge},
                   {"requests.rate", 100.0 + n % 5, metric_kind::gauge}};
      writer.add(e);
    }
    auto bytes = writer.take();
    // A name longer than its record: the last event cannot be read.
    if (damage_last) bytes[bytes.rfind("requests.rate") - 1] = static_cast<char>(0xff);
    append_group group;
    group.log.push_back(log_append{0, bytes, static_cast<std::uint32_t>(entities.size())});
    auto at = memory->events().append(group);
    ASSERT_TRUE(at);
    counters.appended += entities.size();
    auto blob = std::make_shared<const log_blob>(log_blob{0, at->front(), std::move(bytes)});
    if (auto owner = directory.owner(0)) caf::anon_send(owner, blob_appended{blob});
    run();
  }

  std::uint64_t observations(const std::string& id) {
    return ask<entity_answer>(directory.owner(0), entity_question{id}).status.observations;
  }

  std::unique_ptr<store> memory;
  node_counters counters;
  entity_registry registry;
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
  EXPECT_FALSE(ask<entity_answer>(directory.owner(0), entity_question{"host/none"}).known);
}

TEST_F(Partition, IsReadyOnlyWhenTheLogIsReplayed) {
  for (int n = 0; n < 3; ++n) append({"host/a"}, n);
  EXPECT_EQ(counters.partitions_ready.load(), 0U);
  begin();
  EXPECT_EQ(counters.partitions_ready.load(), 1U);
  EXPECT_EQ(observations("host/a"), 3U);
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

TEST_F(Partition, IsStartedAgainFromTheLogWhenItDiesWithoutASnapshot) {
  begin();
  for (int n = 0; n < 3; ++n) append({"host/a"}, n);
  caf::anon_send_exit(directory.owner(0), caf::exit_reason::unhandled_exception);
  run();
  EXPECT_EQ(observations("host/a"), 3U);
}

TEST_F(Partition, SkipsTheRecordThatKillsItsEntityAndLosesNoOther) {
  begin();
  for (int n = 0; n < 3; ++n) append({"host/a"}, n);
  append({"host/a"}, 3, true);
  append({"host/a"}, 4);
  EXPECT_EQ(counters.entity_restarts.load(), 1U);
  EXPECT_EQ(counters.events_poison.load(), 1U);
  EXPECT_EQ(observations("host/a"), 4U);
  EXPECT_EQ(memory->dead_letters().total(), 1U);
  EXPECT_EQ(counters.lag(), 0U);
}

TEST_F(Partition, RemembersThePoisonAfterARestart) {
  begin();
  append({"host/a"}, 0);
  append({"host/a"}, 1, true);
  caf::anon_send_exit(directory.owner(0), caf::exit_reason::unhandled_exception);
  run();
  append({"host/a"}, 2);
  EXPECT_EQ(observations("host/a"), 2U);
  EXPECT_EQ(counters.entity_restarts.load(), 1U);
}

TEST_F(Partition, QuarantinesAnEntityThatKeepsDying) {
  begin();
  append({"host/a", "host/b"}, 0);
  for (int n = 1; n <= 6; ++n) append({"host/b", "host/a"}, n, true);
  const auto a = ask<entity_answer>(directory.owner(0), entity_question{"host/a"});
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

TEST_F(Partition, ForgetsARetiredEntityAndStartsItAfresh) {
  begin();
  for (int n = 0; n < 3; ++n) append({"host/a"}, n);
  blob_writer writer;
  control_record retire;
  retire.name = "retire";
  retire.payload = "host/a";
  writer.add(retire);
  append_group group;
  group.log.push_back(log_append{0, writer.take(), 1});
  auto at = memory->events().append(group);
  ASSERT_TRUE(at);
  caf::anon_send(
      directory.owner(0),
      blob_appended{std::make_shared<const log_blob>(log_blob{0, at->front(), group.log[0].blob})});
  run();
  EXPECT_FALSE(ask<entity_answer>(directory.owner(0), entity_question{"host/a"}).known);
  append({"host/a"}, 9);
  EXPECT_EQ(observations("host/a"), 1U);
}

TEST_F(Partition, ListsItsEntitiesInOrderAfterTheGivenOne) {
  begin();
  append({"host/c", "host/a", "db/x", "host/b"}, 0);
  EXPECT_EQ(ask<list_answer>(directory.owner(0), list_question{"host/", "host/a", 10}).entities,
            (std::vector<std::string>{"host/b", "host/c"}));
}

}  // namespace
}  // namespace faultline
