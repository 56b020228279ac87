// SPDX-License-Identifier: Apache-2.0
#include "actors/keeper.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "messages/decision.hpp"
#include "storage/memory_store.hpp"
#include "tests/support/actor_fixture.hpp"

namespace faultline {
namespace {

/// A store in memory that counts how often somebody waited for the disk, and may fail that.
class waiting_store final : public store {
public:
  event_log& events() override { return memory->events(); }
  checkpoint_store& checkpoints() override { return memory->checkpoints(); }
  decision_log& decisions() override { return memory->decisions(); }
  feed_store& feed() override { return memory->feed(); }
  dead_letter_store& dead_letters() override { return memory->dead_letters(); }
  poison_store& poison() override { return memory->poison(); }
  std::uint64_t bytes_on_disk() const override { return 0; }
  outcome<void> sync() override {
    ++waits;
    if (broken) return failure{ec::store_unavailable, "the disk is gone"};
    return {};
  }
  outcome<void> flush() override { return memory->flush(); }
  outcome<void> sweep_retention(arrival_time now) override { return memory->sweep_retention(now); }
  void set_retention(const storage_options& options) override { memory->set_retention(options); }

  std::unique_ptr<store> memory = open_memory_store(4);
  int waits = 0;
  bool broken = false;
};

class Keeper : public actor_fixture {
protected:
  keeper_actor spawn_keeper() {
    keeper_hooks hooks;
    hooks.decided = [this](std::uint64_t last) { decided.push_back(last); };
    hooks.publish = [this](const feed_record& r, const std::vector<std::string>&) {
      published.push_back(r.seq);
    };
    hooks.now = [] { return arrival_time_of(1'750'000'000'000); };
    return spawn(keeper, &disk, hooks);
  }

  static write_checkpoint transition_of(partition_id partition) {
    decision d;
    d.kind = decision_kind::notice;
    d.notice = {"test", "it", "happened", event_time_of(1'750'000'000'000)};
    auto batch = std::make_shared<checkpoint_batch>();
    batch->partition = partition;
    outbox_entry entry;
    entry.entity = "host/" + std::to_string(partition);
    entry.key = "a/1/1";
    entry.cause = 1;
    entry.decision = encode_decision(d);
    batch->outbox.push_back(std::move(entry));
    batch->sync = true;
    return write_checkpoint{batch};
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

  waiting_store disk;
  std::vector<std::uint64_t> decided;
  std::vector<std::uint64_t> published;
};

TEST_F(Keeper, WaitsForTheDiskOnceForAllThatCameTogether) {
  const auto it = spawn_keeper();
  EXPECT_EQ(send_three(it), (std::vector<bool>{true, true, true}));
  EXPECT_EQ(disk.waits, 1);
  EXPECT_EQ(decided, (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(send_three(it), (std::vector<bool>{true, true, true}));  // known: nothing is appended
  EXPECT_EQ(disk.waits, 2);
  EXPECT_EQ(disk.decisions().last(), 3U);
}

TEST_F(Keeper, TellsNobodyOfWhatMayNotBeOnTheDisk) {
  const auto it = spawn_keeper();
  disk.broken = true;
  EXPECT_EQ(send_three(it), (std::vector<bool>{false, false, false}));
  EXPECT_TRUE(decided.empty());
}

TEST_F(Keeper, AFeedRecordThatWaitedForTheDiskAnswersAllBeforeIt) {
  const auto it = spawn_keeper();
  feed_event e;
  e.notice = {"test", "it", "happened", event_time_of(1'750'000'000'000)};
  auto first = probe->request(it, std::chrono::seconds{10}, transition_of(0));
  auto second = probe->request(it, std::chrono::seconds{10}, write_feed{{e}, 1, {}});
  run();
  first.receive([](checkpoint_written& w) { EXPECT_EQ(w.appended, 1U); },
                [](const caf::error& why) { ADD_FAILURE() << to_string(why); });
  second.receive([](feed_written& w) { EXPECT_EQ(w.last_seq, 1U); },
                 [](const caf::error& why) { ADD_FAILURE() << to_string(why); });
  EXPECT_EQ(disk.waits, 0);
  EXPECT_EQ(decided, (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(published, (std::vector<std::uint64_t>{1}));
}

}  // namespace
}  // namespace faultline
