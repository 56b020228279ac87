// SPDX-License-Identifier: Apache-2.0
#include "processing/instance_rounds.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace faultline {
namespace {

using place = instance_rounds::place;

constexpr std::int64_t start = 1'750'000'000'000;
constexpr std::int64_t minute = 60'000;
constexpr std::uint64_t a = 11, b = 12, c = 13;

/// Bodies of one value each, of one series.
struct rounds_driver {
  metric_sample sample(double value, std::int64_t at) const {
    metric_sample s;
    s.kind = kind;
    s.value = value;
    s.ts_ms = start + at;
    s.start_ms = begun_ms;
    s.join = join;
    return s;
  }
  /// The value of the round that ends with it, or -1.
  double give(std::uint64_t instance, double value, std::int64_t at) {
    rounds.begin(start + at);
    put = rounds.add(series, instance, sample(value, at), several);
    const auto all = rounds.close(series);
    rounds.keep();
    last = all.value_or(instance_rounds::joined_value{});
    return all ? all->value : -1;
  }

  instance_rounds rounds;
  metric_kind kind = metric_kind::counter;
  instances_join join = instances_join::mean;
  std::int64_t begun_ms = 0;
  std::uint64_t series = 7;
  bool several = false;
  place put = place::alone;
  instance_rounds::joined_value last;
};

TEST(InstanceRounds, WhatOneInstanceTellsIsLeftAsItIs) {
  rounds_driver d;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(d.give(a, i * 10.0, i * minute), -1);
    EXPECT_EQ(d.put, place::alone);
  }
}

TEST(InstanceRounds, RatesOfInstancesAddUpOnceARoundWhateverTheirCountersStandAt) {
  rounds_driver d;
  d.give(a, 1'000'000, 0);
  d.give(b, 50, 30'000);
  for (int i = 1; i < 8; ++i) {
    const auto rate = d.give(a, 1'000'000 + i * 6000.0, i * minute);  // 100 a second
    EXPECT_EQ(d.put, place::joined);
    if (i > 2) {
      EXPECT_DOUBLE_EQ(rate, 110) << i;
      EXPECT_EQ(d.last.ts_ms, start + i * minute);
      EXPECT_EQ(d.last.kind, metric_kind::rate);
      EXPECT_EQ(d.last.instances, 2U);
    }
    EXPECT_EQ(d.give(b, 50 + i * 600.0, i * minute + 30'000), -1) << i;  // 10 a second
  }
}

TEST(InstanceRounds, WhoCountedBeforeItWasHeardSaysNothingAtFirst) {
  rounds_driver d;
  d.give(a, 0, 0);
  d.give(b, 1'000'000, 1000);  // for days
  EXPECT_EQ(d.give(a, 60, minute), -1);
  EXPECT_NEAR(d.give(b, 1'000'060, minute + 1000), -1, 0);
  EXPECT_EQ(d.give(a, 120, 2 * minute), 2);  // the round began with b's
}

TEST(InstanceRounds, WhoBeganJustNowCountsFromItsBegin) {
  rounds_driver d;
  for (int i = 0; i < 3; ++i) d.give(a, i * 600.0, i * minute);
  d.begun_ms = start + 2 * minute + 15'000;
  EXPECT_EQ(d.give(b, 300, 2 * minute + 45'000), -1);  // 300 in 30 s
  d.begun_ms = 0;
  EXPECT_DOUBLE_EQ(d.give(a, 1800, 3 * minute), 10 + 10);
}

TEST(InstanceRounds, AnInstanceThatEndsIsWaitedForHalfAnIntervalAndThenNotAnyMore) {
  rounds_driver d;
  for (int i = 0; i < 5; ++i) {
    d.give(a, i * 600.0, i * minute);
    d.give(b, i * 1200.0, i * minute + 1000);
  }
  EXPECT_DOUBLE_EQ(d.give(a, 3000, 5 * minute), 30);
  EXPECT_EQ(d.give(a, 3300, 5 * minute + 30'000), -1);  // b may come yet
  EXPECT_DOUBLE_EQ(d.give(a, 3600, 6 * minute), 10);
  EXPECT_EQ(d.last.instances, 1U);
  EXPECT_DOUBLE_EQ(d.give(a, 4200, 7 * minute), 10);
}

TEST(InstanceRounds, AnInstanceThatEndsIsNotWaitedForLongerWhereTheClockIsSetBack) {
  rounds_driver d;
  d.kind = metric_kind::gauge;
  const auto give = [&d](std::uint64_t instance, double value, std::int64_t at,
                         std::int64_t ahead) {
    d.rounds.begin(start + at + ahead);
    d.rounds.add(d.series, instance, d.sample(value, at), false);
    const auto all = d.rounds.close(d.series);
    d.rounds.keep();
    return all ? all->value : -1;
  };
  for (int i = 0; i < 5; ++i) {
    give(a, 2, i * minute, 30 * minute);
    give(b, 4, i * minute + 1000, 30 * minute);
  }
  EXPECT_EQ(give(a, 2, 5 * minute, 0), 3);
  EXPECT_EQ(give(a, 2, 6 * minute, 0), -1);  // b may come yet
  EXPECT_EQ(give(a, 2, 7 * minute, 0), 2);
}

// A deploy of a service with two instances: every one has a new id, and they overlap.
TEST(InstanceRounds, NewInstancesInPlaceOfOldOnesCountEverythingOnce) {
  rounds_driver d;
  double emitted = 0, before = -1, newest = -1;
  std::int64_t since = 0, first = 0;
  const auto note = [&](double rate) {
    if (rate < 0) return;
    if (since != 0)
      emitted += rate * static_cast<double>(d.last.ts_ms - since) / 1000;
    else
      before = rate, first = d.last.ts_ms;
    since = d.last.ts_ms;
    newest = rate;
  };
  for (int i = 0; i < 10; ++i) {  // 10 a second in all: they are one a half each
    note(d.give(a, i * 300.0, i * minute));
    note(d.give(b, i * 300.0, i * minute + 1000));
  }
  EXPECT_DOUBLE_EQ(before, 10);
  note(d.give(a, 3000 - 150, 9 * minute + 30'000));  // its last word, after half a minute
  for (int i = 10; i < 16; ++i) {
    d.begun_ms = 0;
    note(d.give(b, i * 300.0, i * minute + 1000));
    d.begun_ms = start + 9 * minute + 30'000;
    note(d.give(c, (i - 9) * 300.0, i * minute + 30'000));
  }
  const double passed_s = static_cast<double>(since - first) / 1000;
  EXPECT_NEAR(emitted / passed_s, 10, 0.2);
  EXPECT_DOUBLE_EQ(newest, 10);
}

// Processes of a host, one of which ends in every interval: a round is over all the same.
TEST(InstanceRounds, AreOverThoughSomebodyEndsInEveryInterval) {
  rounds_driver d;
  d.kind = metric_kind::gauge;
  d.join = instances_join::sum;
  int rounds = 0;
  for (std::uint64_t i = 0; i < 40; ++i) {
    const auto at = static_cast<std::int64_t>(i) * minute;
    rounds += d.give(1000 + i, 1, at + 1) >= 30 ? 1 : 0;  // once, and never again
    rounds += d.give(a, 10, at + 2) >= 30 ? 1 : 0;
    rounds += d.give(b, 20, at + 3) >= 30 ? 1 : 0;
  }
  EXPECT_GE(rounds, 15);
}

// A job every two seconds that lives for one and counts a hundred: 50 a second, not 100 for each.
// There are 300 of them in ten minutes.
TEST(InstanceRounds, WhoComesOnlyOnceCountsOverTheRoundNotOverItsOwnLife) {
  rounds_driver d;
  std::vector<double> rates;
  for (std::uint64_t i = 0; i < 600; ++i) {
    const auto at = static_cast<std::int64_t>(i) * 2000;
    d.begun_ms = start + at - 1000;
    const auto rate = d.give(1000 + i, 100, at);
    ASSERT_NE(d.put, place::too_many) << i;
    if (rate >= 0) rates.push_back(rate);
  }
  ASSERT_GE(rates.size(), 10U);
  for (std::size_t i = 1; i < rates.size(); ++i) EXPECT_NEAR(rates[i], 50, 2);
}

TEST(InstanceRounds, WhatWasHeldUpOnItsWayCountsOverItsOwnTime) {
  rounds_driver d;
  for (int i = 0; i < 4; ++i) {
    d.give(a, i * 600.0, i * minute);
    d.give(b, i * 600.0, i * minute + 1000);
  }
  for (int i = 4; i < 14; ++i) {  // ten minutes, which come at once
    double rate = -1;
    for (const auto& [who, later] : {std::pair{a, 0}, std::pair{b, 1000}}) {
      d.rounds.begin(start + 14 * minute + i);
      d.rounds.add(d.series, who, d.sample(i * 600.0, i * minute + later), false);
      const auto all = d.rounds.close(d.series);
      if (all) rate = all->value;
      d.rounds.keep();
    }
    EXPECT_NEAR(rate, 20, 0.5) << i;
  }
}

TEST(InstanceRounds, AClockThatIsAheadTakesNobodyIntoTheFuture) {
  rounds_driver d;
  d.kind = metric_kind::gauge;
  for (int i = 0; i < 3; ++i) {
    d.give(a, 10, i * minute);
    d.rounds.begin(start + i * minute + 1000);
    d.rounds.add(d.series, b, d.sample(20, (i + 60) * minute), false);
    d.rounds.close(d.series);
    d.rounds.keep();
  }
  EXPECT_EQ(d.give(a, 10, 3 * minute), 15);
  EXPECT_EQ(d.last.ts_ms, start + 3 * minute);
}

TEST(InstanceRounds, WhatIsOfAnotherTimeMovesNoRound) {
  rounds_driver d;
  d.kind = metric_kind::gauge;
  for (int i = 0; i < 3; ++i) {
    d.give(a, 10, i * minute);
    d.give(b, 10, i * minute + 1000);
  }
  for (const std::int64_t away : {-3 * 60 * minute, 24 * 60 * minute}) {
    d.rounds.begin(start + 3 * minute);
    EXPECT_EQ(d.rounds.add(d.series, c, d.sample(1000, 3 * minute + away), false), place::alone);
    EXPECT_FALSE(d.rounds.close(d.series));
    d.rounds.keep();
  }
  EXPECT_EQ(std::max(d.give(a, 10, 3 * minute), d.give(b, 10, 3 * minute + 1000)), 10);
}

TEST(InstanceRounds, WhoIsNotKnownYetTakesNothingFromTheOthers) {
  rounds_driver d;
  double told = 0;
  for (int i = 0; i < 8; ++i) {
    const auto note = [&](double rate) { told = std::max(told, rate); };
    note(d.give(a, 600.0 * i, i * minute));
    note(d.give(b, 600.0 * i, i * minute + 1000));
    if (i == 4) note(d.give(c, 1e9, i * minute + 2000));  // counted for long, unknown what
    if (i > 4) note(d.give(c, 1e9 + 600.0 * (i - 4), i * minute + 2000));
  }
  EXPECT_NEAR(told, 30, 1) << "no count of a and b was lost, none came twice";
}

TEST(InstanceRounds, DeltasOutOfOrderCountAll) {
  rounds_driver d;
  d.kind = metric_kind::rate;
  const auto give = [&](std::uint64_t who, double value, std::int64_t at) {
    d.begun_ms = start + at - minute;
    return d.give(who, value, at);
  };
  give(a, 10, 0);
  give(b, 10, 1000);
  give(a, 10, minute);
  give(b, 10, minute + 1000);
  double told = 0;
  const auto note = [&](double rate) { told = std::max(told, rate); };
  note(give(a, 10, 2 * minute));
  note(give(b, 10, 2 * minute + 1000));
  note(give(a, 10, 4 * minute));
  note(give(a, 40, 3 * minute));  // overtaken
  EXPECT_EQ(d.put, place::joined);
  note(give(b, 10, 4 * minute + 1000));
  note(give(a, 10, 5 * minute));
  note(give(b, 10, 5 * minute + 1000));
  EXPECT_GT(told, 30) << "of a 25 in two minutes, of b 10";
}

TEST(InstanceRounds, ACounterThatBeganAnewCountsFromZero) {
  rounds_driver d;
  for (int i = 0; i < 4; ++i) {
    d.give(a, i * 600.0, i * minute);
    d.give(b, 1000 + i * 600.0, i * minute + 1000);
  }
  EXPECT_DOUBLE_EQ(d.give(a, 600, 4 * minute), 20);
  d.begun_ms = start + 3 * minute + 31'000;  // it stands higher than before, but began anew
  d.give(b, 6000, 4 * minute + 1000);
  d.begun_ms = 0;
  EXPECT_DOUBLE_EQ(d.give(a, 1200, 5 * minute), 10 + 100);
}

TEST(InstanceRounds, DeltasAddUp) {
  rounds_driver d;
  d.kind = metric_kind::rate;
  for (int i = 1; i < 5; ++i) {
    d.begun_ms = start + (i - 1) * minute;
    const auto rate = d.give(a, 3, i * minute);
    d.give(b, 4, i * minute + 1000);
    if (i > 1) {
      EXPECT_NEAR(rate, 7, 0.1);
    }
  }
}

TEST(InstanceRounds, AGaugeIsTheirMeanTheirSumOrTheLargest) {
  for (const auto& [join, wanted] :
       {std::pair{instances_join::mean, 15.0}, std::pair{instances_join::sum, 30.0},
        std::pair{instances_join::largest, 20.0}}) {
    rounds_driver d;
    d.kind = metric_kind::gauge;
    d.join = join;
    d.give(a, 10, 0);
    for (int i = 1; i < 5; ++i) {
      EXPECT_EQ(d.give(b, 20, i * minute - 30'000), -1);
      EXPECT_EQ(d.give(a, 10, i * minute), wanted);
      EXPECT_EQ(d.last.kind, metric_kind::gauge);
    }
  }
}

TEST(InstanceRounds, WhereThereWereSeveralBeforeTheFirstRoundLastsUntilOneComesAgain) {
  rounds_driver d;
  d.kind = metric_kind::gauge;
  d.join = instances_join::sum;
  d.several = true;
  EXPECT_EQ(d.give(a, 1, 0), -1);
  EXPECT_EQ(d.give(b, 2, 20'000), -1);
  EXPECT_EQ(d.give(c, 4, 40'000), -1);
  EXPECT_EQ(d.give(a, 1, minute), 7);
  rounds_driver once;  // who speaks only once does not keep the others waiting for ever
  once.kind = metric_kind::gauge;
  once.several = true;
  EXPECT_EQ(once.give(a, 1, 0), -1);
  EXPECT_EQ(once.give(b, 3, 3 * minute), 2);
}

TEST(InstanceRounds, WhatIsSentAgainCountsOnce) {
  rounds_driver d;
  for (int i = 0; i < 4; ++i) {
    d.give(a, i * 600.0, i * minute);
    d.give(b, i * 600.0, i * minute + 1000);
  }
  EXPECT_DOUBLE_EQ(d.give(a, 2400, 4 * minute), 20);
  EXPECT_EQ(d.give(a, 2400, 4 * minute), -1);
  EXPECT_EQ(d.give(b, 2400, 4 * minute + 1000), -1);
  EXPECT_DOUBLE_EQ(d.give(a, 3000, 5 * minute), 20);
}

TEST(InstanceRounds, ABodyThatWasNotTakenMovedNothing) {
  rounds_driver d;
  for (int i = 0; i < 4; ++i) {
    d.give(a, i * 600.0, i * minute);
    d.give(b, i * 600.0, i * minute + 1000);
  }
  for (int again = 0; again < 3; ++again) {
    d.rounds.begin(start + 4 * minute + again);
    d.rounds.add(d.series, a, d.sample(2400, 4 * minute), false);
    d.rounds.add(99, b, d.sample(1, 4 * minute), false);
    EXPECT_DOUBLE_EQ(d.rounds.close(d.series).value().value, 20);
  }
  d.rounds.begin(start + 4 * minute + 2000);
  EXPECT_FALSE(d.rounds.knows(99));
  EXPECT_TRUE(d.rounds.knows(d.series));
}

// Ever new ids: who is silent for ten minutes has no place any more.
TEST(InstanceRounds, AreForgottenWhenTheyAreSilentAndNeverTooMany) {
  rounds_driver d;
  for (std::uint64_t i = 0; i < 5000; ++i) {
    d.give(1000 + i, 1, static_cast<std::int64_t>(i) * minute);
    ASSERT_NE(d.put, place::too_many) << i;
  }
  rounds_driver crowd;
  for (std::uint64_t i = 0; i < instance_rounds::most_of_one; ++i) {
    crowd.give(1000 + i, 1, static_cast<std::int64_t>(i));
    ASSERT_NE(crowd.put, place::too_many) << i;
  }
  crowd.give(1, 1, 1000);
  EXPECT_EQ(crowd.put, place::too_many);
}

TEST(InstanceRounds, BeyondItsLimitSeriesAreLeftAsTheyAreUntilOthersEnd) {
  instance_rounds rounds;
  metric_sample s;
  s.ts_ms = start;
  rounds.begin(start);
  for (std::uint64_t i = 0; i < instance_rounds::most_tellers; ++i) rounds.add(i, a, s, false);
  EXPECT_EQ(rounds.add(1 << 30, a, s, true), place::alone);
  EXPECT_FALSE(rounds.knows(1 << 30));
  rounds.keep();
  rounds.begin(start + instance_rounds::silent_ms + 1);
  rounds.add(1 << 30, a, s, false);
  EXPECT_TRUE(rounds.knows(1 << 30));
  EXPECT_FALSE(rounds.knows(0));
}

}  // namespace
}  // namespace faultline
