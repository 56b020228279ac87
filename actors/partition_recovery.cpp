// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <caf/send.hpp>

#include "actors/caf_bridge.hpp"
#include "actors/partition.hpp"
#include "actors/retirement.hpp"

// Recovery: what is known of the entities, recorded decisions, replay of the log until it is caught
// up with; and the supervision of entities, which is the same thing for one.

namespace faultline {

namespace {
constexpr std::size_t max_deaths = 5;
constexpr std::chrono::seconds death_window{60};
constexpr std::chrono::minutes deaths_remembered{5};
constexpr std::chrono::milliseconds first_rest{100};
constexpr std::chrono::milliseconds longest_rest{30'000};
constexpr std::chrono::minutes load_deadline{2};
}  // namespace

void partition_state::on_image(partition_image& image) {
  const auto point = decode_clock_point(image.checkpoint.state);
  if (!point) {
    fail(to_caf_error(point.error()));
    return;
  }
  written_ = image.checkpoint;
  decided_through_ = image.checkpoint.decided_through;
  // Doors are open before us: what they appended meanwhile waits to be counted as applied.
  auto& through = options_.ledger->through;
  if (!through) through = record_mark{image.last, whole_blob};
  counted_after_ = *through;
  highest_known_ = std::max(highest_known_, image.last);
  next_ = image.checkpoint.position + 1;
  for (const auto& where : image.poison) poison_.emplace(where.position, where.index);
  recorded_ = std::move(image.recorded);
  for (auto at = recorded_.begin(); at != recorded_.end();) {
    auto& [id, all] = *at;
    if (is_retirement(all.front().key)) {
      retired_[id] = all.front().cause;
      all.erase(all.begin());
    }
    at = all.empty() ? recorded_.erase(at) : std::next(at);
  }
  forget_retired();
  if (auto begun = rules_.begin(image.rules, options_.rules); !begun)
    tell("poison", subject(), "rules unreadable: " + begun.error().what);
  rules_written_ = image.rules.sequence;
  clock_.begin(*point, absence_of(*rules_.current()));
  for (auto& known : image.entities) know(known);
  for (auto& row : image.quarantine) {
    auto* e = find(row.entity);
    if (e == nullptr) {  // it never lived long enough for a snapshot
      e = &add_entry(row.entity);
      e->outline.heard_event = point->clock.event;
      e->outline.heard_arrived = point->listened();
    }
    if (row.until == 0) {
      e->where = presence::quarantined;
      peers_.counters->entities_quarantined.fetch_add(1, std::memory_order_relaxed);
    } else {
      e->covered = std::max(e->covered, record_mark{row.until, row.until_index});
    }
    quarantines_.emplace(row.entity, row);
  }
  // Who decided something after its snapshot takes it over now, so that it is saved with it.
  for (auto& [id, e] : entities_) {
    if (e->where != presence::passive || recorded_.count(e->id) == 0) continue;
    e->first_dirty = next_;
    wake(*e);
  }
  loaded_ = true;
  peers_.counters->partitions_loaded.fetch_add(1, std::memory_order_relaxed);
  fetch();
  read_on();
  answer_drain();  // asked to end before there was anything to end
}

void partition_state::know(known_entity& known) {
  auto& e = add_entry(std::move(known.id));
  e.covered = e.last = {known.position, known.index};
  e.outline = known.outline;
  watch(e);
}

/// The newest blobs are kept while older ones are read: else a partition that is written to all the
/// time would read what was just written, and never be done.
void partition_state::keep_ahead(const shared_blob& blob) {
  constexpr std::size_t most = 1024;
  if (!ahead_.empty() && blob->position != ahead_.back()->position + 1) ahead_.clear();
  ahead_.push_back(blob);
  if (ahead_.size() > most) ahead_.pop_front();
}

/// @returns true when what was told begins where the log was read to: it follows in the queue.
bool partition_state::join_ahead() {
  while (!ahead_.empty() && ahead_.front()->position < next_) ahead_.pop_front();
  if (ahead_.empty() || ahead_.front()->position != next_) return false;
  for (auto& blob : ahead_) {
    wake_ahead(*blob);
    queue_.push_back(std::move(blob));
  }
  ahead_.clear();
  next_ = queue_.back()->position + 1;
  return true;
}

void partition_state::read_on() {
  // An ending server reads no further: what it has not read is in the log.
  if (!loaded_ || live_ || reading_ || !queue_.empty() || ending_) return;
  if (join_ahead()) {
    go_live();
    drive();
    return;
  }
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
  if (ending_) return;
  for (const auto& blob : page.blobs) {
    if (blob->position < next_) continue;
    next_ = blob->position + 1;  // positions below the trim are gone on purpose
    queue_.push_back(blob);
    wake_ahead(*blob);
  }
  if (page.blobs.empty()) next_ = highest_known_ + 1;
  drive();
}

/// Replay knows whom it will need: their snapshots are read before their records come.
void partition_state::wake_ahead(const log_blob& blob) {
  std::size_t offset = 0;
  std::uint32_t index = 0;
  while (offset < blob.bytes.size()) {
    const auto extent = extent_at(blob.bytes, offset);
    if (!extent) return;
    if (extent->kind == record_kind::event) {
      auto* e = find(peek_entity(blob.bytes, extent->begin));
      const record_mark where{blob.position, index};
      if (e != nullptr && e->where == presence::passive && e->covered < where &&
          !is_quarantined(*e, where))
        wake(*e);
    }
    offset = extent->end;
    ++index;
  }
}

void partition_state::go_live() {
  const bool first = !live_;
  live_ = true;
  if (first) self->send(peers_.supervisor, partition_recovered{options_.id});
}

// ---- supervision of entities ------------------------------------------------------------------

void partition_state::on_entity_down(caf::actor_id who, const caf::error& why) {
  const auto at = by_actor_.find(who);
  auto* known = at->second;
  by_actor_.erase(at);
  if (known == nullptr) {  // we ended it
    if (const auto gone = retiring_.find(who); gone != retiring_.end()) {
      const auto& cell = *gone->second->cell;
      return_credit(*gone->second, peers_.counters->events_retired);
      peers_.counters->events_retired.fetch_add(cell.begun() - cell.applied.load());
      if (gone->second->aside) peers_.counters->finished.fetch_add(gone->second->aside->waiting);
      retiring_.erase(gone);
      drive();
    }
    return;
  }
  auto& e = *known;
  return_credit(e, peers_.counters->events_resent);
  e.handle = nullptr;
  e.snapshot_asked = false;
  e.first_after_ask = 0;
  peers_.counters->entity_restarts.fetch_add(1, std::memory_order_relaxed);
  auto& aside = aside_of(e);
  const auto now = self->clock().now();
  aside.deaths.push_back(now);
  while (now - aside.deaths.front() > deaths_remembered) aside.deaths.erase(aside.deaths.begin());
  skip_poison(e, to_string(why));
  e.cell.reset();
  const auto recent = std::count_if(aside.deaths.begin(), aside.deaths.end(),
                                    [&](auto then) { return now - then <= death_window; });
  if (static_cast<std::size_t>(recent) >= max_deaths) {
    quarantine(e);
  } else {
    leave(e, presence::resting);
    aside.turn = ++turns_;
    const auto rest = first_rest * (1LL << std::min<std::size_t>(aside.deaths.size() - 1, 16));
    self->delayed_send(self, std::min<std::chrono::milliseconds>(rest, longest_rest),
                       rest_over{e.id, aside.turn});
  }
  drive();
}

void partition_state::skip_poison(entity_entry& e, const std::string& why) {
  const record_mark killer{e.cell->position.load(), e.cell->index.load()};
  if (killer.first == 0) return;  // it died before its first record
  e.aside->begun = std::max(e.aside->begun, killer);
  poison_.insert(killer);
  // Dead of something else than its last event: that one is counted as applied already.
  if (e.cell->begun() != e.cell->applied.load())
    peers_.counters->events_poison.fetch_add(1, std::memory_order_relaxed);
  const record_address where{options_.id, killer.first, killer.second};
  dead_letter letter;
  letter.reason = "poison";
  letter.arrived = clock_.clock().arrived;
  letter.source = "entity " + e.id;
  letter.text = "record " + std::to_string(where.position) + "/" + std::to_string(where.index) +
                " of partition " + std::to_string(where.partition) + " killed its entity: " + why;
  self->request(peers_.keeper, keeper_deadline, skip_record{where, std::move(letter)})
      .then([](const record_skipped&) {}, [this](const caf::error& e2) { fail(e2); });
}

void partition_state::on_rest_over(const rest_over& r) {
  auto* e = find(r.entity);
  if (ending_ || e == nullptr || e->where != presence::resting || e->aside->turn != r.turn) return;
  if (snapshot_under_way(r.entity)) {  // the log is read only from behind it
    flush();
    self->delayed_send(self, first_rest / 2, r);
    return;
  }
  revive(*e);
}

bool partition_state::snapshot_under_way(const std::string& id) const {
  const auto holds = [&](const checkpoint_batch& batch) {
    return std::any_of(batch.snapshots.begin(), batch.snapshots.end(),
                       [&](const entity_snapshot& s) { return s.entity == id; }) ||
           std::find(batch.retired.begin(), batch.retired.end(), id) != batch.retired.end();
  };
  return holds(batch_) || (under_way_ != nullptr && holds(*under_way_));
}

// Back from its snapshot, and from the log what that does not cover. The partition goes on
// meanwhile; what comes now is held.
void partition_state::revive(entity_entry& e) {
  enter(e, presence::waking);
  const auto through = now_at();
  load_entity question{e.id, options_.id, through.first + 1, through.first};
  if (e.first_dirty != 0) question.from = e.first_dirty;
  e.aside->point = e.first_dirty != 0 ? clock_.after(e.first_dirty - 1) : clock_.now();
  e.aside->rules = e.first_dirty != 0 ? rules_.at(e.first_dirty - 1) : rules_.current();
  self->request(peers_.librarian, load_deadline, std::move(question))
      .then([this, id = e.id, turn = e.aside->turn,
             through](entity_image& image) { on_revived(id, turn, through, image); },
            [this](const caf::error& why) { fail(why); });
}

void partition_state::on_revived(const std::string& id, std::uint64_t turn,
                                 const record_mark& through, entity_image& image) {
  auto* e = find(id);
  if (e == nullptr || e->where != presence::waking ||
      e->aside->turn != turn) {  // retired meanwhile
    drive();
    return;
  }
  entity_birth birth;
  birth.id = id;
  birth.rules = e->aside->rules;
  if (image.snapshot) birth.snapshot = std::move(image.snapshot->bytes);
  birth.recorded = std::move(image.recorded);
  enter(*e, presence::active);
  spawn(*e, std::move(birth));
  replay_to(*e, image.blobs, through);
  drive();
}

// What the log has for it up to `through`, with the clocks as they passed; then what was held.
void partition_state::replay_to(entity_entry& e, const std::vector<shared_blob>& blobs,
                                const record_mark& through) {
  e.aside->waiting = 0;
  partition_clock time;
  time.begin(e.aside->point, clock_.absence_ms());
  bool since_clock = false;
  const auto replay = [&](const shared_blob& blob, const record_extent& at, std::uint32_t index) {
    const record_mark where{blob->position, index};
    if (poison_.count(where) != 0) return;  // nobody takes it, whatever it is
    if (at.kind == record_kind::event) {
      if (where <= e.covered || is_quarantined(e, where) ||
          peek_entity(blob->bytes, at.begin) != e.id)
        return;
      since_clock = true;
      peers_.counters->read_revival.fetch_add(1, std::memory_order_relaxed);
      deliver(e, observation{blob, static_cast<std::uint32_t>(at.begin), index, time.now().time(),
                             time.now().degraded, where > e.aside->begun && counted(where)});
      return;
    }
    const record_address address{options_.id, blob->position, index};
    record_view record;
    if (!read_record_at(blob->bytes, at.begin, record)) return;
    if (at.kind == record_kind::control) {
      const bool changes = sets_rules(record.control.name);
      auto rules = changes ? rules_.after(record.control.sequence) : nullptr;
      if (!rules) return;
      deliver(e, clock_passed{time.now().time(), time.now().where});
      deliver(e, rules_changed{std::move(rules)});
      return;
    }
    if (at.kind == record_kind::degrade) {
      time.degrade(record.degrade.on, address);
      return;
    }
    time.pass(record.clock, address);
    if (!since_clock) deliver(e, clock_passed{time.now().time(), address});
    since_clock = false;
  };
  for (const auto& blob : blobs) {
    std::size_t offset = 0;
    for (std::uint32_t index = 0; offset < blob->bytes.size(); ++index) {
      const auto extent = extent_at(blob->bytes, offset);
      if (!extent || record_mark{blob->position, index} > through) break;
      replay(blob, *extent, index);
      offset = extent->end;
    }
  }
  for (auto& held : std::exchange(e.aside->held, {})) {
    if (auto* o = std::get_if<observation>(&held))
      send_observation(e, std::move(*o));  // its credit is taken already
    else if (auto* c = std::get_if<clock_passed>(&held))
      deliver(e, std::move(*c));
    else
      deliver(e, std::get<rules_changed>(std::move(held)));
  }
  if (e.aside->deaths.empty()) e.aside.reset();
}

}  // namespace faultline
