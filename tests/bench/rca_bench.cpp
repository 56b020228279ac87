// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include "judgement/rca_features.hpp"
#include "judgement/root_cause.hpp"
#include "tests/judgement/root_cause_cases.hpp"

namespace faultline {
namespace {

/// One question over a tree of services with ten metrics each, 132 ticks.
void find_cause(benchmark::State& state) {
  const auto question = root_cause_cases::tree(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(find_root_cause(question, root_cause_options{}, {}, nullptr));
  }
}
BENCHMARK(find_cause)->Arg(10)->Arg(50)->Arg(250)->Unit(benchmark::kMillisecond);

void ranker_features(benchmark::State& state) {
  const auto question = root_cause_cases::tree(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(ranker_graph_of(question));
}
BENCHMARK(ranker_features)->Arg(50)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace faultline
