// SPDX-License-Identifier: Apache-2.0
//
// What a row of 8 metrics costs on its way to the views: merged into its tick, put into the daily
// profile, standardised and scored against it. With 10,000 entities state comes from memory.
#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <vector>

#include "processing/channel_block.hpp"
#include "processing/daily_profile.hpp"
#include "processing/log_templates.hpp"
#include "processing/span_joiner.hpp"
#include "processing/tick_builder.hpp"

namespace faultline {
namespace {

constexpr std::int64_t tick_ms = 10'000;
constexpr std::int64_t start_ms = 1'704'067'200'000;
const std::array<std::string, 8> names{"cpu_usage",   "memory_used", "disk_write_latency",
                                       "requests",    "error_rate",  "latency_p99",
                                       "queue_depth", "net_rx_bytes"};

event_view row_at(std::int64_t ts, std::size_t metrics) {
  event_view e;
  e.type = event_type::metric;
  e.entity = "service/cart";
  e.has_ts = true;
  e.ts = event_time_of(ts);
  for (std::size_t m = 0; m < metrics; ++m)
    e.metrics.push_back({names[m], 0.5 * static_cast<double>(m + 1), metric_kind::gauge});
  return e;
}

/// Rows of @p entities in turn, one a tick. Second argument: metrics of an event, 8 are a row.
void tick_integration(benchmark::State& state) {
  const auto entities = static_cast<std::size_t>(state.range(0));
  const auto metrics = static_cast<std::size_t>(state.range(1));
  const processing_options options;
  std::vector<tick_builder> builders(entities);
  auto whole = row_at(start_ms, names.size());
  for (auto& b : builders) {
    b.add(whole, {1, 0}, options);
    while (b.waiting()) b.pop();
  }
  auto event = row_at(start_ms, metrics);
  std::size_t at = 0;
  std::int64_t ts = start_ms;
  for (auto _ : state) {
    if (at == 0) ts += tick_ms;
    event.ts = event_time_of(ts);
    auto& b = builders[at];
    benchmark::DoNotOptimize(b.add(event, {1, 0}, options));
    while (b.waiting()) b.pop();
    at = at + 1 == entities ? 0 : at + 1;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(tick_integration)->Args({1, 8})->Args({1, 1})->Args({10'000, 8});

/// One block of eight channels, a tick each, half hours folded in as they end.
void daily_profile_tick(benchmark::State& state) {
  const auto entities = static_cast<std::size_t>(state.range(0));
  std::vector<daily_profile> profiles(entities);
  std::vector<std::vector<channel_block>> blocks(entities, std::vector<channel_block>(1));
  for (auto& b : blocks) clear_block(b[0]);
  std::size_t at = 0;
  std::int64_t ts = start_ms;
  for (auto _ : state) {
    if (at == 0) ts += tick_ms;
    profiles[at].enter(event_time_of(ts), 10'000, true, blocks[at]);
    at = at + 1 == entities ? 0 : at + 1;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(daily_profile_tick)->Arg(1)->Arg(10'000);

/// One tick of eight channels: standardised, scored, learnt from.
void channel_block_tick(benchmark::State& state) {
  const auto entities = static_cast<std::size_t>(state.range(0));
  std::vector<channel_block> blocks(entities);
  for (auto& b : blocks) clear_block(b);
  const auto weights = weights_for(tick_ms);
  std::array<double, channel_block::width> values{};
  block_scores scores{};
  std::size_t at = 0;
  double x = 0;
  for (auto _ : state) {
    x = x > 100 ? 0 : x + 0.37;
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = x * static_cast<double>(i + 1);
    auto& b = blocks[at];
    prepare_block(b, values.data());
    standardise(b, values.data(), scores);
    observe_block(b, values.data(), weights, scores);
    learn_block(b, weights, scores);
    benchmark::DoNotOptimize(scores);
    at = at + 1 == entities ? 0 : at + 1;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(channel_block_tick)->Arg(1)->Arg(10'000);

/// A span of a trace of eight, each within the one before: outermost first, or (argument 1) last.
void span_joined(benchmark::State& state) {
  constexpr std::size_t depth = 8;
  std::vector<std::string> entities, ids;
  for (std::size_t n = 0; n < depth; ++n) {
    entities.push_back("service/of-the-shop-" + std::to_string(n));
    ids.push_back("00f067aa0ba902b" + std::to_string(n));
  }
  span_joiner joiner;
  event_view e;
  e.type = event_type::span;
  e.operation = "GET /";
  e.duration_us = 1200;
  std::uint64_t n = 0;
  std::string trace;
  for (auto _ : state) {
    if (n % depth == 0) trace = "4bf92f3577b34da6a3ce929d" + std::to_string(n);
    const std::size_t at = state.range(0) == 1 ? depth - 1 - n % depth : n % depth;
    e.entity = entities[at];
    e.trace = trace, e.span = ids[at];
    e.parent = at == 0 ? std::string_view{} : std::string_view{ids[at - 1]};
    e.ts = event_time_of(static_cast<std::int64_t>(1'750'000'000'000 + n / 200));
    joiner.note(e);
    if (++n % 65'536 == 0) benchmark::DoNotOptimize(joiner.drain());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(span_joined)->Arg(0)->Arg(1);

/// A line through the template miner: of forms that are known, or (argument 1) none like any
/// before.
void log_line_mined(benchmark::State& state) {
  std::vector<std::string> lines;
  for (std::uint64_t n = 0; n < 4096; ++n) {
    const auto number = std::to_string(n * 7919);
    std::string strange;
    for (std::uint64_t x = n + 1; strange.size() < 60; x = x * 6364136223846793005U + 1)
      strange += x % 7 == 0 ? ' ' : static_cast<char>('a' + (x >> 33U) % 26);
    lines.push_back(state.range(0) == 1 ? strange
                    : n % 2 == 0        ? "GET /cart/" + number + " 200 in " + number + " ms"
                                 : "session " + number + " of user carla closed by 10.0.0.1:80");
  }
  log_template_miner miner;
  std::size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(miner.take(lines[at]));
    at = at + 1 == lines.size() ? 0 : at + 1;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(log_line_mined)->Arg(0)->Arg(1);

}  // namespace
}  // namespace faultline
