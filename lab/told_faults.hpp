// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lab/cause_study.hpp"
#include "lab/detection_study.hpp"

namespace faultline {

/// Systems whose metrics know of no fault, and whose logs do: what does reading them gain?
struct told_fault_options {
  std::uint64_t seed = 1;
  std::size_t systems = 4;     ///< of the simulator's test split, 8 to 16 nodes
  std::int64_t days = 2;       ///< of each, the first half trains
  std::size_t faults = 6;      ///< of each, all in the second half
  double lines_per_hour = 60;  ///< of a healthy node
};

/// One such system: healthy, but that for half an hour to an hour at a time one node writes of
/// trouble, in turn lines of an error it never had, of a warning it never had, and of an error it
/// has seldom, one to four a minute. Who calls it directly logs failed requests then, at the rate
/// of one in four minutes more than usual: lines it knows. No metric changes.
struct told_system {
  evaluation_input input;
  labels truth;
};
outcome<told_system> told_fault_system(const told_fault_options& o, std::size_t number);

/// The same without its logs.
evaluation_input without_logs(evaluation_input input);

/// What was found of such faults, one row for each way of looking.
struct told_fault_row {
  std::string way;  ///< "metrics only", "+ logs"
  detection_figures found;
  cause_figures given, own;  ///< root causes with the start given, and on our own onset
};

/// Runs all systems both ways. @p judge: budget and models' options.
outcome<std::vector<told_fault_row>> study_told_faults(const told_fault_options& o,
                                                       const evaluation_options& judge,
                                                       const evaluation_models& models,
                                                       const evaluation_progress& progress = {});

/// A table in Markdown.
std::string told_fault_markdown(const std::vector<told_fault_row>& rows);

}  // namespace faultline
