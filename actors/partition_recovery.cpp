// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include "actors/caf_bridge.hpp"
#include "actors/partition.hpp"

// Recovery: snapshots, recorded decisions, replay of the log until it is caught up with; and the
// supervision of entities, which is the same thing for one.

namespace faultline {

namespace {
constexpr std::size_t max_deaths = 5;
constexpr std::chrono::seconds death_window{60};
constexpr std::chrono::minutes load_deadline{2};
}  // namespace

void partition_state::on_image(partition_image& image) {
  written_ = image.checkpoint;
  decided_through_ = image.checkpoint.decided_through;
  image_last_ = image.last;
  highest_known_ = std::max(highest_known_, image.last);
  next_ = image.checkpoint.position + 1;
  for (const auto& where : image.poison) poison_.emplace(where.position, where.index);
  recorded_ = std::move(image.recorded);
  for (auto& snapshot : image.snapshots) {
    auto fresh = std::make_unique<entity_entry>();
    fresh->id = snapshot.entity;
    auto& e = *fresh;
    entities_.emplace(std::string_view{e.id}, std::move(fresh));
    peers_.registry->add(stable_hash(e.id));
    peers_.counters->entities.fetch_add(1, std::memory_order_relaxed);
    e.last = {snapshot.position, snapshot.index};
    entity_birth birth;
    birth.id = e.id;
    birth.snapshot = std::move(snapshot.bytes);
    if (auto at = recorded_.find(e.id); at != recorded_.end()) {
      birth.recorded = std::move(at->second);
      recorded_.erase(at);
    }
    spawn(e, std::move(birth));
  }
  loaded_ = true;
  read_on();
  answer_drain();  // asked to end before there was anything to end
}

void partition_state::read_on() {
  if (!loaded_ || live_ || reading_ || !queue_.empty()) return;
  if (next_ > highest_known_) {
    go_live();
    return;
  }
  reading_ = true;
  self->request(peers_.librarian, load_deadline, read_log{options_.id, next_})
      .then([this](const log_page& page) { on_page(page); },
            [this](const caf::error& why) { fail(why); });
}

void partition_state::on_page(const log_page& page) {
  reading_ = false;
  for (const auto& blob : page.blobs) {
    if (blob->position < next_) continue;
    next_ = blob->position + 1;  // positions below the trim are gone on purpose
    queue_.push_back(blob);
  }
  if (page.blobs.empty()) next_ = highest_known_ + 1;
  drive();
}

void partition_state::go_live() {
  const bool first = !live_;
  live_ = true;
  if (first) self->send(peers_.supervisor, partition_recovered{options_.id});
}

void partition_state::spawn(entity_entry& e, entity_birth birth) {
  birth.rules = options_.rules;
  birth.decided_through = decided_through_;
  e.cell = std::make_shared<entity_cell>();
  e.dispatched = 0;
  entity_peers peers;
  peers.partition = caf::actor_cast<caf::weak_actor_ptr>(self);
  peers.inference = peers_.inference;
  peers.counters = peers_.counters;
  peers.credit = credit_;
  peers.cell = e.cell;
  e.handle = self->spawn<caf::monitored + caf::linked>(
      entity, std::make_shared<entity_birth>(std::move(birth)), std::move(peers));
  by_actor_[e.handle->id()] = &e;
  resize_credit();
  entity_ids_.insert(e.handle->id());
}

// About one observation an entity: then the next event of an entity finds the result of its last
// one, and nobody has to be woken for it.
void partition_state::resize_credit() {
  constexpr std::int64_t least = 16;
  const auto most = static_cast<std::int64_t>(options_.actors.partition_credit);
  const auto wanted = static_cast<std::int64_t>(entities_.size() * 3 / 4);
  credit_->limit.store(std::min(most, std::max(least, wanted)), std::memory_order_relaxed);
}

/// Of an entity that has ended: what it had not come to is counted as @p undone.
void partition_state::return_credit(const entity_entry& e, std::atomic<std::uint64_t>& undone) {
  const auto unread = e.dispatched - e.cell->begun.load();
  undone.fetch_add(unread, std::memory_order_relaxed);
  peers_.counters->in_flight.fetch_sub(unread, std::memory_order_relaxed);
  const auto held = e.dispatched - e.cell->released.load();
  if (held == 0) return;
  credit_->outstanding.fetch_sub(static_cast<std::int64_t>(held));
  peers_.counters->finished.fetch_add(held, std::memory_order_relaxed);
}

void partition_state::on_entity_down(const caf::actor_addr& who, const caf::error& why) {
  if (const auto gone = retiring_.find(who.id()); gone != retiring_.end()) {
    const auto& cell = *gone->second->cell;
    return_credit(*gone->second, peers_.counters->events_retired);
    peers_.counters->events_retired.fetch_add(cell.begun.load() - cell.applied.load());
    retiring_.erase(gone);
    drive();
    return;
  }
  const auto at = by_actor_.find(who.id());
  if (at == by_actor_.end()) return;
  auto& e = *at->second;
  by_actor_.erase(at);
  e.handle = nullptr;
  e.snapshot_asked = false;
  e.first_after_ask = 0;
  peers_.counters->entity_restarts.fetch_add(1, std::memory_order_relaxed);
  const auto now = std::chrono::steady_clock::now();
  e.deaths.push_back(now);
  while (now - e.deaths.front() > death_window) e.deaths.pop_front();
  const bool too_often = e.deaths.size() >= max_deaths;
  return_credit(e,
                too_often ? peers_.counters->events_quarantined : peers_.counters->events_resent);
  skip_poison(e, to_string(why));
  if (too_often)
    quarantine(e);
  else
    revive(e);
  drive();
}

void partition_state::skip_poison(entity_entry& e, const std::string& why) {
  const auto position = e.cell->position.load();
  if (position == 0) return;  // it died before its first record
  const record_address where{options_.id, position, e.cell->index.load()};
  poison_.emplace(where.position, where.index);
  // Dead of something else than its last event: that one is counted as applied already.
  if (e.cell->begun.load() != e.cell->applied.load())
    peers_.counters->events_poison.fetch_add(1, std::memory_order_relaxed);
  dead_letter letter;
  letter.reason = "poison";
  letter.arrived = clock_.arrived;
  letter.source = "entity " + e.id;
  letter.text = "record " + std::to_string(where.position) + "/" + std::to_string(where.index) +
                " of partition " + std::to_string(where.partition) + " killed its entity: " + why;
  self->request(peers_.keeper, load_deadline, skip_record{where, std::move(letter)})
      .then([](const record_skipped&) {}, [this](const caf::error& e2) { fail(e2); });
}

void partition_state::quarantine(entity_entry& e) {
  e.quarantined = true;
  tell("quarantine", e.id,
       e.id + " died " + std::to_string(e.deaths.size()) +
           " times within a minute; its events are stored but not scored");
}

void partition_state::revive(entity_entry& e) {
  e.reviving = true;
  ++reviving_;
  const auto id = e.id;
  self->request(peers_.librarian, load_deadline, load_entity{id, options_.id, e.last.first})
      .then([this, id](entity_image& image) { on_revived(id, image); },
            [this](const caf::error& why) { fail(why); });
}

void partition_state::on_revived(const std::string& id, entity_image& image) {
  --reviving_;
  auto* e = find(id);
  if (e == nullptr) {  // retired meanwhile
    drive();
    return;
  }
  e->reviving = false;
  entity_birth birth;
  birth.id = id;
  if (image.snapshot) birth.snapshot = std::move(image.snapshot->bytes);
  birth.recorded = std::move(image.recorded);
  spawn(*e, std::move(birth));
  for (const auto& blob : image.blobs) {
    std::size_t offset = 0;
    std::uint32_t index = 0;
    while (offset < blob->bytes.size()) {
      const auto extent = extent_at(blob->bytes, offset);
      if (!extent) break;
      const std::pair<log_position, std::uint32_t> where{blob->position, index};
      if (extent->kind == record_kind::event && where <= e->last && poison_.count(where) == 0 &&
          peek_entity(blob->bytes, extent->begin) == id) {
        peers_.counters->read_revival.fetch_add(1, std::memory_order_relaxed);
        send_to(*e, blob, extent->begin, index, false);
      }
      offset = extent->end;
      ++index;
    }
  }
  drive();
}

void partition_state::retire(const std::string& id) {
  auto* e = find(id);
  if (e == nullptr) return;
  batch_.snapshots.erase(std::remove_if(batch_.snapshots.begin(), batch_.snapshots.end(),
                                        [&](const entity_snapshot& s) { return s.entity == id; }),
                         batch_.snapshots.end());
  batch_.retired.push_back(id);
  peers_.registry->remove(stable_hash(id));
  peers_.counters->entities.fetch_sub(1, std::memory_order_relaxed);
  const auto at = entities_.find(std::string_view{e->id});
  auto entry = std::move(at->second);
  entities_.erase(at);
  if (!entry->handle) return;
  const auto handle = entry->handle;
  by_actor_.erase(handle->id());
  retiring_.emplace(handle->id(), std::move(entry));
  self->send_exit(handle, caf::exit_reason::user_shutdown);
}

}  // namespace faultline
