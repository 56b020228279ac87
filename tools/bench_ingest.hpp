// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "messages/outcome.hpp"
#include "tools/bench.hpp"

namespace faultline {

/// What the server had done at a moment of the run.
struct ingest_sample {
  double seconds = 0;  ///< since the first row
  double applied = 0;  ///< observations
  std::uint64_t rss_bytes = 0;
};

/// What the timed part came to.
struct ingest_result {
  std::uint64_t ticks = 0, sent = 0, accepted = 0, rejected = 0, refused = 0;
  std::uint64_t retries = 0, resent = 0;
  std::uint64_t shed = 0;  ///< by the server, as it says, of what was not to be acknowledged
  std::uint64_t lost = 0, duplicated = 0;
  double seconds = 0;          ///< from the first row to the last one applied
  double acknowledged_in = 0;  ///< to the last acknowledgement
  double server_cpu = 0, own_cpu = 0;
  std::uint64_t rss_peak = 0;
  std::uint64_t written_bytes = 0;  ///< by the server, to the disk
  double scored = 0, degraded = 0;
  std::vector<double> decision_ms;      ///< from sending a row to the alert it leads to
  std::vector<double> acknowledged_ms;  ///< from sending a request to its acknowledgement
  std::vector<ingest_sample> samples;   ///< where a plot is wanted

  bool whole() const noexcept {
    return lost == 0 && duplicated == 0 && rejected == 0 && refused == 0;
  }
};

/// One line of the sweep: @p o with one value of each.
struct ingest_case {
  std::size_t entities = 0, metrics = 0, batch = 0;
};

/// Those of the options' combinations whose payload may be sent, and the sentences about the
/// others.
std::pair<std::vector<ingest_case>, std::vector<std::string>> ingest_cases(
    const ingest_bench_options& o);

struct ingest_report {
  ingest_case of;
  ingest_result result;
};

/// One JSON object, or an array of several. Sorts the latencies, as do the next two.
std::string ingest_json(const ingest_bench_options& o, std::vector<ingest_report>& all);
/// Some lines on a single case, or a table of several.
void print_ingest(const ingest_bench_options& o, std::vector<ingest_report>& all);
/// Diagrams in the directory that @p o names: rate.svg and latency.svg of a single case, sweep.svg
/// of several. Fails: ec::io_failed.
outcome<void> plot_ingest(const ingest_bench_options& o, std::vector<ingest_report>& all);

}  // namespace faultline
