// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/outcome.hpp"
#include "messages/sample.hpp"
#include "transport/decode/otlp.hpp"

namespace faultline {

// What both encodings of OTLP say, and what becomes of it.

struct otlp_metric {
  enum class kind : std::uint8_t { none, gauge, sum, histogram, summary };
  std::string_view name, unit;
  kind what = kind::none;
  bool monotonic = false;
  bool delta = false;  ///< temporality; else cumulative
  bool exponential = false;
};

struct otlp_point {
  std::uint64_t start_ns = 0, time_ns = 0;
  std::uint64_t flags = 0;
  std::optional<double> value;  ///< gauge, sum
  std::uint64_t count = 0;      ///< histogram, summary; like the rest
  std::optional<double> sum, min, max;
  std::vector<std::pair<double, double>> quantiles;
  static constexpr std::size_t most_counts = 2'048;
  std::vector<double> bounds;          ///< of a histogram with explicit ones
  std::vector<std::uint64_t> counts;   ///< of its buckets
  std::int64_t scale = 0, offset = 0;  ///< of an exponential one
  std::uint64_t zeros = 0;             ///< likewise
  bool negative = false;               ///< likewise: some were
  bool cut = false;                    ///< there are more counts, or some cannot be read

  void clear() {
    bounds.clear(), counts.clear();
    scale = offset = 0, zeros = 0;
    negative = cut = false;
    start_ns = time_ns = flags = count = 0;
    value = sum = min = max = std::nullopt;
    quantiles.clear();
  }
};

struct otlp_log {
  std::uint64_t time_ns = 0, observed_ns = 0;
  std::int64_t severity = 0;
  std::string_view severity_text, body, event_name;
};

struct otlp_span {
  std::uint64_t start_ns = 0, end_ns = 0;
  std::int64_t kind = 0, status = 0;
  std::string_view trace, span, parent, name;  ///< ids in hex
};

/// Hands points, logs and spans to a sink.
class otlp_teller {
public:
  explicit otlp_teller(sample_sink& to) : to_{to} {}
  void tell(const otlp_metric& m, const otlp_point& p, const sample_labels& labels);
  void tell(const otlp_log& l, const sample_labels& labels);
  void tell(const otlp_span& s, const sample_labels& labels);
  sample_sink& sink() noexcept { return to_; }

private:
  void tell_sums(const otlp_metric& m, const otlp_point& p, const sample_labels& labels);
  /// @p passed_s: what rates are of; of counters 1.
  void tell_buckets(const otlp_metric& m, const otlp_point& p, const sample_labels& labels,
                    metric_kind kind, double passed_s);
  struct made_value {
    std::string_view name, unit;
    metric_kind kind;
    double value;
    instances_join join = instances_join::mean;
  };
  void tell_value(const otlp_point& p, const sample_labels& labels, const made_value& made);
  sample_sink& to_;
  std::string name_;
};

/// Texts that were made of numbers and lists, kept where they are until clear(). Beyond
/// `most_bytes` of them in one message the rest is left out: a field of two bytes takes thirty
/// here.
class made_texts {
public:
  static constexpr std::size_t most_bytes = 256 * 1024;

  std::string_view keep(std::string text) {
    bytes_ += sizeof text + text.size();
    if (bytes_ > most_bytes) return {};
    return texts_.emplace_back(std::move(text));
  }
  void clear() noexcept {
    texts_.clear();
    bytes_ = 0;
  }

private:
  std::deque<std::string> texts_;
  std::size_t bytes_ = 0;
};

/// A list of an attribute takes no more of its parts once it is as long as this.
inline constexpr std::size_t most_list_bytes = 64 * 1024;

/// Lower-case hex of @p bytes; of more than 64, nothing: no id is that long.
std::string hex_text(std::string_view bytes);
constexpr std::int64_t ms_of(std::uint64_t ns) noexcept {
  return static_cast<std::int64_t>(ns / 1'000'000);
}
/// A number as an attribute's text: 3, 0.25.
std::string number_text(double value);

outcome<void> read_otlp_protobuf(otlp_signal signal, std::string_view body, otlp_teller& to);
outcome<void> read_otlp_json(otlp_signal signal, std::string_view body, otlp_teller& to);

}  // namespace faultline
