// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

// One full row of eight metrics per entity, round robin, as under a steady load: observe, begin,
// finish. With 10,000 entities the state comes from memory, not from the cache.
void observe_rows(benchmark::State& state) {
  const auto entities = static_cast<std::size_t>(state.range(0));
  const bool with_model = state.range(1) != 0;
  const auto rules = test_rules();
  std::vector<std::unique_ptr<entity_core>> cores;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < entities; ++i) {
    names.push_back("service/s" + std::to_string(i));
    cores.push_back(std::make_unique<entity_core>(names.back(), rules));
  }
  noise n{1};
  std::vector<std::vector<std::pair<std::string, double>>> rows;
  for (int i = 0; i < 997; ++i) rows.push_back(calm_row(test_start, n));
  event_view event;
  event.type = event_type::metric;
  event.has_ts = true;
  std::vector<entity_decision> out;
  forecast_row row;
  forecast_result answer;
  std::int64_t ts = test_start;
  log_position position = 0;
  std::size_t next = 0;
  const auto tick_all = [&](std::size_t i) {
    if (i == 0) ts += 10'000;
    const auto& values = rows[next++ % rows.size()];
    event.metrics.clear();
    for (const auto& [name, value] : values)
      event.metrics.push_back({name, value, metric_kind::gauge});
    event.entity = names[i];
    event.ts = event_time_of(ts);
    event.arrived = arrival_time_of(ts);
    auto& core = *cores[i];
    core.observe(event, {0, ++position, 0}, out);
    if (!core.row_waiting()) return;
    core.begin_tick(row);
    core.finish_tick(with_model ? &answer : nullptr, out);
    if (position % (64 * entities) == 0) core.take_blocks();
  };
  for (int warm = 0; warm < 70; ++warm) {
    for (std::size_t i = 0; i < entities; ++i) tick_all(i);
  }
  std::size_t at = 0;
  for (auto _ : state) {
    tick_all(at);
    at = at + 1 == entities ? 0 : at + 1;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  state.counters["memory_bytes"] = static_cast<double>(cores[0]->memory_bytes());
}
BENCHMARK(observe_rows)
    ->Args({1, 0})
    ->Args({100, 0})
    ->Args({100, 1})
    ->Args({10'000, 0})
    ->Args({10'000, 1});

void save_state(benchmark::State& state) {
  entity_driver d;
  noise n{2};
  for (int i = 0; i < 3000; ++i)
    d.row(test_start + i * 10'000, calm_row(test_start + i * 10'000, n));
  d.core.take_blocks();
  std::size_t bytes = 0;
  for (auto _ : state) {
    const auto saved = d.core.save();
    bytes = saved.size();
    benchmark::DoNotOptimize(saved.data());
  }
  state.counters["bytes"] = static_cast<double>(bytes);
}
BENCHMARK(save_state);

void restore_state(benchmark::State& state) {
  entity_driver d;
  noise n{2};
  for (int i = 0; i < 3000; ++i)
    d.row(test_start + i * 10'000, calm_row(test_start + i * 10'000, n));
  const auto saved = d.core.save();
  for (auto _ : state) {
    entity_core core{"service/cart", test_rules()};
    benchmark::DoNotOptimize(core.restore(saved));
  }
}
BENCHMARK(restore_state);

}  // namespace
}  // namespace faultline
