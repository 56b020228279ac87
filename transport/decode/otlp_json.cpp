// SPDX-License-Identifier: Apache-2.0
//
// OTLP in JSON (the protobuf mapping with its exceptions: ids in hex, enumerations as numbers).
#include <charconv>
#include <cmath>
#include <limits>
#include <type_traits>

#include <nlohmann/json.hpp>

#include "transport/decode/internal/bounded_json.hpp"
#include "transport/decode/internal/otlp_points.hpp"

namespace faultline {

namespace {

using nlohmann::json;

constexpr std::size_t most_labels = 256;

/// A field has a value of the wrong type.
struct wrong_type {
  const char* key;
};

const json none;

const json& at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

/// The items of a list; nothing where it is not there.
const json& list_at(const json& object, const char* key) {
  static const json empty = json::array();
  const auto& list = at(object, key);
  if (list.is_null()) return empty;
  if (!list.is_array()) throw wrong_type{key};
  for (const auto& item : list)
    if (!item.is_object()) throw wrong_type{key};
  return list;
}

const json& object_at(const json& object, const char* key) {
  static const json empty = json::object();
  const auto& found = at(object, key);
  if (found.is_null()) return empty;
  if (!found.is_object()) throw wrong_type{key};
  return found;
}

std::string_view text_at(const json& object, const char* key) {
  const auto& v = at(object, key);
  if (v.is_null()) return {};
  if (!v.is_string()) throw wrong_type{key};
  return v.get_ref<const std::string&>();
}

/// A 64-bit number, which JSON may carry as a text.
template <class Number>
Number whole(const json& v, const char* key) {
  Number n = 0;
  if (v.is_null()) return n;
  if (v.is_number_unsigned()) return static_cast<Number>(v.get<std::uint64_t>());
  if (v.is_number_integer()) return static_cast<Number>(v.get<std::int64_t>());
  if (v.is_number_float()) {  // 12.0, and 1.7e18 of a Python program
    const auto real = v.get<double>();
    const bool fits = std::fabs(real) < 0x1p63 && (std::is_signed_v<Number> || real >= 0);
    if (!fits || std::trunc(real) != real) throw wrong_type{key};
    return static_cast<Number>(real);
  }
  if (!v.is_string()) throw wrong_type{key};
  const auto& text = v.get_ref<const std::string&>();
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (failed != std::errc{} || end != text.data() + text.size()) throw wrong_type{key};
  return n;
}
template <class Number>
Number whole_at(const json& object, const char* key) {
  return whole<Number>(at(object, key), key);
}

std::optional<double> real_of(const json& v, const char* key) {
  if (v.is_null()) return std::nullopt;
  if (v.is_number()) return v.get<double>();
  if (!v.is_string()) throw wrong_type{key};
  const auto& text = v.get_ref<const std::string&>();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size()) throw wrong_type{key};
  return value;
}

std::optional<double> real_at(const json& object, const char* key) {
  return real_of(at(object, key), key);
}

/// Calls @p each with the items of a list of numbers.
template <class Each>
void each_at(const json& object, const char* key, Each each) {
  const auto& list = at(object, key);
  if (list.is_null()) return;
  if (!list.is_array()) throw wrong_type{key};
  for (const auto& item : list) each(item);
}

/// An enumeration as its number, or as its name, of which @p names are the ends from 0 on.
std::int64_t enum_at(const json& object, const char* key,
                     std::initializer_list<std::string_view> names) {
  const auto& v = at(object, key);
  if (!v.is_string()) return whole<std::int64_t>(v, key);
  const std::string_view text = v.get_ref<const std::string&>();
  std::int64_t number = 0;
  for (const auto name : names) {
    if (text.size() >= name.size() && text.substr(text.size() - name.size()) == name) return number;
    ++number;
  }
  return 0;
}

class reader {
public:
  explicit reader(otlp_teller& to) : to_{to} {}

  void request(otlp_signal signal, const json& body) {
    const char* groups = signal == otlp_signal::metrics ? "resourceMetrics"
                         : signal == otlp_signal::logs  ? "resourceLogs"
                                                        : "resourceSpans";
    const char* scopes = signal == otlp_signal::metrics ? "scopeMetrics"
                         : signal == otlp_signal::logs  ? "scopeLogs"
                                                        : "scopeSpans";
    for (const auto& group : list_at(body, groups)) {
      resource_texts_.clear();
      read_labels(object_at(group, "resource"), resource_, resource_texts_);
      to_.sink().source(resource_);
      for (const auto& scope : list_at(group, scopes)) read_scope(signal, scope);
    }
  }

private:
  void read_scope(otlp_signal signal, const json& scope) {
    if (signal == otlp_signal::metrics)
      for (const auto& m : list_at(scope, "metrics")) metric(m);
    else if (signal == otlp_signal::logs)
      for (const auto& l : list_at(scope, "logRecords")) log(l);
    else
      for (const auto& s : list_at(scope, "spans")) span(s);
  }

  void read_labels(const json& object, sample_labels& labels, made_texts& texts) {
    labels.clear();
    for (const auto& pair : list_at(object, "attributes")) {
      if (labels.size() == most_labels) break;
      labels.push_back({text_at(pair, "key"), any_value(object_at(pair, "value"), texts)});
    }
  }

  /// Members that an AnyValue has not are passed over: a later OTLP may have them.
  std::string_view any_value(const json& value, made_texts& texts) {
    for (const char* key : {"stringValue", "bytesValue"})
      if (const auto text = text_at(value, key); !text.empty()) return text;
    if (const auto& said = at(value, "boolValue"); !said.is_null()) {
      if (!said.is_boolean()) throw wrong_type{"boolValue"};
      return said.get<bool>() ? "true" : "false";
    }
    if (const auto& n = at(value, "intValue"); !n.is_null())
      return texts.keep(std::to_string(whole<std::int64_t>(n, "intValue")));
    if (const auto number = real_at(value, "doubleValue")) return texts.keep(number_text(*number));
    return list_text(value, texts);
  }

  /// "a b" of an array, "k=v k=v" of a list of keys and values; nothing of what is neither.
  std::string_view list_text(const json& value, made_texts& texts) {
    std::string list;
    const bool keys = !at(value, "kvlistValue").is_null();
    for (const auto& item :
         list_at(object_at(value, keys ? "kvlistValue" : "arrayValue"), "values")) {
      if (list.size() > most_list_bytes) break;
      if (!list.empty()) list.push_back(' ');
      if (keys) {
        list.append(text_at(item, "key")).append("=");
        list.append(any_value(object_at(item, "value"), texts));
      } else {
        list.append(any_value(item, texts));
      }
    }
    return list.empty() ? std::string_view{} : texts.keep(std::move(list));
  }

  void metric(const json& object) {
    otlp_metric m;
    m.name = text_at(object, "name");
    m.unit = text_at(object, "unit");
    using kind = otlp_metric::kind;
    constexpr std::pair<const char*, kind> kinds[] = {{"gauge", kind::gauge},
                                                      {"sum", kind::sum},
                                                      {"histogram", kind::histogram},
                                                      {"exponentialHistogram", kind::histogram},
                                                      {"summary", kind::summary}};
    for (const auto& [key, what] : kinds) {
      if (at(object, key).is_null()) continue;
      const auto& data = object_at(object, key);
      m.what = what;
      m.exponential = std::string_view{key} == "exponentialHistogram";
      m.delta =
          enum_at(data, "aggregationTemporality", {"UNSPECIFIED", "DELTA", "CUMULATIVE"}) == 1;
      const auto& grows = at(data, "isMonotonic");
      m.monotonic = grows.is_boolean() && grows.get<bool>();
      for (const auto& p : list_at(data, "dataPoints")) point(m, p);
    }
  }

  void point(const otlp_metric& m, const json& object) {
    texts_.clear();
    point_.clear();
    read_labels(object, labels_, texts_);
    point_.start_ns = whole_at<std::uint64_t>(object, "startTimeUnixNano");
    point_.time_ns = whole_at<std::uint64_t>(object, "timeUnixNano");
    point_.flags = whole_at<std::uint64_t>(object, "flags");
    point_.value = real_at(object, "asDouble");
    if (!at(object, "asInt").is_null())
      point_.value = static_cast<double>(whole_at<std::int64_t>(object, "asInt"));
    point_.count = whole_at<std::uint64_t>(object, "count");
    point_.sum = real_at(object, "sum");
    point_.min = real_at(object, "min");
    point_.max = real_at(object, "max");
    for (const auto& q : list_at(object, "quantileValues"))
      if (point_.quantiles.size() < 32)
        point_.quantiles.emplace_back(real_at(q, "quantile").value_or(0),
                                      real_at(q, "value").value_or(0));
    if (m.what == otlp_metric::kind::histogram) buckets(m, object);
    to_.tell(m, point_, labels_);
  }

  void buckets(const otlp_metric& m, const json& object) {
    const auto& positive = m.exponential ? object_at(object, "positive") : object;
    each_at(positive, "bucketCounts", [this](const json& n) {
      if (point_.counts.size() < otlp_point::most_counts)
        point_.counts.push_back(whole<std::uint64_t>(n, "bucketCounts"));
      else
        point_.cut = true;
    });
    each_at(object, "explicitBounds", [this](const json& le) {
      if (point_.bounds.size() < otlp_point::most_counts)
        point_.bounds.push_back(real_of(le, "explicitBounds").value_or(0));
      else
        point_.cut = true;
    });
    if (!m.exponential) return;
    point_.scale = whole_at<std::int64_t>(object, "scale");
    point_.zeros = whole_at<std::uint64_t>(object, "zeroCount");
    point_.offset = whole_at<std::int64_t>(positive, "offset");
    each_at(object_at(object, "negative"), "bucketCounts", [this](const json& n) {
      point_.negative = point_.negative || whole<std::uint64_t>(n, "bucketCounts") != 0;
    });
  }

  void log(const json& object) {
    texts_.clear();
    read_labels(object, labels_, texts_);
    otlp_log l;
    l.time_ns = whole_at<std::uint64_t>(object, "timeUnixNano");
    l.observed_ns = whole_at<std::uint64_t>(object, "observedTimeUnixNano");
    const auto& severity = at(object, "severityNumber");
    if (!severity.is_string()) l.severity = whole<std::int64_t>(severity, "severityNumber");
    l.severity_text = text_at(object, "severityText");
    l.event_name = text_at(object, "eventName");
    l.body = any_value(object_at(object, "body"), texts_);
    to_.tell(l, labels_);
  }

  void span(const json& object) {
    texts_.clear();
    read_labels(object, labels_, texts_);
    otlp_span s;
    s.trace = text_at(object, "traceId");
    s.span = text_at(object, "spanId");
    s.parent = text_at(object, "parentSpanId");
    s.name = text_at(object, "name");
    s.kind = enum_at(object, "kind",
                     {"UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"});
    s.start_ns = whole_at<std::uint64_t>(object, "startTimeUnixNano");
    s.end_ns = whole_at<std::uint64_t>(object, "endTimeUnixNano");
    s.status = enum_at(object_at(object, "status"), "code", {"UNSET", "OK", "ERROR"});
    to_.tell(s, labels_);
  }

  otlp_teller& to_;
  sample_labels resource_, labels_;
  made_texts resource_texts_, texts_;
  otlp_point point_;
};

}  // namespace

outcome<void> read_otlp_json(otlp_signal signal, std::string_view body, otlp_teller& to) {
  const auto tree = parse_bounded_json(body);
  if (!tree) return tree.error();
  if (!tree->is_object()) return failure{ec::malformed, "a request of OTLP is a JSON object"};
  try {
    reader{to}.request(signal, *tree);
    return {};
  } catch (const wrong_type& wrong) {
    return failure{ec::malformed, std::string{"OTLP: \""} + wrong.key + "\" has the wrong type"};
  }
}

}  // namespace faultline
