// SPDX-License-Identifier: Apache-2.0
#include "server/pulse_watch.hpp"

#include <gtest/gtest.h>

#include <future>

namespace faultline::test {
namespace {

using namespace std::chrono_literals;

/// Answers as it is told to, and lets the test wait for the n-th call.
struct asked {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> late;
  int questions = 0, signs = 0;

  pulse_watch::hooks hooks() {
    return {[this](std::chrono::milliseconds) {
              const std::lock_guard lock{mutex};
              ++questions;
              changed.notify_all();
              return late;
            },
            [this] {
              const std::lock_guard lock{mutex};
              ++signs;
              changed.notify_all();
            }};
  }
  template <class Is>
  bool wait(Is is) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, 60s, is);
  }
};

TEST(PulseWatch, PassesOnThatEverybodyAnswers) {
  asked a;
  pulse_watch watch{1ms, a.hooks()};
  EXPECT_TRUE(a.wait([&] { return a.signs >= 3; }));
  EXPECT_GE(a.questions, a.signs);
}

TEST(PulseWatch, GivesNoSignWhileSomebodyIsLateAndAgainAfterwards) {
  asked a;
  a.late = {"keeper"};
  pulse_watch watch{1ms, a.hooks()};
  EXPECT_TRUE(a.wait([&] { return a.questions >= 5; }));
  {
    const std::lock_guard lock{a.mutex};
    EXPECT_EQ(a.signs, 0);
    a.late.clear();
  }
  EXPECT_TRUE(a.wait([&] { return a.signs >= 1; }));
}

TEST(PulseWatch, AsksNobodyOnceTheEndHasBegunAndGivesSignsOn) {
  asked a;
  a.late = {"keeper"};
  pulse_watch watch{1ms, a.hooks()};
  watch.stop_asking();
  int before = 0;
  {
    const std::lock_guard lock{a.mutex};
    before = a.questions;
  }
  EXPECT_TRUE(a.wait([&] { return a.signs >= 3; }));
  EXPECT_EQ(a.questions, before);
}

}  // namespace
}  // namespace faultline::test
