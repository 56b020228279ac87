// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/options.hpp"
#include "config/problem.hpp"
#include "judgement/options.hpp"
#include "processing/options.hpp"
#include "storage/options.hpp"
#include "transport/options.hpp"

namespace faultline {

/// Files of the models. Keys under `model:`. Empty: the one that came with the program.
struct model_options {
  std::string lstm;
  std::string ranker;
  std::string directory;  ///< where models that may be activated lie; empty: beside lstm
};

/// What the server says about itself. Keys under `log:`.
struct log_options {
  std::string level = "info";   ///< trace, debug, info, warn, error
  std::string format = "text";  ///< text, json
};

/// Everything `faultlined --config.file` says: the options of the rooms, and nothing of its own but
/// where files are. Defaults are those of the structs.
struct server_config {
  storage_options storage;
  processing_options processing;
  detection_options detection;
  correlation_options correlation;
  root_cause_options root_cause;
  silence_options silences;
  notify_options notify;
  std::vector<window_words> maintenance;
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
  model_options model;
  log_options log;
  std::string runbooks;  ///< file of the remediation steps; empty: the one that came with us
  std::string roles;     ///< file of the words that tell roles; likewise
};

/// Reads a YAML file. Unknown keys, wrong units, values out of range and keys given twice are
/// problems, each with its line; what the file does not say keeps its default. Changes nothing but
/// its result: to reload, load again and compare.
loaded<server_config> load_config(const std::filesystem::path& file);
/// The same; @p partly gets what could be read, also of a file with problems: for whoever looks for
/// more of them.
loaded<server_config> load_config(const std::filesystem::path& file, server_config& partly);
/// The same from memory; @p name stands in problems.
loaded<server_config> read_config(std::string_view yaml, const std::string& name);

/// Every key with its value as the file would say it ("processing.tick", "10s"), in the order of
/// the default file.
std::vector<std::pair<std::string, std::string>> settings_of(const server_config& config);
/// Bytes of memory that the machine has, whatever a group of processes may take; 0: unknown.
std::uint64_t physical_memory_bytes();
/// Sizes that a machine with @p memory bytes cannot hold, however little else it does. 0: unknown,
/// then there are none. Without file and place.
std::vector<config_problem> memory_problems(const server_config& config, std::uint64_t memory);
/// Keys whose values differ.
std::vector<std::string> changed_keys(const server_config& before, const server_config& after);

}  // namespace faultline
