// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/log_directory.hpp"

#include <gmock/gmock.h>

#include "storage/internal/keys.hpp"

namespace faultline::testing {
namespace {

using ::testing::ElementsAre;

log_directory three_segments() {
  log_directory d;
  d.add({1, {1, 1}, 0});
  d.add({2, {10, 1}, 100});  // partition 1 was silent during segment 1
  d.add({3, {20, 5}, 200});
  return d;
}

TEST(LogDirectory, KnowsWhichSegmentsMayHoldAPosition) {
  const auto d = three_segments();
  EXPECT_THAT(d.holding(0, 1), ElementsAre(1, 2, 3));
  EXPECT_THAT(d.holding(0, 9), ElementsAre(1, 2, 3));
  EXPECT_THAT(d.holding(0, 10), ElementsAre(2, 3));
  EXPECT_THAT(d.holding(0, 99), ElementsAre(3));
  EXPECT_THAT(d.holding(1, 1), ElementsAre(2, 3));
}

TEST(LogDirectory, DropsASegmentOnlyWhenEveryPartitionIsPastIt) {
  auto d = three_segments();
  EXPECT_EQ(d.droppable_below({9, 1}), 1u);
  EXPECT_EQ(d.droppable_below({10, 1}), 2u);
  EXPECT_EQ(d.droppable_below({99, 4}), 2u);
  EXPECT_EQ(d.droppable_below({20, 5}), 3u);
  EXPECT_EQ(d.droppable_below({99, 99}), 3u) << "never the newest";
  d.drop_below(3);
  EXPECT_EQ(d.oldest().number, 3u);
}

TEST(LogDirectory, FindsTheSegmentsThatFitIntoASize) {
  const auto d = three_segments();
  EXPECT_EQ(d.first_within(1000, 250), 1u);
  EXPECT_EQ(d.first_within(150, 250), 2u);
  EXPECT_EQ(d.first_within(149, 250), 3u);
  EXPECT_EQ(d.first_within(0, 250), 3u) << "the newest stays";
}

TEST(Keys, SortAsTheirNumbers) {
  EXPECT_LT(keys::sequence(255), keys::sequence(256));
  EXPECT_LT(keys::log_blob(1, 9, 99), keys::log_blob(2, 0, 1));
  EXPECT_LT(keys::log_blob(1, 2, ~0ULL), keys::log_blob(1, 3, 0));
  EXPECT_EQ(keys::number_at(keys::log_blob(1, 2, 77), keys::log_position_offset, 8), 77u);
  EXPECT_EQ(keys::number_at("short", 2, 8), 0u);
}

TEST(Keys, ANameIsNoPrefixOfALongerOne) {
  const auto prefix = keys::blocks_of("db-1");
  EXPECT_NE(keys::block("db-10", 0).compare(0, prefix.size(), prefix), 0);
  EXPECT_EQ(keys::block("db-1", 0).compare(0, prefix.size(), prefix), 0);
}

TEST(Keys, TheKeyAfterAPrefixFollowsAllThatBeginWithIt) {
  EXPECT_EQ(keys::after_prefix("a"), "b");
  EXPECT_EQ(keys::after_prefix("a\xff\xff"), "b");
  EXPECT_EQ(keys::after_prefix("\xff"), "");
}

}  // namespace
}  // namespace faultline::testing
