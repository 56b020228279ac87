// SPDX-License-Identifier: Apache-2.0
#include "processing/publisher_window.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace faultline {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(PublisherWindow, TakesEverySeqOnce) {
  publisher_window w;
  EXPECT_EQ(w.take(1, 10), seq_verdict::fresh);
  EXPECT_EQ(w.take(1, 10), seq_verdict::duplicate);
  EXPECT_EQ(w.take(2, 20), seq_verdict::fresh);
  EXPECT_EQ(w.check(2, 20), seq_verdict::duplicate);
  EXPECT_EQ(w.check(3, 20), seq_verdict::fresh);
  EXPECT_EQ(w.last(), 2u);
}

TEST(PublisherWindow, CallsOtherContentUnderATakenSeqAConflict) {
  publisher_window w;
  w.take(7, 1);
  EXPECT_EQ(w.take(7, 2), seq_verdict::conflict);
  EXPECT_EQ(w.check(7, 1), seq_verdict::duplicate);
}

TEST(PublisherWindow, TakesAHoleInsideTheWindowLater) {
  publisher_window w;
  w.take(1, 1);
  w.take(5, 5);
  EXPECT_THAT(w.missing(), ElementsAre(2u, 3u, 4u));
  EXPECT_EQ(w.take(3, 3), seq_verdict::fresh);
  EXPECT_THAT(w.missing(), ElementsAre(2u, 4u));
  EXPECT_EQ(w.last(), 5u);
  EXPECT_EQ(w.skipped(), 0u);
}

TEST(PublisherWindow, IsTooOldBelowTheWindowAndNeverDuplicate) {
  publisher_window w;
  w.take(1, 1);
  w.take(1025, 9);
  EXPECT_EQ(w.check(1, 1), seq_verdict::too_old);
  EXPECT_EQ(w.check(2, 2), seq_verdict::fresh);
  w.take(1026, 9);
  EXPECT_EQ(w.check(2, 2), seq_verdict::too_old);
}

TEST(PublisherWindow, CountsWhatFallsOutUntaken) {
  publisher_window w;
  for (std::uint64_t seq = 1; seq <= 10; ++seq) w.take(seq, seq);
  w.take(1024 + 12, 0);  // 1..12 fall out, 11 and 12 were never taken
  EXPECT_EQ(w.skipped(), 2u);
  w.take(std::numeric_limits<std::uint64_t>::max(), 0);
  EXPECT_EQ(w.skipped(), std::numeric_limits<std::uint64_t>::max() - 1024 - 10 - 1);
  EXPECT_EQ(w.missing().size(), 1023u);
}

TEST(PublisherWindow, GivesASlotThatWasLeftToTheSeqThatFollows) {
  publisher_window w;
  w.take(1, 1);
  w.take(1025, 2);  // the same slot
  EXPECT_EQ(w.check(1025, 2), seq_verdict::duplicate);
  w.take(3000, 3);
  EXPECT_EQ(w.check(2049, 2), seq_verdict::fresh);
}

TEST(PublisherWindow, KeepsHashesWhileItGrows) {
  publisher_window w;
  for (std::uint64_t seq = 1; seq <= 3000; ++seq)
    ASSERT_EQ(w.take(seq, seq * 31), seq_verdict::fresh);
  for (std::uint64_t seq = 1977; seq <= 3000; ++seq)
    ASSERT_EQ(w.check(seq, seq * 31), seq_verdict::duplicate);
  EXPECT_EQ(w.check(1976, 1976 * 31), seq_verdict::too_old);
  EXPECT_THAT(w.missing(), IsEmpty());
}

TEST(PublisherWindow, ComesBackFromItsBytes) {
  publisher_window w;
  for (std::uint64_t seq : {5u, 6u, 9u, 1500u, 1499u, 2000u}) w.take(seq, seq + 1);
  const auto bytes = w.save();
  auto again = publisher_window::restore(bytes);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->save(), bytes);
  EXPECT_EQ(again->last(), 2000u);
  EXPECT_EQ(again->skipped(), w.skipped());
  EXPECT_EQ(again->missing(), w.missing());
  EXPECT_EQ(again->check(1499, 1500), seq_verdict::duplicate);
  EXPECT_EQ(again->check(1499, 1), seq_verdict::conflict);
}

TEST(PublisherWindow, GivesTheSameAnswersFromBytesAndDeltas) {
  publisher_window w;
  w.take(1, 1);
  auto again = publisher_window::restore(w.save());
  ASSERT_TRUE(again);
  for (std::uint64_t seq : {4u, 2u, 3u}) {
    w.take(seq, seq);
    again->apply_delta(seq, seq);
  }
  again->apply_delta(4, 4);
  EXPECT_EQ(again->save(), w.save());
}

TEST(PublisherWindow, RefusesBytesThatDoNotAgree) {
  publisher_window w;
  w.take(3, 3);
  w.take(8, 8);
  const auto good = w.save();
  EXPECT_EQ(publisher_window::restore("").error().code, ec::malformed);
  for (std::size_t n = 1; n < good.size(); ++n)
    EXPECT_FALSE(publisher_window::restore(good.substr(0, n))) << n;
  EXPECT_FALSE(publisher_window::restore(good + "x"));
  auto newer = good;
  newer[0] = 2;
  EXPECT_EQ(publisher_window::restore(newer).error().code, ec::unknown_version);
  auto unset = good;
  unset[17] = 0;
  EXPECT_EQ(publisher_window::restore(unset).error().code, ec::malformed);
}

}  // namespace
}  // namespace faultline
