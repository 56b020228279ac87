// SPDX-License-Identifier: Apache-2.0
#include "actors/partition.hpp"

#include <algorithm>

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include "actors/caf_bridge.hpp"

// The way of a record through its partition. Recovery, supervision and snapshots of the same state
// stand in partition_recovery.cpp and partition_sweep.cpp.

namespace faultline {

void partition_state::begin(partition_options o, partition_peers p) {
  options_ = std::move(o);
  peers_ = std::move(p);
  batch_.partition = options_.id;
  credit_ = std::make_shared<partition_credit>();
  self->set_down_handler([this](caf::down_msg& down) { on_entity_down(down.source, down.reason); });
  // Entities are linked to us so that they end with us; their own deaths are no reason to end.
  self->set_exit_handler([this](caf::exit_msg& m) {
    const auto from = m.source.id();
    if (entity_ids_.count(from) == 0) self->quit(m.reason);
  });
  self->request(peers_.librarian, std::chrono::minutes{5}, load_partition{options_.id})
      .then([this](partition_image& image) { on_image(image); },
            [this](const caf::error& why) { fail(why); });
  self->delayed_send(self, options_.recovery.sweep_interval, sweep_due{});
}

void partition_state::fail(const caf::error& why) {
  // A partition that cannot read or write its store must not go on: its supervisor decides.
  self->quit(why ? why : caf::error{caf::exit_reason::unhandled_exception});
}

void partition_state::on_blob(const blob_appended& b) {
  highest_known_ = std::max(highest_known_, b.blob->position);
  if (!live_) {
    read_on();
    return;
  }
  if (b.blob->position < next_) return;
  if (b.blob->position > next_) {  // we were not told of one: fetch what lies between
    live_ = false;
    read_on();
    return;
  }
  ++next_;
  queue_.push_back(b.blob);
  drive();
}

bool partition_state::may_dispatch() const {
  return reviving_ == 0 && credit_->outstanding.load(std::memory_order_relaxed) <
                               credit_->limit.load(std::memory_order_relaxed);
}

void partition_state::drive() {
  dispatch();
  count_read();
  if (!queue_.empty()) return;
  if (!live_) read_on();
  answer_drain();
}

/// Until nothing is left or nobody may get more.
void partition_state::dispatch() {
  while (!queue_.empty()) {
    if (!may_dispatch()) {
      if (reviving_ != 0) return;
      credit_->starving.store(true);
      // An entity may have given back its credit between the look and the flag.
      if (!may_dispatch() || !credit_->starving.exchange(false)) return;
      continue;
    }
    if (!step_front()) finish_front();
  }
}

/// Once a turn, not once an event.
void partition_state::count_read() {
  if (read_log_ != 0) peers_.counters->read_log.fetch_add(read_log_, std::memory_order_relaxed);
  if (read_restart_ != 0)
    peers_.counters->read_restart.fetch_add(read_restart_, std::memory_order_relaxed);
  read_log_ = 0;
  read_restart_ = 0;
}

bool partition_state::step_front() {
  const auto& blob = queue_.front();
  if (offset_ >= blob->bytes.size()) return false;
  const auto extent = extent_at(blob->bytes, offset_);
  if (!extent) {  // the store checks its bytes: a blob that does not parse is a bug, not an event
    tell("poison", std::to_string(options_.id), "blob unreadable: " + extent.error().what);
    return false;
  }
  const auto begin = extent->begin;
  const auto index = index_;
  offset_ = extent->end;
  ++index_;
  if (extent->kind == record_kind::event) ++(counted(blob->position) ? read_log_ : read_restart_);
  if (poison_.count({blob->position, index}) != 0)
    drop_record(peers_.counters->events_poison, blob->position);
  else if (extent->kind == record_kind::event)
    take_event(blob, begin, index);
  else
    take_other(blob, begin, index);
  return true;
}

void partition_state::finish_front() {
  queue_.pop_front();
  offset_ = 0;
  index_ = 0;
}

void partition_state::drop_record(std::atomic<std::uint64_t>& counter, log_position position) {
  counter.fetch_add(1, std::memory_order_relaxed);
  if (counted(position)) peers_.counters->finished.fetch_add(1, std::memory_order_relaxed);
}

void partition_state::take_event(const shared_blob& blob, std::size_t offset, std::uint32_t index) {
  auto& e = entry_of(peek_entity(blob->bytes, offset));
  e.last = {blob->position, index};
  if (e.quarantined) {
    drop_record(peers_.counters->events_quarantined, blob->position);
    return;
  }
  ++records_;
  if (e.first_dirty == 0) {
    e.first_dirty = blob->position;
    e.dirty_since = records_;
  }
  if (e.snapshot_asked && e.first_after_ask == 0) {
    e.first_after_ask = blob->position;
    e.count_after_ask = records_;
  }
  e.event_since_clock = true;
  send_to(e, blob, offset, index, counted(blob->position));
}

void partition_state::send_to(entity_entry& e, const shared_blob& blob, std::size_t offset,
                              std::uint32_t index, bool is_counted) {
  ++e.dispatched;
  credit_->outstanding.fetch_add(1, std::memory_order_relaxed);
  peers_.counters->in_flight.fetch_add(1, std::memory_order_relaxed);
  self->send(e.handle, observation{blob, static_cast<std::uint32_t>(offset), index, clock_,
                                   degraded_, is_counted});
}

void partition_state::take_other(const shared_blob& blob, std::size_t offset, std::uint32_t index) {
  record_view record;
  const auto read = read_record_at(blob->bytes, offset, record);
  if (counted(blob->position)) peers_.counters->finished.fetch_add(1, std::memory_order_relaxed);
  if (!read) {
    tell("poison", std::to_string(options_.id), "record unreadable: " + read.error().what);
    return;
  }
  switch (record.kind) {
    case record_kind::clock:
      pass_clock(record.clock, record_address{options_.id, blob->position, index});
      break;
    case record_kind::degrade:
      degraded_ = record.degrade.on;
      break;
    case record_kind::control:
      take_control(record.control);
      break;
    case record_kind::event:
      break;  // take_event() has it
  }
}

void partition_state::pass_clock(const clock_record& clock, const record_address& where) {
  clock_ = clock;
  // Who had an event since the last clock gets this one with its next event, or with the clock
  // after this; the others have nothing else to wake them.
  for (auto& [id, e] : entities_) {
    if (!e->event_since_clock && e->handle) self->send(e->handle, clock_passed{clock, where});
    e->event_since_clock = false;
  }
  self->send(peers_.correlator, event_clock_at{clock.event});
}

void partition_state::take_control(const control_record& control) {
  if (control.name == "retire") retire(std::string{control.payload});
}

void partition_state::on_credit() { drive(); }

entity_entry* partition_state::find(std::string_view id) {
  const auto at = entities_.find(id);
  return at == entities_.end() ? nullptr : at->second.get();
}

entity_entry& partition_state::entry_of(std::string_view id) {
  if (auto* known = find(id)) return *known;
  auto fresh = std::make_unique<entity_entry>();
  fresh->id = std::string{id};
  auto& e = *fresh;
  entities_.emplace(std::string_view{e.id}, std::move(fresh));
  peers_.registry->add(stable_hash(id));
  peers_.counters->entities.fetch_add(1, std::memory_order_relaxed);
  entity_birth birth;
  birth.id = e.id;
  if (auto at = recorded_.find(e.id); at != recorded_.end()) {
    birth.recorded = std::move(at->second);
    recorded_.erase(at);
  }
  spawn(e, std::move(birth));
  return e;
}

void partition_state::on_decided(entity_decided& d) {
  // What a clock record decided changes the entity as much as an event: a snapshot is due.
  if (auto* e = find(d.entity); e != nullptr && e->first_dirty == 0 && !d.decisions.empty()) {
    e->first_dirty = std::max<log_position>(d.decisions.front().cause, 1);
    e->dirty_since = records_;
  }
  for (auto& decision : d.decisions) {
    outbox_entry entry;
    entry.entity = d.entity;
    entry.key = std::move(decision.key);
    // An entity that is retired and comes back counts its episodes afresh: the start tells them
    // apart.
    if (decision.what.kind == decision_kind::alert)
      entry.key += "@" + std::to_string(unix_ms(decision.what.alert.started));
    entry.cause = decision.cause;
    entry.tick = decision.tick;
    entry.decision = encode_decision(decision.what);
    batch_.outbox.push_back(std::move(entry));
  }
  flush();
}

void partition_state::tell(std::string what, std::string subject, std::string text) {
  decision d;
  d.kind = decision_kind::notice;
  d.notice = notice{std::move(what), std::move(subject), std::move(text), clock_.event};
  self->request(peers_.keeper, options_.actors.request_deadline * 10,
                append_decisions{{std::move(d)}})
      .then([](const decisions_appended&) {}, [this](const caf::error& why) { fail(why); });
}

caf::result<window_answer> partition_state::on_window(const window_question& q) {
  auto* e = find(q.entity);
  if (e == nullptr || !e->handle) return window_answer{};
  return self->delegate(e->handle, q);
}

caf::result<entity_answer> partition_state::on_question(const entity_question& q) {
  auto* e = find(q.entity);
  if (e == nullptr) return entity_answer{};
  if (!e->handle) {
    entity_answer a{true, e->quarantined, {}};
    a.status.id = q.entity;
    a.status.state = e->quarantined ? "quarantined" : "restarting";
    return a;
  }
  return self->delegate(e->handle, q);
}

list_answer partition_state::on_list(const list_question& q) const {
  list_answer answer;
  for (const auto& [id, e] : entities_)
    if (id.substr(0, q.prefix.size()) == q.prefix && id > q.after) answer.entities.push_back(e->id);
  const auto n = std::min(q.limit, answer.entities.size());
  std::partial_sort(answer.entities.begin(),
                    answer.entities.begin() + static_cast<std::ptrdiff_t>(n),
                    answer.entities.end());
  answer.entities.resize(n);
  return answer;
}

partition_actor::behavior_type partition(partition_actor::stateful_pointer<partition_state> self,
                                         partition_options options, partition_peers peers) {
  self->state.begin(std::move(options), std::move(peers));
  return {
      [self](const blob_appended& b) { self->state.on_blob(b); },
      [self](entity_decided& d) { self->state.on_decided(d); },
      [self](const credit_back&) { self->state.on_credit(); },
      [self](const sweep_due&) { self->state.on_sweep(); },
      [self](const drain_request&) { return self->state.on_drain(); },
      [self](const window_question& q) { return self->state.on_window(q); },
      [self](const entity_question& q) { return self->state.on_question(q); },
      [self](const list_question& q) { return self->state.on_list(q); },
  };
}

}  // namespace faultline
