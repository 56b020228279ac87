// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/free_space.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "storage/internal/ballast.hpp"
#include "tests/support/scratch_directory.hpp"

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

std::string ballast_in(const scratch_directory& d) { return (d.path() / "ballast").string(); }

TEST(Ballast, TakesItsRoomInBlocksAndGivesItBackOnce) {
  const scratch_directory d;
  ballast b{ballast_in(d), 1 << 20};
  EXPECT_FALSE(b.there());
  ASSERT_TRUE(b.build());
  EXPECT_TRUE(b.there());
  struct stat file {};
  ASSERT_EQ(::stat(ballast_in(d).c_str(), &file), 0);
  EXPECT_EQ(file.st_size, 1 << 20);
  EXPECT_GE(file.st_blocks * 512, 1 << 20) << "a hole takes no room";
  EXPECT_TRUE(ballast(ballast_in(d), 1 << 20).there()) << "found again by the next process";
  EXPECT_TRUE(b.release());
  EXPECT_FALSE(b.release());
  EXPECT_FALSE(std::filesystem::exists(ballast_in(d)));
}

TEST(Ballast, OfAnotherSizeIsBuiltAgainAndOfNoSizeIsNotTouched) {
  const scratch_directory d;
  ASSERT_TRUE(ballast(ballast_in(d), 1 << 20).build());
  ballast none{ballast_in(d), 0};
  EXPECT_FALSE(none.release());
  EXPECT_EQ(std::filesystem::file_size(ballast_in(d)), 1U << 20);
  ballast larger{ballast_in(d), 2 << 20};
  EXPECT_FALSE(larger.there());
  ASSERT_TRUE(larger.build());
  EXPECT_EQ(std::filesystem::file_size(ballast_in(d)), 2U << 20);
}

TEST(Ballast, ThatCannotBeBuiltLeavesNothingBehind) {
  const scratch_directory d;
  EXPECT_FALSE(ballast((d.path() / "nowhere/ballast").string(), 1 << 20).build());
  ballast huge{ballast_in(d), std::uint64_t{1} << 60};
  EXPECT_FALSE(huge.build());
  EXPECT_FALSE(huge.there());
  EXPECT_FALSE(std::filesystem::exists(ballast_in(d)));
}

}  // namespace
}  // namespace faultline::testing
