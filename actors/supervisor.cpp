// SPDX-License-Identifier: Apache-2.0
#include "actors/supervisor.hpp"

#include <utility>

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include "actors/caf_bridge.hpp"

namespace faultline {

namespace {
constexpr std::size_t max_deaths = 5;
constexpr int deadly = 2;  ///< owners that a record may kill before it is skipped
constexpr std::chrono::seconds death_window{60};
constexpr std::chrono::seconds drain_deadline{30};
}  // namespace

void supervisor_state::begin(std::shared_ptr<supervisor_plan> p) {
  plan_ = std::move(p);
  plan_->peers.counters->partitions.store(plan_->directory->size());
  self->set_down_handler([this](caf::down_msg& m) { on_down(m.source, m.reason); });
  // Owners are linked to us so that they end with us; their own deaths are no reason to end.
  self->set_exit_handler([this](caf::exit_msg& m) {
    if (owner_ids_.count(m.source.id()) == 0) self->quit(m.reason);
  });
  for (const auto& a : plan_->vital) {
    vital_.insert(a.id());
    self->monitor(a);
  }
  for (partition_id id = 0; id < plan_->directory->size(); ++id) {
    ledgers_.push_back(std::make_shared<partition_ledger>());
    if (id < plan_->log_ends.size())
      ledgers_.back()->through = record_mark{plan_->log_ends[id], whole_blob};
    start(id);
  }
}

void supervisor_state::start(partition_id id) {
  auto options = plan_->partition;
  options.id = id;
  options.ledger = ledgers_[id];
  auto peers = plan_->peers;
  peers.supervisor = self;
  peers.directory = plan_->directory;
  if (plan_->second_librarian && id % 2 != 0) peers.librarian = plan_->second_librarian;
  auto owner =
      self->spawn<caf::monitored + caf::linked>(partition, std::move(options), std::move(peers));
  owners_[owner.id()] = id;
  owner_ids_.insert(owner.id());
  plan_->directory->set(id, owner);
}

void supervisor_state::on_down(const caf::actor_addr& who, const caf::error& why) {
  const auto id = who.id();
  if (vital_.count(id) != 0) {
    plan_->give_up("a vital actor ended: " + to_string(why));
    return;
  }
  const auto at = owners_.find(id);
  if (at == owners_.end()) return;
  const auto dead = at->second;
  owners_.erase(at);
  ready_.erase(dead);
  plan_->peers.counters->partitions_ready.store(ready_.size());
  plan_->peers.counters->partition_restarts.fetch_add(1, std::memory_order_relaxed);
  const auto now = std::chrono::steady_clock::now();
  deaths_.push_back(now);
  while (now - deaths_.front() > death_window) deaths_.pop_front();
  if (deaths_.size() > max_deaths) {
    plan_->give_up("partition " + std::to_string(dead) + " died again: " + to_string(why));
    return;
  }
  const auto torn = std::exchange(ledgers_[dead]->torn, std::nullopt);
  if (torn && ++killers_[{dead, torn->where}] >= deadly)
    skip_deadly(dead, torn->where, to_string(why));
  else
    start(dead);
}

/// Durably, before the next owner comes to it: it would die as well.
void supervisor_state::skip_deadly(partition_id p, const record_mark& at, const std::string& why) {
  killers_.erase({p, at});
  const record_address where{p, at.first, at.second};
  const auto& clock = ledgers_[p]->clock;
  dead_letter letter;
  letter.reason = "poison";
  letter.arrived = clock.arrived;
  letter.source = "partition " + std::to_string(p);
  letter.text = name_of(where) + " killed its owner twice: " + why;
  decision d;
  d.kind = decision_kind::notice;
  d.notice = notice{"poison", "partition/" + std::to_string(p),
                    letter.text + "; it is not applied any more", clock.event};
  const auto give_up = [this, p](const caf::error& e) {
    plan_->give_up("a record of partition " + std::to_string(p) +
                   " cannot be skipped: " + to_string(e));
  };
  auto& keeper = plan_->peers.keeper;
  self->request(keeper, keeper_deadline, append_decisions{{std::move(d)}})
      .then([](const decisions_appended&) {}, give_up);
  self->request(keeper, keeper_deadline, skip_record{where, std::move(letter)})
      .then([this, p](const record_skipped&) { start(p); }, give_up);
}

void supervisor_state::on_recovered(partition_id p) {
  ready_.insert(p);
  plan_->peers.counters->partitions_ready.store(ready_.size());
}

caf::result<drained> supervisor_state::on_drain() {
  auto promise = self->make_response_promise<drained>();
  auto left = std::make_shared<std::size_t>(plan_->directory->size());
  auto complete = std::make_shared<bool>(true);
  auto done = [promise, left, complete](bool ok) mutable {
    *complete = *complete && ok;
    if (--*left == 0) promise.deliver(drained{*complete});
  };
  for (partition_id id = 0; id < plan_->directory->size(); ++id)
    self->request(plan_->directory->owner(id), drain_deadline, drain_request{})
        .then([done](const drained& d) mutable { done(d.complete); },
              [done](const caf::error&) mutable { done(false); });
  return promise;
}

// Ahead of what waits in their mailboxes: whether they work it off is asked, not how much there is.
// Who has died answers with an error, and is not stuck.
caf::result<pulse> supervisor_state::on_pulse(const pulse_question& q) {
  struct round {
    caf::typed_response_promise<pulse> promise;
    pulse answer{};
    std::size_t left = 1;  // ours, until everybody is asked
    void one_less() {
      if (--left == 0) promise.deliver(answer);
    }
  };
  auto all = std::make_shared<round>(round{self->make_response_promise<pulse>()});
  const auto ask = [&](const auto& whom, const std::string& who) {
    ++all->left;
    self->request<caf::message_priority::high>(whom, caf::duration{q.patience}, pulse_question{})
        .then([all](const pulse&) { all->one_less(); },
              [all, who](const caf::error& why) {
                if (why == caf::sec::request_timeout) all->answer.late.push_back(who);
                all->one_less();
              });
  };
  for (partition_id id = 0; id < plan_->directory->size(); ++id)
    ask(plan_->directory->owner(id), "partition/" + std::to_string(id));
  ask(plan_->peers.correlator, "correlator");
  if (q.keeper) ask(plan_->peers.keeper, "keeper");
  auto promise = all->promise;
  all->one_less();
  return promise;
}

supervisor_actor::behavior_type supervisor(
    supervisor_actor::stateful_pointer<supervisor_state> self,
    std::shared_ptr<supervisor_plan> plan) {
  self->state.begin(std::move(plan));
  return {
      [self](const partition_recovered& r) { self->state.on_recovered(r.partition); },
      [self](const drain_request&) { return self->state.on_drain(); },
      [self](const pulse_question& q) { return self->state.on_pulse(q); },
  };
}

}  // namespace faultline
