// SPDX-License-Identifier: Apache-2.0
//
// What comes after the views: a tick through the calibration, and decisions folded into incidents.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "judgement/calibration.hpp"
#include "tests/judgement/correlator_fold.hpp"
#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

/// A tick judged and taken into its block, of as many entities in turn as the argument says.
void calibrate_tick(benchmark::State& state) {
  std::vector<calibration> all(static_cast<std::size_t>(state.range(0)));
  for (auto& c : all) c.expect(8);
  noise n{3};
  std::vector<view_scores> scores(997);
  for (auto& s : scores)
    for (auto& v : s) v = static_cast<float>(3 * n.uniform());
  std::size_t at = 0, next = 0;
  std::int64_t ts = test_start;
  for (auto _ : state) {
    if (at == 0) ts += 10'000;
    const auto& s = scores[next++ % scores.size()];
    const auto j = all[at].judge(s, 1, false);
    all[at].take(s, j, ts, 10'000, true);
    benchmark::DoNotOptimize(j);
    at = at + 1 == all.size() ? 0 : at + 1;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(calibrate_tick)->Arg(1)->Arg(10'000);

/// Services in a tree, @p fan callees each.
void draw_tree(fold& f, std::size_t count, std::size_t fan) {
  for (std::size_t i = 1; i < count; ++i)
    f.edge("service/s" + std::to_string((i - 1) / fan), "service/s" + std::to_string(i));
}

/// As many alerts within a second as the first argument says. Second: callees of each service that
/// alerts; 0: nobody depends on anybody.
void storm(benchmark::State& state) {
  const auto alerts = static_cast<std::size_t>(state.range(0));
  const auto fan = static_cast<std::size_t>(state.range(1));
  std::size_t incidents = 0;
  for (auto _ : state) {
    state.PauseTiming();
    fold f;
    if (fan != 0) draw_tree(f, alerts, fan);
    std::vector<decision> all;
    for (std::size_t i = 0; i < alerts; ++i) {
      const auto at = noon + static_cast<std::int64_t>(i * 1000 / alerts);
      all.push_back(fold::alert_decision("service/s" + std::to_string(i), at, at, 1,
                                         alert_state::firing, alert_severity::warning));
      all.back().seq = f.seq + i + 1;
    }
    state.ResumeTiming();
    for (const auto& d : all) benchmark::DoNotOptimize(f.core.apply(d));
    state.PauseTiming();
    incidents = f.core.open().size();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["incidents"] = static_cast<double>(incidents);
}
BENCHMARK(storm)
    ->Args({10'000, 0})
    ->Args({1'000, 8})
    ->Args({10'000, 8})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace faultline
