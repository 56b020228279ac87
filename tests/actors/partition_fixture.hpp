// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "actors/partition.hpp"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include <caf/actor_registry.hpp>

#include "actors/caf_bridge.hpp"
#include "actors/directory.hpp"
#include "actors/keeper.hpp"
#include "actors/librarian.hpp"
#include "actors/supervisor.hpp"
#include "judgement/correlator_core.hpp"
#include "messages/retirement.hpp"
#include "storage/memory_store.hpp"
#include "tests/support/actor_fixture.hpp"

namespace faultline {

inline constexpr std::int64_t start_ms = 1'750'000'000'000;

/// Remembers what it was told.
struct told {
  std::vector<decisions_available> available;
  std::vector<event_clock_at> clocks;
};

inline correlator_actor::behavior_type recording_correlator(correlator_actor::pointer,
                                                            std::shared_ptr<told> into) {
  return {
      [into](const decisions_available& d) { into->available.push_back(d); },
      [into](const event_clock_at& c) { into->clocks.push_back(c); },
      [](const correlator_question&) { return correlator_view{}; },
      [](const pulse_question&) { return pulse{}; },
  };
}

/// Snapshots are read only while `open`; what waits is read with the next question for decisions.
struct snapshot_gate {
  bool open = true;
  std::vector<std::pair<caf::typed_response_promise<snapshots_answer>, load_snapshots>> waiting;
};

/// Hands everything on to @p real, pages of the log only while @p open, and whom a partition knows
/// only while it is @p loadable.
inline librarian_actor::behavior_type gated_librarian(librarian_actor::pointer self,
                                                      librarian_actor real,
                                                      std::shared_ptr<bool> open,
                                                      std::shared_ptr<bool> loadable,
                                                      std::shared_ptr<snapshot_gate> snapshots) {
  return {
      [=](const read_log& q) -> caf::result<log_page> {
        if (*open) return self->delegate(real, q);
        return self->make_response_promise<log_page>();
      },
      [=](const load_partition& q) -> caf::result<partition_image> {
        if (*loadable) return self->delegate(real, q);
        return self->make_response_promise<partition_image>();
      },
      [=](const load_entity& q) { return self->delegate(real, q); },
      [=](const load_snapshots& q) -> caf::result<snapshots_answer> {
        if (snapshots->open) return self->delegate(real, q);
        snapshots->waiting.emplace_back(self->make_response_promise<snapshots_answer>(), q);
        return snapshots->waiting.back().first;
      },
      [=](const read_entity& q) { return self->delegate(real, q); },
      [=](const read_window& q) { return self->delegate(real, q); },
      [=](const load_blocks& q) { return self->delegate(real, q); },
      [=](const read_decisions& q) {
        for (auto& [promise, asked] : std::exchange(snapshots->waiting, {}))
          promise.delegate(real, asked);
        return self->delegate(real, q);
      },
      [=](const load_correlator& q) { return self->delegate(real, q); },
  };
}

/// Checkpoints are written only while `open`; what waits is written with the next group_due.
struct checkpoint_gate {
  bool open = true;
  bool full = false;   ///< the disk is, and the server ends
  bool stuck = false;  ///< answers nobody who asks whether it is there
  std::vector<std::pair<caf::typed_response_promise<checkpoint_written>, write_checkpoint>> waiting;
};

inline keeper_actor::behavior_type gated_keeper(keeper_actor::pointer self, keeper_actor real,
                                                std::shared_ptr<checkpoint_gate> gate) {
  return {
      [=](const write_checkpoint& w) -> caf::result<checkpoint_written> {
        if (gate->full) return to_caf_error({ec::no_space, "no room"});
        if (gate->open) return self->delegate(real, w);
        gate->waiting.emplace_back(self->make_response_promise<checkpoint_written>(), w);
        return gate->waiting.back().first;
      },
      [=](const append_decisions& a) { return self->delegate(real, a); },
      [=](const write_feed& w) { return self->delegate(real, w); },
      [=](const skip_record& s) { return self->delegate(real, s); },
      [=](const group_due&) {
        for (auto& [promise, w] : std::exchange(gate->waiting, {})) promise.delegate(real, w);
      },
      [=](const pulse_question& q) -> caf::result<pulse> {
        if (!gate->stuck) return self->delegate(real, q);
        return self->make_response_promise<pulse>();
      },
  };
}

struct Partition : actor_fixture {
  Partition() { memory = open_memory_store(1); }

  void begin() {
    keeper_hooks hooks;
    hooks.decided = [](std::uint64_t) {};
    hooks.publish = [](const feed_record&, const std::vector<std::string>&) {};
    hooks.now = [] { return arrival_time_of(start_ms); };
    auto plan = std::make_shared<supervisor_plan>();
    reader =
        spawn(gated_librarian, spawn(librarian, memory.get()), log_readable, loadable, snapshots);
    plan->peers.librarian = reader;
    gatekeeper = spawn(gated_keeper, spawn(keeper, memory.get(), hooks), gate);
    plan->peers.keeper = gatekeeper;
    plan->peers.correlator = spawn(recording_correlator, heard);
    plan->peers.counters = &counters;
    plan->peers.registry = &registry;
    plan->partition.rules = std::make_shared<judgement_rules>();
    plan->partition.replay_budget = 4;
    plan->partition.entities = options.entities;
    plan->partition.recovery = options.recovery;
    plan->directory = &directory;
    plan->log_ends = log_ends;
    plan->give_up = [this](const std::string& why) { gave_up = why; };
    boss = spawn(supervisor, plan);
    run();
  }

  void end_boss() {
    caf::anon_send_exit(boss, caf::exit_reason::user_shutdown);
    run();
  }

  /// Appends and tells the owner, which has not heard it yet.
  log_position post_blob(std::string bytes, std::uint32_t records) {
    append_group group;
    group.log.push_back(log_append{0, bytes, records});
    auto at = memory->events().append(group);
    EXPECT_TRUE(at);
    counters.appended += records;
    auto blob = std::make_shared<const log_blob>(log_blob{0, at->front(), std::move(bytes)});
    if (auto owner = directory.owner(0)) caf::anon_send(owner, blob_appended{blob});
    return at->front();
  }
  void append_blob(std::string bytes, std::uint32_t records) {
    post_blob(std::move(bytes), records);
    run();
  }

  static std::string clock_blob(int n) {
    blob_writer writer;
    writer.add(
        clock_record{event_time_of(start_ms + n * 10'000), arrival_time_of(start_ms + n * 10'000)});
    return writer.take();
  }
  void append_clock(int n) { append_blob(clock_blob(n), 1); }

  static std::string control_blob(const char* name, const char* payload,
                                  std::uint64_t sequence = 0) {
    blob_writer writer;
    writer.add(control_record{sequence, name, payload});
    return writer.take();
  }
  void append_control(const char* name, const char* payload, std::uint64_t sequence = 0) {
    append_blob(control_blob(name, payload, sequence), 1);
  }

  static std::string event_blob(const std::vector<std::string>& entities, int n,
                                double times = 1.0) {
    blob_writer writer;
    event_view e;
    for (const auto& id : entities) {
      e.clear();
      e.entity = id;
      e.ts = event_time_of(start_ms + n * 10'000);
      e.has_ts = true;
      e.arrived = arrival_time_of(start_ms + n * 10'000);
      e.metrics = {{"cpu", times * (0.5 + 0.01 * (n % 7)), metric_kind::gauge},
                   {"requests.rate", 100.0 + n % 5, metric_kind::gauge}};
      writer.add(e);
    }
    return writer.take();
  }
  /// Appends events of @p entities at tick @p n to the log and tells the owner.
  void append(const std::vector<std::string>& entities, int n, bool damage_last = false,
              double times = 1.0) {
    auto bytes = event_blob(entities, n, times);
    // A name longer than its record: the last event cannot be read.
    if (damage_last) bytes[bytes.rfind("requests.rate") - 1] = static_cast<char>(0xff);
    append_blob(std::move(bytes), static_cast<std::uint32_t>(entities.size()));
  }

  /// Appends a control record that sets the limit of every metric's upper side.
  void append_rules(std::uint64_t sequence, double above) {
    rules_record r;
    r.rules.processing.accept_past = true;
    r.rules.detection.learning = milliseconds{0};
    r.rules.detection.limits = {{"*", "cpu", above, std::nullopt, "critical"}};
    const auto payload = encode_rules(r);
    blob_writer writer;
    writer.add(control_record{sequence, "configuration", payload});
    append_group group;
    group.log.push_back(log_append{0, writer.take(), 1});
    auto at = memory->events().append(group);
    ASSERT_TRUE(at);
    if (auto owner = directory.owner(0))
      caf::anon_send(owner, blob_appended{std::make_shared<const log_blob>(
                                log_blob{0, at->front(), group.log[0].blob})});
    run();
  }

  void end_owner() {
    caf::anon_send_exit(directory.owner(0), caf::exit_reason::unhandled_exception);
    run();
  }

  /// Its successor has begun to read again what no snapshot covers.
  void end_owner_and_run_until_it_reads() {
    caf::anon_send_exit(directory.owner(0), caf::exit_reason::unhandled_exception);
    while (counters.read_restart == 0 && sched.try_run_once()) continue;
    ASSERT_NE(counters.read_restart.load(), 0U);
  }

  /// The sums of docs/flow.md, with nothing under way.
  void expect_whole_sums(std::uint64_t events) const {
    const auto& n = counters;
    EXPECT_EQ(n.lag(), 0U);
    EXPECT_EQ(n.in_flight.load(), 0U);
    EXPECT_EQ(n.read_log.load(), events);
    EXPECT_EQ(n.read_log + n.read_restart + n.read_revival,
              n.events_taken + n.events_late + n.events_kept + n.events_replayed + n.events_poison +
                  n.events_quarantined + n.events_resent + n.events_retired);
  }

  /// Ids of the alerts that were told from their beginning on.
  std::vector<std::string> alerts_begun() {
    std::vector<std::string> ids;
    const auto all = memory->decisions().read(1, 1000);
    EXPECT_TRUE(all);
    for (const auto& d : *all)
      if (d.kind == decision_kind::alert && d.alert.transition == 1) ids.push_back(d.alert.id);
    return ids;
  }

  /// Why @p question is not answered; nothing when it is.
  template <class Answer, class Question>
  std::optional<ec> refusal(Question question) {
    std::optional<ec> why;
    auto waiting = probe->request(directory.owner(0), std::chrono::seconds{10}, question);
    run();
    waiting.receive([](const Answer&) {},
                    [&](const caf::error& e) { why = from_caf_error(e).code; });
    return why;
  }

  std::uint64_t observations(const std::string& id) {
    return ask<entity_answer>(directory.owner(0), entity_question{id, false}).status.observations;
  }

  std::unique_ptr<store> memory;
  node_counters counters;
  entity_registry registry;
  partition_options options;
  std::shared_ptr<bool> log_readable = std::make_shared<bool>(true);
  std::shared_ptr<bool> loadable = std::make_shared<bool>(true);
  std::shared_ptr<snapshot_gate> snapshots = std::make_shared<snapshot_gate>();
  librarian_actor reader;
  std::shared_ptr<checkpoint_gate> gate = std::make_shared<checkpoint_gate>();
  keeper_actor gatekeeper;
  std::vector<log_position> log_ends;  ///< as the node found them at its start
  partition_directory directory{1};
  std::shared_ptr<told> heard = std::make_shared<told>();
  std::string gave_up;
  supervisor_actor boss;
};

}  // namespace faultline
