// SPDX-License-Identifier: Apache-2.0
#include "processing/interned.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace faultline {
namespace {

TEST(Interned, IsOneCopyForAllWhoHoldTheSameText) {
  const auto before = interned::held();
  const interned a{"requests.rate"};
  const interned b{std::string{"requests"} + ".rate"};
  const interned other{"requests.rates"};
  EXPECT_EQ(a.str().data(), b.str().data());
  EXPECT_EQ(sizeof a, sizeof(void*));
  EXPECT_TRUE(a == "requests.rate");
  EXPECT_TRUE(other != "requests.rate");
  EXPECT_TRUE(a < other);
  EXPECT_FALSE(other < a);
  EXPECT_EQ(interned::held(), before + 2);
}

TEST(Interned, IsForgottenWithTheLastWhoHoldsIt) {
  const auto before = interned::held();
  {
    interned a{"gone.soon"};
    const interned b = a;
    a = interned{"another"};
    EXPECT_EQ(b.str(), "gone.soon");
    EXPECT_EQ(interned::held(), before + 2);
    interned moved{std::move(a)};
    EXPECT_EQ(moved.str(), "another");
    EXPECT_EQ(a.str(), "");  // NOLINT: what is left of it is empty
  }
  EXPECT_EQ(interned::held(), before);
}

TEST(Interned, NothingIsHeldForAnEmptyText) {
  const auto before = interned::held();
  const interned none, empty{""};
  EXPECT_EQ(none.size(), 0u);
  EXPECT_TRUE(empty == "");
  EXPECT_EQ(interned::held(), before);
}

TEST(Interned, ThreadsMayTakeAndLeaveTheSameTexts) {
  const auto before = interned::held();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([] {
      for (int i = 0; i < 20'000; ++i) {
        const interned a{"name-" + std::to_string(i % 3)};
        const interned b = a;
        ASSERT_EQ(b.str(), "name-" + std::to_string(i % 3));
      }
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(interned::held(), before);
}

}  // namespace
}  // namespace faultline
