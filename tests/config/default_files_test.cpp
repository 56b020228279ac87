// SPDX-License-Identifier: Apache-2.0
//
// The files that come with the program say what the code says. Tests run in the repository's root.
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <set>
#include <string>

#include "config/config.hpp"
#include "config/roles.hpp"
#include "config/runbooks.hpp"

namespace faultline {
namespace {

TEST(DefaultFile, SaysEveryKeyWithItsDefault) {
  const auto file = load_config("config/faultline.yaml");
  ASSERT_TRUE(file) << to_string(file.problems);
  const auto said = settings_of(*file);
  const auto built_in = settings_of(server_config{});
  for (std::size_t i = 0; i < said.size(); ++i) EXPECT_EQ(said[i], built_in[i]);

  std::set<std::string> in_file;
  const YAML::Node root = YAML::LoadFile("config/faultline.yaml");
  for (const auto& top : root) {
    const auto name = top.first.as<std::string>();
    if (!top.second.IsMap()) in_file.insert(name);
    if (!top.second.IsMap()) continue;
    for (const auto& key : top.second) in_file.insert(name + "." + key.first.as<std::string>());
  }
  for (const auto& [key, value] : built_in) EXPECT_EQ(in_file.count(key), 1U) << key;
}

TEST(DefaultFile, HasTheDefaultsOfTheWireContract) {
  std::map<std::string, std::string> s;
  for (const auto& [key, value] : settings_of(server_config{})) s[key] = value;
  EXPECT_EQ(s["storage.path"], "/var/lib/faultline");
  EXPECT_EQ(s["web.listen_address"], "127.0.0.1:7800");
  EXPECT_EQ(s["ingest.pull"], "[tcp://127.0.0.1:7801]");
  EXPECT_EQ(s["ingest.router"], "[tcp://127.0.0.1:7802]");
  EXPECT_EQ(s["ingest.subscribe"], "[]");
  EXPECT_EQ(s["feed.publish"], "tcp://127.0.0.1:7803");
  EXPECT_EQ(s["feed.replay"], "tcp://127.0.0.1:7804");
  EXPECT_EQ(s["processing.tick"], "10s");
  EXPECT_EQ(s["processing.max_late"], "1h");
  EXPECT_EQ(s["processing.accept_past"], "false");
  EXPECT_EQ(s["detection.false_pages_per_entity_month"], "1");
  EXPECT_EQ(s["detection.learning"], "1h");
  EXPECT_EQ(s["limits"], "[]");
  EXPECT_EQ(s["edges"], "[]");
  EXPECT_EQ(s["retention.log"], "1d");
  EXPECT_EQ(s["retention.log_bytes"], "20GiB");
  EXPECT_EQ(s["retention.feed"], "30d");
  EXPECT_EQ(s["retention.dead_letters"], "7d");
  EXPECT_EQ(s["entities.retire_after"], "7d");
  EXPECT_EQ(s["entities.max_new_per_second"], "1000");
  EXPECT_EQ(s["entities.max_active"], "0");
}

TEST(RunbooksFile, KnowsAStepForEveryFaultOfEveryComponent) {
  const auto file = load_runbooks("config/runbooks.yaml");
  ASSERT_TRUE(file) << to_string(file.problems);
  for (const char* fault : {"cpu", "memory_leak", "disk", "network_delay", "packet_loss",
                            "error_burst", "dependency", "change", "load", "unknown"}) {
    bool for_any = false;
    for (const auto& r : *file) for_any |= r.component == "*" && r.fault_class == fault;
    EXPECT_TRUE(for_any) << fault;
  }
  for (const char* component : {"service", "db", "cache", "queue", "host", "gateway"}) {
    std::size_t own = 0;
    for (const auto& r : *file) own += r.component == component ? 1 : 0;
    EXPECT_GE(own, 4U) << component;
  }
  for (const auto& r : *file) EXPECT_GE(r.steps.size(), 3U) << r.title;
}

TEST(RolesFile, HasWordsForEveryRole) {
  const auto file = load_roles("config/roles.yaml");
  ASSERT_TRUE(file) << to_string(file.problems);
  std::set<std::string> roles;
  for (const auto& rule : *file) roles.insert(rule.role);
  EXPECT_EQ(roles.size(), 8U);
}

}  // namespace
}  // namespace faultline
