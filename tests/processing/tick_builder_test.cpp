// SPDX-License-Identifier: Apache-2.0
#include "processing/tick_builder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace faultline {
namespace {

using ::testing::SizeIs;
using result = tick_builder::result;

constexpr std::int64_t start = 1'704'067'200'000;
constexpr std::int64_t tick = 10'000;

struct closed_copy {
  std::int64_t ts;
  std::vector<double> values;
  std::int64_t gap_ms;
  log_position cause;
};

class builder_driver {
public:
  builder_driver() { options.accept_past = true; }
  result give(std::int64_t at, std::vector<metric_point> points) {
    event_view e;
    e.ts = event_time_of(start + at);
    e.metrics = std::move(points);
    const auto r = builder.add(e, {++position, 0}, options);
    drain();
    return r;
  }
  void clock(std::int64_t at) {
    builder.advance(event_time_of(start + at), {++position, 0}, options);
    drain();
  }
  void drain() {
    for (; builder.waiting(); builder.pop()) {
      const auto& t = builder.front();
      closed.push_back({unix_ms(t.ts) - start, t.values, t.gap_ms, t.cause.first});
    }
  }

  processing_options options;
  tick_builder builder;
  std::vector<closed_copy> closed;
  log_position position = 0;
};

metric_point gauge(std::string_view name, double v) { return {name, v, metric_kind::gauge}; }
metric_point counter(std::string_view name, double v) { return {name, v, metric_kind::counter}; }

TEST(TickBuilder, ClosesARowAtOnceOnceItKnowsTheSet) {
  builder_driver d;
  EXPECT_EQ(d.give(0, {gauge("a", 1), gauge("b", 2)}), result::open);
  EXPECT_EQ(d.give(tick, {gauge("a", 3), gauge("b", 4)}), result::closed);
  ASSERT_THAT(d.closed, SizeIs(2));
  EXPECT_EQ(d.give(2 * tick, {gauge("b", 6), gauge("a", 5)}), result::closed);
  ASSERT_THAT(d.closed, SizeIs(3));
  EXPECT_EQ(d.closed[2].ts, 2 * tick);
  EXPECT_EQ(d.closed[2].values, (std::vector<double>{5, 6}));
  EXPECT_EQ(d.closed[2].gap_ms, tick);
  EXPECT_EQ(d.closed[2].cause, 3u);
}

// Who closes a tick is another matter: see cause.
TEST(TickBuilder, KnowsTheLastEventOfEachTick) {
  builder_driver d;
  std::vector<log_position> last;
  const auto give = [&](std::int64_t at, std::vector<metric_point> points) {
    event_view e;
    e.ts = event_time_of(start + at);
    e.metrics = std::move(points);
    d.builder.note_record({0, ++d.position, 0});
    d.builder.add(e, {d.position, 0}, d.options);
    for (; d.builder.waiting(); d.builder.pop()) last.push_back(d.builder.front().last.position);
  };
  give(0, {gauge("a", 1)});
  give(1, {gauge("b", 1)});             // 2
  give(tick, {gauge("a", 1)});          // 3
  give(2 * tick, {gauge("a", 1)});      // 4
  give(2 * tick + 1, {gauge("b", 1)});  // 5
  give(4 * tick, {gauge("a", 1), gauge("b", 1)});
  d.builder.advance(event_time_of(start + 9 * tick), {99, 0}, d.options);
  for (; d.builder.waiting(); d.builder.pop()) last.push_back(d.builder.front().last.position);
  EXPECT_EQ(last, (std::vector<log_position>{2, 3, 5, 6}));
}

TEST(TickBuilder, AGaugeThatIsCalledACounterTurnsIntoOneOnceItRoseOften) {
  builder_driver d;
  for (int i = 0; i <= 60; ++i) d.give(i * tick, {gauge("calls_total", 1e9 + 100.0 * i)});
  EXPECT_EQ(d.builder.channels().at(0).kind, metric_kind::counter);
  EXPECT_DOUBLE_EQ(d.closed.at(49).values.at(0), 1e9 + 4900);
  EXPECT_TRUE(std::isnan(d.closed.at(50).values.at(0)));
  EXPECT_DOUBLE_EQ(d.closed.at(51).values.at(0), 10);
  EXPECT_DOUBLE_EQ(d.closed.at(60).values.at(0), 10);
}

TEST(TickBuilder, AGaugeThatStandsStillIsNoCounterAndNorIsOneThatFallsALittle) {
  builder_driver d;
  int i = 0;
  for (; i < 200; ++i) d.give(i * tick, {gauge("pods_count", 5)});
  EXPECT_EQ(d.builder.channels().at(0).kind, metric_kind::gauge);
  for (int rises = 0; rises <= 50; ++rises, ++i) d.give(i * tick, {gauge("pods_count", 6 + rises)});
  EXPECT_EQ(d.builder.channels().at(0).kind, metric_kind::counter);
  d.give(i * tick, {gauge("pods_count", 50)});
  EXPECT_EQ(d.builder.channels().at(0).kind, metric_kind::gauge);
  EXPECT_DOUBLE_EQ(d.closed.back().values.at(0), 50);
}

TEST(TickBuilder, ASampleThatComesLateMakesNoCounterAGauge) {
  builder_driver d;
  int i = 0;
  for (; i <= 60; ++i) {  // several events a tick: it stays open
    d.give(i * tick, {gauge("calls_total", 1e9 + 100.0 * i)});
    d.give(i * tick + 1, {gauge("a", 1)});
  }
  ASSERT_EQ(d.builder.channels().at(0).kind, metric_kind::counter);
  d.give(i * tick + 500, {gauge("calls_total", 1e9 + 6200)});
  d.give(i * tick + 100, {gauge("calls_total", 1e9 + 6150)});
  EXPECT_EQ(d.builder.channels().at(0).kind, metric_kind::counter);
}

TEST(TickBuilder, OfAGaugeThatTurnsNoValueStaysInATickThatIsOpen) {
  builder_driver d;
  for (int i = 0; i < 50; ++i)
    d.give(i * tick, {gauge("calls_total", 1e9 + 100.0 * i), gauge("a", 1)});
  d.give(50 * tick, {gauge("calls_total", 1e9 + 5000)});
  EXPECT_EQ(d.builder.channels().at(0).kind, metric_kind::counter);
  d.give(51 * tick, {gauge("calls_total", 1e9 + 5100), gauge("a", 1)});
  for (std::size_t n = 50; n < d.closed.size(); ++n) {
    const double value = d.closed[n].values.at(0);
    EXPECT_TRUE(std::isnan(value) || value == 10) << n << ": " << value;
  }
}

TEST(TickBuilder, ARateIsTakenAsItIsAndACounterBehindItBeginsAnew) {
  builder_driver d;
  const metric_point rate{"calls", 2.5, metric_kind::rate};
  d.give(0, {counter("calls", 1000)});
  d.give(tick, {counter("calls", 1010)});
  d.give(2 * tick, {rate});
  d.give(3 * tick, {rate});
  EXPECT_EQ(d.builder.channels().at(0).kind, metric_kind::counter);
  d.give(4 * tick, {counter("calls", 7)});
  d.give(5 * tick, {counter("calls", 27)});
  d.clock(9 * tick);
  std::vector<double> values;
  for (const auto& t : d.closed)
    if (!t.values.empty() && !std::isnan(t.values[0])) values.push_back(t.values[0]);
  EXPECT_EQ(values, (std::vector<double>{1, 2.5, 2.5, 2}));
}

TEST(TickBuilder, MergesSingleValuesUntilALaterTickAndTheLateness) {
  builder_driver d;
  for (int i = 0; i < 4; ++i) {
    d.give(i * tick, {gauge("a", i)});
    d.give(i * tick + 100, {gauge("b", 10.0 * i)});
  }
  ASSERT_THAT(d.closed, SizeIs(2));  // tick 3 has come: 0 and 1 are over
  EXPECT_EQ(d.closed[1].values, (std::vector<double>{1, 10}));
  EXPECT_EQ(d.give(2 * tick + 200, {gauge("a", 4)}), result::open);
  EXPECT_EQ(d.give(tick, {gauge("a", 4)}), result::late);
  EXPECT_EQ(d.builder.late(), 1u);
  d.give(4 * tick, {gauge("a", 0)});
  EXPECT_EQ(d.closed[2].values, (std::vector<double>{3, 20}));  // the mean of 2 and 4
}

TEST(TickBuilder, TheMeanOfValuesWhoseSumIsTooLargeIsOneOfThem) {
  builder_driver d;
  for (const std::int64_t at : {0, 1000, 2000, 3000}) d.give(at, {gauge("a", 1.5e308)});
  d.clock(3 * tick);
  ASSERT_THAT(d.closed, SizeIs(1));
  EXPECT_EQ(d.closed[0].values[0], 1.5e308);
}

TEST(TickBuilder, ClosesByTheClockWhatNobodyElseCloses) {
  builder_driver d;
  d.give(0, {gauge("a", 1)});
  d.clock(tick);
  EXPECT_THAT(d.closed, SizeIs(0));
  d.clock(2 * tick);
  ASSERT_THAT(d.closed, SizeIs(1));
  EXPECT_TRUE(d.builder.idle());
}

// After a restart an entity may hear of the last of several clocks alone.
TEST(TickBuilder, ClosesByTheLastOfSeveralClocksWhatAllOfThemWouldHaveClosed) {
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    builder_driver each, last;
    each.options.lateness_ticks = last.options.lateness_ticks = seed % 4;
    std::uint32_t dice = seed * 2'654'435'761U;
    const auto below = [&](std::uint32_t n) {
      dice = dice * 1'664'525U + 1'013'904'223U;
      return static_cast<std::int64_t>((dice >> 16) % n);
    };
    std::int64_t now = 0, heard = 0;
    for (int i = 0; i < 60; ++i) {
      now += (1 + below(3)) * tick;
      const auto at = std::max<std::int64_t>(now - below(4) * tick, 0);
      for (auto* d : {&each, &last}) d->give(at, {gauge("a", i)});
      if (below(3) == 0) continue;
      for (auto c = heard; c <= now; c += tick / 2) each.clock(c);
      each.clock(now);
      last.clock(now);
      heard = now;
    }
    ASSERT_EQ(each.closed.size(), last.closed.size()) << seed;
    for (std::size_t n = 0; n < last.closed.size(); ++n) {
      EXPECT_EQ(each.closed[n].ts, last.closed[n].ts) << seed;
      EXPECT_EQ(each.closed[n].values, last.closed[n].values) << seed;
    }
  }
}

TEST(TickBuilder, FollowsJitterWithoutPuttingTwoRowsIntoOneTick) {
  builder_driver d;
  const std::int64_t jitter[] = {0, 3000, -3000, 2500, -2500, 1000, -3500, 3500};
  for (int i = 0; i < 400; ++i)
    d.give(i * tick + jitter[i % 8] + i, {gauge("a", i), gauge("b", i)});
  EXPECT_EQ(d.closed.size(), 400u);
  EXPECT_EQ(d.builder.late(), 0u);
}

TEST(TickBuilder, MergesRowsThatComeFasterThanItsTick) {
  builder_driver d;
  for (int i = 0; i < 100; ++i) d.give(i * tick / 4, {gauge("a", i)});
  EXPECT_LE(d.builder.late(), 4u);
  EXPECT_GE(d.closed.size(), 20u);
  EXPECT_LE(d.closed.size(), 26u);
}

TEST(TickBuilder, KeepsItsGridWhenRowsComeTenTimesATick) {
  builder_driver d;
  for (std::int64_t at = 0; at < 600'000; at += 1'000) d.give(at, {gauge("a", 1), gauge("b", 2)});
  EXPECT_GE(d.closed.size(), 57U);
  EXPECT_LE(d.closed.size(), 60U);
  for (std::size_t i = 4; i < d.closed.size(); ++i) EXPECT_EQ(d.closed[i].gap_ms, tick) << i;
}

TEST(TickBuilder, TakesALongerIntervalAsItsTick) {
  builder_driver d;
  for (int i = 0; i < 20; ++i) d.give(i * 6 * tick, {gauge("a", i)});
  EXPECT_EQ(d.builder.tick_ms(d.options), 6 * tick);
}

TEST(TickBuilder, MakesAGapOneStep) {
  builder_driver d;
  for (int i = 0; i < 5; ++i) d.give(i * tick, {gauge("a", i)});
  d.give(5000 * tick, {gauge("a", 1)});
  ASSERT_THAT(d.closed, SizeIs(6));
  EXPECT_EQ(d.closed[5].gap_ms, 4996 * tick);
}

TEST(TickBuilder, TurnsCountersIntoRatesAndSeesResets) {
  builder_driver d;
  const double values[] = {100, 150, 250, 30, 50};
  for (int i = 0; i < 5; ++i) d.give(i * tick, {counter("c", values[i]), gauge("g", 1)});
  ASSERT_THAT(d.closed, SizeIs(5));
  EXPECT_TRUE(std::isnan(d.closed[0].values[0]));
  EXPECT_DOUBLE_EQ(d.closed[1].values[0], 5);
  EXPECT_DOUBLE_EQ(d.closed[2].values[0], 10);
  EXPECT_DOUBLE_EQ(d.closed[3].values[0], 3);  // it began again from zero
  EXPECT_DOUBLE_EQ(d.closed[4].values[0], 2);
}

TEST(TickBuilder, RecognisesACounterThatCallsItselfOne) {
  builder_driver d;
  for (int i = 0; i < 60; ++i)
    d.give(i * tick, {gauge("requests_total", 100.0 * i), gauge("level", 100.0 * i)});
  EXPECT_DOUBLE_EQ(d.closed.back().values[0], 10);
  EXPECT_DOUBLE_EQ(d.closed.back().values[1], 5900);
}

TEST(TickBuilder, ForgetsAMetricThatStaysAwayAndMeetsNewOnes) {
  builder_driver d;
  for (int i = 0; i < 5; ++i) d.give(i * tick, {gauge("a", 1), gauge("b", 2)});
  for (int i = 5; i < 20; ++i) d.give(i * tick, {gauge("a", 1)});
  EXPECT_EQ(d.give(20 * tick, {gauge("a", 1)}), result::closed);
  EXPECT_EQ(d.give(21 * tick, {gauge("a", 1), gauge("n", 3)}), result::closed);
  EXPECT_EQ(d.closed.back().values.size(), 3u);
  EXPECT_TRUE(std::isnan(d.closed.back().values[1]));
}

TEST(TickBuilder, WhatIsSentGoesBeforeWhatIsDerivedUnderTheSameName) {
  builder_driver d;
  const auto own = d.builder.derive("log.lines_rate");
  ASSERT_TRUE(own);
  EXPECT_TRUE(d.builder.only_derived());
  d.give(0, {gauge("log.lines_rate", 1)});
  EXPECT_FALSE(d.builder.only_derived());
  EXPECT_FALSE(d.builder.derive("log.lines_rate")) << "it is the publisher's now";
  EXPECT_EQ(d.builder.channels().size(), 1U);
}

TEST(TickBuilder, BoundsItsChannels) {
  builder_driver d;
  std::vector<std::string> names;
  for (int i = 0; i < 300; ++i) names.push_back("m" + std::to_string(i));
  for (const auto& name : names) d.give(0, {gauge(name, 1)});
  EXPECT_EQ(d.builder.channels().size(), tick_builder::max_channels);
  EXPECT_EQ(d.builder.ignored(), 300u - tick_builder::max_channels);
}

// Most of what a full entity is sent has no channel, which shows by 16 bits of a hash: some of
// 20,000 have those of a name that has one.
TEST(TickBuilder, FindsItsChannelsAmongNamesThatHaveNone) {
  builder_driver d;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < 20'000; ++i) names.push_back("metric_" + std::to_string(i));
  std::mt19937 random{5};
  std::vector<std::size_t> order(names.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::int64_t n = 0; n < 4; ++n) {
    std::vector<metric_point> row;
    for (const std::size_t i : order) row.push_back(gauge(names[i], static_cast<double>(i)));
    d.give(n * tick, row);
    std::shuffle(order.begin(), order.end(), random);
  }
  const std::size_t most = tick_builder::max_channels;
  ASSERT_EQ(d.builder.channels().size(), most);
  EXPECT_EQ(d.builder.ignored(), 4 * (names.size() - most));
  ASSERT_THAT(d.closed, SizeIs(4));
  for (const auto& closed : d.closed) {
    for (std::size_t c = 0; c < most; ++c)
      ASSERT_EQ(closed.values[c], static_cast<double>(c)) << closed.ts << " " << c;
  }
}

TEST(TickBuilder, WaitsAsManyTicksForSingleValuesAsItIsTold) {
  for (const std::uint32_t lateness : {0U, 1U, 3U}) {
    builder_driver d;
    d.options.lateness_ticks = lateness;
    for (int i = 0; i < 12; ++i) {
      d.give(i * tick, {gauge("a", i)});
      d.give(i * tick + 100, {gauge("b", i)});
    }
    EXPECT_EQ(d.closed.size(), 11 - lateness) << lateness;
    d.clock((12 + lateness) * tick);
    EXPECT_EQ(d.closed.size(), 12u) << "the clock closes the rest";
    EXPECT_EQ(d.give(11 * tick + 200, {gauge("a", 1)}), result::late);
  }
}

TEST(TickBuilder, ATickKeepsWhatHeldWhenItClosed) {
  builder_driver d;
  event_view e;
  for (int i = 0; i < 12; ++i) {
    d.builder.set_degraded(i == 10);
    e.ts = event_time_of(start + i * (i < 10 ? 1 : 6) * tick);
    e.metrics = {gauge("a", i)};
    d.builder.add(e, {1, 0}, d.options);
  }
  std::size_t degraded = 0;
  for (; d.builder.waiting(); d.builder.pop()) {
    EXPECT_EQ(d.builder.front().tick_ms, tick);
    degraded += d.builder.front().degraded ? 1 : 0;
  }
  EXPECT_EQ(degraded, 1u) << "the one that closed meanwhile";
}

TEST(TickBuilder, TheGapInWhichNobodyListenedIsMarkedAlsoOverASnapshot) {
  builder_driver d;
  for (int i = 0; i < 20; ++i) d.give(i * tick, {gauge("a", i)});
  d.builder.note_deafness(3 * tick);
  std::string bytes;
  byte_writer out{bytes};
  d.builder.save(out);
  tick_builder again;
  byte_reader in{bytes};
  ASSERT_TRUE(again.restore(in));
  EXPECT_TRUE(in.at_end());
  for (auto* b : {&d.builder, &again}) {
    event_view e;
    e.metrics = {gauge("a", 1)};
    for (const int at : {20, 100, 200}) {
      e.ts = event_time_of(start + at * tick);
      b->add(e, {1, 0}, d.options);
    }
    std::vector<bool> deaf;
    for (; b->waiting(); b->pop()) deaf.push_back(b->front().deaf);
    EXPECT_EQ(deaf, (std::vector<bool>{false, true, false})) << "the first long gap is ours";
  }
}

// The grid begins where the entity began, which may be weeks ago.
TEST(TickBuilder, ALongerPaceMakesNothingLateThatComesAfterwards) {
  builder_driver rows;
  for (std::int64_t s = 0; s < 10'000; ++s) rows.give(s * 1'000, {gauge("a", 1), gauge("b", 2)});
  const auto late = rows.builder.late();
  const auto closed = rows.closed.size();
  rows.options.tick = milliseconds{3 * tick};
  for (std::int64_t s = 10'000; s < 10'300; ++s)
    rows.give(s * 1'000, {gauge("a", 1), gauge("b", 2)});
  EXPECT_EQ(rows.builder.late(), late);
  ASSERT_GE(rows.closed.size(), closed + 9);
  EXPECT_LE(rows.closed.size(), closed + 11);
  EXPECT_EQ(rows.closed.back().gap_ms, 3 * tick);
}

TEST(TickBuilder, WhereNoMetricComesTicksGoOnByALongerPace) {
  builder_driver d;
  std::int64_t at = 0;
  const auto touch = [&] {
    d.builder.touch(event_time_of(start + at), 0, {++d.position, 0}, d.options);
    d.clock(at);
  };
  for (; at < 1'000 * tick; at += tick) touch();
  const auto closed = d.closed.size();
  EXPECT_GE(closed, 997U);
  d.options.tick = milliseconds{3 * tick};
  for (int i = 0; i < 10; ++i, at += 3 * tick) touch();
  EXPECT_GE(d.closed.size(), closed + 8);
}

// As of builds that left the origin where it was.
TEST(TickBuilder, AnOriginOfLongAgoInItsBytesIsNone) {
  for (const bool open : {false, true}) {
    builder_driver d;
    for (std::int64_t s = 0; s < 10'000; ++s) d.give(s * 1'000, {gauge("a", 1), gauge("b", 2)});
    if (!open) d.clock(10'000'000 + 3 * tick);
    EXPECT_EQ(d.builder.idle(), !open);
    std::string bytes;
    byte_writer out{bytes};
    d.builder.save(out);
    const std::int64_t origin[] = {start, 0};
    std::memcpy(bytes.data(), origin, sizeof origin);
    builder_driver e;
    byte_reader in{bytes};
    ASSERT_TRUE(e.builder.restore(in));
    const auto late = e.builder.late();
    e.options.tick = milliseconds{3 * tick};
    for (std::int64_t s = 10'040; s < 10'340; ++s)
      e.give(s * 1'000, {gauge("a", 1), gauge("b", 2)});
    EXPECT_EQ(e.builder.late(), late);
    EXPECT_GE(e.closed.size(), 9U);
  }
}

// A publisher whose clock is hours ahead of the partition's moves its entity one tick ahead at
// most.
TEST(TickBuilder, StaysWithinOneTickOfItsPartitionsClock) {
  builder_driver d;
  d.options.accept_past = false;
  for (int i = 0; i < 20; ++i) {
    d.clock(i * tick);
    d.give(i * tick + 7'200'000, {gauge("a", i), gauge("b", i)});
    for (const auto& t : d.closed) EXPECT_LE(t.ts, (i + 1) * tick);
  }
  EXPECT_GE(d.closed.size(), 18u);
  EXPECT_EQ(d.builder.late(), 0u);
}

TEST(TickBuilder, LetsNoClockOfAPublisherRunAhead) {
  builder_driver d;
  d.options.accept_past = false;
  d.clock(0);
  for (int i = 0; i < 4; ++i) d.give(i, {gauge("a", 1)});
  d.give(250'000, {gauge("a", 1)});
  d.clock(2 * tick);
  EXPECT_NE(d.give(2 * tick, {gauge("a", 1)}), result::late);
}

TEST(TickBuilder, GoesOnFromItsBytes) {
  builder_driver d;
  for (int i = 0; i < 30; ++i) {
    d.give(i * tick, {gauge("a", i)});
    d.give(i * tick + 7, {counter("b", 10.0 * i)});
  }
  std::string bytes;
  byte_writer out{bytes};
  d.builder.save(out);
  builder_driver e;
  byte_reader in{bytes};
  ASSERT_TRUE(e.builder.restore(in));
  EXPECT_TRUE(in.at_end());
  d.closed.clear();
  for (int i = 30; i < 40; ++i) {
    for (auto* x : {&d, &e}) {
      x->give(i * tick, {gauge("a", i)});
      x->give(i * tick + 7, {counter("b", 10.0 * i)});
    }
  }
  ASSERT_EQ(d.closed.size(), e.closed.size());
  for (std::size_t i = 0; i < d.closed.size(); ++i)
    EXPECT_EQ(d.closed[i].values, e.closed[i].values);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    builder_driver f;
    byte_reader short_in{std::string_view{bytes}.substr(0, cut)};
    EXPECT_FALSE(f.builder.restore(short_in) && short_in.ok()) << cut;
  }
}

}  // namespace
}  // namespace faultline
