// SPDX-License-Identifier: Apache-2.0
#include "actors/scheduling.hpp"

#include <gtest/gtest.h>

#include <future>
#include <mutex>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

namespace faultline {
namespace {

struct one_worker : caf::actor_system_config {
  one_worker() {
    actor_options o;
    o.threads = 1;
    use_two_lines(*this, o);
  }
};

/// Who had its turn, in this order.
struct turns {
  std::mutex mutex;
  std::vector<int> all;
  void take(int who) {
    const std::lock_guard<std::mutex> lock{mutex};
    all.push_back(who);
  }
};

caf::behavior counted(caf::event_based_actor* self, turns* into, bool urgent) {
  if (urgent) be_urgent(*self);
  return {[into](int who) { into->take(who); }};
}

class Scheduling : public ::testing::Test {
protected:
  caf::actor spawn(bool urgent) {
    auto made = system.spawn(counted, &order, urgent);
    caf::scoped_actor asker{system};  // has begun, and waits for messages
    asker->send(made, -1);
    all.push_back(made);
    return made;
  }
  /// The one worker is held while @p sending; then all have their turn.
  template <class Sending>
  std::vector<int> order_of(Sending sending) {
    wait_for(all.size());
    order.all.clear();
    std::promise<void> held, go;
    auto holder = system.spawn([&](caf::event_based_actor*) -> caf::behavior {
      return {[&](int) {
        held.set_value();
        go.get_future().wait();
      }};
    });
    caf::anon_send(holder, 0);
    held.get_future().wait();
    sending();
    go.set_value();
    wait_for(all.size());
    caf::anon_send_exit(holder, caf::exit_reason::user_shutdown);
    for (auto& a : all) caf::anon_send_exit(a, caf::exit_reason::user_shutdown);
    return order.all;
  }
  void wait_for(std::size_t count) {
    for (;;) {
      {
        const std::lock_guard<std::mutex> lock{order.mutex};
        if (order.all.size() >= count) return;
      }
      std::this_thread::yield();
    }
  }

  turns order;
  one_worker config;
  caf::actor_system system{config};
  std::vector<caf::actor> all;
};

TEST_F(Scheduling, WhoIsUrgentHasItsTurnBeforeAllWhoWait) {
  for (int i = 0; i < 40; ++i) spawn(false);
  const auto first = spawn(true);
  const auto turn_of = order_of([&] {
    for (int i = 0; i < 40; ++i) caf::anon_send(all[static_cast<std::size_t>(i)], i);
    caf::anon_send(first, 100);
  });
  ASSERT_EQ(turn_of.size(), 41U);
  EXPECT_EQ(turn_of[0], 100);
  for (std::size_t i = 1; i < turn_of.size(); ++i) EXPECT_EQ(turn_of[i], static_cast<int>(i) - 1);
}

TEST_F(Scheduling, WhoIsUrgentHasItsTurnBeforeThoseThatAWorkerHasTakenAlready) {
  for (int i = 0; i < 200; ++i) spawn(false);
  const auto first = spawn(true);
  auto passer = system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    return {[this, self, first](int) { self->send(first, 100); }};
  });
  const auto turn_of = order_of([&] {
    caf::anon_send(passer, 0);
    for (int i = 0; i < 200; ++i) caf::anon_send(all[static_cast<std::size_t>(i)], i);
  });
  caf::anon_send_exit(passer, caf::exit_reason::user_shutdown);
  ASSERT_EQ(turn_of.size(), 201U);
  EXPECT_EQ(turn_of[0], 100) << "the passer came first, with others in its worker's hand";
  for (std::size_t i = 1; i < turn_of.size(); ++i) EXPECT_EQ(turn_of[i], static_cast<int>(i) - 1);
}

TEST_F(Scheduling, AnUrgentMessageFromOutsideIsUrgentOnce) {
  for (int i = 0; i < 4; ++i) spawn(false);
  const auto turn_of = order_of([&] {
    for (int i = 0; i < 3; ++i) caf::anon_send(all[static_cast<std::size_t>(i)], i);
    const urgent_sends now;
    caf::anon_send(all[3], 3);
  });
  EXPECT_EQ(turn_of, (std::vector<int>{3, 0, 1, 2}));
}

}  // namespace
}  // namespace faultline
