// SPDX-License-Identifier: Apache-2.0
#include "actors/publishers.hpp"

#include <gtest/gtest.h>

namespace faultline {
namespace {

const arrival_time start = arrival_time_of(1'750'000'000'000);

arrival_time at_ms(std::int64_t ms) { return start + milliseconds{ms}; }

TEST(SkewMeter, IsTheMedianOfTheNewestEventOfEachSecond) {
  skew_meter meter;
  EXPECT_FALSE(meter.known());
  for (int i = 0; i < 15; ++i) {
    meter.add(milliseconds{120'000}, at_ms(i * 1000));
    meter.add(milliseconds{90'000}, at_ms(i * 1000 + 10));
  }
  EXPECT_EQ(meter.median(), milliseconds{90'000});
  for (int i = 0; i < 7; ++i) meter.add(milliseconds{-5000}, at_ms(20'000 + i * 1000));
  EXPECT_EQ(meter.median(), milliseconds{90'000}) << "seven of fifteen say nothing about a clock";
  meter.add(milliseconds{-5000}, at_ms(30'000));
  EXPECT_EQ(meter.median(), milliseconds{-5000});
}

TEST(SkewNotices, TellOfAClockOnceAndOnceMoreWhenItIsRight) {
  publisher_accounts all{10'000};
  auto& p = all.of(event_door::router, "p", start);
  for (int i = 0; i < 15; ++i) p.skew.add(milliseconds{-61'000}, at_ms(i * 1000));
  auto told = skew_notices(all, milliseconds{60'000}, start);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].what, "clock_skew");
  EXPECT_EQ(told[0].subject, "p");
  EXPECT_EQ(told[0].text, "begin: its newest events are 61 s ahead of our clock");
  EXPECT_TRUE(skew_notices(all, milliseconds{60'000}, start).empty());
  for (int i = 15; i < 30; ++i) p.skew.add(milliseconds{-40'000}, at_ms(i * 1000));
  EXPECT_TRUE(skew_notices(all, milliseconds{60'000}, start).empty()) << "within, but not well";
  for (int i = 30; i < 45; ++i) p.skew.add(milliseconds{100}, at_ms(i * 1000));
  told = skew_notices(all, milliseconds{60'000}, start);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].text.rfind("end: ", 0), 0U);
}

TEST(PublisherAccounts, ShareWhatWasAppliedAmongThoseWhoSend) {
  publisher_accounts all{10'000};
  all.pass_time(start, 0);
  auto& noisy = all.of(event_door::pull, "noisy", start);
  auto& quiet = all.of(event_door::router, "quiet", start);
  all.use(noisy, 1);
  all.use(quiet, 1);
  all.pass_time(at_ms(200), 2000);  // 200 in 20 ms
  EXPECT_EQ(all.share(), 100U);
  EXPECT_TRUE(all.within_share(noisy));
  all.use(noisy, 100);
  EXPECT_FALSE(all.within_share(noisy));
  EXPECT_FALSE(all.is_first(noisy));
  EXPECT_TRUE(all.within_share(quiet));
  all.pass_time(at_ms(219), 2100);
  EXPECT_FALSE(all.within_share(noisy)) << "the interval is not over";
  all.pass_time(at_ms(220), 2200);
  EXPECT_TRUE(all.within_share(noisy));
  EXPECT_TRUE(all.is_first(noisy));
}

TEST(PublisherAccounts, HearWhoSendsLargePayloadsLessOften) {
  publisher_accounts all{10'000};
  all.pass_time(start, 0);
  auto& p = all.of(event_door::pull, "p", start);
  all.use(p, 1);
  all.pass_time(at_ms(200), 1000);  // 100 in 20 ms, for one
  ASSERT_EQ(all.share(), 100U);
  all.use(p, 1000);
  int intervals = 0;
  while (!all.is_first(p) && intervals < 100) {
    ++intervals;
    all.pass_time(at_ms(200 + 20 * intervals), 1000 + static_cast<std::uint64_t>(intervals) * 100);
  }
  EXPECT_EQ(intervals, 10);
}

TEST(PublisherAccounts, ShareNoMoreAtOnceThanThereIsRoomFor) {
  publisher_accounts all{500};
  all.pass_time(start, 0);
  all.pass_time(at_ms(200), 1'000'000);
  EXPECT_EQ(all.share(), 500U);
}

TEST(PublisherAccounts, LetEveryoneBeHeardOnceASecondThoughNothingWasApplied) {
  publisher_accounts all{10'000};
  all.pass_time(start, 0);
  auto& p = all.of(event_door::pull, "p", start);
  EXPECT_TRUE(all.within_share(p));
  all.use(p, 500);
  EXPECT_FALSE(all.within_share(p));
  all.pass_time(at_ms(1000), 0);
  EXPECT_TRUE(all.within_share(p));
}

TEST(PublisherAccounts, AreBoundedAndKeepTheSumsOfThoseThatGaveWay) {
  publisher_accounts all{10'000};
  for (std::size_t i = 0; i < publisher_accounts::most; ++i)
    all.of(event_door::pull, "p" + std::to_string(i), start).shed = 2;
  auto& newcomer = all.of(event_door::pull, "newcomer", at_ms(1000));
  EXPECT_EQ(newcomer.name, "(others)") << "nobody gives way within a minute";
  const auto& kept = all.of(event_door::pull, "p1", at_ms(70'000));
  EXPECT_EQ(all.of(event_door::pull, "late", at_ms(70'000)).name, "late");
  EXPECT_EQ(kept.shed, 2U);
  std::uint64_t shed = 0;
  all.for_each([&](const publisher_account& a) { shed += a.shed; });
  EXPECT_EQ(shed, 2 * publisher_accounts::most);
  EXPECT_LT(all.size(), 10U);
}

TEST(NewEntityRate, TakesABurstOfTenSecondsThenTheRate) {
  new_entity_rate rate{100, start};
  publisher_accounts all{10'000};
  auto& p = all.of(event_door::router, "p", start);
  int taken = 0;
  for (int i = 0; i < 5000; ++i) taken += rate.take(p, start) ? 1 : 0;
  EXPECT_EQ(taken, 1000);
  taken = 0;
  for (int i = 0; i < 5000; ++i) taken += rate.take(p, at_ms(1000)) ? 1 : 0;
  EXPECT_EQ(taken, 100);
}

TEST(NewEntityRate, LeavesAQuietPublisherItsShareWhateverAnotherOneAsksFor) {
  new_entity_rate rate{100, start};
  publisher_accounts all{10'000};
  auto& noisy = all.of(event_door::router, "noisy", start);
  auto& quiet = all.of(event_door::router, "quiet", start);
  for (int second = 0; second < 20; ++second) {
    for (int i = 0; i < 5000; ++i) rate.take(noisy, at_ms(second * 1000));
    for (int i = 0; i < 40; ++i)
      EXPECT_TRUE(rate.take(quiet, at_ms(second * 1000 + 500))) << second << " " << i;
  }
}

TEST(DeadLetters, OfAFloodAreASample) {
  publisher_accounts all{10'000};
  auto& p = all.of(event_door::router, "p", start);
  int kept = 0;
  for (int i = 0; i < 1'000'000; ++i)
    kept += may_keep_letter(p, reject_reason::entity_limit, start) ? 1 : 0;
  EXPECT_EQ(kept, 100);
  kept = 0;
  for (int i = 0; i < 5000; ++i)
    kept += may_keep_letter(p, reject_reason::no_values, at_ms(1000)) ? 1 : 0;
  EXPECT_EQ(kept, 100);
}

/// An hour back: a machine that began with a wrong clock.
TEST(AClockThatIsSetRight, KeepsNobodyOutUntilItHasComeThereAgain) {
  const auto back = [](int seconds) { return at_ms(-3'600'000 + seconds * 1000); };
  publisher_accounts all{10'000};
  auto& p = all.of(event_door::router, "p", start);
  new_entity_rate rate{100, start};
  for (int i = 0; i < 5000; ++i) rate.take(p, start);
  rate.take(p, back(0));
  int taken = 0;
  for (int i = 0; i < 5000; ++i) taken += rate.take(p, back(1)) ? 1 : 0;
  EXPECT_EQ(taken, 100) << "new entities";
  for (int i = 0; i < 5000; ++i) may_keep_letter(p, reject_reason::no_values, start);
  may_keep_letter(p, reject_reason::no_values, back(0));
  EXPECT_TRUE(may_keep_letter(p, reject_reason::no_values, back(1)));
  skew_meter meter;
  for (int i = 0; i < 15; ++i) meter.add(milliseconds{3'600'000}, at_ms(i * 1000));
  for (int i = 0; i < 15; ++i) meter.add(milliseconds{100}, back(i));
  EXPECT_EQ(meter.median(), milliseconds{100});
}

/// Each door reads the clock before it waits for its turn.
TEST(AClockThatIsSetRight, MomentsOutOfOrderGiveNobodyMore) {
  publisher_accounts all{10'000};
  auto& p = all.of(event_door::router, "p", start);
  new_entity_rate rate{100, start};
  for (int i = 0; i < 5000; ++i) rate.take(p, start);
  int taken = 0;
  for (int i = 0; i < 1000; ++i) taken += rate.take(p, at_ms(i % 2 == 0 ? 20 : 0)) ? 1 : 0;
  EXPECT_LE(taken, 2) << "20 ms have passed, once";
}

TEST(AClockThatIsSetRight, LetsNewPublishersHaveTheirOwnAccount) {
  publisher_accounts all{10'000};
  for (std::size_t i = 0; i <= publisher_accounts::most; ++i)
    all.of(event_door::router, std::to_string(i), start);
  const auto minutes = milliseconds{120'000};
  const auto back = at_ms(-3'600'000);
  for (std::size_t i = 0; i < publisher_accounts::most; ++i)
    all.of(event_door::router, std::to_string(i), back);
  EXPECT_EQ(all.of(event_door::router, "new", back + minutes).name, "new");
}

}  // namespace
}  // namespace faultline
