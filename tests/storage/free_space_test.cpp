// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/free_space.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "storage/internal/ballast.hpp"

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

/// A directory that is gone with the test.
struct directory {
  directory()
      : path{(std::filesystem::temp_directory_path() / "faultline-ballast-XXXXXX").string()} {
    if (mkdtemp(path.data()) == nullptr) ADD_FAILURE() << path;
  }
  ~directory() { std::filesystem::remove_all(path); }
  std::string path;
};

TEST(Ballast, TakesItsRoomInBlocksAndGivesItBackOnce) {
  const directory d;
  ballast b{d.path + "/ballast", 1 << 20};
  EXPECT_FALSE(b.there());
  ASSERT_TRUE(b.build());
  EXPECT_TRUE(b.there());
  struct stat file {};
  ASSERT_EQ(::stat((d.path + "/ballast").c_str(), &file), 0);
  EXPECT_EQ(file.st_size, 1 << 20);
  EXPECT_GE(file.st_blocks * 512, 1 << 20) << "a hole takes no room";
  EXPECT_TRUE(ballast(d.path + "/ballast", 1 << 20).there()) << "found again by the next process";
  EXPECT_TRUE(b.release());
  EXPECT_FALSE(b.release());
  EXPECT_FALSE(std::filesystem::exists(d.path + "/ballast"));
}

TEST(Ballast, OfAnotherSizeIsBuiltAgainAndOfNoSizeIsNotTouched) {
  const directory d;
  ASSERT_TRUE(ballast(d.path + "/ballast", 1 << 20).build());
  ballast none{d.path + "/ballast", 0};
  EXPECT_FALSE(none.release());
  EXPECT_EQ(std::filesystem::file_size(d.path + "/ballast"), 1U << 20);
  ballast larger{d.path + "/ballast", 2 << 20};
  EXPECT_FALSE(larger.there());
  ASSERT_TRUE(larger.build());
  EXPECT_EQ(std::filesystem::file_size(d.path + "/ballast"), 2U << 20);
}

TEST(Ballast, ThatCannotBeBuiltLeavesNothingBehind) {
  const directory d;
  EXPECT_FALSE(ballast(d.path + "/nowhere/ballast", 1 << 20).build());
  ballast huge{d.path + "/ballast", std::uint64_t{1} << 60};
  EXPECT_FALSE(huge.build());
  EXPECT_FALSE(huge.there());
  EXPECT_FALSE(std::filesystem::exists(d.path + "/ballast"));
}

}  // namespace
}  // namespace faultline::testing
