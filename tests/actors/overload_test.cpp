// SPDX-License-Identifier: Apache-2.0
#include "actors/overload.hpp"

#include <gtest/gtest.h>

namespace faultline {
namespace {

struct ladder_rig {
  explicit ladder_rig(bool live = true) : ladder{limits(), live} {}
  static intake_options limits() {
    intake_options o;
    o.max_lag_records = 1000;
    o.degrade_lag_records = 750;
    return o;
  }
  /// What was told after @p ms more, as "step begin" or "step end".
  std::vector<std::string> look(std::int64_t ms) {
    now += milliseconds{ms};
    std::vector<std::string> out;
    for (const auto& n : ladder.look(seen, now)) {
      EXPECT_EQ(n.what, "overload");
      out.push_back(n.subject + " " + n.text.substr(0, n.text.find(':')));
    }
    return out;
  }
  using told = std::vector<std::string>;
  overload_reading seen;
  arrival_time now = arrival_time_of(1'750'000'000'000);
  overload_ladder ladder;
};

// Complaint: unbounded-queue
TEST(OverloadLadder, StepsUpAtOnceAndTellsEachStepOnce) {
  ladder_rig rig;
  EXPECT_EQ(rig.look(200), ladder_rig::told{});
  rig.seen.lag = 500;
  EXPECT_EQ(rig.look(200), ladder_rig::told{"lagging begin"});
  EXPECT_EQ(rig.ladder.step(), overload_step::lagging);
  rig.seen.lag = 750;
  EXPECT_EQ(rig.look(200), ladder_rig::told{"degraded begin"});
  rig.seen.lag = 1000;
  rig.seen.refused = 5;
  EXPECT_EQ(rig.look(200), ladder_rig::told{"shedding begin"});
  EXPECT_EQ(rig.ladder.step(), overload_step::shedding);
  rig.seen.refused = 50;
  EXPECT_EQ(rig.look(200), ladder_rig::told{});
}

TEST(OverloadLadder, StepsDownOnlyAfterACalmThatLasts) {
  ladder_rig rig;
  rig.seen.lag = 900;
  rig.look(200);
  rig.seen.lag = 400;  // below the mark, not well below it
  EXPECT_EQ(rig.look(10'000), ladder_rig::told{});
  rig.seen.lag = 100;
  EXPECT_EQ(rig.look(200), ladder_rig::told{});
  rig.seen.lag = 600;  // swings back: nothing is told of it
  EXPECT_EQ(rig.look(200), ladder_rig::told{});
  rig.seen.lag = 100;
  EXPECT_EQ(rig.look(200), ladder_rig::told{});
  EXPECT_EQ(rig.look(2999), ladder_rig::told{});
  EXPECT_EQ(rig.look(1), (ladder_rig::told{"lagging end", "degraded end"}));
  EXPECT_EQ(rig.ladder.step(), overload_step::none);
  EXPECT_EQ(rig.ladder.begun(overload_step::lagging), 1U);
}

TEST(OverloadLadder, StepsDownWhereTheClockIsSetRightMeanwhile) {
  ladder_rig rig;
  rig.seen.lag = 900;
  rig.look(200);
  rig.seen.lag = 100;
  rig.look(200);
  EXPECT_EQ(rig.look(-3'600'000), ladder_rig::told{});
  EXPECT_EQ(rig.look(3000), (ladder_rig::told{"lagging end", "degraded end"}));
}

TEST(OverloadLadder, NeverDegradesWhereThePastIsAccepted) {
  ladder_rig rig{false};
  rig.seen.lag = 2000;
  EXPECT_EQ(rig.look(200), ladder_rig::told{"lagging begin"});
  EXPECT_FALSE(rig.ladder.holds(overload_step::degraded));
}

TEST(OverloadLadder, CallsAFullDiskNoSpaceAndNothingElse) {
  ladder_rig rig;
  rig.seen.has_space = false;
  rig.seen.refused = 10;
  EXPECT_EQ(rig.look(200), ladder_rig::told{"no_space begin"});
  EXPECT_EQ(rig.ladder.step(), overload_step::no_space);
  rig.seen.has_space = true;
  EXPECT_EQ(rig.look(200), ladder_rig::told{});
  EXPECT_EQ(rig.look(3000), ladder_rig::told{"no_space end"});
  EXPECT_EQ(rig.ladder.step(), overload_step::none);
}

}  // namespace
}  // namespace faultline
