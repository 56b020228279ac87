// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "judgement/entity_core.hpp"
#include "messages/event.hpp"
#include "processing/log_templates.hpp"

namespace faultline {

/// What the logs of one entity come to, tick by tick. From its first log line on; who writes none
/// has none. Pure: the same lines and ticks, the same values.
class entity_logs {
public:
  /// Channels of the window, in this order.
  static constexpr std::size_t channels = 4;
  static const std::array<const char*, channels> names;
  struct values {
    double lines = 0;        ///< a second
    double error_share = 0;  ///< errors / (lines + 1)
    double fresh = 0;        ///< templates never seen before
    /// Of the template that came most beyond its habit, nats: at most 30 of a tick, more only of an
    /// error that was never written before and keeps coming.
    double surprise = 0;
    std::array<double, channels> all() const { return {lines, error_share, fresh, surprise}; }
  };

  /// @p learn: whether its template is usual from now on; else it is a line, and nothing more.
  /// @p late: its tick is judged, and no other has it.
  void take(const event_view& log, bool learn = true, bool late = false);
  /// A line that is not late came, at @p ts_ms of the entity's time.
  void note_newest(std::int64_t ts_ms) noexcept { newest_ms_ = std::max(newest_ms_, ts_ms); }
  std::int64_t newest_ms() const noexcept { return newest_ms_; }  ///< 0: none known
  /// Ends a tick at @p ts that is @p dt_s long: everything taken since the last call is of it.
  values close(event_time ts, double dt_s);
  /// Whether a value of log.surprise is that of a new error that keeps coming.
  static bool lasts(double surprise) noexcept { return surprise > 30; }
  /// What the log said in the tick at @p ts, for people: its most surprising template with an
  /// example. Empty when nothing was surprising. Valid until judged().
  std::string telling(event_time ts) const;
  /// Ticks through @p ts are judged: what was kept of them is let go.
  void judged(event_time ts);

  /// Its templates, those seen last first.
  static constexpr std::size_t most_words = 64;
  std::vector<log_word> words() const;

  const log_template_miner& miner() const noexcept { return miner_; }
  std::int64_t first_ms() const noexcept { return first_ms_; }

  /// logs := first(i64) newest(i64) lines(u32) errors(u32) fresh(u32) miner. @pre no closed tick
  /// waits.
  void save(byte_writer& out) const;
  /// @p version of the entity's snapshot: before 11 there is no `newest`.
  bool restore(byte_reader& in, std::uint8_t version);
  std::size_t memory_bytes() const noexcept;

private:
  /// How surprising it is that a template keeps coming, in nats; 0 where it is no error, not new,
  /// or seldom.
  double lasting_error(const log_habit& habit, std::int64_t now_ms) const;

  struct told {
    event_time tick;
    std::string text;
  };

  log_template_miner miner_;
  std::int64_t first_ms_ = 0;  ///< event time of the first line; 0: none yet
  std::int64_t newest_ms_ = 0;
  std::uint32_t lines_ = 0, errors_ = 0, fresh_ = 0;
  std::vector<told> told_;  ///< of ticks that wait
};

/// Whether a channel of the window is one of entity_logs.
bool is_log_channel(std::string_view name) noexcept;

}  // namespace faultline
