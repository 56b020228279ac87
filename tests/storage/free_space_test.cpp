// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/free_space.hpp"

#include <gtest/gtest.h>

namespace faultline::testing {
namespace {

using namespace std::chrono_literals;

TEST(FreeSpace, HasTwoMarks) {
  std::uint64_t free = 0;
  std::chrono::steady_clock::time_point now{};
  free_space space{1000, [&] { return free; }, [&] { return now += 1s; }};
  free = 1000;
  EXPECT_TRUE(space.intake_allowed());
  free = 999;
  EXPECT_FALSE(space.intake_allowed());
  EXPECT_TRUE(space.writes_allowed());
  free = 499;
  EXPECT_FALSE(space.writes_allowed());
  free = 1000;
  EXPECT_TRUE(space.intake_allowed()) << "works again without an operator";
}

TEST(FreeSpace, AsksTheDiskAtMostFiveTimesASecond) {
  int asked = 0;
  std::chrono::steady_clock::time_point now{};
  free_space space{1000, [&] { return ++asked, 2000; }, [&] { return now; }};
  EXPECT_TRUE(space.intake_allowed());
  now += 199ms;
  EXPECT_TRUE(space.intake_allowed());
  EXPECT_EQ(asked, 1);
  now += 1ms;
  EXPECT_TRUE(space.intake_allowed());
  EXPECT_EQ(asked, 2);
}

TEST(FreeSpace, WhatCannotBeReadIsFull) {
  EXPECT_EQ(free_bytes_at("/no such directory"), 0u);
  EXPECT_GT(free_bytes_at("/"), 0u);
}

}  // namespace
}  // namespace faultline::testing
