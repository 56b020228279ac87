// SPDX-License-Identifier: Apache-2.0
#include "actors/scheduling.hpp"

#include <algorithm>
#include <array>
#include <thread>
#include <type_traits>

#include <caf/local_actor.hpp>
#include <caf/logger.hpp>
#include <caf/policy/unprofiled.hpp>
#include <caf/scheduled_actor.hpp>

// A worker would tell CAF's logger, which nobody reads here, by a dynamic cast whose job it has.
#undef CAF_PUSH_AID_FROM_PTR
#define CAF_PUSH_AID_FROM_PTR(job) static_cast<void>(0)
#include <caf/scheduler/coordinator.hpp>

#include "actors/entity.hpp"
#include "actors/run_queue.hpp"
#include "processing/prefetch.hpp"

namespace faultline {

namespace {

/// Among CAF's flags of an actor; it uses none above 0x2000.
constexpr int urgent_flag = 0x100000;
constexpr int foreseen_flag = 0x200000;

/// Jobs a worker takes at once where many wait. What is asked for must come in the time of a few
/// of them, and still be there when its turn comes.
constexpr std::size_t taken_at_once = 8;
using entity_job = std::remove_pointer_t<entity_actor::stateful_pointer<entity_state>>;

thread_local bool sends_are_urgent = false;

bool is_urgent(const caf::resumable& job) {
  return job.subtype() == caf::resumable::scheduled_actor &&
         static_cast<const caf::scheduled_actor&>(job).getf(urgent_flag);
}

/// The entity behind @p job, a job of the caller's; nullptr where it is somebody else.
const entity_state* foreseen(const caf::resumable& job) {
  if (job.subtype() != caf::resumable::scheduled_actor) return nullptr;
  const auto& actor = static_cast<const caf::scheduled_actor&>(job);
  return actor.getf(foreseen_flag) ? &static_cast<const entity_job&>(actor).state : nullptr;
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
    /// Taken from the queue, [at, end) still wait.
    std::array<caf::resumable*, taken_at_once> taken{};
    std::size_t at = 0;
    std::size_t end = 0;
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
    auto& queue = d(self->parent()).queue;
    auto& mine = d(self);
    if (mine.at == mine.end) {
      mine.at = 0;
      mine.end = queue.pop(mine.taken.data(), mine.taken.size());
      for (std::size_t i = 1; i < mine.end; ++i) prefetch(mine.taken[i], sizeof(entity_job));
    } else if (queue.has_urgent()) {
      if (auto* job = queue.try_pop_urgent()) return job;
    }
    look_ahead(mine);
    return mine.taken[mine.at++];
  }

  template <class Worker, class UnaryFunction>
  void foreach_resumable(Worker* self, UnaryFunction f) {
    for (auto& mine = d(self); mine.at != mine.end; ++mine.at) f(mine.taken[mine.at]);
  }

  template <class Coordinator, class UnaryFunction>
  void foreach_central_resumable(Coordinator* self, UnaryFunction f) {
    while (auto* job = d(self).queue.try_pop()) f(job);
  }

private:
  /// While the job at `at` runs, what the two behind it read is on its way.
  static void look_ahead(const worker_data& mine) {
    if (mine.at + 1 < mine.end) {
      if (const auto* next = foreseen(*mine.taken[mine.at + 1])) next->prefetch_parts();
    }
    if (mine.at + 2 < mine.end) {
      if (const auto* later = foreseen(*mine.taken[mine.at + 2])) later->prefetch_state();
    }
  }

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
void be_foreseen(caf::local_actor& self) { self.setf(foreseen_flag); }

urgent_sends::urgent_sends() noexcept : before_{sends_are_urgent} { sends_are_urgent = true; }
urgent_sends::~urgent_sends() { sends_are_urgent = before_; }

}  // namespace faultline
