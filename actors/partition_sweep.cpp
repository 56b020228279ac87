// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include <caf/send.hpp>

#include "actors/caf_bridge.hpp"
#include "actors/partition.hpp"

// Snapshots of the oldest dirty entities, the outbox, the checkpoint: what makes a restart short.

namespace faultline {

namespace {
constexpr std::size_t snapshots_per_sweep = 512;
constexpr std::size_t idle_snapshots_per_sweep = 4;
constexpr std::size_t snapshots_per_write = 64;
constexpr std::size_t looked_at_per_sweep = 2048;  ///< entities
/// Beyond so many in memory a checkpoint, for which each is looked at, goes with the sweeps alone.
constexpr std::size_t many_active = 2048;
}  // namespace

/// Records that may have to be replayed: our share of recovery.max_replay at the rate measured, but
/// never so few that snapshots cost more than what they save: taking one, and reading it at the
/// start, is as much work as some records of its entity.
std::uint64_t partition_state::replay_budget() const {
  constexpr std::uint64_t least = 16;
  const auto worth = active_.size() * options_.recovery.records_per_snapshot;
  const auto rate = peers_.counters->replay_rate.load(std::memory_order_relaxed);
  if (rate == 0) return std::max<std::uint64_t>(options_.replay_budget, worth);
  const auto work = static_cast<std::uint64_t>(options_.recovery.max_replay.count());
  return std::max<std::uint64_t>({least, worth, rate * work / 1000 / options_.partitions});
}

void partition_state::on_sweep() {
  self->delayed_send(self, options_.recovery.sweep_interval, sweep_due{});
  checkpoint_due_ = true;
  // While it catches up nothing is saved that does not leave: a snapshot taken now makes only the
  // start after a second kill shorter, and this one longer.
  if (!live_) {
    pump_leaving();
    flush();
    return;
  }
  for (auto* e : most_worth_saving()) ask_snapshot(*e);
  pump_leaving();
  flush();
}

/// The oldest dirty ones: those that are due, at most snapshots_per_sweep; of an idle partition a
/// few that are not. In a large partition each sweep looks at a part of it.
std::vector<entity_entry*> partition_state::most_worth_saving() {
  const auto older = [](const entity_entry* a, const entity_entry* b) {
    return a->dirty_since != b->dirty_since ? a->dirty_since < b->dirty_since : a->id < b->id;
  };
  const auto budget = replay_budget();
  const bool idle = queue_.empty();
  std::vector<entity_entry*> due, young;
  for (std::size_t n = std::min(active_.size(), looked_at_per_sweep); n != 0; --n) {
    if (sweep_at_ >= active_.size()) sweep_at_ = 0;
    auto* e = active_[sweep_at_++];
    if (e->first_dirty == 0 || e->snapshot_asked || !e->handle) continue;
    if (records_ - e->dirty_since > budget * 4 / 5)
      due.push_back(e);
    else if (idle)
      young.push_back(e);
  }
  const auto keep_oldest = [&](std::vector<entity_entry*>& of, std::size_t most) {
    const auto kept = static_cast<std::ptrdiff_t>(std::min(of.size(), most));
    std::partial_sort(of.begin(), of.begin() + kept, of.end(), older);
    of.resize(static_cast<std::size_t>(kept));
  };
  keep_oldest(due, snapshots_per_sweep);
  if (due.size() >= idle_snapshots_per_sweep) return due;
  keep_oldest(young, idle_snapshots_per_sweep - due.size());
  due.insert(due.end(), young.begin(), young.end());
  return due;
}

void partition_state::ask_snapshot(entity_entry& e) {
  e.snapshot_asked = true;
  e.first_after_ask = 0;
  self->send(e.handle, take_snapshot{});
}

/// Whether the message at hand is of the actor of @p e, and not of one that died or was retired.
bool partition_state::is_from(const entity_entry& e) const {
  return self->current_sender() == caf::actor_cast<caf::strong_actor_ptr>(e.handle);
}

void partition_state::on_saved(entity_saved& saved) {
  auto* e = find(saved.entity);
  if (e == nullptr || e->where != presence::active || !e->snapshot_asked) return;
  if (!e->handle || !is_from(*e)) return;
  e->snapshot_asked = false;
  e->first_dirty = e->first_after_ask;
  e->dirty_since = e->count_after_ask;
  e->first_after_ask = 0;
  for (auto& block : saved.blocks)
    batch_.blocks.push_back(window_block{e->id, block.number, std::move(block.bytes)});
  peers_.counters->snapshots.fetch_add(1, std::memory_order_relaxed);
  peers_.counters->snapshot_bytes.fetch_add(saved.bytes.size(), std::memory_order_relaxed);
  // A state that covers no record of its own (only replayed ones) keeps the position it had.
  if (saved.position != 0) e->covered = std::max(e->covered, {saved.position, saved.index});
  saved.outline.heard_event = e->outline.heard_event;
  saved.outline.heard_arrived = e->outline.heard_arrived;
  e->outline = saved.outline;
  batch_.snapshots.push_back(entity_snapshot{e->id, e->covered.first, e->covered.second,
                                             std::move(saved.bytes), encode_outline(e->outline)});
  e->saved_in = batch_number_;
  if (e->leaving && e->heard_since_asked_to_leave()) stay(*e);
  if (e->leaving || batch_.snapshots.size() >= snapshots_per_write || !draining_.empty()) flush();
}

log_position partition_state::checkpoint_position() {
  auto position = next_ - 1;
  if (!queue_.empty()) position = queue_.front()->position - 1;
  const auto keep = [&](const entity_entry& e) {
    if (e.first_dirty != 0) position = std::min(position, e.first_dirty - 1);
  };
  for (auto* e : active_) {
    keep(*e);
    if (e->clock_sent == 0) continue;
    // A clock may have made it say something that is not here yet, or is held until it is back.
    const bool heard_all = e->where == presence::active &&
                           e->cell->clocks_done.load(std::memory_order_acquire) == e->clocks_sent &&
                           e->cell->decided_sent.load(std::memory_order_relaxed) == e->decided;
    if (heard_all)
      e->clock_sent = 0;
    else
      position = std::min(position, e->clock_sent - 1);
  }
  for (const auto* e : resting_) keep(*e);
  return std::max(position, written_.position);
}

/// What is decided does not wait for snapshots that are under way. It holds no checkpoint, and what
/// will count on it is written behind it.
void partition_state::tell_outbox() {
  if (telling_ || no_room_ || batch_.outbox.empty()) return;
  auto told = std::make_shared<checkpoint_batch>();
  told->partition = options_.id;
  told->outbox = std::exchange(batch_.outbox, {});
  told->sync = true;
  telling_ = true;
  self->request<caf::message_priority::high>(peers_.keeper, keeper_deadline,
                                             write_checkpoint{std::move(told)})
      .then(
          [this](const checkpoint_written&) {
            telling_ = false;
            if (!batch_.outbox.empty()) flush();
            answer_drain();
          },
          [this](const caf::error& why) { fail(why); });
}

void partition_state::flush() {
  if (!loaded_ || no_room_) return;
  if (writing_) {
    tell_outbox();
    return;
  }
  const bool checkpoint =
      active_.size() <= many_active || std::exchange(checkpoint_due_, false) || !draining_.empty();
  const auto position = checkpoint ? checkpoint_position() : written_.position;
  const bool advanced = position > written_.position;
  if (batch_.outbox.empty() && batch_.snapshots.empty() && batch_.blocks.empty() &&
      batch_.retired.empty() && batch_.quarantine.empty() && !advanced)
    return;
  // The checkpoint may count on the snapshots of this very batch: one write carries both.
  batch_.checkpoint =
      partition_checkpoint{position, position, encode_clock_point(clock_.after(position))};
  if (auto rules = rules_.checkpoint(position); rules.sequence != rules_written_) {
    rules_written_ = rules.sequence;
    batch_.rules = std::move(rules);
  }
  batch_.sync = !batch_.outbox.empty() || !draining_.empty();
  auto batch = std::make_shared<const checkpoint_batch>(std::move(batch_));
  batch_ = checkpoint_batch{};
  batch_.partition = options_.id;
  ++batch_number_;
  writing_ = true;
  under_way_ = batch;
  const auto done = [this, batch](const checkpoint_written&) { on_flushed(batch); };
  const auto failed = [this](const caf::error& why) { fail(why); };
  if (batch->outbox.empty())
    self->request(peers_.keeper, keeper_deadline, write_checkpoint{batch}).then(done, failed);
  else  // before the snapshots of others
    self->request<caf::message_priority::high>(peers_.keeper, keeper_deadline,
                                               write_checkpoint{batch})
        .then(done, failed);
}

void partition_state::on_flushed(const std::shared_ptr<const checkpoint_batch>& batch) {
  writing_ = false;
  under_way_ = nullptr;
  written_.position = batch->checkpoint->position;
  written_.decided_through = batch->checkpoint->decided_through;
  decided_through_ = written_.decided_through;
  clock_.forget_before(written_.position);
  forget_retired();
  for (const auto& snapshot : batch->snapshots) {
    auto* e = find(snapshot.entity);
    if (e == nullptr || !e->leaving || e->snapshot_asked) continue;
    // A newer one is on its way: who went now would come back from this one.
    if (e->saved_in != batch_number_ - 1) continue;
    if (e->heard_since_asked_to_leave() || e->where != presence::active)
      stay(*e);
    else if (e->first_dirty == 0)
      passivate(*e);
    else  // saved before its last event
      leave_later(*e);
  }
  tell_stored(batch->blocks);
  if (!quarantines_.empty()) forget_quarantines();
  pump_leaving();
  if (!batch_.outbox.empty() || batch_.snapshots.size() >= snapshots_per_write ||
      (leaving_ != 0 && !batch_.snapshots.empty()) || !draining_.empty())
    flush();
  answer_drain();
}

// @p blocks of one entity stand side by side, the newest last.
void partition_state::tell_stored(const std::vector<window_block>& blocks) {
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (i + 1 < blocks.size() && blocks[i + 1].entity == blocks[i].entity) continue;
    const auto* e = find(blocks[i].entity);
    if (e != nullptr && e->handle) self->send(e->handle, blocks_stored{blocks[i].number});
  }
}

caf::result<drained> partition_state::on_drain() {
  auto promise = self->make_response_promise<drained>();
  draining_.push_back(promise);
  ending_ = true;
  if (!live_) leave_unread();
  drive();
  answer_drain();
  return promise;
}

/// Who catches up may have read far ahead of its entities: the next start reads that again.
void partition_state::leave_unread() {
  const std::size_t begun = offset_ == 0 ? 0 : 1;
  if (queue_.size() > begun) {
    next_ = queue_[begun]->position;
    queue_.resize(begun);
  }
  ahead_.clear();
}

void partition_state::answer_drain() {
  if (draining_.empty()) return;
  if (no_room_) {  // all of it is in the log
    for (auto& promise : draining_) promise.deliver(drained{true});
    draining_.clear();
    return;
  }
  if (!loaded_ || !queue_.empty() || waking_ != 0) return;
  bool waiting = false;
  for (auto* e : active_) {
    if (!e->handle) continue;
    if (e->first_dirty != 0 && !e->snapshot_asked) ask_snapshot(*e);
    waiting = waiting || e->snapshot_asked;
  }
  if (waiting) return;
  flush();
  if (writing_ || telling_) return;
  // What was applied is saved. Who still catches up ends here all the same: the rest is in the log.
  for (auto& promise : draining_) promise.deliver(drained{true});
  draining_.clear();
}

}  // namespace faultline
