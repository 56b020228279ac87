// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include "actors/directory.hpp"
#include "actors/entity.hpp"
#include "actors/interfaces.hpp"
#include "actors/options.hpp"
#include "actors/partition_clock.hpp"
#include "actors/partition_ledger.hpp"
#include "actors/rules_history.hpp"

namespace faultline {

/// Everyone a partition may talk to. All are valid when it is spawned.
struct partition_peers {
  librarian_actor librarian;
  keeper_actor keeper;
  correlator_actor correlator;
  supervisor_actor supervisor;
  lane* inference = nullptr;
  node_counters* counters = nullptr;
  flight_recorder* flight = nullptr;
  entity_registry* registry = nullptr;
  partition_directory* directory = nullptr;
};

struct partition_options {
  partition_id id = 0;
  actor_options actors;
  recovery_options recovery;
  entity_options entities;
  /// Records this partition may have to replay after a crash, while no rate is measured.
  std::uint64_t replay_budget = 4096;
  std::uint32_t partitions = 1;  ///< they share recovery.max_replay
  /// Handed on from owner to owner. Null: this one is the only one.
  std::shared_ptr<partition_ledger> ledger;
  /// Until the log says which (a store older than control records).
  std::shared_ptr<const judgement_rules> rules;
};

/// Where an entity is.
enum class presence : std::uint8_t {
  passive,      ///< on disk; its next record brings it back
  waking,       ///< its snapshot is being read; what comes is held, in order
  active,       ///< it has an actor
  resting,      ///< it died; what comes waits in the log
  quarantined,  ///< it died too often; what comes is counted, not applied
};

/// For partition_clock: how long nobody was heard, by the rules in force.
inline std::int64_t absence_of(const judgement_rules& rules) {
  return rules.processing.accept_past ? 0 : partition_time::longest_pause(rules.processing).count();
}

/// What is kept of an entity that is not simply there: on its way back, or in trouble.
struct entity_aside {
  std::vector<std::variant<observation, clock_passed, rules_changed>> held;
  rules_history::shared_rules rules;  ///< in force when it began to come back
  clock_point point;                  ///< of the partition when it began to come back
  std::vector<std::chrono::steady_clock::time_point> deaths;
  record_mark begun{0, 0};    ///< what its dead actor had looked at: counted already
  std::uint64_t waiting = 0;  ///< events that wait in the log, of those the lag counts
  std::uint64_t turn = 0;     ///< of its coming back: answers to an older one are dropped
};

/// What a partition knows of one of its entities.
struct entity_entry {
  std::string id;
  entity_actor handle;  ///< null unless it is active
  std::shared_ptr<entity_cell> cell;
  std::unique_ptr<entity_aside> aside;
  entity_outline outline;                ///< as of its snapshot; `heard` as of its newest record
  record_mark covered{0, 0};             ///< last record its snapshot covers
  record_mark last{0, 0};                ///< last record taken
  std::uint64_t dispatched = 0;          ///< observations sent to this actor
  std::uint64_t dispatched_counted = 0;  ///< of these, the ones the lag counts
  log_position first_dirty = 0;          ///< first record no snapshot covers; 0 = clean
  std::uint64_t dirty_since = 0;         ///< partition's record count at that time
  log_position first_after_ask = 0;      ///< first record taken since a snapshot was asked for
  std::uint64_t count_after_ask = 0;
  log_position clock_sent = 0;    ///< first clock record sent whose decisions may not be here
  std::uint32_t clocks_sent = 0;  ///< clock records sent to this actor
  std::uint32_t decided = 0;      ///< messages of decisions that came from this actor
  std::uint32_t leave_at = 0;     ///< lowest bits of `dispatched` when it was asked to leave
  std::uint32_t active_at = 0;    ///< index in the partition's list of those that are here
  std::uint32_t saved_in = 0;     ///< number of the batch that holds its newest snapshot
  std::uint32_t follower = 0;     ///< see habitual_order
  presence where = presence::passive;
  bool snapshot_asked = false;
  bool event_since_clock = false;
  bool leaving = false;  ///< its actor ends when its snapshot is durable and nothing has come
  bool idle_told = false;

  bool heard_since_asked_to_leave() const noexcept {
    return static_cast<std::uint32_t>(dispatched) != leave_at;
  }
};

/// Guesses whose event comes next, without a look at the table of all: publishers name their
/// entities in one order again and again. Each remembers who followed it the last time, by the
/// place among those that are active. Places change hands as entities come and go: a guess is no
/// more.
class habitual_order {
public:
  explicit habitual_order(const std::vector<entity_entry*>& active) : active_{active} {}
  /// Who followed the newest the last time, or anybody; null: nobody.
  entity_entry* expected() const noexcept { return at(expected_); }
  /// @p e, which is active, had an event. What those expected behind it are read by is asked for.
  void heard(entity_entry& e) noexcept;

private:
  entity_entry* at(std::uint32_t place) const noexcept {
    return place < active_.size() ? active_[place] : nullptr;
  }
  const std::vector<entity_entry*>& active_;
  std::uint32_t newest_ = 0, expected_ = 0;
};

struct partition_state {
  static constexpr const char* name = "partition";
  explicit partition_state(partition_actor::pointer self_ptr) : self{self_ptr} {}
  ~partition_state();

  void begin(partition_options o, partition_peers p);
  void on_blob(const blob_appended& b);
  void on_decided(entity_decided& d);
  void on_saved(entity_saved& saved);
  void on_credit();
  void on_idle(const entity_idle& i);
  void on_sweep();
  void on_rest_over(const rest_over& r);
  void on_entity_down(caf::actor_id who, const caf::error& why);
  caf::result<drained> on_drain();
  // ec::overloaded until it knows whom it knows.
  caf::result<window_answer> on_window(const window_question& q);
  caf::result<entity_answer> on_question(const entity_question& q);
  caf::result<list_answer> on_list(const list_question& q);

  partition_actor::pointer self;

private:
  // Recovery: partition_recovery.cpp
  void on_image(partition_image& image);
  void know(known_entity& known);
  void read_on();
  void keep_ahead(const shared_blob& blob);
  bool join_ahead();
  void on_page(const log_page& page);
  void wake_ahead(const log_blob& blob);
  void go_live();
  void skip_poison(entity_entry& e, const std::string& why);
  void revive(entity_entry& e);
  /// A snapshot of it was taken, or its predecessor forgotten, and is not known to be durable.
  bool snapshot_under_way(const std::string& id) const;
  void on_revived(const std::string& id, std::uint64_t turn, const record_mark& through,
                  entity_image& image);
  void replay_to(entity_entry& e, const std::vector<shared_blob>& blobs,
                 const record_mark& through);
  // The way of a record: partition.cpp
  void drive();
  void dispatch();
  void count_read();
  bool may_dispatch() const;
  bool step_front();
  void finish_front();
  void take_event(const shared_blob& blob, std::size_t offset, std::uint32_t index);
  void take_other(const shared_blob& blob, std::size_t offset, std::uint32_t index);
  void pass_clock(const clock_record& clock, const record_address& where);
  void take_control(const control_record& control, const record_address& where);
  void deliver(entity_entry& e, observation o);
  void deliver(entity_entry& e, clock_passed c);
  void deliver(entity_entry& e, rules_changed r);
  void skip_record_at(const record_mark& where, record_kind kind);
  void drop_record(std::atomic<std::uint64_t>& counter, const record_mark& where);
  bool counted(const record_mark& where) const noexcept { return where > counted_after_; }
  record_mark now_at() const;
  void settle();
  void settle(entity_entry& e, std::atomic<std::uint64_t>& undone);
  // Coming and going of entities: partition_life.cpp, partition_retirement.cpp
  entity_entry& next_entry(std::string_view id);
  entity_entry& entry_of(std::string_view id);
  entity_entry& add_entry(std::string id);
  entity_entry* find(std::string_view id);
  entity_aside& aside_of(entity_entry& e);
  void enter(entity_entry& e, presence as);
  void leave(entity_entry& e, presence as);
  void spawn(entity_entry& e, entity_birth birth);
  void wake(entity_entry& e);
  void fetch();
  void on_snapshots(const std::vector<std::pair<std::string, std::uint64_t>>& asked,
                    snapshots_answer& answer);
  void wake_by_clock(const clock_record& clock);
  void watch(entity_entry& e);
  void make_room(const entity_entry& newcomer);
  void begin_leaving(entity_entry& e);
  void stay(entity_entry& e);
  void leave_later(entity_entry& e);
  void pump_leaving();
  void passivate(entity_entry& e);
  void retire(const std::string& id, const record_mark& where);
  void retire_by_control(const std::string& id, const record_address& where);
  void note_retirement(std::string key, const std::string& id, const record_mark& where,
                       operator_command said);
  bool is_of_predecessor(std::string_view id, const record_mark& where) const;
  void forget_retired();
  void retire_silent(const clock_record& before, const clock_record& clock,
                     const record_address& where);
  void quarantine(entity_entry& e);
  void release(const std::string& id, const record_address& where);
  bool is_quarantined(const entity_entry& e, const record_mark& where) const;
  void forget_quarantines();
  void tell(std::string what, std::string subject, std::string text);
  std::string subject() const { return "partition/" + std::to_string(options_.id); }
  void end_actor(entity_entry& e);
  void return_credit(entity_entry& e, std::atomic<std::uint64_t>& undone);
  void give_up_waiting(entity_entry& e, std::atomic<std::uint64_t>& as);
  void send_observation(entity_entry& e, observation o);
  void resize_credit();
  // Questions: partition_questions.cpp
  template <class Question, class Answer>
  void answer(const entity_entry* e, const Question& q,
              caf::typed_response_promise<Answer> promise);
  void answer_without_actor(const entity_entry& e, const window_question& q,
                            caf::typed_response_promise<window_answer> promise);
  void answer_without_actor(const entity_entry& e, const entity_question& q,
                            caf::typed_response_promise<entity_answer> promise);
  // Snapshots, outbox, checkpoint: partition_sweep.cpp
  std::uint64_t replay_budget() const;
  void ask_snapshot(entity_entry& e);
  bool is_from(const entity_entry& e) const;
  std::vector<entity_entry*> most_worth_saving();
  void tell_outbox();
  void tell_stored(const std::vector<window_block>& blocks);
  void flush();
  void on_flushed(const std::shared_ptr<const checkpoint_batch>& batch);
  log_position checkpoint_position();
  void leave_unread();
  void answer_drain();
  void fail(const caf::error& why);

  partition_options options_;
  partition_peers peers_;
  std::shared_ptr<partition_credit> credit_;
  std::shared_ptr<const entity_peers> entity_peers_;  ///< of all its entities
  std::unordered_map<std::string_view, std::unique_ptr<entity_entry>> entities_;
  /// Their ids in order; empty until somebody lists them, and when one comes or goes.
  std::vector<std::string_view> listed_;
  std::vector<entity_entry*> active_;  ///< waking or active: whom clock records reach
  habitual_order order_{active_};
  std::set<entity_entry*> resting_;
  /// Actors whose end we have not heard of; null: we ended them ourselves.
  std::unordered_map<caf::actor_id, entity_entry*> by_actor_;
  /// Retired and told to end: what they had not come to is known once they have.
  std::unordered_map<caf::actor_id, std::unique_ptr<entity_entry>> retiring_;
  std::map<std::string, std::vector<entity_decision>> recorded_;  ///< until their entity exists
  /// Where they were retired, as long as replay might come by there: a namesake begins behind it.
  std::map<std::string, record_mark, std::less<>> retired_;
  std::map<std::string, quarantine_row> quarantines_;
  std::set<record_mark> poison_;
  std::deque<std::pair<std::string, std::uint64_t>> wanted_;  ///< snapshots to be asked for
  std::size_t fetches_ = 0;                                   ///< questions for some, under way
  std::size_t waking_ = 0;
  std::uint64_t turns_ = 0;
  std::vector<std::string> open_ticks_;  ///< passive, with a tick for a clock to close
  std::multimap<std::int64_t, std::string> silences_;  ///< passive: when silence may be an alert
  std::deque<std::string> idle_;                       ///< would leave
  std::size_t leaving_ = 0;
  bool many_quarantined_ = false;
  rules_history rules_;
  std::uint64_t rules_written_ = 0;  ///< control sequence that the last checkpoint carried
  log_position decided_through_ = 0;
  record_mark counted_after_{0, 0};  ///< records up to here are counted by nobody any more
  log_position next_ = 1;            ///< position of the next blob to take
  log_position highest_known_ = 0;   ///< told to us, perhaps not taken
  bool loaded_ = false;
  bool live_ = false;
  bool reading_ = false;
  bool ending_ = false;  ///< told to end: nothing more is read, not when that is done either
  std::deque<shared_blob> queue_;
  std::deque<shared_blob> ahead_;  ///< told while the log is read: without a gap, up to the newest
  std::size_t offset_ = 0;         ///< in queue_.front(); 0 = not begun
  std::uint32_t index_ = 0;
  partition_clock clock_;
  std::uint64_t read_log_ = 0;  ///< events come upon, not yet told to the node's counters
  std::uint64_t read_restart_ = 0;
  std::uint64_t records_ = 0;  ///< dispatched since we began
  checkpoint_batch batch_;
  std::uint32_t batch_number_ = 0;  ///< of `batch_`; the one before it is the one being written
  bool writing_ = false;
  std::size_t sweep_at_ = 0;                           ///< in active_: where the next sweep goes on
  bool checkpoint_due_ = false;                        ///< of a large partition
  bool telling_ = false;                               ///< an outbox alone is with the keeper
  std::shared_ptr<const checkpoint_batch> under_way_;  ///< with the keeper, while writing_
  partition_checkpoint written_;
  std::vector<caf::typed_response_promise<drained>> draining_;
  bool no_room_ = false;  ///< the disk is full and the server ends: nothing is written any more
};

partition_actor::behavior_type partition(partition_actor::stateful_pointer<partition_state> self,
                                         partition_options options, partition_peers peers);

}  // namespace faultline
