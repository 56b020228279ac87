// SPDX-License-Identifier: Apache-2.0
#include "messages/number_words.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace faultline {
namespace {

TEST(NumberWords, HaveNoExponentWhereAPersonWouldWriteNone) {
  EXPECT_EQ(number_words(0, 3), "0");
  EXPECT_EQ(number_words(0.0312, 4), "0.0312");
  EXPECT_EQ(number_words(-2114.3, 3), "-2114");
  EXPECT_EQ(number_words(9'251'000, 3), "9.25M");
  EXPECT_EQ(number_words(-12'345, 4), "-12.35k");
  EXPECT_EQ(number_words(3.2e9, 3), "3.2G");
  EXPECT_EQ(number_words(100, 2), "100");
}

TEST(NumberWords, WhatIsRoundedUpToAnotherDigitIsWrittenOut) {
  EXPECT_EQ(number_words(999.7, 3), "1000");
  EXPECT_EQ(number_words(99.7, 2), "100");
  EXPECT_EQ(number_words(9'999.7, 4), "10000");
  EXPECT_EQ(number_words(999'700, 3), "1000k");
}

TEST(NumberWords, WhatNobodyCountsIsTakenAsItIs) {
  EXPECT_EQ(number_words(1.2e-7, 2), "1.2e-07");
  EXPECT_EQ(number_words(3e18, 2), "3e+18");
  EXPECT_EQ(number_words(std::numeric_limits<double>::infinity(), 3), "inf");
}

}  // namespace
}  // namespace faultline
