// SPDX-License-Identifier: Apache-2.0
#include "actors/partition_clock.hpp"

#include <gtest/gtest.h>

#include "actors/options.hpp"
#include "actors/replay_meter.hpp"

namespace faultline {
namespace {

clock_record at(std::int64_t event_ms, std::int64_t arrived_ms) {
  return {event_time_of(event_ms), arrival_time_of(arrived_ms)};
}

TEST(PartitionClock, KnowsHowItStoodAfterEachRecordSinceTheCheckpoint) {
  partition_clock clock;
  clock.begin({}, 30'000);
  clock.pass(at(10'000, 10'010), {0, 5, 0});
  clock.pass(at(20'000, 20'010), {0, 8, 2});
  clock.degrade(true, {0, 9, 0});
  EXPECT_EQ(unix_ms(clock.after(4).clock.event), 0);
  EXPECT_EQ(unix_ms(clock.after(7).clock.event), 10'000);
  EXPECT_EQ(unix_ms(clock.after(8).clock.event), 20'000);
  EXPECT_FALSE(clock.after(8).degraded);
  EXPECT_TRUE(clock.now().degraded);
  EXPECT_EQ(unix_ms(clock.now().before), 10'010);
  clock.forget_before(8);
  EXPECT_EQ(unix_ms(clock.after(8).clock.event), 20'000);
}

// A process that comes back may know older events only, and says so.
TEST(PartitionClock, TheTimeOfEventsNeverGoesBack) {
  partition_clock clock;
  clock.begin({}, 30'000);
  clock.pass(at(20'000, 20'010), {0, 5, 0});
  clock.pass(at(10'000, 30'010), {0, 6, 0});
  EXPECT_EQ(unix_ms(clock.clock().event), 20'000);
  EXPECT_EQ(unix_ms(clock.clock().arrived), 30'010);
  clock.pass(at(30'000, 40'010), {0, 7, 0});
  EXPECT_EQ(unix_ms(clock.clock().event), 30'000);
}

TEST(PartitionClock, RemembersTheLastTimeNobodyListened) {
  partition_clock clock;
  clock.begin({}, 30'000);
  clock.pass(at(10'000, 10'000), {0, 1, 0});
  clock.pass(at(20'000, 20'000), {0, 2, 0});
  EXPECT_EQ(unix_ms(clock.now().hole.event), 0) << "the first clock of a store ends no absence";
  clock.pass(at(500'000, 500'000), {0, 3, 0});
  clock.pass(at(510'000, 510'000), {0, 4, 0});
  EXPECT_EQ(unix_ms(clock.now().hole.arrived), 500'000);
  const auto back = decode_clock_point(encode_clock_point(clock.now()));
  ASSERT_TRUE(back);
  EXPECT_EQ(unix_ms(back->hole.arrived), 500'000);
  EXPECT_EQ(unix_ms(back->before), 500'000);
  EXPECT_EQ(back->where.position, 4U);
  EXPECT_FALSE(decode_clock_point("\x02"));
  EXPECT_FALSE(decode_clock_point(encode_clock_point(clock.now()) + "x"));
}

TEST(ReplayMeter, CountsOnlyTimeInWhichThereWasAlwaysSomethingToApply) {
  replay_meter meter{150'000};
  std::uint64_t applied = 0;
  const auto take = [&](std::uint64_t records, bool busy, double cpu = 0.2) {
    applied += records;
    meter.take({0.1, cpu, applied, busy, false}, 2);
  };
  take(10, false);
  take(10, true);
  EXPECT_EQ(meter.rate(), 150'000U) << "one busy end is not a busy stretch";
  for (int n = 0; n < 100; ++n) take(10'000, true);
  EXPECT_NEAR(static_cast<double>(meter.rate()), 100'000.0, 1'000.0);
  for (int n = 0; n < 100; ++n) take(10'000, true, 0.1);
  EXPECT_NEAR(static_cast<double>(meter.rate()), 200'000.0, 2'000.0)
      << "half of the processors were waiting for the doors";
  for (int n = 0; n < 200; ++n) take(1, true);
  EXPECT_EQ(meter.rate(), 20'000U) << "bounded below";
}

TEST(EntityLimit, FollowsFromTheMemoryUnlessItIsSaid) {
  constexpr std::uint64_t gib = 1ULL << 30;
  entity_options o;
  EXPECT_EQ(most_active(o, 2 * gib), gib / active_entity_bytes);
  o.memory = gib / 4;
  EXPECT_EQ(most_active(o, 2 * gib), gib / 4 / active_entity_bytes);
  o.max_active = 7;
  EXPECT_EQ(most_active(o, 2 * gib), 7U);
  EXPECT_EQ(most_active({}, 0), 1U) << "a machine that says nothing still takes one";
}

}  // namespace
}  // namespace faultline
