// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "processing/channel_block.hpp"
#include "processing/daily_profile.hpp"
#include "processing/fast_math.hpp"
#include "processing/roles.hpp"
#include "processing/window_ring.hpp"

namespace faultline {
namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t monday = 1'704'067'200'000;

std::array<double, 8> first_lane(double v) {
  std::array<double, 8> values;
  values.fill(missing);
  values[0] = v;
  return values;
}

// A repeatable wobble with unit-like spread.
double wobble(int i) { return std::sin(i * 12.9898) + std::sin(i * 78.233) * 0.7; }

void tick(channel_block& b, double v, block_scores& s, const tick_weights& w) {
  const auto values = first_lane(v);
  prepare_block(b, values.data());
  standardise(b, values.data(), s);
  observe_block(b, values.data(), w, s);
  learn_block(b, w, s);
}

TEST(ShownValue, HasTheFewestDigitsThatItsCodeMayStandFor) {
  for (const double scale : {1e-6, 0.01, 1.0, 300.0, 1e9})
    for (const double center : {0.0, 0.5, -20.0, 1e6})
      for (int code = -32'000; code <= 32'000; code += 997) {
        const double z = code / 2047.0;
        const double exact = center + std::sinh(z) * scale;
        const double off = std::max(scale * std::cosh(z) / 2047, std::fabs(exact) * 2e-7);
        EXPECT_NEAR(static_cast<double>(shown_value(center, scale, z)), exact, 1.1 * off)
            << scale << " " << center << " " << code;
      }
  EXPECT_EQ(shown_value(0, 1, std::asinh(2.0) + 0.2 / 2047), 2);
  EXPECT_EQ(shown_value(50, 0.5, std::asinh(-0.5 / 0.5) - 0.2 / 2047), 49.5F);
  EXPECT_EQ(shown_value(10, 1, std::asinh(-10.0)), 0) << "and not a little below it";
}

TEST(ValueOfCode, IsThatOfItsPlaceForEveryCode) {
  for (int n = -32'767; n <= 32'767; ++n) {
    const auto code = static_cast<std::int16_t>(n);
    const double exact = 50 + std::sinh(static_cast<double>(window_ring::z(code))) * 3;
    ASSERT_NEAR(static_cast<double>(value_of_code(50, 3, code, window_detail::values)), exact,
                1e-7 * std::fabs(exact) + 1e-5)
        << n;
  }
  EXPECT_EQ(value_of_code(50, 3, 700, window_detail::bands),
            shown_value(50, 3, window_ring::z(700)));
  EXPECT_TRUE(std::isnan(value_of_code(50, 3, window_ring::missing, window_detail::values)));
  EXPECT_TRUE(std::isnan(value_of_code(50, 3, window_ring::missing, window_detail::bands)));
}

TEST(FastMath, AgreesWithTheLibrary) {
  for (double x = 1e-6; x < 1e15; x *= 1.37) {
    const auto f = static_cast<float>(x);
    EXPECT_NEAR(fast_log2(f), std::log2(f), 5e-5) << x;
    EXPECT_NEAR(fast_asinh(f), std::asinh(f), 5e-5) << x;
    EXPECT_EQ(fast_asinh(-f), -fast_asinh(f));
  }
  EXPECT_EQ(fast_asinh(0.0f), 0.0f);
}

TEST(ChannelBlock, ScoresASteadySeriesLowAndAJumpHigh) {
  channel_block b;
  clear_block(b);
  block_scores s{};
  const auto w = weights_for(10'000);
  for (int i = 0; i < 2000; ++i) {
    tick(b, 50 + wobble(i), s, w);
    if (i == 64) {
      double center = 0, scale = 0;
      quantile_base(b, 0, center, scale);
      rebase_channel(b, 0, 50, 1);
    }
    if (i > 500) {
      ASSERT_LT(s.abrupt[0], 4.0f) << i;
    }
  }
  tick(b, 70, s, w);
  EXPECT_GT(s.abrupt[0], 4.5f);
  EXPECT_EQ(s.abrupt[1], 0.0f);  // nothing was ever there
}

TEST(ChannelBlock, KeepsThreeSmallNumbersInOneWordThatDoNotTouchEachOther) {
  channel_block b;
  clear_block(b);
  EXPECT_TRUE(b.grain(2));
  b.set_seen(2, channel_block::most_seen + 7);
  b.set_visits(2, channel_block::most_visits + 7);
  EXPECT_EQ(b.seen(2), 1e6f);
  EXPECT_EQ(b.visits(2), 2047.0f);
  EXPECT_EQ(b.spread_floor(2), 0.3f);
  b.set_grain(2, false);
  b.set_visits(2, 0);
  EXPECT_EQ(b.seen(2), 1e6f);
  EXPECT_EQ(b.visits(2), 0.0f);
  EXPECT_EQ(b.spread_floor(2), 0.08f);
  b.set_seen(2, 24);
  b.set_grain(2, true);
  EXPECT_EQ(b.seen(2), 24.0f);
  EXPECT_EQ(b.visits(2), 0.0f);
  EXPECT_EQ(b.tally[1], b.tally[3]);  // the neighbours are as they began
}

TEST(ChannelBlock, TakesNoMoreValuesIntoAHalfHourThanItCanCount) {
  channel_block b;
  clear_block(b);
  block_scores s{};
  const auto w = weights_for(100);
  for (std::uint32_t i = 0; i < channel_block::most_visits; ++i) tick(b, 50 + wobble(i), s, w);
  EXPECT_EQ(b.visits(0), 2047.0f);
  const float sum = b.visit_sum[0];
  tick(b, 53, s, w);
  EXPECT_EQ(b.visits(0), 2047.0f);
  EXPECT_EQ(b.visit_sum[0], sum);
  EXPECT_EQ(b.seen(0), 2048.0f);
  b.set_seen(0, channel_block::most_seen);
  tick(b, 50, s, w);
  EXPECT_EQ(b.seen(0), 1e6f);
  EXPECT_EQ(b.spread_floor(0), 0.3f);
  EXPECT_EQ(b.visits(1), 0.0f);  // nothing was ever there
}

TEST(ChannelBlock, LetsTheFirstStepOfAConstantSeriesBeOneGrain) {
  channel_block b;
  clear_block(b);
  block_scores s{};
  const auto w = weights_for(10'000);
  for (int i = 0; i < 500; ++i) tick(b, 0, s, w);
  tick(b, 1, s, w);
  EXPECT_LT(s.z[0], 1.5f);
  EXPECT_LT(s.abrupt[0], 3.0f);
  tick(b, 1000, s, w);
  EXPECT_GT(s.abrupt[0], 6.0f);
}

// Seconds or nanoseconds, shares or millionths: what is judged is the same.
TEST(ChannelBlock, SeesTheSameInAnyUnit) {
  std::vector<float> first;
  for (const double unit : {1.0, 1e-11, 1e12}) {
    channel_block b;
    clear_block(b);
    block_scores s{};
    const auto w = weights_for(60'000);
    std::vector<float> seen;
    for (int i = 0; i < 500; ++i) {
      tick(b, unit * std::round(100 * (wobble(i) + (i == 450 ? 8 : 0))) / 100, s, w);
      seen.push_back(s.abrupt[0]);
    }
    if (first.empty()) first = seen;
    EXPECT_GT(seen[450], 2) << unit;
    for (std::size_t i = 0; i < seen.size(); ++i)
      EXPECT_NEAR(seen[i], first[i], 0.01) << unit << " at " << i;
  }
}

TEST(ChannelBlock, WeighsTheSameJumpLessWhereJumpsAreUsual) {
  channel_block b;
  clear_block(b);
  block_scores s{};
  const auto w = weights_for(60'000);
  const auto both = [&](double calm, double spiky) {
    auto values = first_lane(calm);
    values[1] = spiky;
    prepare_block(b, values.data());
    standardise(b, values.data(), s);
    observe_block(b, values.data(), w, s);
  };
  for (int i = 0; i < 20'000; ++i) {
    const bool spike = i % 37 == 0;
    both(50 + wobble(i), 50 + wobble(i) + (spike ? 8.0 + i % 5 : 0.0));
    learn_block(b, w, s);
    if (i == 64) rebase_channel(b, 0, 50, 1), rebase_channel(b, 1, 50, 1);
  }
  both(60, 60);
  EXPECT_GT(s.abrupt[0], s.abrupt[1] + 2);
}

// The level has moved and stays: soon only the profile is surprised, which alone says little, and a
// new jump from there is seen as the first was.
TEST(ChannelBlock, ForgetsAShiftThatStaysAndSeesWhatComesAfterIt) {
  channel_block b;
  clear_block(b);
  block_scores s{};
  const auto w = weights_for(60'000);
  for (int i = 0; i < 5000; ++i) {
    tick(b, 50 + wobble(i), s, w);
    if (i == 64) rebase_channel(b, 0, 50, 1);
  }
  const auto shifted = [&](double v) {
    const auto values = first_lane(v);
    prepare_block(b, values.data());
    standardise(b, values.data(), s);
    observe_block(b, values.data(), w, s);  // alarmed: nothing is learned
  };
  float away = 0;
  for (int i = 0; i < 480; ++i) {
    shifted(70 + wobble(i));
    away = std::max(away, b.away[0]);
  }
  EXPECT_GT(s.rare[tick_profile][0], 4.0f);
  EXPECT_LT(s.rare[tick_minutes][0], 2.5f);
  EXPECT_GT(away, 1.0f);  // hours
  shifted(400);
  EXPECT_GT(s.rare[tick_minutes][0], 3.0f);
}

TEST(ChannelBlock, DoesNotTakeARampForANewLevel) {
  channel_block b;
  clear_block(b);
  block_scores s{};
  const auto w = weights_for(60'000);
  for (int i = 0; i < 5000; ++i) {
    tick(b, 50 + wobble(i), s, w);
    if (i == 64) rebase_channel(b, 0, 50, 1);
  }
  for (int i = 0; i < 360; ++i) {
    const auto values = first_lane(50 + wobble(i) + 0.1 * i);
    prepare_block(b, values.data());
    standardise(b, values.data(), s);
    observe_block(b, values.data(), w, s);
    ASSERT_LT(b.away[0], 1.0f) << i;
  }
  EXPECT_GT(s.drifting[0], 3.0f);
}

TEST(ChannelBlock, KeepsRawValuesWhenItsScaleMoves) {
  channel_block b;
  clear_block(b);
  block_scores s{};
  for (int i = 0; i < 300; ++i) tick(b, 100 + 5 * wobble(i), s, weights_for(10'000));
  const double level = raw_of(b, 0, b.level[0]);
  const double q75 = raw_of(b, 0, b.q75[0]);
  rebase_channel(b, 0, 90, 12);
  EXPECT_NEAR(raw_of(b, 0, b.level[0]), level, 0.05);
  EXPECT_NEAR(raw_of(b, 0, b.q75[0]), q75, 0.05);
}

// Far from the middle a small step in z is a large one in raw units: a deviation that were moved by
// the slope at its level grew to thousands when the scale came to where the values had gone.
TEST(ChannelBlock, KeepsDeviationsInRawUnitsWhenItsScaleMovesFar) {
  channel_block b;
  clear_block(b);
  block_scores s{};
  const auto w = weights_for(60'000);
  for (int i = 0; i < 600; ++i) {
    tick(b, 50 + wobble(i), s, w);
    if (i == 64) rebase_channel(b, 0, 50, 1);
  }
  for (int i = 0; i < 240; ++i) {
    const auto values = first_lane(150 + wobble(i));
    prepare_block(b, values.data());
    standardise(b, values.data(), s);
    observe_block(b, values.data(), w, s);
  }
  const double before = raw_of(b, 0, b.level[0] + b.slow[0]);
  rebase_channel(b, 0, 150, 1);
  EXPECT_NEAR(raw_of(b, 0, b.level[0] + b.slow[0]), before, 0.5);
  EXPECT_NEAR(raw_of(b, 0, b.level[0]), 50, 0.5);
  EXPECT_LT(std::fabs(b.slow[0]), 10.0f);
  EXPECT_LT(b.usual[tick_profile].spread[0], 10.0f);
}

TEST(ChannelBlock, StaysFiniteWhateverComes) {
  channel_block b;
  clear_block(b);
  block_scores s{};
  const double values[] = {1e308, -1e308, 0, 5e-324, -5e-324, 1e-300, 3, 1e15};
  for (int i = 0; i < 4000; ++i) {
    tick(b, values[(i * 7 + i / 13) % 8], s, weights_for(i % 5 == 0 ? 86'400'000 : 1));
    if ((i & (i - 1)) == 0) {
      double center = 0, scale = 0;
      quantile_base(b, 0, center, scale);
      rebase_channel(b, 0, center, scale);
    }
    for (std::size_t d = 0; d < deviation_count; ++d) {
      ASSERT_TRUE(std::isfinite(s.ratio[d][0]) && std::isfinite(s.rare[d][0]) &&
                  std::isfinite(b.usual[d].spread[0]) && std::isfinite(b.usual[d].reach[0]))
          << i;
    }
    ASSERT_TRUE(std::isfinite(s.abrupt[0]) && std::isfinite(s.drifting[0]) &&
                std::isfinite(b.away[0]) && std::isfinite(b.y_long[0]))
        << i;
  }
}

/// How far a daily swing of 30 is from what was expected, on average over the first day's first
/// half and over that of the eleventh day.
std::pair<double, double> swing_missed(std::int64_t step) {
  std::vector<channel_block> blocks(1);
  clear_block(blocks[0]);
  daily_profile profile;
  block_scores s{};
  double early = 0, late = 0;
  const int per_day = static_cast<int>(86'400'000 / step);
  for (int i = 0; i < 12 * per_day; ++i) {
    const std::int64_t ts = monday + i * step;
    const double v = 100 + 30 * std::sin(2 * 3.14159265 * i / per_day) + wobble(i);
    auto w = weights_for(step);
    w.shape_at = place_of(event_time_of(ts), step).at;
    profile.enter(event_time_of(ts), step, true, blocks);
    const auto values = first_lane(v);
    prepare_block(blocks[0], values.data());
    standardise(blocks[0], values.data(), s);
    observe_block(blocks[0], values.data(), w, s);
    learn_block(blocks[0], w, s);
    if (i == per_day * 2 / 9) rebase_channel(blocks[0], 0, 110, 20);
    const double off = std::fabs(raw_of(blocks[0], 0, s.expected[0]) - v);
    if (i >= per_day / 2 && i < per_day) early += off;
    if (i >= 10 * per_day && i < 10 * per_day + per_day / 2) late += off;
  }
  return {early / (per_day / 2.0), late / (per_day / 2.0)};
}

// Complaint: cron-at-six
TEST(DailyProfile, LearnsADailySwing) {
  const auto [early, late] = swing_missed(300'000);
  EXPECT_LT(late, 0.35 * early);
}

// Half hours between them are empty.
TEST(DailyProfile, LearnsADailySwingOfRowsOfAnHour) {
  const auto [early, late] = swing_missed(3'600'000);
  EXPECT_LT(late, 0.2 * early);
}

// Complaint: cron-at-six
TEST(DailyProfile, KnowsTheWeekendAndTheHalfHour) {
  EXPECT_FALSE(place_of(event_time_of(monday), 60'000).weekend);
  EXPECT_TRUE(place_of(event_time_of(monday + 5 * 86'400'000LL), 60'000).weekend);
  EXPECT_FALSE(place_of(event_time_of(monday + 7 * 86'400'000LL), 60'000).weekend);
  const auto p = place_of(event_time_of(monday + 45 * 60'000), 60'000);
  EXPECT_EQ(p.bin, 1);
  EXPECT_EQ(p.left, 1);
  EXPECT_FLOAT_EQ(p.at, 0);
}

TEST(DailyProfile, HoldsOnlyTheKindsOfDaysItHasSeenAndSavesAllTheSame) {
  std::vector<channel_block> blocks(1);
  clear_block(blocks[0]);
  daily_profile profile;
  const auto saved = [](const daily_profile& p) {
    std::string bytes;
    byte_writer out{bytes};
    p.save(out);
    return bytes;
  };
  const auto spend = [&](std::int64_t from) {  // two half hours: the first is folded in
    for (int i = 0; i < 2; ++i) {
      profile.enter(event_time_of(from + i * 1'800'000), 60'000, true, blocks);
      blocks[0].visit_sum[3] = 0.5f;
      blocks[0].set_visits(3, 1);
    }
  };
  profile.enter(event_time_of(monday), 60'000, true, blocks);
  const auto fresh = saved(profile);
  EXPECT_EQ(profile.memory_bytes(), 0u);
  spend(monday);
  EXPECT_EQ(profile.memory_bytes(), 8u * 48 * 2);
  {
    const auto weekdays = saved(profile);
    daily_profile again;
    byte_reader in{weekdays};
    ASSERT_TRUE(again.restore(in, 8));
    EXPECT_EQ(again.memory_bytes(), profile.memory_bytes())
        << "what is all 0 on disk takes nothing";
  }
  spend(monday + 5 * 86'400'000LL);
  EXPECT_EQ(profile.memory_bytes(), 8u * 48 * 2 * 2);
  const auto bytes = saved(profile);
  EXPECT_EQ(bytes.size(), fresh.size());
  EXPECT_NE(bytes, fresh);
  daily_profile again;
  byte_reader in{bytes};
  ASSERT_TRUE(again.restore(in, 8));
  EXPECT_EQ(saved(again), bytes);
  EXPECT_EQ(again.memory_bytes(), profile.memory_bytes());
  // Eight channels more.
  blocks.emplace_back();
  clear_block(blocks[1]);
  again.enter(event_time_of(monday + 6 * 86'400'000LL), 60'000, false, blocks);
  EXPECT_EQ(again.memory_bytes(), 2u * 8 * 48 * 2 * 2);
  constexpr std::size_t head = 96 + 4 + 2 + 1 + 2, a_channel = 2 * 48 * 2;
  EXPECT_EQ(saved(again).substr(0, 96), bytes.substr(0, 96)) << "days seen";
  EXPECT_EQ(saved(again).substr(head, 8 * a_channel), bytes.substr(head)) << "bins seen";
  for (std::size_t cut = 0; cut < bytes.size(); cut += 7) {
    daily_profile none;
    byte_reader part{std::string_view{bytes}.substr(0, cut)};
    EXPECT_FALSE(none.restore(part, 8)) << cut;
  }
}

// The short way and the long one must agree on every code.
TEST(WindowRing, FollowsANewMiddleAndScaleToTheLastBit) {
  std::mt19937_64 random{11};
  std::uniform_real_distribution<double> any{-1, 1};
  for (int round = 0; round < 400; ++round) {
    channel_block old;
    clear_block(old);
    old.center[0] = (round % 5 == 4 ? 1e12 : 1e3) * any(random);
    old.scale[0] = static_cast<float>(std::pow(10.0, 3 * any(random)));
    channel_block now = old;
    const double size = round % 4 == 3 ? 8 : 0.7;  // some jump by decades
    now.scale[0] = static_cast<float>(old.scale[0] * std::pow(10.0, size * any(random)));
    now.center[0] = old.center[0] + size * any(random) * static_cast<double>(now.scale[0]);
    window_ring ring;
    std::vector<std::int16_t> values;
    std::vector<float> expected;
    for (std::size_t t = 0; t < window_ring::ticks; ++t) {
      block_scores s{};
      s.mask[0] = 1;
      s.z[0] = static_cast<float>((t % 8 == 0 ? 17 : 3) * any(random));
      s.expected[0] = static_cast<float>(t % 3 == 0 ? 8 * any(random) : 1.5);
      ring.push(event_time_of(1'000 * static_cast<std::int64_t>(t + 1)), &s, 1);
    }
    const auto moved = [&](float z) { return static_cast<float>(z_of(now, 0, raw_of(old, 0, z))); };
    for (std::size_t back = 0; back < ring.size(); ++back) {
      const float z = moved(window_ring::z(ring.code(back, 0)));
      values.push_back(static_cast<std::int16_t>(std::lrint(std::clamp(z, -16.0f, 16.0f) * 2047)));
      const float e = moved(ring.expected(back, 0)) * 16.0f;
      expected.push_back(static_cast<float>(std::lrint(std::clamp(e, -127.0f, 127.0f))) / 16.0f);
    }
    ring.rebase(0, old, now);
    for (std::size_t back = 0; back < ring.size(); ++back) {
      ASSERT_EQ(ring.code(back, 0), values[back]) << round << " " << back;
      ASSERT_EQ(ring.expected(back, 0), expected[back]) << round << " " << back;
    }
  }
}

TEST(WindowRing, KnowsWhenItsTicksWereAndComesBackAsItWasSaved) {
  constexpr std::int64_t year = 365LL * 86'400'000;
  window_ring ring;
  block_scores s{};
  std::vector<std::int64_t> times;
  std::int64_t at = monday;
  for (int i = 0; i < 150; ++i) {
    at += i == 120 ? 40LL * 86'400'000 : 900 + 37 * i;
    std::fill(std::begin(s.mask), std::end(s.mask), i % 3 == 0 ? 0.f : 1.f);
    std::fill(std::begin(s.z), std::end(s.z), 0.01f * i);
    const std::vector<block_scores> both{s, s};
    ring.push(event_time_of(at), both.data(), i < 100 ? 1 : 2);
    times.push_back(at);
    for (std::size_t back = 0; back < ring.size(); ++back)
      ASSERT_EQ(unix_ms(ring.ts(back)), times[times.size() - 1 - back]) << i;
  }
  EXPECT_EQ(ring.code(63, 9), window_ring::missing) << "before there were so many channels";
  std::string bytes;
  byte_writer out{bytes};
  ring.save(out);
  window_ring again;
  byte_reader in{bytes};
  ASSERT_TRUE(again.restore(in, 16));
  std::string twice;
  byte_writer out_again{twice};
  again.save(out_again);
  EXPECT_EQ(twice, bytes);
  for (std::size_t back = 0; back < ring.size(); ++back) {
    EXPECT_EQ(again.ts(back), ring.ts(back));
    EXPECT_EQ(again.code(back, 15), ring.code(back, 15));
  }
  const std::vector<block_scores> both{s, s};
  ring.push(event_time_of(at + year), both.data(),
            2);  // longer than it can say: the newest is right
  EXPECT_EQ(unix_ms(ring.ts(0)), at + year);
  EXPECT_GT(ring.ts(1), event_time_of(at));
}

TEST(WindowRing, KeepsTheLastTicksToItsPrecision) {
  std::vector<channel_block> blocks(1);
  clear_block(blocks[0]);
  window_ring ring;
  std::vector<channel_info> channels(1);
  channels[0].name = interned{"m"};
  for (int i = 0; i < 200; ++i) {
    const auto values = first_lane(i % 10 == 9 ? missing : 1000.0 + i);
    prepare_block(blocks[0], values.data());
    block_scores s{};
    standardise(blocks[0], values.data(), s);
    ring.push(event_time_of(monday + i * 1000), &s, 1);
  }
  EXPECT_EQ(ring.size(), 64u);
  EXPECT_EQ(ring.code(0, 0), window_ring::missing);
  EXPECT_NEAR(raw_of(blocks[0], 0, window_ring::z(ring.code(1, 0))), 1198, 0.5);
  const auto bytes = pack_block(ring, 64, channels, blocks, {3}, 1000);
  const auto block = unpack_block(bytes);
  ASSERT_TRUE(block);
  EXPECT_EQ(block->ts.size(), 64u);
  EXPECT_EQ(unix_ms(block->ts.back()), monday + 199'000);
  EXPECT_EQ(block->channels[0].role, 3);
  EXPECT_NEAR(block->channels[0].values[62], 1198, 0.5);
  EXPECT_TRUE(std::isnan(block->channels[0].values[63]));
  channels[0].name = interned{"another"};
  auto again = *unpack_block(pack_block(ring, 20, channels, blocks, {1}, 1000));
  ASSERT_TRUE(unpack_block(bytes, window_detail::bands, again)) << "where another one was";
  EXPECT_EQ(again.ts, block->ts);
  EXPECT_EQ(again.channels[0].name, "m");
  EXPECT_EQ(again.channels[0].expected, block->channels[0].expected);
  EXPECT_EQ(again.channels[0].values.size(), 64u);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_FALSE(unpack_block(std::string_view{bytes}.substr(0, cut))) << cut;
  EXPECT_FALSE(unpack_block(bytes + "x"));
}

TEST(Roles, ReadTheWordsOfAName) {
  EXPECT_EQ(role_of("system.cpu.util"), metric_role::cpu);
  EXPECT_EQ(role_of("memory_used_bytes"), metric_role::memory);
  EXPECT_EQ(role_of("disk_io_latency_ms"), metric_role::latency);
  EXPECT_EQ(role_of("network.rx_errors"), metric_role::errors);
  EXPECT_EQ(role_of("httpRequests_total"), metric_role::traffic);
  EXPECT_EQ(role_of("node_load1"), metric_role::saturation);
  EXPECT_EQ(role_of("latency-p99"), metric_role::latency);
  // How often, and how long all of it took: that is more where there is more traffic.
  EXPECT_EQ(role_of("http_request_duration_seconds_count{path=/}"), metric_role::traffic);
  EXPECT_EQ(role_of("http.server.request.duration.sum"), metric_role::traffic);
  EXPECT_EQ(role_of("jvm_gc_duration_count"), metric_role::memory);
  EXPECT_EQ(role_of("probe_duration_count"), metric_role::traffic);
  EXPECT_EQ(role_of("probe_duration_sum"), metric_role::none);
  EXPECT_EQ(role_of("request_errors_count"), metric_role::errors);
  EXPECT_EQ(role_of("latency_counted"), metric_role::latency);
  EXPECT_EQ(role_of("m17"), metric_role::none);
  EXPECT_EQ(role_of("priority"), metric_role::none);  // "io" is no word in it
  EXPECT_EQ(role_of("redis_instantaneous_ops_per_sec"), metric_role::traffic);
  EXPECT_EQ(role_of("process_open_fds"), metric_role::saturation);
  EXPECT_EQ(role_of(""), metric_role::none);
  EXPECT_TRUE(names_a_counter("http_requests_total"));
  EXPECT_TRUE(names_a_counter("http.requests.total"));
  EXPECT_TRUE(names_a_counter("process_uptime_seconds"));
  EXPECT_TRUE(names_a_counter("jvmUptimeMs"));
  EXPECT_TRUE(names_a_counter("http_requests_total{code=200}"));
  EXPECT_FALSE(names_a_counter("process_open_fds{job=uptime-kuma}"));
  EXPECT_FALSE(names_a_counter("uptime_percent"));
  EXPECT_FALSE(names_a_counter("total_requests"));
  EXPECT_FALSE(names_a_counter("subtotal"));
  EXPECT_TRUE(names_a_share("cpu_usage"));
}

TEST(Roles, AreReadFromNamesOfCommonExporters) {
  const std::pair<const char*, metric_role> names[] = {
      {"system.network.io", metric_role::network},
      {"system.disk.io", metric_role::disk},
      {"node_network_receive_errs_total", metric_role::errors},
      {"net_err_in", metric_role::errors},
      {"kube_pod_container_status_restarts_total", metric_role::errors},
      {"node_vmstat_oom_kill", metric_role::errors},
      {"system.tcp.listen_overflows", metric_role::errors},
      {"http.server.active_requests", metric_role::saturation},
      {"zookeeper_outstanding_requests", metric_role::saturation},
      {"node_netstat_Tcp_CurrEstab", metric_role::saturation},
      {"innodb_row_lock_waits", metric_role::saturation},
      {"http_server_requests_seconds_max", metric_role::latency},
      {"upstream_rq_time", metric_role::latency},
      {"upstream_rq_total", metric_role::traffic},
      {"mysql_global_status_slow_queries", metric_role::latency},
      {"load-rps", metric_role::traffic},
      {"pg_stat_database_xact_commit", metric_role::traffic},
      {"pg_stat_database_xact_rollback", metric_role::errors},
      {"rds_cpuutilization_average", metric_role::cpu},
      {"pg_database_size_bytes", metric_role::disk},
      {"wiredtiger_cache_bytes", metric_role::memory},
      {"system.paging.faults", metric_role::memory},
      // What only looks like one of these words is none of them.
      {"clock_offset", metric_role::none},
      {"interrupts", metric_role::none},
      {"process_start_time_seconds", metric_role::none},
      {"request_rate", metric_role::traffic},
      {"memory_inuse_bytes", metric_role::memory},
  };
  for (const auto& [name, role] : names) EXPECT_EQ(role_of(name), role) << name;
}

TEST(Roles, PageFaultsAreOfTheMemoryAndNoErrors) {
  for (const char* name : {"container_memory_failures_total", "container-memory-failcnt",
                           "memoryFailures", "node_vmstat_pgmajfault", "process.page_faults"})
    EXPECT_EQ(role_of(name), metric_role::memory) << name;
  EXPECT_EQ(role_of("fault.rate"), metric_role::errors);
  EXPECT_EQ(role_of("memory_and_failures"), metric_role::errors);  // they do not stand together
  EXPECT_EQ(role_of("inmemory_failures"), metric_role::errors);
}

TEST(Roles, HowOftenALatencyWasMeasuredIsTraffic) {
  EXPECT_EQ(role_of("http_request_duration_seconds_count"), metric_role::traffic);
  EXPECT_EQ(role_of("istio_request_duration_milliseconds_count.rate"), metric_role::traffic);
  EXPECT_EQ(role_of("http_request_duration_seconds_sum"), metric_role::traffic);
  EXPECT_EQ(role_of("http_response_size_bytes"), metric_role::network);
  EXPECT_EQ(role_of("TargetResponseTime"), metric_role::latency);
  EXPECT_EQ(role_of("http_responses_total"), metric_role::traffic);
  EXPECT_EQ(role_of("HTTPCode_Target_5XX_Count"), metric_role::errors);
}

TEST(Roles, OfATableOfOnesOwnAreReadByItsWordsAndTheOthersStay) {
  const role_table own{{{"orders", metric_role::traffic}, {"cpu", metric_role::saturation}}};
  EXPECT_FALSE(own.built_in());
  EXPECT_EQ(own.role_of("orders.open"), metric_role::traffic);
  EXPECT_EQ(own.role_of("cpu_usage"), metric_role::saturation);
  EXPECT_EQ(own.role_of("latency"), metric_role::none);
  // One after the other on one thread: neither sees what the other found.
  EXPECT_EQ(role_table{}.role_of("cpu_usage"), metric_role::cpu);
  EXPECT_EQ(own.role_of("cpu_usage"), metric_role::saturation);
  EXPECT_NE(own, role_table{});
  EXPECT_EQ(own, role_table(own.words()));
  for (std::uint8_t i = 0; i < 8; ++i) {
    const auto role = static_cast<metric_role>(i);
    EXPECT_EQ(role_named(to_string(role)), role);
  }
  EXPECT_FALSE(role_named("none"));
}

}  // namespace
}  // namespace faultline
