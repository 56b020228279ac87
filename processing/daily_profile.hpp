// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "messages/time.hpp"
#include "processing/byte_io.hpp"
#include "processing/channel_block.hpp"

namespace faultline {

/// Where a moment stands in the daily profile: UTC, 48 half hours, Monday to Friday and weekend
/// apart.
struct profile_place {
  int bin = 0;  ///< 0..47
  bool weekend = false;
  int left = 0;  ///< the profile runs from the middle of bin `left` to that of the next one
  float at = 0;  ///< how far, 0..1
};
/// Ticks farther apart leave bins empty between them: there the profile is that of the bin alone.
profile_place place_of(event_time t, std::int64_t tick_ms) noexcept;

/// Daily profiles of all channels of an entity, relative to their slow level, learned from the
/// means of half hours. A bin counts for little until days have confirmed it (shrunk to 0: the
/// level alone), a weekend bin leans on the weekday one until it has been seen.
class daily_profile {
public:
  static constexpr int bins = 48;

  /// Brings the blocks' shape lanes to @p now and, when a half hour has ended, folds its means in
  /// (when @p learning). Call before the tick is observed.
  void enter(event_time now, std::int64_t tick_ms, bool learning,
             std::vector<channel_block>& blocks);
  /// Follows rebase_channel(): @p old is the block before.
  void rebase(std::size_t channel, const channel_block& old, const channel_block& now);
  /// Nothing was seen of the channel.
  void forget(std::size_t channel) noexcept;
  /// Days on which each bin was seen, at most 255: [weekday, weekend].
  int days(bool weekend, int bin) const noexcept { return days_[weekend ? 1 : 0][bin]; }
  std::size_t memory_bytes() const noexcept {
    return ((values_[0] ? 1 : 0) + (values_[1] ? 1 : 0)) * channels_ * sizeof(day);
  }

  void save(byte_writer& out) const;
  bool restore(byte_reader& in, std::size_t channels);

private:
  using day = std::array<std::int16_t, bins>;

  std::int16_t seen_at(std::size_t channel, int kind, int bin) const noexcept {
    return values_[kind] ? values_[kind][channel][bin] : std::int16_t{0};
  }
  std::int16_t& bin_of(std::size_t channel, int kind, int bin);
  void grow(std::size_t channels);
  float value(std::size_t channel, bool weekend, int bin) const noexcept;
  void fold(std::vector<channel_block>& blocks);
  void aim(const profile_place& place, std::vector<channel_block>& blocks) const;

  std::array<std::array<std::uint8_t, bins>, 2> days_{};
  /// [weekday, weekend], by channel, in 1/1024 of z; null: all 0, none was seen yet.
  std::array<std::unique_ptr<day[]>, 2> values_;
  std::int32_t half_hour_ = -1;  ///< the one under way, since 1970
  std::int16_t aimed_ = -1;
  std::uint16_t channels_ = 0;
  std::uint8_t aimed_weekend_ = 0;
};

}  // namespace faultline
