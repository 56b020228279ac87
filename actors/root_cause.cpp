// SPDX-License-Identifier: Apache-2.0
#include "actors/root_cause.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <caf/send.hpp>

#include "actors/caf_bridge.hpp"
#include "judgement/cause_question.hpp"

namespace faultline {

namespace {
constexpr std::size_t max_running = 4;
constexpr std::size_t max_waiting = 1024;
constexpr std::size_t window_ticks = 512;
constexpr std::chrono::milliseconds ask_again{100};
constexpr std::chrono::minutes store_deadline{1};
}  // namespace

void rca_state::begin(root_cause_options o, role_table r, rca_peers p) {
  options_ = o;
  roles_ = std::move(r);
  peers_ = std::move(p);
}

void rca_state::on_find(find_cause& f) {
  const auto id = f.request.incident;
  const bool known = waiting_.count(id) != 0;
  if (!known && waiting_.size() >= max_waiting)
    return;  // the correlator asks again with its next alert
  waiting_[id] = std::move(f.request);
  if (!known) order_.push_back(id);
  start_next();
}

void rca_state::start_next() {
  while (running_ < max_running && !order_.empty()) {
    auto at = waiting_.find(order_.front());
    order_.pop_front();
    auto c = std::make_shared<rca_case>();
    c->request = std::move(at->second);
    waiting_.erase(at);
    ++running_;
    c->question = question_of(c->request, roles_);
    auto& nodes = c->question.nodes;
    for (std::size_t n = 0; n < nodes.size(); ++n) {
      c->node_of[nodes[n].entity] = n;
      nodes[n].incomplete = true;
    }
    c->waiting = nodes.size();
    if (c->waiting == 0) {
      close(c);
      continue;
    }
    for (const auto& node : nodes) ask_window(c, node.entity);
  }
}

void rca_state::ask_window(const shared_case& c, const std::string& entity) {
  const auto owner = peers_.directory->owner_of(entity);
  if (!owner) {
    answered(c);
    return;
  }
  self->request(owner, options_.deadline,
                window_question{entity, c->question.as_of, window_detail::values})
      .then([this, c, entity](window_answer& a) { take_window(c, entity, a); },
            [this, c, entity](const caf::error& why) {
              // Its partition is starting, and does not know yet whom it knows.
              const bool passing = from_caf_error(why).code == ec::overloaded;
              if (!passing || !later(c, entity)) answered(c);
            });
}

/// False when it was asked often enough.
bool rca_state::later(const shared_case& c, const std::string& entity) {
  const auto budget = static_cast<std::uint32_t>(options_.deadline / ask_again);
  if (c->tries[entity]++ >= budget) return false;
  self->delayed_send(self, ask_again, ask_again_for{c, entity});
  return true;
}

void rca_state::take_window(const shared_case& c, const std::string& entity, window_answer& a) {
  auto& node = c->question.nodes[c->node_of[entity]];
  if (!a.known) {  // only in the graph: there is nothing to wait for
    node.incomplete = false;
    answered(c);
    return;
  }
  const bool passed = a.tail.watermark >= c->question.as_of;
  if (!passed && later(c, entity)) return;
  node.incomplete = !passed;
  add_blocks(c, entity, std::move(a));
}

// Only now: what the entity does not hold any more is on disk.
void rca_state::add_blocks(const shared_case& c, const std::string& entity, window_answer a) {
  auto answer = std::make_shared<window_answer>(std::move(a));
  const auto join = [this, c, entity, answer](std::vector<closed_block> stored) {
    auto joined = join_window(with_fresh(std::move(stored), std::move(answer->fresh)),
                              std::move(answer->tail), window_ticks, c->question.as_of,
                              window_detail::values);
    if (joined) c->question.nodes[c->node_of[entity]].window = std::move(*joined);
    answered(c);
  };
  self->request(peers_.librarian, options_.deadline, load_blocks{entity})
      .then([join](blocks_answer& found) { join(std::move(found.blocks)); },
            [join](const caf::error&) { join({}); });
}

void rca_state::answered(const shared_case& c) {
  if (--c->waiting == 0) close(c);
}

void rca_state::close(const shared_case& c) {
  auto question = std::make_shared<const rca_question>(std::move(c->question));
  self->request(peers_.worker, store_deadline, cause_question{question})
      .then(
          [this](cause_found& found) {
            record(std::move(found.result));
            finished();
          },
          [this, question](const caf::error& why) {
            // No ranking is an answer too: the incident stays open and says that no cause stands
            // out.
            root_cause_result none;
            none.incident = question->incident;
            none.as_of = question->as_of;
            none.model = "failed: " + from_caf_error(why).what;
            record(std::move(none));
            finished();
          });
}

void rca_state::finished() {
  --running_;
  start_next();
}

void rca_state::record(root_cause_result result) {
  decision d;
  d.kind = decision_kind::root_cause;
  d.root_cause = std::move(result);
  self->request(peers_.keeper, keeper_deadline, append_decisions{{std::move(d)}})
      .then([](const decisions_appended&) {}, [this](const caf::error& why) { self->quit(why); });
}

rca_actor::behavior_type root_cause(rca_actor::stateful_pointer<rca_state> self,
                                    root_cause_options options, role_table roles, rca_peers peers) {
  self->state.begin(options, std::move(roles), std::move(peers));
  return {
      [self](find_cause& f) { self->state.on_find(f); },
      [self](const ask_again_for& a) { self->state.ask_window(a.what, a.entity); },
  };
}

caf::result<cause_found> rca_worker_state::on_question(const cause_question& q) const {
  const record_address where{question_space, stable_hash(q.question->incident), 0};
  if (skipped.count(where.position) != 0)
    return to_caf_error({ec::model_failed, "this question has killed the process twice"});
  const flight_recorder::mark answering{flight, where};
  try {
    return cause_found{find_root_cause(*q.question, options, runbooks, ranker.get())};
  } catch (const std::exception& why) {
    return to_caf_error({ec::model_failed, why.what()});
  }
}

rca_worker_actor::behavior_type root_cause_worker(
    rca_worker_actor::stateful_pointer<rca_worker_state> self, root_cause_options options,
    std::vector<runbook> runbooks, std::shared_ptr<cause_ranker> ranker, rca_worker_past past) {
  self->state.options = options;
  self->state.runbooks = std::move(runbooks);
  self->state.ranker = std::move(ranker);
  self->state.flight = past.flight;
  self->state.skipped = std::move(past.skipped);
  return {[self](const cause_question& q) { return self->state.on_question(q); }};
}

}  // namespace faultline
