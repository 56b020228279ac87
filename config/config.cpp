// SPDX-License-Identifier: Apache-2.0
#include "config/config.hpp"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "config/internal/setting.hpp"
#include "config/internal/units.hpp"

namespace faultline {
namespace {

const setting* find(const std::string& section, const std::string& name) {
  for (const auto& s : all_settings()) {
    if (s.section == section && s.name == name) return &s;
  }
  return nullptr;
}

/// Names in @p section, or those of the top: sections and keys without one.
std::vector<std::string> names_in(const std::string& section) {
  std::vector<std::string> names;
  for (const auto& s : all_settings()) {
    const auto& name = section.empty() && !s.section.empty() ? s.section : s.name;
    const bool here = section.empty() || s.section == section;
    if (here && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

std::string path_of(const setting& s) {
  return s.section.empty() ? s.name : s.section + "." + s.name;
}

/// Rules between keys; the options they break are in the file or are defaults.
void check_together(const server_config& c, problem_list& problems) {
  const auto add = [&](const char* key, const char* text) {
    problems.add(YAML::Mark::null_mark(), key, text);
  };
  std::set<std::string> bound;
  std::vector<std::string> endpoints = c.sockets.pull;
  endpoints.insert(endpoints.end(), c.sockets.router.begin(), c.sockets.router.end());
  endpoints.push_back(c.sockets.publish);
  endpoints.push_back(c.sockets.replay);
  endpoints.push_back("tcp://" + c.web.listen_address);
  for (const auto& e : endpoints) {
    const bool any_port = e.size() > 2 && (e.substr(e.size() - 2) == ":0" || e.back() == '*');
    if (!any_port && !bound.insert(e).second)
      problems.add(YAML::Mark::null_mark(), "", e + " is named for two sockets");
  }
  const auto& r = c.receivers;
  const bool zmq =
      !c.sockets.pull.empty() || !c.sockets.router.empty() || !c.sockets.subscribe.empty();
  const bool others = r.otlp || r.remote_write || r.influx || r.collectd || !r.syslog.empty() ||
                      !r.statsd.empty() || !r.scrape.empty();
  if (!zmq && !others)
    add("ingest",
        "pull, router and subscribe are all empty, and nothing else is on: no event "
        "could come in");
  if (c.intake.group_bytes > c.intake.max_pending_bytes)
    add("ingest.group_bytes", "is larger than ingest.max_pending");
}

}  // namespace

loaded<server_config> read_config(std::string_view yaml, const std::string& name,
                                  server_config& config) {
  problem_list problems{name};
  const YAML::Node root = parse_yaml(yaml, problems);
  for (const auto& top : entries_of(root, "", names_in(""), problems)) {
    problems.note_place(top.at, top.name);
    if (const setting* s = find("", top.name)) {
      s->read(top, top.name, config, problems);
      continue;
    }
    for (const auto& entry : entries_of(top.value, top.name, names_in(top.name), problems)) {
      const std::string key = top.name + "." + entry.name;
      problems.note_place(entry.at, key);
      find(top.name, entry.name)->read(entry, key, config, problems);
    }
  }
  if (problems.empty()) check_together(config, problems);
  loaded<server_config> result;
  if (problems.empty()) result.value = config;
  result.places = problems.places();
  result.problems = problems.take();
  return result;
}

loaded<server_config> read_config(std::string_view yaml, const std::string& name) {
  server_config config;
  return read_config(yaml, name, config);
}

std::vector<std::pair<std::string, std::string>> settings_of(const server_config& config) {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& s : all_settings()) all.emplace_back(path_of(s), s.show(config));
  return all;
}

std::uint64_t physical_memory_bytes() {
  const long pages = ::sysconf(_SC_PHYS_PAGES), bytes = ::sysconf(_SC_PAGESIZE);
  if (pages <= 0 || bytes <= 0) return 0;
  return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(bytes);
}

std::vector<config_problem> memory_problems(const server_config& config, std::uint64_t memory) {
  const std::pair<const char*, std::uint64_t> sizes[] = {
      {"storage.cache", config.storage.cache_bytes},
      {"storage.write_buffer", config.storage.write_buffer_bytes},
      {"ingest.http_waiting", config.web.event_bodies_bytes},
      {"ingest.max_pending", config.intake.max_pending_bytes},
      {"ingest.join_memory", config.intake.join_memory_bytes},
      {"entities.memory", config.entities.memory}};
  std::vector<config_problem> problems;
  for (const auto& [key, bytes] : sizes) {
    if (memory == 0 || bytes <= memory) continue;
    const auto mib = std::to_string(memory / (1024 * 1024));
    problems.push_back(
        {"", 0, 0, key,
         show_size(bytes) + " is more than the memory of this machine, " + mib + "MiB"});
  }
  return problems;
}

std::vector<std::string> changed_keys(const server_config& before, const server_config& after) {
  std::vector<std::string> changed;
  for (const auto& s : all_settings()) {
    if (s.show(before) != s.show(after)) changed.push_back(path_of(s));
  }
  return changed;
}

}  // namespace faultline
