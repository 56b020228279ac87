// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "actors/caf_bridge.hpp"
#include "actors/partition.hpp"

// What others ask of a partition and its entities.

namespace faultline {

namespace {
/// While it reads whom it knows: that would not be "none", but "not yet".
caf::error not_yet() { return to_caf_error({ec::overloaded, "a partition is starting"}); }
}  // namespace

caf::result<window_answer> partition_state::on_window(const window_question& q) {
  if (!loaded_) return not_yet();
  auto promise = self->make_response_promise<window_answer>();
  answer(find(q.entity), q, promise);
  return promise;
}

caf::result<entity_answer> partition_state::on_question(const entity_question& q) {
  if (!loaded_) return not_yet();
  auto promise = self->make_response_promise<entity_answer>();
  answer(find(q.entity), q, promise);
  return promise;
}

// Its actor may die, or leave, before it comes to the question: then what is known without it is
// the answer. No deadline: it answers or ends, and we hear of both.
template <class Question, class Answer>
void partition_state::answer(const entity_entry* e, const Question& q,
                             caf::typed_response_promise<Answer> promise) {
  if (e == nullptr) return (void)promise.deliver(Answer{});
  if (e->where != presence::active) return answer_without_actor(*e, q, promise);
  self->request(e->handle, caf::infinite, q)
      .then([promise](Answer& a) mutable { promise.deliver(std::move(a)); },
            [this, promise, q](const caf::error&) mutable {
              const auto* then = find(q.entity);
              if (then == nullptr) return (void)promise.deliver(Answer{});
              answer_without_actor(*then, q, promise);
            });
}

void partition_state::answer_without_actor(const entity_entry&, const window_question& q,
                                           caf::typed_response_promise<window_answer> promise) {
  promise.delegate(peers_.librarian,
                   read_window{q.entity, q.as_of, clock_.clock().event, rules_.current()});
}

void partition_state::answer_without_actor(const entity_entry& e, const entity_question& q,
                                           caf::typed_response_promise<entity_answer> promise) {
  const bool saved = e.outline.observations != 0;  // else there is no snapshot to read
  if (e.where == presence::passive && saved && !q.brief)
    return (void)promise.delegate(peers_.librarian, read_entity{q.entity, rules_.current()});
  entity_answer a{true, e.where == presence::quarantined, {}};
  a.status.id = q.entity;
  // Active, and yet it did not answer: we shall hear in a moment that it died.
  const bool died = e.where == presence::resting || e.where == presence::active;
  a.status.state = a.quarantined ? "quarantined" : died ? "restarting" : to_string(e.outline.state);
  a.status.observations = e.outline.observations;
  a.status.first_ts = e.outline.first_ts;
  a.status.last_ts = e.outline.last_ts;
  promise.deliver(std::move(a));
}

// Page by page: what a page costs must not grow with what is not on it.
caf::result<list_answer> partition_state::on_list(const list_question& q) {
  if (!loaded_) return not_yet();
  if (listed_.size() != entities_.size()) {
    listed_.clear();
    for (const auto& [id, e] : entities_) listed_.push_back(id);
    std::sort(listed_.begin(), listed_.end());
  }
  list_answer answer;
  const auto beyond = std::upper_bound(listed_.begin(), listed_.end(), std::string_view{q.after});
  const auto with_prefix =
      std::lower_bound(listed_.begin(), listed_.end(), std::string_view{q.prefix});
  for (auto at = std::max(beyond, with_prefix);
       at != listed_.end() && answer.entities.size() < q.limit; ++at) {
    if (at->substr(0, q.prefix.size()) != q.prefix) break;
    answer.entities.emplace_back(*at);
  }
  return answer;
}

}  // namespace faultline
