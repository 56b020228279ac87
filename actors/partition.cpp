// SPDX-License-Identifier: Apache-2.0
#include "actors/partition.hpp"

#include <algorithm>

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include "actors/caf_bridge.hpp"
#include "actors/scheduling.hpp"

// The way of a record through its partition. Recovery, supervision and snapshots of the same state
// stand in partition_recovery.cpp and partition_sweep.cpp, what others ask of it in
// partition_questions.cpp.

namespace faultline {

void partition_state::begin(partition_options o, partition_peers p) {
  options_ = std::move(o);
  peers_ = std::move(p);
  batch_.partition = options_.id;
  if (!options_.ledger) options_.ledger = std::make_shared<partition_ledger>();
  // Before the end of the log is asked for: what is appended behind that end is told to us.
  if (peers_.directory != nullptr) peers_.directory->set(options_.id, self);
  credit_ = std::make_shared<partition_credit>();
  entity_peers_ = std::make_shared<const entity_peers>(
      entity_peers{caf::actor_cast<caf::weak_actor_ptr>(self), peers_.inference, peers_.counters,
                   peers_.flight, credit_});
  // Entities are monitored and not linked: a link stands in our own list as well, which is walked
  // from end to end whenever one of them goes. They end with our state.
  self->set_down_handler(
      [this](const caf::down_msg& m) { on_entity_down(m.source.id(), m.reason); });
  self->set_exit_handler([this](const caf::exit_msg& m) { self->quit(m.reason); });
  self->request(peers_.librarian, std::chrono::minutes{5},
                load_partition{options_.id, options_.rules})
      .then([this](partition_image& image) { on_image(image); },
            [this](const caf::error& why) { fail(why); });
  // Not all partitions at once.
  self->delayed_send(self, options_.recovery.sweep_interval * (options_.id % 64 + 1) / 64,
                     sweep_due{});
}

void partition_state::fail(const caf::error& why) {
  // Only an ending server is told so: what is not written now is read again at the next start.
  if (from_caf_error(why).code == ec::no_space) {
    no_room_ = true;
    answer_drain();
    return;
  }
  // A partition that cannot read or write its store must not go on: its supervisor decides.
  self->quit(why ? why : caf::error{caf::exit_reason::unhandled_exception});
}

void partition_state::on_blob(const blob_appended& b) {
  if (ending_) return;
  highest_known_ = std::max(highest_known_, b.blob->position);
  if (!live_) {
    keep_ahead(b.blob);
    read_on();
    return;
  }
  if (b.blob->position < next_) return;
  if (b.blob->position > next_) {  // we were not told of one: fetch what lies between
    live_ = false;
    keep_ahead(b.blob);
    read_on();
    return;
  }
  ++next_;
  queue_.push_back(b.blob);
  drive();
}

bool partition_state::may_dispatch() const {
  return credit_->outstanding.load(std::memory_order_relaxed) <
         credit_->limit.load(std::memory_order_relaxed);
}

void partition_state::drive() {
  dispatch();
  count_read();
  fetch();
  if (queue_.empty() && !live_) read_on();
  answer_drain();
}

/// Until nothing is left or nobody may get more.
void partition_state::dispatch() {
  while (!queue_.empty()) {
    if (!may_dispatch()) {
      credit_->starving.store(true);
      // An entity may have given back its credit between the look and the flag.
      if (!may_dispatch() || !credit_->starving.exchange(false)) break;
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
    tell("poison", subject(), "blob unreadable: " + extent.error().what);
    return false;
  }
  const auto begin = extent->begin;
  const auto index = index_;
  const record_mark where{blob->position, index};
  offset_ = extent->end;
  ++index_;
  if (extent->kind == record_kind::event) ++(counted(where) ? read_log_ : read_restart_);
  if (poison_.count(where) != 0) {
    skip_record_at(where, extent->kind);
    return true;
  }
  const flight_recorder::mark applying{peers_.flight, {options_.id, blob->position, index}};
  auto& torn = options_.ledger->torn;
  torn = torn_record{where, extent->kind};  // stays when what follows throws: then we end
  if (extent->kind == record_kind::event)
    take_event(blob, begin, index);
  else
    take_other(blob, begin, index);
  torn.reset();
  return true;
}

void partition_state::finish_front() {
  queue_.pop_front();
  offset_ = 0;
  index_ = 0;
}

void partition_state::skip_record_at(const record_mark& where, record_kind kind) {
  if (kind == record_kind::event)
    drop_record(peers_.counters->events_poison, where);
  else if (counted(where))
    peers_.counters->finished.fetch_add(1, std::memory_order_relaxed);
}

void partition_state::drop_record(std::atomic<std::uint64_t>& counter, const record_mark& where) {
  counter.fetch_add(1, std::memory_order_relaxed);
  if (counted(where)) peers_.counters->finished.fetch_add(1, std::memory_order_relaxed);
}

/// The last record that was taken from the log.
record_mark partition_state::now_at() const {
  if (queue_.empty()) return {next_ - 1, whole_blob};
  const auto position = queue_.front()->position;
  return index_ == 0 ? record_mark{position - 1, whole_blob} : record_mark{position, index_ - 1};
}

void partition_state::take_event(const shared_blob& blob, std::size_t offset, std::uint32_t index) {
  const record_mark where{blob->position, index};
  const auto id = peek_entity(blob->bytes, offset);
  if (is_of_predecessor(id, where)) {
    drop_record(peers_.counters->events_replayed, where);
    return;
  }
  auto& e = next_entry(id);
  if (where <= e.covered) {  // replay: its snapshot has it
    drop_record(peers_.counters->events_replayed, where);
    return;
  }
  e.last = where;
  e.outline.heard_event = clock_.clock().event;
  e.outline.heard_arrived = clock_.now().listened();
  // Also what stands before the quarantine and behind its snapshot: replayed, it has nobody to go
  // to.
  if (e.where == presence::quarantined || is_quarantined(e, where)) {
    drop_record(peers_.counters->events_quarantined, where);
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
  e.idle_told = false;
  if (e.where == presence::resting) {  // read again from the log when it is back
    peers_.counters->events_resent.fetch_add(1, std::memory_order_relaxed);
    if (counted(where)) ++e.aside->waiting;
    return;
  }
  if (e.where == presence::passive) wake(e);
  order_.heard(e);
  deliver(e, observation{blob, static_cast<std::uint32_t>(offset), index, clock_.now().time(),
                         clock_.now().degraded, counted(where)});
}

void partition_state::deliver(entity_entry& e, observation o) {
  credit_->outstanding.fetch_add(1, std::memory_order_relaxed);
  peers_.counters->in_flight.fetch_add(1, std::memory_order_relaxed);
  if (e.where != presence::active) {
    aside_of(e).held.emplace_back(std::move(o));
    return;
  }
  send_observation(e, std::move(o));
}

void partition_state::send_observation(entity_entry& e, observation o) {
  ++e.dispatched;
  if (o.counted) ++e.dispatched_counted;
  self->send(e.handle, std::move(o));
}

void partition_state::deliver(entity_entry& e, rules_changed r) {
  if (e.where == presence::active)
    self->send(e.handle, std::move(r));
  else
    aside_of(e).held.emplace_back(std::move(r));
}

void partition_state::deliver(entity_entry& e, clock_passed c) {
  if (e.clock_sent == 0) e.clock_sent = c.where.position;
  if (e.where != presence::active) {
    aside_of(e).held.emplace_back(std::move(c));
    return;
  }
  ++e.clocks_sent;
  self->send(e.handle, std::move(c));
}

void partition_state::take_other(const shared_blob& blob, std::size_t offset, std::uint32_t index) {
  record_view record;
  const auto read = read_record_at(blob->bytes, offset, record);
  if (counted({blob->position, index}))
    peers_.counters->finished.fetch_add(1, std::memory_order_relaxed);
  if (!read) {
    tell("poison", subject(), "record unreadable: " + read.error().what);
    return;
  }
  const record_address where{options_.id, blob->position, index};
  switch (record.kind) {
    case record_kind::clock:
      pass_clock(record.clock, where);
      break;
    case record_kind::degrade:
      clock_.degrade(record.degrade.on, where);
      break;
    case record_kind::control:
      take_control(record.control, where);
      break;
    case record_kind::event:
      break;  // take_event() has it
  }
}

void partition_state::pass_clock(const clock_record& clock, const record_address& where) {
  const auto before = clock_.clock();
  clock_.pass(clock, where);
  // Who had an event since the last clock gets this one with its next event, or with the clock
  // after this; the others have nothing else to wake them.
  for (auto* e : active_) {
    if (!e->event_since_clock) deliver(*e, clock_passed{clock_.now().time(), where});
    e->event_since_clock = false;
  }
  wake_by_clock(clock_.clock());
  retire_silent(before, clock_.clock(), where);
  self->send(peers_.correlator, event_clock_at{clock_.clock().event});
}

void partition_state::take_control(const control_record& control, const record_address& where) {
  const auto taken = rules_.take(control, where.position);
  if (!taken) {
    tell("poison", subject(), "control unreadable: " + taken.error().what);
    return;
  }
  if (*taken == rules_history::step::seen) return;
  if (*taken == rules_history::step::rules) {
    clock_.set_absence(absence_of(*rules_.current()));
    // What the clock has closed is judged by the rules before, also by those that hear of it with
    // their next event only.
    for (auto* e : active_) {
      deliver(*e, clock_passed{clock_.now().time(), clock_.now().where});
      deliver(*e, rules_changed{rules_.current()});
    }
  }
  if (control.name == "retire") retire_by_control(std::string{control.payload}, where);
  if (control.name == "release") release(std::string{control.payload}, where);
}

void partition_state::on_credit() { drive(); }

void partition_state::on_decided(entity_decided& d) {
  auto* e = find(d.entity);
  if (e == nullptr) return;               // retired: what it had still to say is of nobody
  if (e->handle && !is_from(*e)) return;  // nor of its namesake, which has come meanwhile
  ++e->decided;
  // What a clock record decided changes the entity as much as an event: a snapshot is due.
  if (e->first_dirty == 0 && !d.decisions.empty()) {
    e->first_dirty = std::max<log_position>(d.decisions.front().cause.first, 1);
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
  // It said so after its snapshot, on its way out: back it comes, to say the same and be saved.
  if (e->where == presence::passive) {
    wake(*e);
    fetch();
  }
  flush();
}

void partition_state::tell(std::string what, std::string subject, std::string text) {
  decision d;
  d.kind = decision_kind::notice;
  d.notice = notice{std::move(what), std::move(subject), std::move(text), clock_.clock().event};
  self->request(peers_.keeper, keeper_deadline, append_decisions{{std::move(d)}})
      .then([](const decisions_appended&) {}, [this](const caf::error& why) { fail(why); });
}

partition_actor::behavior_type partition(partition_actor::stateful_pointer<partition_state> self,
                                         partition_options options, partition_peers peers) {
  be_urgent(*self);
  self->state.begin(std::move(options), std::move(peers));
  return {
      [self](const blob_appended& b) { self->state.on_blob(b); },
      [self](entity_decided& d) { self->state.on_decided(d); },
      [self](entity_saved& s) { self->state.on_saved(s); },
      [self](const credit_back&) { self->state.on_credit(); },
      [self](const entity_idle& i) { self->state.on_idle(i); },
      [self](const sweep_due&) { self->state.on_sweep(); },
      [self](const rest_over& r) { self->state.on_rest_over(r); },
      [self](const drain_request&) { return self->state.on_drain(); },
      [self](const window_question& q) { return self->state.on_window(q); },
      [self](const entity_question& q) { return self->state.on_question(q); },
      [self](const list_question& q) { return self->state.on_list(q); },
      [](const pulse_question&) { return pulse{}; },
  };
}

}  // namespace faultline
