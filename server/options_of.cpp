// SPDX-License-Identifier: Apache-2.0
#include "server/options_of.hpp"

#include <system_error>

#include "config/roles.hpp"
#include "config/runbooks.hpp"
#include "config/shipped_files.hpp"
#include "config/zones.hpp"
#include "inference/forecaster.hpp"
#include "inference/ranker.hpp"
#include "judgement/inhibition.hpp"
#include "judgement/window_words.hpp"
#include "messages/text.hpp"
#include "processing/label_matchers.hpp"
#include "server/notifier.hpp"
#include "server/placement.hpp"
#include "transport/addresses.hpp"
#include "transport/right_problems.hpp"

namespace faultline {

namespace fs = std::filesystem;

namespace {

/// As file_in_use(), with the name of the setting @p key.
outcome<std::string> file_for(const char* key, const std::string& named, const char* shipped) {
  const auto file = file_in_use(named, shipped);
  if (file.there) return file.path;
  return failure{ec::io_failed, std::string{key} + ": no file " + file.path};
}

/// @p what beside the directory of the running program.
fs::path beside_program(const char* what) {
  std::error_code failed;
  const auto self = fs::read_symlink("/proc/self/exe", failed);
  if (failed) return {};
  return fs::weakly_canonical(self.parent_path() / ".." / what, failed);
}

/// Before anything is opened: what the doors would refuse.
outcome<void> check_addresses(const server_config& c) {
  for (const auto& found :
       {address_problems(c.web), address_problems(c.sockets), address_problems(c.receivers)})
    if (!found.empty()) return failure{ec::invalid, found.front().key + " " + found.front().text};
  return {};
}

/// What can be told to be wrong by the settings alone.
outcome<void> check_settings(const server_config& c) {
  if (const auto found = memory_problems(c, physical_memory_bytes()); !found.empty())
    return failure{ec::invalid, found.front().key + " " + found.front().text};
  if (auto good = check_inhibit(c.correlation.inhibit); !good) return good;
  if (auto good = check_addresses(c); !good) return good;
  if (const auto good = notifier::core_of(c.notify); !good) return good.error();
  for (const auto& [other, name] : c.naming.aliases)
    if (check_name(name) != text_fault::none)
      return failure{ec::invalid, "naming.aliases: what " + other + " is called is no name"};
  return check_edges(c.correlation.edges);
}

/// The roles of a file; those built in where nobody named one and none came with the program.
outcome<role_table> roles_in(const std::string& named) {
  auto file = file_for("roles", named, "config/roles.yaml");
  if (!file && named.empty()) return role_table{};
  if (!file) return file.error();
  const auto rules = load_roles(*file);
  if (!rules) return failure{ec::invalid, to_string(rules.problems)};
  std::vector<role_word> words;
  for (const auto& rule : *rules)
    if (const auto role = role_named(rule.role)) words.push_back({rule.word, *role});
  return role_table{std::move(words)};
}

}  // namespace

outcome<std::vector<maintenance_window>> windows_of(const std::vector<window_words>& words,
                                                    bool configured) {
  std::vector<maintenance_window> all;
  for (const window_words& w : words) {
    auto window = window_of(w, [](const std::string& zone) {
      std::vector<zone_offset> offsets;
      for (const auto& [from, ahead] : offsets_of(zone))
        offsets.push_back({event_time_of(from), ahead});
      return offsets;
    });
    if (!window)
      return failure{window.error().code, "maintenance " + w.name + ": " + window.error().what};
    window->configured = configured;
    all.push_back(std::move(*window));
  }
  return all;
}

outcome<void> check_edges(const std::vector<configured_edge>& edges) {
  for (const configured_edge& e : edges)
    for (const std::string* name : {&e.from, &e.to})
      if (check_name(*name) != text_fault::none)
        return failure{ec::invalid, "edges: no entity may have the name \"" + *name + "\""};
  return {};
}

outcome<node_options> options_of(const server_config& config) {
  node_options o;
  o.storage = config.storage;
  o.processing = config.processing;
  o.detection = config.detection;
  o.correlation = config.correlation;
  o.root_cause = config.root_cause;
  o.silences = config.silences;
  o.notify = config.notify;
  if (auto good = check_settings(config); !good) return good.error();
  auto windows = windows_of(config.maintenance, true);
  if (!windows) return windows.error();
  o.maintenance = std::move(*windows);
  o.sockets = config.sockets;
  o.web = config.web;
  o.receivers = config.receivers;
  o.naming = config.naming;
  o.entities = config.entities;
  o.intake = config.intake;
  o.intake.max_posted_bytes = config.web.event_bodies_bytes;
  o.recovery = config.recovery;
  o.lanes = config.lanes;
  o.actors = config.actors;
  o.placement = config.placement;
  if (o.web.pages.empty()) o.web.pages = beside_program("share/faultline/web").string();
  auto lstm = file_for("model.lstm", config.model.lstm, "models/lstm.flm");
  if (!lstm) return lstm.error();
  o.lstm_file = *lstm;
  o.models_directory = config.model.directory;
  auto ranker = file_for("model.ranker", config.model.ranker, "models/ranker.flm");
  // One that nobody named may be absent: causes are ranked without it.
  if (!ranker && !config.model.ranker.empty()) return ranker.error();
  if (ranker) o.ranker_file = *ranker;
  auto file = file_for("runbooks", config.runbooks, "config/runbooks.yaml");
  if (!file) return file.error();
  auto runbooks = load_runbooks(*file);
  if (!runbooks) return failure{ec::invalid, to_string(runbooks.problems)};
  o.runbooks = std::move(*runbooks);
  auto roles = roles_in(config.roles);
  if (!roles) return roles.error();
  o.roles = std::move(*roles);
  return o;
}

outcome<void> check_startable(const server_config& config) {
  const auto o = options_of(config);
  if (!o) return failure{ec::invalid, o.error().what};
  if (auto possible = check_placement(o->placement); !possible) return possible;
  const auto rights = look_at_rights(o->sockets, o->web).problems;
  if (!rights.empty()) return failure{ec::invalid, rights.front().key + " " + rights.front().text};
  if (const auto model = load_forecaster(o->lstm_file, o->lanes.batch); !model)
    return failure{ec::invalid, "model.lstm: " + model.error().what};
  if (o->ranker_file.empty()) return {};
  if (const auto model = load_ranker(o->ranker_file); !model)
    return failure{ec::invalid, "model.ranker: " + model.error().what};
  return {};
}

}  // namespace faultline
