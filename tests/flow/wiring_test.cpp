// SPDX-License-Identifier: Apache-2.0
//
// What the files say reaches the code. Tests run in the repository's root.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/config.hpp"
#include "config/roles.hpp"
#include "config/runbooks.hpp"
#include "processing/roles.hpp"
#include "server/options_of.hpp"
#include "tests/support/scratch_directory.hpp"

namespace faultline {
namespace {

using settings = std::vector<std::pair<std::string, std::string>>;

/// As the configuration shows it with the receiver and the route of as_yaml().
std::string one_receiver(const std::string& key) {
  server_config config;
  notify_receiver team;
  team.name = "team";
  team.url = "http://hooks.example";
  notify_route route;
  route.receiver = team.name;
  config.notify.receivers = {team};
  config.notify.routes = {route};
  for (const auto& [name, value] : settings_of(config))
    if (name == key) return value;
  return {};
}

/// Another value of the same kind: the first number one larger, true for false, another endpoint.
std::string other_value(const std::string& key, const std::string& value) {
  if (value == "true") return "false";
  if (value == "false") return "true";
  if (key == "storage.path") return "/somewhere/else";
  if (key == "log.level") return "debug";
  if (key == "log.format") return "json";
  if (key == "limits") return "[{entity: db/*, metric: disk, above: 90, severity: warning}]";
  if (key == "edges") return "[{from: web, to: db, kind: calls}]";
  if (key == "ingest.syslog") return "[tcp://127.0.0.1:5514]";
  if (key == "ingest.statsd") return "[udp://127.0.0.1:8125]";
  if (key == "ingest.scrape")
    return "[{url: http://web-1:9100/metrics, job: node, interval: 10s, timeout: 5s}]";
  if (key == "naming.entities") return "[{label: app, kind: service}]";
  if (key == "naming.aliases") return "{host/a: host/b}";
  if (key == "naming.drop") return "[go_*]";
  if (key == "naming.max_metrics") return "255";
  if (key.compare(0, 10, "placement.") == 0) return "0";
  if (key == "inhibit") return "[{source: [a=b], target: [c=d], equal: [e]}]";
  if (key == "notifications.external_url") return "https://faultline.example";
  if (key == "notifications.receivers" || key == "notifications.routes") return one_receiver(key);
  if (key == "maintenance")
    return "[{name: night, entities: [a], dependents: false, starts: , ends: , days: [], at: "
           "02:00, "
           "duration: 1h, zone: , comment: }]";
  if (key == "ingest.subscribe") return "[tcp://10.0.0.7:5556]";
  if (key.compare(0, 6, "model.") == 0) return "models/lstm.flm";
  if (key.compare(0, 8, "web.tls_") == 0 || key == "web.tokens") return "/somewhere/else";
  if (key == "web.pages") return "/somewhere/else";
  if (key == "web.hosts") return "[faultline.example.org]";
  if (key == "security.curve") return "always";
  if (key == "security.key" || key == "security.clients") return "/somewhere/else";
  if (key == "runbooks") return "config/runbooks.yaml";
  if (key == "roles") return "config/roles.yaml";
  if (key == "root_cause.abstain_below" || key == "root_cause.unobserved_prior") return "0.25";
  if (const auto port = value.rfind(":780"); port != std::string::npos)
    return value.substr(0, port) + ":178" + value.substr(port + 3);
  std::size_t digits = 0;
  while (digits < value.size() && std::isdigit(static_cast<unsigned char>(value[digits]))) ++digits;
  EXPECT_NE(digits, 0U) << key << " has the value " << value << ", which nobody here can change";
  return digits == 0 ? value : std::to_string(std::stoll(value) + 1) + value.substr(digits);
}

/// The value as YAML: texts and lists of texts quoted, everything else as it is.
std::string as_yaml(const std::string& key, const std::string& value) {
  if (key == "limits") return R"([{entity: "db/*", metric: disk, above: 90, severity: warning}])";
  if (key == "notifications.receivers") return "[{name: team, url: 'http://hooks.example'}]";
  if (key == "notifications.routes") return "[{receiver: team}]";
  if (key == "maintenance") return "[{name: night, entities: [a], at: '02:00', duration: 1h}]";
  if (key == "edges" || key == "inhibit" || key == "naming.entities" || key == "naming.aliases" ||
      key == "ingest.scrape")
    return value;
  if (value.size() > 2 && value.front() == '[')
    return "[\"" + value.substr(1, value.size() - 2) + "\"]";
  return value.empty() ? "\"\"" : "\"" + value + "\"";
}

/// A file that says @p all, section by section.
std::string file_of(const settings& all) {
  std::string text, section;
  for (const auto& [key, value] : all) {
    const auto dot = key.find('.');
    if (dot == std::string::npos) {
      text += key + ": " + as_yaml(key, value) + "\n";
      section.clear();
      continue;
    }
    if (key.substr(0, dot) != section) {
      section = key.substr(0, dot);
      text += section + ":\n";
    }
    text += "  " + key.substr(dot + 1) + ": " + as_yaml(key, value) + "\n";
  }
  return text;
}

/// The configuration that a node would say it was built from, as far as its options can say it.
server_config told_by(const node_options& o) {
  server_config c;
  c.storage = o.storage;
  c.processing = o.processing;
  c.detection = o.detection;
  c.correlation = o.correlation;
  c.root_cause = o.root_cause;
  c.silences = o.silences;
  c.notify = o.notify;
  c.sockets = o.sockets;
  c.web = o.web;
  c.receivers = o.receivers;
  c.naming = o.naming;
  c.entities = o.entities;
  c.intake = o.intake;
  c.recovery = o.recovery;
  c.lanes = o.lanes;
  c.actors = o.actors;
  c.placement = o.placement;
  c.model.lstm = o.lstm_file;
  c.model.ranker = o.ranker_file;
  c.model.directory = o.models_directory;
  return c;
}

TEST(Wiring, EveryOptionOfTheFileReachesTheNode) {
  settings wanted;
  for (const auto& [key, value] : settings_of(server_config{}))
    wanted.emplace_back(key, other_value(key, value));
  const auto config = read_config(file_of(wanted), "every key changed");
  ASSERT_TRUE(config) << to_string(config.problems) << "\n" << file_of(wanted);
  EXPECT_EQ(changed_keys(server_config{}, *config).size(), wanted.size());
  const auto options = options_of(*config);
  ASSERT_TRUE(options) << options.error().what;

  std::map<std::string, std::string> told;
  for (const auto& [key, value] : settings_of(told_by(*options))) told[key] = value;
  for (const auto& [key, value] : wanted) {
    // These are not of the node: main() sets the log up, the files of runbooks and roles are read.
    if (key.compare(0, 4, "log.") == 0 || key == "runbooks" || key == "roles") continue;
    // These are lists that are shown with all their members.
    if (key == "maintenance" || key == "notifications.receivers" || key == "notifications.routes")
      continue;
    EXPECT_EQ(told[key], value) << key;
  }
  ASSERT_EQ(options->maintenance.size(), 1U);
  EXPECT_TRUE(options->maintenance[0].configured);
  ASSERT_EQ(options->notify.receivers.size(), 1U);
  ASSERT_EQ(options->notify.routes.size(), 1U);
  const auto runbooks = load_runbooks("config/runbooks.yaml");
  ASSERT_TRUE(runbooks);
  EXPECT_EQ(options->runbooks.size(), runbooks->size());
}

TEST(Wiring, AFileThatIsNotThereIsNamed) {
  for (auto member : {&model_options::lstm, &model_options::ranker}) {
    server_config config;
    config.model.lstm = "models/lstm.flm";
    config.model.*member = "models/none.flm";
    const auto options = options_of(config);
    ASSERT_FALSE(options);
    EXPECT_NE(options.error().what.find("models/none.flm"), std::string::npos);
  }
  server_config config;
  config.model.lstm = "models/lstm.flm";
  config.runbooks = "config/none.yaml";
  const auto options = options_of(config);
  ASSERT_FALSE(options);
  EXPECT_NE(options.error().what.find("config/none.yaml"), std::string::npos);
}

TEST(Wiring, TheFileOfRolesIsReadAndTheOneThatComesWithUsIsWhatIsBuiltIn) {
  server_config config;
  config.model.lstm = "models/lstm.flm";
  config.roles = "config/roles.yaml";
  auto options = options_of(config);
  ASSERT_TRUE(options) << options.error().what;
  EXPECT_TRUE(options->roles.built_in());
  const testing::scratch_directory dir;
  const auto file = dir.path() / "roles.yaml";
  std::ofstream{file} << "roles:\n  - {role: traffic, words: [orders]}\n";
  config.roles = file.string();
  options = options_of(config);
  ASSERT_TRUE(options) << options.error().what;
  EXPECT_EQ(options->roles.role_of("orders"), metric_role::traffic);
  EXPECT_EQ(options->roles.role_of("cpu"), metric_role::none);
  std::ofstream{file} << "roles:\n  - {role: trafic, words: [orders]}\n";
  EXPECT_FALSE(options_of(config));
}

TEST(Roles, FileEqualsTheRulesInTheCode) {
  const auto file = load_roles("config/roles.yaml");
  ASSERT_TRUE(file) << to_string(file.problems);
  ASSERT_FALSE(file->empty());
  // Of two words in one name the one that stands first in the file decides: its role, and its
  // place before the other, are those of the code. Two that hold a pair of the file are that pair.
  std::set<std::string> pairs;
  for (const auto& rule : *file)
    if (rule.word.find(' ') != std::string::npos) pairs.insert(rule.word);
  const auto are_a_pair = [&](const std::string& a, const std::string& b) {
    const auto both = a + ' ' + b;
    return std::any_of(pairs.begin(), pairs.end(),
                       [&](const auto& pair) { return both.find(pair) != std::string::npos; });
  };
  for (std::size_t i = 0; i < file->size(); ++i) {
    const auto& first = (*file)[i];
    EXPECT_EQ(to_string(role_of(first.word)), first.role) << first.word;
    for (std::size_t j = i + 1; j < file->size(); ++j) {
      const auto& second = (*file)[j];
      if (!are_a_pair(first.word, second.word)) {
        EXPECT_EQ(to_string(role_of(first.word + "_" + second.word)), first.role) << second.word;
      }
      if (!are_a_pair(second.word, first.word)) {
        EXPECT_EQ(to_string(role_of(second.word + "." + first.word)), first.role) << second.word;
      }
    }
  }
}

TEST(Roles, WordsStandAsTheFileSaysTheyDo) {
  const auto file = load_roles("config/roles.yaml");
  ASSERT_TRUE(file) << to_string(file.problems);
  for (const auto& rule : *file) {
    EXPECT_EQ(to_string(role_of("Some." + rule.word + "_x")), rule.role);
    if (rule.word.find(' ') != std::string::npos) continue;
    EXPECT_STREQ(to_string(role_of("zz" + rule.word)),
                 rule.word[0] >= '0' && rule.word[0] <= '9' ? rule.role.c_str() : "none")
        << "a word inside a word is none: zz" << rule.word;
    if (rule.word.size() > 3)
      EXPECT_EQ(to_string(role_of(rule.word + "zz")), rule.role);
    else
      EXPECT_STREQ(to_string(role_of(rule.word + "zz")), "none") << rule.word;
  }
}

TEST(Roles, NamesWithoutAWordOfTheFileHaveNone) {
  for (const char* name : {"temperature", "m7", "value", "battery.volts", "uptime_seconds", "users",
                           "cart.size", "price", "faultline_ready", "up{job=faultline}"})
    EXPECT_EQ(role_of(name), metric_role::none) << name;
  EXPECT_EQ(role_of("faultline_memory_bytes"), metric_role::memory);
  EXPECT_EQ(role_of("faultline_faults"), metric_role::errors);
}

}  // namespace
}  // namespace faultline
