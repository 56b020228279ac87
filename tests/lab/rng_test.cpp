// SPDX-License-Identifier: Apache-2.0
#include "lab/rng.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace faultline {
namespace {

TEST(PortableMath, AgreesWithTheLibraryToTwelveDigits) {
  for (double x = -50; x < 50; x += 0.37) EXPECT_NEAR(portable_exp(x) / std::exp(x), 1, 1e-12) << x;
  for (double x = 1e-9; x < 1e12; x *= 1.7)
    EXPECT_NEAR(portable_log(x), std::log(x), 1e-12 * (1 + std::fabs(std::log(x)))) << x;
  for (double x = -3; x < 3; x += 0.0137)
    EXPECT_NEAR(portable_sin_turns(x), std::sin(2 * 3.14159265358979323846 * x), 1e-12) << x;
}

TEST(RandomSource, GivesTheNumbersWrittenDownHere) {
  random_source r{42};
  EXPECT_EQ(r.next(), 1546998764402558742ULL);
  EXPECT_EQ(r.next(), 6990951692964543102ULL);
}

TEST(RandomSource, HasTheMomentsItPromises) {
  random_source r{7};
  const int n = 200000;
  double sum = 0, squares = 0, waits = 0, few = 0, many = 0;
  for (int i = 0; i < n; ++i) {
    const double x = r.normal();
    sum += x;
    squares += x * x;
    waits += r.exponential(3);
    few += r.poisson(0.7);
    many += r.poisson(200);
  }
  EXPECT_NEAR(sum / n, 0, 0.01);
  EXPECT_NEAR(squares / n, 1, 0.02);
  EXPECT_NEAR(waits / n, 3, 0.05);
  EXPECT_NEAR(few / n, 0.7, 0.02);
  EXPECT_NEAR(many / n, 200, 0.3);
  EXPECT_EQ(r.poisson(0), 0);
}

TEST(RandomSource, NamedStreamsDiffer) {
  random_source a{1, "traffic"}, b{1, "faults"}, c{1, "traffic", 1}, d{2, "traffic"};
  random_source again{1, "traffic"};
  const auto first = a.next();
  EXPECT_EQ(first, again.next());
  EXPECT_NE(first, b.next());
  EXPECT_NE(first, c.next());
  EXPECT_NE(first, d.next());
}

}  // namespace
}  // namespace faultline
