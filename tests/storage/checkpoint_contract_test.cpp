// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/storage/makers.hpp"

namespace faultline::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <class Maker>
class CheckpointContract : public store_contract<Maker> {};
TYPED_TEST_SUITE(CheckpointContract, store_makers);

constexpr std::uint16_t partitions = 4;

outbox_entry entry(std::string entity, std::string key, log_position cause = 1) {
  outbox_entry e;
  e.entity = std::move(entity);
  e.key = std::move(key);
  e.cause = {cause, 0};
  e.tick = event_time_of(60'000);
  e.decision = "decision";
  return e;
}

std::vector<std::uint64_t> seqs_of(const outcome<std::vector<outbox_entry>>& entries) {
  std::vector<std::uint64_t> out;
  if (!entries) return {999};
  for (const auto& e : *entries) out.push_back(e.seq);
  return out;
}

std::vector<std::uint32_t> numbers_of(const outcome<std::vector<window_block>>& blocks) {
  std::vector<std::uint32_t> out;
  if (!blocks) return {999};
  for (const auto& b : *blocks) out.push_back(b.number);
  return out;
}

TYPED_TEST(CheckpointContract, AppendsADecisionOnceWhateverReplaySays) {
  auto store = this->maker.open();
  checkpoint_batch b;
  b.partition = 2;
  b.outbox = {entry("db-1", "a/1/1"), entry("db-1", "a/1/2"), entry("db-10", "a/1/1")};
  EXPECT_THAT(seqs_of(store->checkpoints().write(b)), ElementsAre(1, 2, 3));
  store = this->maker.reopen(std::move(store));
  b.outbox = {entry("db-1", "a/1/2"), entry("db-1", "a/1/3"), entry("db-1", "a/1/3")};
  const auto appended = store->checkpoints().write(b);
  EXPECT_THAT(seqs_of(appended), ElementsAre(4));
  EXPECT_EQ(appended->front().key, "a/1/3");
  b.partition = 3;  // the same key in another partition is another decision
  EXPECT_THAT(seqs_of(store->checkpoints().write(b)), ElementsAre(1, 2));
}

TYPED_TEST(CheckpointContract, KeepsTheRulesOfEachPartitionUntilOthersCome) {
  auto store = this->maker.open();
  EXPECT_EQ(store->checkpoints().load_rules(1)->sequence, 0u);
  checkpoint_batch b;
  b.partition = 1;
  b.rules = partition_rules{5, "rules of 5"};
  ASSERT_TRUE(store->checkpoints().write(b));
  b.rules.reset();
  b.checkpoint = partition_checkpoint{9, 9};
  ASSERT_TRUE(store->checkpoints().write(b));
  store = this->maker.reopen(std::move(store));
  const auto rules = store->checkpoints().load_rules(1);
  ASSERT_TRUE(rules);
  EXPECT_EQ(rules->sequence, 5u);
  EXPECT_EQ(rules->payload, "rules of 5");
  EXPECT_TRUE(store->checkpoints().load_rules(0)->payload.empty());
  EXPECT_FALSE(store->checkpoints().load_rules(partitions));
}

TYPED_TEST(CheckpointContract, ReadsTheOutboxInOrderFromASeq) {
  auto store = this->maker.open();
  checkpoint_batch b;
  b.partition = 1;
  for (int i = 0; i < 5; ++i) b.outbox.push_back(entry("x", std::to_string(i), 40 + i));
  ASSERT_TRUE(store->checkpoints().write(b));
  store = this->maker.reopen(std::move(store));
  EXPECT_THAT(seqs_of(store->checkpoints().read_outbox(1, 0, 2)), ElementsAre(1, 2));
  EXPECT_THAT(seqs_of(store->checkpoints().read_outbox(1, 4, 100)), ElementsAre(4, 5));
  EXPECT_THAT(seqs_of(store->checkpoints().read_outbox(1, 6, 100)), IsEmpty());
  EXPECT_THAT(seqs_of(store->checkpoints().read_outbox(2, 0, 100)), IsEmpty());
  EXPECT_FALSE(store->checkpoints().read_outbox(partitions, 0, 1));
  const auto last = store->checkpoints().read_outbox(1, 5, 1);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->front().cause.first, 44u);
  EXPECT_EQ(last->front().tick, event_time_of(60'000));
  EXPECT_EQ(last->front().entity, "x");
  EXPECT_EQ(last->front().decision, "decision");
}

TYPED_TEST(CheckpointContract, KeepsTheNewestSnapshotOfAnEntity) {
  auto store = this->maker.open();
  const std::string a = entity_in(1, partitions);
  const std::string b = entity_in(1, partitions, 50);
  checkpoint_batch batch;
  batch.partition = 1;
  batch.snapshots = {{a, 5, 2, "old"}, {b, 6, 0, "other"}};
  ASSERT_TRUE(store->checkpoints().write(batch));
  batch.snapshots = {{a, 9, 1, "new"}};
  ASSERT_TRUE(store->checkpoints().write(batch));
  store = this->maker.reopen(std::move(store));
  const auto found = store->checkpoints().load_snapshot(a);
  ASSERT_TRUE(found);
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->position, 9u);
  EXPECT_EQ((*found)->index, 1u);
  EXPECT_EQ((*found)->bytes, "new");
  std::vector<std::string> entities;
  ASSERT_TRUE(store->checkpoints().load_snapshots(
      1, [&](entity_snapshot s) { entities.push_back(std::move(s.entity)); }));
  std::vector<std::string> expected{a, b};
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(entities, expected);
  const auto unknown = store->checkpoints().load_snapshot("nobody");
  ASSERT_TRUE(unknown);
  EXPECT_FALSE(unknown->has_value());
}

TYPED_TEST(CheckpointContract, SummariesAreThereWithoutTheSnapshotsOnceTheyAreWhole) {
  auto store = this->maker.open();
  const std::string a = entity_in(1, partitions);
  const std::string b = entity_in(1, partitions, 50);
  checkpoint_batch batch;
  batch.partition = 1;
  batch.snapshots = {{a, 5, 2, "state", "small a"}, {b, 6, 0, "state", "small b"}};
  ASSERT_TRUE(store->checkpoints().write(batch));
  std::vector<entity_summary> found;
  const auto load = [&] {
    found.clear();
    return store->checkpoints().load_summaries(
        1, [&](entity_summary s) { found.push_back(std::move(s)); });
  };
  auto whole = load();
  ASSERT_TRUE(whole);
  EXPECT_FALSE(*whole) << "a store of a build without summaries looks so";
  EXPECT_THAT(found, IsEmpty());
  ASSERT_TRUE(store->checkpoints().write_summaries(
      1, {{a, 5, 2, "made of the snapshot"}, {b, 6, 0, "likewise"}}));
  batch.snapshots = {{b, 9, 1, "state", "newer b"}};
  ASSERT_TRUE(store->checkpoints().write(batch));
  store = this->maker.reopen(std::move(store));
  whole = load();
  ASSERT_TRUE(whole);
  EXPECT_TRUE(*whole);
  ASSERT_EQ(found.size(), 2u);
  const auto& of_a = found[0].entity == a ? found[0] : found[1];
  const auto& of_b = found[0].entity == a ? found[1] : found[0];
  EXPECT_EQ(of_a.bytes, "made of the snapshot");
  EXPECT_EQ(of_b.bytes, "newer b");
  EXPECT_EQ(of_b.position, 9u);
  EXPECT_EQ(of_b.index, 1u);
  batch = {};
  batch.partition = 1;
  batch.retired = {a};
  ASSERT_TRUE(store->checkpoints().write(batch));
  ASSERT_TRUE(load());
  EXPECT_EQ(found.size(), 1u);
  EXPECT_FALSE(store->checkpoints().load_summaries(partitions, [](entity_summary) {}));
}

TYPED_TEST(CheckpointContract, QuarantineIsRememberedUntilItIsForgotten) {
  auto store = this->maker.open();
  const std::string a = entity_in(1, partitions);
  checkpoint_batch batch;
  batch.partition = 1;
  batch.quarantine = {{a, 7, 3, 0, 0, false}};
  ASSERT_TRUE(store->checkpoints().write(batch));
  store = this->maker.reopen(std::move(store));
  auto rows = store->checkpoints().load_quarantine(1);
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ(rows->front().entity, a);
  EXPECT_EQ(rows->front().from, 7u);
  EXPECT_EQ(rows->front().from_index, 3u);
  EXPECT_EQ(rows->front().until, 0u);
  batch.quarantine = {{a, 7, 3, 20, 1, false}};
  ASSERT_TRUE(store->checkpoints().write(batch));
  EXPECT_EQ(store->checkpoints().load_quarantine(1)->front().until, 20u);
  batch.quarantine = {{a, 7, 3, 20, 1, true}};
  ASSERT_TRUE(store->checkpoints().write(batch));
  EXPECT_TRUE(store->checkpoints().load_quarantine(1)->empty());
  batch.quarantine = {{entity_in(2, partitions), 1, 0, 0, 0, false}};
  EXPECT_FALSE(store->checkpoints().write(batch)) << "of another partition";
}

TYPED_TEST(CheckpointContract, RefusesAnEntityOfAnotherPartitionAndWritesNothing) {
  auto store = this->maker.open();
  checkpoint_batch batch;
  batch.partition = 1;
  batch.outbox = {entry("any", "a/1/1")};
  batch.snapshots = {{entity_in(2, partitions), 1, 0, "x"}};
  const auto refused = store->checkpoints().write(batch);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ec::invalid);
  EXPECT_THAT(seqs_of(store->checkpoints().read_outbox(1, 0, 10)), IsEmpty());
}

TYPED_TEST(CheckpointContract, KeepsTheNewestBlocksOfAnEntityOldestFirst) {
  this->maker.options.blocks_per_entity = 3;
  auto store = this->maker.open();
  const std::string entity = entity_in(0, partitions);
  for (std::uint32_t n = 0; n < 8; ++n) {
    checkpoint_batch batch;
    batch.blocks = {{entity, n, "block " + std::to_string(n)}};
    ASSERT_TRUE(store->checkpoints().write(batch));
  }
  store = this->maker.reopen(std::move(store));
  const auto blocks = store->checkpoints().load_blocks(entity);
  EXPECT_THAT(numbers_of(blocks), ElementsAre(5, 6, 7));
  EXPECT_EQ(blocks->front().bytes, "block 5");
  EXPECT_THAT(numbers_of(store->checkpoints().load_blocks(entity + "0")), IsEmpty());
}

TYPED_TEST(CheckpointContract, ForgetsARetiredEntityWhole) {
  auto store = this->maker.open();
  const std::string gone = entity_in(0, partitions);
  const std::string stays = entity_in(0, partitions, 100);
  checkpoint_batch batch;
  batch.snapshots = {{gone, 1, 0, "x"}, {stays, 1, 0, "y"}};
  batch.blocks = {{gone, 1, "x"}, {gone, 2, "x"}, {stays, 1, "y"}};
  ASSERT_TRUE(store->checkpoints().write(batch));
  batch = {};
  batch.retired = {gone};
  ASSERT_TRUE(store->checkpoints().write(batch));
  store = this->maker.reopen(std::move(store));
  EXPECT_FALSE(store->checkpoints().load_snapshot(gone)->has_value());
  EXPECT_THAT(numbers_of(store->checkpoints().load_blocks(gone)), IsEmpty());
  EXPECT_TRUE(store->checkpoints().load_snapshot(stays)->has_value());
  EXPECT_THAT(numbers_of(store->checkpoints().load_blocks(stays)), ElementsAre(1));
}

TYPED_TEST(CheckpointContract, AnEntityMayComeBackInTheBatchThatRetiresIt) {
  auto store = this->maker.open();
  const std::string entity = entity_in(0, partitions);
  checkpoint_batch batch;
  batch.snapshots = {{entity, 1, 0, "before"}};
  batch.blocks = {{entity, 1, "before"}};
  ASSERT_TRUE(store->checkpoints().write(batch));
  batch.retired = {entity};
  batch.snapshots = {{entity, 2, 0, "after"}};
  batch.blocks = {};
  ASSERT_TRUE(store->checkpoints().write(batch));
  store = this->maker.reopen(std::move(store));
  const auto found = store->checkpoints().load_snapshot(entity);
  ASSERT_TRUE(found && found->has_value());
  EXPECT_EQ((*found)->bytes, "after");
  EXPECT_THAT(numbers_of(store->checkpoints().load_blocks(entity)), IsEmpty());
}

TYPED_TEST(CheckpointContract, RemembersTheCheckpointOfEachPartition) {
  auto store = this->maker.open();
  checkpoint_batch batch;
  batch.partition = 3;
  batch.checkpoint = partition_checkpoint{17, 21, "what it knows"};
  ASSERT_TRUE(store->checkpoints().write(batch));
  batch.checkpoint.reset();  // a batch without one leaves it
  ASSERT_TRUE(store->checkpoints().write(batch));
  store = this->maker.reopen(std::move(store));
  const auto found = store->checkpoints().load_checkpoint(3);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->position, 17u);
  EXPECT_EQ(found->decided_through, 21u);
  EXPECT_EQ(found->state, "what it knows");
  EXPECT_EQ(store->checkpoints().load_checkpoint(0)->position, 0u);
  EXPECT_FALSE(store->checkpoints().load_checkpoint(partitions));
}

}  // namespace
}  // namespace faultline::testing
