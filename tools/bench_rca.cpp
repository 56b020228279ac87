// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "inference/ranker.hpp"
#include "judgement/root_cause.hpp"
#include "lab/rng.hpp"
#include "tools/bench.hpp"
#include "tools/internal/bench_output.hpp"

namespace faultline {

namespace {

using wall_clock = std::chrono::steady_clock;
using json = nlohmann::ordered_json;

constexpr std::int64_t tick_ms = 10'000;
constexpr std::size_t ticks = 512;  ///< of the live window
constexpr std::size_t onset = 500;
constexpr std::size_t callees = 4;

event_time at(std::size_t tick) {
  return event_time_of(1'750'000'000'000 + static_cast<std::int64_t>(tick) * tick_ms);
}

std::string name_of(std::size_t service) { return "service/s" + std::to_string(service); }

struct made_metric {
  const char* name;
  double level;
  double rise;  ///< from the onset on, in shares of the level
};

rca_node made_node(std::size_t service, const std::vector<made_metric>& metrics,
                   random_source& random) {
  rca_node node;
  node.entity = node.window.entity = name_of(service);
  node.window.tick_ms = tick_ms;
  node.window.watermark = at(ticks);
  for (std::size_t t = 0; t < ticks; ++t) node.window.ts.push_back(at(t));
  for (const made_metric& m : metrics) {
    metric_window& w = node.window.metrics.emplace_back();
    w.name = m.name;
    for (std::size_t t = 0; t < ticks; ++t) {
      const double usual = m.level * (1 + 0.02 * random.normal());
      w.values.push_back(static_cast<float>(usual + (t < onset ? 0 : m.level * m.rise)));
    }
  }
  return node;
}

/// A tree of @p count services, four callees each. The last is short of processor time, and all
/// above it are slow.
rca_question made_question(std::size_t count) {
  rca_question q;
  q.incident = "bench";
  q.onset = at(onset);
  q.as_of = at(ticks);
  std::vector<bool> slow(count);
  slow[count - 1] = true;
  for (std::size_t n = count - 1; n > 0; n = (n - 1) / callees) slow[(n - 1) / callees] = true;
  random_source random{1};
  for (std::size_t n = 0; n < count; ++n) {
    q.nodes.push_back(made_node(n,
                                {{"cpu.utilization", 0.3, n + 1 == count ? 2.0 : 0.0},
                                 {"memory.used_bytes", 5e8, 0},
                                 {"requests.rate", 100, 0},
                                 {"latency.p95_ms", 40, slow[n] ? 3.0 : 0.0},
                                 {"disk.io_util", 0.1, 0},
                                 {"network.bytes", 1e6, 0},
                                 {"errors.rate", 0.5, 0},
                                 {"connections.in_use", 10, 0}},
                                random));
    if (n > 0) q.edges.push_back({name_of((n - 1) / callees), name_of(n)});
  }
  return q;
}

/// Where among the causes the true one stands, from 1 on; 0 where it is none of them.
std::size_t rank_in(const root_cause_result& result, const std::string& entity) {
  for (std::size_t n = 0; n < result.causes.size(); ++n)
    if (result.causes[n].entity == entity) return n + 1;
  return 0;
}

/// Milliseconds from what the entities answered to the ranked list, of the runs in @p seconds.
json measure(cause_ranker& ranker, std::size_t count, double seconds) {
  const auto question = made_question(count);
  const auto first = find_root_cause(question, {}, {}, &ranker);
  std::vector<double> took;
  const auto start = wall_clock::now();
  auto before = start;
  do {
    find_root_cause(question, {}, {}, &ranker);
    const auto after = wall_clock::now();
    took.push_back(std::chrono::duration<double, std::milli>(after - before).count());
    before = after;
  } while (std::chrono::duration<double>(before - start).count() < seconds);
  const auto questions = took.size();
  const auto p = percentiles(took, {0.5, 0.99});
  return {{"entities", count},
          {"questions", questions},
          {"ms_per_question", p[0]},
          {"ms_per_question_p99", p[1]},
          {"questions_per_second", p[0] > 0 ? 1e3 / p[0] : 0},
          {"rank_of_cause", rank_in(first, name_of(count - 1))}};
}

void print_text(const json& j) {
  for (const json& r : j["sizes"])
    std::printf("%4zu entities  %8.2f ms per question (p99 %.2f)  the cause is number %zu\n",
                r["entities"].get<std::size_t>(), r["ms_per_question"].get<double>(),
                r["ms_per_question_p99"].get<double>(), r["rank_of_cause"].get<std::size_t>());
}

}  // namespace

int run_rca_bench(const rca_bench_options& options, output_format format) {
  const auto shipped = find_shipped("models/ranker.flm");
  const std::filesystem::path file = options.model.empty() ? shipped.value_or("models/ranker.flm")
                                                           : std::filesystem::path{options.model};
  const auto ranker = load_ranker(file);
  if (!ranker) return report_failure(ranker.error());
  json sizes = json::array();
  for (const std::size_t count : options.entities)
    sizes.push_back(measure(**ranker, count, options.seconds));
  print_result(json{{"model", file.string()}, {"sizes", sizes}}, format, print_text);
  return exit_code::ok;
}

}  // namespace faultline
