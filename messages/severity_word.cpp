// SPDX-License-Identifier: Apache-2.0
#include "messages/severity_word.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace faultline {

namespace {

/// How the words begin; the first that fits holds.
constexpr std::array<std::pair<std::string_view, log_severity>, 14> beginnings{{
    {"eme", log_severity::fatal},  // emergency
    {"pan", log_severity::fatal},
    {"ale", log_severity::fatal},  // alert
    {"sev", log_severity::fatal},  // severe
    {"con", log_severity::debug},  // config, of java.util.logging
    {"c", log_severity::fatal},    // critical
    {"fin", log_severity::debug},  // fine, finer, finest
    {"fai", log_severity::error},  // failure
    {"f", log_severity::fatal},
    {"e", log_severity::error},
    {"w", log_severity::warn},
    {"d", log_severity::debug},
    {"t", log_severity::trace},
    {"v", log_severity::trace},  // verbose
}};

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return lower(c) >= 'a' && lower(c) <= 'z'; }

bool equals(std::string_view text, std::string_view lower_case) noexcept {
  return std::equal(text.begin(), text.end(), lower_case.begin(), lower_case.end(),
                    [](char a, char b) { return lower(a) == b; });
}

/// Levels as they stand in lines, whole.
constexpr std::array<std::string_view, 17> levels{
    "emergency", "emerg", "fatal",   "critical", "crit", "severe", "alert", "panic",  "error",
    "err",       "warn",  "warning", "notice",   "info", "debug",  "trace", "verbose"};

bool is_level(std::string_view word) noexcept {
  return std::any_of(levels.begin(), levels.end(),
                     [&](std::string_view level) { return equals(word, level); });
}

/// The letters that begin at @p at.
std::string_view letters_at(std::string_view text, std::size_t at) noexcept {
  std::size_t end = at;
  while (end < text.size() && is_letter(text[end])) ++end;
  return text.substr(at, end - at);
}

constexpr std::size_t longest_look = 4096, longest_head = 160;

/// The level that a field of the line tells: level=warn, "severity": "error".
std::string_view level_field(std::string_view body) noexcept {
  for (const std::string_view key : {"severity", "level", "loglevel", "levelname", "lvl"}) {
    for (auto at = body.find(key); at != std::string_view::npos; at = body.find(key, at + 1)) {
      if (at > 0 && (is_letter(body[at - 1]) || body[at - 1] == '_' || body[at - 1] == '.'))
        continue;
      auto next = at + key.size();
      bool told = false;
      for (; next < body.size() && next < at + key.size() + 5; ++next) {
        const char c = body[next];
        if (c == '=' || c == ':')
          told = true;
        else if (c != '"' && c != ' ' && c != '\\')
          break;
      }
      if (const auto word = letters_at(body, next); told && is_level(word)) return word;
    }
  }
  return {};
}

/// The level among the first words: in capitals, in brackets, or before a colon at the begin.
std::string_view level_word(std::string_view head) noexcept {
  for (std::size_t at = 0; at < head.size(); ++at) {
    if (at > 0 && (is_letter(head[at - 1]) || is_digit(head[at - 1]) || head[at - 1] == '_'))
      continue;
    const auto word = letters_at(head, at);
    if (word.size() < 3 || !is_level(word)) continue;
    const auto end = at + word.size();
    const char behind = end < head.size() ? head[end] : ' ';
    if (behind == '_' || is_digit(behind)) continue;
    const char before = at > 0 ? head[at - 1] : ' ';
    const bool capitals = std::all_of(word.begin(), word.end(), is_upper);
    const bool enclosed = (before == '[' && behind == ']') || (before == '<' && behind == '>');
    if (capitals || enclosed || (at == 0 && behind == ':')) return word;
  }
  return {};
}

/// Names of errors as languages write them: "NullPointerException: ..", "ValueError: ..".
bool names_an_error(std::string_view body) noexcept {
  for (const std::string_view said : {"Traceback (most recent call last)", "rpc error:", "panic:"})
    if (body.find(said) != std::string_view::npos) return true;
  for (const std::string_view name : {"Exception", "Error"}) {
    for (auto at = body.find(name); at != std::string_view::npos; at = body.find(name, at + 1)) {
      const auto end = at + name.size();
      const bool ends = end == body.size() || body[end] == ':' || body[end] == '\n';
      if (ends && at > 0 && is_letter(body[at - 1])) return true;
    }
  }
  return false;
}

}  // namespace

log_severity severity_of_word(std::string_view word) noexcept {
  for (const auto& [begin, severity] : beginnings) {
    if (word.size() < begin.size()) continue;
    if (std::equal(begin.begin(), begin.end(), word.begin(),
                   [](char known, char given) { return known == lower(given); }))
      return severity;
  }
  return log_severity::info;
}

log_severity severity_of_line(std::string_view body) noexcept {
  body = body.substr(0, longest_look);
  if (const auto word = level_field(body); !word.empty()) return severity_of_word(word);
  const auto head = body.substr(0, longest_head);
  if (const auto word = level_word(head); !word.empty()) return severity_of_word(word);
  // As Go's and Kubernetes' log: one letter and the day.
  if (head.size() > 5 && head[5] == ' ' &&
      std::all_of(head.begin() + 1, head.begin() + 5, is_digit) &&
      (head[0] == 'I' || head[0] == 'W' || head[0] == 'E' || head[0] == 'F'))
    return severity_of_word(head.substr(0, 1));
  return names_an_error(body) ? log_severity::error : log_severity::info;
}

}  // namespace faultline
