// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "lab/rng.hpp"
#include "lab/simulator.hpp"

namespace faultline {

/// What sets one monitoring agent of edition 2 apart from a perfect one. Of edition 1: nothing.
///
/// - It reads at its own moment of the interval, give or take a twentieth; its clock is up to two
///   seconds ahead, one in twenty up to half a minute. It is never behind: no row shows a fault
///   with a stamp before the fault's.
/// - It drops out now and then: once in three days on average, for a quarter of an hour on average.
/// - One in four tells requests and errors as monotonic counters (requests_total, errors_total),
///   which begin again when the process restarts and when they pass ten million.
/// - Some show the processor in per cent, latency in whole milliseconds, memory in mebibytes.
/// - In a system some kinds of metrics are not measured at all.
class sim_quirks {
public:
  sim_quirks(const simulation_options& o, std::size_t entity,
             const std::vector<std::string>& names);

  /// Names of the columns it hands on.
  const std::vector<std::string>& names() const noexcept { return names_; }
  /// When it says it read what was true at @p at.
  event_time stamp(event_time at);
  /// Whether it is silent. Call in order of time.
  bool down(event_time at);
  /// The process restarts: counters begin again.
  void restart() noexcept;
  /// Turns a perfect row into the agent's.
  void show(std::vector<double>& row);

private:
  struct column {
    std::size_t from = 0;  ///< in the perfect row
    double step = 0;       ///< 0: as it is
    bool counter = false;
    double count = 0;
  };
  void choose_columns(const simulation_options& o, const std::vector<std::string>& names);
  void draw_outage(double after_s);

  bool perfect_;
  random_source rng_;
  double interval_s_;
  std::int64_t phase_ms_ = 0;
  double down_from_s_ = 0, down_to_s_ = 0;  // since 1970
  std::vector<column> columns_;
  std::vector<std::string> names_;
  std::vector<double> perfect_row_;
};

}  // namespace faultline
