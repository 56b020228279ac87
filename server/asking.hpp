// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>

#include "actors/caf_bridge.hpp"
#include "messages/outcome.hpp"

namespace faultline {

/// How long an actor may take to answer what somebody outside has asked.
inline constexpr std::chrono::seconds question_deadline{5};

/// Asks @p whom from an actor of its own. @p then gets the answer or the reason there is none.
template <class Answer, class Handle, class Question, class Then>
void ask(caf::actor_system& system, Handle whom, Question question, Then then) {
  system.spawn([whom, question = std::move(question), then](caf::event_based_actor* self) mutable {
    if (!whom) {
      then(outcome<Answer>{failure{ec::overloaded, "its partition is starting"}});
      return;
    }
    self->request(whom, question_deadline, std::move(question))
        .then(
            [then](Answer& a) mutable { then(outcome<Answer>{std::move(a)}); },
            [then](const caf::error& why) mutable { then(outcome<Answer>{from_caf_error(why)}); });
  });
}

/// Does what blocks on a thread of its own.
template <class Work, class Done>
void aside(caf::actor_system& system, Work work, Done done) {
  system.spawn<caf::detached>([work, done](caf::event_based_actor*) { done(work()); });
}

}  // namespace faultline
