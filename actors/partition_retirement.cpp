// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <caf/send.hpp>

#include "actors/partition.hpp"
#include "messages/retirement.hpp"

// Entities that are taken out: retired, by an operator or because they are silent, and forgotten;
// quarantined and released.

namespace faultline {

namespace {
constexpr std::int64_t retire_steps = 64;  ///< looks at everybody, per entities.retire_after
}  // namespace

void partition_state::retire_by_control(const std::string& id, const record_address& where) {
  const auto* e = find(id);
  // Replay: it was carried out, and who is there is a namesake that came behind it.
  if (e == nullptr || where.mark() <= e->covered || is_of_predecessor(id, where.mark())) return;
  operator_command done;
  done.name = retirement_done;
  done.payload = "{}";
  note_retirement("x/" + std::to_string(where.position) + "/" + std::to_string(where.index), id,
                  where.mark(), std::move(done));
  retire(id, where.mark());
}

/// Into the outbox, where a restart finds it. As a decision it ends the entity's alerts and edges,
/// also those that it told behind an operator's word.
void partition_state::note_retirement(std::string key, const std::string& id,
                                      const record_mark& where, operator_command said) {
  outbox_entry entry;
  entry.entity = id;
  entry.key = std::move(key);
  entry.cause = where;
  entry.tick = clock_.clock().event;
  decision d;
  d.kind = decision_kind::command;
  d.command = std::move(said);
  d.command.subject = id;
  d.command.at = clock_.clock().arrived;
  entry.decision = encode_decision(d);
  batch_.outbox.push_back(std::move(entry));
}

/// Of a predecessor of the same name, which was retired behind it.
bool partition_state::is_of_predecessor(std::string_view id, const record_mark& where) const {
  if (retired_.empty()) return false;
  const auto at = retired_.find(id);
  return at != retired_.end() && where <= at->second;
}

void partition_state::forget_retired() {
  for (auto at = retired_.begin(); at != retired_.end();)
    at = at->second.first <= written_.position ? retired_.erase(at) : std::next(at);
}

/// @pre note_retirement()
void partition_state::retire(const std::string& id, const record_mark& where) {
  auto* e = find(id);
  if (e == nullptr) return;
  retired_[id] = where;
  recorded_.erase(id);
  if (e->aside) {
    give_up_waiting(*e, peers_.counters->events_retired);
    for (const auto& held : e->aside->held) {
      const auto* o = std::get_if<observation>(&held);
      if (o == nullptr) continue;
      credit_->outstanding.fetch_sub(1);
      peers_.counters->in_flight.fetch_sub(1, std::memory_order_relaxed);
      drop_record(peers_.counters->events_retired, {o->blob->position, o->index});
    }
  }
  leave(*e, presence::passive);
  batch_.snapshots.erase(std::remove_if(batch_.snapshots.begin(), batch_.snapshots.end(),
                                        [&](const entity_snapshot& s) { return s.entity == id; }),
                         batch_.snapshots.end());
  batch_.blocks.erase(std::remove_if(batch_.blocks.begin(), batch_.blocks.end(),
                                     [&](const window_block& b) { return b.entity == id; }),
                      batch_.blocks.end());
  batch_.quarantine.erase(std::remove_if(batch_.quarantine.begin(), batch_.quarantine.end(),
                                         [&](const quarantine_row& q) { return q.entity == id; }),
                          batch_.quarantine.end());
  batch_.retired.push_back(id);
  if (const auto q = quarantines_.find(id); q != quarantines_.end()) {
    if (q->second.until == 0)
      peers_.counters->entities_quarantined.fetch_sub(1, std::memory_order_relaxed);
    quarantines_.erase(q);
  }
  peers_.registry->remove(stable_hash(id));
  if (live_) peers_.registry->note_retired(id);
  peers_.counters->entities.fetch_sub(1, std::memory_order_relaxed);
  const auto at = entities_.find(std::string_view{e->id});
  auto entry = std::move(at->second);
  listed_.clear();  // it names what goes
  entities_.erase(at);
  if (!entry->handle) return;
  const auto handle = entry->handle;
  by_actor_[handle->id()] = nullptr;
  retiring_.emplace(handle->id(), std::move(entry));
  self->send_exit(handle, caf::exit_reason::user_shutdown);
}

// By the times that stand in the records, so that replay retires whom we retired, and at the same
// clock. Everybody is looked at a few times per retire_after, not at every clock.
void partition_state::retire_silent(const clock_record& before, const clock_record& clock,
                                    const record_address& where) {
  const std::int64_t limit = options_.entities.retire_after.count();
  const bool past = rules_.current()->processing.accept_past;
  const std::int64_t step = std::max<std::int64_t>(1, limit / retire_steps);
  const auto now_ms = past ? unix_ms(clock.event) : unix_ms(clock.arrived);
  const auto before_ms = past ? unix_ms(before.event) : unix_ms(before.arrived);
  if (limit == 0 || now_ms / step == before_ms / step) return;
  const auto listened = clock_.now().listened();
  std::vector<std::string> silent;
  for (const auto& [id, e] : entities_) {
    auto& o = e->outline;
    if (unix_ms(o.heard_event) == 0) {  // it came before the first clock did
      o.heard_event = clock.event;
      o.heard_arrived = listened;
    }
    const auto silence =
        past ? (clock.event - o.heard_event).count() : (listened - o.heard_arrived).count();
    if (silence > limit) silent.push_back(e->id);
  }
  std::sort(silent.begin(), silent.end());
  for (const auto& id : silent) {
    operator_command said;
    said.name = "retire";
    said.payload = retired_by_silence;
    note_retirement("r/" + std::to_string(where.position), id, where.mark(), std::move(said));
    retire(id, where.mark());
    peers_.counters->retirements.fetch_add(1, std::memory_order_relaxed);
  }
}

bool partition_state::is_quarantined(const entity_entry& e, const record_mark& where) const {
  if (quarantines_.empty()) return false;
  const auto at = quarantines_.find(e.id);
  if (at == quarantines_.end()) return false;
  const auto& q = at->second;
  if (where <= record_mark{q.from, q.from_index}) return false;
  return q.until == 0 || where <= record_mark{q.until, q.until_index};
}

void partition_state::quarantine(entity_entry& e) {
  constexpr std::size_t notice_share = 10;
  quarantine_row row;
  row.entity = e.id;
  // From what it had not looked at on, when that is still ahead of what its snapshot covers.
  row.from = std::max(e.aside->begun, e.covered).first;
  row.from_index = std::max(e.aside->begun, e.covered).second;
  quarantines_[e.id] = row;
  batch_.quarantine.push_back(row);
  leave(e, presence::quarantined);
  give_up_waiting(e, peers_.counters->events_quarantined);
  e.first_dirty = 0;  // what its state lost with it stays lost: it goes on from its snapshot
  peers_.counters->entities_quarantined.fetch_add(1, std::memory_order_relaxed);
  tell("quarantine", e.id,
       e.id + " died " + std::to_string(e.aside->deaths.size()) +
           " times within a minute; its events are stored but not scored");
  std::size_t held = 0;
  for (const auto& [id, q] : quarantines_) held += q.until == 0 ? 1 : 0;
  const bool many = held * notice_share > entities_.size();
  if (many && !many_quarantined_)
    tell("quarantine", subject(),
         std::to_string(held) + " of " + std::to_string(entities_.size()) +
             " entities of partition " + std::to_string(options_.id) + " are quarantined");
  many_quarantined_ = many;
  flush();
}

// It goes on from its snapshot with what comes after this record.
void partition_state::release(const std::string& id, const record_address& where) {
  const auto at = quarantines_.find(id);
  auto* e = find(id);
  if (at == quarantines_.end() || at->second.until != 0 || e == nullptr) return;
  at->second.until = where.position;
  at->second.until_index = where.index;
  batch_.quarantine.push_back(at->second);
  peers_.counters->entities_quarantined.fetch_sub(1, std::memory_order_relaxed);
  e->aside.reset();
  e->covered = std::max(e->covered, record_mark{where.position, where.index});
  leave(*e, presence::passive);
  watch(*e);
  tell("release", id, id + " was released from quarantine");
}

// Replay does not come by there any more.
void partition_state::forget_quarantines() {
  for (auto at = quarantines_.begin(); at != quarantines_.end();) {
    if (at->second.until == 0 || at->second.until >= written_.position) {
      ++at;
      continue;
    }
    at->second.forget = true;
    batch_.quarantine.push_back(at->second);
    at = quarantines_.erase(at);
  }
}

}  // namespace faultline
