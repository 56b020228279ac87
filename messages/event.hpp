// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "messages/time.hpp"

namespace faultline {

/// `calls` comes from no publisher: the door sums up what spans show of one another.
enum class event_type : std::uint8_t { metric = 1, log, span, edge, change, calls };
/// A rate is what a counter is turned into, per second: its sender has done it already.
enum class metric_kind : std::uint8_t { gauge = 0, counter = 1, rate = 2 };
enum class log_severity : std::uint8_t { trace = 0, debug, info, warn, error, fatal };
enum class span_status : std::uint8_t { unset = 0, ok, error };
enum class edge_kind : std::uint8_t { calls = 0, runs_on };
enum class change_kind : std::uint8_t { other = 0, deploy, config, scale, flag };

const char* to_string(event_type) noexcept;
const char* to_string(log_severity) noexcept;
const char* to_string(edge_kind) noexcept;
const char* to_string(change_kind) noexcept;

struct metric_point {
  std::string_view name;
  double value = 0;  ///< finite, always
  metric_kind kind = metric_kind::gauge;
};

struct attribute {
  std::string_view key;
  std::string_view value;
};

/// One event, seen through its bytes: every view points into the payload, the log blob or the
/// decoder's arena it came from and lives no longer. Reused between events so that its vectors
/// allocate nothing in steady state. Fields beyond `attributes` count only for their type.
struct event_view {
  event_type type = event_type::metric;
  std::string_view entity;  ///< 1..256 bytes of UTF-8 without control characters
  bool has_ts = false;      ///< false: `ts` is to be taken from `arrived`
  event_time ts{};
  arrival_time arrived{};  ///< stamped at the door
  std::vector<attribute> attributes;

  std::vector<metric_point> metrics;

  std::string_view body;  ///< log: cut at 16 KiB; calls: a latency_sketch
  log_severity severity = log_severity::info;

  std::string_view trace, span, parent, operation, peer;  ///< span; empty = nil
  std::uint64_t duration_us = 0;                          ///< span, calls (their sum)
  span_status status = span_status::unset;

  std::vector<std::string_view> depends_on;  ///< edge
  edge_kind edge = edge_kind::calls;
  bool remove = false;

  /// calls: of `entity` to `peer` in the step that begins at `ts`; to itself: time within its own
  /// spans. See span_joiner.
  std::uint32_t calls = 0, failed = 0;

  change_kind change = change_kind::other;
  std::string_view summary;

  /// Empties it for the next event; keeps the capacity of its vectors.
  void clear() noexcept;
};

}  // namespace faultline
