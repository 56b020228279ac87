// SPDX-License-Identifier: Apache-2.0
// The actors of a node: who is born with whom, and how they end.
#include "server/node_actors.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>

#include "actors/correlator.hpp"
#include "actors/keeper.hpp"
#include "actors/librarian.hpp"
#include "actors/root_cause.hpp"
#include "actors/supervisor.hpp"
#include "server/node_impl.hpp"
#include "server/placement.hpp"

namespace faultline {

namespace {

template <class... Handles>
std::vector<caf::actor> untyped(const Handles&... handles) {
  return {caf::actor_cast<caf::actor>(handles)...};
}

}  // namespace

std::vector<caf::actor> node_actors::vital() const {
  return untyped(librarian, second_librarian, keeper, correlator, rca, rca_worker);
}

void node_actors::end() {
  for (const auto& a : untyped(supervisor, correlator, rca, rca_worker, keeper_door, keeper, disk,
                               second_librarian, librarian))
    if (a) caf::anon_send_exit(a, caf::exit_reason::user_shutdown);
  *this = {};
}

outcome<void> node::impl::spawn() {
  {
    const placed here{"fl-actors", options.placement.actors, thread_turn::whole};
    system = std::make_unique<caf::actor_system>(config);
  }
  spawn_keepers();
  spawn_judges();
  actors.supervisor = system->spawn(supervisor, plan_of_supervisor());
  return {};
}

/// Whoever blocks in the store has a thread of its own.
void node::impl::spawn_keepers() {
  const placed here{"fl-storage", options.placement.storage, thread_turn::whole};
  auto& sys = *system;
  actors.librarian = sys.spawn<caf::detached>(librarian, memory.get());
  actors.second_librarian = sys.spawn<caf::detached>(librarian, memory.get());
  actors.disk = sys.spawn<caf::detached>(disk, memory.get());
  const auto full = std::make_shared<std::atomic<bool>>(false);
  auto hooks = hooks_of_keeper();
  hooks.full = [full](bool waits) { full->store(waits); };
  actors.keeper = sys.spawn<caf::detached>(keeper, memory.get(), std::move(hooks));
  actors.keeper_door = sys.spawn(faultline::keeper_door, actors.keeper, full);
}

keeper_hooks node::impl::hooks_of_keeper() {
  keeper_hooks hooks;
  hooks.decided = [link = link](std::uint64_t last) { link->tell(last); };
  hooks.control = [this](std::uint64_t sequence, const operator_command& c) {
    desk->copy(sequence, c);
  };
  hooks.retired = [this](const std::string& entity) { posted.retired(entity); };
  hooks.publish = [this](const feed_record& r, const std::vector<std::string>& topics) {
    sockets->publish(r, topics);
    watchers->told(r.seq);
    if (notifications) notifications->wake();
  };
  hooks.now = [this] { return time_now(); };
  hooks.ending = [this] { return ending.load(); };
  hooks.disk = actors.disk;
  return hooks;
}

void node::impl::spawn_judges() {
  auto& sys = *system;
  actors.rca_worker = sys.spawn<caf::detached>(
      root_cause_worker, options.root_cause, options.runbooks, ranker,
      rca_worker_past{flight.get(), deadly_questions});  // blocks in LibTorch
  actors.rca =
      sys.spawn(root_cause, options.root_cause, rules->roles,
                rca_peers{actors.librarian, actors.keeper, actors.rca_worker, directory.get()});
  actors.correlator = sys.spawn(correlator, desk->current().correlation, options.actors,
                                correlator_peers{actors.librarian, actors.keeper, actors.rca,
                                                 flight.get(), &counters, &correlator_whole});
  link->set(actors.correlator);
  if (!notices.empty()) caf::anon_send(actors.keeper, append_decisions{std::move(notices)});
}

std::shared_ptr<supervisor_plan> node::impl::plan_of_supervisor() {
  auto plan = std::make_shared<supervisor_plan>();
  const auto replay_records = options.recovery.replay_rate *
                              static_cast<std::uint64_t>(options.recovery.max_replay.count()) /
                              1000;
  auto& partition = plan->partition;
  partition.actors = options.actors;
  partition.recovery = options.recovery;
  partition.entities = options.entities;
  partition.rules = rules;
  partition.partitions = directory->size();
  partition.replay_budget = std::max<std::uint64_t>(16, replay_records / directory->size());
  auto& peers = plan->peers;
  peers.librarian = actors.librarian;
  peers.keeper = actors.keeper;
  peers.correlator = actors.correlator;
  peers.inference = inference.get();
  peers.counters = &counters;
  peers.flight = flight.get();
  peers.registry = &registry;
  plan->second_librarian = actors.second_librarian;
  plan->directory = directory.get();
  for (partition_id p = 0; p < directory->size(); ++p)
    plan->log_ends.push_back(memory->events().last(p));
  plan->vital = actors.vital();
  plan->give_up = [this](const std::string& why) { give_up(why); };
  return plan;
}

}  // namespace faultline
