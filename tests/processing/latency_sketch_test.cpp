// SPDX-License-Identifier: Apache-2.0
#include "processing/latency_sketch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

namespace faultline {
namespace {

/// The value of rank q (n - 1), rounded down, as the sketch counts.
double exact(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

TEST(LatencySketch, EveryQuantileIsWithinItsAccuracy) {
  std::mt19937 draw{3};
  std::lognormal_distribution<double> durations{8, 2};
  latency_sketch s;
  std::vector<double> all;
  for (int i = 0; i < 20'000; ++i) {
    all.push_back(std::clamp(durations(draw), latency_sketch::least_us, latency_sketch::most_us));
    s.add(all.back());
  }
  EXPECT_EQ(s.count(), 20'000U);
  for (const double q : {0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0}) {
    const double truth = exact(all, q);
    EXPECT_NEAR(s.quantile(q), truth, truth * latency_sketch::accuracy * 1.0001) << q;
  }
  EXPECT_LT(s.memory_bytes(), 8U * 1024);
}

TEST(LatencySketch, OfNothingHasNoQuantile) {
  latency_sketch s;
  EXPECT_TRUE(std::isnan(s.quantile(0.5)));
  s.add(100);
  EXPECT_NEAR(s.quantile(0.5), 100, 2);
  s.clear();
  EXPECT_TRUE(std::isnan(s.quantile(0.5)));
  EXPECT_EQ(s.count(), 0U);
}

TEST(LatencySketch, MergesIntoTheSketchOfBothInAnyOrder) {
  latency_sketch a, b, both;
  for (int i = 1; i < 900; ++i) {
    (i % 3 == 0 ? a : b).add(i * 17.0);
    both.add(i * 17.0);
  }
  latency_sketch ab = a, ba = b;
  ab.merge(b);
  ba.merge(a);
  const auto bytes = [](const latency_sketch& s) {
    std::string text;
    byte_writer out{text};
    s.save(out);
    return text;
  };
  EXPECT_EQ(bytes(ab), bytes(both));
  EXPECT_EQ(bytes(ba), bytes(both));
}

TEST(LatencySketch, WhatIsOutOfRangeCountsAtItsEnds) {
  latency_sketch s;
  s.add(0);
  s.add(-5);
  EXPECT_NEAR(s.quantile(1), 1, 0.05);
  s.add(1e300);
  EXPECT_NEAR(s.quantile(1), latency_sketch::most_us, latency_sketch::most_us * 0.03);
  EXPECT_EQ(s.count(), 3U);
}

TEST(LatencySketch, IsReadBackAndNothingElseIs) {
  latency_sketch s;
  for (int i = 1; i < 50; ++i) s.add(i * 1000.0);
  std::string bytes;
  byte_writer out{bytes};
  s.save(out);
  latency_sketch again;
  byte_reader in{bytes};
  ASSERT_TRUE(again.restore(in));
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(again.quantile(0.95), s.quantile(0.95));
  EXPECT_EQ(again.count(), s.count());
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    byte_reader cut{std::string_view{bytes}.substr(0, n)};
    EXPECT_FALSE(latency_sketch{}.restore(cut)) << n;
  }
  std::string falling = bytes;
  falling[2] = '\xff';  // an index beyond the next
  byte_reader wrong{falling};
  EXPECT_FALSE(latency_sketch{}.restore(wrong));
}

}  // namespace
}  // namespace faultline
