// SPDX-License-Identifier: Apache-2.0
#include "messages/units.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace faultline {

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 19> words_of_units{{
    {"s", "seconds"},      {"ms", "milliseconds"}, {"us", "microseconds"}, {"ns", "nanoseconds"},
    {"min", "minutes"},    {"h", "hours"},         {"d", "days"},          {"By", "bytes"},
    {"KiBy", "kibibytes"}, {"MiBy", "mebibytes"},  {"GiBy", "gibibytes"},  {"KBy", "kilobytes"},
    {"MBy", "megabytes"},  {"GBy", "gigabytes"},   {"bit", "bits"},        {"%", "percent"},
    {"Cel", "celsius"},    {"Hz", "hertz"},        {"V", "volts"},
}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 17> short_forms{{
    {"ms", "milliseconds"},
    {"us", "microseconds"},
    {"ns", "nanoseconds"},
    {"pct", "percent"},
    {"ratio", "ratio"},
    {"utilization", "ratio"},
    {"percentage", "percent"},
    {"byte", "bytes"},
    {"second", "seconds"},
    {"bits", "bits"},
    {"kb", "kilobytes"},
    {"mb", "megabytes"},
    {"meters", "meters"},  // of Prometheus, with those above
    {"grams", "grams"},
    {"joules", "joules"},
    {"amperes", "amperes"},
    {"watts", "watts"},
}};

constexpr bool is_end(char c) noexcept {
  return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9');
}

/// Calls @p take with each word of @p metric, without its labels.
template <class Take>
void each_word(std::string_view metric, Take take) {
  metric = metric.substr(0, metric.find('{'));
  std::size_t from = 0;
  for (std::size_t i = 0; i <= metric.size(); ++i) {
    if (i < metric.size() && !is_end(metric[i])) continue;
    take(metric.substr(from, i - from));
    from = i + 1;
  }
}

std::string_view unit_named(std::string_view word) noexcept {
  for (const auto& [ucum, name] : words_of_units)
    if (word == name) return name;
  for (const auto& [name, unit] : short_forms)
    if (word == name) return unit;
  return {};
}

}  // namespace

std::string_view unit_word(std::string_view ucum) noexcept {
  for (const auto& [unit, word] : words_of_units)
    if (ucum == unit || ucum == word) return word;
  return {};
}

bool is_time_unit(std::string_view word) noexcept {
  constexpr std::array<std::string_view, 6> times{"seconds",     "milliseconds", "microseconds",
                                                  "nanoseconds", "minutes",      "hours"};
  return std::find(times.begin(), times.end(), word) != times.end();
}

// The last word that is a unit counts: process_cpu_seconds_total, disk.read.bytes{dev=a}. What is
// counted has none, however the rest is called (http_request_seconds_count), and what stands behind
// `per` is not the unit of the whole. Percent of something is percent (percent_bytes of collectd).
std::string_view unit_of(std::string_view metric) noexcept {
  std::string_view found, last;
  each_word(metric, [&](std::string_view word) {
    const auto unit = unit_named(word);
    if (!unit.empty() && last != "per" && found != "percent") found = unit;
    last = word;
  });
  return last == "count" ? std::string_view{} : found;
}

bool names_a_unit(std::string_view metric) noexcept {
  bool any = false;
  each_word(metric, [&](std::string_view word) { any = any || !unit_named(word).empty(); });
  return any;
}

std::string unit_behind(std::string_view word, bool per_second) {
  std::string text;
  if (word.empty() || word == "ratio") return text;
  text.append(" ").append(word);
  return per_second ? text.append(" per second") : text;
}

}  // namespace faultline
