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
#include "actors/lane.hpp"
#include "actors/overload.hpp"
#include "actors/post_desk.hpp"
#include "actors/replay_meter.hpp"
#include "actors/scheduling.hpp"
#include "processing/held_clock.hpp"
#include "server/backup_desk.hpp"
#include "server/listeners.hpp"
#include "server/live_desk.hpp"
#include "server/machine.hpp"
#include "server/node.hpp"
#include "server/node_life_cycle.hpp"
#include "server/node_queries.hpp"
#include "server/notifier.hpp"
#include "server/posted_notes.hpp"
#include "server/receivers.hpp"
#include "server/rule_desk.hpp"
#include "transport/doors.hpp"
#include "transport/http_server.hpp"

// What a node is made of, for the files that it is written in: node.cpp starts and ends it,
// node_rules.cpp changes what it judges by, node_watch.cpp looks after it.

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

  outcome<void> open();
  outcome<void> open_store();
  outcome<void> read_flight();
  outcome<void> settle_rules();
  void spawn();
  outcome<std::uint64_t> append(decision d);
  outcome<reload_report> reload();
  outcome<reload_report> apply_all(const fresh_settings& fresh);
  outcome<reload_report> apply(const fresh_settings& fresh);
  outcome<model_state> activate(const std::string& sha256);
  outcome<void> open_doors_and_web();
  outcome<void> make_notifier();
  outcome<bool> change_windows(const life_cycle_parts::window_edit& edit);
  outcome<void> forget_notifications();
  outcome<notify_snapshot> open_now();
  void run_clock();
  /// Where the time of a start goes: one line of the debug log for each step.
  void step_done(const char* step) const;
  /// That, and whether there is to be another step.
  outcome<void> go_on(const char* step) const;
  void tell_recovered();
  void measure_replay(double passed_s);
  outcome<void> drain();
  void close_posts();
  void tell(notice n);
  void watch_load();
  void watch_skew();
  void watch_clock();
  arrival_time time_now() const noexcept { return clock.at(wall_clock(), running_clock()); }
  void watch_space();
  void tell_time();
  void give_up(const std::string& why) {
    if (!gave_up.exchange(true)) give_up_hook(why);
  }

  node_options options;
  std::function<void(const std::string&)> give_up_hook;
  std::atomic<bool> gave_up{false};
  std::atomic<bool> ending{false};
  caf_config config;
  std::shared_ptr<const judgement_rules> rules;
  std::unique_ptr<store> memory;
  std::unique_ptr<flight_recorder> flight;
  std::set<std::uint64_t> deadly_questions;  ///< hashes of incidents: not to be answered again
  std::vector<decision> notices;  ///< of the start, said when there is somebody to say it
  std::unique_ptr<rule_desk> desk;
  std::mutex reloading;  ///< held by the one reload that may be under way
  reload_status reloads;
  std::unique_ptr<backup_desk> backups;
  held_clock clock;
  node_counters counters;
  entity_registry registry;
  std::unique_ptr<partition_directory> directory;
  std::unique_ptr<lane> inference;
  std::shared_ptr<cause_ranker> ranker;
  std::shared_ptr<correlator_link> link = std::make_shared<correlator_link>();
  std::unique_ptr<doors> sockets;
  std::unique_ptr<live_desk> watchers;
  std::unique_ptr<caf::actor_system> system;
  librarian_actor the_librarian;
  librarian_actor the_second_librarian;  ///< of every other partition
  disk_actor the_disk;
  keeper_actor the_keeper;
  rca_worker_actor the_worker;
  rca_actor the_rca;
  correlator_actor the_correlator;
  supervisor_actor the_supervisor;
  std::unique_ptr<group_commit> commit;
  std::unique_ptr<ingress> intake;
  receiver_routes receivers;
  std::unique_ptr<name_shelf> shelf;
  std::unique_ptr<post_desk> posts;
  other_listeners listeners;
  std::unique_ptr<overload_ladder> ladder;
  std::unique_ptr<feed_door> feed;
  std::unique_ptr<node_queries> answers;
  std::unique_ptr<node_life_cycle> cycle;
  std::unique_ptr<notifier> notifications;  ///< none without receivers
  std::unique_ptr<http_server> web;
  replay_meter meter{options.recovery.replay_rate};
  double cpu_before = 0;
  std::thread clock_thread;
  std::mutex clock_mutex;
  std::condition_variable clock_wake;
  bool clock_stop = false;
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
  bool had_records = false;     ///< the store was not new: a restart
  bool recovered_told = false;  ///< of the clock thread
  bool serves = false;          ///< the start is over: an end has to save what was applied
  bool stopped = false;
  posted_notes posted;                        ///< the keeper tells it; stop() waits for all actors
  std::atomic<bool> correlator_whole{false};  ///< see correlator_peers
};

}  // namespace faultline
