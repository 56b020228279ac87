// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lab/cause_study.hpp"
#include "lab/detection_study.hpp"

namespace faultline {

/// Where alone a fault shows.
enum class told_in : std::uint8_t { logs, spans, operations };

/// Systems whose metrics know of no fault, and whose logs or spans do: what does reading them gain?
struct told_fault_options {
  told_in shown = told_in::logs;
  std::uint64_t seed = 1;
  std::size_t systems = 4;        ///< of the simulator's test split, 8 to 16 nodes
  std::int64_t days = 2;          ///< of each, the first half trains
  std::size_t faults = 6;         ///< of each, all in the second half
  double lines_per_hour = 60;     ///< of a healthy node
  double traces_per_minute = 20;  ///< of the whole system
};

/// One such system: healthy, but that for half an hour to an hour at a time one node is in trouble
/// that no metric shows.
///
/// In logs: it writes, in turn, lines of an error it never had, of a warning it never had, and of
/// an error it has seldom, one to four a minute. Who calls it directly logs failed requests then,
/// at the rate of one in four minutes more than usual: lines it knows.
///
/// In spans: in turn, its own time is three to eight times what it was, and everybody who waits for
/// it waits longer by as much; or 30 to 80 % of its calls fail, and so does every second caller's.
///
/// In operations: the same of one operation alone, of a node that has three and does this one in
/// less than 8 % of its spans.
struct told_system {
  evaluation_input input;
  labels truth;
};
outcome<told_system> told_fault_system(const told_fault_options& o, std::size_t number);

/// The same without its logs, or spans, or both.
evaluation_input told_less(evaluation_input input, bool logs, bool spans);

/// What was found of such faults, one row for each way of looking.
struct told_fault_row {
  std::string way;  ///< "metrics only", "+ logs", "+ spans", "+ logs and spans"
  detection_figures found;
  cause_figures given, own;  ///< root causes with the start given, and on our own onset
};

/// Runs all systems in all four ways. @p judge: budget and models' options.
outcome<std::vector<told_fault_row>> study_told_faults(const told_fault_options& o,
                                                       const evaluation_options& judge,
                                                       const evaluation_models& models,
                                                       const evaluation_progress& progress = {});

/// A table in Markdown.
std::string told_fault_markdown(const std::vector<told_fault_row>& rows);

}  // namespace faultline
