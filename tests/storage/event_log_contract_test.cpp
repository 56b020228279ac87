// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "tests/storage/makers.hpp"

namespace faultline::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

template <class Maker>
class EventLogContract : public store_contract<Maker> {};
TYPED_TEST_SUITE(EventLogContract, store_makers);

TYPED_TEST(EventLogContract, CountsPositionsPerPartitionFromOne) {
  auto store = this->maker.open();
  const auto first = store->events().append(group_of({{1, "a", 1}, {2, "b", 1}, {1, "c", 1}}));
  ASSERT_TRUE(first);
  EXPECT_THAT(*first, ElementsAre(1, 1, 2));
  const auto second = store->events().append(group_of({{2, "d", 1}}));
  ASSERT_TRUE(second);
  EXPECT_THAT(*second, ElementsAre(2));
  EXPECT_EQ(store->events().last(1), 2u);
  EXPECT_EQ(store->events().last(0), 0u);
  EXPECT_EQ(store->events().first(0), 1u);
}

TYPED_TEST(EventLogContract, SurvivesReopenWithTheSamePositions) {
  auto store = this->maker.open();
  ASSERT_TRUE(store->events().append(group_of({{1, "a", 7}, {3, "b", 1}, {1, "c", 9}})));
  store = this->maker.reopen(std::move(store));
  EXPECT_EQ(store->events().partitions(), 4);
  EXPECT_EQ(store->events().last(1), 2u);
  EXPECT_EQ(store->events().last(3), 1u);
  EXPECT_EQ(store->events().last(2), 0u);
  const auto next = store->events().append(group_of({{1, "d", 1}}));
  ASSERT_TRUE(next);
  EXPECT_THAT(*next, ElementsAre(3));
  const auto blobs = store->events().read(1, 1, 100, 1 << 20);
  ASSERT_TRUE(blobs);
  EXPECT_THAT(bytes_of(*blobs), ElementsAre("a", "c", "d"));
  EXPECT_EQ((*blobs)[0].records, 7u);
  EXPECT_EQ((*blobs)[2].position, 3u);
}

TYPED_TEST(EventLogContract, RemembersUpToWhichDecisionControlsWereCopied) {
  auto store = this->maker.open();
  EXPECT_EQ(store->events().control_sequence(), 0u);
  auto group = group_of({{0, "control", 1}, {1, "control", 1}});
  group.control_sequence = 7;
  ASSERT_TRUE(store->events().append(group));
  ASSERT_TRUE(store->events().append(group_of({{1, "event", 1}})));
  store = this->maker.reopen(std::move(store));
  EXPECT_EQ(store->events().control_sequence(), 7u);
  auto refused = group_of({{4, "control", 1}});
  refused.control_sequence = 9;
  EXPECT_FALSE(store->events().append(refused));
  EXPECT_EQ(store->events().control_sequence(), 7u);
}

TYPED_TEST(EventLogContract, RefusesAPartitionThatIsNotThereAndWritesNothing) {
  auto store = this->maker.open();
  const auto refused = store->events().append(group_of({{0, "a", 1}, {4, "b", 1}}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ec::invalid);
  EXPECT_EQ(store->events().last(0), 0u);
  EXPECT_FALSE(store->events().read(4, 1, 1, 1));
  EXPECT_FALSE(store->events().trim(4, 1));
}

TYPED_TEST(EventLogContract, KeepsBytesAsTheyAre) {
  auto store = this->maker.open();
  const std::string bytes{"\0\xff\x01 \0", 5};
  ASSERT_TRUE(store->events().append(group_of({{0, bytes, 1}, {0, "", 0}})));
  store = this->maker.reopen(std::move(store));
  const auto blobs = store->events().read(0, 1, 10, 1000);
  ASSERT_TRUE(blobs);
  EXPECT_THAT(bytes_of(*blobs), ElementsAre(bytes, ""));
}

TYPED_TEST(EventLogContract, ReadsWithinItsLimitsButAlwaysOneBlob) {
  auto store = this->maker.open();
  const std::string big(1000, 'x');
  ASSERT_TRUE(store->events().append(group_of({{0, big, 1}, {0, big, 1}, {0, big, 1}})));
  const auto by_count = store->events().read(0, 2, 1, 1 << 20);
  ASSERT_TRUE(by_count);
  ASSERT_EQ(by_count->size(), 1u);
  EXPECT_EQ(by_count->front().position, 2u);
  const auto by_bytes = store->events().read(0, 1, 100, 1);
  ASSERT_TRUE(by_bytes);
  EXPECT_EQ(by_bytes->size(), 1u);
  const auto beyond = store->events().read(0, 4, 100, 1 << 20);
  ASSERT_TRUE(beyond);
  EXPECT_THAT(*beyond, IsEmpty());
}

TYPED_TEST(EventLogContract, TrimsFromTheFrontAndNeverGivesAPositionTwice) {
  auto store = this->maker.open();
  ASSERT_TRUE(store->events().append(group_of({{0, "a", 1}, {0, "b", 1}, {0, "c", 1}})));
  ASSERT_TRUE(store->events().append(group_of({{1, "other", 1}})));
  ASSERT_TRUE(store->events().trim(0, 3));
  EXPECT_EQ(store->events().first(0), 3u);
  auto blobs = store->events().read(0, 1, 10, 1000);
  ASSERT_TRUE(blobs);
  EXPECT_THAT(bytes_of(*blobs), ElementsAre("c"));
  ASSERT_TRUE(store->events().trim(0, 2));  // backwards: nothing comes back
  EXPECT_EQ(store->events().first(0), 3u);
  ASSERT_TRUE(store->events().trim(0, 99));
  store = this->maker.reopen(std::move(store));
  EXPECT_EQ(store->events().last(0), 3u);
  EXPECT_EQ(store->events().first(0), 4u);
  blobs = store->events().read(0, 1, 10, 1000);
  ASSERT_TRUE(blobs);
  EXPECT_THAT(*blobs, IsEmpty());
  const auto next = store->events().append(group_of({{0, "d", 1}}));
  ASSERT_TRUE(next);
  EXPECT_THAT(*next, ElementsAre(4));
  const auto other = store->events().read(1, 1, 10, 1000);
  ASSERT_TRUE(other);
  EXPECT_THAT(bytes_of(*other), ElementsAre("other"));
}

TYPED_TEST(EventLogContract, ReadsAndTrimsOverManySegments) {
  auto store = this->maker.open();
  const std::string blob(1024 * 1024, 'x');  // a segment is 2 MiB here
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(store->events().append(group_of({{0, blob, 1}, {1, blob, 1}})));
  }
  store = this->maker.reopen(std::move(store));
  ASSERT_TRUE(store->events().append(group_of({{0, "end", 1}})));
  auto blobs = store->events().read(0, 15, 1000, 1 << 30);
  ASSERT_TRUE(blobs) << blobs.error().what;
  ASSERT_EQ(blobs->size(), 37u);
  for (std::size_t i = 0; i < blobs->size(); ++i) EXPECT_EQ((*blobs)[i].position, 15 + i);
  EXPECT_EQ(blobs->back().bytes, "end");
  ASSERT_TRUE(store->events().trim(0, 40));
  ASSERT_TRUE(store->events().trim(1, 45));
  store = this->maker.reopen(std::move(store));
  EXPECT_EQ(store->events().first(0), 40u);
  EXPECT_EQ(store->events().last(1), 50u);
  blobs = store->events().read(0, 1, 1000, 1 << 30);
  ASSERT_TRUE(blobs) << blobs.error().what;
  EXPECT_EQ(blobs->size(), 12u);
}

TYPED_TEST(EventLogContract, AddsUpCounters) {
  auto store = this->maker.open();
  append_group g;
  g.counters = {{"accepted", 3}, {"late", 1}};
  ASSERT_TRUE(store->events().append(g));
  g.counters = {{"accepted", 4}};
  ASSERT_TRUE(store->events().append(g));
  store = this->maker.reopen(std::move(store));
  EXPECT_THAT(store->events().counters(),
              UnorderedElementsAre(Pair("accepted", 7), Pair("late", 1)));
}

TYPED_TEST(EventLogContract, WritesDeadLettersWithTheGroup) {
  auto store = this->maker.open();
  append_group g = group_of({{0, "a", 1}});
  g.dead_letters = {{"bad_ts", arrival_time_of(5), "pull", "text", "payload"}};
  ASSERT_TRUE(store->events().append(g));
  store = this->maker.reopen(std::move(store));
  EXPECT_EQ(store->dead_letters().total(), 1u);
  const auto letters = store->dead_letters().newest(10);
  ASSERT_TRUE(letters);
  ASSERT_EQ(letters->size(), 1u);
  EXPECT_EQ(letters->front().source, "pull");
}

// ---- publishers -------------------------------------------------------------------------------

struct loaded {
  std::map<std::string, std::string> rows;
  std::vector<std::pair<std::string, std::uint64_t>> deltas;
};

loaded load(store& s) {
  loaded out;
  const auto done = s.events().load_publishers(
      [&](const publisher_row& r) { out.rows[r.key] = r.bytes; },
      [&](const publisher_delta& d) { out.deltas.emplace_back(d.key, d.seq); });
  EXPECT_TRUE(done);
  return out;
}

append_group deltas_of(std::vector<publisher_delta> deltas) {
  append_group g;
  g.publishers = std::move(deltas);
  return g;
}

TYPED_TEST(EventLogContract, HandsOutDeltasInOrderUntilARowHoldsThem) {
  auto store = this->maker.open();
  ASSERT_TRUE(store->events().append(deltas_of({{"p", 1, 11}, {"q", 1, 12}})));
  ASSERT_TRUE(store->events().append(deltas_of({{"p", 2, 13}})));
  store = this->maker.reopen(std::move(store));
  auto found = load(*store);
  EXPECT_THAT(found.rows, IsEmpty());
  EXPECT_THAT(found.deltas, ElementsAre(Pair("p", 1), Pair("q", 1), Pair("p", 2)));

  ASSERT_TRUE(store->events().write_publishers({{"p", "window 2"}}));
  store = this->maker.reopen(std::move(store));
  found = load(*store);
  EXPECT_THAT(found.rows, UnorderedElementsAre(Pair("p", "window 2")));
  EXPECT_THAT(found.deltas, ElementsAre(Pair("q", 1)));

  ASSERT_TRUE(store->events().append(deltas_of({{"p", 3, 14}})));
  ASSERT_TRUE(store->events().write_publishers({{"q", "window 1"}}));
  store = this->maker.reopen(std::move(store));
  found = load(*store);
  EXPECT_THAT(found.rows, UnorderedElementsAre(Pair("p", "window 2"), Pair("q", "window 1")));
  EXPECT_THAT(found.deltas, ElementsAre(Pair("p", 3)));
}

TYPED_TEST(EventLogContract, LosesNoDeltaThatIsNewerThanTheRow) {
  auto store = this->maker.open();
  ASSERT_TRUE(store->events().append(deltas_of({{"p", 1, 11}})));
  const std::uint64_t copied = store->events().last_publisher_delta();
  ASSERT_TRUE(store->events().append(deltas_of({{"p", 2, 12}})));  // between copy and write
  ASSERT_TRUE(store->events().write_publishers({{"p", "window 1", copied}}));
  store = this->maker.reopen(std::move(store));
  const auto found = load(*store);
  EXPECT_THAT(found.rows, UnorderedElementsAre(Pair("p", "window 1")));
  EXPECT_THAT(found.deltas, ElementsAre(Pair("p", 2)));
}

TYPED_TEST(EventLogContract, DeltasAfterAReopenAreNewerThanEveryRow) {
  auto store = this->maker.open();
  ASSERT_TRUE(store->events().append(deltas_of({{"p", 1, 11}})));
  ASSERT_TRUE(store->events().append(deltas_of({{"p", 2, 12}})));
  ASSERT_TRUE(store->events().write_publishers({{"p", "window 2"}}));
  store = this->maker.reopen(std::move(store));
  ASSERT_TRUE(store->events().append(deltas_of({{"p", 3, 13}})));
  store = this->maker.reopen(std::move(store));
  EXPECT_THAT(load(*store).deltas, ElementsAre(Pair("p", 3)));
}

TYPED_TEST(EventLogContract, ForgetsAPublisherWhole) {
  auto store = this->maker.open();
  ASSERT_TRUE(store->events().append(deltas_of({{"q", 1, 10}})));  // holds the deltas' front
  ASSERT_TRUE(store->events().append(deltas_of({{"p", 1, 11}})));
  ASSERT_TRUE(store->events().write_publishers({{"p", ""}}));
  store = this->maker.reopen(std::move(store));
  const auto found = load(*store);
  EXPECT_THAT(found.rows, IsEmpty());
  EXPECT_THAT(found.deltas, ElementsAre(Pair("q", 1)));
}

TYPED_TEST(EventLogContract, ForgetsAPublisherWithTheGroupThatSaysSo) {
  auto store = this->maker.open();
  ASSERT_TRUE(store->events().append(deltas_of({{"q", 1, 10}, {"p", 1, 11}, {"r", 1, 12}})));
  ASSERT_TRUE(store->events().write_publishers({{"r", "window 1"}}));
  auto group = deltas_of({{"p", 2, 12}, {"s", 1, 13}});
  group.forgotten = {"p", "r"};
  ASSERT_TRUE(store->events().append(group));
  const auto expect_forgotten = [&] {
    const auto found = load(*store);
    EXPECT_THAT(found.rows, IsEmpty());
    EXPECT_THAT(found.deltas, ElementsAre(Pair("q", 1), Pair("s", 1)));
  };
  expect_forgotten();
  store = this->maker.reopen(std::move(store));
  expect_forgotten();
  ASSERT_TRUE(store->events().append(deltas_of({{"p", 1, 21}})));  // it comes back: as a new one
  store = this->maker.reopen(std::move(store));
  EXPECT_THAT(load(*store).deltas, ElementsAre(Pair("q", 1), Pair("s", 1), Pair("p", 1)));
}

// ---- the disk ----------------------------------------------------------------------------------

TYPED_TEST(EventLogContract, KnowsWhetherWhatWasWrittenLaterIsOnTheDisk) {
  auto store = this->maker.open();
  ASSERT_TRUE(store->events().append(group_of({{0, "a", 1}}), sync_when::later));
  EXPECT_EQ(store->events().last(0), 1u) << "it can be read";
  const auto written = store->written();
  if (written != 0) {  // 0: a store without a disk
    EXPECT_LT(store->durable(), written);
  }
  ASSERT_TRUE(store->sync());
  EXPECT_GE(store->durable(), written);
  ASSERT_TRUE(store->events().append(group_of({{0, "b", 1}})));
  EXPECT_GE(store->durable(), store->written()) << "written now, so it is";
}

TYPED_TEST(EventLogContract, NeedNotWaitForADiskThatNobodyWantsToWaitFor) {
  this->maker.options.sync = false;
  auto store = this->maker.open();
  ASSERT_TRUE(store->events().append(group_of({{0, "a", 1}}), sync_when::later));
  EXPECT_GE(store->durable(), store->written());
}

TYPED_TEST(EventLogContract, LetsManyWaitForTheDiskAtOnce) {
  auto store = this->maker.open();
  std::atomic<int> missing{0};
  std::vector<std::thread> threads;
  for (partition_id w = 0; w < 4; ++w) {
    threads.emplace_back([&, w] {
      for (int i = 0; i < 50; ++i) {
        ASSERT_TRUE(store->events().append(group_of({{w, "a", 1}}), sync_when::later));
        const auto mine = store->written();
        ASSERT_TRUE(store->sync());
        if (store->durable() < mine) ++missing;
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(missing, 0);
}

// ---- many threads ------------------------------------------------------------------------------

TYPED_TEST(EventLogContract, GivesEveryPositionOnceToManyWriters) {
  this->maker.options.sync = false;
  auto store = this->maker.open();
  constexpr int writers = 4;
  constexpr int groups = 100;
  std::atomic<bool> done{false};
  std::thread reader{[&] {
    while (!done) {
      const auto blobs = store->events().read(0, 1, 1000, 1 << 20);
      ASSERT_TRUE(blobs) << blobs.error().what;
      ASSERT_TRUE(store->events().trim(0, store->events().last(0) / 2));
      const std::uint64_t copied = store->events().last_publisher_delta();
      ASSERT_TRUE(store->events().write_publishers({{"w0", std::to_string(copied), copied}}));
      ASSERT_TRUE(store->sweep_retention(arrival_time_of(1)));
    }
  }};
  std::vector<std::thread> threads;
  for (int w = 0; w < writers; ++w) {
    threads.emplace_back([&, w] {
      for (int i = 0; i < groups; ++i) {
        append_group g = group_of({{0, "a", 1}, {1, "b", 1}});
        g.publishers = {{"w" + std::to_string(w), static_cast<std::uint64_t>(i + 1), 0}};
        g.counters = {{"accepted", 2}};
        g.dead_letters = {{"bad_ts", arrival_time_of(1), "s", "t", "p"}};
        ASSERT_TRUE(store->events().append(g));
        ASSERT_TRUE(store->dead_letters().append(g.dead_letters));
      }
    });
  }
  for (auto& t : threads) t.join();
  done = true;
  reader.join();
  store = this->maker.reopen(std::move(store));
  EXPECT_EQ(store->events().last(0), 400u);
  EXPECT_EQ(store->events().last(1), 400u);
  EXPECT_EQ(store->events().read(1, 1, 1000, 1 << 20)->size(), 400u);
  EXPECT_EQ(store->events().counters().at("accepted"), 800u);
  EXPECT_EQ(store->dead_letters().total(), 800u);
  std::map<std::string, std::uint64_t> highest;
  for (const auto& [key, seq] : load(*store).deltas) {
    EXPECT_GT(seq, highest[key]) << "in order of writing";
    highest[key] = seq;
  }
  EXPECT_EQ(highest["w1"], 100u);
}

}  // namespace
}  // namespace faultline::testing
