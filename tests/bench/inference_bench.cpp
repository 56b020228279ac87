// SPDX-License-Identifier: Apache-2.0
//
// What a row of the forecaster and a graph of the ranker cost, copying in and out included.
// items_per_second is rows or nodes a second.

#include <benchmark/benchmark.h>

#include <vector>

#include "inference/forecaster.hpp"
#include "inference/ranker.hpp"
#include "inference/ranker_training.hpp"
#include "tests/inference/made_models.hpp"
#include "tests/inference/synthetic_cases.hpp"
#include "tests/support/scratch_directory.hpp"

namespace faultline {
namespace {

/// range(0): the capacity of the forecaster; range(1): the rows of a call.
void forecaster_step(benchmark::State& state) {
  const testing::scratch_directory folder;
  const auto file = folder.path() / "bench.flm";
  test::write_random_forecaster(file, 7);
  auto loaded = load_forecaster(file, static_cast<std::size_t>(state.range(0)));
  if (!loaded) {
    state.SkipWithError(loaded.error().what.c_str());
    return;
  }
  const auto count = static_cast<std::size_t>(state.range(1));
  std::vector<forecast_row> rows = test::random_rows(count, 11);
  std::vector<forecast_result> results(count);
  std::vector<const forecast_row*> in;
  std::vector<forecast_result*> out;
  for (std::size_t i = 0; i < count; ++i) {
    in.push_back(&rows[i]);
    out.push_back(&results[i]);
  }
  for (auto _ : state) {
    const auto done = (*loaded)->step(in.data(), out.data(), count);
    if (!done) state.SkipWithError(done.error().what.c_str());
    benchmark::DoNotOptimize(results.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(1));
}
BENCHMARK(forecaster_step)
    ->Args({1, 1})
    ->Args({256, 1})
    ->Args({64, 64})
    ->Args({256, 256})
    ->Args({1024, 1024});

/// range(0): nodes of the graph. The weights are those of one short training.
void ranker_graph_of(benchmark::State& state) {
  const testing::scratch_directory folder;
  ranker_training_options options;
  options.file = folder.path() / "bench.flm";
  options.max_epochs = 1;
  const auto cases = test::synthetic_cases(8, 1);
  if (const auto made = train_ranker(cases, {}, options); !made) {
    state.SkipWithError(made.error().what.c_str());
    return;
  }
  auto ranker = load_ranker(options.file);
  ranker_graph graph;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    graph.nodes.push_back(cases[0].graph.nodes[0]);
    if (i > 0)
      graph.edges.push_back(
          {static_cast<std::uint32_t>(i / 2), static_cast<std::uint32_t>(i), false});
  }
  for (auto _ : state) {
    const auto scores = (*ranker)->rank(graph);
    if (!scores) state.SkipWithError(scores.error().what.c_str());
    benchmark::DoNotOptimize(scores);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(ranker_graph_of)->Arg(8)->Arg(50)->Arg(200)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace faultline
