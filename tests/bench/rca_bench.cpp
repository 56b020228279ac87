// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "inference/ranker.hpp"
#include "judgement/rca_features.hpp"
#include "judgement/root_cause.hpp"
#include "tests/judgement/entity_fixture.hpp"
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
BENCHMARK(ranker_features)->Arg(50)->Arg(200)->Unit(benchmark::kMillisecond);

/// One entity that has lived for 600 ticks of eight metrics, with what lies on disk of it.
struct lived_entity {
  entity_driver driver;
  std::vector<closed_block> blocks;

  lived_entity(std::size_t number, bool ill)
      : driver{test_rules(), "service/s" + std::to_string(number)} {
    noise n{number + 1};
    for (int i = 0; i < 600; ++i) {
      auto row = calm_row(test_start + i * 10'000, n);
      if (ill && i > 580) row[0].second *= 3;
      driver.row(test_start + i * 10'000, row);
      if (i % 64 != 63) continue;
      for (auto& b : driver.core.take_blocks()) blocks.push_back(std::move(b));
    }
  }
};

/// A tree of @p count of them, four callees each.
rca_question question_of(const std::vector<std::unique_ptr<lived_entity>>& entities) {
  rca_question q;
  q.incident = "bench";
  q.onset = event_time_of(test_start + 580 * 10'000);
  q.as_of = event_time_of(test_start + 600 * 10'000);
  for (std::size_t n = 0; n < entities.size(); ++n) {
    const entity_core& core = entities[n]->driver.core;
    rca_node& node = q.nodes.emplace_back();
    node.entity = core.id();
    auto joined = join_window(entities[n]->blocks, core.window(q.as_of, window_detail::values), 512,
                              q.as_of, window_detail::values);
    if (joined) node.window = std::move(*joined);
    if (n > 0) q.edges.push_back({"service/s" + std::to_string((n - 1) / 4), node.entity});
  }
  return q;
}

/// From the answers of the entities to the ranked list: windows joined from memory and packed
/// blocks, evidence, posterior, ranker (models/ranker.flm of the directory it is run in),
/// sentences.
void ranked_list(benchmark::State& state) {
  std::vector<std::unique_ptr<lived_entity>> entities;
  const auto count = static_cast<std::size_t>(state.range(0));
  for (std::size_t n = 0; n < count; ++n)
    entities.push_back(std::make_unique<lived_entity>(n, n == count - 2));
  std::unique_ptr<cause_ranker> ranker;
  if (state.range(1) != 0) {
    auto loaded = load_ranker("models/ranker.flm");
    if (!loaded) {
      state.SkipWithError(loaded.error().what.c_str());
      return;
    }
    ranker = std::move(*loaded);
  }
  using milli = std::chrono::duration<double, std::milli>;
  std::vector<double> took, joining;
  for (auto _ : state) {
    const auto from = std::chrono::steady_clock::now();
    const rca_question q = question_of(entities);
    joining.push_back(milli(std::chrono::steady_clock::now() - from).count());
    benchmark::DoNotOptimize(find_root_cause(q, root_cause_options{}, {}, ranker.get()));
    took.push_back(milli(std::chrono::steady_clock::now() - from).count());
  }
  const auto p95 = [](std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[(values.size() * 95 + 99) / 100 - 1];
  };
  state.counters["p95_ms"] = p95(took);
  state.counters["p95_join_ms"] = p95(joining);
}
BENCHMARK(ranked_list)
    ->Args({50, 1})
    ->Args({200, 0})
    ->Args({200, 1})
    ->Args({500, 1})
    ->Unit(benchmark::kMillisecond)
    ->Iterations(60);

}  // namespace
}  // namespace faultline
