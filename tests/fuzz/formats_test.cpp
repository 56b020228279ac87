// SPDX-License-Identifier: Apache-2.0
// What messages, processing and judgement write: see disk_format.hpp.
#include <map>
#include <string>

#include "judgement/correlator_core.hpp"
#include "judgement/entity_outline.hpp"
#include "judgement/notifier_rows.hpp"
#include "judgement/rules.hpp"
#include "messages/record.hpp"
#include "processing/clock_point.hpp"
#include "processing/name_register.hpp"
#include "processing/publisher_window.hpp"
#include "processing/topology.hpp"
#include "processing/window_ring.hpp"
#include "tests/fuzz/disk_format.hpp"
#include "tests/judgement/entity_fixture.hpp"
#include "tests/messages/records.hpp"

namespace faultline::testing {
namespace {

std::string sample_blob() {
  blob_writer w;
  event_view e;
  e.entity = "host/web-1";
  e.has_ts = true;
  e.ts = event_time_of(1'700'000'000'000);
  e.arrived = arrival_time_of(1'700'000'000'250);
  e.attributes = {{"zone", "eu"}, {"ephemeral", "true"}};
  e.metrics = {{"cpu", 0.5, metric_kind::gauge},
               {"net.bytes", 1e9, metric_kind::counter},
               {"calls", 2.5, metric_kind::rate}};
  w.add(e);
  e.attributes.clear();
  e.type = event_type::log;
  e.severity = log_severity::error;
  e.body = "it broke";
  w.add(e);
  e.type = event_type::span;
  e.status = span_status::error;
  e.duration_us = 1234;
  e.trace = "00ff", e.span = "01", e.parent = "02", e.operation = "GET /", e.peer = "db/orders";
  w.add(e);
  e.type = event_type::edge;
  e.edge = edge_kind::runs_on;
  e.remove = true;
  e.depends_on = {"host/a", "host/b"};
  w.add(e);
  e.type = event_type::change;
  e.change = change_kind::deploy;
  e.summary = "v2";
  w.add(e);
  e.type = event_type::calls;
  e.calls = 12, e.failed = 3;
  e.body = std::string_view{"\1\0\x42\0\x0c\0\0\0", 8};
  w.add(e);
  w.add(clock_record{event_time_of(1'700'000'010'000), arrival_time_of(1'700'000'010'001)});
  w.add(degrade_record{true, "lagging"});
  w.add(control_record{7, "limits", R"({"limits":[]})"});
  return w.take();
}

outcome<std::string> reread_blob(std::string_view bytes) {
  blob_writer w;
  blob_reader in{bytes};
  record_view r;
  for (;;) {
    const auto more = in.next(r);
    if (!more) return more.error();
    if (!*more) return w.take();
    if (r.kind == record_kind::event) w.add(r.event);
    if (r.kind == record_kind::clock) w.add(r.clock);
    if (r.kind == record_kind::degrade) w.add(r.degrade);
    if (r.kind == record_kind::control) w.add(r.control);
  }
}

/// A core that has lived through a fault, and the first block that left its memory.
struct lived_core {
  lived_core() {
    noise n{7};
    std::int64_t at = test_start;
    for (int i = 0; i < 400; ++i, at += 10'000) d.row(at, calm_row(at, n));
    for (int i = 0; i < 12; ++i, at += 10'000) {
      auto row = calm_row(at, n);
      row[7].second = 900;
      d.row(at, row);
    }
    event_view e;
    e.type = event_type::log;
    e.severity = log_severity::error;
    for (const char* body : {"write to /var/lib failed: no space", "session of user carla opened",
                             "session of user eve opened", "session of user ivan opened"}) {
      e.body = body;
      d.give(e, at);
    }
    d.row(at, calm_row(at, n));
    d.give(e, at += 10'000);
    e.type = event_type::span;
    e.duration_us = 12'345;
    e.operation = "SELECT cart", e.peer = "db/cart";
    d.give(e, at);
    e.type = event_type::calls;
    e.calls = 12, e.failed = 3, e.peer = "db/orders";
    e.body = std::string_view{"\1\0\x42\0\x0c\0\0\0", 8};
    d.give(e, at);
    e.type = event_type::metric;
    e.metrics = {{"took_bucket{le=0.5}", 7, metric_kind::counter},
                 {"took_bucket{le=+Inf}", 9, metric_kind::counter}};
    d.give(e, at);
    blocks = d.core.take_blocks();
  }
  entity_driver d;
  std::vector<closed_block> blocks;
};

std::string sample_graph() {
  dependency_graph g;
  g.observe({"service/a", "db/b", edge_kind::calls, false, "span", event_time_of(5)});
  g.observe({"service/a", "host/c", edge_kind::runs_on, false, "event", event_time_of(6)});
  g.observe({"service/a", "db/d", edge_kind::calls, true, "operator", event_time_of(7)});
  return g.save();
}

/// An incident that ends while its cause is looked for.
void end_unanswered(correlator_core& core, std::uint64_t seq) {
  decision d;
  d.kind = decision_kind::alert;
  d.alert = firing_alert();
  d.alert.id = "brief";
  d.alert.entity = "service/brief";
  d.alert.learning = false;
  d.alert.started = d.alert.updated = d.alert.updated + std::chrono::hours{2};
  for (const alert_state state : {alert_state::firing, alert_state::resolved}) {
    d.alert.state = state;
    if (state == alert_state::resolved) {
      ++d.alert.transition;
      d.alert.ended = d.alert.updated;
    }
    d.seq = ++seq;
    core.apply(d);
  }
  decision later;
  later.kind = decision_kind::clock;
  later.seq = ++seq;
  later.clock = d.alert.updated + std::chrono::hours{1};
  core.apply(later);
}

std::string sample_correlator() {
  correlator_core core{correlation_options{}};
  std::uint64_t seq = 0;
  auto all = every_decision();
  rules_record r;
  r.correlation.inhibit = {{{"severity=critical"}, {"severity=warning", "a!=b"}, {"zone"}}};
  r.correlation.inhibit_consequences = true;
  decision& rules = all.emplace_back();
  rules.kind = decision_kind::command;
  rules.command.name = "configuration";
  rules.command.payload = encode_rules(r);
  for (auto d : all) {
    if (d.kind == decision_kind::alert) d.alert = firing_alert();
    if (d.kind == decision_kind::root_cause) continue;  // of an incident that is not there
    d.seq = ++seq;
    core.apply(d);
  }
  end_unanswered(core, seq);
  return core.save();
}

clock_point sample_point() {
  clock_point p;
  p.where = {0, 41, 7};
  p.clock = {event_time_of(1'700'000'020'000), arrival_time_of(1'700'000'020'250)};
  p.before = arrival_time_of(1'700'000'010'250);
  p.hole_where = {0, 12, 3};
  p.hole = {event_time_of(1'700'000'000'000), arrival_time_of(1'700'000'000'250)};
  p.absent_ms = 86'400'000;
  p.degraded = true;
  return p;
}

std::string sample_window() {
  publisher_window w;
  for (const std::uint64_t seq : {1, 2, 3, 5, 9}) w.take(seq, seq * 1'000'000'007);
  return w.save();
}

notify_group sample_group() {
  notify_group g;
  g.receiver = "team";
  g.route_name = "team/{severity=critical}";
  g.labels = {{"incident", "i1"}, {"zone", "eu"}};
  g.incident = "i1";
  g.alerts = {{"a1", told_state::critical},
              {"b2", told_state::ended},
              {"c3", told_state::nothing},
              {"d4", told_state::perhaps}};
  g.first = arrival_time_of(1'700'000'000'250);
  g.sent = arrival_time_of(1'700'000'030'250);
  g.retry = arrival_time_of(1'700'000'035'250);
  g.calm = arrival_time_of(1'700'000'036'250);
  g.attempts = 2;
  g.number = 7;
  g.acknowledged = true;
  return g;
}

std::vector<disk_format> contents() {
  std::vector<disk_format> all;
  all.push_back({"blob", "blob", 4, false, sample_blob, reread_blob});
  for (const auto& d : every_decision()) {
    all.push_back(
        {"decision_" + std::to_string(static_cast<int>(d.kind)), "decision", 4, false,
         [d] { return encode_decision(d); },
         [](std::string_view b) { return rewritten(decode_decision(b), encode_decision); }});
  }
  all.push_back({"alert", "alert", 2, false, [] { return encode_alert(resolved_alert()); },
                 [](std::string_view b) { return rewritten(decode_alert(b), encode_alert); }});
  all.push_back(
      {"incident", "incident", 1, false, [] { return encode_incident(sample_incident()); },
       [](std::string_view b) { return rewritten(decode_incident(b), encode_incident); }});
  all.push_back(
      {"publisher_window", "publisher window", 1, false, sample_window, [](std::string_view b) {
         return rewritten(publisher_window::restore(b),
                          [](const publisher_window& w) { return w.save(); });
       }});
  all.push_back(
      {"window_block", "window block", 1, false, [] { return lived_core{}.blocks.at(0).bytes; },
       [](std::string_view b) {
         return rewritten(unpack_block(b), [b](const unpacked_block&) { return std::string{b}; });
       }});
  all.push_back({"dependency_graph", "dependency graph", 2, false, sample_graph,
                 [](std::string_view b) -> outcome<std::string> {
                   dependency_graph g;
                   if (auto read = g.restore(b); !read) return read.error();
                   return g.save();
                 }});
  all.push_back({"entity_snapshot", "entity snapshot", 15, true,
                 [] { return lived_core{}.d.core.save(); },
                 [](std::string_view b) -> outcome<std::string> {
                   static const auto rules = test_rules();
                   entity_core core{"service/cart", rules};
                   if (auto read = core.restore(b); !read) return read.error();
                   return core.save();
                 }});
  all.push_back(
      {"given_names", "names of an entity", 1, false,
       [] {
         return encode_names({{0x0123456789abcdefU, 0, 0}, {17, 0xfedcba9876543210U, 41}});
       },
       [](std::string_view b) { return rewritten(decode_names(b), encode_names); }});
  all.push_back({"entity_outline", "entity outline", 1, false,
                 [] {
                   entity_outline o;
                   o.state = entity_outline::standing::critical;
                   o.observations = 41;
                   o.first_ts = event_time_of(1000);
                   o.last_ts = event_time_of(2000);
                   o.last_arrived = arrival_time_of(2500);
                   o.silence_limit_ms = 60'000;
                   o.heard_event = event_time_of(2000);
                   o.heard_arrived = arrival_time_of(2500);
                   o.ephemeral = o.silence_open = o.tick_open = true;
                   return encode_outline(o);
                 },
                 [](std::string_view b) { return rewritten(decode_outline(b), encode_outline); }});
  all.push_back({"clock_point", "clock of a partition", 1, false,
                 [] { return encode_clock_point(sample_point()); },
                 [](std::string_view b) -> outcome<std::string> {
                   if (b.empty())
                     return failure{ec::malformed, "a partition that knows nothing yet"};
                   return rewritten(decode_clock_point(b), encode_clock_point);
                 }});
  all.push_back(
      {"notify_group", "notified group", 3, false,
       [] { return encode_notify_group(sample_group()); },
       [](std::string_view b) { return rewritten(decode_notify_group(b), encode_notify_group); }});
  all.push_back(
      {"notify_alert", "notified alert", 1, false,
       [] {
         return encode_notify_alert({resolved_alert(), "i1", arrival_time_of(1'700'000'090'250)});
       },
       [](std::string_view b) { return rewritten(decode_notify_alert(b), encode_notify_alert); }});
  all.push_back({"correlator_state", "correlator state", 11, false, sample_correlator,
                 [](std::string_view b) -> outcome<std::string> {
                   correlator_core core{correlation_options{}};
                   if (auto read = core.restore(b); !read) return read.error();
                   return core.save();
                 }});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Contents, Formats, ::testing::ValuesIn(contents()),
                         [](const auto& test) { return test.param.name; });

// Version 4 had more lanes in a block and more tails: what is read lands where it belongs.
TEST(GoldenFiles, AnEntityOfVersion4IsWhatItWas) {
  entity_core core{"service/cart", test_rules()};
  ASSERT_TRUE(core.restore(golden("entity_snapshot", 4)));
  const auto status = core.status();
  EXPECT_EQ(status.state, "warning");
  ASSERT_EQ(status.metrics.size(), 8U);
  std::map<std::string, double> expected;
  for (const auto& m : status.metrics) {
    EXPECT_LT(m.lower, m.expected) << m.name;
    EXPECT_LT(m.expected, m.upper) << m.name;
    expected[m.name] = m.expected;
  }
  EXPECT_NEAR(expected["cpu_util_percent"], 36, 4);
  EXPECT_NEAR(expected["memory_used_percent"], 55, 1);
  EXPECT_NEAR(expected["disk_io_ops"], 250, 20);
  EXPECT_NEAR(expected["latency_ms"], 26, 4);
  EXPECT_GT(core.last_verdict().score, 0.5);
}

TEST(GoldenFiles, EachBelongsToAFormat) { expect_known_files(contents(), false); }

}  // namespace
}  // namespace faultline::testing
