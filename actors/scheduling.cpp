// SPDX-License-Identifier: Apache-2.0
#include "actors/scheduling.hpp"

#include <algorithm>
#include <array>
#include <thread>

#include <caf/local_actor.hpp>
#include <caf/policy/unprofiled.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/scheduler/coordinator.hpp>

#include "actors/run_queue.hpp"

namespace faultline {

namespace {

/// Among CAF's flags of an actor; it uses none above 0x2000.
constexpr int urgent_flag = 0x100000;

thread_local bool sends_are_urgent = false;

bool is_urgent(const caf::resumable& job) {
  return job.subtype() == caf::resumable::scheduled_actor &&
         static_cast<const caf::scheduled_actor&>(job).getf(urgent_flag);
}

/// A policy of CAF's scheduler: one queue for all workers. What a job of a worker sets going is
/// queued some at a time, so that a partition does not lock once an observation.
class two_lines : public caf::policy::unprofiled {
public:
  struct coordinator_data {
    explicit coordinator_data(caf::scheduler::abstract_coordinator*) {}
    run_queue<caf::resumable> queue;
  };
  struct worker_data {
    explicit worker_data(caf::scheduler::abstract_coordinator*) {}
    std::array<caf::resumable*, 16> fresh{};
    std::size_t count = 0;
  };

  template <class Coordinator>
  void central_enqueue(Coordinator* self, caf::resumable* job) {
    d(self).queue.push(job, sends_are_urgent || is_urgent(*job));
  }

  /// What ends a worker: behind all that waits.
  template <class Worker>
  void external_enqueue(Worker* self, caf::resumable* job) {
    d(self->parent()).queue.push(job, false);
  }

  template <class Worker>
  void internal_enqueue(Worker* self, caf::resumable* job) {
    if (is_urgent(*job)) {
      d(self->parent()).queue.push(job, true);
      return;
    }
    auto& mine = d(self);
    mine.fresh[mine.count++] = job;
    if (mine.count == mine.fresh.size()) hand_over(self);
  }

  template <class Worker>
  void resume_job_later(Worker* self, caf::resumable* job) {
    d(self->parent()).queue.push(job, is_urgent(*job));
  }

  template <class Worker>
  void after_resume(Worker* self, caf::resumable*) {
    if (d(self).count != 0) hand_over(self);
  }

  template <class Worker>
  caf::resumable* dequeue(Worker* self) {
    return d(self->parent()).queue.pop();
  }

  template <class Worker, class UnaryFunction>
  void foreach_resumable(Worker*, UnaryFunction) {}

  template <class Coordinator, class UnaryFunction>
  void foreach_central_resumable(Coordinator* self, UnaryFunction f) {
    while (auto* job = d(self).queue.try_pop()) f(job);
  }

private:
  template <class Worker>
  void hand_over(Worker* self) {
    auto& mine = d(self);
    d(self->parent()).queue.push(mine.fresh.data(), mine.count, false);
    mine.count = 0;
  }
};

}  // namespace

void use_two_lines(caf::actor_system_config& config, const actor_options& options) {
  const auto cores = std::max(1U, std::thread::hardware_concurrency());
  config.set("scheduler.max-threads", options.threads != 0 ? options.threads : std::size_t{cores});
  config.set("scheduler.max-throughput", options.max_throughput);
  config.load<caf::scheduler::coordinator<two_lines>>();
}

void be_urgent(caf::local_actor& self) { self.setf(urgent_flag); }

urgent_sends::urgent_sends() noexcept : before_{sends_are_urgent} { sends_are_urgent = true; }
urgent_sends::~urgent_sends() { sends_are_urgent = before_; }

}  // namespace faultline
