// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <memory>
#include <vector>

#include <nlohmann/json.hpp>

#include "inference/forecaster.hpp"
#include "tools/bench.hpp"
#include "tools/internal/bench_output.hpp"

namespace faultline {

namespace {

using wall_clock = std::chrono::steady_clock;
using json = nlohmann::ordered_json;

/// Rows that differ, with their state fed back from pass to pass as the server does.
struct lstm_load {
  explicit lstm_load(std::size_t count) : rows(count), results(count) {
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t k = 0; k < rows[i].input.size(); ++k)
        rows[i].input[k] = static_cast<float>((i * 31 + k * 17) % 41) / 20.F - 1.F;
      for (std::size_t k = 0; k < rows[i].lagged.size(); ++k)
        rows[i].lagged[k] = static_cast<float>((i * 13 + k * 7) % 37) / 18.F - 1.F;
      row_pointers.push_back(&rows[i]);
      result_pointers.push_back(&results[i]);
    }
  }
  outcome<void> step(forecaster& model) {
    auto done = model.step(row_pointers.data(), result_pointers.data(), rows.size());
    for (std::size_t i = 0; done && i < rows.size(); ++i) {
      rows[i].h = results[i].h;
      rows[i].c = results[i].c;
    }
    return done;
  }
  std::vector<forecast_row> rows;
  std::vector<forecast_result> results;
  std::vector<const forecast_row*> row_pointers;
  std::vector<forecast_result*> result_pointers;
};

/// Microseconds per row: median and 99th percentile over the passes of @p seconds.
outcome<json> measure(const std::filesystem::path& file, std::size_t batch, double seconds) {
  auto model = load_forecaster(file, batch);
  if (!model) return model.error();
  lstm_load load{batch};
  for (int i = 0; i < 20; ++i)
    if (auto done = load.step(**model); !done) return done.error();
  std::vector<double> us_per_row;
  const auto start = wall_clock::now();
  auto before = start;
  while (std::chrono::duration<double>(before - start).count() < seconds) {
    if (auto done = load.step(**model); !done) return done.error();
    const auto after = wall_clock::now();
    const std::chrono::duration<double, std::micro> us = after - before;
    us_per_row.push_back(us.count() / static_cast<double>(batch));
    before = after;
  }
  const std::size_t passes = us_per_row.size();
  const auto p = percentiles(us_per_row, {0.5, 0.99});
  return json{{"batch", batch},
              {"passes", passes},
              {"us_per_row", p[0]},
              {"us_per_row_p99", p[1]},
              {"rows_per_second", p[0] > 0 ? 1e6 / p[0] : 0}};
}

void print_text(const json& j) {
  for (const json& r : j["batches"])
    std::printf(
        "batch %4zu  %7.3f us per row (p99 %.3f)  %s rows/s\n", r["batch"].get<std::size_t>(),
        r["us_per_row"].get<double>(), r["us_per_row_p99"].get<double>(),
        format_count(static_cast<std::uint64_t>(r["rows_per_second"].get<double>())).c_str());
}

}  // namespace

int run_lstm_bench(const lstm_bench_options& options, output_format format) {
  const auto shipped = find_shipped("models/lstm.flm");
  const std::filesystem::path file = options.model.empty() ? shipped.value_or("models/lstm.flm")
                                                           : std::filesystem::path{options.model};
  json results = json::array();
  for (const std::size_t batch : options.batches) {
    const auto measured = measure(file, batch, options.seconds);
    if (!measured) return report_failure(measured.error());
    results.push_back(*measured);
  }
  print_result(json{{"model", file.string()}, {"batches", results}}, format, print_text);
  return exit_code::ok;
}

}  // namespace faultline
