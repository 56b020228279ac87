// SPDX-License-Identifier: Apache-2.0
#include "lab/simulator.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <stdexcept>
#include <type_traits>

#include "lab/row_cursor.hpp"
#include "tests/lab/folder.hpp"

namespace faultline {
namespace {

simulation_options quiet_hours(std::uint64_t seed, int hours) {
  simulation_options o;
  o.seed = seed;
  o.quiet = true;
  o.look_alikes = false;
  o.duration = seconds{hours * 3600};
  return o;
}

simulated_system run(const simulation_options& o) {
  auto out = simulate(o);
  if (!out) throw std::runtime_error{out.error().what};
  return std::move(*out);
}

// FNV-1a over ids, stamps and the bits of every value.
std::uint64_t fingerprint(const telemetry& t) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  auto add = [&hash](std::uint64_t word) {
    for (int i = 0; i < 8; ++i) hash = (hash ^ ((word >> (8 * i)) & 0xff)) * 0x100000001b3ULL;
  };
  for (const auto& e : t.entities) {
    for (const char c : e.id) add(static_cast<unsigned char>(c));
    for (const auto ts : e.ts) add(static_cast<std::uint64_t>(unix_ms(ts)));
    for (const double v : e.values) {
      const auto single = static_cast<float>(v);
      std::uint32_t bits = 0;
      std::memcpy(&bits, &single, sizeof bits);
      add(std::isnan(v) ? 0x7fc00000U : bits);
    }
  }
  return hash;
}

const entity_series& entity(const telemetry& t, const std::string& id) {
  return t.entities.at(t.find(id).value());
}

TEST(Simulator, TheSameSeedGivesTheSameFilesByteForByte) {
  simulation_options o;
  o.seed = 5;
  const test::folder a, b;
  for (const auto* dir : {&a, &b}) {
    const auto s = run(o);
    ASSERT_TRUE(write_recording(dir->path(), s.observed, s.truth));
  }
  for (const auto& item : test::fs::recursive_directory_iterator(a.path())) {
    if (!item.is_regular_file()) continue;
    EXPECT_EQ(test::bytes_of(item.path()),
              test::bytes_of(b.path() / test::fs::relative(item.path(), a.path())));
  }
}

TEST(Simulator, AnotherSeedGivesAnotherSystem) {
  EXPECT_NE(fingerprint(run(quiet_hours(1, 1)).observed),
            fingerprint(run(quiet_hours(2, 1)).observed));
}

TEST(Simulator, ASeedMeansTheNumbersWrittenDownHereOnEveryMachine) {
  simulation_options o;
  o.seed = 42;
  EXPECT_EQ(fingerprint(run(o).observed), 3248136757036227881ULL);
}

TEST(Simulator, WhatIsStreamedIsWhatIsRecorded) {
  simulation_options o;
  o.seed = 9;
  const auto s = run(o);
  const test::folder dir;
  ASSERT_TRUE(write_recording(dir.path(), s.observed, s.truth));
  auto back = read_telemetry(dir.path());
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(fingerprint(*back), fingerprint(s.observed));
  EXPECT_EQ(back->edges.size(), s.observed.edges.size());
  EXPECT_EQ(back->train_until, s.observed.train_until);
  row_cursor one{s.observed}, two{*back};
  while (auto row = one.next()) {
    const auto other = two.next();
    ASSERT_TRUE(other);
    EXPECT_EQ(row->ts, other->ts);
    EXPECT_EQ(row->entity, other->entity);
  }
  EXPECT_FALSE(two.next());
}

TEST(Simulator, GraphsOfEverySizeHangTogether) {
  for (std::size_t size = 5; size <= 50; size += 5) {
    auto o = quiet_hours(size, 1);
    o.services = size;
    const auto s = run(o);
    std::set<std::string> ids, called{s.front};
    std::size_t hosts = 0;
    for (const auto& e : s.observed.entities) {
      EXPECT_TRUE(ids.insert(e.id).second) << e.id;
      hosts += e.id.rfind("host/", 0) == 0 ? 1 : 0;
      EXPECT_EQ(std::set<std::string>(e.metrics.begin(), e.metrics.end()).size(), e.metrics.size());
    }
    EXPECT_EQ(ids.size() - hosts, size);
    EXPECT_GE(hosts, 2U);
    for (const auto& d : s.observed.edges) {
      EXPECT_TRUE(ids.count(d.from) == 1 && ids.count(d.to) == 1);
      EXPECT_EQ(d.kind == edge_kind::runs_on, d.to.rfind("host/", 0) == 0);
      called.insert(d.to);
    }
    for (const auto& id : ids) EXPECT_EQ(called.count(id), 1U) << id << " is called by nobody";
  }
}

TEST(Simulator, EveryNodeHasOneMetricOfEachOfTheEightRoles) {
  const auto s = run(quiet_hours(3, 1));
  for (const auto& e : s.observed.entities) {
    if (e.id.rfind("host/", 0) == 0) continue;
    for (const char* name : {"cpu.utilization", "memory.used_bytes", "disk.io_util",
                             "network.bytes", "requests.rate", "errors.rate", "latency.p95_ms"})
      EXPECT_TRUE(e.column(name)) << e.id << " " << name;
    EXPECT_NE(e.column("connections.in_use").has_value(), e.column("queue.saturation").has_value());
  }
}

TEST(Simulator, SomeCallersMeasureTheirCallees) {
  auto o = quiet_hours(3, 1);
  auto edge_columns = [](const telemetry& t) {
    std::size_t n = 0;
    for (const auto& e : t.entities)
      for (const auto& m : e.metrics) n += m.rfind("out_p50.", 0) == 0 ? 1 : 0;
    return n;
  };
  o.edge_metric_share = 0;
  EXPECT_EQ(edge_columns(run(o).observed), 0U);
  o.edge_metric_share = 1;
  const auto s = run(o);
  std::size_t calls = 0;
  for (const auto& d : s.observed.edges) calls += d.kind == edge_kind::calls ? 1 : 0;
  EXPECT_EQ(edge_columns(s.observed), calls);
}

TEST(QuietSystem, StaysWithinItsUsualBoundsForTwentySeeds) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto s = run(quiet_hours(seed, 3));
    EXPECT_TRUE(s.truth.faults.empty());
    EXPECT_TRUE(s.injected.empty());
    for (const auto& e : s.observed.entities) {
      const auto latency = e.column("latency.p95_ms"), errors = e.column("errors.rate"),
                 requests = e.column("requests.rate");
      if (!latency) continue;
      double failed = 0, all = 0, first = 0, last = 0;
      std::size_t far = 0;
      const std::size_t third = e.rows() / 3;
      for (std::size_t i = 0; i < e.rows(); ++i) {
        const double* row = e.row(i);
        if (std::isnan(row[*latency]) || std::isnan(row[*errors]) || std::isnan(row[*requests]))
          continue;
        failed += row[*errors];
        all += row[*requests];
        if (i < third) first += row[*latency];
        if (i >= e.rows() - third) last += row[*latency];
        far += row[*latency] > 2 * e.row(0)[*latency] ? 1 : 0;
      }
      EXPECT_LT(failed / all, 0.02) << seed << " " << e.id;
      EXPECT_NEAR(last / first, 1, 0.25) << seed << " " << e.id;
      EXPECT_LT(far, e.rows() / 50) << seed << " " << e.id;
    }
  }
}

TEST(QuietSystem, IsQuietWhateverFaultsTheOptionsName) {
  auto o = quiet_hours(4, 2);
  const auto plain = fingerprint(run(o).observed);
  o.faults = {{fault_type::cpu_hog, fault_shape::abrupt, "", seconds{10}, seconds{0}, seconds{60}}};
  o.random_faults = 7;
  EXPECT_EQ(fingerprint(run(o).observed), plain);
}

TEST(LookAlikes, AreLabelledAsBenignAndNeverAsFaults) {
  simulation_options o;
  o.seed = 11;
  o.quiet = true;
  o.interval = seconds{60};
  o.duration = seconds{6 * 86400};
  const auto s = run(o);
  EXPECT_TRUE(s.truth.faults.empty());
  std::set<std::string> kinds;
  std::size_t deploys = 0;
  for (const auto& b : s.truth.benign) {
    kinds.insert(b.type);
    deploys += b.type == "deploy" ? 1 : 0;
    EXPECT_LT(b.start, b.end);
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"backup", "deploy", "load_peak"}));
  EXPECT_EQ(s.observed.changes.size(), deploys);
  o.look_alikes = false;
  EXPECT_TRUE(run(o).truth.benign.empty());
}

TEST(LookAlikes, ABackupRaisesTheDiskEveryNight) {
  simulation_options o;
  o.seed = 11;
  o.quiet = true;
  o.interval = seconds{60};
  o.duration = seconds{4 * 86400};
  const auto s = run(o);
  std::map<std::string, int> nights;
  for (const auto& b : s.truth.benign) {
    if (b.type != "backup") continue;
    ++nights[b.entities.at(0)];
    const auto& e = entity(s.observed, b.entities[0]);
    const std::size_t disk = e.column("disk.io_util").value();
    double inside = 0, outside = 0;
    int n = 0, m = 0;
    for (std::size_t i = 0; i < e.rows(); ++i) {
      if (std::isnan(e.row(i)[disk])) continue;
      const bool within = e.ts[i] >= b.start && e.ts[i] <= b.end;
      const bool beside = e.ts[i] < b.start && e.ts[i] > b.start - std::chrono::minutes{30};
      inside += within ? e.row(i)[disk] : 0.0F;
      outside += beside ? e.row(i)[disk] : 0.0F;
      n += within ? 1 : 0;
      m += beside ? 1 : 0;
    }
    EXPECT_GT(inside / n, outside / m + 0.15) << b.entities[0];
  }
  ASSERT_FALSE(nights.empty());
  for (const auto& [db, count] : nights) EXPECT_EQ(count, 4) << db;
}

TEST(LookAlikes, ADeployLeavesAGapAndAChangeEvent) {
  simulation_options o;
  o.seed = 2;
  o.quiet = true;
  o.duration = seconds{2 * 86400};
  o.missing_share = 0;
  const auto s = run(o);
  ASSERT_FALSE(s.observed.changes.empty());
  const auto& c = s.observed.changes.front();
  const auto& e = entity(s.observed, c.entity);
  for (const auto ts : e.ts) EXPECT_FALSE(ts >= c.ts && ts < c.ts + seconds{20});
}

// The compiler keeps the truth out of what a detector sees.
template <class T, class = void>
struct knows_faults : std::false_type {};
template <class T>
struct knows_faults<T, std::void_t<decltype(std::declval<T>().faults)>> : std::true_type {};
static_assert(knows_faults<labels>::value, "the check itself works");
static_assert(!knows_faults<telemetry>::value && !std::is_convertible_v<telemetry, labels> &&
                  !std::is_convertible_v<labels, telemetry>,
              "labels never reach the detector");

TEST(Telemetry, IsTheSameWhetherOrNotTheRecordingHasLabels) {
  simulation_options o;
  const auto s = run(o);
  const test::folder with, without;
  ASSERT_TRUE(write_recording(with.path(), s.observed, s.truth));
  ASSERT_TRUE(write_recording(without.path(), s.observed, labels{}));
  auto seen = read_telemetry(with.path());
  ASSERT_TRUE(seen);
  const test::folder again;
  ASSERT_TRUE(write_recording(again.path(), *seen, labels{}));
  EXPECT_EQ(test::bytes_of(again.path() / "recording.json"),
            test::bytes_of(without.path() / "recording.json"));
}

TEST(SimulationOptions, ThatMakeNoSenseAreRefused) {
  auto refused = [](auto change) {
    simulation_options o;
    change(o);
    auto s = simulate(o);
    return !s && s.error().code == ec::invalid;
  };
  EXPECT_FALSE(refused([](auto&) {}));
  EXPECT_TRUE(refused([](auto& o) { o.services = 4; }));
  EXPECT_TRUE(refused([](auto& o) { o.services = 51; }));
  EXPECT_TRUE(refused([](auto& o) { o.interval = seconds{0}; }));
  EXPECT_TRUE(refused([](auto& o) { o.duration = seconds{10}; }));
  EXPECT_TRUE(refused([](auto& o) { o.train_share = 1; }));
  EXPECT_TRUE(refused([](auto& o) { o.missing_share = std::nan(""); }));
  EXPECT_TRUE(refused([](auto& o) { o.random_faults = 1000; }));
  EXPECT_TRUE(refused([](auto& o) {
    o.faults = {{}};
    o.faults[0].target = "service/nobody";
  }));
  EXPECT_TRUE(refused([](auto& o) {
    o.faults = {{}};
    o.faults[0].severity = 2;
  }));
  EXPECT_TRUE(refused([](auto& o) {
    o.faults = {{}};
    o.faults[0].onset = seconds{10700};
  }));
  EXPECT_TRUE(refused([](auto& o) {
    o.faults = {{}};
    o.faults[0].type = fault_type::disk_fill;
    o.faults[0].target = "gateway/front";
  }));
}

}  // namespace
}  // namespace faultline
