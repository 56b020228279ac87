// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "processing/log_templates.hpp"

namespace faultline {

/// What a line was found to be.
struct grouped_line {
  std::uint64_t id = 0;  ///< of its template; 0: there is no word in the line
  std::string text;      ///< of its template as it was at the end
};

/// Puts @p lines, in order, through the miner the server gives an entity, in one pass. A line is
/// then of the template its own became part of.
std::vector<grouped_line> group_log_lines(const std::vector<std::string_view>& lines,
                                          log_template_limits limits = {});

/// The lines of @p text, without the last when it is empty.
std::vector<std::string_view> lines_of(std::string_view text);

/// "line,id,template": what a scorer of log grouping reads. Fields are quoted as CSV wants it.
std::string grouping_csv(const std::vector<grouped_line>& lines);

/// A line made by us, and which of our statements wrote it.
struct made_log_line {
  std::string text;
  std::size_t statement = 0;
};

/// @p count lines of some fifty statements as servers, kernels and jobs write them, the frequent
/// ones far more often than the rare; values are numbers, names, addresses, paths and lists. The
/// same seed gives the same lines.
std::vector<made_log_line> made_log_lines(std::size_t count, std::uint64_t seed);

/// @p count lines no two of which, and no two words of which, are alike.
std::vector<std::string> strange_log_lines(std::size_t count, std::uint64_t seed);

/// Share of lines that are in a group with exactly the lines of their own @p truth.
double grouping_accuracy(const std::vector<std::size_t>& truth,
                         const std::vector<grouped_line>& found);

}  // namespace faultline
