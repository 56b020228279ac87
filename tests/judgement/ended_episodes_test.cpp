// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>
#include <string>

#include "judgement/ended_episodes.hpp"

namespace faultline {
namespace {

TEST(EndedEpisodes, KnowNothingOfWhatHasNotEnded) {
  ended_episodes none{4};
  EXPECT_FALSE(none.find("a"));
  none.add("a", 3);
  EXPECT_FALSE(none.find("b"));
  EXPECT_EQ(none.find("a"), 3u);
}

TEST(EndedEpisodes, ForgetTheOldestWhenTheyAreFull) {
  ended_episodes few{2};
  few.add("a", 1);
  few.add("b", 2);
  few.add("a", 5);  // keeps its place
  few.add("c", 3);
  EXPECT_FALSE(few.find("a"));
  EXPECT_EQ(few.find("b"), 2u);
  EXPECT_EQ(few.find("c"), 3u);
  EXPECT_EQ(few.size(), 2u);
  EXPECT_EQ(few.at(0).id_hash, ended_episodes::hash_of("b"));
}

// Hashes that stand at one place of the index, on both sides of its end, with holes between.
TEST(EndedEpisodes, FindWhatAMapAndAQueueWouldFindWhereverHashesFall) {
  for (const std::size_t most : {1, 2, 3, 7, 8, 100}) {
    std::mt19937_64 random{most};
    ended_episodes fast{most};
    std::map<std::uint64_t, std::uint32_t> known;
    std::deque<std::uint64_t> order;
    for (std::uint32_t n = 0; n < 20'000; ++n) {
      const std::uint64_t hash = (random() % (3 * most)) * (random() % 2 == 0 ? 1 : ~0ULL / 9);
      fast.add_hash(hash, n);
      if (known.insert_or_assign(hash, n).second) order.push_back(hash);
      if (order.size() > most) {
        known.erase(order.front());
        order.pop_front();
      }
      ASSERT_EQ(fast.size(), order.size());
    }
    for (std::size_t n = 0; n < order.size(); ++n) {
      EXPECT_EQ(fast.at(n).id_hash, order[n]);
      EXPECT_EQ(fast.at(n).transition, known.at(order[n]));
    }
  }
}

TEST(EndedEpisodes, FindEachByItsNameAfterManyHaveComeAndGone) {
  ended_episodes some{1000};
  for (std::uint32_t n = 0; n < 50'000; ++n) some.add("alert " + std::to_string(n), n);
  for (std::uint32_t n = 0; n < 50'000; ++n) {
    const auto found = some.find("alert " + std::to_string(n));
    if (n < 49'000) {
      ASSERT_FALSE(found) << n;
    } else {
      ASSERT_EQ(found, n);
    }
  }
}

}  // namespace
}  // namespace faultline
