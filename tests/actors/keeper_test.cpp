// SPDX-License-Identifier: Apache-2.0
#include "actors/keeper.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/caf_bridge.hpp"
#include "messages/decision.hpp"
#include "storage/memory_store.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/store_over.hpp"

namespace faultline {
namespace {

/// Takes nothing while it is full.
class full_log final : public decision_log {
public:
  explicit full_log(decision_log& real) : real_{real} {}
  outcome<std::uint64_t> append(const decision_append& batch, sync_when when) override {
    if (asked) asked();
    if (full) return failure{ec::no_space, "no room"};
    return real_.append(batch, when);
  }
  outcome<std::vector<decision>> read(std::uint64_t from, std::size_t limit) override {
    return real_.read(from, limit);
  }
  std::uint64_t last() const override { return real_.last(); }
  outcome<std::map<partition_id, std::uint64_t>> outbox_consumed() override {
    return real_.outbox_consumed();
  }
  outcome<control_mark> controls() override { return real_.controls(); }

  bool full = false;
  std::function<void()> asked;  ///< hears of each append

private:
  decision_log& real_;
};

/// Counts how often somebody waited for the disk, and may fail that.
class waiting_store final : public testing::store_over {
public:
  explicit waiting_store(store& real) : store_over{real}, log{real.decisions()} {}
  decision_log& decisions() override { return log; }
  outcome<void> sync() override {
    ++waits;
    if (broken) return failure{ec::store_unavailable, "the disk is gone"};
    on_disk = epoch++;
    return {};
  }
  std::uint64_t written() const override { return epoch; }
  std::uint64_t durable() const override { return on_disk; }

  full_log log;
  int waits = 0;
  bool broken = false;
  std::uint64_t epoch = 1;  ///< of writes: between two waits
  std::uint64_t on_disk = 0;
};

/// Waits for the disk until it is told that it has waited, and whether well.
using held_actor = disk_actor::extend<caf::reacts_to<bool>>;
held_actor::behavior_type hold(held_actor::pointer self, std::size_t* asked) {
  auto promise = std::make_shared<caf::typed_response_promise<disk_waited>>();
  return {[self, asked, promise](const wait_for_disk&) -> caf::result<disk_waited> {
            ++*asked;
            return *promise = self->make_response_promise<disk_waited>();
          },
          [promise](bool well) {
            if (well)
              promise->deliver(disk_waited{});
            else
              promise->deliver(to_caf_error({ec::store_unavailable, "the disk is gone"}));
          }};
}

class Keeper : public actor_fixture {
protected:
  keeper_actor spawn_keeper(disk_actor by = {}) {
    keeper_hooks hooks;
    hooks.disk = std::move(by);
    hooks.decided = [this](std::uint64_t last) { decided.push_back(last); };
    hooks.retired = [this](const std::string& entity) {
      retired.push_back(entity + " behind " + std::to_string(disk.decisions().last()));
    };
    hooks.publish = [this](const feed_record& r, const std::vector<std::string>&) {
      published.push_back(r.seq);
    };
    hooks.now = [] { return arrival_time_of(1'750'000'000'000); };
    hooks.ending = [this] { return ending; };
    hooks.full = [this](bool waits) { full->store(waits); };
    return spawn(keeper, &disk, hooks);
  }

  static decision happened() {
    decision d;
    d.kind = decision_kind::notice;
    d.notice = {"test", "it", "happened", event_time_of(1'750'000'000'000)};
    return d;
  }
  static decision retirement_of(const std::string& entity) {
    decision d;
    d.kind = decision_kind::command;
    d.command.name = "retire";
    d.command.subject = entity;
    d.command.payload = "{}";
    return d;
  }

  static write_checkpoint transition_of(partition_id partition, const std::string& key = "a/1/1",
                                        const decision& d = happened()) {
    auto batch = std::make_shared<checkpoint_batch>();
    batch->partition = partition;
    outbox_entry entry;
    entry.entity = "host/" + std::to_string(partition);
    entry.key = key;
    entry.cause = {1, 0};
    entry.decision = encode_decision(d);
    batch->outbox.push_back(std::move(entry));
    batch->sync = true;
    return write_checkpoint{batch};
  }

  static write_feed notice_of(std::uint64_t through) {
    feed_event e;
    e.notice = {"test", "it", "happened", event_time_of(1'750'000'000'000)};
    return {{e}, through, {}};
  }

  /// Whether the transitions of three partitions, sent at once, were answered well.
  std::vector<bool> send_three(const keeper_actor& to) {
    std::vector<bool> well;
    auto first = probe->request(to, std::chrono::seconds{10}, transition_of(0));
    auto second = probe->request(to, std::chrono::seconds{10}, transition_of(1));
    auto third = probe->request(to, std::chrono::seconds{10}, transition_of(2));
    run();
    for (auto* waiting : {&first, &second, &third})
      waiting->receive([&](checkpoint_written&) { well.push_back(true); },
                       [&](const caf::error&) { well.push_back(false); });
    return well;
  }

  std::unique_ptr<store> memory = open_memory_store(4);
  waiting_store disk{*memory};
  bool ending = false;
  std::shared_ptr<std::atomic<bool>> full = std::make_shared<std::atomic<bool>>(false);
  std::vector<std::uint64_t> decided;
  std::vector<std::uint64_t> published;
  std::vector<std::string> retired;
  std::vector<bool> seen;
};

TEST_F(Keeper, SaysWhoWasRetiredByAnOperatorOrBySilenceOnceTheLogSaysSo) {
  const auto it = spawn_keeper();
  caf::anon_send(it, append_decisions{{happened(), retirement_of("host/a")}});
  run();
  EXPECT_EQ(retired, std::vector<std::string>{"host/a behind 2"});
  for (int twice = 0; twice < 2; ++twice)
    caf::anon_send(it, transition_of(1, "r/7", retirement_of("host/1")));
  caf::anon_send(it, transition_of(2));
  run();
  EXPECT_EQ(retired, (std::vector<std::string>{"host/a behind 2", "host/1 behind 3"}));
}

TEST_F(Keeper, WaitsForTheDiskOnceForAllThatCameTogether) {
  const auto it = spawn_keeper();
  EXPECT_EQ(send_three(it), (std::vector<bool>{true, true, true}));
  EXPECT_EQ(disk.waits, 1);
  EXPECT_EQ(decided, (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(send_three(it), (std::vector<bool>{true, true, true}));  // known: nothing is appended
  EXPECT_EQ(disk.waits, 2);
  EXPECT_EQ(disk.decisions().last(), 3U);
}

TEST_F(Keeper, AnswersNobodyWhoseWriteMayNotBeOnTheDisk) {
  const auto it = spawn_keeper();
  disk.broken = true;
  EXPECT_EQ(send_three(it), (std::vector<bool>{false, false, false}));
  EXPECT_TRUE(published.empty());
}

TEST_F(Keeper, WritesOnWhileTheDiskIsWaitedForAndAnswersOnlyWhatTheWaitCovers) {
  std::size_t asked = 0;
  const auto by = spawn(hold, &asked);
  const auto it = spawn_keeper(by);
  auto first = probe->request(it, std::chrono::seconds{10}, transition_of(0));
  run();
  ASSERT_EQ(asked, 1U);
  EXPECT_EQ(decided, (std::vector<std::uint64_t>{1})) << "the fold need not wait";
  ASSERT_TRUE(disk.sync());  // begins: the second transition comes behind it
  auto second = probe->request(it, std::chrono::seconds{10}, transition_of(1));
  run();
  EXPECT_EQ(disk.decisions().last(), 2U);
  EXPECT_EQ(asked, 1U) << "one wait at a time";
  caf::anon_send(by, true);
  run();
  first.receive([](const checkpoint_written&) {},
                [](const caf::error& why) { ADD_FAILURE() << to_string(why); });
  ASSERT_EQ(asked, 2U) << "the second waits for a wait of its own";
  caf::anon_send(by, false);
  run();
  second.receive(
      [](const checkpoint_written&) { ADD_FAILURE() << "it is not known to be on the disk"; },
      [](const caf::error&) {});
}

// A partition has two writes under way at once, and room may come between them.
TEST_F(Keeper, WhatFindsNoRoomInTheLogComesBeforeWhatFollowsItInItsOutbox) {
  const auto it = spawn_keeper();
  ending = disk.log.full = true;
  caf::anon_send(it, transition_of(1, "a/1/1"));
  run();
  EXPECT_EQ(disk.decisions().last(), 0U);
  disk.log.full = false;
  caf::anon_send(it, transition_of(1, "a/1/2"));
  run();
  EXPECT_EQ(disk.decisions().last(), 2U);
  EXPECT_EQ(decided.back(), 2U);
}

TEST_F(Keeper, WhoAsksFromOutsideIsRefusedWhileItWaitsForRoom) {
  const auto it = spawn_keeper();
  const auto door = spawn(keeper_door, it, full);
  const auto refusal = [&]() -> std::optional<ec> {
    std::optional<ec> why;
    auto waiting = probe->request(door, std::chrono::seconds{10}, append_decisions{{happened()}});
    run();
    waiting.receive([](const decisions_appended&) {},
                    [&](const caf::error& e) { why = from_caf_error(e).code; });
    return why;
  };
  EXPECT_EQ(refusal(), std::nullopt);
  disk.log.full = true;
  disk.log.asked = [&] {  // while the first of those inside waits
    if (full->load()) disk.log.full = false;
    seen.push_back(full->load());
  };
  caf::anon_send(it, append_decisions{{happened()}});
  run();
  EXPECT_EQ(seen, (std::vector<bool>{false, true}));
  EXPECT_FALSE(full->load()) << "there is room again";
  full->store(true);
  EXPECT_EQ(refusal(), ec::no_space);
  EXPECT_EQ(disk.decisions().last(), 2U);
}

TEST_F(Keeper, AFeedRecordGoesOutWhenItIsOnTheDiskAndIsAnsweredWhenItIsWritten) {
  std::size_t asked = 0;
  const auto by = spawn(hold, &asked);
  const auto it = spawn_keeper(by);
  auto first = probe->request(it, std::chrono::seconds{10}, transition_of(0));
  auto second = probe->request(it, std::chrono::seconds{10}, notice_of(1));
  run();
  second.receive([](feed_written& w) { EXPECT_EQ(w.last_seq, 1U); },
                 [](const caf::error& why) { ADD_FAILURE() << to_string(why); });
  EXPECT_EQ(decided, (std::vector<std::uint64_t>{1}));
  EXPECT_TRUE(published.empty()) << "it may not be on the disk";
  ASSERT_TRUE(disk.sync());
  caf::anon_send(by, true);
  run();
  first.receive([](checkpoint_written& w) { EXPECT_EQ(w.appended, 1U); },
                [](const caf::error& why) { ADD_FAILURE() << to_string(why); });
  EXPECT_EQ(published, (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(asked, 1U) << "one wait for both";
}

TEST_F(Keeper, AFeedRecordThatMayNotBeOnTheDiskNeverGoesOut) {
  const auto it = spawn_keeper();
  disk.broken = true;
  caf::anon_send(it, notice_of(1));
  run();
  EXPECT_TRUE(published.empty());
}

TEST_F(Keeper, FeedRecordsGoOutInTheirOrderWhateverTheWaitsWere) {
  std::size_t asked = 0;
  const auto by = spawn(hold, &asked);
  const auto it = spawn_keeper(by);
  caf::anon_send(it, notice_of(1));
  run();
  ASSERT_TRUE(disk.sync());  // begins: what comes now is behind it
  caf::anon_send(it, notice_of(2));
  caf::anon_send(it, notice_of(3));
  run();
  caf::anon_send(by, true);
  run();
  EXPECT_EQ(published, (std::vector<std::uint64_t>{1}));
  ASSERT_TRUE(disk.sync());
  caf::anon_send(by, true);
  run();
  EXPECT_EQ(published, (std::vector<std::uint64_t>{1, 2, 3}));
}

}  // namespace
}  // namespace faultline
