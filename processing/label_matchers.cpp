// SPDX-License-Identifier: Apache-2.0
#include "processing/label_matchers.hpp"

#include <algorithm>
#include <utility>

#include <re2/re2.h>

namespace faultline {

struct label_matchers::expression {
  explicit expression(const std::string& text, const RE2::Options& o) : compiled{text, o} {}
  RE2 compiled;
};

namespace {

constexpr std::int64_t expression_memory = 1 << 20;
/// Of a compiled expression; a list of names of 4,096 bytes has as many. Where RE2 has no memory
/// for its automaton left it does each of them for each byte.
constexpr int most_steps = 5'000;
constexpr char blanks[] = " \t\r\n";

RE2::Options quiet() {
  RE2::Options o;
  o.set_log_errors(false);
  o.set_max_mem(expression_memory);
  return o;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

failure bad_matcher(std::string_view text, const char* why) {
  return {ec::invalid, "matcher " + std::string{text.substr(0, 128)} + ": " + why};
}

bool name_is_good(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return c > ' ' && c != 0x7f && c != '"' && c != ',' && c != '{' && c != '}' && c != '=' &&
           c != '!' && c != '~';
  });
}

/// What stands between quotes, with \" \\ and \n; text without quotes is itself.
outcome<std::string> unquoted(std::string_view text, std::string_view whole) {
  if (text.empty() || text.front() != '"') {
    if (text.find('"') != std::string_view::npos) return bad_matcher(whole, "a stray quote");
    return std::string{text};
  }
  std::string value;
  std::size_t i = 1;
  for (; i < text.size() && text[i] != '"'; ++i) {
    if (text[i] != '\\') {
      value += text[i];
      continue;
    }
    if (++i == text.size()) break;
    if (text[i] == 'n')
      value += '\n';
    else if (text[i] == '"' || text[i] == '\\')
      value += text[i];
    else  // as Go does not: an expression may hold \d
      (value += '\\') += text[i];
  }
  if (i + 1 != text.size()) return bad_matcher(whole, "the quotes do not match");
  return value;
}

/// The comma that ends the matcher at the front of @p text, or its end.
std::size_t end_of_first(std::string_view text) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      quoted = !quoted;
    else if (text[i] == ',' && !quoted)
      return i;
  }
  return text.size();
}

}  // namespace

label_matchers::label_matchers() = default;

outcome<label_matchers> label_matchers::compile(std::vector<label_matcher> list) {
  if (list.size() > most) return failure{ec::invalid, "more than 64 matchers"};
  label_matchers all;
  for (const label_matcher& m : list) {
    if (!name_is_good(m.name) || m.name.size() > name_bytes)
      return bad_matcher(matcher_text(m), "not the name of a label");
    if (m.value.size() > value_bytes) return bad_matcher(m.name, "the value is over 4,096 bytes");
    std::shared_ptr<const expression> compiled;
    if (m.regex) {
      compiled = std::make_shared<const expression>(m.value, quiet());
      if (!compiled->compiled.ok())
        return bad_matcher(matcher_text(m), compiled->compiled.error().c_str());
      if (compiled->compiled.ProgramSize() > most_steps)
        return bad_matcher(matcher_text(m), "the expression has too many steps");
    }
    all.expressions_.push_back(std::move(compiled));
  }
  all.list_ = std::move(list);
  return all;
}

bool label_matchers::holds(std::size_t i, const std::string& value) const {
  const label_matcher& m = list_[i];
  const bool same = m.regex ? RE2::FullMatch(value, expressions_[i]->compiled) : value == m.value;
  return same == m.equal;
}

bool label_matchers::matches(const std::map<std::string, std::string>& labels) const {
  static const std::string nothing;
  for (std::size_t i = 0; i < list_.size(); ++i) {
    const auto at = labels.find(list_[i].name);
    if (!holds(i, at == labels.end() ? nothing : at->second)) return false;
  }
  return true;
}

bool label_matchers::found_in(const std::vector<label_matcher>& own) const {
  const auto is_one = [this](std::size_t i, const label_matcher& m) {
    const bool asks = list_[i].regex && list_[i].equal && m.equal && list_[i].name == m.name;
    return list_[i] == m || (asks && holds(i, m.value));
  };
  for (std::size_t i = 0; i < list_.size(); ++i)
    if (std::none_of(own.begin(), own.end(), [&](const auto& m) { return is_one(i, m); }))
      return false;
  return true;
}

bool label_matchers::cover_everything() const { return matches({}); }

label_matchers label_matchers::chosen(std::string_view name, bool with) const {
  label_matchers some;
  for (std::size_t i = 0; i < list_.size(); ++i) {
    if ((list_[i].name == name) != with) continue;
    some.list_.push_back(list_[i]);
    some.expressions_.push_back(expressions_[i]);
  }
  return some;
}

label_matchers label_matchers::only(std::string_view name) const { return chosen(name, true); }
label_matchers label_matchers::without(std::string_view name) const { return chosen(name, false); }

const std::string* label_matchers::equal_value(std::string_view name) const {
  for (const label_matcher& m : list_)
    if (m.name == name && m.equal && !m.regex) return &m.value;
  return nullptr;
}

outcome<label_matcher> parse_matcher(std::string_view text) {
  const std::string_view whole = trimmed(text);
  const std::size_t sign = whole.find_first_of("=!");
  if (sign == std::string_view::npos) return bad_matcher(whole, "has none of = != =~ !~");
  label_matcher m;
  m.name = trimmed(whole.substr(0, sign));
  m.equal = whole[sign] == '=';
  std::size_t value = sign + 1;
  const char next = value < whole.size() ? whole[value] : '\0';
  m.regex = next == '~';
  if (!m.equal && next != '=' && next != '~') return bad_matcher(whole, "has none of = != =~ !~");
  if (next == '~' || !m.equal) ++value;
  auto said = unquoted(trimmed(whole.substr(value)), whole);
  if (!said) return said.error();
  m.value = std::move(*said);
  if (!name_is_good(m.name)) return bad_matcher(whole, "not the name of a label");
  return m;
}

outcome<std::vector<label_matcher>> parse_matchers(std::string_view text) {
  std::string_view left = trimmed(text);
  if (left.size() > 1 && left.front() == '{' && left.back() == '}')
    left = trimmed(left.substr(1, left.size() - 2));
  std::vector<label_matcher> all;
  while (!left.empty()) {
    const std::size_t end = end_of_first(left);
    auto m = parse_matcher(left.substr(0, end));
    if (!m) return m.error();
    all.push_back(std::move(*m));
    left = end == left.size() ? std::string_view{} : trimmed(left.substr(end + 1));
  }
  return all;
}

}  // namespace faultline
