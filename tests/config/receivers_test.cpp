// SPDX-License-Identifier: Apache-2.0
//
// Keys of other protocols, and of what their things are called.
#include <gtest/gtest.h>

#include "config/config.hpp"

namespace faultline {
namespace {

std::string problems_of(const std::string& yaml) {
  const auto read = read_config(yaml, "f.yaml");
  return read ? "" : to_string(read.problems);
}

TEST(ReceiverKeys, AreReadWithWhatTheyLeaveOut) {
  const auto c = read_config(R"(
ingest:
  otlp: false
  syslog: ["udp://127.0.0.1:5514", "tcp://127.0.0.1:5514"]
  statsd: udp://127.0.0.1:8125
  scrape:
    - {url: "web-1:9100", job: node, interval: 30s}
    - {url: "https://web-2/x", timeout: 1s}
naming:
  entities: [{label: app, kind: service}]
  aliases: {host/10.0.0.7: host/web-1}
  drop: ["go_*"]
)",
                             "f.yaml");
  ASSERT_TRUE(c) << to_string(c.problems);
  EXPECT_FALSE(c->receivers.otlp);
  EXPECT_TRUE(c->receivers.remote_write);
  EXPECT_EQ(c->receivers.syslog.size(), 2U);
  ASSERT_EQ(c->receivers.scrape.size(), 2U);
  EXPECT_EQ(c->receivers.scrape[0].url, "http://web-1:9100/metrics");
  EXPECT_EQ(c->receivers.scrape[0].interval.count(), 30'000);
  EXPECT_EQ(c->receivers.scrape[1].url, "https://web-2/x");
  EXPECT_EQ(c->receivers.scrape[1].job, "scrape");
  EXPECT_EQ(c->naming.entities[0].kind, "service");
  EXPECT_EQ(c->naming.aliases.at("host/10.0.0.7"), "host/web-1");
}

TEST(ReceiverKeys, ThatMakeNoSenseAreNamed) {
  for (const char* yaml : {"ingest: {syslog: [\"ipc://x\"]}",
                           "ingest: {statsd: [\"tcp://127.0.0.1:1\"]}",
                           "ingest: {scrape: web-1}",
                           "ingest: {scrape: [{job: x}]}",
                           "ingest: {scrape: [{url: \"ftp://x/y\"}]}",
                           "ingest: {scrape: [{url: \"web 1:9100\"}]}",
                           "ingest: {scrape: [{url: \"http://:9100/metrics\"}]}",
                           "ingest: {scrape: [{url: \"http://\"}]}",
                           "ingest: {scrape: [{url: x, interval: 5s, timeout: 6s}]}",
                           "ingest: {scrape: [{url: x, interval: 5ms}]}",
                           "ingest: {scrape: [{url: x, jop: y}]}",
                           "naming: {entities: {a: b}}",
                           "naming: {entities: [{label: a}]}",
                           "naming: {entities: [{label: a, kind: b/c}]}",
                           "naming: {aliases: [a]}",
                           "naming: {aliases: {a: [b]}}",
                           "naming: {aliases: {a: b, b: c}}",
                           "naming: {aliases: {a: a}}",
                           "naming: {aliases: {\"\": b}}",
                           "naming: {drop: [\"\"]}",
                           "naming: {max_metrics: 257}"})
    EXPECT_NE(problems_of(yaml), "") << yaml;
}

}  // namespace
}  // namespace faultline
