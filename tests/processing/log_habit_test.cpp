// SPDX-License-Identifier: Apache-2.0
#include "processing/log_habit.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace faultline {
namespace {

constexpr std::int64_t step = log_habit::step_ms;
constexpr std::int64_t start = 1'704'067'200'000;  // on a step

TEST(LogHabit, TellsLinesBeforeATimeFromThoseBehindIt) {
  log_habit h;
  for (int i = 0; i < 10; ++i) h.note(start + i * step, log_severity::info, "x");
  EXPECT_DOUBLE_EQ(h.through(start + 4 * step), 4);
  EXPECT_DOUBLE_EQ(h.after(start + 4 * step), 6);
  EXPECT_EQ(h.now(), 10U);
  EXPECT_DOUBLE_EQ(h.before(), 0);
  EXPECT_EQ(h.take_now(), 10U);
  EXPECT_DOUBLE_EQ(h.before(), 10);
}

TEST(LogHabit, CountsEveryLineOfAStepHoweverManyThereAre) {
  log_habit h;
  for (int i = 0; i < 150'000; ++i) h.note(1'750'000'000'000, log_severity::info, "GET /");
  EXPECT_EQ(h.take_now(), 150'000U);
  EXPECT_EQ(h.before(), 150'000.0);
  log_habit other = h;
  h.join(other);
  EXPECT_EQ(h.before(), 300'000.0);
}

TEST(LogHabit, OldLinesFadeAndLateOnesCount) {
  log_habit h;
  for (int i = 0; i < 100; ++i) h.note(start, log_severity::info, "x");
  h.take_now();
  h.note(start + 2 * 86'400'000, log_severity::info, "x");
  EXPECT_NEAR(h.before(), 100 * std::exp(-1), 0.1);
  h.note(start, log_severity::info, "x");  // two days late
  EXPECT_NEAR(h.before() + h.now(), 100 * std::exp(-1) + 2, 0.1);
}

TEST(LogHabit, KeepsTheExampleOfTheWorstLine) {
  log_habit h;
  h.note(start, log_severity::info, "fine\nmore");
  h.note(start, log_severity::error, "bad \x01\xff");
  h.note(start, log_severity::warn, "so so");
  EXPECT_EQ(h.example(), "bad  ?");
  EXPECT_EQ(h.severity(), log_severity::error);
}

TEST(LogHabit, JoinsAnotherAsIfItsLinesHadBeenItsOwn) {
  log_habit a, b, both;
  for (int i = 0; i < 40; ++i) {
    (i % 3 == 0 ? a : b).note(start + i * step / 2, log_severity::info, "x");
    both.note(start + i * step / 2, log_severity::info, "x");
  }
  a.join(b);
  EXPECT_NEAR(a.before() + a.now(), both.before() + both.now(), 0.1);
  EXPECT_NEAR(a.after(start + 10 * step), both.after(start + 10 * step), 1e-9);
  EXPECT_EQ(a.last_ms(), both.last_ms());
  EXPECT_EQ(a.now(), both.now());
}

TEST(LogHabit, ReadsBackWhatItWroteAndRefusesDamage) {
  log_habit h;
  for (int i = 0; i < 40; ++i) h.note(start + i * step / 3, log_severity::warn, "one line");
  std::string bytes;
  byte_writer out{bytes};
  h.save(out);
  log_habit back;
  byte_reader in{bytes};
  ASSERT_TRUE(back.restore(in) && in.at_end());
  EXPECT_EQ(back.after(start + 5 * step), h.after(start + 5 * step));
  EXPECT_EQ(back.example(), "one line");
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    byte_reader cut{std::string_view{bytes}.substr(0, n)};
    EXPECT_FALSE(log_habit{}.restore(cut));
  }
  const double nan = std::nan("");
  bytes.replace(0, 8, reinterpret_cast<const char*>(&nan), 8);
  byte_reader damaged{bytes};
  EXPECT_FALSE(log_habit{}.restore(damaged));
}

TEST(LogSurprise, GrowsWithWhatIsBeyondTheHabitAndIsBounded) {
  EXPECT_EQ(log_surprise(3, 3, 30), 0);
  EXPECT_EQ(log_surprise(2, 3, 30), 0);
  EXPECT_NEAR(log_surprise(1, 0.001, 30), 5.9, 0.1);
  EXPECT_GT(log_surprise(10, 1, 30), log_surprise(5, 1, 30));
  EXPECT_EQ(log_surprise(1e6, 0, 30), 30);
}

}  // namespace
}  // namespace faultline
