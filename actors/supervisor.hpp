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
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/directory.hpp"
#include "actors/partition.hpp"

namespace faultline {

/// What the supervisor starts owners with, and whom it tells when the node cannot go on.
struct supervisor_plan {
  partition_options partition;  ///< `id` is filled in per partition
  partition_peers peers;        ///< `supervisor` is filled in
  /// Takes turns with peers.librarian, partition by partition: a start waits for what they read.
  librarian_actor second_librarian;
  partition_directory* directory = nullptr;
  /// Per partition, the end of its log before the doors opened. Empty: as found by each owner.
  std::vector<log_position> log_ends;
  /// Actors without whom nothing works: their death is the node's.
  std::vector<caf::actor> vital;
  /// Called once, from the supervisor: the process should end, with this reason.
  std::function<void(const std::string&)> give_up;
};

struct supervisor_state {
  static constexpr const char* name = "node-supervisor";
  explicit supervisor_state(supervisor_actor::pointer self_ptr) : self{self_ptr} {}

  void begin(std::shared_ptr<supervisor_plan> p);
  void on_down(const caf::actor_addr& who, const caf::error& why);
  void on_recovered(partition_id p);
  caf::result<drained> on_drain();
  caf::result<pulse> on_pulse(const pulse_question& q);

  supervisor_actor::pointer self;

private:
  void start(partition_id p);
  void skip_deadly(partition_id p, const record_mark& at, const std::string& why);

  std::shared_ptr<supervisor_plan> plan_;
  std::map<caf::actor_id, partition_id> owners_;
  std::set<caf::actor_id> owner_ids_;  ///< alive or dead: whose exits do not end us
  std::set<caf::actor_id> vital_;
  std::set<partition_id> ready_;
  std::vector<std::shared_ptr<partition_ledger>> ledgers_;       ///< per partition
  std::map<std::pair<partition_id, record_mark>, int> killers_;  ///< deaths of owners at a record
  std::deque<std::chrono::steady_clock::time_point> deaths_;
};

/// Owns the partitions' owners: one that dies is started again from its checkpoint, at most five in
/// a minute; a record that two of them died of is skipped for good. Beyond that, or when a vital
/// actor dies, the node gives up and its process ends.
supervisor_actor::behavior_type supervisor(
    supervisor_actor::stateful_pointer<supervisor_state> self,
    std::shared_ptr<supervisor_plan> plan);

}  // namespace faultline
