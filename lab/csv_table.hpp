// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lab/recording.hpp"
#include "messages/outcome.hpp"

namespace faultline {

// Blank lines do not count, nor does a byte order mark.
//
// metrics := "ts" ("," name)* "\n" (row "\n")*     name of [a-z0-9._-]; ts Unix ms, ascending
// row     := ts ("," number?)*                     as many fields as the header; empty, NaN, nan,
//                                                   null or NA = missing
// logs    := "ts,entity,severity,body\n" rows      fields quoted as in RFC 4180 where needed, rows
//                                                   any order; severity_of_word(), of none
//                                                   severity_of_line()
// spans   := "ts,entity,trace,span,parent,operation,duration_us,status,peer\n" rows
//                                                   status: ok, error, else none; ids: hex

/// Fills metrics, ts and values of @p into. @p file stands in the sentence of a failure.
outcome<void> parse_metrics(std::string_view text, const std::string& file, entity_series& into);
std::string format_metrics(const entity_series& series);

outcome<std::vector<log_line>> parse_logs(std::string_view text, const std::string& file);
std::string format_logs(const std::vector<log_line>& logs);

outcome<std::vector<span_row>> parse_spans(std::string_view text, const std::string& file);
std::string format_spans(const std::vector<span_row>& spans);

/// @p text without the byte order mark that some programs put in front of UTF-8.
std::string_view without_mark(std::string_view text) noexcept;

/// Whether @p unix_ms lies before the year 10000, so that stamps in microseconds or nanoseconds are
/// told as such.
bool is_time(std::int64_t unix_ms) noexcept;

/// Whether @p name can be a column of a metrics file.
bool is_metric_name(std::string_view name) noexcept;

}  // namespace faultline
