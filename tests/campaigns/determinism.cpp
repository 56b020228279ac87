// SPDX-License-Identifier: Apache-2.0
//
// One log, many lives: makes the log of an eventful system, lets a node replay it, and prints what
// it decided. tests/campaigns/determinism.py runs it
// and compares what store_tool reads in the stores.
//
//   determinism make STORE [--live] [--one-blob]
//                                             writes the log of a store, and nothing but the log:
//                                             many blobs, or one a partition, as when all was sent
//                                             while the disk stood still
//   determinism replay STORE [--live] [--threads N] [--batch N] [--wait-us N] [--credit N]
//                                             a node's life on it: until all is applied
#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "actors/group_commit.hpp"
#include "inference/forecaster.hpp"
#include "judgement/rules.hpp"
#include "lab/evaluation_events.hpp"
#include "lab/rng.hpp"
#include "lab/simulator.hpp"
#include "server/node.hpp"
#include "storage/store.hpp"
#include "transport/http_client.hpp"

namespace faultline {
namespace {

constexpr std::int64_t tick_ms = 10'000;

int fail(const std::string& what) {
  std::fprintf(stderr, "determinism: %s\n", what.c_str());
  return 1;
}

storage_options store_at(const std::string& path) {
  storage_options o;
  o.path = path;
  o.sync = false;
  o.partitions = 8;
  o.min_free_bytes = 0;
  o.write_buffer_bytes = 16 * 1024 * 1024;
  o.log_retention = std::chrono::hours{24 * 365 * 50};
  o.feed_retention = o.log_retention;
  return o;
}

processing_options processing(bool live) {
  processing_options o;
  o.accept_past = !live;
  return o;
}

/// An event with a home for its texts, and when it reaches us.
struct made_event {
  std::int64_t arrived = 0;
  std::string entity;
  std::int64_t ts = 0;
  std::vector<std::pair<std::string, double>> gauges, counters;
  std::vector<std::pair<std::string, std::string>> attributes;
};

/// What chance does to a system's rows: late ones, lost ones, times off the grid.
void add_simulated(std::vector<made_event>& to, const telemetry& t, random_source& random) {
  for (std::size_t i = 0; i < t.entities.size(); ++i) {
    const auto& e = t.entities[i];
    const std::int64_t phase = static_cast<std::int64_t>(random.below(9'000));
    const bool pauses = i % 4 == 1;
    for (std::size_t row = 0; row < e.ts.size(); ++row) {
      if (pauses && row > 420 && row < 470) continue;            // a silence
      if (i % 7 == 2 && row > 600 && row < 600 + 150) continue;  // a gap beyond 128 ticks
      made_event m;
      m.entity = e.id;
      m.ts = unix_ms(e.ts[row]) + phase + static_cast<std::int64_t>(random.normal() * 300);
      m.arrived = m.ts + 20 + static_cast<std::int64_t>(random.below(400));
      if (random.chance(0.01)) m.arrived += static_cast<std::int64_t>(random.below(40'000));
      for (std::size_t k = 0; k < e.metrics.size(); ++k) {
        const double v = e.values[row * e.metrics.size() + k];
        if (v == v) m.gauges.emplace_back(e.metrics[k], v);
      }
      if (random.chance(0.02)) m.attributes = {{"zone", random.chance(0.5) ? "a" : "b"}};
      if (!m.gauges.empty()) to.push_back(std::move(m));
    }
  }
}

/// Hosts that send one value at a time, a counter among them that starts again now and then.
void add_scalars(std::vector<made_event>& to, std::int64_t start, int ticks,
                 random_source& random) {
  for (int h = 0; h < 4; ++h) {
    double total = 1000;
    for (int n = 0; n < ticks; ++n) {
      if (h == 3 && n > 500 && n < 540) continue;
      const bool fault = n > 700 + 10 * h && n < 760 + 10 * h;
      total = random.chance(0.005) ? 5 : total + 40 + random.normal() * 4 + (fault ? 90 : 0);
      for (int k = 0; k < 3; ++k) {
        made_event m;
        m.entity = "host/scalar-" + std::to_string(h);
        m.ts = start + n * tick_ms + 1500 * k + static_cast<std::int64_t>(random.below(1200));
        m.arrived = m.ts + 10 + static_cast<std::int64_t>(random.below(200));
        if (random.chance(0.02)) m.arrived += static_cast<std::int64_t>(random.below(25'000));
        if (k == 0)
          m.gauges.emplace_back("cpu_percent", 30 + random.normal() + (fault ? 45 : 0));
        else if (k == 1)
          m.gauges.emplace_back("memory_percent", 50 + random.normal() * 0.5);
        else
          m.counters.emplace_back("requests_total", total);
        to.push_back(std::move(m));
      }
    }
  }
}

telemetry simulated(int ticks) {
  simulation_options o;
  o.seed = 7;
  o.services = 12;
  o.duration = seconds{ticks * 10};
  for (int f = 0; f < 3; ++f) {
    fault_plan plan;
    plan.type = f == 0   ? fault_type::disk_fill
                : f == 1 ? fault_type::error_burst
                         : fault_type::network_delay;
    plan.shape = f == 1 ? fault_shape::abrupt : fault_shape::linear;
    plan.onset = seconds{ticks * 10 * (5 + 2 * f) / 12};
    plan.ramp = seconds{f == 1 ? 0 : 600};
    plan.duration = seconds{1200};
    o.faults.push_back(plan);
  }
  auto made = simulate(o);
  if (!made) {
    fail(made.error().what);
    std::exit(1);
  }
  return std::move(made->observed);
}

/// Writes what would have come in by the doors, as they would have.
class log_maker {
public:
  log_maker(store& into, bool live, bool one_blob)
      : live_{live},
        one_blob_{one_blob},
        commit_{into, intake(), processing(live), counters_, hooks()} {
    if (!one_blob_) commit_.start();
  }
  ~log_maker() {
    if (one_blob_) commit_.start();
    commit_.stop();
  }

  void put(const event_view& e) {
    if (live_ && unix_ms(e.arrived) / 1000 != second_) {
      second_ = unix_ms(e.arrived) / 1000;
      commit_.tick(e.arrived);
    }
    const bool last_of_group = !one_blob_ && ++put_ % events_a_group == 0;
    {
      auto in = commit_.begin();
      in.add(e);
      if (!last_of_group) return;
      in.reply_when_durable({}, {});
    }
    std::unique_lock lock{mutex_};
    written_.wait(lock, [&] { return replies_ == put_ / events_a_group; });
  }
  void retire(const std::string& entity, std::uint16_t partitions) {
    control_record c;
    c.name = "retire";
    c.payload = entity;
    auto in = commit_.begin();
    in.add_control(partition_of(entity, partitions), c);
  }
  /// An operator's limits, in every partition.
  void limit(const rules_record& rules, std::uint16_t partitions) {
    const auto payload = encode_rules(rules);
    control_record c;
    c.name = "configuration";
    c.payload = payload;
    auto in = commit_.begin();
    for (partition_id p = 0; p < partitions; ++p) in.add_control(p, c);
  }

private:
  static intake_options intake() {
    intake_options o;
    o.max_lag_records = ~std::uint64_t{0};
    o.group_bytes = 8 * 1024;
    return o;
  }
  commit_hooks hooks() {
    commit_hooks h;
    h.deliver = [](shared_blob) {};
    h.reply = [this](const reply_address&, std::string) {
      const std::lock_guard lock{mutex_};
      ++replies_;
      written_.notify_one();
    };
    h.now = [] { return arrival_time{}; };
    h.give_up = [](const std::string& why) { std::exit(fail(why)); };
    return h;
  }

  static constexpr std::uint64_t events_a_group = 64;

  bool live_;
  bool one_blob_;
  std::int64_t second_ = 0;
  std::uint64_t put_ = 0;
  std::mutex mutex_;
  std::condition_variable written_;
  std::uint64_t replies_ = 0;
  node_counters counters_;
  group_commit commit_;
};

event_view view_of(const made_event& m) {
  event_view e;
  e.entity = m.entity;
  e.has_ts = true;
  e.ts = event_time_of(m.ts);
  e.arrived = arrival_time_of(m.arrived);
  for (const auto& [name, v] : m.gauges) e.metrics.push_back({name, v, metric_kind::gauge});
  for (const auto& [name, v] : m.counters) e.metrics.push_back({name, v, metric_kind::counter});
  for (const auto& [key, v] : m.attributes) e.attributes.push_back({key, v});
  return e;
}

outcome<rules_record> limited_rules(bool live) {
  auto model = load_forecaster("models/lstm.flm", 1);
  if (!model) return model.error();
  rules_record r;
  r.rules.processing = processing(live);
  r.rules.model = (*model)->identity();
  r.configured_model = r.rules.model.sha256;
  r.rules.detection.limits.push_back({"host/*", "cpu_percent", 60.0, {}, "critical"});
  return r;
}

int make(const std::string& path, bool live, bool one_blob) {
  const auto limited = limited_rules(live);
  if (!limited) return fail(limited.error().what);
  constexpr int ticks = 1080;  // three hours
  const auto system = simulated(ticks);
  random_source random{11};
  std::vector<made_event> events;
  add_simulated(events, system, random);
  add_scalars(events, unix_ms(system.entities.front().ts.front()), ticks, random);
  std::stable_sort(events.begin(), events.end(),
                   [](const auto& a, const auto& b) { return a.arrived < b.arrived; });
  auto opened = open_rocksdb_store(store_at(path));
  if (!opened) return fail(opened.error().what);
  const auto partitions = (*opened)->events().partitions();
  {
    log_maker log{**opened, live, one_blob};
    for (const auto& edge : system.edges) {
      event_view e;
      e.type = event_type::edge;
      e.entity = edge.from;
      e.depends_on = {edge.to};
      e.edge = edge.kind;
      e.ts = event_time_of(events.front().ts);
      e.arrived = arrival_time_of(events.front().arrived);
      e.has_ts = true;
      log.put(e);
    }
    for (std::size_t i = 0; i < events.size(); ++i) {
      log.put(view_of(events[i]));
      if (i == events.size() / 2) log.limit(*limited, partitions);
      if (i == events.size() * 2 / 3) log.retire("host/scalar-0", partitions);
    }
  }
  if (auto done = (*opened)->flush(); !done) return fail(done.error().what);
  log_position blobs = 0;
  for (partition_id p = 0; p < partitions; ++p) blobs += (*opened)->events().last(p);
  std::printf("%zu events in %llu blobs\n", events.size() + system.edges.size(),
              static_cast<unsigned long long>(blobs));
  return 0;
}

struct life {
  bool live = false, one_blob = false;
  std::size_t threads = 2, batch = 256;
  std::uint32_t wait_us = 3000, credit = 256;
};

/// What operators do: they say something about every incident and every alert that is firing.
void speak(const std::string& address) {
  http_client_options web;
  web.address = address;
  for (const std::string& what : {std::string{"alerts"}, std::string{"incidents"}}) {
    const auto list = http_get(web, "/api/v1/" + what);
    if (!list) continue;
    const auto page = nlohmann::json::parse(list->body, nullptr, false);
    if (!page.is_object() || !page.contains(what)) continue;
    for (const auto& one : page[what]) {
      const auto at = "/api/v1/" + what + "/" + one.value("id", std::string{});
      const bool alert = what == "alerts";
      static_cast<void>(http_post(
          web, at + "/feedback",
          alert ? R"({"verdict": "true", "by": "ann"})" : R"({"verdict": "right", "by": "ann"})"));
      if (alert) static_cast<void>(http_post(web, at + "/acknowledge", R"({"by": "ann"})"));
    }
  }
}

int replay(const std::string& path, const life& how) {
  node_options o;
  o.storage = store_at(path);
  o.processing = processing(how.live);
  o.sockets.pull = {"tcp://127.0.0.1:*"};
  o.sockets.router = {"tcp://127.0.0.1:*"};
  o.sockets.publish = "tcp://127.0.0.1:*";
  o.sockets.replay = "tcp://127.0.0.1:*";
  o.web.listen_address = "127.0.0.1:0";
  o.lstm_file = "models/lstm.flm";
  o.lanes.batch = how.batch;
  o.lanes.max_wait = std::chrono::microseconds{how.wait_us};
  o.actors.threads = how.threads;
  o.actors.partition_credit = how.credit;
  auto made = node::start(o, [](const std::string& why) { std::exit(fail(why)); });
  if (!made) return fail(made.error().what);
  while (!(*made)->ready()) std::this_thread::sleep_for(std::chrono::milliseconds{5});
  speak((*made)->bound_addresses()[0]);
  if (auto done = (*made)->stop(); !done) return fail(done.error().what);
  return 0;
}

int main_of(std::vector<std::string> words) {
  life how;
  std::map<std::string, std::function<void(std::uint64_t)>> numbers{
      {"--threads", [&](std::uint64_t n) { how.threads = n; }},
      {"--batch", [&](std::uint64_t n) { how.batch = n; }},
      {"--wait-us", [&](std::uint64_t n) { how.wait_us = static_cast<std::uint32_t>(n); }},
      {"--credit", [&](std::uint64_t n) { how.credit = static_cast<std::uint32_t>(n); }}};
  for (std::size_t i = 2; i < words.size(); ++i) {
    const auto number = numbers.find(words[i]);
    if (words[i] == "--live")
      how.live = true;
    else if (words[i] == "--one-blob")
      how.one_blob = true;
    else if (number != numbers.end() && i + 1 < words.size())
      number->second(std::strtoull(words[++i].c_str(), nullptr, 10));
    else
      return fail("what is '" + words[i] + "'?");
  }
  if (words.size() >= 2 && words[0] == "make") return make(words[1], how.live, how.one_blob);
  if (words.size() >= 2 && words[0] == "replay") return replay(words[1], how);
  return fail("make or replay, and a store");
}

}  // namespace
}  // namespace faultline

int main(int argc, char** argv) { return faultline::main_of({argv + 1, argv + argc}); }
