// SPDX-License-Identifier: Apache-2.0
#include "tools/output.hpp"

#include <gtest/gtest.h>

#include "tools/progress.hpp"

namespace faultline {
namespace {

TEST(Durations, AreReadInEveryUnitAndSumUp) {
  const struct {
    const char* text;
    std::int64_t ms;
  } rows[] = {{"90s", 90'000},     {"20m", 1'200'000}, {"1.5h", 5'400'000},
              {"7d", 604'800'000}, {"250ms", 250},     {"1h30m", 5'400'000},
              {"15", 15'000},      {"0s", 0},          {"0.25", 250}};
  for (const auto& row : rows) {
    const auto read = parse_duration(row.text);
    ASSERT_TRUE(read) << row.text;
    EXPECT_EQ(read->count(), row.ms) << row.text;
  }
}

TEST(Durations, ThatMakeNoSenseAreRefusedWithAnExample) {
  for (const char* text :
       {"", "abc", "10 minutes", "-5s", "5x", "s", "1h30", "1e99d", "nan", "5s "}) {
    const auto read = parse_duration(text);
    ASSERT_FALSE(read) << text;
    EXPECT_NE(read.error().what.find("20m"), std::string::npos) << text;
  }
}

TEST(Durations, AreWrittenInTheirTwoLargestUnits) {
  EXPECT_EQ(format_duration(milliseconds{850}), "850ms");
  EXPECT_EQ(format_duration(milliseconds{45'000}), "45s");
  EXPECT_EQ(format_duration(milliseconds{12'000'000}), "3h 20m");
  EXPECT_EQ(format_duration(milliseconds{3'600'000}), "1h");
  EXPECT_EQ(format_duration(milliseconds{90'000'000}), "1d 1h");
  EXPECT_EQ(format_duration(milliseconds{-60'000}), "-1m");
}

TEST(Times, ReadAndWrittenAreTheSame) {
  for (const std::int64_t ms : {std::int64_t{1704715200000}, std::int64_t{1704715200250},
                                std::int64_t{1}, std::int64_t{0}}) {
    const auto read = parse_time(format_time(ms));
    ASSERT_TRUE(read) << format_time(ms);
    EXPECT_EQ(*read, ms);
  }
  EXPECT_EQ(format_time(1704715200000), "2024-01-08T12:00:00Z");
  EXPECT_EQ(*parse_time("1704715200000"), 1704715200000);
  EXPECT_EQ(format_time(*parse_time("2024-01-08")), "2024-01-08T00:00:00Z");
}

TEST(Times, ThatAreNoneAreRefused) {
  for (const char* text :
       {"", "today", "2024-01", "2024-13-08", "2024-13-08T12:00:00Z", "2024-01-08T12:00:00+01:00",
        "2024-01-08T25:00:00Z", "2024-01-08T12:60:00Z", "2024- 1- 8T12:00:00Z", "1969-12-31"})
    EXPECT_FALSE(parse_time(text)) << text;
}

TEST(Times, AreOfDaysThatTheCalendarHas) {
  for (const char* text : {"2026-02-31", "2026-02-29", "2026-04-31", "2100-02-29", "2026-00-10",
                           "2026-01-00", "2026-02-30T12:00:00Z"}) {
    const auto read = parse_time(text);
    ASSERT_FALSE(read) << text;
    EXPECT_NE(read.error().what.find(text), std::string::npos) << read.error().what;
  }
  for (const char* text : {"2024-02-29", "2000-02-29", "2026-12-31"})
    EXPECT_EQ(format_time(*parse_time(text)), std::string{text} + "T00:00:00Z");
  EXPECT_EQ(format_time(*parse_time("2024-01-08 12:00:00.5")), "2024-01-08T12:00:00.500Z");
}

TEST(Numbers, AreWrittenForPeople) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1234567), "1,234,567");
  EXPECT_EQ(format_number(0.12345), "0.1235");
  EXPECT_EQ(format_number(15300.4), "15300");
  EXPECT_EQ(format_number(92'510'000), "92.51M");
  EXPECT_EQ(format_bytes(512), "512 B");
  EXPECT_EQ(format_bytes(13'107'200), "12.5 MiB");
}

TEST(Tables, LineUpByCharactersNotBytes) {
  const std::string table =
      format_table({"NAME", "N"}, {{"caf\xc3\xa9", "1"}, {"longer", "2"}}, colours{false});
  EXPECT_EQ(table, "NAME    N\ncaf\xc3\xa9    1\nlonger  2\n");
}

TEST(Tables, KeepStrangersTextFromMovingTheCursor) {
  EXPECT_EQ(harmless("a\x1b[2Jb\nc\x7f"), "a?[2Jb?c?");
  EXPECT_EQ(harmless("\xc2\x9b"
                     "31m"),
            "?31m");
  EXPECT_EQ(harmless("\xc3\xa9"), "\xc3\xa9");
}

TEST(Wrapping, BreaksAtSpacesAndIndents) {
  EXPECT_EQ(wrapped("one two three four five six", 24, "  "), "  one two three four\n  five six\n");
  EXPECT_EQ(wrapped("", 24, "  "), "");
}

TEST(ProgressLine, ShowsShareRateAndTimeLeft) {
  const auto line = progress_line("send", 5000, 10000, std::chrono::milliseconds{5000}, "", 200);
  EXPECT_EQ(line, "send [############............] 50% 5s left 1,000/s");
}

TEST(ProgressLine, CountsWhereTheTotalIsNotKnownAndNeverOverflows) {
  EXPECT_EQ(progress_line("read", 1234, 0, std::chrono::milliseconds{0}, "", 200), "read 1,234");
  EXPECT_EQ(progress_line("read", 1234, 0, std::chrono::milliseconds{0}, "", 6), "read 1");
  EXPECT_NE(progress_line("x", 20, 10, std::chrono::milliseconds{1000}, "", 80).find("100%"),
            std::string::npos);
}

}  // namespace
}  // namespace faultline
