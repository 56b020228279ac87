// SPDX-License-Identifier: Apache-2.0
#include "processing/admission.hpp"

#include <gtest/gtest.h>

namespace faultline {
namespace {

constexpr std::int64_t noon = 1'770'000'000'000;

event_view event_at(std::int64_t ms) {
  event_view e;
  e.has_ts = true;
  e.ts = event_time_of(ms);
  return e;
}

TEST(Admission, TakesTheTimeOfArrivalWhereNoneIsGiven) {
  event_view e;
  const auto a = admit(e, arrival_time_of(noon), {});
  EXPECT_FALSE(a.refused);
  EXPECT_EQ(unix_ms(a.ts), noon);
}

TEST(Admission, KeepsTheEventsOwnTime) {
  const auto a = admit(event_at(noon - 1000), arrival_time_of(noon), {});
  EXPECT_FALSE(a.refused);
  EXPECT_EQ(unix_ms(a.ts), noon - 1000);
}

TEST(Admission, RefusesTheFutureBeyondFiveMinutesOnly) {
  EXPECT_FALSE(admit(event_at(noon + 300'000), arrival_time_of(noon), {}).refused);
  const auto a = admit(event_at(noon + 300'001), arrival_time_of(noon), {});
  ASSERT_TRUE(a.refused);
  EXPECT_EQ(*a.refused, reject_reason::ts_in_future);
  EXPECT_FALSE(a.text.empty());
}

TEST(Admission, RefusesWhatIsOlderThanMaxLateOnly) {
  EXPECT_FALSE(admit(event_at(noon - 3'600'000), arrival_time_of(noon), {}).refused);
  const auto a = admit(event_at(noon - 3'600'001), arrival_time_of(noon), {});
  ASSERT_TRUE(a.refused);
  EXPECT_EQ(*a.refused, reject_reason::ts_too_old);
}

TEST(Admission, TakesThePastWhereItIsAcceptedButNotTheFuture) {
  processing_options past;
  past.accept_past = true;
  EXPECT_FALSE(admit(event_at(noon - 86'400'000), arrival_time_of(noon), past).refused);
  EXPECT_TRUE(admit(event_at(noon + 400'000), arrival_time_of(noon), past).refused);
}

}  // namespace
}  // namespace faultline
