// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messages/event.hpp"
#include "messages/outcome.hpp"
#include "messages/time.hpp"
#include "processing/byte_io.hpp"
#include "processing/channel_block.hpp"
#include "processing/tick_builder.hpp"
#include "processing/window_detail.hpp"

namespace faultline {

/// The last 64 ticks of an entity, packed: a value is asinh((x - center) / scale) in 16 bits (steps
/// of 1/2047 around the middle, 0.05 % far out), what was expected in 8.
class window_ring {
public:
  static constexpr std::size_t ticks = 64;
  static constexpr std::int16_t missing = -32768;

  /// Adds one tick; @p z, @p expected, @p mask of all blocks in order of channel.
  void push(event_time ts, const block_scores* scores, std::size_t blocks);
  std::size_t size() const noexcept { return size_; }
  /// Ticks ever pushed.
  std::uint64_t pushed() const noexcept { return pushed_; }
  /// @p back = 0 is the newest. @pre back < size()
  event_time ts(std::size_t back) const noexcept;
  /// Milliseconds between it and the tick before. @pre back + 1 < size()
  std::int64_t gap_ms(std::size_t back) const noexcept { return gaps_[slot(back)]; }
  std::int16_t code(std::size_t back, std::size_t channel) const noexcept;
  static float z(std::int16_t code) noexcept { return static_cast<float>(code) / 2047.0f; }
  /// sinh of z(@p code), from a table.
  static double sinh_z(std::int16_t code) noexcept;
  float expected(std::size_t back, std::size_t channel) const noexcept;
  /// Follows rebase_channel(): @p old is the block before.
  void rebase(std::size_t channel, const channel_block& old, const channel_block& now);
  /// No tick had a value of the channel.
  void forget(std::size_t channel) noexcept;

  std::size_t memory_bytes() const noexcept {
    return rows_.capacity() * sizeof(row) + gaps_.capacity() * sizeof(gaps_[0]);
  }
  void save(byte_writer& out) const;
  bool restore(byte_reader& in, std::size_t channels);

  /// Asks for the rows that the next push() and a look back read. This object is in the caches.
  void prefetch_next() const noexcept;

private:
  std::size_t slot(std::size_t back) const noexcept { return (next_ + ticks - 1 - back) % ticks; }

  /// Eight channels of one tick.
  struct row {
    std::array<std::int16_t, channel_block::width> values;
    std::array<std::int8_t, channel_block::width> expected;  ///< in 1/16 of z
  };

  static row empty_row() noexcept;
  row& row_at(std::size_t back, std::size_t channel) noexcept;
  const row& row_at(std::size_t back, std::size_t channel) const noexcept;

  std::vector<row> rows_;            ///< [slot][block of channels]
  std::vector<std::uint32_t> gaps_;  ///< [slot], ms since the tick before, at most 49 days
  std::int64_t newest_ms_ = 0;
  std::uint64_t pushed_ = 0;
  std::uint16_t width_ = 0;  ///< blocks of channels
  std::uint8_t next_ = 0;
  std::uint8_t size_ = 0;
};

/// One channel of a packed block.
struct packed_channel {
  std::string name;
  metric_kind kind = metric_kind::gauge;
  std::uint8_t role = 255;
  std::vector<float> values;  ///< NaN = missing
  std::vector<float> expected;
  float band = 0;  ///< half width of the band, in z, around what was expected
  double center = 0;
  float scale = 1;
};

/// A block of ticks as it lies on disk, unpacked.
struct unpacked_block {
  std::int64_t tick_ms = 0;
  std::vector<event_time> ts;
  std::vector<packed_channel> channels;
};

/// Packs the newest @p count ticks. Version 1.
std::string pack_block(const window_ring& ring, std::size_t count,
                       const std::vector<channel_info>& channels,
                       const std::vector<channel_block>& blocks,
                       const std::vector<std::uint8_t>& roles, std::int64_t tick_ms);
/// Strict. Of window_detail::values `expected` stays empty; with bands, values are as
/// shown_value(). @returns ec::malformed, ec::unknown_version.
outcome<unpacked_block> unpack_block(std::string_view bytes,
                                     window_detail detail = window_detail::bands);
/// The same into @p block, in the memory that what it held before leaves. What is in it after a
/// failure means nothing.
outcome<void> unpack_block(std::string_view bytes, window_detail detail, unpacked_block& block);

/// Value of a code in the metric's units: as raw_of(), or with bands as shown_value(). NaN of
/// window_ring::missing.
float value_of_code(double center, double scale, std::int16_t code, window_detail detail) noexcept;

/// The same for people: the number with the fewest digits that the code may stand for. A code is
/// off by half a step, and by as much again each time its metric's middle has moved: one step is
/// granted. Beyond |z| = 16 a value is cut, and its code says only that it is there or beyond.
float shown_value(double center, double scale, double z) noexcept;

/// How far a value is usually off, in z.
float spread_of(const channel_block& b, std::size_t lane) noexcept;

/// Half width of the band a value is expected in, in z: 3.5 times that. A mean of z is one of
/// logarithms where values lie far apart, and hardly one of a few values: so no farther than half
/// the span of nine in ten of all that was seen, beyond these.
float band_of(const channel_block& b, std::size_t lane) noexcept;

}  // namespace faultline
