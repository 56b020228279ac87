// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <cmath>

#include "lab/csv_table.hpp"
#include "messages/identity.hpp"
#include "messages/severity_word.hpp"

namespace faultline {

namespace {

constexpr std::string_view log_header = "ts,entity,severity,body";
constexpr std::string_view span_header =
    "ts,entity,trace,span,parent,operation,duration_us,status,peer";

failure bad_row(const std::string& file, std::size_t row, const std::string& why) {
  return {ec::malformed, file + " row " + std::to_string(row) + ": " + why};
}

// Reads one quoted field; @p at stands behind the opening quote and ends behind the closing one.
bool take_quoted(std::string_view text, std::size_t& at, std::string& field) {
  while (at < text.size()) {
    if (text[at] != '"') {
      field += text[at++];
    } else if (at + 1 < text.size() && text[at + 1] == '"') {
      field += '"';
      at += 2;
    } else {
      ++at;
      return true;
    }
  }
  return false;
}

// Reads one record of RFC 4180 from @p at on. @returns false if a quote is not closed.
bool take_record(std::string_view text, std::size_t& at, std::vector<std::string>& fields) {
  fields.assign(1, {});
  while (at < text.size() && text[at] != '\n') {
    if (text[at] == '"' && fields.back().empty()) {
      if (!take_quoted(text, ++at, fields.back())) return false;
    } else if (text[at] == ',') {
      fields.emplace_back();
      ++at;
    } else if (text[at] == '\r' && at + 1 < text.size() && text[at + 1] == '\n') {
      ++at;
    } else {
      fields.back() += text[at++];
    }
  }
  if (at < text.size()) ++at;
  return true;
}

void append_field(std::string& out, std::string_view field) {
  if (field.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += field;
    return;
  }
  out += '"';
  for (const char c : field) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

template <class Integer>
bool read_integer(const std::string& text, Integer& value) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && stop == text.data() + text.size();
}

bool is_word(std::string_view text, std::string_view word) {
  return std::equal(text.begin(), text.end(), word.begin(), word.end(),
                    [](char a, char b) { return (a | 0x20) == b; });
}

/// Words as OpenTelemetry has them, with or without STATUS_CODE_; its numbers, those of gRPC above
/// them, those of HTTP. What says nothing is unset.
span_status status_of(const std::string& word) {
  int number = 0;
  if (read_integer(word, number)) {
    if (number < 0 || number > 599) return span_status::unset;
    if (number >= 100) return number >= 500 ? span_status::error : span_status::ok;
    return number >= 2 ? span_status::error : number == 1 ? span_status::ok : span_status::unset;
  }
  constexpr std::string_view prefix = "STATUS_CODE_";
  std::string_view said = word;
  if (said.substr(0, prefix.size()) == prefix) said.remove_prefix(prefix.size());
  for (const char* bad : {"error", "err", "fail", "failed", "failure"})
    if (is_word(said, bad)) return span_status::error;
  return is_word(said, "ok") ? span_status::ok : span_status::unset;
}

/// Whole microseconds; a part of one is rounded, and less than none is none, as is nothing said.
bool read_duration(const std::string& text, std::uint64_t& us) {
  if (text.empty() || read_integer(text, us)) return true;
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || stop != text.data() + text.size() || !std::isfinite(value))
    return false;
  us = static_cast<std::uint64_t>(std::clamp(std::round(value), 0.0, 1e15));
  return true;
}

/// Ids as the wire takes them: hex digits as they are, those of other tracers (X-Ray's with dashes,
/// SkyWalking's with dots) by their hash.
void make_hex(std::string& id) {
  constexpr std::size_t longest = 64;
  const bool hex =
      id.size() <= longest && id.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
  if (!hex) id = to_hex(stable_hash(id));
}

const char* name_of(span_status s) {
  switch (s) {
    case span_status::unset:
      return "";
    case span_status::ok:
      return "ok";
    case span_status::error:
      return "error";
  }
  return "";
}

// Walks the records of @p text and hands each to @p take, which says what is wrong or nullptr; the
// rows are put in order of time then, for converters write one source behind the other. Behind a
// record that is none reading goes on with the next line: its quotes may have swallowed others.
template <class Row, class Take>
outcome<std::vector<Row>> rows_of(std::string_view text, const std::string& file,
                                  std::string_view header, std::size_t columns,
                                  table_faults* left_out, Take take) {
  text = without_mark(text);
  const auto head = text.substr(0, text.find_first_of("\r\n"));
  if (head != header) return bad_row(file, 1, "the header is not '" + std::string{header} + "'");
  std::size_t at = text.find('\n');
  at = at == std::string_view::npos ? text.size() : at + 1;
  std::vector<std::string> fields;
  std::vector<Row> rows;
  table_faults faults;
  while (at < text.size()) {
    const std::size_t began = at;
    std::int64_t ms = 0;
    const char* why = take_record(text, at, fields) ? nullptr : "a quote is not closed";
    if (why == nullptr && fields.size() == 1 && fields[0].empty()) continue;  // a blank line
    if (why == nullptr && fields.size() != columns) why = "wrong number of fields";
    if (why == nullptr) why = read_time(fields[0], ms);
    if (why == nullptr) why = take(event_time_of(ms), fields, rows);
    if (why == nullptr) continue;
    const auto behind = text.begin() + static_cast<std::ptrdiff_t>(began);
    const auto lines = faults.rows > 0 ? 0 : std::count(text.begin(), behind, '\n');
    faults.add(&table_faults::rows, static_cast<std::size_t>(lines) + 1, why);
    at = std::min(text.find('\n', began), text.size() - 1) + 1;
  }
  if (faults.of_all(rows.size())) return failure{ec::malformed, file + " " + faults.first};
  if (left_out != nullptr) *left_out = std::move(faults);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.ts < b.ts; });
  return rows;
}

}  // namespace

outcome<std::vector<log_line>> parse_logs(std::string_view text, const std::string& file,
                                          table_faults* left_out) {
  const auto take = [](event_time ts, std::vector<std::string>& f,
                       std::vector<log_line>& out) -> const char* {
    const auto severity = f[2].empty() ? severity_of_line(f[3]) : severity_of_word(f[2]);
    out.push_back({ts, std::move(f[1]), severity, std::move(f[3])});
    return nullptr;
  };
  return rows_of<log_line>(text, file, log_header, 4, left_out, take);
}

std::string format_logs(const std::vector<log_line>& logs) {
  std::string out{log_header};
  out += '\n';
  for (const auto& l : logs) {
    out.append(std::to_string(unix_ms(l.ts))).append(",");
    append_field(out, l.entity);
    out.append(",").append(to_string(l.severity)).append(",");
    append_field(out, l.body);
    out += '\n';
  }
  return out;
}

outcome<std::vector<span_row>> parse_spans(std::string_view text, const std::string& file,
                                           table_faults* left_out) {
  const auto take = [](event_time ts, std::vector<std::string>& f,
                       std::vector<span_row>& out) -> const char* {
    std::uint64_t duration_us = 0;
    if (!read_duration(f[6], duration_us)) return "duration_us is no number";
    for (const std::size_t id : {2U, 3U, 4U}) make_hex(f[id]);
    if (f[5].empty()) f[5] = "?";  // who calls whom is known without a name of what was asked
    out.push_back({ts, std::move(f[1]), std::move(f[2]), std::move(f[3]), std::move(f[4]),
                   std::move(f[5]), std::move(f[8]), duration_us, status_of(f[7])});
    return nullptr;
  };
  return rows_of<span_row>(text, file, span_header, 9, left_out, take);
}

std::string format_spans(const std::vector<span_row>& spans) {
  std::string out{span_header};
  out += '\n';
  for (const auto& s : spans) {
    out.append(std::to_string(unix_ms(s.ts)));
    for (const auto* field : {&s.entity, &s.trace, &s.span, &s.parent, &s.operation}) {
      out += ',';
      append_field(out, *field);
    }
    out.append(",").append(std::to_string(s.duration_us)).append(",").append(name_of(s.status));
    out += ',';
    append_field(out, s.peer);
    out += '\n';
  }
  return out;
}

}  // namespace faultline
