// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "judgement/operation_stats.hpp"
#include "messages/event.hpp"
#include "processing/byte_io.hpp"
#include "processing/latency_sketch.hpp"

namespace faultline {

/// What the spans of one entity come to, tick by tick. From its first span on; who sends none has
/// none. Pure: the same spans and ticks, the same values.
class entity_spans {
public:
  /// Channels of the window, in this order.
  static constexpr std::size_t channels = 4;
  static const std::array<const char*, channels> names;
  static constexpr const char* worst_operation = "span.worst_operation";
  struct values {
    double rate = 0;         ///< spans a second
    double error_share = 0;  ///< failed / (spans + 1)
    double p95_ms = 0;       ///< 95th percentile of durations; NaN in a tick without spans
    /// Of the operation that is farthest beyond what is usual of it, nats; NaN while none is known.
    double worst = 0;
    std::array<double, channels> all() const { return {rate, error_share, p95_ms, worst}; }
  };

  void take(const event_view& span);
  /// A span that is not late came; it began at @p ts_ms of the entity's time.
  void note_newest(std::int64_t ts_ms) noexcept { newest_ms_ = std::max(newest_ms_, ts_ms); }
  std::int64_t newest_ms() const noexcept { return newest_ms_; }  ///< 0: none known
  /// Ends a tick at @p ts that is @p dt_s long: everything taken since the last call is of it.
  /// @p learn false: what is usual of an operation is not this.
  values close(event_time ts, double dt_s, bool learn = true);
  /// What its worst operation did in the tick at @p ts, for people; empty when nothing was out of
  /// the usual. Valid until judged().
  std::string telling(event_time ts) const;
  /// Ticks through @p ts are judged: what was kept of them is let go.
  void judged(event_time ts);
  /// Its operations and those of whom it calls: see operation_stats.
  std::vector<operation_status> operations() const { return operations_.status(); }

  /// spans := newest(i64) failed(u32) sketch operations. @pre no closed tick waits.
  void save(byte_writer& out) const;
  /// @p version of the entity's snapshot: before 11 there is no `newest`, before 12 no operations.
  bool restore(byte_reader& in, std::uint8_t version);
  std::size_t memory_bytes() const noexcept;

private:
  struct told {
    event_time tick;
    std::string text;
  };

  latency_sketch durations_;
  operation_stats operations_;
  std::vector<told> told_;  ///< of ticks that wait
  std::int64_t newest_ms_ = 0;
  std::uint32_t failed_ = 0;
};

/// Whether a channel of the window is one of entity_spans.
bool is_span_channel(std::string_view name) noexcept;

}  // namespace faultline
