// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <mutex>
#include <utility>
#include <vector>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

namespace faultline {

/// CAF's test scheduler, whose queue other threads (a lane's) may add to as well.
class shared_test_coordinator final : public caf::scheduler::test_coordinator {
public:
  using test_coordinator::test_coordinator;
  static caf::actor_system::module* make(caf::actor_system& system, caf::detail::type_list<>) {
    return new shared_test_coordinator(system);  // the system owns its modules
  }
  bool try_run_once() {
    take_in();
    return test_coordinator::try_run_once();
  }
  void run() {
    while (try_run_once()) continue;
  }

protected:
  void enqueue(caf::resumable* job) override {
    const std::lock_guard lock{mutex_};
    came_.push_back(job);
  }
  void stop() override {
    take_in();
    test_coordinator::stop();
  }

private:
  void take_in() {
    const std::lock_guard lock{mutex_};
    for (auto* job : came_) jobs.push_back(job);
    came_.clear();
  }
  std::mutex mutex_;
  std::vector<caf::resumable*> came_;
};

/// Actors under CAF's test scheduler: one thread, nothing runs until run(), time stands still until
/// advance().
class actor_fixture : public ::testing::Test {
protected:
  struct test_config : caf::actor_system_config {
    test_config() { load<shared_test_coordinator>(); }
  };

  void run() { sched.run(); }
  /// Lets @p time pass, so that delayed messages and deadlines fall due, and runs what follows.
  template <class Duration>
  void advance(Duration time) {
    sched.advance_time(time);
    sched.run();
  }

  template <class Fun, class... Ts>
  auto spawn(Fun fun, Ts&&... xs) {
    auto handle = system.spawn(fun, std::forward<Ts>(xs)...);
    alive_.push_back(caf::actor_cast<caf::actor>(handle));
    run();
    return handle;
  }

  /// The answer of @p whom; a failure of the test when there is none after everything has run.
  template <class Answer, class Handle, class Question>
  Answer ask(const Handle& whom, Question question) {
    Answer answer{};
    auto waiting = probe->request(whom, std::chrono::seconds{10}, std::move(question));
    run();
    waiting.receive([&](Answer& a) { answer = std::move(a); },
                    [&](const caf::error& e) { ADD_FAILURE() << to_string(e); });
    return answer;
  }

  void TearDown() override {  // the system's destructor waits for every actor
    for (auto& handle : alive_) caf::anon_send_exit(handle, caf::exit_reason::user_shutdown);
    run();
    alive_.clear();
    run();
  }

  test_config config;
  caf::actor_system system{config};
  caf::scoped_actor probe{system, true};
  shared_test_coordinator& sched = dynamic_cast<shared_test_coordinator&>(system.scheduler());

private:
  std::vector<caf::actor> alive_;
};

}  // namespace faultline
