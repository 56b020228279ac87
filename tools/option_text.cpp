// SPDX-License-Identifier: Apache-2.0
#include "tools/option_text.hpp"

#include <cmath>
#include <cstdlib>
#include <utility>

#include "lab/simulator.hpp"
#include "tools/output.hpp"

namespace faultline {

std::function<std::string(const std::string&)> duration_check() {
  return [](const std::string& text) {
    const auto read = parse_duration(text);
    return read ? std::string{} : read.error().what;
  };
}

std::function<std::string(const std::string&)> seconds_check() {
  return [](const std::string& text) {
    const auto read = parse_duration(text);
    if (!read) return read.error().what;
    return *read % std::chrono::seconds{1} == milliseconds{0}
               ? std::string{}
               : "'" + text + "' is no whole number of seconds";
  };
}

std::string above_zero(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const bool whole = end != text.c_str() && *end == '\0';
  if (whole && std::isfinite(number) && number > 0) return {};
  return "'" + text + "' is no number above 0";
}

outcome<milliseconds> length_of(const char* name, const std::string& text, milliseconds least) {
  const auto read = parse_duration(text);
  if (!read) return failure{ec::invalid, std::string{name} + ": " + read.error().what};
  if (*read < least)
    return failure{ec::invalid, std::string{name} + ": '" + text + "' is less than " +
                                    format_duration(least) + ": write 90s, 20m, 1h30m or 7d"};
  return *read;
}

std::string fault_type_names() {
  std::string names;
  for (const fault_type type : every_fault_type())
    names += (names.empty() ? "" : "|") + std::string{to_string(type)};
  return names;
}

std::function<std::string(std::string&)> number_of_word(std::map<std::string, unsigned> words) {
  return [words = std::move(words)](std::string& text) {
    std::string word, names;
    for (const char c : text) word += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    for (const auto& entry : words) names += (names.empty() ? "" : ", ") + entry.first;
    const auto found = words.find(word);
    if (found == words.end()) return "'" + text + "' is none of " + names;
    text = std::to_string(found->second);
    return std::string{};
  };
}

milliseconds duration_of(const std::string& text) {
  const auto read = parse_duration(text);
  return read ? *read : milliseconds{0};
}

}  // namespace faultline
