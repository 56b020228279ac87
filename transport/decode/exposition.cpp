// SPDX-License-Identifier: Apache-2.0
//
//   text    := line*
//   line    := "# TYPE" name type | "# UNIT" name unit | "#" anything | name [labels] value
//   [timestamp] labels  := "{" [key "=" '"' text '"' ("," ...)*] [","] "}"      -- \\ \" \n in the
//   text
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "transport/decode/internal/prometheus_sample.hpp"

namespace faultline {

namespace {

constexpr std::size_t most_labels = 256;

bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

bool is_name_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == ':';
}

void skip_blanks(std::string_view& rest) noexcept {
  while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
}

std::string_view take_word(std::string_view& rest) noexcept {
  skip_blanks(rest);
  std::size_t n = 0;
  while (n < rest.size() && !is_blank(rest[n])) ++n;
  const auto word = rest.substr(0, n);
  rest.remove_prefix(n);
  return word;
}

std::string_view take_name(std::string_view& rest) noexcept {
  std::size_t n = 0;
  while (n < rest.size() && is_name_char(rest[n])) ++n;
  const auto name = rest.substr(0, n);
  rest.remove_prefix(n);
  return name;
}

bool read_value(std::string_view word, double& value) noexcept {
  if (word == "+Inf" || word == "Inf") return value = HUGE_VAL, true;
  if (word == "-Inf") return value = -HUGE_VAL, true;
  if (word == "NaN") return value = std::numeric_limits<double>::quiet_NaN(), true;
  if (!word.empty() && word.front() == '+') word.remove_prefix(1);
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (word.empty() || end != word.data() + word.size()) return false;
  if (failed == std::errc::result_out_of_range)  // it leaves the value alone
    value = std::strtod(std::string{word}.c_str(), nullptr);
  return failed == std::errc{} || failed == std::errc::result_out_of_range;
}

class reader {
public:
  reader(const sample_labels& more, prometheus_types& types, sample_sink& sink)
      : more_{more}, types_{types}, sink_{sink} {}

  bool line(std::string_view rest) {
    if (!rest.empty() && rest.back() == '\r') rest.remove_suffix(1);
    skip_blanks(rest);
    if (rest.empty()) return true;
    if (rest.front() == '#') return comment(rest.substr(1));
    const auto name = take_name(rest);
    if (name.empty()) return false;
    labels_.clear();
    text_.clear();
    text_.reserve(rest.size());  // unescaped texts are shorter: it never moves
    skip_blanks(rest);
    if (!rest.empty() && rest.front() == '{' && !labels(rest)) return false;
    double value = 0;
    if (!read_value(take_word(rest), value)) return false;
    const auto at = take_word(rest);
    std::int64_t ts = 0;
    if (!at.empty() && at.front() != '#' && !read_time(at, ts)) return false;
    for (const auto& l : more_) add(l);
    tell_prometheus(name, labels_, value, ts, types_, sink_);
    return true;
  }

private:
  bool comment(std::string_view rest) {
    const auto what = take_word(rest);
    if (what != "TYPE" && what != "UNIT") return true;
    const auto family = take_word(rest);
    const auto type = take_word(rest);
    if (what == "UNIT") return types_.learn_unit(family, type), true;
    if (type == "counter") {
      types_.learn(family, prometheus_type::counter);
    } else if (type == "gauge" || type == "gaugehistogram") {
      types_.learn(family, prometheus_type::gauge);
    } else if (type == "histogram") {
      types_.learn(family, prometheus_type::histogram);
    } else if (type == "summary") {
      types_.learn(family, prometheus_type::summary);
    }
    return true;
  }

  bool labels(std::string_view& rest) {
    rest.remove_prefix(1);
    for (;;) {
      skip_blanks(rest);
      if (rest.empty()) return false;
      if (rest.front() == '}') return rest.remove_prefix(1), true;
      attribute l;
      l.key = take_name(rest);
      skip_blanks(rest);
      if (l.key.empty() || rest.empty() || rest.front() != '=') return false;
      rest.remove_prefix(1);
      skip_blanks(rest);
      if (rest.empty() || rest.front() != '"' || !quoted(rest, l.value)) return false;
      add(l);
      skip_blanks(rest);
      if (!rest.empty() && rest.front() == ',') rest.remove_prefix(1);
    }
  }

  void add(const attribute& l) {
    for (const auto& own : labels_)
      if (own.key == l.key) return;
    if (labels_.size() < most_labels) labels_.push_back(l);
  }

  bool quoted(std::string_view& rest, std::string_view& out) {
    rest.remove_prefix(1);
    const auto from = text_.size();
    while (!rest.empty() && rest.front() != '"') {
      char c = rest.front();
      rest.remove_prefix(1);
      if (c == '\\') {
        if (rest.empty()) return false;
        c = rest.front() == 'n' ? '\n' : rest.front();
        rest.remove_prefix(1);
      }
      text_.push_back(c);
    }
    if (rest.empty()) return false;
    rest.remove_prefix(1);
    out = std::string_view{text_}.substr(from);
    return true;
  }

  /// Milliseconds; seconds with a fraction are OpenMetrics'.
  static bool read_time(std::string_view word, std::int64_t& ts) noexcept {
    double seconds = 0;
    if (word.find('.') != std::string_view::npos) {
      if (!read_value(word, seconds) || !(std::fabs(seconds) < 1e12)) return false;
      ts = static_cast<std::int64_t>(std::llround(seconds * 1000));
      return true;
    }
    const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), ts);
    return failed == std::errc{} && end == word.data() + word.size();
  }

  const sample_labels& more_;
  prometheus_types& types_;
  sample_sink& sink_;
  sample_labels labels_;
  std::string text_;
};

}  // namespace

outcome<void> read_exposition(std::string_view text, const sample_labels& more,
                              prometheus_types& types, sample_sink& sink) {
  reader in{more, types, sink};
  std::size_t number = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    ++number;
    if (!in.line(text.substr(0, end)))
      return failure{ec::malformed, "line " + std::to_string(number) +
                                        " is not of the text format 0.0.4 of Prometheus"};
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

}  // namespace faultline
