// SPDX-License-Identifier: Apache-2.0
#include "config/config.hpp"

#include <gtest/gtest.h>

#include <string>

namespace faultline {
namespace {

loaded<server_config> read(std::string_view yaml) { return read_config(yaml, "f.yaml"); }

std::string problems_of(std::string_view yaml) { return to_string(read(yaml).problems); }

TEST(Config, OfAnEmptyFileIsTheDefaults) {
  for (const char* yaml : {"", "# nothing\n", "---\n", "storage:\nlimits:\n", "processing: {}\n"}) {
    const auto c = read(yaml);
    ASSERT_TRUE(c) << to_string(c.problems);
    EXPECT_TRUE(changed_keys(server_config{}, *c).empty()) << yaml;
  }
}

// Of the first the library makes documents for ever.
TEST(Config, MoreThanOneDocumentIsRefusedHoweverManyThereAre) {
  for (const char* yaml : {",im!\x97\xa2:s[t]\n\n", "storage:\n---\nlimits:\n"})
    EXPECT_EQ(problems_of(yaml).find("not YAML") == std::string::npos,
              problems_of(yaml).find("more than one YAML document") != std::string::npos)
        << problems_of(yaml);
  EXPECT_EQ(problems_of("storage:\n---\nlimits:\n"), "f.yaml:2:1: more than one YAML document");
}

TEST(Config, TextInAnotherEncodingIsToldWithItsPlace) {
  for (const char* wrong : {"B\xfcro", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "x\xe2\x82"})
    EXPECT_EQ(problems_of(std::string{"edges:\n  - {from: \""} + wrong + "\", to: b}\n"),
              "f.yaml:2:12: this text is not UTF-8: save the file in that encoding")
        << wrong;
  EXPECT_NE(problems_of("gr\xf6sse: 3\n").find("f.yaml:1:1: this text"), std::string::npos);
  for (const char* right : {"B\xc3\xbcro", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "# B\xfcro\n    x"})
    EXPECT_TRUE(read(std::string{"log: {level: info}\nstorage:\n  path:\n    "} + right + "\n"))
        << right;
}

TEST(Config, ATabInFrontOfAKeyIsToldAsOne) {
  const char* hint = "(a tab stands in front: YAML is indented by spaces)";
  for (const char* yaml : {"processing:\n\ttick: 10s\n", "storage:\n  path: x\n\tsync: true\n"}) {
    const auto told = problems_of(yaml);
    EXPECT_NE(told.find("not YAML"), std::string::npos) << told;
    EXPECT_NE(told.find(hint), std::string::npos) << told;
  }
  EXPECT_EQ(problems_of("storage: {path: x\n").find(hint), std::string::npos);
}

TEST(Config, SetsTheOptionsOfTheRooms) {
  const auto c = read(R"(
storage: {path: /tmp/x, sync: false, cache: 64MiB}
retention: {log: 12h, log_bytes: 1GiB}
web: {listen_address: "0.0.0.0:80"}
ingest:
  pull: ["tcp://127.0.0.1:1", "ipc:///run/x"]
  subscribe: tcp://10.0.0.1:5556
  group_delay: 5ms
feed: {publish: "tcp://*:9"}
processing: {tick: 1s, max_late: 7d, accept_past: true}
detection: {false_pages_per_entity_month: 0.5, learning: 30m}
limits:
  - {entity: "db/*", metric: disk, above: 90, severity: warning}
  - {metric: temperature, below: -1.5, above: 80}
entities: {retire_after: 1h, max_new_per_second: 5}
lanes: {max_wait: 500us}
model: {lstm: /m/lstm.flm}
log: {level: debug, format: json}
)");
  ASSERT_TRUE(c) << to_string(c.problems);
  EXPECT_EQ(c->storage.path, "/tmp/x");
  EXPECT_FALSE(c->storage.sync);
  EXPECT_EQ(c->storage.cache_bytes, 64U * 1024 * 1024);
  EXPECT_EQ(c->storage.log_retention.count(), 12 * 3600);
  EXPECT_EQ(c->web.listen_address, "0.0.0.0:80");
  EXPECT_EQ(c->sockets.pull.size(), 2U);
  EXPECT_EQ(c->sockets.subscribe, std::vector<std::string>{"tcp://10.0.0.1:5556"});
  EXPECT_EQ(c->intake.group_delay.count(), 5);
  EXPECT_EQ(c->processing.tick.count(), 1000);
  EXPECT_TRUE(c->processing.accept_past);
  EXPECT_EQ(c->detection.false_pages_per_entity_month, 0.5);
  ASSERT_EQ(c->detection.limits.size(), 2U);
  EXPECT_EQ(c->detection.limits[0].entity, "db/*");
  EXPECT_EQ(c->detection.limits[0].above, 90);
  EXPECT_FALSE(c->detection.limits[0].below);
  EXPECT_EQ(c->detection.limits[0].severity, "warning");
  EXPECT_EQ(c->detection.limits[1].entity, "*");
  EXPECT_EQ(c->detection.limits[1].below, -1.5);
  EXPECT_EQ(c->entities.max_new_per_second, 5U);
  EXPECT_EQ(c->lanes.max_wait.count(), 500);
  EXPECT_EQ(c->model.lstm, "/m/lstm.flm");
  EXPECT_EQ(c->log.level, "debug");
}

TEST(Config, NamesTheLineOfAnUnknownKeyAndWhatWasMeant) {
  EXPECT_EQ(problems_of("processing:\n  tick: 5s\n  max_lat: 1h\n"),
            "f.yaml:3:3: processing.max_lat: unknown key; did you mean max_late?");
  EXPECT_EQ(problems_of("storge: {}\n"), "f.yaml:1:1: storge: unknown key; did you mean storage?");
  EXPECT_EQ(problems_of("storage: {colour: red}\n"), "f.yaml:1:11: storage.colour: unknown key");
}

TEST(Config, TellsAllProblemsAtOnceInTheOrderOfTheFile) {
  const auto c = read("detection: {learning: 5}\nstorage: {sync: maybe}\nprocessing: {tick: 0s}\n");
  EXPECT_FALSE(c);
  ASSERT_EQ(c.problems.size(), 3U);
  EXPECT_EQ(c.problems[0].key, "detection.learning");
  EXPECT_EQ(c.problems[1].key, "storage.sync");
  EXPECT_EQ(c.problems[2].key, "processing.tick");
  EXPECT_EQ(c.problems[2].line, 3);
  EXPECT_EQ(to_string(c.problems).find('\n'), std::string::npos) << "a log has a line for it";
}

TEST(Config, RefusesValuesOfTheWrongKind) {
  for (const char* yaml : {"processing: {tick: 10}",
                           "processing: {tick: [1s]}",
                           "processing: {tick: }",
                           "processing: {tick: 50ms}",
                           "processing: {tick: 2d}",
                           "processing: 7",
                           "processing: [a]",
                           "storage: {sync: yes}",
                           "storage: {partitions: -1}",
                           "storage: {partitions: 1.5}",
                           "storage: {path: ''}",
                           "storage: {cache: lots}",
                           "storage: {cache: -1}",
                           "retention: {log: 1500ms}",
                           "retention: {log: 60500ms}",
                           "detection: {false_pages_per_entity_month: many}",
                           "detection: {false_pages_per_entity_month: .nan}",
                           "detection: {false_pages_per_entity_month: 0}",
                           "ingest: {pull: {a: b}}",
                           "ingest: {pull: [127.0.0.1:7801]}",
                           "ingest: {pull: ['tcp://h:99999']}",
                           "ingest: {pull: ['tcp://h']}",
                           "ingest: {pull: [[a]]}",
                           "feed: {publish: ''}",
                           "web: {listen_address: 7800}",
                           "web: {listen_address: ':80'}",
                           "log: {level: loud}",
                           "log: {format: xml}",
                           "root_cause: {abstain_below: 2}",
                           "edges: {from: a}",
                           "edges: [{from: a}]",
                           "edges: [{from: a, to: a}]",
                           "edges: [{from: a, to: b, kind: is}]",
                           "edges: [{from: a, to: ''}]",
                           "edges: [7]",
                           "limits: {a: 1}",
                           "limits: [{entity: x}]",
                           "limits: [{above: 1}]",
                           "limits: [{entity: x, above: 10, below: 90}]",
                           "limits: [{entity: x, above: high}]",
                           "limits: [{entity: x, above: 1, severity: bad}]",
                           "limits: [{entity: x, abov: 1}]",
                           "limits: [{entity: '', above: 1}]",
                           "limits: [{metric: '', above: 1}]",
                           "notifications: {receivers: [{name: a, url: 'http://'}]}",
                           "notifications: {receivers: [{name: a, url: 'http://:80/hook'}]}",
                           "notifications: {receivers: [{name: a, url: http}]}",
                           "notifications: {receivers: [{name: a, url: 'https://b c/hook'}]}",
                           "limits: [7]",
                           "limits: [~]",
                           "runbooks: [a]"}) {
    const auto c = read(yaml);
    EXPECT_FALSE(c) << yaml;
    ASSERT_FALSE(c.problems.empty()) << yaml;
    EXPECT_EQ(c.problems[0].line, 1) << yaml;
    EXPECT_FALSE(c.problems[0].key.empty()) << yaml;
  }
}

TEST(Config, RefusesWhatIsNoYaml) {
  for (const char* yaml : {"a: b: c", "storage: {path: x", "\tstorage: {}", "[1, 2]", "just text",
                           "storage: {}\n---\nweb: {}\n", "storage: &a {path: *b}", "? [a]\n: b"}) {
    const auto c = read(yaml);
    EXPECT_FALSE(c) << yaml;
    EXPECT_FALSE(c.problems.empty()) << yaml;
  }
}

TEST(Config, RefusesAKeyGivenTwice) {
  EXPECT_EQ(problems_of("storage: {path: a}\nweb: {}\nstorage: {path: b}\n"),
            "f.yaml:3:1: storage: given twice");
  EXPECT_EQ(problems_of("storage:\n  path: a\n  path: b\n"),
            "f.yaml:3:3: storage.path: given twice");
}

TEST(Config, RefusesKeysThatContradictOneAnother) {
  EXPECT_NE(problems_of("feed: {publish: 'tcp://127.0.0.1:7801'}").find("named for two sockets"),
            std::string::npos);
  EXPECT_NE(problems_of("ingest: {pull: [], router: [], otlp: false, remote_write: false, influx: "
                        "false, collectd: false}")
                .find("no event could come in"),
            std::string::npos);
  EXPECT_NE(problems_of("ingest: {group_bytes: 32MiB}").find("ingest.max_pending"),
            std::string::npos);
  EXPECT_TRUE(read("ingest: {pull: ['tcp://127.0.0.1:0'], router: ['tcp://127.0.0.1:0']}"));
}

TEST(Config, SizesThatAMachineCannotHoldAreNamed) {
  constexpr std::uint64_t gib = 1024ULL * 1024 * 1024;
  EXPECT_TRUE(memory_problems(server_config{}, gib / 4).empty());
  const auto large = read("storage: {write_buffer: 1TiB}\ningest: {max_pending: 2GiB}\n");
  ASSERT_TRUE(large);
  const auto said = memory_problems(*large, gib);
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(to_string(said[0]),
            ": storage.write_buffer: 1TiB is more than the memory of this machine, 1024MiB");
  EXPECT_EQ(said[1].key, "ingest.max_pending");
  EXPECT_EQ(memory_problems(*large, 2 * gib).size(), 1U);
  EXPECT_TRUE(memory_problems(*large, 0).empty()) << "nobody knows the memory";
}

TEST(Config, SaysWhereKeysAndTheItemsOfListsStand) {
  const auto c =
      read("storage:\n  cache: 8MiB\nedges:\n  - {from: a, to: b}\n  - {from: b, to: c}\n");
  ASSERT_TRUE(c);
  ASSERT_EQ(c.places.count("edges[1]"), 1U);
  EXPECT_EQ(c.places.at("edges[1]").line, 5);
  EXPECT_EQ(c.places.at("edges[1]").column, 5);
  EXPECT_EQ(c.places.at("storage.cache").line, 2);
  EXPECT_EQ(c.places.count("storage.sync"), 0U);
}

TEST(Config, SaysWhichKeysAReloadWouldChange) {
  const auto before = read("processing: {tick: 10s}");
  const auto after = read("processing: {tick: 5s}\nlimits: [{entity: a, above: 1}]\n");
  const auto edges = read("edges: [{from: a, to: b}, {from: a, to: h, kind: runs_on}]\n");
  ASSERT_TRUE(edges);
  ASSERT_EQ(edges->correlation.edges.size(), 2U);
  EXPECT_EQ(edges->correlation.edges[1].kind, edge_kind::runs_on);
  EXPECT_EQ(changed_keys(*before, *edges), (std::vector<std::string>{"edges"}));
  ASSERT_TRUE(before && after);
  EXPECT_EQ(changed_keys(*before, *after), (std::vector<std::string>{"processing.tick", "limits"}));
}

TEST(Config, OfAFileThatIsNotThereIsAProblemThatNamesIt) {
  const auto c = load_config("/nowhere/faultline.yaml");
  EXPECT_FALSE(c);
  EXPECT_EQ(to_string(c.problems), "/nowhere/faultline.yaml: cannot be read");
  EXPECT_FALSE(load_config("/"));
}

TEST(Config, ReceiversAndRoutesAreRead) {
  const auto c = read(R"(
notifications:
  external_url: https://faultline.example
  receivers:
    - {name: team, url: "https://hooks.example/x", max_per_minute: 5, send_resolved: false}
    - {name: pager, kind: pagerduty, secret_file: /etc/key}
    - {name: mail, kind: email, url: "smtp://mx:25", from: fl@x.org, to: [a@x.org, b@x.org]}
  routes:
    - {receiver: pager, matchers: ['severity="critical"'], group_wait: 10s, continue: true}
    - {receiver: team, group_by: [entity, alertname], group_interval: 2m, repeat_interval: 1h}
)");
  ASSERT_TRUE(c) << to_string(c.problems);
  ASSERT_EQ(c->notify.receivers.size(), 3U);
  EXPECT_EQ(c->notify.receivers[0].max_per_minute, 5U);
  EXPECT_FALSE(c->notify.receivers[0].send_resolved);
  EXPECT_EQ(c->notify.receivers[1].kind, receiver_kind::pagerduty);
  EXPECT_EQ(c->notify.receivers[2].to.size(), 2U);
  ASSERT_EQ(c->notify.routes.size(), 2U);
  EXPECT_TRUE(c->notify.routes[0].go_on);
  EXPECT_EQ(c->notify.routes[0].group_wait.count(), 10'000);
  EXPECT_EQ(c->notify.routes[1].group_by.size(), 2U);
  const auto said = settings_of(*c);
  for (const auto& [key, value] : said)
    EXPECT_EQ(value.find("hooks.example"), std::string::npos) << "an address may be a secret";
  const auto other =
      read("notifications: {receivers: [{name: team, url: 'https://hooks.example/y'}]}");
  ASSERT_TRUE(other);
  EXPECT_FALSE(changed_keys(*c, *other).empty());
}

TEST(Config, FlagsTimesAndNumbersAreRefusedInTheSameWordsWhereverTheyStand) {
  const auto window = [](const std::string& key) {
    return problems_of("maintenance: [{name: w, entities: ['*'], " + key + "}]");
  };
  const auto route = [](const std::string& key) {
    return problems_of("notifications: {routes: [{receiver: a, " + key + "}]}");
  };
  const std::pair<std::string, const char*> rows[] = {
      {problems_of("storage: {sync: yes}"), "storage.sync: \"yes\" is neither true nor false"},
      {window("dependents: yes"), "dependents: \"yes\" is neither true nor false"},
      {route("continue: yes"), "continue: \"yes\" is neither true nor false"},
      {problems_of("processing: {tick: 10}"), "tick: \"10\" is not a time with its unit"},
      {window("duration: 90"), "duration: \"90\" is not a time with its unit"},
      {route("group_wait: 90"), "group_wait: \"90\" is not a time with its unit"},
      {window("duration: 90us"), "duration: 90us is finer than this setting can be"},
      {route("group_wait: 5000d"), "group_wait: 5000d is not between 0s and"},
      {problems_of("storage: {partitions: 1.5}"), "partitions: \"1.5\" is not a whole number"},
      {problems_of("notifications: {receivers: [{name: a, max_per_minute: x}]}"),
       "max_per_minute: \"x\" is not a whole number"}};
  for (const auto& [said, wanted] : rows)
    EXPECT_NE(said.find(wanted), std::string::npos) << said << "\nlacks: " << wanted;
}

TEST(Config, AReceiverThatCannotBeReachedIsAProblem) {
  const auto of = [](const std::string& receiver) {
    return problems_of("notifications: {receivers: [" + receiver + "]}");
  };
  const std::pair<const char*, const char*> rows[] = {
      {"{url: 'http://x'}", "has no name"},
      {"{name: a}", "neither url nor url_file"},
      {"{name: a, url: 'ftp://x'}", "not http://"},
      {"{name: a, url: 'http://x', url_file: f}", "both url and url_file"},
      {"{name: a, kind: pigeon, url: 'http://x'}", "is none of"},
      {"{name: a, kind: pagerduty}", "no secret_file"},
      {"{name: a, kind: email, url: 'smtp://x', from: b@c}", "no addresses in to"},
      {"{name: a, kind: email, url: 'smtp://x', from: 'b@c> x', to: [d@e]}", "no address in from"},
      {"{name: a, kind: email, url: 'smtp://x', from: b@c, to: [d@e], user: u}",
       "only one of user"},
      {"{name: a, url: 'http://x', max_per_minute: 0}", "between 1 and"},
      {"{name: a, url: 'http://x'}, {name: a, url: 'http://y'}", "two called a"},
      {"{name: a, url: 'http://x', token: t}", "token"}};
  for (const auto& [receiver, problem] : rows)
    EXPECT_NE(of(receiver).find(problem), std::string::npos) << receiver << ": " << of(receiver);
  EXPECT_NE(problems_of("notifications: {routes: [{group_wait: 3}]}").find("not a time"),
            std::string::npos);
  EXPECT_NE(problems_of("notifications: {routes: [{matchers: [a=b]}]}").find("names no receiver"),
            std::string::npos);
}

}  // namespace
}  // namespace faultline
