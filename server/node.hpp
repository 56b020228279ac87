// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/options.hpp"
#include "dashboard/queries.hpp"
#include "judgement/options.hpp"
#include "messages/outcome.hpp"
#include "processing/maintenance_window.hpp"
#include "processing/options.hpp"
#include "processing/roles.hpp"
#include "storage/options.hpp"
#include "transport/options.hpp"

namespace faultline {

/// What a reload may change in a running node, and what it may not.
struct fresh_settings {
  detection_options detection;
  correlation_options correlation;
  std::vector<maintenance_window> maintenance;
  storage_options storage;           ///< of it, retention
  std::vector<std::string> applied;  ///< keys that differ and take effect now
  std::vector<std::string> restart;  ///< keys that differ and need a restart
  std::function<void()> accepted;    ///< called once they are in force
};

/// Everything a node is built from: the options of the rooms, the models' files, the runbooks.
struct node_options {
  storage_options storage;
  processing_options processing;
  detection_options detection;
  correlation_options correlation;
  root_cause_options root_cause;
  silence_options silences;
  notify_options notify;
  std::vector<maintenance_window> maintenance;
  socket_options sockets;
  web_options web;
  receiver_options receivers;
  naming_options naming;
  entity_options entities;
  intake_options intake;
  recovery_options recovery;
  lane_options lanes;
  actor_options actors;
  placement_options placement;
  std::vector<runbook> runbooks;
  role_table roles;
  std::string lstm_file;    ///< empty: every tick is scored by the cheap views alone
  std::string ranker_file;  ///< empty: causes are ranked without it
  /// Where models that may be activated lie; empty: beside lstm_file.
  std::string models_directory;
  /// What the configuration says now, for a reload; empty: there is none to read.
  std::function<outcome<fresh_settings>()> read_again;
  /// Whether the node is to end before it serves; asked after each step of its start. Empty: never.
  std::function<bool()> told_to_end;
};

/// The house: opens the store, spawns the actors from the last hop to the first, opens the doors.
class node {
public:
  /// @p give_up is called at most once, from any thread, when the node cannot go on.
  /// @returns ec::shutting_down where it was told to end before it served.
  static outcome<std::unique_ptr<node>> start(const node_options& options,
                                              std::function<void(const std::string&)> give_up);
  ~node();
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  /// Orderly end: doors stop reading, everything taken is applied, snapshotted and flushed.
  outcome<void> stop();
  /// Reads the configuration again and records what may change while running. A bad file changes
  /// nothing. From any thread but CAF's; blocks until it is durable.
  outcome<reload_report> reload();
  /// Addresses as bound: HTTP, then the doors' endpoints.
  std::vector<std::string> bound_addresses() const;
  bool ready() const;
  /// Asks every actor that others wait for whether it still answers. @returns those who did not
  /// within @p patience; nobody: all did. Blocks up to a second longer. From any thread but CAF's.
  std::vector<std::string> late_actors(std::chrono::milliseconds patience);

private:
  node();
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// Version of this build.
const char* version() noexcept;

}  // namespace faultline
