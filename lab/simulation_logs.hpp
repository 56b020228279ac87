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
  /// One call that a trace shows.
  struct served_call {
    std::size_t node = 0;
    std::size_t operation = 0;
    std::string parent;   ///< the span it was made in; none: the trace begins with it
    double start_ms = 0;  ///< into the trace
    double duration_ms = 0;
    bool failed = false;
    int depth = 0;
  };
  /// Its span, and those of the calls made for it.
  void walk(const served_call& call, const sim_model& model);
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
