// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/entity.hpp"
#include "actors/interfaces.hpp"
#include "actors/options.hpp"

namespace faultline {

/// Everyone a partition may talk to. All are valid when it is spawned.
struct partition_peers {
  librarian_actor librarian;
  keeper_actor keeper;
  correlator_actor correlator;
  supervisor_actor supervisor;
  lane* inference = nullptr;
  node_counters* counters = nullptr;
  entity_registry* registry = nullptr;
};

struct partition_options {
  partition_id id = 0;
  actor_options actors;
  recovery_options recovery;
  /// Records this partition may have to replay after a crash: its share of recovery.max_replay.
  std::uint64_t replay_budget = 4096;
  std::shared_ptr<const judgement_rules> rules;
};

/// What a partition knows of one of its entities.
struct entity_entry {
  std::string id;
  entity_actor handle;  ///< null while it is reviving or quarantined
  std::shared_ptr<entity_cell> cell;
  std::uint64_t dispatched = 0;                       ///< observations sent to this incarnation
  std::pair<log_position, std::uint32_t> last{0, 0};  ///< last record dispatched
  log_position first_dirty = 0;      ///< first record no snapshot covers; 0 = clean
  std::uint64_t dirty_since = 0;     ///< partition's record count at that time
  log_position first_after_ask = 0;  ///< first record dispatched since a snapshot was asked for
  std::uint64_t count_after_ask = 0;
  bool snapshot_asked = false;
  bool event_since_clock = false;
  bool reviving = false;
  bool quarantined = false;
  std::deque<std::chrono::steady_clock::time_point> deaths;
};

struct partition_state {
  static constexpr const char* name = "partition";
  explicit partition_state(partition_actor::pointer self_ptr) : self{self_ptr} {}

  void begin(partition_options o, partition_peers p);
  void on_blob(const blob_appended& b);
  void on_decided(entity_decided& d);
  void on_credit();
  void on_sweep();
  void on_entity_down(const caf::actor_addr& who, const caf::error& why);
  caf::result<drained> on_drain();
  caf::result<window_answer> on_window(const window_question& q);
  caf::result<entity_answer> on_question(const entity_question& q);
  list_answer on_list(const list_question& q) const;

  partition_actor::pointer self;

private:
  // Recovery.
  void on_image(partition_image& image);
  void read_on();
  void on_page(const log_page& page);
  void go_live();
  // The way of a record.
  void drive();
  void dispatch();
  bool may_dispatch() const;
  bool step_front();
  void finish_front();
  void take_event(const shared_blob& blob, std::size_t offset, std::uint32_t index);
  void take_other(const shared_blob& blob, std::size_t offset, std::uint32_t index);
  void pass_clock(const clock_record& clock, const record_address& where);
  void take_control(const control_record& control);
  void send_to(entity_entry& e, const shared_blob& blob, std::size_t offset, std::uint32_t index,
               bool counted);
  void drop_record(std::atomic<std::uint64_t>& counter, log_position position);
  bool counted(log_position position) const noexcept { return position > image_last_; }
  // Entities.
  entity_entry& entry_of(std::string_view id);
  entity_entry* find(std::string_view id);
  void spawn(entity_entry& e, entity_birth birth);
  void retire(const std::string& id);
  void revive(entity_entry& e);
  void on_revived(const std::string& id, entity_image& image);
  void skip_poison(entity_entry& e, const std::string& why);
  void quarantine(entity_entry& e);
  void tell(std::string what, std::string subject, std::string text);
  void return_credit(const entity_entry& e, std::atomic<std::uint64_t>& undone);
  void count_read();
  void resize_credit();
  // Snapshots, outbox, checkpoint.
  void ask_snapshot(entity_entry& e);
  void on_saved(const std::string& id, entity_saved& saved);
  void flush();
  void on_flushed(const std::shared_ptr<const checkpoint_batch>& batch);
  log_position checkpoint_position() const;
  void answer_drain();
  void fail(const caf::error& why);

  partition_options options_;
  partition_peers peers_;
  std::shared_ptr<partition_credit> credit_;
  std::unordered_map<std::string_view, std::unique_ptr<entity_entry>> entities_;
  std::unordered_map<caf::actor_id, entity_entry*> by_actor_;
  std::set<caf::actor_id> entity_ids_;  ///< alive or just dead: whose exits do not end us
  /// Retired and told to end: what they had not come to is known once they have.
  std::unordered_map<caf::actor_id, std::unique_ptr<entity_entry>> retiring_;
  std::map<std::string, std::vector<entity_decision>> recorded_;  ///< until their entity exists
  std::set<std::pair<log_position, std::uint32_t>> poison_;
  log_position decided_through_ = 0;
  log_position image_last_ = 0;     ///< end of the log when we began
  log_position next_ = 1;           ///< position of the next blob to take
  log_position highest_known_ = 0;  ///< told to us, perhaps not taken
  bool loaded_ = false;
  bool live_ = false;
  bool reading_ = false;
  std::deque<shared_blob> queue_;
  std::size_t offset_ = 0;  ///< in queue_.front(); 0 = not begun
  std::uint32_t index_ = 0;
  clock_record clock_;
  bool degraded_ = false;
  std::size_t reviving_ = 0;
  std::uint64_t read_log_ = 0;  ///< events come upon, not yet told to the node's counters
  std::uint64_t read_restart_ = 0;
  std::uint64_t records_ = 0;  ///< dispatched since we began
  checkpoint_batch batch_;
  bool writing_ = false;
  partition_checkpoint written_;
  std::vector<caf::typed_response_promise<drained>> draining_;
};

partition_actor::behavior_type partition(partition_actor::stateful_pointer<partition_state> self,
                                         partition_options options, partition_peers peers);

}  // namespace faultline
