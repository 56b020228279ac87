// SPDX-License-Identifier: Apache-2.0
//
// What a row costs on its way into the lane and back, beside the model: the model answers at once.
#include <benchmark/benchmark.h>

#include <memory>
#include <thread>
#include <vector>

#include "actors/lane.hpp"

namespace faultline {
namespace {

struct prompt_model final : forecaster {
  std::size_t capacity() const noexcept override { return 256; }
  const model_identity& identity() const noexcept override { return who; }
  outcome<void> step(const forecast_row* const*, forecast_result* const* results,
                     std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i) results[i]->fault_logit = 0;
    return {};
  }
  model_identity who{"prompt", "1", ""};
};

/// Rows of as many entities as the argument says, all submitted, then all awaited.
void there_and_back(benchmark::State& state) {
  const auto rows = static_cast<std::size_t>(state.range(0));
  node_counters counters;
  lane under_test{std::make_unique<prompt_model>(), lane_options{}, counters};
  std::vector<std::shared_ptr<lane_slot>> slots;
  for (std::size_t i = 0; i < rows; ++i) {
    slots.push_back(std::make_shared<lane_slot>());
    slots.back()->loud_threshold = 1e9F;
  }
  std::uint64_t tick = 0;
  for (auto _ : state) {
    ++tick;
    for (const auto& slot : slots) {
      slot->begin_row();
      slot->asked = {1, tick};
      slot->state.store(lane_slot::submitted, std::memory_order_release);
      under_test.submit(slot);
    }
    for (const auto& slot : slots)
      while (slot->state.load(std::memory_order_acquire) != lane_slot::done)
        std::this_thread::yield();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(there_and_back)->Arg(1)->Arg(64)->Arg(256)->Arg(4096)->UseRealTime();

}  // namespace
}  // namespace faultline
