// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/interfaces.hpp"

namespace faultline {

/// What the keeper does beside writing. Called on its thread; but for `decided` and `retired`,
/// after the write is durable.
struct keeper_hooks {
  /// The decision log now reaches @p last, which the disk may not have yet: what is made of it is
  /// written behind it, and is on the disk no earlier.
  std::function<void(std::uint64_t last)> decided;
  /// A command that partitions must hear of is durable, as decision number @p sequence.
  std::function<void(std::uint64_t sequence, const operator_command& c)> control;
  /// An entity was retired: what is decided from now on stands behind that in the log.
  std::function<void(const std::string& entity)> retired = [](const std::string&) {};
  /// A feed record is durable: it may go out under @p topics.
  std::function<void(const feed_record&, const std::vector<std::string>& topics)> publish;
  /// Wall clock, for `published`.
  std::function<arrival_time()> now;
  /// True once the node is ending: what finds no room is then refused instead of waiting for it.
  std::function<bool()> ending = [] { return false; };
  /// It waits for room on the disk, or does so no longer.
  std::function<void(bool waits)> full = [](bool) {};
  /// Waits for the disk while the keeper writes on. None: the keeper waits itself.
  disk_actor disk;
};

struct keeper_state {
  static constexpr const char* name = "keeper";
  explicit keeper_state(keeper_actor::pointer self_ptr) : self{self_ptr} {}

  outcome<void> catch_up();
  caf::result<checkpoint_written> on_checkpoint(const write_checkpoint& w);
  caf::result<decisions_appended> on_decisions(const append_decisions& a);
  outcome<feed_written> on_feed(const write_feed& w);
  void on_group_due();

  keeper_actor::pointer self;
  store* into = nullptr;
  keeper_hooks hooks;

private:
  outcome<void> catch_up(partition_id p, std::uint64_t next);
  outcome<void> catch_up_if_behind(partition_id p);
  void hand_over_controls(std::uint64_t first, const std::vector<decision>& decisions);
  outcome<std::uint64_t> append(const decision_append& batch, sync_when when);
  /// Calls @p then with what became of the wait for the disk: what was written so far is on it. In
  /// the order of these calls.
  void when_durable(std::function<void(const outcome<void>&)> then);
  template <class T>
  caf::result<T> answer_when_durable(T answer);
  void ask_disk();
  /// Tells those whose writes are on the disk by now; with a failure, all.
  void settle(const outcome<void>& synced);

  struct waiting {
    std::uint64_t written;  ///< store::written() when it began to wait
    std::function<void(const outcome<void>&)> then;
  };
  std::deque<waiting> waiting_;
  std::set<partition_id> behind_;  ///< their outbox holds what the decision log does not
  std::uint64_t feed_seq_ = 0;     ///< of the newest record written
  bool asked_ = false;             ///< for the disk; the answer settles, or asks again
};

/// Writes of many senders share one wait for the disk, and what comes meanwhile the next: what is
/// written is answered once it is on the disk.
///
/// @p into outlives the actor. Spawn it detached: it blocks in the store, and while the disk is
/// full it waits for room, for as long as it takes: who asks it must allow for that. Before its
/// first message it appends what a crash left in outboxes to the decision log.
keeper_actor::behavior_type keeper(keeper_actor::stateful_pointer<keeper_state> self, store* into,
                                   keeper_hooks hooks);

disk_actor::behavior_type disk(disk_actor::pointer self, store* into);

/// The way to the keeper @p real for whoever asks from outside and waits a few seconds: decisions
/// are handed on, but while it waits for room (@p full) refused with ec::no_space. So nothing piles
/// up before it, and nobody who was told that he failed is heard hours later.
keeper_actor::behavior_type keeper_door(keeper_actor::pointer self, keeper_actor real,
                                        std::shared_ptr<const std::atomic<bool>> full);

/// Keys of the current records in the feed store: by id, and newest first.
std::string record_key(const alert& a);
std::string record_key(const incident& i);
std::string time_key(const alert& a);
std::string time_key(const incident& i);

}  // namespace faultline
