// SPDX-License-Identifier: Apache-2.0
// Entities come and go.
#include "tests/actors/partition_fixture.hpp"
#include "tests/support/store_over.hpp"

namespace faultline {
namespace {

using namespace std::chrono_literals;

/// Those of a build that wrote no summaries, on a disk that has no room for them.
class full_checkpoints final : public checkpoint_store {
public:
  explicit full_checkpoints(checkpoint_store& real) : real_{real} {}
  outcome<std::vector<outbox_entry>> write(const checkpoint_batch& b, sync_when when) override {
    return real_.write(b, when);
  }
  outcome<partition_checkpoint> load_checkpoint(partition_id p) override {
    return real_.load_checkpoint(p);
  }
  outcome<partition_rules> load_rules(partition_id p) override { return real_.load_rules(p); }
  outcome<void> load_snapshots(partition_id p,
                               const std::function<void(entity_snapshot)>& each) override {
    return real_.load_snapshots(p, each);
  }
  outcome<std::optional<entity_snapshot>> load_snapshot(std::string_view entity) override {
    return real_.load_snapshot(entity);
  }
  outcome<bool> load_summaries(partition_id, const std::function<void(entity_summary)>&) override {
    return false;
  }
  outcome<void> write_summaries(partition_id, const std::vector<entity_summary>&) override {
    return failure{ec::no_space, "no room"};
  }
  outcome<std::vector<quarantine_row>> load_quarantine(partition_id p) override {
    return real_.load_quarantine(p);
  }
  outcome<std::vector<window_block>> load_blocks(std::string_view entity) override {
    return real_.load_blocks(entity);
  }
  outcome<std::vector<outbox_entry>> read_outbox(partition_id p, std::uint64_t from,
                                                 std::size_t limit) override {
    return real_.read_outbox(p, from, limit);
  }

private:
  checkpoint_store& real_;
};

class full_store final : public testing::store_over {
public:
  explicit full_store(store& real) : store_over{real}, checkpoints_{real.checkpoints()} {}
  checkpoint_store& checkpoints() override { return checkpoints_; }

private:
  full_checkpoints checkpoints_;
};

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
    blob_reader records{blob.bytes};
    record_view r;
    for (auto index = records.index(); *records.next(r); index = records.index()) {
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

// All partitions ask the same librarian: a deadline must not pass because of how many there are.
TEST_F(Partition, AsksForFewSnapshotsAtOnceHoweverManyItsLogNeeds) {
  std::vector<std::string> many;
  for (int i = 0; i < 300; ++i) many.push_back("host/" + std::to_string(i));
  begin();
  append(many, 0);
  EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
  end_boss();
  for (int n = 1; n < 3; ++n) {
    append_group group;
    group.log.push_back(log_append{0, event_blob(many, n), 300});
    ASSERT_TRUE(memory->events().append(group));
  }
  snapshots->open = false;
  begin();
  EXPECT_EQ(snapshots->waiting.size(), 2U);
  snapshots->open = true;
  caf::anon_send(reader, read_decisions{});
  run();
  EXPECT_EQ(counters.partitions_ready.load(), 1U);
  for (const auto& id : {many.front(), many.back()}) EXPECT_EQ(observations(id), 3U);
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

TEST_F(Partition, AStoreWithoutSummariesIsReadWhereThereIsNoRoomToWriteThem) {
  begin();
  append({"host/a"}, 0);
  EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
  full_store full{*memory};
  const auto image = read_partition_image(full, {0, std::make_shared<judgement_rules>()});
  ASSERT_TRUE(image) << image.error().what;
  ASSERT_EQ(image->entities.size(), 1U);
  EXPECT_EQ(image->entities[0].outline.observations, 1U);
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

}  // namespace
}  // namespace faultline
