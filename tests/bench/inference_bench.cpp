// SPDX-License-Identifier: Apache-2.0
//
// What a row of the forecaster costs, copying in and out included. items_per_second is rows/s.

#include <benchmark/benchmark.h>

#include <vector>

#include "inference/forecaster.hpp"
#include "tests/inference/made_models.hpp"

namespace faultline {
namespace {

/// range(0): the capacity of the forecaster; range(1): the rows of a call.
void forecaster_step(benchmark::State& state) {
  const test::temporary_folder folder;
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

}  // namespace
}  // namespace faultline
