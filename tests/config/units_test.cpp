// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "config/internal/units.hpp"

namespace faultline {
namespace {

TEST(Durations, AreReadWithTheirUnit) {
  EXPECT_EQ(parse_duration_us("250ms"), 250'000);
  EXPECT_EQ(parse_duration_us("10s"), 10'000'000);
  EXPECT_EQ(parse_duration_us("1h30m"), 5'400'000'000);
  EXPECT_EQ(parse_duration_us("7d"), 604'800'000'000);
  EXPECT_EQ(parse_duration_us("1w"), 604'800'000'000);
  EXPECT_EQ(parse_duration_us("1.5s"), 1'500'000);
  EXPECT_EQ(parse_duration_us("0s"), 0);
  EXPECT_EQ(parse_duration_us("1.1h"), 3'960'000'000);  // is no whole number of us as a product
  EXPECT_EQ(parse_duration_us("4.1s"), 4'100'000);
  EXPECT_EQ(parse_duration_us("16.1d"), 1'391'040'000'000);
}

TEST(Durations, ThatAreNoneAreRefused) {
  for (const char* text : {"", "10", "s", "10 s", "-1s", "1s1m", "1s2s", "ten", "1y", "1e3s",
                           "0.1us", "1.0000001s", "99999999999999999999d", "1h ", "nan", "infs"})
    EXPECT_FALSE(parse_duration_us(text)) << text;
}

TEST(Sizes, AreReadWithAndWithoutUnit) {
  EXPECT_EQ(parse_size("4096"), 4096U);
  EXPECT_EQ(parse_size("256KiB"), 256U * 1024);
  EXPECT_EQ(parse_size("20GiB"), 20ULL << 30);
  EXPECT_EQ(parse_size("1.5 MB"), 1'500'000U);
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("8.2GB"), 8'200'000'000U);
}

TEST(Sizes, ThatAreNoneAreRefused) {
  for (const char* text :
       {"", "GiB", "-1", "1.5", "1.1KiB", "1gib", "1 G", "1GiBs", "1e3", "99999999TiB"})
    EXPECT_FALSE(parse_size(text)) << text;
}

TEST(Units, AreShownAsTheyAreRead) {
  for (const char* text : {"250ms", "10s", "1h30m", "7d", "3ms", "1s500ms", "0s"}) {
    ASSERT_TRUE(parse_duration_us(text)) << text;
    EXPECT_EQ(show_duration_us(*parse_duration_us(text)), text);
  }
  for (const char* text : {"20GiB", "512MiB", "1000", "0", "1KiB"}) {
    ASSERT_TRUE(parse_size(text)) << text;
    EXPECT_EQ(show_size(*parse_size(text)), text);
  }
}

TEST(Numbers, AreReadToTheirEnd) {
  EXPECT_EQ(parse_number("1e-3"), 0.001);
  EXPECT_EQ(parse_number("+2"), 2.0);
  EXPECT_FALSE(parse_number("1x"));
  EXPECT_FALSE(parse_number("nan"));
  EXPECT_FALSE(parse_number("inf"));
  EXPECT_FALSE(parse_number(""));
  EXPECT_EQ(parse_integer("-7"), -7);
  EXPECT_FALSE(parse_integer("1.0"));
  EXPECT_FALSE(parse_integer("99999999999999999999"));
}

TEST(Cores, AreRangesAndNumbersInAnyOrder) {
  using cores = std::vector<std::uint16_t>;
  EXPECT_EQ(parse_cores("0"), cores{0});
  EXPECT_EQ(parse_cores("6,0-2,1"), (cores{0, 1, 2, 6}));
  EXPECT_EQ(parse_cores("1023"), cores{1023});
  for (const char* text : {"0-2,6", "3", "0,1", "0-2,4,5,8"})
    EXPECT_EQ(show_cores(*parse_cores(text)), text);
}

TEST(Cores, ThatAreNoneAreRefused) {
  for (const char* text :
       {"", ",", "0,", "-1", "2-1", "1-", "1024", "0-9999999", "a", "0 1", "0x1"})
    EXPECT_FALSE(parse_cores(text)) << text;
}

TEST(Nearest, FindsWhatWasMeantAndNothingFarAway) {
  const std::vector<std::string> words{"storage", "tick", "max_late"};
  EXPECT_EQ(nearest("storge", words), "storage");
  EXPECT_EQ(nearest("tik", words), "tick");
  EXPECT_EQ(nearest("max_lat", words), "max_late");
  EXPECT_FALSE(nearest("weather", words));
}

}  // namespace
}  // namespace faultline
