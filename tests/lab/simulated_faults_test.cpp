// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "lab/simulator.hpp"

namespace faultline {
namespace {

constexpr fault_type all_types[] = {fault_type::cpu_hog,     fault_type::memory_leak,
                                    fault_type::disk_fill,   fault_type::network_delay,
                                    fault_type::error_burst, fault_type::dependency_outage};

simulated_system run(const simulation_options& o) {
  auto out = simulate(o);
  if (!out) throw std::runtime_error{out.error().what};
  return std::move(*out);
}

simulation_options one_fault(std::uint64_t seed, fault_type type, fault_shape shape) {
  simulation_options o;
  o.seed = seed;
  o.look_alikes = false;
  o.edge_metric_share = 1;
  o.only_type = type;
  o.only_shape = shape;
  return o;
}

struct spread {
  double mean = 0, deviation = 0;
};

spread between(const entity_series& e, std::size_t column, event_time from, event_time to) {
  double sum = 0, squares = 0, n = 0;
  for (std::size_t i = 0; i < e.rows(); ++i) {
    const double v = e.row(i)[column];
    if (e.ts[i] <= from || e.ts[i] > to || std::isnan(v)) continue;
    sum += v;
    squares += v * v;
    ++n;
  }
  const double mean = sum / n;
  return {mean, std::sqrt(std::max(0.0, squares / n - mean * mean))};
}

// How far a metric has moved from the half hour before the fault, in its own deviations.
double shift(const simulated_system& s, const std::string& id, const std::string& metric,
             event_time from, event_time to) {
  const auto& e = s.observed.entities.at(s.observed.find(id).value());
  const std::size_t column = e.column(metric).value();
  const event_time start = s.truth.faults[0].start;
  const spread usual = between(e, column, start - std::chrono::minutes{30}, start);
  const double floor = std::max(1e-3 * std::fabs(usual.mean), 1e-4);
  return (between(e, column, from, to).mean - usual.mean) / std::max(usual.deviation, floor);
}

double shift_when_whole(const simulated_system& s, const std::string& id,
                        const std::string& metric) {
  const auto& f = s.truth.faults[0];
  return shift(s, id, metric, f.start + s.injected[0].ramp + seconds{60}, f.end);
}

std::vector<std::string> callers_of(const simulated_system& s, const std::string& id) {
  std::vector<std::string> out;
  for (const auto& d : s.observed.edges)
    if (d.to == id && d.from.rfind("host/", 0) != 0) out.push_back(d.from);
  return out;
}

class SimulatedFault : public ::testing::TestWithParam<fault_type> {};

TEST_P(SimulatedFault, MovesItsRootsOwnMetricsAndItsCallers) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const auto s = run(one_fault(seed, GetParam(), fault_shape::linear));
    ASSERT_EQ(s.truth.faults.size(), 1U);
    const auto& f = s.truth.faults[0];
    const std::string root = f.roots.at(0);
    EXPECT_GT(std::fabs(shift_when_whole(s, root, f.root_metric)), 4)
        << "seed " << seed << ": " << root << " " << f.root_metric;
    double strongest = 0;
    for (const auto& caller : callers_of(s, root)) {
      strongest = std::max(strongest, shift_when_whole(s, caller, "latency.p95_ms"));
      strongest = std::max(strongest, shift_when_whole(s, caller, "errors.rate"));
    }
    EXPECT_GT(strongest, 3) << "seed " << seed << ": callers of " << root;
  }
}

TEST_P(SimulatedFault, IsLabelledWithRootTypeTimesAndEntities) {
  const auto s = run(one_fault(3, GetParam(), fault_shape::linear));
  const auto& f = s.truth.faults.at(0);
  const auto& plan = s.injected.at(0);
  EXPECT_EQ(f.type, to_string(GetParam()));
  EXPECT_EQ(fault_type_of(f.type), GetParam());
  EXPECT_EQ(f.detail, "linear");
  EXPECT_EQ(f.roots, std::vector<std::string>{plan.target});
  EXPECT_EQ(f.end - f.start, plan.duration);
  EXPECT_GT(f.start, s.observed.train_until);
  EXPECT_GE(f.entities.size(), 2U);
  EXPECT_EQ(std::count(f.entities.begin(), f.entities.end(), plan.target), 1);
  ASSERT_TRUE(f.full_effect);
  EXPECT_GT(*f.full_effect, f.start);
  EXPECT_LE(*f.full_effect, f.start + plan.ramp);
}

TEST_P(SimulatedFault, ChangesNothingBeforeItsOnsetAndLittleAfterItsEnd) {
  const auto o = one_fault(6, GetParam(), fault_shape::abrupt);
  auto healthy = o;
  healthy.quiet = true;
  const auto broken = run(o);
  const auto usual = run(healthy);
  const event_time start = broken.truth.faults.at(0).start;
  for (std::size_t e = 0; e < usual.observed.entities.size(); ++e) {
    const auto before_a = before(broken.observed, start).entities[e];
    const auto before_b = before(usual.observed, start).entities[e];
    ASSERT_EQ(before_a.ts, before_b.ts);
    for (std::size_t i = 0; i < before_a.values.size(); ++i)
      ASSERT_TRUE(before_a.values[i] == before_b.values[i] || std::isnan(before_a.values[i]));
  }
  const auto& f = broken.truth.faults[0];
  const double left = shift(broken, "gateway/front", "latency.p95_ms",
                            f.end + std::chrono::minutes{5}, f.end + std::chrono::minutes{30});
  EXPECT_LT(std::fabs(left), 3);
}

TEST_P(SimulatedFault, AbruptOnesAreWholeAtOnce) {
  const auto s = run(one_fault(2, GetParam(), fault_shape::abrupt));
  const auto& f = s.truth.faults.at(0);
  EXPECT_EQ(*f.full_effect, f.start);
  const double soon = shift(s, f.roots[0], f.root_metric, f.start, f.start + seconds{60});
  EXPECT_GT(std::fabs(soon), 3) << f.roots[0];
}

INSTANTIATE_TEST_SUITE_P(All, SimulatedFault, ::testing::ValuesIn(all_types),
                         [](const auto& kind) { return std::string{to_string(kind.param)}; });

TEST(RampedFault, ShowsAtTheRootMinutesBeforeTheFullEffect) {
  for (const auto type : {fault_type::cpu_hog, fault_type::memory_leak, fault_type::disk_fill}) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      const auto s = run(one_fault(seed, type, fault_shape::linear));
      const auto& f = s.truth.faults.at(0);
      const auto lead = *f.full_effect - f.start;
      EXPECT_GE(lead, std::chrono::minutes{8}) << to_string(type) << " seed " << seed;
      const double early =
          shift(s, f.roots[0], f.root_metric, f.start + lead / 4, f.start + lead / 2);
      EXPECT_GT(early, 3) << to_string(type) << " seed " << seed;
      const double front = shift(s, s.front, "latency.p95_ms", f.start, f.start + lead / 4);
      EXPECT_LT(front, 2) << to_string(type) << " seed " << seed;
    }
  }
}

TEST(ExponentialFault, ComesLaterThanALinearOne) {
  auto o = one_fault(4, fault_type::memory_leak, fault_shape::linear);
  const auto linear = run(o);
  o.faults = linear.injected;
  o.faults[0].shape = fault_shape::exponential;
  const auto exponential = run(o);
  const auto& f = linear.truth.faults.at(0);
  const auto half = f.start + linear.injected[0].ramp / 2;
  const double a = shift(linear, f.roots[0], f.root_metric, half, half + seconds{60});
  const double b = shift(exponential, f.roots[0], f.root_metric, half, half + seconds{60});
  EXPECT_GT(a, 2 * b);
}

TEST(IntermittentFault, ComesAndGoes) {
  const auto s = run(one_fault(4, fault_type::error_burst, fault_shape::intermittent));
  const auto& f = s.truth.faults.at(0);
  const auto& e = s.observed.entities.at(s.observed.find(f.roots[0]).value());
  const std::size_t errors = e.column("errors.rate").value();
  const std::size_t requests = e.column("requests.rate").value();
  int changes = 0;
  bool on = false;
  for (std::size_t i = 0; i < e.rows(); ++i) {
    if (e.ts[i] <= f.start || e.ts[i] > f.end) continue;
    const bool now = e.row(i)[errors] > 0.1F * e.row(i)[requests];
    changes += now != on ? 1 : 0;
    on = now;
  }
  EXPECT_GE(changes, 6);
}

TEST(NetworkDelay, RisesOnTheEdgeMoreThanInTheTargetsOwnLatency) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const auto s = run(one_fault(seed, fault_type::network_delay, fault_shape::linear));
    const auto& f = s.truth.faults.at(0);
    const std::string root = f.roots[0];
    const std::string metric = "out_p50." + root.substr(root.find('/') + 1);
    for (const auto& caller : callers_of(s, root))
      EXPECT_GT(shift_when_whole(s, caller, metric), shift_when_whole(s, root, "latency.p95_ms"))
          << "seed " << seed << " " << caller;
  }
}

TEST(ManyFaults, AreAllPlacedAfterTrainUntilInOrder) {
  simulation_options o;
  o.duration = seconds{2 * 86400};
  o.random_faults = 12;
  o.train_share = 0.25;
  const auto s = run(o);
  ASSERT_EQ(s.truth.faults.size(), 12U);
  event_time last = s.observed.train_until;
  for (const auto& f : s.truth.faults) {
    EXPECT_GT(f.start, last);
    last = f.end;
  }
}

TEST(NamedFault, HitsTheEntityAndTimesThatWereAsked) {
  simulation_options o;
  fault_plan plan;
  plan.type = fault_type::cpu_hog;
  plan.target = "gateway/front";
  plan.onset = seconds{7000};
  plan.ramp = seconds{600};
  plan.duration = seconds{1200};
  o.faults = {plan};
  const auto s = run(o);
  const auto& f = s.truth.faults.at(0);
  EXPECT_EQ(f.roots, std::vector<std::string>{"gateway/front"});
  EXPECT_EQ(f.start, o.start + plan.onset);
  EXPECT_EQ(f.end, f.start + plan.duration);
}

}  // namespace
}  // namespace faultline
