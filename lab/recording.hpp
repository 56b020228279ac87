// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "messages/event.hpp"
#include "messages/outcome.hpp"
#include "messages/time.hpp"

namespace faultline {

// A recording is a directory: recording.json, metrics/*.csv.gz, optionally logs.csv.gz and
// spans.csv.gz. It is read as two types that share nothing: `telemetry` is all a detector may
// see, `labels` is what happened in truth and goes to the evaluation alone.

/// The metric rows of one entity. A missing value is NaN.
struct entity_series {
  std::string id;                    ///< "kind/name"
  std::vector<std::string> metrics;  ///< column names; empty: stands in the graph only
  std::vector<event_time> ts;        ///< ascending, no repeats; when the row is known
  std::vector<double> values;        ///< row-major, ts.size() x metrics.size()

  std::size_t rows() const noexcept { return ts.size(); }
  /// First of the metrics.size() values of row @p i. @pre i < rows()
  const double* row(std::size_t i) const noexcept { return values.data() + i * metrics.size(); }
  /// Column of @p metric, or nothing.
  std::optional<std::size_t> column(std::string_view metric) const noexcept;
};

/// `from` depends on `to`.
struct dependency {
  std::string from;
  std::string to;
  edge_kind kind = edge_kind::calls;
};

struct log_line {
  event_time ts{};
  std::string entity;
  log_severity severity = log_severity::info;
  std::string body;
};

struct span_row {
  event_time ts{};  ///< start
  std::string entity, trace, span, parent, operation, peer;
  std::uint64_t duration_us = 0;
  span_status status = span_status::unset;
};

/// A deploy or the like, as a delivery pipeline announces it.
struct change_row {
  event_time ts{};
  std::string entity;
  change_kind kind = change_kind::deploy;
  std::string summary;
};

// When an observer knows of it: of a span at its end, a day after its start at the latest.
inline event_time known_at(const log_line& log) noexcept { return log.ts; }
inline event_time known_at(const change_row& change) noexcept { return change.ts; }
event_time known_at(const span_row& span) noexcept;

/// What an observer of the system sees, and nothing of what was wrong with it.
struct telemetry {
  std::string name, source, licence;
  double interval_s = 0;  ///< usual distance of two rows
  std::vector<entity_series> entities;
  std::vector<dependency> edges;
  /// Rows strictly before it may train, calibrate and choose thresholds.
  event_time train_until{};
  /// Relative path of the recording whose training part serves this one; empty: its own.
  /// All rows of this one are then scored.
  std::string train_recording;
  std::vector<std::string> candidates;         ///< entities that may be ranked; empty: all
  std::map<std::string, std::string> aliases;  ///< entity -> the entity it counts as
  std::map<std::string, std::string> groups;   ///< likewise, pods of a service
  std::vector<std::string> without_metrics;
  std::vector<log_line> logs;
  std::vector<span_row> spans;
  std::vector<change_row> changes;
  std::vector<std::string> left_out;  ///< what of its tables could not be read, in sentences

  /// Index in `entities`, or nothing.
  std::optional<std::size_t> find(std::string_view id) const noexcept;
};

/// One fault that was injected or blamed. Times are inclusive on both ends.
struct fault_label {
  std::string id;
  event_time start{};  ///< injection; rows after it may show the fault
  event_time end{};
  std::vector<std::string> entities;  ///< affected or blamed; empty: not known, anyone's
  std::vector<std::string> roots;     ///< any one counts; empty: not known
  std::string root_metric;            ///< empty: not known
  std::string type;                   ///< empty: not known
  std::string detail;
  std::vector<std::string> metrics;  ///< the labellers blamed these
  /// First violation of the front service's objective, or the end of the ramp if that is
  /// earlier. Only where the recording knows it.
  std::optional<event_time> full_effect;

  // Known where a fault was simulated or injected, nothing elsewhere.
  std::string form;                        ///< abrupt, linear, exponential, intermittent
  std::optional<event_time> ramp_end;      ///< when it is whole; abrupt: its start
  std::optional<event_time> visible_from;  ///< first row with an effect beyond the noise
  std::optional<bool> visible;             ///< there is such a row
  std::optional<bool> impact;              ///< the service level is hit
  std::vector<std::string> unseen;         ///< what no model was trained on: type, class, topology
};

/// Neither fault nor fault-free, for example after a crash. No entity: all.
struct ignored_span {
  event_time start{};
  event_time end{};
  std::vector<std::string> entities;
  std::string why;
};

/// Something unusual that is no fault: a deploy, a backup, a peak of load.
struct benign_label {
  std::string type;
  event_time start{};
  event_time end{};
  std::vector<std::string> entities;
};

/// The truth about a recording. Never reaches a detector.
struct labels {
  std::vector<fault_label> faults;
  std::vector<ignored_span> ignore;
  std::vector<benign_label> benign;
  std::optional<double> early_s;  ///< an alert this long before a fault counts as early
  bool run_to_failure = false;    ///< `end` is a crash
};

/// Reads the telemetry of the recording in directory @p path; keys it does not know are skipped.
/// A gzip that is cut or damaged, rows of unequal length, stamps that do not ascend, numbers
/// that are none (NaN, inf), names that leave the directory are ec::malformed, and the sentence
/// names file and line. @returns also ec::not_found, ec::too_large, ec::io_failed.
outcome<telemetry> read_telemetry(const std::filesystem::path& path);

/// Reads only the labels of the recording in directory @p path.
outcome<labels> read_labels(const std::filesystem::path& path);

/// What may train for the recording @p scored, read from directory @p path: the rows strictly
/// before `train_until` of itself or of its `train_recording`, with their logs, spans, changes.
outcome<telemetry> read_training_part(const std::filesystem::path& path, const telemetry& scored);

/// @p whole without the rows, logs and changes at or after @p until, and the spans that end there.
telemetry before(telemetry whole, event_time until);

/// First stamp that is scored: `train_until`, or the first row where another recording trains.
event_time scored_from(const telemetry& t) noexcept;

/// Writes a recording. Values are written with 6 significant digits, or as many as tell them apart
/// (a counter's), gzip level 9 without a time stamp: the same input gives the same bytes.
/// recording.json comes last, so that a directory without it is not a recording. @returns
/// ec::io_failed, ec::invalid for ids or names that the format cannot hold.
outcome<void> write_recording(const std::filesystem::path& path, const telemetry& t,
                              const labels& l);

/// What is made up is as fine as an instrument shows it: the nearest number of 6 significant
/// decimal digits.
double six_digits(double value) noexcept;

}  // namespace faultline
