// SPDX-License-Identifier: Apache-2.0
#include "actors/publisher_windows.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace faultline {
namespace {

std::string key_of(const std::string& publisher, const std::string& epoch) {
  publish_header h;
  h.publisher = publisher;
  h.epoch = epoch;
  return window_key(h);
}

std::string epoch(int n) { return key_of("p", "e" + std::to_string(n)); }

TEST(PublisherWindows, KeepTheEpochsOfAPublisherThatWereHeardOfLast) {
  publisher_windows w{4, 100};
  w.take(key_of("q", "e"), 7, 1);
  for (int n = 0; n < 4; ++n) EXPECT_TRUE(w.take(epoch(n), 1, 1).forgotten.empty());
  w.take(epoch(0), 2, 1);  // heard of again: the oldest is the next one now
  const auto change = w.take(epoch(4), 1, 1);
  EXPECT_TRUE(change.created);
  EXPECT_EQ(change.forgotten, std::vector<std::string>{epoch(1)});
  EXPECT_EQ(w.at(epoch(1)).last(), 0U) << "as if it had never been heard of";
  EXPECT_EQ(w.at(epoch(1)).check(1, 1), seq_verdict::fresh);
  EXPECT_EQ(w.at(epoch(0)).last(), 2U);
  EXPECT_EQ(w.at(key_of("q", "e")).last(), 7U) << "another publisher's is not touched";
}

// Names are whatever publishers send: where one ends its length says.
TEST(PublisherWindows, TakeNoPublisherForAnother) {
  publisher_windows w{1, 100};
  w.take(key_of("a", "1:b"), 1, 1);
  EXPECT_TRUE(w.take(key_of("a1:", "b"), 1, 1).forgotten.empty());
  EXPECT_TRUE(w.take(key_of("", "x"), 1, 1).forgotten.empty());
  EXPECT_TRUE(w.take(key_of("aa", ""), 1, 1).forgotten.empty());
  EXPECT_EQ(w.take(key_of("a", ""), 1, 1).forgotten.size(), 1U);
}

TEST(PublisherWindows, AreBoundedTogetherAndThoseHeardOfLastStay) {
  publisher_windows w{4, 64};
  std::size_t forgotten = 0;
  for (int n = 0; n < 1000; ++n) {
    w.take(key_of("steady", ""), static_cast<std::uint64_t>(n) + 1, 1);
    forgotten += w.take(key_of("p" + std::to_string(n), ""), 1, 1).forgotten.size();
    ASSERT_LE(w.size(), 64U);
  }
  EXPECT_EQ(forgotten + w.size(), 1001U) << "each is there or was named";
  EXPECT_EQ(w.at(key_of("steady", "")).last(), 1000U);
  EXPECT_EQ(w.at(key_of("p999", "")).last(), 1U);
}

std::string key_of_user(const std::string& user, int n) {
  publish_header h;
  h.publisher = "p" + std::to_string(n);
  return window_key(h, user);
}

TEST(PublisherWindows, AUserWithEverNewNamesPushesOutNobodysButItsOwn) {
  publisher_windows w{4, 64};
  for (int n = 0; n < 20; ++n) w.take(key_of_user("quiet", n), 1, 1);
  w.take(key_of_user("alone", 0), 1, 1);
  std::size_t forgotten = 0;
  for (int n = 0; n < 1000; ++n) {
    for (const auto& key : w.take(key_of_user("noisy", n), 1, 1).forgotten) {
      EXPECT_NE(key.find("noisy"), std::string::npos) << key;
      ++forgotten;
    }
    ASSERT_LE(w.size(), 64U);
  }
  EXPECT_EQ(forgotten + w.size(), 1021U);
  for (int n = 0; n < 20; ++n) EXPECT_EQ(w.at(key_of_user("quiet", n)).last(), 1U) << n;
  EXPECT_EQ(w.at(key_of_user("noisy", 999)).last(), 1U) << "the newest is there";
}

TEST(PublisherWindows, UsersThatHaveAsManyLoseAsMany) {
  publisher_windows w{4, 64};
  for (int n = 0; n < 200; ++n)
    for (const char* user : {"a", "b"}) w.take(key_of_user(user, n), 1, 1);
  std::size_t of_a = 0, of_b = 0;
  for (int n = 0; n < 200; ++n) {
    of_a += w.at(key_of_user("a", n)).last();
    of_b += w.at(key_of_user("b", n)).last();
  }
  EXPECT_GE(of_a, 26U);
  EXPECT_GE(of_b, 26U);
}

TEST(PublisherWindows, OfAStoreThatHasMoreThanFitsForgetThoseHeardOfFirst) {
  publisher_windows w{3, 100};
  publisher_window window;
  window.take(1, 1);
  for (int n = 0; n < 6; ++n)  // saved in another order than that of their names
    ASSERT_TRUE(
        w.restore(publisher_row{epoch(n), window.save(), static_cast<std::uint64_t>(100 - n)}));
  w.apply(publisher_delta{epoch(5), 2, 1});
  auto forgotten = w.forget_surplus();
  std::sort(forgotten.begin(), forgotten.end());
  EXPECT_EQ(forgotten, (std::vector<std::string>{epoch(2), epoch(3), epoch(4)}));
  EXPECT_FALSE(w.restore(publisher_row{"k", "nonsense"}));
}

// Whoever sends all the time is not gathered again before the others had their turn.
TEST(PublisherWindows, AreGatheredInTurn) {
  publisher_windows w;
  std::vector<std::string> seen;
  for (int round = 0; round < 4; ++round) {
    for (int n = 0; n < 10; ++n) w.take(key_of("p" + std::to_string(n), ""), 1U + round, 1);
    for (const auto& row : w.gather(3)) seen.push_back(row.key);
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::unique(seen.begin(), seen.end()) - seen.begin(), 10);
  EXPECT_FALSE(w.all_gathered());
  const auto rest = w.gather(100);
  EXPECT_TRUE(w.all_gathered());
  w.put_back(rest);
  EXPECT_EQ(w.gather(100).size(), rest.size());
}

}  // namespace
}  // namespace faultline
