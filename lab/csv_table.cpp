// SPDX-License-Identifier: Apache-2.0
#include "lab/csv_table.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "messages/event_codec.hpp"
#include "messages/text.hpp"

namespace faultline {

namespace {

constexpr std::size_t max_columns = 65536;
constexpr std::array<double, 23> powers_of_ten{1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                               1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                               1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

failure bad_line(const std::string& file, std::size_t line, const std::string& why) {
  return {ec::malformed, file + " line " + std::to_string(line) + ": " + why};
}

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// The digits of a decimal number without its sign: "12.5" -> 125, -1.
struct decimal {
  std::uint64_t digits = 0;
  int exponent = 0;
  int count = 0;
};

// Reads [0-9]*(.[0-9]*)? @returns the first byte that does not belong to it.
const char* read_digits(const char* at, const char* end, decimal& d) noexcept {
  bool after_point = false;
  for (; at != end; ++at) {
    if (*at == '.' && !after_point) {
      after_point = true;
    } else if (is_digit(*at)) {
      d.digits = d.digits * 10 + static_cast<std::uint64_t>(*at - '0');
      ++d.count;
      d.exponent -= after_point ? 1 : 0;
    } else {
      break;
    }
  }
  return at;
}

// A finite decimal number that fills [begin, end) wholly. Short ones are read exactly here
// (integer and power of ten are both exact in a double), the others by the library.
bool read_number(const char* begin, const char* end, double& value) noexcept {
  const char* at = begin;
  const bool negative = at != end && *at == '-';
  if (negative) ++at;
  if (at == end || (!is_digit(*at) && *at != '.')) return false;
  decimal d;
  const char* rest = read_digits(at, end, d);
  if (rest == end && d.count >= 1 && d.count <= 15) {
    value = static_cast<double>(d.digits);
    if (d.exponent < 0) value /= powers_of_ten[static_cast<std::size_t>(-d.exponent)];
    if (negative) value = -value;
    return true;
  }
  const auto [stop, error] = std::from_chars(begin, end, value);
  return error == std::errc{} && stop == end && std::isfinite(value);
}

// Six significant digits, or as many as make the same number of it again.
char* write_number(char* begin, char* end, double value) noexcept {
  char* const stop = std::to_chars(begin, end, value, std::chars_format::general, 6).ptr;
  double again = 0;
  std::from_chars(begin, stop, again);
  if (again == value) return stop;
  return std::to_chars(begin, end, value).ptr;
}

/// Empty, or what libraries write for a value that is not there.
bool is_missing(std::string_view field) noexcept {
  return field.empty() || field == "NaN" || field == "nan" || field == "null" || field == "NA";
}

bool read_integer(std::string_view text, std::int64_t& value) noexcept {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && stop == text.data() + text.size();
}

// Cuts the first line off @p text, without its end.
std::string_view take_line(std::string_view& text) noexcept {
  const auto end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

/// @p kept: of each column, whether it is read.
outcome<void> parse_header(std::string_view line, const std::string& file,
                           std::vector<std::string>& names, std::vector<bool>& kept,
                           table_faults& faults) {
  if (line != "ts" && line.substr(0, 3) != "ts,")
    return bad_line(file, 1, "the header does not begin with ts");
  std::unordered_set<std::string_view> seen;
  for (auto at = line.find(','); at != std::string_view::npos;) {
    const auto next = line.find(',', at + 1);
    const auto name = line.substr(at + 1, next == std::string_view::npos ? next : next - at - 1);
    if (kept.size() == max_columns) return bad_line(file, 1, "too many columns");
    const bool named = is_metric_name(name);
    kept.push_back(named && seen.insert(name).second);
    if (kept.back())
      names.emplace_back(name);
    else
      faults.add(&table_faults::columns, 1,
                 named ? "'" + std::string{name} + "' stands twice in the header"
                       : "a column has no metric name");
    at = next;
  }
  return {};
}

/// Rows of a metrics file, one after the other.
class row_reader {
public:
  row_reader(const std::vector<bool>& kept, entity_series& into, table_faults& faults)
      : kept_{kept}, into_{into}, faults_{faults} {}

  void take(std::string_view line, std::size_t number) {
    line_ = number;
    const std::size_t whole = into_.values.size();
    if (const char* why = parse(line)) {
      into_.values.resize(whole);
      faults_.add(&table_faults::rows, number, why);
      return;
    }
    ascends_ = ascends_ && (into_.ts.empty() || into_.ts.back() < ts_);
    into_.ts.push_back(ts_);
  }

  /// Puts the rows in order of time.
  void finish() {
    if (ascends_) return;
    const std::size_t columns = into_.metrics.size();
    std::vector<std::size_t> order(into_.ts.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return into_.ts[a] < into_.ts[b]; });
    const entity_series read = std::exchange(into_, {into_.id, into_.metrics, {}, {}});
    for (const std::size_t row : order) {
      if (!into_.ts.empty() && into_.ts.back() == read.ts[row]) {
        faults_.add(&table_faults::rows, 0, "a time stands twice");
        continue;
      }
      into_.ts.push_back(read.ts[row]);
      into_.values.insert(into_.values.end(), read.row(row), read.row(row) + columns);
    }
  }

private:
  /// Appends the values. @returns why it is no row, or nullptr.
  const char* parse(std::string_view line) {
    const char* at = line.data();
    const char* const end = at + line.size();
    auto field_end = [&] {
      const void* comma = std::memchr(at, ',', static_cast<std::size_t>(end - at));
      return comma ? static_cast<const char*>(comma) : end;
    };
    const char* stop = field_end();
    std::int64_t ms = 0;
    if (const char* why = read_time({at, static_cast<std::size_t>(stop - at)}, ms)) return why;
    ts_ = event_time_of(ms);
    for (const bool kept : kept_) {
      if (stop == end) return "too few fields";
      at = stop + 1;
      stop = field_end();
      if (kept) into_.values.push_back(value_of(at, stop));
    }
    return stop == end ? nullptr : "too many fields";
  }

  double value_of(const char* begin, const char* end) {
    constexpr double missing = std::numeric_limits<double>::quiet_NaN();
    if (is_missing({begin, static_cast<std::size_t>(end - begin)})) return missing;
    double value = 0;
    if (!read_number(begin, end, value))
      return faults_.add(&table_faults::values, line_, "a value is no finite number"), missing;
    return value;
  }

  const std::vector<bool>& kept_;
  entity_series& into_;
  table_faults& faults_;
  std::size_t line_ = 0;
  event_time ts_{};
  bool ascends_ = true;
};

}  // namespace

bool is_time(std::int64_t unix_ms) noexcept {
  constexpr std::int64_t most = 253'402'300'799'999;
  return unix_ms >= -most && unix_ms <= most;
}

const char* read_time(std::string_view text, std::int64_t& unix_ms) noexcept {
  if (!read_integer(text, unix_ms)) {
    constexpr double whole_below = 9007199254740992.0;  // 2^53
    double value = 0;
    if (!read_number(text.data(), text.data() + text.size(), value) ||
        std::fabs(value) >= whole_below || value != std::floor(value))
      return "ts is no integer";
    unix_ms = static_cast<std::int64_t>(value);
  }
  return is_time(unix_ms) ? nullptr : "ts is no time in milliseconds";
}

bool is_metric_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= payload_limits::metric_name_bytes &&
         name.find(',') == std::string_view::npos && check_name(name) == text_fault::none;
}

void table_faults::add(std::size_t table_faults::*what, std::size_t line, const std::string& why) {
  ++(this->*what);
  if (first.empty()) first = (line > 0 ? "line " + std::to_string(line) + ": " : "") + why;
}

std::string table_faults::told(const std::string& file) const {
  std::string counts;
  const auto count = [&](std::size_t n, const char* what) {
    if (n == 0) return;
    counts += (counts.empty() ? "" : ", ") + std::to_string(n) + " " + what + (n == 1 ? "" : "s");
  };
  count(rows, "row");
  count(values, "value");
  count(columns, "column");
  return counts.empty() ? counts : file + ": " + counts + " left out, " + first;
}

double six_digits(double value) noexcept {
  const double size = std::fabs(value);
  if (!(size >= 1e-15 && size < 1e22)) return size < 1e-15 ? 0.0 : value;
  int exponent = 0;  // 10^exponent <= size < 10^(exponent + 1)
  while (size >= powers_of_ten[static_cast<std::size_t>(exponent + 1)]) ++exponent;
  double probe = size;
  for (; probe < 1; probe *= 10) --exponent;
  constexpr double to_integer = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds
  const auto shift = static_cast<std::size_t>(std::abs(5 - exponent));
  const bool small = exponent < 5;
  const double digits = small ? size * powers_of_ten[shift] : size / powers_of_ten[shift];
  const double whole = (digits + to_integer) - to_integer;
  const double rounded = small ? whole / powers_of_ten[shift] : whole * powers_of_ten[shift];
  return value < 0 ? -rounded : rounded;
}

std::string_view without_mark(std::string_view text) noexcept {
  constexpr std::string_view mark = "\xef\xbb\xbf";
  return text.substr(0, mark.size()) == mark ? text.substr(mark.size()) : text;
}

outcome<void> parse_metrics(std::string_view text, const std::string& file, entity_series& into,
                            table_faults* left_out) {
  text = without_mark(text);
  if (text.empty()) return bad_line(file, 1, "no header");
  std::vector<bool> kept;
  table_faults faults;
  if (auto ok = parse_header(take_line(text), file, into.metrics, kept, faults); !ok) return ok;
  row_reader rows{kept, into, faults};
  for (std::size_t line = 2; !text.empty(); ++line) {
    const auto row = take_line(text);
    if (row.empty()) continue;
    rows.take(row, line);
    if (line == 2) {  // one guess of the size instead of many copies
      const std::size_t guess = text.size() / row.size() + 16;
      into.ts.reserve(guess);
      into.values.reserve(guess * into.metrics.size());
    }
  }
  rows.finish();
  if (faults.of_all(into.rows())) return failure{ec::malformed, file + " " + faults.first};
  if (left_out != nullptr) *left_out = std::move(faults);
  return {};
}

std::string format_metrics(const entity_series& series) {
  std::string out = "ts";
  for (const auto& name : series.metrics) out.append(",").append(name);
  out += '\n';
  out.reserve(out.size() + series.rows() * (16 + 8 * series.metrics.size()));
  char text[48];
  for (std::size_t i = 0; i < series.rows(); ++i) {
    auto end = std::to_chars(text, text + sizeof text, unix_ms(series.ts[i])).ptr;
    out.append(text, end);
    const double* row = series.row(i);
    for (std::size_t c = 0; c < series.metrics.size(); ++c) {
      out += ',';
      if (std::isnan(row[c])) continue;
      end = write_number(text, text + sizeof text, row[c]);
      out.append(text, end);
    }
    out += '\n';
  }
  return out;
}

}  // namespace faultline
