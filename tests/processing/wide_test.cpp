// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "processing/channel_block.hpp"
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
    ASSERT_EQ(std::memcmp(&of_wide, &of_any, sizeof of_any), 0) << "scores of tick " << n;
    ASSERT_EQ(std::memcmp(&wide, &any, sizeof any), 0) << "state after tick " << n;
  }
}

}  // namespace
}  // namespace faultline
