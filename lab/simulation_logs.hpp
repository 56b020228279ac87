// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "lab/recording.hpp"
#include "lab/rng.hpp"
#include "lab/simulation_model.hpp"
#include "lab/simulator.hpp"

namespace faultline {

/// What the nodes of a system log, and traces of some requests, to match the model's states: more
/// errors and slower spans where there are more errors and slower calls, and the words of the
/// cause (no space left, lock wait, name not resolved) where there is one. Both in order of time.
class sim_narrator {
public:
  sim_narrator(const simulation_options& o, const sim_graph& graph);

  /// The step from @p at on.
  void tell(event_time at, const sim_model& model, const std::vector<sim_pressure>& pressure,
            const std::vector<bool>& silent);

  std::vector<log_line> take_logs();
  std::vector<span_row> take_spans();

private:
  void log_node(std::size_t node, event_time at, const sim_model& model, const sim_pressure& p);
  void log(std::size_t node, event_time at, log_severity severity, std::string body);
  void trace(event_time at, const sim_model& model);
  void walk(std::size_t node, std::size_t operation, const std::string& parent, double start_ms,
            double duration_ms, bool failed, int depth, const sim_model& model);
  std::size_t draw_operation();
  std::string number(std::uint64_t below) { return std::to_string(rng_.below(below)); }

  const sim_graph* graph_;
  double interval_s_, lines_, traces_;
  std::size_t operations_;
  random_source rng_;
  event_time trace_at_{};
  std::string trace_id_;
  std::size_t trace_first_ = 0;
  std::vector<log_line> logs_;
  std::vector<span_row> spans_;
};

}  // namespace faultline
