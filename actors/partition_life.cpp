// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include "actors/caf_bridge.hpp"
#include "actors/partition.hpp"
#include "processing/prefetch.hpp"

// Entities come and go: known by an outline, woken by what concerns them, passive again when
// nothing does. Who is retired or quarantined: partition_retirement.cpp.

namespace faultline {

namespace {
constexpr std::size_t most_leaving = 64;  ///< snapshots of those who leave, under way at once
constexpr std::size_t most_fetched = 64;  ///< snapshots in one answer
/// Answers under way at once. All partitions ask the same librarian: what each of them waits for,
/// with its deadline, is bounded by what all of them may ask, not by how many entities there are.
constexpr std::size_t most_fetches = 2;
constexpr std::chrono::minutes load_deadline{2};
constexpr std::size_t head_of_actor = 320;  ///< bytes: its references and the head of its mailbox
}  // namespace

entity_entry* partition_state::find(std::string_view id) {
  const auto at = entities_.find(id);
  return at == entities_.end() ? nullptr : at->second.get();
}

entity_entry& partition_state::add_entry(std::string id) {
  auto fresh = std::make_unique<entity_entry>();
  fresh->id = std::move(id);
  auto& e = *fresh;
  entities_.emplace(std::string_view{e.id}, std::move(fresh));
  listed_.clear();
  // The door counts whom it lets in; who comes from the log alone is counted here.
  peers_.registry->add(stable_hash(e.id));
  peers_.counters->entities.fetch_add(1, std::memory_order_relaxed);
  return e;
}

void habitual_order::heard(entity_entry& e) noexcept {
  if (auto* before = at(newest_); before != nullptr && expected_ != e.active_at)
    before->follower = e.active_at;
  newest_ = e.active_at;
  expected_ = e.follower;
  const auto* soon = at(expected_);
  if (soon == nullptr) return;
  prefetch(soon->id.data(), soon->id.size());
  prefetch(caf::actor_cast<caf::actor_control_block*>(soon->handle), head_of_actor);
  if (const auto* later = at(soon->follower)) prefetch(later, sizeof(entity_entry));
}

/// Whose event the log has next.
entity_entry& partition_state::next_entry(std::string_view id) {
  auto* guess = order_.expected();
  return guess != nullptr && guess->id == id ? *guess : entry_of(id);
}

entity_entry& partition_state::entry_of(std::string_view id) {
  if (auto* known = find(id)) return *known;
  auto& e = add_entry(std::string{id});
  if (const auto at = retired_.find(id); at != retired_.end()) e.covered = at->second;
  make_room(e);
  entity_birth birth;
  birth.id = e.id;
  if (auto at = recorded_.find(e.id); at != recorded_.end()) {
    birth.recorded = std::move(at->second);
    recorded_.erase(at);
  }
  enter(e, presence::active);
  spawn(e, std::move(birth));
  return e;
}

entity_aside& partition_state::aside_of(entity_entry& e) {
  if (!e.aside) e.aside = std::make_unique<entity_aside>();
  return *e.aside;
}

/// Among those whom clock records reach.
void partition_state::enter(entity_entry& e, presence as) {
  if (e.where != presence::waking && e.where != presence::active) {
    e.active_at = static_cast<std::uint32_t>(active_.size());
    active_.push_back(&e);
    peers_.counters->entities_active.fetch_add(1, std::memory_order_relaxed);
  }
  if (as == presence::waking && e.where != presence::waking) ++waking_;
  if (as != presence::waking && e.where == presence::waking) --waking_;
  resting_.erase(&e);
  e.where = as;
  resize_credit();
}

void partition_state::leave(entity_entry& e, presence as) {
  if (e.where == presence::waking) --waking_;
  if (e.where == presence::waking || e.where == presence::active) {
    active_[e.active_at] = active_.back();
    active_[e.active_at]->active_at = e.active_at;
    active_.pop_back();
    peers_.counters->entities_active.fetch_sub(1, std::memory_order_relaxed);
  }
  stay(e);
  e.clock_sent = 0;
  if (as == presence::resting)
    resting_.insert(&e);
  else
    resting_.erase(&e);
  e.where = as;
  resize_credit();
}

/// @pre e.where == presence::active.
void partition_state::spawn(entity_entry& e, entity_birth birth) {
  if (!birth.rules) birth.rules = rules_.current();
  birth.decided_through = decided_through_;
  e.cell = std::make_shared<entity_cell>();
  e.dispatched = e.dispatched_counted = e.decided = e.clocks_sent = 0;
  e.clock_sent = 0;
  birth.cell = e.cell;
  e.handle = self->spawn<caf::monitored>(entity, std::make_shared<entity_birth>(std::move(birth)),
                                         entity_peers_);
  by_actor_[e.handle->id()] = &e;
}

// About one observation an entity: then the next event of an entity finds the result of its last
// one, and nobody has to be woken for it.
void partition_state::resize_credit() {
  constexpr std::int64_t least = 16;
  const auto most = static_cast<std::int64_t>(options_.actors.partition_credit);
  const auto wanted = static_cast<std::int64_t>(active_.size() * 3 / 4);
  credit_->limit.store(std::min(most, std::max(least, wanted)), std::memory_order_relaxed);
}

// ---- coming back ------------------------------------------------------------------------------

/// Its snapshot is asked for by the next fetch(); until then, and until it is here, what comes for
/// it is held.
void partition_state::wake(entity_entry& e) {
  make_room(e);
  enter(e, presence::waking);
  auto& aside = aside_of(e);
  aside.point = clock_.now();
  aside.rules = rules_.current();
  aside.turn = ++turns_;
  wanted_.emplace_back(e.id, aside.turn);
  peers_.counters->wakes.fetch_add(1, std::memory_order_relaxed);
}

void partition_state::fetch() {
  for (; !wanted_.empty() && fetches_ < most_fetches; ++fetches_) {
    std::vector<std::pair<std::string, std::uint64_t>> asked;
    load_snapshots question;
    for (; !wanted_.empty() && asked.size() < most_fetched; wanted_.pop_front()) {
      question.entities.push_back(wanted_.front().first);
      asked.push_back(std::move(wanted_.front()));
    }
    self->request(peers_.librarian, load_deadline, std::move(question))
        .then([this,
               asked = std::move(asked)](snapshots_answer& answer) { on_snapshots(asked, answer); },
              [this](const caf::error& why) { fail(why); });
  }
}

void partition_state::on_snapshots(const std::vector<std::pair<std::string, std::uint64_t>>& asked,
                                   snapshots_answer& answer) {
  --fetches_;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    auto* e = find(asked[i].first);
    // Retired meanwhile, or come back another way.
    if (e == nullptr || e->where != presence::waking || e->aside->turn != asked[i].second) continue;
    entity_birth birth;
    birth.id = e->id;
    birth.rules = e->aside->rules;
    if (answer.snapshots[i]) birth.snapshot = std::move(answer.snapshots[i]->bytes);
    if (auto at = recorded_.find(e->id); at != recorded_.end()) {
      birth.recorded = std::move(at->second);
      recorded_.erase(at);
    }
    enter(*e, presence::active);
    spawn(*e, std::move(birth));
    replay_to(*e, {}, {});
  }
  drive();
}

/// Passive entities that time alone may still change are listed where a clock record finds them.
void partition_state::watch(entity_entry& e) {
  if (e.outline.tick_open) open_ticks_.push_back(e.id);
  if (e.outline.silence_open)
    silences_.emplace(unix_ms(e.outline.last_ts) + e.outline.silence_limit_ms, e.id);
}

// Early is no harm: who is back hears every clock until its silence is decided.
void partition_state::wake_by_clock(const clock_record& clock) {
  const auto position = clock_.now().where.position;
  std::vector<std::string> later;
  for (auto& id : open_ticks_) {
    auto* e = find(id);
    if (e == nullptr || e->where != presence::passive) continue;
    if (e->covered.first > position) {  // replay: its snapshot is newer than this clock
      later.push_back(std::move(id));
      continue;
    }
    wake(*e);
    deliver(*e, clock_passed{clock_.now().time(), clock_.now().where});
  }
  open_ticks_ = std::move(later);
  const bool past = rules_.current()->processing.accept_past;
  while (!silences_.empty() && silences_.begin()->first < unix_ms(clock.event)) {
    const auto id = std::move(silences_.begin()->second);
    silences_.erase(silences_.begin());
    auto* e = find(id);
    if (e == nullptr || e->where != presence::passive || !e->outline.silence_open) continue;
    const auto heard = std::max(e->outline.last_arrived, clock_.now().hole.arrived);
    const auto left = e->outline.silence_limit_ms - (clock.arrived - heard).count();
    if (!past && left >= 0) {
      silences_.emplace(unix_ms(clock.event) + left, id);
      continue;
    }
    wake(*e);
    deliver(*e, clock_passed{clock_.now().time(), clock_.now().where});
  }
}

// ---- leaving ----------------------------------------------------------------------------------

void partition_state::on_idle(const entity_idle& i) {
  auto* e = find(i.entity);
  if (e == nullptr || e->where != presence::active || e->leaving || e->idle_told) return;
  e->idle_told = true;
  idle_.push_back(i.entity);
  pump_leaving();
}

void partition_state::pump_leaving() {
  while (leaving_ < most_leaving && !idle_.empty() && !ending_) {
    auto* e = find(idle_.front());
    idle_.pop_front();
    if (e == nullptr || e->where != presence::active || !e->idle_told) continue;
    e->idle_told = false;
    if (!e->leaving && e->dispatched == e->cell->begun()) begin_leaving(*e);
  }
}

void partition_state::begin_leaving(entity_entry& e) {
  e.leaving = true;
  e.leave_at = static_cast<std::uint32_t>(e.dispatched);
  ++leaving_;
  // One that is under way may have been taken before what we know now.
  if (!e.snapshot_asked) ask_snapshot(e);
}

void partition_state::stay(entity_entry& e) {
  if (!e.leaving) return;
  e.leaving = false;
  --leaving_;
}

/// It would still leave, and does not say so again before the next clock.
void partition_state::leave_later(entity_entry& e) {
  stay(e);
  if (e.where != presence::active || e.idle_told) return;
  e.idle_told = true;
  idle_.push_back(e.id);
}

// Its snapshot is durable, and nothing has come since.
void partition_state::passivate(entity_entry& e) {
  return_credit(e, peers_.counters->events_resent);  // there is nothing
  end_actor(e);
  leave(e, presence::passive);
  if (e.aside && e.aside->deaths.empty()) e.aside.reset();
  watch(e);
  peers_.counters->passivations.fetch_add(1, std::memory_order_relaxed);
}

/// What an actor that has ended had not given back yet. What it had not come to is counted as @p
/// undone and waits in the log.
void partition_state::return_credit(entity_entry& e, std::atomic<std::uint64_t>& undone) {
  auto& n = *peers_.counters;
  const auto& cell = *e.cell;
  const auto unread = e.dispatched - cell.begun();
  undone.fetch_add(unread, std::memory_order_relaxed);
  n.in_flight.fetch_sub(unread, std::memory_order_relaxed);
  const auto given = e.cell->close();
  credit_->outstanding.fetch_sub(static_cast<std::int64_t>(e.dispatched - given.released));
  n.finished.fetch_add(cell.begun_counted.load() - given.finished, std::memory_order_relaxed);
  if (const auto left = e.dispatched_counted - cell.begun_counted.load(); left != 0)
    aside_of(e).waiting += left;
}

/// They were counted as read again later, and will not be: as if they had been, for what was
/// counted once is never taken back.
void partition_state::give_up_waiting(entity_entry& e, std::atomic<std::uint64_t>& as) {
  peers_.counters->read_revival.fetch_add(e.aside->waiting, std::memory_order_relaxed);
  as.fetch_add(e.aside->waiting, std::memory_order_relaxed);
  peers_.counters->finished.fetch_add(e.aside->waiting, std::memory_order_relaxed);
  e.aside->waiting = 0;
}

void partition_state::end_actor(entity_entry& e) {
  if (!e.handle) return;
  by_actor_[e.handle->id()] = nullptr;
  self->send_exit(e.handle, caf::exit_reason::user_shutdown);
  e.handle = nullptr;
  e.cell.reset();
}

// Room for one more: who has been silent longest goes, and comes back when it is heard of.
void partition_state::make_room(const entity_entry& newcomer) {
  const auto most = options_.entities.max_active;
  if (most == 0 || peers_.counters->room_taken() < most) return;
  if (leaving_ >= most_leaving) return;
  entity_entry* idlest = nullptr;
  for (auto* e : active_) {
    if (e == &newcomer || e->where != presence::active || e->leaving ||
        e->dispatched != e->cell->begun())
      continue;
    if (idlest == nullptr || e->last < idlest->last) idlest = e;
  }
  if (idlest != nullptr) begin_leaving(*idlest);
}

}  // namespace faultline
