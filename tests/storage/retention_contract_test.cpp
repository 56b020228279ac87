// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <thread>

#include "tests/storage/makers.hpp"

namespace faultline::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <class Maker>
class RetentionContract : public store_contract<Maker> {};
TYPED_TEST_SUITE(RetentionContract, store_makers);

constexpr auto begin = arrival_time_of(1'700'000'000'000);

/// About 40 MiB in partition 0, over two segments of the log.
void fill_log(store& s) {
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(s.events().append(group_of({{0, std::string(4 * 1024 * 1024, 'x'), 1}})));
  }
}

void checkpoint(store& s, log_position position) {
  checkpoint_batch batch;
  batch.checkpoint = partition_checkpoint{position, position};
  ASSERT_TRUE(s.checkpoints().write(batch));
}

TYPED_TEST(RetentionContract, TrimsTheLogByAgeAfterTheCheckpointHasPassed) {
  auto store = this->maker.open();
  fill_log(*store);
  ASSERT_TRUE(store->sweep_retention(begin));
  ASSERT_TRUE(store->sweep_retention(begin + 25h));
  EXPECT_EQ(store->events().first(0), 1u) << "nothing is covered by a checkpoint";
  checkpoint(*store, 5);
  store = this->maker.reopen(std::move(store));
  ASSERT_TRUE(store->sweep_retention(begin + 23h));
  EXPECT_EQ(store->events().first(0), 1u) << "too young";
  ASSERT_TRUE(store->sweep_retention(begin + 25h));
  EXPECT_EQ(store->events().first(0), 6u) << "not above the checkpoint";
  store = this->maker.reopen(std::move(store));
  const auto blobs = store->events().read(0, 1, 100, 1 << 30);
  ASSERT_TRUE(blobs) << blobs.error().what;
  EXPECT_EQ(blobs->size(), 5u);
}

TYPED_TEST(RetentionContract, TrimsTheLogBySizeAfterTheCheckpointHasPassed) {
  this->maker.options.log_bytes = 10 * 1024 * 1024;
  auto store = this->maker.open();
  fill_log(*store);
  ASSERT_TRUE(store->sweep_retention(begin));
  EXPECT_EQ(store->events().first(0), 1u);
  checkpoint(*store, 10);
  ASSERT_TRUE(store->sweep_retention(begin + 1s));
  EXPECT_GT(store->events().first(0), 7u);
  EXPECT_LE(store->events().first(0), 10u);
}

TYPED_TEST(RetentionContract, KeepsTheLogWithinItsBytesWhileEventsComeIn) {
  constexpr std::uint64_t mib = 1024 * 1024;
  this->maker.options.log_bytes = 8 * mib;
  auto store = this->maker.open();
  auto now = begin;
  std::uint64_t most = 0;
  for (int minute = 0; minute < 40; ++minute, now += 60s) {
    for (int i = 0; i < 32; ++i) {  // 2 MiB a minute, over two partitions
      const auto p = static_cast<partition_id>(i % 2);
      ASSERT_TRUE(store->events().append(group_of({{p, std::string(mib / 16, 'x'), 1}})));
    }
    for (const partition_id p : {0, 1}) {
      checkpoint_batch batch;
      batch.partition = p;
      batch.checkpoint = partition_checkpoint{store->events().last(p), store->events().last(p)};
      ASSERT_TRUE(store->checkpoints().write(batch));
    }
    ASSERT_TRUE(store->sweep_retention(now));
    std::uint64_t kept = 0;
    for (const partition_id p : {0, 1}) {
      const auto blobs = store->events().read(p, 1, 1'000'000, 1 << 30);
      ASSERT_TRUE(blobs) << blobs.error().what;
      ASSERT_EQ(blobs->size(), store->events().last(p) + 1 - store->events().first(p));
      for (const auto& b : *blobs) kept += b.bytes.size();
    }
    EXPECT_LE(kept, 12 * mib) << "minute " << minute;
    // What was trimmed leaves the disk when RocksDB's thread has come to it, with a later sweep.
    for (int i = 0; i < 500 && store->bytes_on_disk() >= 60 * mib; ++i) {
      std::this_thread::sleep_for(20ms);
      ASSERT_TRUE(store->sweep_retention(now));
    }
    most = std::max(most, store->bytes_on_disk());
    if (minute == 20) store = this->maker.reopen(std::move(store));
  }
  EXPECT_GT(store->events().first(0), 500u);
  EXPECT_LT(most, 60 * mib) << "80 MiB were written";
}

TYPED_TEST(RetentionContract, ForgetsOutboxEntriesOnlyWhenNothingCanReplayThem) {
  auto store = this->maker.open();
  fill_log(*store);
  checkpoint_batch batch;
  for (log_position p = 1; p <= 3; ++p) {
    outbox_entry e;
    e.entity = "x";
    e.key = "a/1/" + std::to_string(p);
    e.cause = {p, 0};
    batch.outbox.push_back(e);
  }
  ASSERT_TRUE(store->checkpoints().write(batch));
  checkpoint(*store, 9);
  ASSERT_TRUE(store->sweep_retention(begin));
  ASSERT_TRUE(store->sweep_retention(begin + 25h));
  EXPECT_EQ(store->checkpoints().read_outbox(0, 0, 9)->size(), 3u) << "not in the decision log";
  ASSERT_TRUE(store->decisions().append({{}, {{0, 2}}}));
  ASSERT_TRUE(store->sweep_retention(begin + 26h));
  store = this->maker.reopen(std::move(store));
  const auto kept = store->checkpoints().read_outbox(0, 0, 9);
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->size(), 1u);
  EXPECT_EQ(kept->front().seq, 3u);
  const auto again = store->checkpoints().write(batch);
  ASSERT_TRUE(again);
  ASSERT_EQ(again->size(), 2u) << "what was forgotten is new";
  EXPECT_EQ(again->front().seq, 4u) << "but a seq is never given twice";
}

TYPED_TEST(RetentionContract, ForgetsOldFeedMessagesButNeverTheNewest) {
  auto store = this->maker.open();
  const auto item = [](std::uint64_t seq) { return std::to_string(seq); };
  feed_append f;
  f.items = {{"a", item}, {"b", item}};
  ASSERT_TRUE(store->feed().append(f));
  ASSERT_TRUE(store->sweep_retention(begin));
  f.items = {{"c", item}};
  ASSERT_TRUE(store->feed().append(f));
  ASSERT_TRUE(store->sweep_retention(begin + 24h * 29));
  EXPECT_EQ(store->feed().oldest(), 1u);
  store = this->maker.reopen(std::move(store));
  ASSERT_TRUE(store->sweep_retention(begin + 24h * 31));
  EXPECT_EQ(store->feed().oldest(), 2u);
  store = this->maker.reopen(std::move(store));
  EXPECT_EQ(store->feed().oldest(), 2u);
  ASSERT_TRUE(store->sweep_retention(begin + 24h * 100));
  ASSERT_TRUE(store->sweep_retention(begin + 24h * 200));
  EXPECT_EQ(store->feed().oldest(), 3u);
  EXPECT_EQ(store->feed().last(), 3u);
  const auto page = store->feed().read(1, 10, "");
  ASSERT_TRUE(page);
  ASSERT_EQ(page->records.size(), 1u);
  EXPECT_EQ(page->records.front().topic, "c");
}

TYPED_TEST(RetentionContract, ForgetsResolvedRecordsWithTheirMessagesAndKeepsTheRest) {
  auto store = this->maker.open();
  alert over;
  over.state = alert_state::resolved;
  alert on;
  on.state = alert_state::firing;
  incident closed;
  closed.state = incident_state::resolved;
  const auto item = [](std::uint64_t) { return std::string{"m"}; };
  feed_append f;
  f.items = {{"a", item}};
  f.records = {{"alert/over", encode_alert(over)},
               {"alert/on", encode_alert(on)},
               {"incident/over", encode_incident(closed)},
               {"topology", "anything"}};
  ASSERT_TRUE(store->feed().append(f));
  f = {};
  f.items = {{"b", item}, {"c", item}};
  ASSERT_TRUE(store->feed().append(f));
  ASSERT_TRUE(store->sweep_retention(begin));
  EXPECT_TRUE(store->feed().record("alert/over")->has_value());
  ASSERT_TRUE(store->sweep_retention(begin + 24h * 31));
  store = this->maker.reopen(std::move(store));
  EXPECT_FALSE(store->feed().record("alert/over")->has_value());
  EXPECT_FALSE(store->feed().record("incident/over")->has_value());
  EXPECT_TRUE(store->feed().record("alert/on")->has_value());
  EXPECT_TRUE(store->feed().record("topology")->has_value());
}

TYPED_TEST(RetentionContract, ForgetsCopiesByTimeWithTheirRecordAndThoseItLeftBehind) {
  auto store = this->maker.open();
  alert over;
  over.state = alert_state::resolved;
  const incident on;
  const std::string of_over = "alerts-by-time/fffffe6ec5d7ffff/over";
  const std::string of_gone = "alerts-by-time/fffffe6ec5d7ffff/gone";
  const std::string of_on = "incidents-by-time/fffffe6ec5d7ffff/on";
  const std::string of_on_before = "incidents-by-time/fffffe6ec5d70000/on";
  const auto item = [](std::uint64_t) { return std::string{"m"}; };
  feed_append f;
  f.items = {{"a", item}};
  f.records = {{"alert/over", encode_alert(over)},
               {of_over, encode_alert(over)},
               {of_gone, encode_alert(over)},
               {"incident/on", encode_incident(on)},
               {of_on_before, encode_incident(on)}};
  ASSERT_TRUE(store->feed().append(f));
  f = {};
  f.items = {{"b", item}, {"c", item}};
  f.records = {{"incident/on", encode_incident(on)}, {of_on, encode_incident(on)}};
  ASSERT_TRUE(store->feed().append(f));
  ASSERT_TRUE(store->sweep_retention(begin));
  store = this->maker.reopen(std::move(store));
  EXPECT_TRUE(store->feed().record(of_over)->has_value());
  EXPECT_TRUE(store->feed().record(of_on)->has_value());
  EXPECT_FALSE(store->feed().record(of_on_before)->has_value()) << "it begins at another time now";
  EXPECT_FALSE(store->feed().record(of_gone)->has_value()) << "an older build left it behind";
  ASSERT_TRUE(store->sweep_retention(begin + 24h * 31));
  store = this->maker.reopen(std::move(store));
  EXPECT_FALSE(store->feed().record(of_over)->has_value());
  EXPECT_TRUE(store->feed().record(of_on)->has_value());
}

TYPED_TEST(RetentionContract, SweepsAllRecordsInAnHourHoweverManyThereAre) {
  constexpr int count = 20'000;  // with their copies more than sixty sweeps of the least pace
  auto store = this->maker.open();
  alert over;
  over.state = alert_state::resolved;
  const auto bytes = encode_alert(over);
  const auto item = [](std::uint64_t) { return std::string{"m"}; };
  for (int n = 0; n < count;) {
    feed_append f;
    f.items = {{"a", item}};
    for (int i = 0; i < 1000; ++i, ++n) {
      const auto id = std::to_string(100'000 + n);
      f.records.push_back({"alert/" + id, bytes, 0});
      f.records.push_back({"alerts-by-time/fffffe6ec5d7ffff/" + id, bytes, 0});
    }
    ASSERT_TRUE(store->feed().append(f));
  }
  feed_append last;
  last.items = {{"b", item}, {"c", item}};
  ASSERT_TRUE(store->feed().append(last));
  ASSERT_TRUE(store->sweep_retention(begin));
  for (int minute = 1; minute < 60; ++minute)  // the round in which nothing is old enough
    ASSERT_TRUE(store->sweep_retention(begin + 1min * minute));
  for (int minute = 0; minute < 62; ++minute)
    ASSERT_TRUE(store->sweep_retention(begin + 24h * 31 + 1min * minute));
  EXPECT_THAT(*store->feed().records("alert", "", 10), IsEmpty());
}

TYPED_TEST(RetentionContract, ForgetsDeadLettersByAge) {
  auto store = this->maker.open();
  ASSERT_TRUE(store->dead_letters().append(
      {{"r", begin, "s", "old", ""}, {"r", begin + 24h, "s", "young", ""}}));
  ASSERT_TRUE(store->sweep_retention(begin + 24h * 7 + 1h));
  store = this->maker.reopen(std::move(store));
  const auto kept = store->dead_letters().newest(10);
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->size(), 1u);
  EXPECT_EQ(kept->front().text, "young");
  ASSERT_TRUE(store->sweep_retention(begin + 24h * 30));
  EXPECT_THAT(*store->dead_letters().newest(10), IsEmpty());
  store = this->maker.reopen(std::move(store));
  EXPECT_EQ(store->dead_letters().total(), 2u);
  ASSERT_TRUE(store->dead_letters().append({{"r", begin + 24h * 30, "s", "new", ""}}));
  EXPECT_EQ(store->dead_letters().newest(10)->size(), 1u);
  EXPECT_EQ(store->dead_letters().total(), 3u);
}

}  // namespace
}  // namespace faultline::testing
