// SPDX-License-Identifier: Apache-2.0
#include "processing/held_clock.hpp"

#include <gtest/gtest.h>

namespace faultline {
namespace {

constexpr std::int64_t noon = 1'750'000'000'000;
constexpr std::int64_t hour = 3'600'000;

/// A machine whose wall clock can be set; looked at five times a second.
struct HeldClock : ::testing::Test {
  HeldClock() { clock.follow(wall(), running); }

  arrival_time wall() const { return arrival_time_of(noon + running.count() + set_by); }
  std::int64_t told() const { return unix_ms(clock.at(wall(), running)) - noon; }
  /// Lets time pass. @returns the last step that was one.
  held_clock::step pass(std::int64_t ms) {
    auto last = held_clock::step::none;
    for (std::int64_t gone = 0; gone < ms; gone += 200) {
      running += milliseconds{200};
      if (const auto step = clock.follow(wall(), running); step != held_clock::step::none)
        last = step;
    }
    return last;
  }

  milliseconds running{5'000};
  std::int64_t set_by = 0;
  held_clock clock;
};

TEST_F(HeldClock, IsTheWallClockWhileThatGoesOn) {
  EXPECT_EQ(pass(10'000), held_clock::step::none);
  EXPECT_EQ(told(), 15'000);
}

TEST_F(HeldClock, GoesAlongWithSmallSteps) {
  for (const std::int64_t step : {9'000, -4'000, 8'000}) {
    set_by += step;
    EXPECT_EQ(pass(1'000), held_clock::step::none);
    EXPECT_EQ(told(), running.count() + set_by);
  }
}

TEST_F(HeldClock, ALeapAheadAndBackIsNeverSeen) {
  set_by = hour;
  EXPECT_EQ(told(), 5'000) << "from the first look on";
  EXPECT_EQ(pass(30'000), held_clock::step::held);
  EXPECT_EQ(told(), 35'000);
  EXPECT_EQ(clock.held_off(), milliseconds{hour});
  set_by = 0;
  EXPECT_EQ(pass(200), held_clock::step::back);
  EXPECT_EQ(told(), 35'200);
  EXPECT_EQ(clock.held_off(), milliseconds{0});
}

TEST_F(HeldClock, ALeapThatLastsAMinuteIsFollowedInBothDirections) {
  for (const std::int64_t to : {hour, -hour}) {
    set_by = to;
    EXPECT_EQ(pass(59'000), held_clock::step::held);
    EXPECT_NE(told(), running.count() + to);
    EXPECT_EQ(pass(2'000), held_clock::step::followed);
    EXPECT_EQ(told(), running.count() + to);
    EXPECT_EQ(clock.held_off(), milliseconds{0});
  }
}

TEST_F(HeldClock, OneThatGoesOnLeapingIsNotFollowed) {
  set_by = hour;
  pass(40'000);
  set_by = 3 * hour;
  pass(40'000);
  EXPECT_EQ(told(), running.count()) << "it has not stayed anywhere for a minute";
  EXPECT_EQ(pass(30'000), held_clock::step::followed);
  EXPECT_EQ(told(), running.count() + 3 * hour);
}

TEST(HeldClockAtFirst, BelievesTheWallClock) {
  const held_clock clock;
  EXPECT_EQ(clock.at(arrival_time_of(noon), milliseconds{1}), arrival_time_of(noon));
}

}  // namespace
}  // namespace faultline
