// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_node.hpp"

#include <algorithm>
#include <utility>

#include <caf/actor_cast.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include "actors/correlator.hpp"
#include "actors/keeper.hpp"
#include "actors/librarian.hpp"
#include "actors/root_cause.hpp"
#include "actors/supervisor.hpp"

namespace faultline::sim {
namespace {

/// As the API does: what an operator says is a decision, and recorded before it is answered.
caf::behavior desk(caf::event_based_actor* self, const keeper_actor& keeper,
                   const std::function<void(const decision&)>& recorded) {
  return {[=](const append_decisions& said) {
    self->request(keeper, caf::infinite, said)
        .then([=](const decisions_appended&) { recorded(said.decisions.front()); },
              [](const caf::error&) {});  // nobody was told that it is recorded
  }};
}

}  // namespace

sim_node::sim_node(sim_store& memory, std::shared_ptr<const judgement_rules> rules,
                   node_hooks hooks)
    : memory_{memory},
      hooks_{std::move(hooks)},
      directory_{memory.events().partitions()},
      jobs_{dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler())} {
  const auto processing = rules->processing;
  spawn_all(std::move(rules));
  commit_hooks after;
  after.deliver = [this](shared_blob blob) {
    if (const auto owner = directory_.owner(blob->partition))
      caf::anon_send(owner, blob_appended{std::move(blob)});
  };
  after.reply = [this](const reply_address& to, std::string frame) {
    if (!memory_.crashed()) hooks_.reply(to, std::move(frame));
  };
  after.now = hooks_.now;
  after.give_up = [this](const std::string& why) { gave_up_ = why; };
  commit_ = std::make_unique<group_commit>(memory_, intake_options{}, processing, counters_,
                                           std::move(after));
  if (const auto loaded = commit_->load_publishers(); !loaded) gave_up_ = loaded.error().what;
  door_ = std::make_unique<ingress>(ingress_peers{*commit_, registry_, counters_, hooks_.now},
                                    ingress_options{processing, {}, {}, {}});
}

void sim_node::spawn_all(std::shared_ptr<const judgement_rules> rules) {
  keeper_hooks told;
  told.decided = [this](std::uint64_t last) {
    if (correlator_) caf::anon_send(correlator_, decisions_available{last});
  };
  told.publish = [this](const feed_record& r, const std::vector<std::string>&) {
    if (!memory_.crashed()) hooks_.publish(r);
  };
  told.now = hooks_.now;
  auto plan = std::make_shared<supervisor_plan>();
  store* const disk_of_ours = &memory_;
  const librarian_actor books = spawn(librarian, disk_of_ours);
  plan->peers.librarian = books;
  plan->peers.keeper = spawn(keeper, disk_of_ours, told);
  const auto worker = spawn(root_cause_worker, root_cause_options{}, std::vector<runbook>{},
                            std::shared_ptr<cause_ranker>{}, rca_worker_past{});
  const auto causes = spawn(root_cause, root_cause_options{}, role_table{},
                            rca_peers{books, plan->peers.keeper, worker, &directory_});
  correlator_ = spawn(correlator, correlation_options{}, actor_options{},
                      correlator_peers{books, plan->peers.keeper, causes, nullptr, &counters_});
  const std::function<void(const decision&)> recorded = [this](const decision& d) {
    if (!memory_.crashed() && hooks_.recorded) hooks_.recorded(d);
  };
  desk_ = spawn(desk, plan->peers.keeper, recorded);
  plan->peers.correlator = correlator_;
  plan->peers.counters = &counters_;
  plan->peers.registry = &registry_;
  plan->partition.rules = std::move(rules);
  plan->partition.partitions = directory_.size();
  plan->partition.replay_budget = 16;
  plan->directory = &directory_;
  for (partition_id p = 0; p < directory_.size(); ++p)
    plan->log_ends.push_back(memory_.events().last(p));
  plan->vital = {caf::actor_cast<caf::actor>(books),
                 caf::actor_cast<caf::actor>(plan->peers.keeper),
                 caf::actor_cast<caf::actor>(correlator_)};
  plan->give_up = [this](const std::string& why) { gave_up_ = why; };
  boss_ = spawn(supervisor, plan);
}

sim_node::~sim_node() {
  memory_.crash();  // nothing that is said from here on is heard
  for (partition_id p = 0; p < directory_.size(); ++p) directory_.set(p, partition_actor{});
  boss_ = nullptr;
  correlator_ = nullptr;
  desk_ = nullptr;
  for (auto& a : alive_) caf::anon_send_exit(a, caf::exit_reason::kill);
  jobs_.run();
  alive_.clear();
  jobs_.run();
}

bool sim_node::step(chance& dice) {
  auto& waiting = jobs_.jobs;
  if (waiting.empty()) return false;
  const auto drawn = waiting.begin() + static_cast<std::ptrdiff_t>(dice.below(waiting.size()));
  std::rotate(waiting.begin(), drawn, drawn + 1);
  jobs_.run_once();
  return true;
}

bool sim_node::quiet() const {
  return counters_.partitions_ready.load() == directory_.size() && counters_.lag() == 0 &&
         counters_.in_flight.load() == 0;
}

bool sim_node::settle(chance& dice) {
  constexpr int most_pauses = 1000;
  for (int pauses = 0; !quiet();) {
    if (step(dice)) continue;
    if (memory_.crashed() || ++pauses > most_pauses) return false;
    pass(std::chrono::milliseconds{300});
  }
  return true;
}

bool sim_node::drain(chance& dice) {
  caf::scoped_actor asker{system_, true};
  bool complete = false;
  auto waiting = asker->request(boss_, std::chrono::seconds{3600}, drain_request{});
  constexpr int most_pauses = 1000;
  for (int pauses = 0; !asker->has_next_message();) {
    if (step(dice)) continue;
    if (memory_.crashed() || ++pauses > most_pauses) return false;
    pass(std::chrono::milliseconds{300});
  }
  waiting.receive([&](const drained& d) { complete = d.complete; }, [](const caf::error&) {});
  return complete;
}

}  // namespace faultline::sim
