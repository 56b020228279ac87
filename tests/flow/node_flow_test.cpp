// SPDX-License-Identifier: Apache-2.0
//
// The whole house in one process: publishers, doors, log, actors, lane, store and feed.
// Tests run in the repository's root.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "inference/forecaster.hpp"
#include "judgement/runner.hpp"
#include "lab/evaluation_events.hpp"
#include "lab/rng.hpp"
#include "lab/simulator.hpp"
#include "messages/feed.hpp"
#include "storage/store.hpp"
#include "tests/flow/house.hpp"

namespace faultline {
namespace {

using test::folder;
using test::house;
using test::patience;
using test::payload_writer;
using test::small_node;

/// Alert transitions, one a line, in order of the line.
using transitions = std::vector<std::string>;

std::string line_of(const alert& a) {
  std::string line = a.id + "/" + std::to_string(a.transition) + " " + to_string(a.state) + " " +
                     to_string(a.severity) + " " + a.entity + " " + a.metric + " at " +
                     std::to_string(unix_ms(a.updated)) + " score " + std::to_string(a.score);
  if (a.learning) line += " learning";
  if (a.degraded) line += " degraded";
  return line;
}

transitions sorted(transitions lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

bool says_silence(const std::string& line) { return line.find(" silence_s ") != std::string::npos; }

telemetry simulated(std::size_t services, seconds duration, std::vector<fault_plan> faults) {
  simulation_options o;
  o.seed = 2;
  o.services = services;
  o.duration = duration;
  o.quiet = faults.empty();
  o.faults = std::move(faults);
  auto made = simulate(o);
  EXPECT_TRUE(made) << made.error().what;
  return made ? std::move(made->observed) : telemetry{};
}

/// What the judgement says about @p t, all entities on one thread.
transitions judged_by_the_runner(const telemetry& t, const node_options& o) {
  auto model = load_forecaster(o.lstm_file, o.lanes.batch);
  EXPECT_TRUE(model) << model.error().what;
  if (!model) return {};
  auto rules = std::make_shared<judgement_rules>();
  rules->processing = o.processing;
  rules->detection = o.detection;
  rules->model = (*model)->identity();
  runner judge{{rules, o.correlation, o.root_cause, o.runbooks}, model->get(), nullptr};
  transitions lines;
  judge.on_feed = [&](const feed_event& e) {
    if (e.what == feed_event::kind::alert) lines.push_back(line_of(e.alert));
  };
  evaluation_events events{t};
  while (const event_view* e = events.next()) judge.take(*e);
  judge.set_alerting(true);  // finishes the ticks that wait
  return sorted(std::move(lines));
}

/// Twelve services for two hours, a disk that fills up, and three entities that say nothing for a
/// while. Stamps are whole ticks.
telemetry troubled_system() {
  fault_plan fault;
  fault.type = fault_type::disk_fill;
  fault.shape = fault_shape::linear;
  fault.onset = seconds{4000};
  fault.ramp = seconds{900};
  fault.duration = seconds{1400};
  auto t = simulated(12, seconds{2 * 3600}, {fault});
  constexpr std::ptrdiff_t from = 500, to = 600;
  for (std::size_t i = 0; i < t.entities.size(); i += 5) {
    auto& e = t.entities[i];
    const auto width = static_cast<std::ptrdiff_t>(e.metrics.size());
    e.ts.erase(e.ts.begin() + from, e.ts.begin() + to);
    e.values.erase(e.values.begin() + from * width, e.values.begin() + to * width);
  }
  return t;
}

/// Publishes @p t in order of time: a request per tick, or as many events as @p at_least.
/// @returns how many events.
std::uint64_t publish(const telemetry& t, publisher_client& to, std::size_t at_least = 1) {
  evaluation_events events{t};
  payload_writer payload;
  std::uint64_t sent = 0;
  std::int64_t tick = 0;
  const auto send = [&] {
    const auto done = to.send(payload.take(), patience);
    ASSERT_TRUE(done) << done.error().what;
  };
  while (const event_view* e = events.next()) {
    if (unix_ms(e->ts) / 10'000 != tick && payload.count() >= at_least) send();
    tick = unix_ms(e->ts) / 10'000;
    payload.add(*e);
    ++sent;
  }
  send();
  const auto done = to.flush(patience);
  EXPECT_TRUE(done) << done.error().what;
  EXPECT_EQ(to.counters().refused, 0U);
  return sent;
}

/// The alerts in the decision log of a store that nobody has open.
transitions alerts_decided(const node_options& o) {
  auto opened = open_rocksdb_store(o.storage);
  EXPECT_TRUE(opened) << opened.error().what;
  if (!opened) return {};
  auto& log = (*opened)->decisions();
  transitions lines;
  for (std::uint64_t from = 1; from <= log.last();) {
    const auto page = log.read(from, 256);
    EXPECT_TRUE(page) << page.error().what;
    if (!page || page->empty()) break;
    for (const auto& d : *page)
      if (d.kind == decision_kind::alert) lines.push_back(line_of(d.alert));
    from = page->back().seq + 1;
  }
  return sorted(std::move(lines));
}

/// The alerts that the feed holds now, by replay from its beginning.
transitions alerts_on_the_feed(feed_client& feed) {
  transitions lines;
  for (std::uint64_t from = 1;;) {
    const auto page = feed.replay(from, 1000);
    EXPECT_TRUE(page) << page.error().what;
    if (!page) return lines;
    for (const auto& m : page->records) {
      const auto item = read_feed_payload(m.payload);
      EXPECT_TRUE(item) << item.error().what;
      if (item && item->kind == "alert") lines.push_back(line_of(item->alert));
    }
    if (page->records.empty() || page->next > page->last) return sorted(std::move(lines));
    from = page->next;
  }
}

TEST(NodeFlow, DecidesWhatTheRunnerDecides) {
  const auto t = troubled_system();
  const folder disk;
  const auto options = small_node(disk.path());
  const auto expected = judged_by_the_runner(t, options);
  ASSERT_GE(expected.size(), 10U) << "few alerts compare little";

  house h{options};
  ASSERT_NO_FATAL_FAILURE(h.start());
  publish(t, *h.publisher("flow"));
  ASSERT_NO_FATAL_FAILURE(h.wait_until_applied());
  EXPECT_EQ(h.metrics()["faultline_ticks_degraded_total"], 0U);
  h.stop();
  EXPECT_EQ(alerts_decided(options), expected);

  // What was decided before the end and not yet told is told after it; nothing is told twice.
  ASSERT_NO_FATAL_FAILURE(h.start());
  const auto feed = h.follower();
  ASSERT_NO_FATAL_FAILURE(house::wait_until(
      "told everything", [&] { return alerts_on_the_feed(*feed).size() >= expected.size(); }));
  EXPECT_EQ(alerts_on_the_feed(*feed), expected);
  h.stop();
}

// Many ticks in one request: entities run as far ahead of the lane and of each other as they can.
TEST(NodeFlow, DecidesTheSameHoweverFastItGoes) {
  const auto t = troubled_system();
  for (int again = 0; again < 4; ++again) {
    const folder disk;
    auto options = small_node(disk.path());
    options.intake.max_lag_records = 100'000;
    const auto expected = judged_by_the_runner(t, options);
    ASSERT_TRUE(std::any_of(expected.begin(), expected.end(), says_silence));
    house h{options};
    ASSERT_NO_FATAL_FAILURE(h.start());
    publish(t, *h.publisher("flow"), 2000);
    ASSERT_NO_FATAL_FAILURE(h.wait_until_applied());
    h.stop();
    EXPECT_EQ(alerts_decided(options), expected);
  }
}

/// Each entity with its own phase, and no two events at one time.
void take_off_the_grid(telemetry& t, milliseconds step) {
  milliseconds phase{0};
  for (auto& e : t.entities) {
    phase += step;
    for (auto& ts : e.ts) ts += phase % 10'000;
  }
}

/// Publishes @p t at @p at_least events a request to a node of its own, and compares what it
/// decides with what the runner decides.
void expect_the_runners_decisions(const telemetry& t, std::size_t at_least, std::uint64_t lag) {
  const folder disk;
  auto options = small_node(disk.path());
  options.intake.max_lag_records = lag;
  const auto expected = judged_by_the_runner(t, options);
  house h{options};
  ASSERT_NO_FATAL_FAILURE(h.start());
  publish(t, *h.publisher("flow"), at_least);
  ASSERT_NO_FATAL_FAILURE(h.wait_until_applied());
  h.stop();
  EXPECT_EQ(alerts_decided(options), expected);
}

// The clock of both is how far the events had come before the tick, in every partition.
TEST(NodeFlow, DecidesWhatTheRunnerDecidesOffTheGrid) {
  auto t = troubled_system();
  take_off_the_grid(t, milliseconds{377});
  expect_the_runners_decisions(t, 1, 64);
}

/// A system drawn from @p seed: faults, silences of any length, holes in which nobody speaks,
/// phases.
telemetry drawn_system(std::uint64_t seed) {
  random_source random{seed, "flow"};
  simulation_options o;
  o.seed = seed;
  o.services = 5 + random.below(8);
  o.duration = seconds{5400};
  o.random_faults = 1 + random.below(3);
  o.train_share = 0.5;
  auto made = simulate(o);
  EXPECT_TRUE(made) << made.error().what;
  auto t = std::move(made->observed);
  const auto hole = static_cast<std::ptrdiff_t>(300 + random.below(100));
  const bool holed = random.chance(0.5);
  for (auto& e : t.entities) {
    const auto cut = [&](std::ptrdiff_t from, std::ptrdiff_t count) {
      const auto width = static_cast<std::ptrdiff_t>(e.metrics.size());
      const auto rows = static_cast<std::ptrdiff_t>(e.ts.size());
      const auto to = std::min(from + count, rows);
      if (from >= to) return;
      e.ts.erase(e.ts.begin() + from, e.ts.begin() + to);
      e.values.erase(e.values.begin() + from * width, e.values.begin() + to * width);
    };
    if (random.chance(0.4))
      cut(static_cast<std::ptrdiff_t>(400 + random.below(60)),
          static_cast<std::ptrdiff_t>(2 + random.below(80)));
    if (holed) cut(hole, 50);
  }
  if (random.chance(0.7))
    take_off_the_grid(t, milliseconds{1 + static_cast<int>(random.below(5000))});
  return t;
}

// Three systems here; as many as FAULTLINE_FLOW_SEEDS says when somebody wants to know more.
TEST(NodeFlow, DecidesWhatTheRunnerDecidesWhateverTheSystemAndTheSpeed) {
  const char* wanted = std::getenv("FAULTLINE_FLOW_SEEDS");
  const std::uint64_t seeds = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 3;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_source random{seed, "speed"};
    expect_the_runners_decisions(drawn_system(seed), 1 + random.below(3000),
                                 random.chance(0.5) ? 64 : 100'000);
  }
}

/// Events of an entity that has a row a tick.
struct entity_events {
  event_view at(int tick, double cpu) {
    event_.clear();
    event_.entity = "service/checkout";
    event_.has_ts = true;
    event_.ts = event_time_of(1'704'715'200'000 + tick * 10'000LL);
    event_.metrics = {{"cpu", cpu, metric_kind::gauge}, {"requests", 9.0, metric_kind::gauge}};
    return event_;
  }
  event_view event_;
};

std::uint64_t applied(std::map<std::string, std::uint64_t>& m, const char* as) {
  return m[std::string{"faultline_events_applied_total{as=\""} + as + "\"}"];
}

std::uint64_t sum_applied(std::map<std::string, std::uint64_t>& m) {
  std::uint64_t sum = 0;
  for (const char* as : {"taken", "late", "kept", "poison", "quarantined"}) sum += applied(m, as);
  return sum;
}

std::uint64_t accepted(std::map<std::string, std::uint64_t>& m) {
  return m["faultline_events_total{as=\"accepted\"}"];
}

/// Observations of every entity, as the entities count them.
std::uint64_t observations(const house& h) {
  const auto page = nlohmann::json::parse(h.get("/api/v1/entities?limit=1000"));
  EXPECT_TRUE(page["next"].is_null());
  std::uint64_t sum = 0;
  for (const auto& e : page["entities"]) sum += e["observations"].get<std::uint64_t>();
  return sum;
}

/// Nine events: eight are accepted, of these at least one is late; one breaks a rule.
void publish_late_and_refused(publisher_client& to) {
  entity_events events;
  for (const int tick : {0, 1, 2, 3, 4, 5}) {
    payload_writer payload;
    payload.add(events.at(tick, 0.5));
    ASSERT_TRUE(to.send(payload.take(), patience));
  }
  payload_writer mixed;
  mixed.add(events.at(1, 0.4));
  auto refused = events.at(7, 0.4);
  refused.metrics.clear();
  mixed.add(refused);
  mixed.add(events.at(6, 0.4));
  ASSERT_TRUE(to.send(mixed.take(), patience));
  ASSERT_TRUE(to.flush(patience));
  EXPECT_EQ(to.counters().rejected, 1U);
}

TEST(NodeFlow, EveryAcceptedEventIsCountedOnce) {
  const auto t = simulated(6, seconds{1200}, {});
  const folder disk;
  house h{small_node(disk.path())};
  ASSERT_NO_FATAL_FAILURE(h.start());
  const auto sent = publish(t, *h.publisher("flow"));
  ASSERT_NO_FATAL_FAILURE(publish_late_and_refused(*h.publisher("other")));
  ASSERT_NO_FATAL_FAILURE(h.wait_until_applied());
  auto m = h.metrics();
  EXPECT_EQ(accepted(m), sent + 8);
  EXPECT_EQ(sum_applied(m), accepted(m));
  EXPECT_EQ(applied(m, "late"), 1U);
  EXPECT_EQ(applied(m, "replayed"), 0U);
  EXPECT_GE(applied(m, "kept"), t.edges.size());
  EXPECT_EQ(m["faultline_dead_letters_total{reason=\"no_values\"}"], 1U);
  EXPECT_EQ(m["faultline_events_rejected_total{reason=\"no_values\"}"], 1U);
  EXPECT_EQ(m["faultline_events_admitted_total{door=\"router\"}"], sent + 8);
  EXPECT_EQ(m["faultline_events_offered_total{door=\"router\"}"], sent + 9);
  EXPECT_EQ(m["faultline_events_read_total{from=\"log\"}"], sent + 8);
  EXPECT_EQ(observations(h), accepted(m));
  h.stop();

  // What entities have counted stands in their snapshots; the process counts from nothing again.
  ASSERT_NO_FATAL_FAILURE(h.start());
  m = h.metrics();
  EXPECT_EQ(accepted(m), sent + 8);
  EXPECT_EQ(sum_applied(m), 0U) << "an orderly end leaves nothing to replay";
  EXPECT_EQ(m["faultline_events_accepted_at_start"], sent + 8);
  EXPECT_EQ(observations(h), sent + 8);
  ASSERT_NO_FATAL_FAILURE(publish_late_and_refused(*h.publisher("third")));
  ASSERT_NO_FATAL_FAILURE(h.wait_until_applied());
  m = h.metrics();
  EXPECT_EQ(accepted(m), sent + 16);
  EXPECT_EQ(sum_applied(m), 8U);
  EXPECT_EQ(applied(m, "late"), 8U) << "the entity remembers what it has closed";
  EXPECT_EQ(observations(h), sent + 16);
  h.stop();
}

TEST(NodeFlow, ARequestSentAgainCountsOnce) {
  const folder disk;
  house h{small_node(disk.path())};
  entity_events events;
  payload_writer writer;
  writer.add(events.at(0, 0.5));
  const auto payload = writer.take();
  for (int life = 0; life < 2; ++life) {
    ASSERT_NO_FATAL_FAILURE(h.start());
    for (int again = 0; again < 2; ++again) {  // a publisher that begins with seq 1 again
      const auto publisher = h.publisher("same");
      ASSERT_TRUE(publisher->send(payload, patience));
      ASSERT_TRUE(publisher->flush(patience));
      EXPECT_EQ(publisher->counters().duplicates, life + again == 0 ? 0U : 1U);
    }
    ASSERT_NO_FATAL_FAILURE(h.wait_until_applied());
    auto m = h.metrics();
    EXPECT_EQ(accepted(m), 1U);
    EXPECT_EQ(observations(h), 1U);
    h.stop();
  }
}

TEST(NodeFlow, AStartThatIsToldToEndEndsBehindTheStepItIsAtAndTheNextOneServes) {
  const folder disk;
  auto options = small_node(disk.path());
  entity_events events;
  payload_writer writer;
  writer.add(events.at(0, 0.5));
  {
    house h{options};
    ASSERT_NO_FATAL_FAILURE(h.start());
    const auto publisher = h.publisher("one");
    ASSERT_TRUE(publisher->send(writer.take(), patience));
    ASSERT_TRUE(publisher->flush(patience));
    h.stop();
  }
  int steps = 0;
  for (bool ended = true; ended && steps < 100; ++steps) {
    int asked = 0;
    options.told_to_end = [&] { return asked++ == steps; };
    auto made = node::start(options, [](const std::string& why) { ADD_FAILURE() << why; });
    ended = !made;
    if (ended) {
      EXPECT_EQ(made.error().code, ec::shutting_down) << made.error().what;
    }
    EXPECT_EQ(asked, steps + (ended ? 1 : 0)) << "it goes no step further";
  }
  EXPECT_GE(steps, 6);
  options.told_to_end = nullptr;
  house h{options};
  ASSERT_NO_FATAL_FAILURE(h.start());
  EXPECT_EQ(observations(h), 1U);
  h.stop();
}

}  // namespace
}  // namespace faultline
