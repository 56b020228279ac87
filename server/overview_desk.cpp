// SPDX-License-Identifier: Apache-2.0
#include "server/overview_desk.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <caf/atom.hpp>
#include <caf/event_based_actor.hpp>

#include "actors/caf_bridge.hpp"
#include "actors/correlator_questions.hpp"
#include "server/asking.hpp"
#include "server/chronicle.hpp"

namespace faultline {

namespace {

using look = caf::atom_constant<caf::atom("look")>;
constexpr std::size_t outlines_told = 200;

overview_view overview_of(const correlator_view& v) {
  overview_view o;
  std::map<std::string, const alert*> firing;
  for (const auto& a : v.firing) {
    firing.emplace(a.id, &a);
    ++(a.severity == alert_severity::critical ? o.critical : o.warning);
    if (a.acknowledged) ++o.acknowledged;
    if (a.silenced) ++o.silenced;
  }
  std::vector<const incident*> open;
  for (const auto& i : v.open) open.push_back(&i);
  std::stable_sort(open.begin(), open.end(), [](const incident* a, const incident* b) {
    if (a->severity != b->severity) return a->severity > b->severity;
    return a->started > b->started;
  });
  o.open = open.size();
  if (open.size() > outlines_told) open.resize(outlines_told);
  for (const auto* i : open) o.incidents.push_back(outline_of(*i, firing));
  o.feed_seq = v.feed_seq;
  for (const auto& a : v.firing) o.now = std::max(o.now, unix_ms(a.updated));
  for (const auto& i : v.open) o.now = std::max(o.now, unix_ms(i.updated));
  return o;
}

}  // namespace

void overview_desk::ask(caf::actor_system& system, answer<overview_view> done) {
  const auto now = system.clock().now();
  std::unique_lock<std::mutex> lock{mutex_};
  if (now < good_until_) {
    overview_view copy = last_;
    lock.unlock();
    return done(std::move(copy));
  }
  waiting_.push_back({std::move(done), now + question_deadline});
  if (std::exchange(asked_, true)) return;
  lock.unlock();
  begin_question(system);
}

/// No deadline: the correlator answers or ends, and we hear of both. Those who wait have theirs.
void overview_desk::begin_question(caf::actor_system& system) {
  system.spawn([desk = shared_from_this()](caf::event_based_actor* self) -> caf::behavior {
    const auto finish = [desk, self](const outcome<overview_view>& got) {
      desk->tell(got, self->clock().now());
      self->quit();
    };
    self->request(desk->correlator_, caf::infinite, alerts_and_incidents())
        .then([finish](const correlator_view& v) { finish(overview_of(v)); },
              [finish](const caf::error& why) { finish(from_caf_error(why)); });
    self->delayed_send(self, question_deadline, look::value);
    return {[desk, self](look) {
      const auto now = self->clock().now();
      self->delayed_send(self, desk->give_up(now) - now, look::value);
    }};
  });
}

void overview_desk::tell(const outcome<overview_view>& got, time_point now) {
  std::deque<asker> round;
  {
    const std::lock_guard<std::mutex> lock{mutex_};
    asked_ = false;
    round.swap(waiting_);
    if (got) {
      last_ = *got;
      good_until_ = now + fresh_for;
    }
  }
  for (const auto& a : round) a.done(got);
}

/// @returns when the next one will have waited long enough, at the earliest.
overview_desk::time_point overview_desk::give_up(time_point now) {
  std::deque<asker> late;
  time_point next = now + question_deadline;
  {
    const std::lock_guard<std::mutex> lock{mutex_};
    while (!waiting_.empty() && waiting_.front().until <= now) {
      late.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    if (!waiting_.empty()) next = waiting_.front().until;
  }
  for (const auto& a : late) a.done(failure{ec::deadline_passed, "no answer in time"});
  return next;
}

}  // namespace faultline
