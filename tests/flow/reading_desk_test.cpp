// SPDX-License-Identifier: Apache-2.0
#include "server/reading_desk.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>

namespace faultline {
namespace {

using namespace std::chrono_literals;

/// Keeps the desk busy until it is opened.
class gate {
public:
  outcome<int> pass() {
    std::unique_lock lock{mutex_};
    entered_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, 20s, [&] { return open_; });
    return 1;
  }
  void wait_entered() {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, 20s, [&] { return entered_; });
  }
  void open() {
    const std::lock_guard lock{mutex_};
    open_ = true;
    changed_.notify_all();
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool entered_ = false, open_ = false;
};

std::future<outcome<int>> ask(reading_desk& desk, std::function<outcome<int>()> read) {
  auto said = std::make_shared<std::promise<outcome<int>>>();
  auto later = said->get_future();
  desk.ask<int>(std::move(read), [said](outcome<int> o) { said->set_value(std::move(o)); });
  return later;
}

TEST(ReadingDesk, AnswersInOrderOnItsOwnThread) {
  reading_desk desk;
  const auto here = std::this_thread::get_id();
  auto first = ask(desk, [&] { return std::this_thread::get_id() == here ? 0 : 1; });
  auto second = ask(desk, [] { return outcome<int>{failure{ec::not_found, "no"}}; });
  EXPECT_EQ(*first.get(), 1);
  EXPECT_EQ(second.get().error().code, ec::not_found);
}

TEST(ReadingDesk, BeyondThoseThatMayWaitTheAnswerIsThatItIsTooMuch) {
  gate busy;
  reading_desk desk;
  auto first = ask(desk, [&] { return busy.pass(); });
  busy.wait_entered();
  std::vector<std::future<outcome<int>>> all;
  for (std::size_t n = 0; n <= reading_desk::most_waiting; ++n)
    all.push_back(ask(desk, [] { return outcome<int>{2}; }));
  EXPECT_EQ(all.back().get().error().code, ec::overloaded);
  busy.open();
  EXPECT_EQ(*first.get(), 1);
  EXPECT_EQ(*all.front().get(), 2);
}

TEST(ReadingDesk, WhatHasWaitedTooLongIsNotReadAnyMore) {
  gate busy;
  reading_desk desk{0ms};
  std::atomic<int> read{0};
  auto first = ask(desk, [&] { return busy.pass(); });
  auto late = ask(desk, [&] { return outcome<int>{++read}; });
  busy.open();
  EXPECT_EQ(late.get().error().code, ec::overloaded);
  EXPECT_EQ(read, 0);
}

TEST(ReadingDesk, AtItsEndWhoWaitsIsTold) {
  gate busy;
  auto desk = std::make_unique<reading_desk>();
  auto first = ask(*desk, [&] { return busy.pass(); });
  busy.wait_entered();
  auto second = ask(*desk, [] { return outcome<int>{2}; });
  auto end = std::async(std::launch::async, [&] { desk.reset(); });
  busy.open();
  end.get();
  EXPECT_EQ(*first.get(), 1);
  const auto said = second.get();
  EXPECT_TRUE(said ? *said == 2 : said.error().code == ec::shutting_down);
}

}  // namespace
}  // namespace faultline
