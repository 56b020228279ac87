// SPDX-License-Identifier: Apache-2.0
#include "transport/internal/zpl.hpp"

#include <algorithm>

namespace faultline {

namespace {

constexpr std::size_t indent = 4;

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

failure bad(std::size_t line, const char* what) {
  return {ec::malformed, "line " + std::to_string(line) + ": " + what};
}

/// value := '"' text '"' | "'" text "'" | text, which ends before " #"
outcome<std::string> value_of(std::string_view text, std::size_t line) {
  text = trimmed(text);
  if (text.empty()) return std::string{};
  const char quote = text.front();
  if (quote == '"' || quote == '\'') {
    const auto end = text.find(quote, 1);
    if (end == std::string_view::npos) return bad(line, "a quote is not closed");
    const auto rest = trimmed(text.substr(end + 1));
    if (!rest.empty() && rest.front() != '#') return bad(line, "text after the closing quote");
    return std::string{text.substr(1, end - 1)};
  }
  return std::string{trimmed(text.substr(0, text.find(" #")))};
}

}  // namespace

outcome<std::vector<zpl_entry>> read_zpl(std::string_view text) {
  std::vector<zpl_entry> entries;
  std::string section;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view whole = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto content = trimmed(whole);
    if (content.empty() || content.front() == '#') continue;
    const auto depth = std::min(whole.find_first_not_of(' '), whole.size());
    if (depth % indent != 0 || whole[depth] == '\t')
      return bad(line, "a level is four blanks further in");
    const auto equals = content.find('=');
    const auto name = trimmed(content.substr(0, equals));
    if (depth == 0) {
      section = std::string{name};
      continue;
    }
    if (section.empty()) return bad(line, "nothing stands above it");
    if (depth > indent || equals == std::string_view::npos) continue;
    auto value = value_of(content.substr(equals + 1), line);
    if (!value) return value.error();
    entries.push_back({section, std::string{name}, std::move(*value), line});
  }
  return entries;
}

}  // namespace faultline
