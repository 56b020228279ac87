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
  const auto before = my_turns();
  const bool may = may_choose_turns();
  const int working = may ? SCHED_BATCH : before.policy;
  {
    const placed workers{"workers", {}, thread_turn::whole};
    EXPECT_EQ(turns_of_a_new_thread().policy, working);
    {
      const placed doors{"doors", {}, thread_turn::soon};
      const auto door = turns_of_a_new_thread();
      EXPECT_EQ(door.policy, before.policy);
      if (may && before.slice_ns != 0) {
        EXPECT_LT(door.slice_ns, before.slice_ns);
      }
    }
    EXPECT_EQ(my_turns().policy, working) << "as before the doors";
  }
  EXPECT_EQ(my_turns().policy, before.policy) << "who starts threads is as it was";
  EXPECT_EQ(my_turns().slice_ns, before.slice_ns);
  EXPECT_EQ(turns_of_a_new_thread().policy, before.policy);
}

TEST(Placed, WhoRunsTheServerInTheBackgroundHasItThere) {
  const bool may = may_choose_turns();
  std::thread{[may] {
    const sched_param none{};
    const bool idle = ::pthread_setschedparam(::pthread_self(), SCHED_IDLE, &none) == 0;
    EXPECT_TRUE(idle || !may);
    const int chosen = my_turns().policy;
    const placed doors{"doors", {}, thread_turn::soon};
    EXPECT_EQ(my_name(), "doors");
    EXPECT_EQ(my_turns().policy, chosen);
    EXPECT_EQ(turns_of_a_new_thread().policy, chosen);
  }}.join();
}

}  // namespace
}  // namespace faultline
