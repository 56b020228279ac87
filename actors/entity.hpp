// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/flight_recorder.hpp"
#include "actors/interfaces.hpp"
#include "actors/lane.hpp"
#include "actors/node_shared.hpp"

namespace faultline {

/// Everyone an entity may talk to: the same for all of a partition. All are valid when it is
/// spawned and outlive it.
struct entity_peers {
  caf::weak_actor_ptr partition;  ///< its supervisor; weak: it owns us
  lane* inference = nullptr;      ///< nullptr: every tick is degraded
  node_counters* counters = nullptr;
  flight_recorder* flight = nullptr;  ///< nullptr: nobody asks what killed the process
  std::shared_ptr<partition_credit> credit;
};

/// What an entity begins with: nothing, or what was known of it.
struct entity_birth {
  std::string id;
  std::shared_ptr<const judgement_rules> rules;
  std::string snapshot;  ///< empty: a new one
  std::vector<entity_decision> recorded;
  log_position decided_through = 0;
  std::shared_ptr<entity_cell> cell;  ///< not null
};

struct entity_state {
  static constexpr const char* name = "entity";
  explicit entity_state(entity_actor::pointer self_ptr) : self{self_ptr} {}
  ~entity_state();

  void begin(entity_birth birth, std::shared_ptr<const entity_peers> who);
  void on_observation(const observation& o);
  void on_clock(const clock_passed& c);
  void on_rules(const rules_changed& r);
  void on_result();
  void on_take_snapshot();
  void on_blocks_stored(const blocks_stored& b);
  window_answer on_window(const window_question& q) const;
  entity_answer on_question() const;

  /// Ask for what its next message reads, in two steps (entity_core::prefetch_state). The worker
  /// whose turn it will be, and nobody else, may call them while it waits for that turn.
  void prefetch_state() const noexcept;
  void prefetch_parts() const noexcept;

  entity_actor::pointer self;

private:
  using held_message = std::variant<observation, clock_passed, rules_changed>;
  /// What it has around a snapshot alone.
  struct saving {
    bool wanted = false;
    std::vector<closed_block> blocks;  ///< closed since the last snapshot
    std::vector<closed_block> handed;  ///< went out with snapshots, not yet known to be on disk
  };
  saving& saving_now();
  bool snapshot_wanted() const noexcept { return saving_ && saving_->wanted; }

  void take(const observation& o);
  void take(const clock_passed& c);
  void take(const rules_changed& r);
  bool must_wait(const partition_time& clock) const;
  bool must_wait(const observation& o) const { return must_wait(o.clock); }
  bool must_wait(const clock_passed& c) const { return must_wait(c.clock); }
  bool must_wait(const rules_changed& r) const;
  void hold(held_message m);
  void take_held();
  void apply(const event_view& event, const record_address& where);
  void follow_clock(const partition_time& clock, const record_address& where);
  void absorb();
  void pump();
  void begin_rows();
  void finish(const forecast_result* result);
  void submit();
  void send_decisions();
  void release_credit();
  void answer_snapshot();
  void say_idle();
  void count_told();
  void count_left_out(std::uint64_t before);
  std::uint32_t model_of(const judgement_rules& rules) const;
  entity_saved save_now();

  std::unique_ptr<entity_core> core_;
  std::shared_ptr<const entity_peers> peers_;
  std::shared_ptr<entity_cell> cell_;
  std::shared_ptr<lane_slot> slot_;
  std::vector<entity_decision> decided_;
  std::unique_ptr<saving> saving_;  ///< null: nothing of it
  /// What came while a silence could not be judged: see must_wait(). In order of coming.
  /// Also what came behind new rules while a closed tick was not judged yet.
  std::vector<held_message> held_;
  record_address covered_;
  record_address under_way_;  ///< the record applied last, or now
  event_time clock_{};
  row_name asked_;           ///< our incarnation, and the row it gave to the lane last
  std::uint64_t begun_ = 0;  ///< observations this incarnation has looked at
  std::uint64_t clocks_done_ = 0;
  std::uint32_t model_ = 0;         ///< lane_slot::model of the rules in force
  std::uint32_t told_bytes_ = 0;    ///< what counters->told_bytes holds of us
  std::uint64_t owed_ = 0;          ///< credit not given back yet
  std::uint64_t owed_counted_ = 0;  ///< of these, the ones the lag limit counts
  bool waiting_for_lane_ = false;   ///< our slot is submitted
};

/// One monitored entity. It never blocks: inference runs in the lane, disks are others' work.
entity_actor::behavior_type entity(entity_actor::stateful_pointer<entity_state> self,
                                   std::shared_ptr<entity_birth> birth,
                                   std::shared_ptr<const entity_peers> peers);

}  // namespace faultline
