// SPDX-License-Identifier: Apache-2.0
#include "tools/chart.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

namespace faultline {
namespace {

constexpr std::size_t label_columns = 11;
constexpr std::size_t least_columns = 16;
constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
constexpr double widest_band = 2;  // times the range of the values: more would flatten them

/// Ticks that share a column.
struct column {
  double least = nothing, most = nothing, lower = nothing, upper = nothing;
};

double smaller(double a, double b) { return std::fmin(a, b); }  // of two, the one that is no NaN
double larger(double a, double b) { return std::fmax(a, b); }

std::vector<column> columns_of(const chart_series& s, std::size_t count) {
  std::vector<column> out(std::min(count, s.values.size()));
  for (std::size_t i = 0; i < s.values.size(); ++i) {
    column& c = out[i * out.size() / s.values.size()];
    c.least = smaller(c.least, s.values[i]), c.most = larger(c.most, s.values[i]);
    c.lower = smaller(c.lower, s.lower[i]), c.upper = larger(c.upper, s.upper[i]);
  }
  return out;
}

/// What the diagram reaches from and to: all values, and of the bands what leaves these readable.
struct reach {
  double bottom = nothing, top = nothing;
  explicit reach(const std::vector<column>& all) {
    double lower = nothing, upper = nothing;
    for (const column& c : all) {
      bottom = smaller(bottom, c.least), top = larger(top, c.most);
      lower = smaller(lower, c.lower), upper = larger(upper, c.upper);
    }
    if (!std::isfinite(bottom)) return;
    const double room = std::max(widest_band * (top - bottom), 1e-3 * std::fabs(top));
    bottom = smaller(bottom, std::fmax(lower, bottom - room));
    top = larger(top, std::fmin(upper, top + room));
    if (!(top > bottom)) top = bottom + 1;
  }
};

std::string right_aligned(const std::string& text, std::size_t width) {
  return std::string(width > text.size() ? width - text.size() : 0, ' ') + text;
}

/// One cell, the values from @p from to below @p to.
std::string cell(const column& c, double from, double to, const colours& colour) {
  if (c.most >= from && c.least < to) {
    if (c.most > c.upper && to > c.upper) return colour.red() + std::string{"▲"} + colour.end();
    if (c.least < c.lower && from < c.lower) return colour.red() + std::string{"▼"} + colour.end();
    return "█";
  }
  return c.upper >= from && c.lower < to ? "░" : " ";
}

std::string time_line(const chart_series& s, std::size_t drawn) {
  const std::string first = format_clock(s.ts.front()), last = format_clock(s.ts.back());
  std::string out(label_columns, ' ');
  out += first;
  const std::size_t both = first.size() + last.size();
  out.append(drawn > both ? drawn - both : 1, ' ');
  return out + last + " UTC\n";
}

std::vector<double> numbers_of(const nlohmann::json& body, const char* name) {
  std::vector<double> out;
  const auto list = body.find(name);
  if (list == body.end() || !list->is_array()) return out;
  for (const auto& v : *list) out.push_back(v.is_number() ? v.get<double>() : nothing);
  return out;
}

}  // namespace

outcome<chart_series> read_chart_series(const std::string& body) {
  const failure broken{ec::malformed, "no window of a metric"};
  const auto parsed = nlohmann::json::parse(body, nullptr, false);
  if (!parsed.is_object()) return broken;
  chart_series s;
  for (const double ts : numbers_of(parsed, "ts")) {
    if (!(std::fabs(ts) < 1e15)) return broken;
    s.ts.push_back(static_cast<std::int64_t>(ts));
  }
  s.values = numbers_of(parsed, "values");
  s.lower = numbers_of(parsed, "lower");
  s.upper = numbers_of(parsed, "upper");
  for (const auto* series : {&s.values, &s.lower, &s.upper})
    if (series->size() != s.ts.size()) return broken;
  return s;
}

std::string draw_chart(const chart_series& s, std::size_t columns, std::size_t rows,
                       const colours& c) {
  if (s.values.empty() || rows == 0) return {};
  const auto all = columns_of(s, std::max(columns, least_columns + label_columns) - label_columns);
  const reach over{all};
  if (!std::isfinite(over.bottom)) return {};
  const double step = (over.top - over.bottom) / static_cast<double>(rows);
  std::string out;
  for (std::size_t row = rows; row-- > 0;) {
    const double from = over.bottom + step * static_cast<double>(row);
    const bool highest = row + 1 == rows;
    const double to = highest ? std::numeric_limits<double>::infinity() : from + step;
    const bool told = highest || row == 0 || row == rows / 2;
    const double at = highest ? over.top : row == 0 ? over.bottom : from + step / 2;
    out += right_aligned(told ? format_number(at) : std::string{}, label_columns - 1) + " ";
    for (const column& one : all) out += cell(one, from, to, c);
    out += "\n";
  }
  return out + time_line(s, all.size());
}

}  // namespace faultline
