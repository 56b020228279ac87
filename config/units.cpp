// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "config/internal/units.hpp"

namespace faultline {
namespace {

struct unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array duration_units{unit{"w", 7ULL * 24 * 3600 * 1'000'000},
                                    unit{"d", 24ULL * 3600 * 1'000'000},
                                    unit{"h", 3600ULL * 1'000'000},
                                    unit{"m", 60ULL * 1'000'000},
                                    unit{"s", 1'000'000},
                                    unit{"ms", 1'000},
                                    unit{"us", 1}};

constexpr std::array size_units{unit{"TiB", 1ULL << 40},
                                unit{"GiB", 1ULL << 30},
                                unit{"MiB", 1ULL << 20},
                                unit{"KiB", 1ULL << 10},
                                unit{"TB", 1'000'000'000'000},
                                unit{"GB", 1'000'000'000},
                                unit{"MB", 1'000'000},
                                unit{"kB", 1'000},
                                unit{"KB", 1'000},
                                unit{"B", 1}};

constexpr double largest = 9.0e18;

/// @p value where it is a whole number but for the rounding of a product: 1.1 * 3600.
std::optional<double> whole(double value) noexcept {
  constexpr double rounding = 8 * std::numeric_limits<double>::epsilon();
  const double near = std::round(value);
  if (value > largest || std::abs(value - near) > value * rounding) return std::nullopt;
  return near;
}

/// Cuts "12.5" off the front; nothing if no digit is there.
std::optional<double> take_number(std::string_view& text) noexcept {
  double value = 0;
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

/// Cuts a run of letters off the front and gives its factor, 0 if it is no unit.
template <std::size_t N>
std::uint64_t take_unit(std::string_view& text, const std::array<unit, N>& units) noexcept {
  std::size_t n = 0;
  while (n < text.size() && (text[n] < '0' || text[n] > '9')) ++n;
  for (const auto& u : units) {
    if (text.substr(0, n) != u.name) continue;
    text.remove_prefix(n);
    return u.factor;
  }
  return 0;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

std::optional<std::uint16_t> parse_core(std::string_view text) {
  std::uint16_t core = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), core);
  if (error != std::errc{} || end != text.data() + text.size() || core >= most_cores)
    return std::nullopt;
  return core;
}

}  // namespace

std::optional<std::int64_t> parse_duration_us(std::string_view text) noexcept {
  if (text.empty()) return std::nullopt;
  double sum = 0;
  std::uint64_t before = std::numeric_limits<std::uint64_t>::max();
  while (!text.empty()) {
    const auto number = take_number(text);
    const auto factor = take_unit(text, duration_units);
    if (!number || factor == 0 || factor >= before) return std::nullopt;  // 1h30m, never 30m1h
    before = factor;
    sum += *number * static_cast<double>(factor);
  }
  const auto us = whole(sum);
  if (!us) return std::nullopt;
  return static_cast<std::int64_t>(*us);
}

std::string show_duration_us(std::int64_t us) {
  if (us == 0) return "0s";
  std::string text;
  auto left = static_cast<std::uint64_t>(us);
  for (const auto& u : duration_units) {
    if (u.name == "w" || left < u.factor) continue;
    text += std::to_string(left / u.factor) + std::string{u.name};
    left %= u.factor;
  }
  return text;
}

std::optional<std::uint64_t> parse_size(std::string_view text) noexcept {
  const auto number = take_number(text);
  if (!number) return std::nullopt;
  while (!text.empty() && text[0] == ' ') text.remove_prefix(1);
  const std::uint64_t factor = text.empty() ? 1 : take_unit(text, size_units);
  const auto bytes = whole(*number * static_cast<double>(factor));
  if (factor == 0 || !text.empty() || !bytes) return std::nullopt;
  return static_cast<std::uint64_t>(*bytes);
}

std::string show_size(std::uint64_t bytes) {
  for (const auto& u : size_units) {
    if (u.name.size() == 3 && bytes >= u.factor && bytes % u.factor == 0)
      return std::to_string(bytes / u.factor) + std::string{u.name};
  }
  return std::to_string(bytes);
}

std::optional<double> parse_number(std::string_view text) noexcept {
  double value = 0;
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_integer(std::string_view text) noexcept {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string show_number(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::optional<std::vector<std::uint16_t>> parse_cores(std::string_view text) {
  std::set<std::uint16_t> cores;
  while (true) {
    const auto comma = std::min(text.find(','), text.size());
    const auto range = text.substr(0, comma);
    const auto dash = std::min(range.find('-'), range.size());
    const auto first = parse_core(range.substr(0, dash));
    const auto last = dash == range.size() ? first : parse_core(range.substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    for (auto core = *first; core <= *last; ++core) cores.insert(core);
    if (comma == text.size()) break;
    text.remove_prefix(comma + 1);
  }
  return std::vector<std::uint16_t>(cores.begin(), cores.end());
}

std::string show_cores(const std::vector<std::uint16_t>& cores) {
  std::string shown;
  for (std::size_t i = 0; i < cores.size();) {
    std::size_t end = i + 1;
    while (end < cores.size() && cores[end] == cores[end - 1] + 1) ++end;
    if (!shown.empty()) shown += ',';
    shown += std::to_string(cores[i]);
    if (end - i > 1) shown += (end - i > 2 ? "-" : ",") + std::to_string(cores[end - 1]);
    i = end;
  }
  return shown;
}

std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string>& candidates) {
  const std::size_t near_enough = std::max<std::size_t>(1, (word.size() + 1) / 3);
  std::size_t best = near_enough + 1;
  std::optional<std::string> found;
  for (const auto& candidate : candidates) {
    const auto d = distance(word, candidate);
    if (d >= best) continue;
    best = d;
    found = candidate;
  }
  return found;
}

}  // namespace faultline
