// SPDX-License-Identifier: Apache-2.0
#include "server/posted_notes.hpp"

#include <gmock/gmock.h>

namespace faultline {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::int64_t minute = 60'000;
event_time at(std::int64_t minutes) { return event_time_of(1'750'000'000'000 + minutes * minute); }

std::vector<std::string> names(const std::vector<operator_command>& commands) {
  std::vector<std::string> all;
  for (const operator_command& c : commands) all.push_back(c.name);
  return all;
}

posted_alert slow(std::int64_t ends) {
  return {{{"alertname", "Slow"}}, {}, at(0), at(ends), "", "x"};
}

TEST(PostedNotes, WhatIsPostedEachMinuteIsRecordedEverySecondOneAndWholeEachQuarterOfAnHour) {
  posted_notes notes;
  int whole = 0, again = 0;
  for (std::int64_t m = 0; m < 60; ++m)
    for (const std::string& name : names(notes.commands({slow(m + 4)}, at(m))))
      ++(name == "posted_alerts" ? whole : again);
  EXPECT_EQ(whole, 4);
  EXPECT_GE(again, 24);
  EXPECT_LE(again, 30);
}

TEST(PostedNotes, AnEndIsRecordedAndSoIsWhatBeginsAgain) {
  posted_notes notes;
  EXPECT_THAT(names(notes.commands({slow(4)}, at(0))), ElementsAre("posted_alerts"));
  EXPECT_THAT(names(notes.commands({slow(1)}, at(1))), ElementsAre("posted_alerts"));
  EXPECT_THAT(names(notes.commands({slow(6)}, at(2))), ElementsAre("posted_alerts"));
  EXPECT_THAT(names(notes.commands({slow(7)}, at(3))), IsEmpty());
  EXPECT_THAT(names(notes.commands({slow(20)}, at(7))), ElementsAre("posted_alerts"))
      << "it has ended meanwhile";
  notes.forget();
  EXPECT_THAT(names(notes.commands({slow(20)}, at(7))), ElementsAre("posted_alerts"));
}

}  // namespace
}  // namespace faultline
