// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "messages/event.hpp"

namespace faultline {

/// What a gauge of several instances of one entity is. Counters and rates are added up.
enum class instances_join : std::uint8_t { mean, sum, largest };

/// One value as another tool told it. `unit` is the tool's own word ("ms", "By"), or empty.
struct metric_sample {
  std::string_view name;
  std::string_view unit;
  metric_kind kind = metric_kind::gauge;
  std::int64_t ts_ms = 0;     ///< 0: when it arrived
  double value = 0;           ///< perhaps not finite
  std::int64_t start_ms = 0;  ///< from when on a counter or rate counted; 0: not told
  instances_join join = instances_join::mean;
  /// Of a bucket of a histogram: the value counts what was observed up to this bound, a number as
  /// it stands in names. The name ends in "bucket", and no label says it. Empty: it is no bucket.
  std::string_view le;
};

struct log_sample {
  std::int64_t ts_ms = 0;
  log_severity severity = log_severity::info;
  std::string_view body;
};

struct span_sample {
  std::int64_t ts_ms = 0;  ///< of its begin
  std::uint64_t duration_us = 0;
  span_status status = span_status::unset;
  std::string_view trace, span, parent;  ///< hex
  std::string_view operation;
  bool leaves = false;   ///< CLIENT or PRODUCER: its labels may say whom it called
  bool arrives = false;  ///< SERVER or CONSUMER: a peer it names is who called it
};

/// Why a sample is not in any event.
enum class left_out : std::uint8_t {
  bucket,      ///< of a histogram that cannot be read or whose bound finds no room in its name
  stale,       ///< a staleness marker: the series has ended
  not_finite,  ///< NaN or infinite
  no_value,    ///< a data point that says it has none, or of an unknown kind
  no_entity,   ///< nothing says whom it is about
  too_many,    ///< beyond the names an entity may have
  dropped,     ///< by naming.drop
  malformed,   ///< a line or value that cannot be read, among others that can
  no_begin,    ///< a delta that does not say from when on it counted
  created,     ///< when a counter, histogram or summary began: NAME_created of Prometheus
};
inline constexpr std::size_t left_out_reasons = 10;
const char* to_string(left_out why) noexcept;

using sample_labels = std::vector<attribute>;

/// What a decoder of a foreign protocol makes of a body, in order. Views are valid during the call;
/// those of source() until the next one.
class sample_sink {
public:
  virtual ~sample_sink() = default;
  /// What all samples say that follow: an OpenTelemetry resource. Nothing: each says it itself.
  virtual void source(const sample_labels& labels) = 0;
  virtual void metric(const metric_sample& sample, const sample_labels& labels) = 0;
  virtual void log(const log_sample& sample, const sample_labels& labels) = 0;
  virtual void span(const span_sample& sample, const sample_labels& labels) = 0;
  virtual void leave_out(left_out why) = 0;
};

}  // namespace faultline
