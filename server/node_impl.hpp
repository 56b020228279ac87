// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>

#include "actors/directory.hpp"
#include "actors/feed_door.hpp"
#include "actors/flight_recorder.hpp"
#include "actors/group_commit.hpp"
#include "actors/ingress.hpp"
#include "actors/keeper.hpp"
#include "actors/lane.hpp"
#include "actors/overload.hpp"
#include "actors/post_desk.hpp"
#include "actors/replay_meter.hpp"
#include "actors/scheduling.hpp"
#include "actors/supervisor.hpp"
#include "processing/held_clock.hpp"
#include "server/audit.hpp"
#include "server/backup_desk.hpp"
#include "server/listeners.hpp"
#include "server/live_desk.hpp"
#include "server/machine.hpp"
#include "server/node.hpp"
#include "server/node_actors.hpp"
#include "server/node_life_cycle.hpp"
#include "server/node_queries.hpp"
#include "server/notifier.hpp"
#include "server/posted_notes.hpp"
#include "server/receivers.hpp"
#include "server/rule_desk.hpp"
#include "transport/doors.hpp"
#include "transport/http_server.hpp"

// What a node is made of, for the files that it is written in: node.cpp starts and ends it, with
// node_actors.cpp and node_doors.cpp; node_rules.cpp changes what it judges by, node_watch.cpp
// looks after it. Its parts stand in the order in which they are made.

namespace faultline {

inline arrival_time wall_clock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return arrival_time_of(std::chrono::duration_cast<milliseconds>(now).count());
}

struct caf_config : caf::actor_system_config {
  explicit caf_config(const actor_options& o) { use_two_lines(*this, o); }
};

/// The keeper tells the correlator, which is born after it: handed over once, under a lock.
struct correlator_link {
  std::mutex mutex;
  correlator_actor handle;
  void tell(std::uint64_t last) {
    const std::lock_guard<std::mutex> lock{mutex};
    if (handle) caf::anon_send(handle, decisions_available{last});
  }
  void set(correlator_actor h) {
    const std::lock_guard<std::mutex> lock{mutex};
    handle = std::move(h);
  }
};

struct node::impl {
  impl(const node_options& o, std::function<void(const std::string&)> g)
      : options{o}, give_up_hook{std::move(g)}, config{o.actors} {
    options.entities.max_active = most_active(options.entities, machine_memory_bytes());
  }

  // The start, step by step, and the end: node.cpp says in which order.
  outcome<void> begin();
  outcome<void> open_store();
  outcome<void> take_up();
  outcome<void> read_flight();
  outcome<void> bind_doors();
  outcome<void> spawn();
  outcome<void> open_log();
  outcome<void> serve();
  outcome<void> end();
  void stop_clock();
  void stop_taking();
  outcome<void> drain();
  void close_posts();
  void stop_telling();
  void end_actors();
  /// Where the time of a start goes: one line of the debug log for each step.
  void step_done(const char* step) const;
  /// That, and whether there is to be another step.
  outcome<void> go_on(const char* step) const;
  void give_up(const std::string& why) {
    if (!gave_up.exchange(true)) give_up_hook(why);
  }

  // node_actors.cpp
  void spawn_keepers();
  void spawn_judges();
  keeper_hooks hooks_of_keeper();
  std::shared_ptr<supervisor_plan> plan_of_supervisor();

  // node_doors.cpp
  outcome<void> open_intake();
  outcome<void> open_web();
  node_parts parts_of_queries();
  life_cycle_parts parts_of_life_cycle();

  // node_rules.cpp
  outcome<void> settle_rules();
  outcome<std::uint64_t> append(decision d);
  outcome<reload_report> reload();
  outcome<reload_report> apply_all(const fresh_settings& fresh);
  outcome<reload_report> apply(const fresh_settings& fresh);
  outcome<model_state> activate(const std::string& sha256);

  // node_maintenance.cpp
  outcome<bool> change_windows(const life_cycle_parts::window_edit& edit);

  // node_notify.cpp
  outcome<void> make_notifier();
  outcome<void> forget_notifications();
  outcome<notify_snapshot> open_now();

  // node_watch.cpp
  void run_clock();
  void tell_recovered();
  void measure_replay(double passed_s);
  void tell(notice n);
  void watch_load();
  void watch_skew();
  void watch_clock();
  void watch_space();
  void tell_time();
  arrival_time time_now() const noexcept { return clock.at(wall_clock(), running_clock()); }

  node_options options;
  std::function<void(const std::string&)> give_up_hook;
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
  held_clock clock;
  node_counters counters;
  entity_registry registry;
  std::atomic<bool> gave_up{false};
  bool serves = false;  ///< the start is over: an end has to save what was applied
  std::atomic<bool> ending{false};
  bool stopped = false;

  // The store, and what was found in it.
  std::unique_ptr<store> memory;
  bool had_records = false;  ///< the store was not new: a restart
  std::unique_ptr<flight_recorder> flight;
  std::set<std::uint64_t> deadly_questions;  ///< hashes of incidents: not to be answered again
  std::vector<decision> notices;  ///< of the start, said when there is somebody to say it

  // What is judged by.
  std::unique_ptr<rule_desk> desk;
  std::shared_ptr<const judgement_rules> rules;  ///< of the start
  std::unique_ptr<lane> inference;               ///< none without a model
  std::shared_ptr<cause_ranker> ranker;
  std::mutex reloading;  ///< held by the one reload that may be under way
  reload_status reloads;

  // The ways out, bound before anybody has something to say.
  std::unique_ptr<notifier> notifications;  ///< none without receivers
  std::unique_ptr<partition_directory> directory;
  std::unique_ptr<doors> sockets;
  std::unique_ptr<live_desk> watchers;

  // The actors, and what they share.
  caf_config config;
  std::unique_ptr<caf::actor_system> system;
  std::shared_ptr<correlator_link> link = std::make_shared<correlator_link>();
  std::atomic<bool> correlator_whole{false};  ///< see correlator_peers
  posted_notes posted;                        ///< the keeper tells it
  node_actors actors;

  // The ways in, from the log outwards.
  std::unique_ptr<group_commit> commit;
  std::uint64_t accepted_at_start = 0;
  std::unique_ptr<ingress> intake;
  std::unique_ptr<name_shelf> shelf;
  std::unique_ptr<post_desk> posts;
  other_listeners listeners;
  receiver_routes receivers;
  std::unique_ptr<feed_door> feed;
  std::unique_ptr<overload_ladder> ladder;

  // What is asked.
  refusal_audit refusals;
  std::unique_ptr<http_server> web;
  std::unique_ptr<backup_desk> backups;
  std::unique_ptr<node_queries> answers;
  std::unique_ptr<node_life_cycle> cycle;

  // The clock thread and what is its own.
  std::thread clock_thread;
  std::mutex clock_mutex;
  std::condition_variable clock_wake;
  bool clock_stop = false;
  bool recovered_told = false;
  replay_meter meter{options.recovery.replay_rate};
  double cpu_before = 0;
};

}  // namespace faultline
