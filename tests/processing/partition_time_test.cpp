// SPDX-License-Identifier: Apache-2.0
#include "processing/partition_time.hpp"

#include <gtest/gtest.h>

namespace faultline {
namespace {

constexpr std::int64_t start = 1'704'067'200'000;

clock_record at(std::int64_t ms) {
  return {event_time_of(start + ms), arrival_time_of(start + ms)};
}

TEST(PartitionTime, SaysSinceWhenSomebodyListened) {
  processing_options live;
  partition_time c;
  c.follow(at(0), false, live);
  EXPECT_EQ(c.heard_since, arrival_time{}) << "the first says nothing of before";
  c.follow(at(10'000), false, live);
  c.follow(at(40'000), false, live);
  EXPECT_EQ(c.heard_since, arrival_time{}) << "three ticks are no absence";
  c.follow(at(70'001), false, live);
  EXPECT_EQ(c.heard_since, arrival_time_of(start + 70'001));
  c.follow(at(80'000), true, live);
  EXPECT_EQ(c.heard_since, arrival_time_of(start + 70'001)) << "it stays until the next absence";
  EXPECT_TRUE(c.degraded);
  EXPECT_EQ(c.event, event_time_of(start + 80'000));
}

TEST(PartitionTime, OfEventsNeverGoesBack) {
  partition_time c;
  c.follow(at(20'000), false, {});
  c.follow({event_time_of(start + 10'000), arrival_time_of(start + 30'000)}, false, {});
  EXPECT_EQ(c.event, event_time_of(start + 20'000));
  EXPECT_EQ(c.arrived, arrival_time_of(start + 30'000));
}

TEST(PartitionTime, ListensThreeSecondsAtLeastWhereTicksAreShort) {
  processing_options live;
  live.tick = milliseconds{100};
  partition_time c;
  c.follow(at(0), false, live);
  c.follow(at(3'000), false, live);
  EXPECT_EQ(c.heard_since, arrival_time{});
  c.follow(at(6'001), false, live);
  EXPECT_EQ(c.heard_since, arrival_time_of(start + 6'001));
}

TEST(PartitionTime, KnowsNoAbsenceWhereTimeIsTheEventsOwn) {
  processing_options past;
  past.accept_past = true;
  partition_time c;
  c.follow(at(0), false, past);
  c.follow(at(9'000'000), false, past);
  EXPECT_EQ(c.heard_since, arrival_time{});
}

}  // namespace
}  // namespace faultline
