// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messages/outcome.hpp"
#include "messages/time.hpp"

namespace faultline {

/// `-o simple|json`: for people, or for programs.
enum class output_format : std::uint8_t { simple, json };

/// Whether file descriptor @p fd is a terminal.
bool is_terminal(int fd) noexcept;

/// ANSI colours, or nothing at all where the output is no terminal or NO_COLOR is set.
class colours {
public:
  explicit colours(bool on) noexcept : on_{on} {}
  static colours of(int fd) noexcept;
  const char* red() const noexcept { return on_ ? "\x1b[31;1m" : ""; }
  const char* yellow() const noexcept { return on_ ? "\x1b[33;1m" : ""; }
  const char* green() const noexcept { return on_ ? "\x1b[32;1m" : ""; }
  const char* blue() const noexcept { return on_ ? "\x1b[36;1m" : ""; }
  const char* bold() const noexcept { return on_ ? "\x1b[1m" : ""; }
  const char* faint() const noexcept { return on_ ? "\x1b[2m" : ""; }
  const char* end() const noexcept { return on_ ? "\x1b[0m" : ""; }

private:
  bool on_;
};

/// "2024-01-08T12:00:00Z"; milliseconds only where there are any.
std::string format_time(std::int64_t unix_ms);
/// "12:00:00" in UTC.
std::string format_clock(std::int64_t unix_ms);
/// "3h 20m", "45s", "850ms": the two largest units.
std::string format_duration(milliseconds d);
/// "1,234,567".
std::string format_count(std::uint64_t n);
/// Up to four significant digits, without a needless exponent: "0.1234", "15300", "2.1e+09".
std::string format_number(double value);
/// "12.5 MiB".
std::string format_bytes(std::uint64_t bytes);

/// Reads "90s", "20m", "1.5h", "7d", "250ms", "1h30m"; a number alone is seconds. Never negative.
outcome<milliseconds> parse_duration(std::string_view text);
/// Reads Unix milliseconds, "2024-01-08T12:00:00[.250]Z" or "2024-01-08", the begin of that day in
/// UTC.
outcome<std::int64_t> parse_time(std::string_view text);
/// Today in UTC, "2024-01-08".
std::string today();

/// Columns as wide as their widest cell, two spaces between, headings in bold. Cells that would
/// disturb a terminal are made harmless.
std::string format_table(const std::vector<std::string>& headings,
                         const std::vector<std::vector<std::string>>& rows, const colours& c);

/// @p text without control characters: what a stranger has sent must not move the cursor.
std::string harmless(std::string_view text);

/// @p text broken at spaces into lines of at most @p width columns, each behind @p indent.
std::string wrapped(std::string_view text, std::size_t width, const std::string& indent);

/// Width of the terminal, 100 where there is none.
std::size_t terminal_width() noexcept;

}  // namespace faultline
