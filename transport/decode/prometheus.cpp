// SPDX-License-Identifier: Apache-2.0
#include "transport/decode/prometheus.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>

#include "messages/units.hpp"
#include "transport/decode/internal/prometheus_sample.hpp"
#include "transport/decode/internal/proto_reader.hpp"

namespace faultline {

namespace {

/// The NaN that says that a series has ended.
constexpr std::uint64_t stale_bits = 0x7ff0000000000002ULL;
constexpr std::size_t most_labels = 256;
constexpr std::string_view bucket_end = "_bucket";

bool ends_with(std::string_view name, std::string_view end) noexcept {
  return name.size() > end.size() && name.substr(name.size() - end.size()) == end;
}

bool is_stale(double value) noexcept {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits == stale_bits;
}

bool is_bound(std::string_view text) noexcept {
  if (text == "+Inf") return true;
  double le = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), le);
  return failed == std::errc{} && end == text.data() + text.size() && std::isfinite(le);
}

// MetricMetadata: 1 type (1 counter, 2 gauge, 3 histogram, 4 gauge histogram, 5 summary), 2
// metric_family_name, 5 unit.
bool learn(std::string_view message, prometheus_types& types) {
  proto_reader in{message};
  std::string_view family, unit;
  std::uint64_t type = 0;
  while (in.next()) {
    if (in.field() == 1) type = in.natural();
    if (in.field() == 2) family = in.text();
    if (in.field() == 5) unit = in.text();
  }
  if (type == 1) types.learn(family, prometheus_type::counter);
  if (type == 2 || type == 4) types.learn(family, prometheus_type::gauge);
  if (type == 3) types.learn(family, prometheus_type::histogram);
  if (type == 5) types.learn(family, prometheus_type::summary);
  types.learn_unit(family, unit);
  return in.ok();
}

/// Label, or Sample where @p number is asked for: two fields.
bool read_label(std::string_view message, attribute& out) {
  proto_reader in{message};
  while (in.next()) {
    if (in.field() == 1) out.key = in.text();
    if (in.field() == 2) out.value = in.text();
  }
  return in.ok();
}

// TimeSeries: 1 labels, 2 samples {1 value, 2 timestamp}, 4 histograms.
class series_reader {
public:
  series_reader(const prometheus_types& types, sample_sink& sink) : types_{types}, sink_{sink} {}

  bool read(std::string_view message) {
    labels_.clear();
    std::string_view name;
    proto_reader facts{message};
    while (facts.next()) {
      if (facts.field() != 1) continue;
      attribute l;
      if (!facts.is_text() || !read_label(facts.text(), l)) return false;
      if (l.key == "__name__")
        name = l.value;
      else if (labels_.size() < most_labels)
        labels_.push_back(l);
    }
    if (!facts.ok()) return false;
    proto_reader in{message};
    while (in.next()) {
      if (in.field() == 4) sink_.leave_out(left_out::no_value);
      if (in.field() == 2 && (!in.is_text() || !sample(name, in.text()))) return false;
    }
    return true;
  }

private:
  bool sample(std::string_view name, std::string_view message) {
    double value = 0;
    std::int64_t ts = 0;
    proto_reader in{message};
    while (in.next()) {
      if (in.field() == 1) value = in.real();
      if (in.field() == 2) ts = in.integer();
    }
    if (!in.ok()) return false;
    tell_prometheus(name, labels_, value, ts, types_, sink_);
    return true;
  }

  const prometheus_types& types_;
  sample_sink& sink_;
  sample_labels labels_;
};

}  // namespace

prometheus_types::known* prometheus_types::at(std::string_view family) {
  if (family.empty() || family.size() > longest) return nullptr;
  std::string name{family};
  if (const auto found = families_.find(name); found != families_.end()) return &found->second;
  return families_.size() < most ? &families_.try_emplace(std::move(name)).first->second : nullptr;
}

void prometheus_types::learn(std::string_view family, prometheus_type type) {
  if (known* const k = at(family)) k->type = type;
}

void prometheus_types::learn_unit(std::string_view family, std::string_view unit) {
  const bool word = std::all_of(unit.begin(), unit.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
  const auto said = word ? unit_of(unit) : std::string_view{};
  if (said.empty() && families_.count(std::string{family}) == 0) return;
  if (known* const k = at(family)) k->unit = said, has_units_ = has_units_ || !said.empty();
}

prometheus_type prometheus_types::of(const std::string& family) const {
  const auto found = families_.find(family);
  return found == families_.end() ? prometheus_type::unknown : found->second.type;
}

std::string_view prometheus_types::unit_told(std::string_view metric) const {
  const auto of_family = [this](std::string_view family) {
    const auto found = families_.find(std::string{family});
    return found == families_.end() ? std::string_view{} : found->second.unit;
  };
  if (!has_units_) return {};
  if (const auto unit = of_family(metric); !unit.empty()) return unit;
  for (const std::string_view end : {"_sum", "_total"})
    if (ends_with(metric, end)) return of_family(metric.substr(0, metric.size() - end.size()));
  return {};
}

bool prometheus_types::is_begin(std::string_view metric) const {
  constexpr std::string_view end = "_created";
  if (!ends_with(metric, end)) return false;
  std::string family{metric.substr(0, metric.size() - end.size())};
  const auto type = of(family);
  return (type != prometheus_type::unknown && type != prometheus_type::gauge) ||
         of(family.append("_total")) == prometheus_type::counter;
}

// A gauge that became a counter stays one for its entity (tick_builder), so where nothing is known
// it is a gauge; but who is called _total is a counter in every convention.
metric_kind prometheus_types::kind_of(std::string_view metric) const {
  const auto type = of(std::string{metric});
  if (type == prometheus_type::counter) return metric_kind::counter;
  if (type != prometheus_type::unknown) return metric_kind::gauge;
  for (const std::string_view end : {"_sum", "_count"}) {
    if (!ends_with(metric, end)) continue;
    const auto family = of(std::string{metric.substr(0, metric.size() - end.size())});
    const bool adds_up = family == prometheus_type::histogram || family == prometheus_type::summary;
    return adds_up ? metric_kind::counter : metric_kind::gauge;
  }
  if (!ends_with(metric, "_total")) return metric_kind::gauge;
  const auto family = of(std::string{metric.substr(0, metric.size() - 6)});
  return family == prometheus_type::gauge ? metric_kind::gauge : metric_kind::counter;
}

namespace {

/// @p le: the one of @p labels that says the bucket.
void tell_bucket(metric_sample s, const sample_labels& labels, const attribute& le,
                 const prometheus_types& types, sample_sink& sink) {
  const std::string family{s.name.substr(0, s.name.size() - bucket_end.size())};
  const bool gauges =
      types.of(family) == prometheus_type::gauge;  // of an OpenMetrics gaugehistogram
  if (gauges || !is_bound(le.value)) return sink.leave_out(left_out::bucket);
  sample_labels others;
  others.reserve(labels.size());
  for (const auto& l : labels)
    if (&l != &le) others.push_back(l);
  s.unit = types.unit_told(family);
  s.kind = metric_kind::counter;
  s.le = le.value;
  sink.metric(s, others);
}

}  // namespace

void tell_prometheus(std::string_view name, const sample_labels& labels, double value,
                     std::int64_t ts_ms, const prometheus_types& types, sample_sink& sink) {
  if (is_stale(value)) return sink.leave_out(left_out::stale);
  if (types.is_begin(name)) return sink.leave_out(left_out::created);
  metric_sample s;
  s.name = name;
  s.value = value;
  s.ts_ms = ts_ms;
  const auto le =
      std::find_if(labels.begin(), labels.end(), [](const attribute& l) { return l.key == "le"; });
  if (ends_with(name, bucket_end) && le != labels.end())
    return tell_bucket(s, labels, *le, types, sink);
  s.unit = types.unit_told(name);
  s.kind = types.kind_of(name);
  sink.metric(s, labels);
}

outcome<void> read_remote_write(std::string_view body, prometheus_types& types, sample_sink& sink) {
  const failure malformed{ec::malformed, "the body is not a request of remote write 1.0"};
  proto_reader facts{body};
  while (facts.next())
    if (facts.field() == 3 && (!facts.is_text() || !learn(facts.text(), types))) return malformed;
  if (!facts.ok()) return malformed;
  series_reader series{types, sink};
  proto_reader in{body};
  while (in.next())
    if (in.field() == 1 && (!in.is_text() || !series.read(in.text()))) return malformed;
  return {};
}

}  // namespace faultline
