// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lab/recording.hpp"
#include "messages/outcome.hpp"

namespace faultline {

// Blank lines do not count, nor does a byte order mark. What is no row, no value or no column is
// left out, and the rest read; a table of which no row can be read is refused.
//
// metrics := "ts" ("," name)* "\n" (row "\n")*     name as of an event; ts whole Unix ms, any
//                                                   order, the first row of each time counts
// row     := ts ("," number?)*                     as many fields as the header; empty, NaN, nan,
//                                                   null or NA = missing
// logs    := "ts,entity,severity,body\n" rows      fields quoted as in RFC 4180 where needed, rows
//                                                   any order; severity_of_word(), of none
//                                                   severity_of_line()
// spans   := "ts,entity,trace,span,parent,operation,duration_us,status,peer\n" rows
//                                                   status: ok, error, else none; ids: hex

/// What of a table was left out.
struct table_faults {
  std::size_t rows = 0, values = 0, columns = 0;
  std::string first;  ///< where and why: "line 17: too few fields"

  void add(std::size_t table_faults::*what, std::size_t line, const std::string& why);
  /// Whether of @p rows that are read and those left out nothing can be read.
  bool of_all(std::size_t read) const noexcept { return read == 0 && rows > 0; }
  /// A sentence; empty where nothing was left out.
  std::string told(const std::string& file) const;
};

/// Fills metrics, ts and values of @p into. @p file stands in the sentence of a failure.
outcome<void> parse_metrics(std::string_view text, const std::string& file, entity_series& into,
                            table_faults* left_out = nullptr);
std::string format_metrics(const entity_series& series);

outcome<std::vector<log_line>> parse_logs(std::string_view text, const std::string& file,
                                          table_faults* left_out = nullptr);
std::string format_logs(const std::vector<log_line>& logs);

outcome<std::vector<span_row>> parse_spans(std::string_view text, const std::string& file,
                                           table_faults* left_out = nullptr);
std::string format_spans(const std::vector<span_row>& spans);

/// @p text without the byte order mark that some programs put in front of UTF-8.
std::string_view without_mark(std::string_view text) noexcept;

/// Whether @p unix_ms lies before the year 10000, so that stamps in microseconds or nanoseconds are
/// told as such.
bool is_time(std::int64_t unix_ms) noexcept;
/// A whole number of milliseconds, also as programs write it that know no integers:
/// 1661126400000.0. A part of one would be of seconds. @returns why @p text is none, or nullptr.
const char* read_time(std::string_view text, std::int64_t& unix_ms) noexcept;

/// Whether @p name can be a column of a metrics file.
bool is_metric_name(std::string_view name) noexcept;

}  // namespace faultline
