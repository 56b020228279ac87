// SPDX-License-Identifier: Apache-2.0
#include "server/placement.hpp"

#include <gtest/gtest.h>

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <thread>

namespace faultline {
namespace {

struct turns {
  int policy = -1;
  std::uint64_t slice_ns = 0;  ///< 0 where Linux does not tell
};

/// Of the calling thread; sched_getattr(2), first version of its answer.
turns my_turns() {
  std::array<std::uint64_t, 6> words{};
  if (::syscall(SYS_sched_getattr, 0, words.data(), sizeof words, 0) != 0) return {};
  return {static_cast<int>(words[0] >> 32U), words[3]};
}

turns turns_of_a_new_thread() {
  turns found;
  std::thread{[&] { found = my_turns(); }}.join();
  return found;
}

/// Not in every sandbox.
bool may_choose_turns() {
  const sched_param none{};
  bool may = false;
  std::thread{[&] {
    may = my_turns().policy == SCHED_OTHER &&
          ::pthread_setschedparam(::pthread_self(), SCHED_BATCH, &none) == 0 &&
          my_turns().policy == SCHED_BATCH;
  }}.join();
  return may;
}

std::string my_name() {
  std::array<char, 16> name{};
  ::pthread_getname_np(::pthread_self(), name.data(), name.size());
  return name.data();
}

TEST(Placed, ThreadsThatHaveMuchToDoPushNobodyAsideAndTheOthersComeOnAtOnce) {
  if (!may_choose_turns()) GTEST_SKIP() << "this system lets no thread choose how it is scheduled";
  const auto before = my_turns();
  {
    const placed workers{"workers", {}, thread_turn::whole};
    EXPECT_EQ(turns_of_a_new_thread().policy, SCHED_BATCH);
    {
      const placed doors{"doors", {}, thread_turn::soon};
      const auto door = turns_of_a_new_thread();
      EXPECT_EQ(door.policy, SCHED_OTHER);
      if (before.slice_ns != 0) {
        EXPECT_LT(door.slice_ns, before.slice_ns);
      }
    }
    EXPECT_EQ(my_turns().policy, SCHED_BATCH) << "as before the doors";
  }
  EXPECT_EQ(my_turns().policy, SCHED_OTHER) << "who starts threads is as it was";
  EXPECT_EQ(my_turns().slice_ns, before.slice_ns);
  EXPECT_EQ(turns_of_a_new_thread().policy, SCHED_OTHER);
}

TEST(Placed, WhoRunsTheServerInTheBackgroundHasItThere) {
  if (!may_choose_turns()) GTEST_SKIP() << "this system lets no thread choose how it is scheduled";
  std::thread{[] {
    const sched_param none{};
    ASSERT_EQ(::pthread_setschedparam(::pthread_self(), SCHED_IDLE, &none), 0);
    const placed doors{"doors", {}, thread_turn::soon};
    EXPECT_EQ(my_name(), "doors");
    EXPECT_EQ(my_turns().policy, SCHED_IDLE);
    EXPECT_EQ(turns_of_a_new_thread().policy, SCHED_IDLE);
  }}.join();
}

}  // namespace
}  // namespace faultline
