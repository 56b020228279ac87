// SPDX-License-Identifier: Apache-2.0
#include "tools/output.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "messages/number_words.hpp"
#include "messages/rfc3339.hpp"

namespace faultline {

namespace {

std::tm utc(std::int64_t unix_ms) {
  // Rounded down, so that a time before 1970 keeps its order.
  const std::time_t whole =
      static_cast<std::time_t>(unix_ms >= 0 ? unix_ms / 1000 : (unix_ms - 999) / 1000);
  std::tm parts{};
  gmtime_r(&whole, &parts);
  return parts;
}

/// Columns a text takes: characters, not bytes.
std::size_t columns(std::string_view text) {
  std::size_t n = 0;
  for (const char c : text)
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) ++n;
  return n;
}

struct duration_unit {
  std::string_view name;
  double ms;
};
constexpr std::array<duration_unit, 5> duration_units{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};

failure bad_duration(std::string_view text) {
  return {ec::invalid,
          "'" + std::string{text} + "' is no duration: write 90s, 20m, 1h30m, 7d or 250ms"};
}

}  // namespace

bool is_terminal(int fd) noexcept { return isatty(fd) == 1; }

colours colours::of(int fd) noexcept {
  const char* off = std::getenv("NO_COLOR");
  return colours{is_terminal(fd) && (off == nullptr || *off == '\0')};
}

std::string format_time(std::int64_t unix_ms) {
  const std::tm parts = utc(unix_ms);
  std::array<char, 48> text{};
  std::size_t n = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  const int ms = static_cast<int>(((unix_ms % 1000) + 1000) % 1000);
  std::string out{text.data(), n};
  if (ms != 0) {
    std::snprintf(text.data(), text.size(), ".%03d", ms);
    out += text.data();
  }
  return out + "Z";
}

std::string format_clock(std::int64_t unix_ms) {
  const std::tm parts = utc(unix_ms);
  std::array<char, 16> text{};
  const std::size_t n = std::strftime(text.data(), text.size(), "%H:%M:%S", &parts);
  return {text.data(), n};
}

std::string today() {
  std::timespec now{};
  std::timespec_get(&now, TIME_UTC);
  return format_time(static_cast<std::int64_t>(now.tv_sec) * 1000).substr(0, 10);
}

std::string format_duration(milliseconds d) {
  const std::int64_t ms = d.count();
  if (ms < 0) return "-" + format_duration(milliseconds{-ms});
  if (ms < 1000) return std::to_string(ms) + "ms";
  const std::int64_t s = ms / 1000;
  const auto two = [](std::int64_t a, const char* x, std::int64_t b, const char* y) {
    return std::to_string(a) + x + (b == 0 ? "" : " " + std::to_string(b) + y);
  };
  if (s < 60) return std::to_string(s) + "s";
  if (s < 3600) return two(s / 60, "m", s % 60, "s");
  if (s < 86400) return two(s / 3600, "h", s % 3600 / 60, "m");
  return two(s / 86400, "d", s % 86400 / 3600, "h");
}

std::string format_count(std::uint64_t n) {
  std::string digits = std::to_string(n);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

std::string format_number(double value) {
  const double size = std::fabs(value);
  if (size < 1000 || !(size < 1e7)) return number_words(value, 4);
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.0f", value);
  return text.data();
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text.data();
}

outcome<milliseconds> parse_duration(std::string_view text) {
  const std::string_view whole = text;
  double total = 0;
  if (text.empty()) return bad_duration(whole);
  while (!text.empty()) {
    double value = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (error != std::errc{} || value < 0 || !std::isfinite(value)) return bad_duration(whole);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const std::size_t letters = std::min(text.find_first_of("0123456789.-+ "), text.size());
    const std::string_view name = text.substr(0, letters);
    text.remove_prefix(letters);
    if (name.empty()) {
      if (!text.empty() || total != 0) return bad_duration(whole);
      total = value * 1000;
      break;
    }
    const auto unit = std::find_if(duration_units.begin(), duration_units.end(),
                                   [&](const duration_unit& u) { return u.name == name; });
    if (unit == duration_units.end()) return bad_duration(whole);
    total += value * unit->ms;
  }
  if (total > 3.2e12) return bad_duration(whole);  // a century
  return milliseconds{std::llround(total)};
}

outcome<std::int64_t> parse_time(std::string_view text) {
  std::int64_t ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (error == std::errc{} && end == text.data() + text.size()) return ms;
  const bool day = text.size() == 10 && text[4] == '-' && text[7] == '-';
  std::string whole{text};
  if (day)
    whole += "T00:00:00Z";
  else if (!whole.empty() && whole.back() >= '0' && whole.back() <= '9')
    whole += 'Z';  // so that an offset is none of ours
  const auto read = parse_rfc3339(whole);
  if (read && *read >= event_time{}) return unix_ms(*read);
  return failure{ec::invalid,
                 "'" + std::string{text} +
                     "' is no time: write Unix milliseconds, a day of the calendar such as "
                     "2024-01-08, or 2024-01-08T12:00:00Z"};
}

std::string harmless(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool c1 =
        c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (c1) ++i;
    out.push_back(c < 0x20 || c == 0x7f || c1 ? '?' : text[i]);
  }
  return out;
}

std::string format_table(const std::vector<std::string>& headings,
                         const std::vector<std::vector<std::string>>& rows, const colours& c) {
  std::vector<std::size_t> widths;
  widths.reserve(headings.size());
  for (const auto& heading : headings) widths.push_back(columns(heading));
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i)
      widths[i] = std::max(widths[i], columns(harmless(row[i])));
  std::string out;
  const auto line = [&](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size() && i < widths.size(); ++i) {
      const std::string cell = harmless(cells[i]);
      out += cell;
      if (i + 1 < cells.size()) out.append(widths[i] - columns(cell) + 2, ' ');
    }
  };
  out += c.bold();
  line(headings);
  out += c.end();
  out += '\n';
  for (const auto& row : rows) {
    line(row);
    out += '\n';
  }
  return out;
}

std::string wrapped(std::string_view text, std::size_t width, const std::string& indent) {
  const std::string clean = harmless(text);
  const std::size_t room = width > indent.size() + 20 ? width - indent.size() : 20;
  std::string out, line;
  std::size_t at = 0;
  while (at < clean.size()) {
    std::size_t space = clean.find(' ', at);
    if (space == std::string::npos) space = clean.size();
    const std::string word = clean.substr(at, space - at);
    at = space + 1;
    if (word.empty()) continue;
    if (!line.empty() && columns(line) + 1 + columns(word) > room) {
      out += indent + line + '\n';
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  if (!line.empty()) out += indent + line + '\n';
  return out;
}

std::size_t terminal_width() noexcept {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40) return size.ws_col;
  return 100;
}

}  // namespace faultline
