// SPDX-License-Identifier: Apache-2.0
#include "transport/decode/otlp.hpp"

#include <charconv>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "messages/severity_word.hpp"
#include "transport/decode/internal/otlp_points.hpp"

namespace faultline {

namespace {

constexpr std::uint64_t no_recorded_value = 1;  ///< of a data point's flags
constexpr std::int64_t server = 2, client = 3, producer = 4, consumer = 5;

/// What a delta is of; nothing where it does not say.
std::optional<double> seconds_of(const otlp_point& p) noexcept {
  if (p.time_ns <= p.start_ns || p.start_ns == 0) return std::nullopt;
  return static_cast<double>(p.time_ns - p.start_ns) / 1e9;
}

/// SeverityNumber: four of each, from TRACE = 1 to FATAL = 21.
log_severity severity_of(std::int64_t number) noexcept {
  if (number < 1 || number > 24) return log_severity::info;
  return static_cast<log_severity>((number - 1) / 4);
}

void put_varint(std::string& out, std::uint64_t v) {
  for (; v >= 0x80; v >>= 7U) out.push_back(static_cast<char>((v & 0x7fU) | 0x80U));
  out.push_back(static_cast<char>(v));
}

void put_text(std::string& out, int field, std::string_view text) {
  put_varint(out, static_cast<std::uint64_t>(field) << 3U | 2U);
  put_varint(out, text.size());
  out.append(text);
}

void put_number(std::string& out, int field, std::uint64_t v) {
  put_varint(out, static_cast<std::uint64_t>(field) << 3U);
  put_varint(out, v);
}

std::string json_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string hex_text(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  if (bytes.size() > 64) return out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<std::uint8_t>(c);
    out.push_back(digits[byte >> 4U]);
    out.push_back(digits[byte & 15U]);
  }
  return out;
}

std::string number_text(double value) {
  char text[32];
  const auto [end, failed] = std::to_chars(text, text + sizeof text, value);
  return failed == std::errc{} ? std::string{text, end} : std::string{};
}

void otlp_teller::tell_value(const otlp_point& p, const sample_labels& labels,
                             const made_value& made) {
  metric_sample s;
  s.name = made.name;
  s.unit = made.unit;
  s.kind = made.kind;
  s.value = made.value;
  s.ts_ms = ms_of(p.time_ns);
  if (made.kind != metric_kind::gauge) s.start_ms = ms_of(p.start_ns);
  s.join = made.join;
  to_.metric(s, labels);
}

void otlp_teller::tell(const otlp_metric& m, const otlp_point& p, const sample_labels& labels) {
  if ((p.flags & no_recorded_value) != 0) return to_.leave_out(left_out::no_value);
  switch (m.what) {
    case otlp_metric::kind::gauge:
    case otlp_metric::kind::sum: {
      if (!p.value) return to_.leave_out(left_out::no_value);
      const bool sum = m.what == otlp_metric::kind::sum;
      if (!sum || !m.monotonic)
        return tell_value(p, labels,
                          {m.name, m.unit, metric_kind::gauge, *p.value,
                           sum ? instances_join::sum : instances_join::mean});
      if (!m.delta) return tell_value(p, labels, {m.name, m.unit, metric_kind::counter, *p.value});
      if (const auto passed_s = seconds_of(p))
        return tell_value(p, labels, {m.name, m.unit, metric_kind::rate, *p.value / *passed_s});
      return to_.leave_out(left_out::no_begin);
    }
    case otlp_metric::kind::histogram:
    case otlp_metric::kind::summary:
      return tell_sums(m, p, labels);
    case otlp_metric::kind::none:
      to_.leave_out(left_out::no_value);
  }
}

// Cumulative ones as counters, those that begin anew each time as rates: the entity makes a mean
// and a quantile of either.
void otlp_teller::tell_sums(const otlp_metric& m, const otlp_point& p,
                            const sample_labels& labels) {
  const auto count = static_cast<double>(p.count);
  const auto with = [this, &m](const char* end) -> std::string_view {
    return name_.assign(m.name).append(end);
  };
  if (m.delta && m.what == otlp_metric::kind::histogram) {
    const auto passed_s = seconds_of(p);
    if (!passed_s) return to_.leave_out(left_out::no_begin);
    tell_value(p, labels, {with(".count"), {}, metric_kind::rate, count / *passed_s});
    if (p.sum) tell_value(p, labels, {with(".sum"), m.unit, metric_kind::rate, *p.sum / *passed_s});
    if (p.max && p.count != 0)
      tell_value(p, labels,
                 {with(".max"), m.unit, metric_kind::gauge, *p.max, instances_join::largest});
    return tell_buckets(m, p, labels, metric_kind::rate, *passed_s);
  }
  tell_value(p, labels, {with(".count"), {}, metric_kind::counter, count});
  if (p.sum) tell_value(p, labels, {with(".sum"), m.unit, metric_kind::counter, *p.sum});
  for (const auto& [quantile, value] : p.quantiles) {
    name_.assign(m.name).append(".p").append(number_text(std::round(quantile * 1e4) / 100));
    tell_value(p, labels, {name_, m.unit, metric_kind::gauge, value, instances_join::largest});
  }
  if (m.what == otlp_metric::kind::histogram) tell_buckets(m, p, labels, metric_kind::counter, 1);
}

void otlp_teller::tell(const otlp_log& l, const sample_labels& labels) {
  log_sample s;
  s.ts_ms = ms_of(l.time_ns != 0 ? l.time_ns : l.observed_ns);
  s.body = l.body.empty() ? l.event_name : l.body;
  s.severity = l.severity != 0            ? severity_of(l.severity)
               : !l.severity_text.empty() ? severity_of_word(l.severity_text)
                                          : severity_of_line(s.body);
  to_.log(s, labels);
}

void otlp_teller::tell(const otlp_span& s, const sample_labels& labels) {
  span_sample out;
  out.ts_ms = ms_of(s.start_ns);
  out.duration_us = s.end_ns > s.start_ns ? (s.end_ns - s.start_ns) / 1000 : 0;
  out.status = s.status == 2   ? span_status::error
               : s.status == 1 ? span_status::ok
                               : span_status::unset;
  out.trace = s.trace;
  out.span = s.span;
  out.parent = s.parent;
  out.operation = s.name;
  out.leaves = s.kind == client || s.kind == producer;
  out.arrives = s.kind == server || s.kind == consumer;
  to_.span(out, labels);
}

outcome<void> read_otlp(otlp_signal signal, otlp_encoding encoding, std::string_view body,
                        sample_sink& sink) {
  if (body.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    return failure{ec::too_large, "the body has 2 GiB or more"};
  otlp_teller to{sink};
  return encoding == otlp_encoding::protobuf ? read_otlp_protobuf(signal, body, to)
                                             : read_otlp_json(signal, body, to);
}

// ExportPartialSuccess: 1 = number of rejected, 2 = error_message; field 1 of the response.
std::string otlp_answer(otlp_signal signal, otlp_encoding encoding, std::uint64_t rejected,
                        std::string_view why) {
  if (encoding == otlp_encoding::json) {
    if (rejected == 0) return "{}";
    const char* key = signal == otlp_signal::metrics ? "rejectedDataPoints"
                      : signal == otlp_signal::logs  ? "rejectedLogRecords"
                                                     : "rejectedSpans";
    return json_text(
        {{"partialSuccess", {{key, std::to_string(rejected)}, {"errorMessage", why}}}});
  }
  if (rejected == 0) return {};
  std::string partial, out;
  put_number(partial, 1, rejected);
  put_text(partial, 2, why);
  put_text(out, 1, partial);
  return out;
}

std::string otlp_error(otlp_encoding encoding, std::string_view message) {
  if (encoding == otlp_encoding::json) return json_text({{"message", message}});
  std::string out;
  put_text(out, 2, message);
  return out;
}

}  // namespace faultline
