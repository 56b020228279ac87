// SPDX-License-Identifier: Apache-2.0
//
// opentelemetry-proto 1.x, read in place. The numbers are those of its .proto files:
//
//   request            1 resource_*            Resource   1 attributes
//   resource_*         1 resource, 2 scope_*   KeyValue   1 key, 2 value
//   scope_*            2 metrics, log_records or spans
//   AnyValue           1 string, 2 bool, 3 int, 4 double, 5 array, 6 kvlist, 7 bytes
#include <cstring>

#include "transport/decode/internal/otlp_points.hpp"
#include "transport/decode/internal/proto_reader.hpp"

namespace faultline {

namespace {

constexpr int deepest =
    16;  ///< lists in lists of an attribute or a body; what is deeper is left out
constexpr std::size_t most_labels = 256;

/// Calls @p each with all numbers of a packed field. @returns false where its end is cut off.
template <class Each>
bool each_varint(std::string_view bytes, Each each) {
  while (!bytes.empty()) {
    std::uint64_t n = 0;
    for (unsigned shift = 0;; shift += 7) {
      if (bytes.empty() || shift > 63) return false;
      const auto byte = static_cast<std::uint8_t>(bytes.front());
      bytes.remove_prefix(1);
      n |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) break;
    }
    each(n);
  }
  return true;
}

/// Reads one request. A message within is looked at twice where an order of its fields is needed
/// that the format does not promise.
class reader {
public:
  explicit reader(otlp_teller& to) : to_{to} {}

  bool request(otlp_signal signal, std::string_view body) {
    proto_reader in{body};
    while (in.next())
      if (in.field() == 1 && in.is_text() && !resource_group(signal, in.text())) return false;
    return in.ok();
  }

private:
  bool resource_group(otlp_signal signal, std::string_view message) {
    resource_texts_.clear();
    resource_.clear();
    proto_reader first{message};
    while (first.next())
      if (first.field() == 1 && !resource(first.text())) return false;
    if (!first.ok()) return false;
    to_.sink().source(resource_);
    proto_reader in{message};
    while (in.next())
      if (in.field() == 2 && !scope(signal, in.text())) return false;
    return true;
  }

  bool resource(std::string_view message) {
    proto_reader in{message};
    while (in.next())
      if (in.field() == 1 && !attribute_of(in.text(), resource_, resource_texts_)) return false;
    return in.ok();
  }

  bool scope(otlp_signal signal, std::string_view message) {
    proto_reader in{message};
    while (in.next()) {
      if (in.field() != 2) continue;
      const bool read = signal == otlp_signal::metrics ? metric(in.text())
                        : signal == otlp_signal::logs  ? log(in.text())
                                                       : span(in.text());
      if (!read) return false;
    }
    return in.ok();
  }

  bool attribute_of(std::string_view message, sample_labels& labels, made_texts& texts) {
    attribute a;
    proto_reader in{message};
    while (in.next()) {
      if (in.field() == 1) a.key = in.text();
      if (in.field() == 2 && !any_value(in.text(), texts, 0, a.value)) return false;
    }
    if (labels.size() < most_labels) labels.push_back(a);
    return in.ok();
  }

  bool any_value(std::string_view message, made_texts& texts, int depth, std::string_view& out) {
    proto_reader in{message};
    while (in.next()) {
      switch (in.field()) {
        case 1:
        case 7:
          out = in.text();
          break;
        case 2:
          out = in.natural() != 0 ? "true" : "false";
          break;
        case 3:
          out = texts.keep(std::to_string(in.integer()));
          break;
        case 4:
          out = texts.keep(number_text(in.real()));
          break;
        case 5:
        case 6: {
          std::string list;
          if (depth < deepest && !list_of(in.text(), in.field() == 6, texts, depth + 1, list))
            return false;
          out = texts.keep(std::move(list));
          break;
        }
        default:
          break;
      }
    }
    return in.ok();
  }

  /// "a b" of an array, "k=v k=v" of a list of keys and values.
  bool list_of(std::string_view message, bool keys, made_texts& texts, int depth,
               std::string& out) {
    proto_reader in{message};
    while (in.next()) {
      if (in.field() != 1 || out.size() > most_list_bytes) continue;
      std::string_view value;
      if (!out.empty()) out.push_back(' ');
      if (keys) {
        proto_reader pair{in.text()};
        std::string_view key;
        while (pair.next()) {
          if (pair.field() == 1) key = pair.text();
          if (pair.field() == 2 && !any_value(pair.text(), texts, depth, value)) return false;
        }
        if (!pair.ok()) return false;
        out.append(key).append("=");
      } else if (!any_value(in.text(), texts, depth, value)) {
        return false;
      }
      out.append(value);
    }
    return in.ok();
  }

  // Metric: 1 name, 3 unit, 5 gauge, 7 sum, 9 histogram, 10 exponential_histogram, 11 summary.
  bool metric(std::string_view message) {
    otlp_metric m;
    std::string_view data;
    int which = 0;
    proto_reader in{message};
    while (in.next()) {
      switch (in.field()) {
        case 1:
          m.name = in.text();
          break;
        case 3:
          m.unit = in.text();
          break;
        case 5:
        case 7:
        case 9:
        case 10:
        case 11:
          which = in.field();
          data = in.text();
          break;
        default:
          break;
      }
    }
    if (!in.ok()) return false;
    m.what = which == 5    ? otlp_metric::kind::gauge
             : which == 7  ? otlp_metric::kind::sum
             : which == 11 ? otlp_metric::kind::summary
             : which != 0  ? otlp_metric::kind::histogram
                           : otlp_metric::kind::none;
    m.exponential = which == 10;
    return data_points(m, which, data);
  }

  // 1 data_points, 2 aggregation_temporality (1 = delta), 3 is_monotonic.
  bool data_points(otlp_metric& m, int which, std::string_view message) {
    proto_reader facts{message};
    while (facts.next()) {
      if (facts.field() == 2) m.delta = facts.natural() == 1;
      if (facts.field() == 3) m.monotonic = facts.natural() != 0;
    }
    if (!facts.ok()) return false;
    proto_reader in{message};
    while (in.next())
      if (in.field() == 1 && !point(m, which, in.text())) return false;
    return true;
  }

  bool point(const otlp_metric& m, int which, std::string_view message) {
    texts_.clear();
    labels_.clear();
    point_.clear();
    const int attributes = which == 9 ? 9 : which == 10 ? 1 : 7;
    proto_reader in{message};
    while (in.next()) {
      if (in.field() == attributes) {
        if (!attribute_of(in.text(), labels_, texts_)) return false;
        continue;
      }
      if (in.field() == 2) point_.start_ns = in.natural();
      if (in.field() == 3) point_.time_ns = in.natural();
      if (which == 5 || which == 7) {
        number_field(in);
      } else if (!sums_field(in, which)) {
        return false;
      }
    }
    if (!in.ok()) return false;
    to_.tell(m, point_, labels_);
    return true;
  }

  // NumberDataPoint: 4 as_double, 6 as_int, 8 flags.
  void number_field(const proto_reader& in) {
    if (in.field() == 4) point_.value = in.real();
    if (in.field() == 6) point_.value = static_cast<double>(in.integer());
    if (in.field() == 8) point_.flags = in.natural();
  }

  // 4 count, 5 sum; flags 10 (summary 8); min and max 11, 12 (exponential 12, 13); summary 6.
  bool sums_field(const proto_reader& in, int which) {
    const int flags = which == 11 ? 8 : 10;
    const int min = which == 9 ? 11 : which == 10 ? 12 : -1;
    if (in.field() == 4) point_.count = in.natural();
    if (in.field() == 5) point_.sum = in.real();
    if (in.field() == flags) point_.flags = in.natural();
    if (in.field() == min) point_.min = in.real();
    if (min > 0 && in.field() == min + 1) point_.max = in.real();
    if (which == 9 && in.field() == 6) counts_of(in);
    if (which == 9 && in.field() == 7) bounds_of(in);
    if (which == 10) exponential_field(in);
    if (which != 11 || in.field() != 6) return true;
    std::pair<double, double> q{0, 0};
    proto_reader value{in.text()};
    while (value.next()) {
      if (value.field() == 1) q.first = value.real();
      if (value.field() == 2) q.second = value.real();
    }
    if (point_.quantiles.size() < 32) point_.quantiles.push_back(q);
    return value.ok();
  }

  // Repeated numbers stand in one field, or each in its own; those of explicit buckets are fixed.
  void add_count(std::uint64_t n) {
    if (point_.counts.size() < otlp_point::most_counts)
      point_.counts.push_back(n);
    else
      point_.cut = true;
  }

  void counts_of(const proto_reader& in) {
    if (!in.is_text()) return add_count(in.natural());
    each_fixed(in.text(), [this](std::uint64_t n) { add_count(n); });
  }

  void bounds_of(const proto_reader& in) {
    const auto add = [this](double le) {
      if (point_.bounds.size() < otlp_point::most_counts)
        point_.bounds.push_back(le);
      else
        point_.cut = true;
    };
    if (!in.is_text()) return add(in.real());
    each_fixed(in.text(), [&](std::uint64_t bits) {
      double le = 0;
      std::memcpy(&le, &bits, sizeof le);
      add(le);
    });
  }

  template <class Each>
  void each_fixed(std::string_view bytes, Each each) {
    if (bytes.size() % sizeof(std::uint64_t) != 0) point_.cut = true;
    for (; bytes.size() >= sizeof(std::uint64_t) && !point_.cut;
         bytes.remove_prefix(sizeof(std::uint64_t))) {
      std::uint64_t n = 0;
      std::memcpy(&n, bytes.data(), sizeof n);  // little-endian, as we are
      each(n);
    }
  }

  // 6 scale (zigzag), 7 zero_count, 8 positive, 9 negative; of these 1 offset (zigzag), 2 counts.
  void exponential_field(const proto_reader& in) {
    const auto zigzag = [](std::uint64_t n) {
      return static_cast<std::int64_t>(n >> 1U) ^ -static_cast<std::int64_t>(n & 1U);
    };
    if (in.field() == 6) point_.scale = zigzag(in.natural());
    if (in.field() == 7) point_.zeros = in.natural();
    if (in.field() != 8 && in.field() != 9) return;
    const bool negative = in.field() == 9;
    proto_reader buckets{in.text()};
    const auto add = [&](std::uint64_t n) {
      if (!negative)
        add_count(n);
      else if (n != 0)
        point_.negative = true;
    };
    while (buckets.next()) {
      if (buckets.field() == 1 && !negative) point_.offset = zigzag(buckets.natural());
      if (buckets.field() == 2 && !buckets.is_text()) add(buckets.natural());
      if (buckets.field() == 2 && buckets.is_text() && !each_varint(buckets.text(), add))
        point_.cut = true;
    }
    if (!buckets.ok()) point_.cut = true;
  }

  // LogRecord: 1 time, 2 severity_number, 3 severity_text, 5 body, 6 attributes, 11 observed, 12
  // event_name.
  bool log(std::string_view message) {
    texts_.clear();
    labels_.clear();
    otlp_log l;
    proto_reader in{message};
    while (in.next()) {
      bool read = true;
      if (in.field() == 1) l.time_ns = in.natural();
      if (in.field() == 2) l.severity = in.integer();
      if (in.field() == 3) l.severity_text = in.text();
      if (in.field() == 5) read = any_value(in.text(), texts_, 0, l.body);
      if (in.field() == 6) read = attribute_of(in.text(), labels_, texts_);
      if (in.field() == 11) l.observed_ns = in.natural();
      if (in.field() == 12) l.event_name = in.text();
      if (!read) return false;
    }
    if (!in.ok()) return false;
    to_.tell(l, labels_);
    return true;
  }

  // Span: 1 trace_id, 2 span_id, 4 parent_span_id, 5 name, 6 kind, 7 start, 8 end, 9 attributes, 15
  // status {3 code}.
  bool span(std::string_view message) {
    texts_.clear();
    labels_.clear();
    otlp_span s;
    proto_reader in{message};
    while (in.next()) {
      if (in.field() == 1) s.trace = texts_.keep(hex_text(in.text()));
      if (in.field() == 2) s.span = texts_.keep(hex_text(in.text()));
      if (in.field() == 4) s.parent = texts_.keep(hex_text(in.text()));
      if (in.field() == 5) s.name = in.text();
      if (in.field() == 6) s.kind = in.integer();
      if (in.field() == 7) s.start_ns = in.natural();
      if (in.field() == 8) s.end_ns = in.natural();
      if (in.field() == 9 && !attribute_of(in.text(), labels_, texts_)) return false;
      if (in.field() == 15) {
        proto_reader status{in.text()};
        while (status.next())
          if (status.field() == 3) s.status = status.integer();
        if (!status.ok()) return false;
      }
    }
    if (!in.ok()) return false;
    to_.tell(s, labels_);
    return true;
  }

  otlp_teller& to_;
  sample_labels resource_, labels_;
  made_texts resource_texts_, texts_;
  otlp_point point_;
};

}  // namespace

outcome<void> read_otlp_protobuf(otlp_signal signal, std::string_view body, otlp_teller& to) {
  if (reader{to}.request(signal, body)) return {};
  return failure{ec::malformed, "the body is not a request of OTLP in protobuf"};
}

}  // namespace faultline
