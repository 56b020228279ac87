// SPDX-License-Identifier: Apache-2.0
#include "tools/chart.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace faultline {
namespace {

const colours plain{false};
constexpr double missing = std::numeric_limits<double>::quiet_NaN();

chart_series steady(std::size_t ticks, double value) {
  chart_series s;
  for (std::size_t i = 0; i < ticks; ++i) {
    s.ts.push_back(1'704'715'200'000 + static_cast<std::int64_t>(i) * 60'000);
    s.values.push_back(value);
    s.lower.push_back(value - 1), s.upper.push_back(value + 1);
  }
  return s;
}

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

std::size_t count_of(const std::string& text, const std::string& mark) {
  std::size_t n = 0;
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) ++n;
  return n;
}

TEST(Chart, ShadesWhatIsExpectedAndTellsFromWhenToWhen) {
  const auto chart = draw_chart(steady(60, 10), 100, 10, plain);
  EXPECT_EQ(lines_of(chart), 11U);
  EXPECT_EQ(count_of(chart, "█"), 60U);
  EXPECT_GT(count_of(chart, "░"), 60U);
  EXPECT_EQ(count_of(chart, "▲") + count_of(chart, "▼"), 0U);
  EXPECT_NE(chart.find("12:00:00"), std::string::npos);
  EXPECT_NE(chart.find("12:59:00 UTC"), std::string::npos);
}

TEST(Chart, PointsToWhereAValueLeftItsBand) {
  auto s = steady(60, 10);
  s.values[20] = 15;
  s.values[40] = 5;
  const auto chart = draw_chart(s, 100, 10, plain);
  EXPECT_EQ(count_of(chart, "▲"), 1U);
  EXPECT_EQ(count_of(chart, "▼"), 1U);
  EXPECT_LT(chart.find("▲"), chart.find("▼"));
  EXPECT_EQ(count_of(draw_chart(s, 100, 10, colours{true}), colours{true}.red()), 2U);
}

TEST(Chart, KeepsTheWorstOfTicksThatShareAColumn) {
  auto s = steady(512, 10);
  s.values[300] = 50;
  const auto chart = draw_chart(s, 60, 8, plain);
  EXPECT_GE(count_of(chart, "▲"), 1U);
  EXPECT_NE(chart.find("50"), std::string::npos);
}

TEST(Chart, LeavesGapsWhereNothingWasSaid) {
  auto s = steady(30, 10);
  for (std::size_t i = 10; i < 20; ++i) s.values[i] = s.lower[i] = s.upper[i] = missing;
  EXPECT_EQ(count_of(draw_chart(s, 100, 10, plain), "█"), 20U);
  for (auto& v : s.values) v = missing;
  EXPECT_EQ(draw_chart(s, 100, 10, plain), "");
  EXPECT_EQ(draw_chart({}, 100, 10, plain), "");
}

TEST(Chart, IsNotFlattenedByABandWithoutEnd) {
  auto s = steady(60, 10);
  for (std::size_t i = 0; i < 60; ++i) {
    s.values[i] += static_cast<double>(i % 2);
    s.upper[i] = 1e30, s.lower[i] = -1e30;
  }
  const auto chart = draw_chart(s, 100, 10, plain);
  EXPECT_EQ(count_of(chart, "e+30"), 0U) << chart;
}

TEST(Chart, ReadsAWindowAndRefusesWhatIsNone) {
  const auto s = read_chart_series(
      R"({"ts": [1, 2], "values": [1.5, null], "expected": [1, 1], "lower": [0, 0], "upper": [2, 2]})");
  ASSERT_TRUE(s);
  EXPECT_EQ(s->ts, (std::vector<std::int64_t>{1, 2}));
  EXPECT_TRUE(std::isnan(s->values[1]));
  for (const char* body : {"", "[]", R"({"ts": [1], "values": [], "lower": [1], "upper": [1]})",
                           R"({"ts": [1e300], "values": [1], "lower": [1], "upper": [1]})"})
    EXPECT_FALSE(read_chart_series(body)) << body;
}

}  // namespace
}  // namespace faultline
