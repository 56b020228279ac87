// SPDX-License-Identifier: Apache-2.0
#include "tools/training_data.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace faultline {
namespace {

simulated_system ramp_system() {
  simulation_options o;
  o.seed = 4;
  o.services = 6;
  o.duration = seconds{2 * 3600};
  o.train_share = 0.5;
  fault_plan fault;
  fault.type = fault_type::memory_leak;
  fault.onset = seconds{4800};
  fault.ramp = seconds{1200};
  fault.duration = seconds{1800};
  o.faults = {fault};
  const auto system = simulate(o);
  EXPECT_TRUE(system);
  return *system;
}

simulated_system quiet_system() {
  simulation_options o;
  o.seed = 5;
  o.services = 6;
  o.duration = seconds{2 * 3600};
  o.quiet = true;
  const auto system = simulate(o);
  EXPECT_TRUE(system);
  return *system;
}

TEST(TrainingSystems, AreDrawnFromTheirSeedAloneAndAreValid) {
  std::set<std::int64_t> intervals;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto a = forecaster_system(seed), b = forecaster_system(seed);
    EXPECT_EQ(a.services, b.services);
    EXPECT_EQ(a.start, b.start);
    EXPECT_FALSE(validate(a)) << seed;
    EXPECT_FALSE(validate(ranker_system(seed))) << seed;
    intervals.insert(a.interval.count());
  }
  EXPECT_EQ(intervals, (std::set<std::int64_t>{10, 30, 60, 300}));
}

TEST(TrainingSystems, OfEdition2AreOfTheirSplitAndHoldBackWhatIsHeldOut) {
  std::set<std::uint64_t> seeds;
  for (std::uint64_t n = 0; n < 50; ++n)
    for (const auto split : {data_split::train, data_split::validation}) {
      for (const auto& o : {forecaster_system(split, n), ranker_system(split, n)}) {
        EXPECT_EQ(o.edition, 2);
        EXPECT_FALSE(validate(o)) << n;
        EXPECT_EQ(o.seed, split_system(split, n).seed);
        EXPECT_TRUE(std::none_of(o.types.begin(), o.types.end(), is_held_out));
        EXPECT_FALSE(o.types.empty());
      }
      seeds.insert(forecaster_system(split, n).seed);
    }
  EXPECT_EQ(seeds.size(), 100U);
}

TEST(TrainingSequences, HoldWhatTheModelWouldSeeOfEveryEntity) {
  const auto system = quiet_system();
  std::vector<training_sequence> sequences;
  append_sequences(system, sequences);
  EXPECT_EQ(sequences.size(), system.observed.entities.size());
  for (const auto& s : sequences) {
    EXPECT_EQ(s.tick_seconds, 10);
    EXPECT_GT(s.ticks.size(), 500U);
    for (const auto& tick : s.ticks) {
      EXPECT_TRUE(tick.usable);
      EXPECT_EQ(tick.fault_soon, 0);
      EXPECT_NEAR(tick.in.sin_day * tick.in.sin_day + tick.in.cos_day * tick.in.cos_day, 1, 1e-4);
      for (std::size_t slot = 0; slot < forecast_shape::slots; ++slot) {
        EXPECT_TRUE(std::isfinite(tick.in.z[slot]));
        EXPECT_TRUE(tick.in.mask[slot] == 0 || tick.in.mask[slot] == 1);
      }
    }
  }
}

TEST(TrainingSequences, LeaveOutFaultsAndMarkTheirApproach) {
  const auto system = ramp_system();
  ASSERT_EQ(system.truth.faults.size(), 1U);
  ASSERT_TRUE(system.truth.faults[0].full_effect);
  std::vector<training_sequence> sequences;
  append_sequences(system, sequences);
  std::size_t touched = 0;
  for (const auto& s : sequences) {
    const auto is_soon = [](const training_tick& t) { return t.fault_soon == 1; };
    const auto out = [](const training_tick& t) { return !t.usable; };
    if (!std::any_of(s.ticks.begin(), s.ticks.end(), out)) {
      EXPECT_TRUE(std::none_of(s.ticks.begin(), s.ticks.end(), is_soon));
      continue;
    }
    ++touched;
    EXPECT_TRUE(std::any_of(s.ticks.begin(), s.ticks.end(), is_soon));
    EXPECT_TRUE(s.ticks.front().usable);
    for (const auto& tick : s.ticks) EXPECT_FALSE(tick.usable && tick.fault_soon == 1);
  }
  EXPECT_GE(touched, 1U);
  EXPECT_LT(touched, sequences.size());
}

TEST(RankerCases, OfAFaultNameItsRootAndClassAndAreTheSameEachTime) {
  const auto system = ramp_system();
  std::vector<ranker_case> cases, again;
  append_cases(system, 4, cases);
  append_cases(system, 4, again);
  ASSERT_GE(cases.size(), 2U);
  ASSERT_EQ(cases.size(), again.size());
  const std::string& root = system.truth.faults[0].roots.at(0);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto& c = cases[i];
    ASSERT_GE(c.root, 0);
    ASSERT_EQ(c.graph.nodes.size(), system.observed.entities.size());
    EXPECT_EQ(system.observed.entities[static_cast<std::size_t>(c.root)].id, root);
    EXPECT_EQ(c.fault_class, static_cast<int>(fault_class::memory_leak));
    for (std::size_t n = 0; n < c.graph.nodes.size(); ++n)
      EXPECT_EQ(c.graph.nodes[n].z, again[i].graph.nodes[n].z);
  }
}

/// Values known in a case, over all nodes, channels and ticks.
std::size_t known_values(const ranker_case& c) {
  std::size_t known = 0;
  for (const auto& node : c.graph.nodes)
    for (const auto& channel : node.mask)
      known += static_cast<std::size_t>(std::count(channel.begin(), channel.end(), 1.F));
  return known;
}

TEST(RankerCases, StandTwiceTheSecondTimeWithPoorerInstruments) {
  std::vector<ranker_case> cases;
  append_cases(ramp_system(), 4, cases);
  ASSERT_EQ(cases.size() % 2, 0U);
  std::size_t poorer = 0;
  for (std::size_t i = 0; i < cases.size(); i += 2) {
    EXPECT_FALSE(cases[i].graph.edges.empty());
    EXPECT_EQ(cases[i].root, cases[i + 1].root);
    EXPECT_LE(cases[i + 1].graph.edges.size(), cases[i].graph.edges.size());
    EXPECT_LE(known_values(cases[i + 1]), known_values(cases[i]));
    poorer += known_values(cases[i + 1]) < known_values(cases[i]) ? 1 : 0;
  }
  EXPECT_GT(poorer, 0U);
}

TEST(RankerCases, OfAQuietSystemHaveNoRoot) {
  std::vector<ranker_case> cases;
  append_cases(quiet_system(), 5, cases);
  ASSERT_EQ(cases.size(), 4U);
  for (const auto& c : cases) {
    EXPECT_EQ(c.root, -1);
    EXPECT_EQ(c.fault_class, -1);
  }
}

}  // namespace
}  // namespace faultline
