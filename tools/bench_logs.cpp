// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "lab/gzip_file.hpp"
#include "lab/log_study.hpp"
#include "tools/bench.hpp"
#include "tools/internal/bench_output.hpp"
#include "tools/log_file.hpp"

namespace faultline {

namespace {

using wall_clock = std::chrono::steady_clock;
using json = nlohmann::ordered_json;

/// Lines through one miner, again and again, for @p seconds.
json measure(const std::vector<std::string_view>& lines, double seconds) {
  log_template_miner miner;
  std::uint64_t taken = 0, bytes = 0;
  std::size_t most = 0;
  const auto start = wall_clock::now();
  std::chrono::duration<double> took{};
  while (took.count() < seconds) {
    for (const auto line : lines) {
      miner.take(line);
      bytes += line.size();
      ++taken;
    }
    took = wall_clock::now() - start;
    most = std::max(most, miner.memory_bytes());
  }
  return json{{"lines", taken},
              {"different_lines", lines.size()},
              {"lines_per_second", static_cast<double>(taken) / took.count()},
              {"bytes_per_second", static_cast<double>(bytes) / took.count()},
              {"templates", miner.templates().size()},
              {"memory_bytes", most}};
}

void print_text(const json& j) {
  for (const char* kind : {"usual", "strange"}) {
    const json& r = j[kind];
    std::printf(
        "%-8s %s lines/s  %s bytes/s  %s templates  %s bytes of memory\n", kind,
        format_count(static_cast<std::uint64_t>(r["lines_per_second"].get<double>())).c_str(),
        format_count(static_cast<std::uint64_t>(r["bytes_per_second"].get<double>())).c_str(),
        format_count(r["templates"].get<std::uint64_t>()).c_str(),
        format_count(r["memory_bytes"].get<std::uint64_t>()).c_str());
  }
}

}  // namespace

int run_logs_bench(const logs_bench_options& options, output_format format) {
  std::string text;
  if (!options.file.empty()) {
    auto read = read_log_file(options.file);
    if (!read) return report_failure(read.error());
    text = std::move(*read);
  } else {
    for (const auto& line : made_log_lines(options.lines, options.seed)) text += line.text + '\n';
  }
  const auto lines = lines_of(text);
  if (lines.empty()) return report_failure("no lines in " + options.file);
  const auto strange = strange_log_lines(options.lines, options.seed);
  json out{{"lines_per_second", 0.0}};
  out["usual"] = measure(lines, options.seconds);
  out["strange"] = measure({strange.begin(), strange.end()}, options.seconds);
  out["lines_per_second"] = out["usual"]["lines_per_second"];
  print_result(out, format, print_text);
  return exit_code::ok;
}

}  // namespace faultline
