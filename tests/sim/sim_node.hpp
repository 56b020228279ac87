// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>

#include "actors/directory.hpp"
#include "actors/group_commit.hpp"
#include "actors/ingress.hpp"
#include "actors/interfaces.hpp"
#include "judgement/entity_core.hpp"
#include "tests/sim/chance.hpp"
#include "tests/sim/sim_store.hpp"

namespace faultline::sim {

/// What a node tells the world.
struct node_hooks {
  std::function<void(const reply_address&, std::string)> reply;
  std::function<void(const feed_record&)> publish;
  std::function<arrival_time()> now;
  std::function<void(const decision&)> recorded;  ///< a command, and the operator knows
};

/// One life of a server without sockets, threads and models: ingress, group commit, supervisor,
/// partitions, entities, keeper, correlator and root cause, all on one thread, in an order that
/// chance gives. Ends as a process does: at any moment, without a word.
class sim_node {
public:
  sim_node(sim_store& memory, std::shared_ptr<const judgement_rules> rules, node_hooks hooks);
  ~sim_node();
  sim_node(const sim_node&) = delete;
  sim_node& operator=(const sim_node&) = delete;

  ingress& door() { return *door_; }
  group_commit& commit() { return *commit_; }
  const node_counters& counters() const { return counters_; }
  /// An operator's word, on its way to the decision log.
  void say(decision d) { caf::anon_send(desk_, append_decisions{{std::move(d)}}); }

  /// One actor, drawn from those that have something to do, handles one message.
  bool step(chance& dice);
  /// Deadlines and delays fall due.
  void pass(std::chrono::milliseconds time) { jobs_.advance_time(time); }
  /// Every partition has caught up, and every record is applied.
  bool quiet() const;
  /// Goes on until it is quiet. False: it never is.
  bool settle(chance& dice);
  /// An orderly end: everything applied, snapshotted, checkpointed. False: it cannot.
  bool drain(chance& dice);
  const std::string& gave_up() const { return gave_up_; }

private:
  struct config : caf::actor_system_config {
    config() { set("scheduler.policy", caf::atom("testing")); }
  };
  template <class Fun, class... Ts>
  auto spawn(Fun fun, Ts&&... xs) {
    auto handle = system_.spawn(fun, std::forward<Ts>(xs)...);
    alive_.push_back(caf::actor_cast<caf::actor>(handle));
    return handle;
  }
  void spawn_all(std::shared_ptr<const judgement_rules> rules);

  sim_store& memory_;
  node_hooks hooks_;
  node_counters counters_;
  entity_registry registry_;
  partition_directory directory_;
  config config_;
  caf::actor_system system_{config_};
  caf::scheduler::test_coordinator& jobs_;
  std::vector<caf::actor> alive_;
  supervisor_actor boss_;
  correlator_actor correlator_;
  caf::actor desk_;  ///< where operators say things
  std::unique_ptr<group_commit> commit_;
  std::unique_ptr<ingress> door_;
  std::string gave_up_;
};

}  // namespace faultline::sim
