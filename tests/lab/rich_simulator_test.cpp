// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <stdexcept>

#include "lab/simulation_faults.hpp"
#include "lab/simulator.hpp"
#include "tests/lab/folder.hpp"

namespace faultline {
namespace {

simulated_system run(const simulation_options& o) {
  auto out = simulate(o);
  if (!out) throw std::runtime_error{out.error().what};
  return std::move(*out);
}

simulation_options rich(std::uint64_t seed, int days) {
  simulation_options o;
  o.edition = 2;
  o.seed = seed;
  o.interval = seconds{60};
  o.duration = seconds{days * 86'400};
  o.train_share = 0.3;
  return o;
}

class EveryType : public ::testing::TestWithParam<fault_type> {};

// As an abrupt fault of full severity, on what the type may break: somebody notices.
TEST_P(EveryType, IsVisibleWhenWholeAndNamesItsRoot) {
  std::size_t visible = 0, impact = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    auto o = rich(seed, 1);
    fault_plan plan;
    plan.type = GetParam();
    plan.shape = fault_shape::abrupt;
    plan.onset = seconds{12 * 3600};
    plan.duration = seconds{3600};
    o.faults = {plan};
    const auto s = run(o);
    const auto& f = s.truth.faults.at(0);
    EXPECT_EQ(fault_type_of(f.type), GetParam());
    EXPECT_EQ(f.roots.size(), 1U);
    EXPECT_EQ(std::count(f.entities.begin(), f.entities.end(), f.roots[0]), 1);
    visible += f.visible.value_or(false) ? 1 : 0;
    impact += f.impact.value_or(false) ? 1 : 0;
    if (f.visible_from) {
      EXPECT_GE(*f.visible_from, f.start);
    }
  }
  EXPECT_GE(visible, 5U);
  EXPECT_LE(impact, visible);
}

INSTANTIATE_TEST_SUITE_P(All, EveryType, ::testing::ValuesIn(every_fault_type()),
                         [](const auto& type) { return std::string{to_string(type.param)}; });

TEST(FaultTypes, AreFourteenAndThreeAreHeldOut) {
  EXPECT_EQ(every_fault_type().size(), 14U);
  EXPECT_EQ(std::count_if(every_fault_type().begin(), every_fault_type().end(), is_held_out), 3);
  for (const fault_type type : every_fault_type()) EXPECT_EQ(fault_type_of(to_string(type)), type);
}

TEST(WeakFaults, AreLabelledAsInvisible) {
  auto o = rich(2, 1);
  fault_plan plan;
  plan.type = fault_type::cpu_hog;
  plan.shape = fault_shape::abrupt;
  plan.onset = seconds{12 * 3600};
  plan.duration = seconds{3600};
  plan.severity = 0.02;
  o.faults = {plan};
  const auto f = run(o).truth.faults.at(0);
  EXPECT_FALSE(*f.visible);
  EXPECT_FALSE(*f.impact);
  EXPECT_FALSE(f.visible_from);
}

TEST(DrawnFaults, ComeInEverySeverityFormAndRamp) {
  std::set<std::string> types, forms;
  std::size_t visible = 0, impact = 0, all = 0;
  std::int64_t shortest = 1'000'000, longest = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    auto o = rich(seed, 40);
    o.interval = seconds{300};
    o.services = 8;
    o.random_faults = 9;
    for (const auto& f : run(o).truth.faults) {
      ++all;
      types.insert(f.type);
      forms.insert(f.form);
      visible += *f.visible ? 1 : 0;
      impact += *f.impact ? 1 : 0;
      if (f.form == "abrupt") continue;
      const std::int64_t ramp = (*f.ramp_end - f.start).count() / 1000;
      shortest = std::min(shortest, ramp);
      longest = std::max(longest, ramp);
    }
  }
  EXPECT_GE(types.size(), 12U);
  EXPECT_EQ(forms.size(), 4U);
  EXPECT_LT(visible, all);
  EXPECT_GT(visible, all / 2);
  EXPECT_LT(impact, visible);
  EXPECT_GT(impact, all / 10);
  EXPECT_LT(shortest, 3600);
  EXPECT_GE(shortest, 600);
  EXPECT_GT(longest, 20 * 3600);
  EXPECT_LE(longest, 48 * 3600);
}

TEST(LookAlikesOfEdition2, AreFiveTimesAsManyAsFaultsAndOfFiveKinds) {
  auto o = rich(4, 10);
  o.random_faults = 6;
  const auto s = run(o);
  EXPECT_GE(s.truth.benign.size(), 5 * s.truth.faults.size());
  std::set<std::string> kinds;
  for (const auto& b : s.truth.benign) kinds.insert(b.type);
  EXPECT_EQ(kinds, (std::set<std::string>{"backup", "batch_job", "deploy", "failover_drill",
                                          "load_peak"}));
}

TEST(SplitSystems, NeverTrainOnWhatTheTestHoldsBack) {
  std::set<std::uint64_t> seeds;
  std::set<std::string> unseen;
  for (const auto split : {data_split::train, data_split::validation, data_split::test}) {
    for (std::uint64_t n = 0; n < 10; ++n) {
      auto o = split_system(split, n);
      EXPECT_TRUE(seeds.insert(o.seed).second);
      o.interval = seconds{300};
      o.duration = seconds{4 * 86'400};
      o.random_faults = 4;
      o.train_share = 0.25;
      for (const auto& f : run(o).truth.faults) {
        if (split == data_split::test) {
          unseen.insert(f.unseen.begin(), f.unseen.end());
        } else {
          EXPECT_TRUE(f.unseen.empty()) << to_string(split) << " " << f.type << " " << f.roots[0];
        }
      }
    }
  }
  EXPECT_EQ(unseen, (std::set<std::string>{"class", "topology", "type"}));
}

TEST(LargeSystems, OfFiveHundredNodesHangTogether) {
  auto o = rich(5, 1);
  o.services = 500;
  o.duration = seconds{1800};
  o.quiet = true;
  for (const auto style : {topology_style::layered, topology_style::tree, topology_style::shared}) {
    o.style = style;
    const auto s = run(o);
    std::set<std::string> ids, called{s.front};
    for (const auto& e : s.observed.entities) EXPECT_TRUE(ids.insert(e.id).second) << e.id;
    for (const auto& d : s.observed.edges) called.insert(d.to);
    EXPECT_EQ(called, ids) << to_string(style);
    EXPECT_EQ(ids.size(), 625U);
  }
}

TEST(SharedTopology, HasEntitiesThatManyDependOn) {
  const auto most_callers = [](topology_style style) {
    auto o = rich(6, 1);
    o.services = 60;
    o.duration = seconds{3600};
    o.quiet = true;
    o.style = style;
    std::map<std::string, int> callers;
    for (const auto& d : run(o).observed.edges)
      if (d.kind == edge_kind::calls) ++callers[d.to];
    int most = 0;
    for (const auto& [id, n] : callers) most = std::max(most, n);
    return most;
  };
  EXPECT_EQ(most_callers(topology_style::tree), 2);  // a database also for a cache's misses
  EXPECT_GE(most_callers(topology_style::shared), 8);
}

TEST(AgentsOfEdition2, JitterDropOutCountAndAreNeverBehind) {
  std::size_t counters = 0, resets = 0, entities = 0, gaps = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    auto o = rich(seed, 6);
    o.quiet = true;
    const auto s = run(o);
    for (const auto& e : s.observed.entities) {
      ++entities;
      for (std::size_t i = 1; i < e.rows(); ++i) {
        ASSERT_GT(e.ts[i], e.ts[i - 1]) << e.id;
        gaps += e.ts[i] - e.ts[i - 1] > std::chrono::minutes{5} ? 1 : 0;
      }
      EXPECT_GE(e.ts[0], o.start);
      EXPECT_LT(e.ts[0] - o.start, std::chrono::minutes{2});
      const auto column = e.column("requests_total");
      EXPECT_FALSE(column && e.column("requests.rate"));
      if (!column) continue;
      ++counters;
      for (std::size_t i = 1; i < e.rows(); ++i)
        resets += e.row(i)[*column] < e.row(i - 1)[*column] ? 1 : 0;
    }
  }
  EXPECT_GT(counters, entities / 10);
  EXPECT_GT(resets, counters);
  EXPECT_GT(gaps, entities / 2);
}

TEST(LogsAndSpans, TellTheSameStoryAsTheMetrics) {
  auto o = rich(3, 1);
  o.log_lines_per_hour = 12;
  o.traces_per_minute = 2;
  fault_plan plan;
  plan.type = fault_type::dns;
  plan.shape = fault_shape::abrupt;
  plan.onset = seconds{12 * 3600};
  plan.duration = seconds{3600};
  o.faults = {plan};
  const auto s = run(o);
  const auto& f = s.truth.faults.at(0);
  std::size_t inside = 0, outside = 0, told = 0;
  for (const auto& line : s.observed.logs) {
    if (line.severity != log_severity::error) continue;
    (line.ts >= f.start && line.ts <= f.end ? inside : outside) += 1;
    told += line.entity == f.roots[0] && line.body.find("resolve host") != std::string::npos;
  }
  EXPECT_GT(inside, 3 * outside / 23);
  EXPECT_GT(told, 3U);
  ASSERT_FALSE(s.observed.spans.empty());
  std::set<std::string> spans;
  for (const auto& span : s.observed.spans) {
    EXPECT_TRUE(s.observed.find(span.entity));
    spans.insert(span.span);
  }
  for (const auto& span : s.observed.spans)
    if (!span.parent.empty()) {
      EXPECT_EQ(spans.count(span.parent), 1U);
    }
  EXPECT_TRUE(std::is_sorted(s.observed.logs.begin(), s.observed.logs.end(),
                             [](const auto& a, const auto& b) { return a.ts < b.ts; }));
}

TEST(LogsAndSpans, ANodeMayHaveSeveralOperationsOfWhichSomeAreRare) {
  auto o = rich(3, 1);
  o.traces_per_minute = 2;
  const auto plain = run(o);
  o.operations = 3;
  const auto s = run(o);
  std::map<std::string, std::size_t> of, all;
  for (const auto& span : s.observed.spans) {
    ++of[span.entity + " " + span.operation];
    ++all[span.entity];
  }
  EXPECT_EQ(of.size(), 3 * all.size());
  const auto& front = s.front;
  const auto name = front.substr(front.find('/') + 1);
  const auto share = [&](const std::string& operation) {
    return static_cast<double>(of[front + " " + operation]) / static_cast<double>(all[front]);
  };
  EXPECT_NEAR(share("GET /" + name), 0.76, 0.05);
  EXPECT_NEAR(share("POST /" + name), 0.19, 0.04);
  EXPECT_NEAR(share("GET /" + name + "/export"), 0.05, 0.02);
  for (const auto& span : plain.observed.spans)
    ASSERT_EQ(span.operation.rfind("handle /", 0), 0U) << "of one, as ever";
}

TEST(Edition2, TheSameSeedGivesTheSameFilesByteForByte) {
  auto o = rich(8, 1);
  o.log_lines_per_hour = 6;
  o.traces_per_minute = 1;
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

TEST(Edition2, AQuietSystemStaysWithinItsObjective) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    auto o = rich(seed, 2);
    o.quiet = true;
    const auto s = run(o);
    const auto& front = s.observed.entities.at(s.observed.find(s.front).value());
    const std::size_t latency = front.column("latency.p95_ms").value();
    std::vector<double> seen;
    for (std::size_t i = 0; i < front.rows(); ++i)
      if (!std::isnan(front.row(i)[latency])) seen.push_back(front.row(i)[latency]);
    std::sort(seen.begin(), seen.end());
    EXPECT_LT(seen[seen.size() * 99 / 100], 2.5 * seen[seen.size() / 2]) << seed;
  }
}

TEST(Edition2, OptionsThatMakeNoSenseAreRefused) {
  const auto refused = [](auto change) {
    auto o = rich(1, 1);
    change(o);
    const auto s = simulate(o);
    return !s && s.error().code == ec::invalid;
  };
  EXPECT_TRUE(refused([](auto& o) { o.edition = 3; }));
  EXPECT_TRUE(refused([](auto& o) { o.services = 501; }));
  EXPECT_TRUE(refused([](auto& o) { o.log_lines_per_hour = -1; }));
  EXPECT_TRUE(refused([](auto& o) { o.traces_per_minute = 1e9; }));
  EXPECT_TRUE(refused([](auto& o) { o.operations = 0; }));
  EXPECT_TRUE(refused([](auto& o) { o.operations = 9; }));
}

}  // namespace
}  // namespace faultline
