// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "processing/channel_block.hpp"
#include "processing/wide_math.hpp"
#include "tests/processing/plain_channel_block.hpp"

namespace faultline {
namespace {

constexpr std::int64_t gap_ms = 60'000;

void tick(channel_block& b, const double* values, block_scores& s) {
  const auto w = weights_for(gap_ms);
  prepare_block(b, values);
  standardise(b, values, s);
  observe_block(b, values, w, s);
  learn_block(b, w, s);
}

/// Eight channels: noise of some sizes, a constant, steps, one that is often missing, wild ones.
std::array<double, channel_block::width> row(std::mt19937_64& chance, int n) {
  std::normal_distribution<double> noise;
  const double nothing = std::numeric_limits<double>::quiet_NaN();
  return {noise(chance),
          1e6 + 1e-3 * noise(chance),
          42,
          n % 300 < 150 ? 1.0 : 2.0,
          n % 3 == 0 ? nothing : std::exp(noise(chance)),
          1e300 * noise(chance),
          n % 97 == 0 ? 1e9 : noise(chance),
          1e-12 * noise(chance)};
}

// Where FAULTLINE_WIDE is nothing (sanitizers, clang), and without AVX2, both are the same code.
TEST(WideKernels, SayToTheBitWhatThoseForAnyProcessorSay) {
  std::mt19937_64 chance{7};
  channel_block wide, any;
  clear_block(wide);
  plain_clear(&any);
  for (int n = 0; n < 5000; ++n) {
    const auto values = row(chance, n);
    block_scores of_wide{}, of_any{};
    tick(wide, values.data(), of_wide);
    plain_tick(&any, values.data(), gap_ms, &of_any);
    if (n % 50 == 49) {
      const std::size_t lane = static_cast<std::size_t>(n / 50) % channel_block::width;
      const double center = wide.center[lane] + wide.scale[lane], scale = 1.5 * wide.scale[lane];
      rebase_channel(wide, lane, center, scale);
      plain_rebase(&any, lane, center, scale);
    }
    ASSERT_EQ(std::memcmp(&of_wide, &of_any, sizeof of_any), 0) << "scores of tick " << n;
    ASSERT_EQ(std::memcmp(&wide, &any, sizeof any), 0) << "state after tick " << n;
  }
}

// Held against the long ones: their own error is far below what is asked for.
TEST(WideMath, IsAsExactAsItSays) {
  std::mt19937_64 chance{11};
  std::uniform_real_distribution<double> z{-40, 40}, decades{-20, 150};
  for (int n = 0; n < 100'000; ++n) {
    const double of_sinh = n % 3 == 0 ? z(chance) / 1e6 : n % 3 == 1 ? z(chance) / 20 : z(chance);
    const double of_asinh = std::copysign(std::pow(10, decades(chance)), z(chance));
    double sinh = of_sinh, asinh = of_asinh;
    sinh_all(&sinh, 1);
    asinh_all(&asinh, 1);
    const long double exact_sinh = std::sinh(static_cast<long double>(of_sinh));
    const long double exact_asinh = std::asinh(static_cast<long double>(of_asinh));
    ASSERT_LT(std::fabs(sinh - exact_sinh), 1e-15L * (1 + std::fabs(exact_sinh))) << of_sinh;
    ASSERT_LT(std::fabs(asinh - exact_asinh), 1e-15L * (1 + std::fabs(exact_asinh))) << of_asinh;
  }
}

TEST(WideMath, KeepsNothingAndZeroAsTheyAre) {
  std::array<double, 5> x{std::numeric_limits<double>::quiet_NaN(), 0, -0.0, 1, -1};
  auto y = x;
  sinh_all(x.data(), x.size());
  asinh_all(y.data(), y.size());
  for (const auto* each : {&x, &y}) {
    EXPECT_TRUE(std::isnan((*each)[0]));
    EXPECT_EQ((*each)[1], 0);
    EXPECT_EQ((*each)[2], 0);
  }
  EXPECT_EQ(y[3], -y[4]) << "asinh is odd to the bit";
}

// A run of any length is four at a time and a rest, with the same results.
TEST(WideMath, SaysTheSameOfAValueWhereverItStands) {
  std::array<double, 23> z{}, x{};
  for (std::size_t i = 0; i < z.size(); ++i) x[i] = z[i] = 0.37 * static_cast<double>(i) - 3;
  sinh_all(z.data(), z.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    sinh_all(&x[i], 1);
    EXPECT_EQ(x[i], z[i]) << i;
  }
  asinh_all(z.data(), z.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    asinh_all(&x[i], 1);
    EXPECT_EQ(x[i], z[i]) << i;
  }
}

}  // namespace
}  // namespace faultline
