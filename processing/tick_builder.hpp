// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/event.hpp"
#include "messages/identity.hpp"
#include "messages/outcome.hpp"
#include "messages/time.hpp"
#include "processing/byte_io.hpp"
#include "processing/interned.hpp"
#include "processing/options.hpp"

namespace faultline {

/// One metric of an entity as the builder knows it.
struct channel_info {
  interned name;
  metric_kind kind = metric_kind::gauge;
  bool expected = false;     ///< in the set that makes an event a row
  std::uint8_t rising = 0;   ///< rises of a gauge since it last fell
  bool derived = false;      ///< no publisher sends it: see derive()
  bool turned = false;       ///< into a counter, or back, behind the newest tick that closed
  std::uint16_t missed = 0;  ///< ticks in a row without a value, of lines and spans as well
  double last = 0;           ///< last raw value
  std::int64_t last_ms = 0;  ///< its event time; 0 = none yet
};

/// One closed tick: the mean of what came, per channel; NaN where nothing did.
struct closed_tick {
  event_time ts{};           ///< of the newest event in it
  std::int64_t gap_ms = 0;   ///< since the tick before; 0 = the first
  std::int64_t tick_ms = 0;  ///< the entity's tick as it was when this one closed
  bool degraded = false;     ///< closed while ticks were to be scored without the model
  bool deaf = false;         ///< its gap holds a time in which nobody listened
  /// Since the tick before a channel is another one: sent and no longer made by us, or turned.
  bool sent_anew = false;
  record_mark cause{0, 0};     ///< the record that closed it
  record_address last;         ///< the last event that went into it; position 0: not known
  std::vector<double> values;  ///< by channel; counters as rates per second
};

/// Turns the metric events of one entity into ticks (rule 5). An event that carries every expected
/// metric is a row and closes its tick at once; others are merged until an event of a later tick
/// plus the lateness, or a clock record. The grid follows the entity's own phase, so that jitter
/// does not put two rows into one tick. Counters become rates; a reset counts from zero. A gauge
/// that is called a counter and only rises turns into one; its values until then are of no tick
/// that is still open.
///
/// Limits: max_channels metrics; the values of further ones are counted as ignored.
class tick_builder {
public:
  static constexpr std::size_t max_channels = 256;

  enum class result : std::uint8_t { open, closed, late };

  /// Adds a metric event; closes ticks. @p cause is its record.
  result add(const event_view& event, const record_mark& cause, const processing_options& options);
  /// Where the event of the next add() stands, for closed_tick::last.
  void note_record(const record_address& where) noexcept { record_ = where; }
  /// Ticks that close from now on are marked so. What holds for a tick is what its record said, not
  /// what came while it waited.
  void set_degraded(bool on) noexcept { degraded_ = on; }
  /// Nobody listened for a while: the next gap longer than @p least_ms is ours, not the entity's.
  void note_deafness(std::int64_t least_ms) noexcept { deaf_ms_ = least_ms; }
  /// The partition's clock says that it is @p now. @returns true when that closed a tick.
  bool advance(event_time now, const record_mark& cause, const processing_options& options);

  bool waiting() const noexcept { return waiting_ != 0; }
  std::size_t waiting_ticks() const noexcept { return waiting_; }
  /// Oldest closed tick. @pre waiting(). Valid until pop().
  const closed_tick& front() const noexcept { return queue_[first_]; }
  /// @pre nth < waiting_ticks(); 0 is front().
  const closed_tick& waiting_tick(std::size_t nth) const noexcept { return queue_[first_ + nth]; }
  void pop() noexcept;
  bool idle() const noexcept { return waiting_ == 0 && open_.empty(); }

  /// The channel called @p name, for values that nobody sends: no row needs it. Nothing when
  /// somebody does, or there are @p most already; where that is max_channels, it is counted.
  std::optional<std::size_t> derive(std::string_view name, std::size_t most = max_channels);
  /// Its value in the @p nth tick that waits, the oldest is 0. @pre nth < waiting_ticks()
  void set_derived(std::size_t nth, std::size_t channel, double value);
  /// Something came at @p ts that is no metric, and before it something at @p newest_ms (0: nothing
  /// did): where no metric comes, or none does any more, its tick opens with it.
  void touch(event_time ts, std::int64_t newest_ms, const record_mark& cause,
             const processing_options& options);
  /// Where @p at stands in the entity's time: never more than a tick ahead of its clock.
  std::int64_t placed_ms(event_time at, const processing_options& options) const noexcept;
  /// Is @p at behind the lateness, of a stream of lines or spans that had come to @p newest_ms, and
  /// its tick closed? Such a stream may itself come later than metrics do. Where no metric comes,
  /// a tick that had nothing in time is closed.
  bool is_late(event_time at, std::int64_t newest_ms,
               const processing_options& options) const noexcept;
  /// No metric has come yet.
  bool only_derived() const noexcept;
  /// Lines, spans or other channels have made some.
  bool has_derived() const noexcept;

  const std::vector<channel_info>& channels() const noexcept { return channels_; }
  std::int64_t tick_ms(const processing_options& options) const noexcept;
  std::uint64_t late() const noexcept { return late_; }
  /// Values of metrics beyond max_channels.
  std::uint64_t ignored() const noexcept { return ignored_; }
  event_time newest() const noexcept { return event_time_of(newest_ms_); }
  std::size_t memory_bytes() const noexcept;
  /// Asks for what the next add() reads. This object is in the caches already.
  void prefetch_next() const noexcept;

  /// @pre !waiting()
  void save(byte_writer& out) const;
  bool restore(byte_reader& in);

private:
  struct open_tick {
    std::int64_t index = 0;
    std::int64_t newest_ms = 0;
    record_address last;  ///< not saved
    std::vector<double> sum;
    std::vector<std::uint32_t> count;
  };

  /// The channel of @p point, which is added where there is none and room for it; else
  /// max_channels. Remembers it as that of the @p nth metric of an event, and makes room for its
  /// value in the row under way.
  std::size_t find_or_add_channel(const metric_point& point, std::size_t nth);
  bool read_event(const event_view& event, std::int64_t ts);
  std::optional<double> value_of(channel_info& channel, const metric_point& point,
                                 std::int64_t ts) noexcept;
  void turn(channel_info& channel, metric_kind into) noexcept;
  std::int64_t index_of(std::int64_t ts, std::int64_t tick) const noexcept;
  bool metrics_stay_away(std::int64_t index, std::int64_t newest,
                         const processing_options& options) noexcept;
  void metrics_come() noexcept;
  void close_through(std::int64_t index) noexcept;
  void find_origin() noexcept;
  void follow(std::int64_t index, std::int64_t ts, std::int64_t tick) noexcept;
  std::int64_t place_behind_derived(std::int64_t& index, std::int64_t ts,
                                    std::int64_t tick) noexcept;
  void merge(std::int64_t index, std::int64_t ts);
  void close_row(std::int64_t index, std::int64_t ts, const record_mark& cause);
  void close_open_below(std::int64_t index, const record_mark& cause);
  closed_tick& append(std::int64_t ts, const record_mark& cause);
  void closed(const closed_tick& tick);
  void note_interval(std::int64_t gap_ms) noexcept;

  std::vector<channel_info> channels_;
  std::vector<std::uint16_t> layout_;  ///< channel of the i-th metric of the last event
  std::vector<closed_tick> queue_;     ///< closed ticks wait in [first_, first_ + waiting_)
  std::size_t first_ = 0;
  std::size_t waiting_ = 0;
  std::vector<open_tick> open_;  ///< ascending by index, at most lateness + 1
  std::size_t expected_ = 0;     ///< channels that make a row

  std::int64_t anchor_ms_ = 0;   ///< middle of tick base_index_
  std::int64_t base_index_ = 0;  ///< not below closed_through_
  std::int64_t closed_through_ = -1;
  std::int64_t last_closed_ms_ = 0;
  std::int64_t newest_ms_ = 0;  ///< of the metrics, where any ever came
  std::int64_t clock_ms_ = 0;
  std::int64_t median_ms_ = 0;  ///< usual interval of closed ticks, 0 = not known yet
  std::array<std::int64_t, 9> intervals_{};
  std::uint32_t interval_count_ = 0;
  std::uint32_t crowded_ = 0;  ///< rows that came into a tick already closed
  bool started_ = false;
  bool degraded_ = false;     ///< not saved: the next record says it again
  bool sent_anew_ = false;    ///< not saved: what comes back looks at every channel anew
  std::int64_t deaf_ms_ = 0;  ///< 0 = we listened all the time
  record_address record_;     ///< of the event under way
  std::int64_t pace_ms_ = 1;  ///< tick_ms() of the call under way
  std::uint64_t late_ = 0;
  std::uint64_t ignored_ = 0;
};

}  // namespace faultline
