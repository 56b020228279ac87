// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace faultline {

/// Ways in which a channel can be off, from the briefest to the longest. The same value is held
/// against several baselines: the profile, which is slow to learn, and the hours or the half hour
/// just past, which know of any change of regime.
enum deviation : std::uint8_t {
  tick_profile = 0,  ///< one tick against level and daily profile
  tick_hours,        ///< one tick against the last hours
  tick_minutes,      ///< one tick against the last half hour
  fast_profile,      ///< three ticks against level and daily profile
  fast_hours,        ///< three ticks against the last hours
  slow_profile,      ///< half an hour against level and daily profile
  slow_hours,        ///< half an hour against the last hours: a trend
};
inline constexpr std::size_t deviation_count = 7;

/// Streaming state of eight channels (metrics) side by side, so that one tick of all eight is a few
/// vector instructions. "z" is asinh((x - center) / scale); everything but center, scale and step
/// is in z. Plain floats: stored as it stands in memory.
struct channel_block {
  static constexpr std::size_t width = 8;
  using lane = float[width];

  double center[width];  ///< robust middle, raw units
  double last[width];    ///< last value, raw units
  lane scale;            ///< robust standard deviation, raw units, never 0
  lane step;             ///< smallest change seen, raw units; 0 = never changed

  lane q05, q25, q50, q75, q95, q999;  ///< streaming quantiles

  lane level;                     ///< slow level (two days)
  lane shape0, shape1;            ///< daily profile around the present time, relative to the level
  lane shape_weight;              ///< how much of the profile is used, 0..1
  lane error_level, error_shape;  ///< mean |z - level|, |z - level - profile|
  lane visit_sum;                 ///< of the half hour under way; see visits()

  lane fast, slow, slower;  ///< means of the deviation from level and profile: 3 ticks, 30 min, 8 h
  lane y_short, y_long;     ///< means of (x - center) / scale: 15 min, 2 h

  /// What is usual of one deviation, learned from its own past.
  struct usual_size {
    lane spread;  ///< mean size (a week)
    lane tail;    ///< 98th percentile as a multiple of it
    lane reach;   ///< mean of ln(size / percentile) beyond that percentile: the tail's weight
  };
  usual_size usual[deviation_count];
  lane away;  ///< hours spent flat at a new level
  lane busy;  ///< share of the last half hour that was beyond the percentiles

  /// Three small numbers in one word, so that a block is not beyond a size of the allocator.
  std::uint32_t tally[width];

  static constexpr std::uint32_t most_seen = 1'000'000;
  static constexpr std::uint32_t most_visits = 2'047;

  /// Values seen, at most `most_seen`.
  float seen(std::size_t i) const noexcept {
    return static_cast<float>(static_cast<std::int32_t>(tally[i] & 0xfffffU));
  }
  /// Values in visit_sum; those beyond `most_visits` in one half hour are not taken.
  float visits(std::size_t i) const noexcept {
    return static_cast<float>(static_cast<std::int32_t>(tally[i] >> 20 & most_visits));
  }
  /// No spread counts as smaller: coarse where the metric's grain sets its scale.
  float spread_floor(std::size_t i) const noexcept { return grain(i) ? 0.3f : 0.08f; }
  bool grain(std::size_t i) const noexcept { return tally[i] >> 31 != 0; }

  void set_seen(std::size_t i, std::uint32_t n) noexcept {
    tally[i] = (tally[i] & ~0xfffffU) | (n < most_seen ? n : most_seen);
  }
  void set_visits(std::size_t i, std::uint32_t n) noexcept {
    tally[i] = (tally[i] & ~(most_visits << 20)) | (n < most_visits ? n : most_visits) << 20;
  }
  void set_grain(std::size_t i, bool grain) noexcept {
    tally[i] = (tally[i] & 0x7fffffffU) | (grain ? 1U : 0U) << 31;
  }
};
// The allocator hands out 1,536 bytes for it, and 1,792 for anything larger.
static_assert(sizeof(channel_block) <= 1536);

/// Weights of one tick, from the time since the one before. Same for all channels of an entity.
struct tick_weights {
  float fast = 0, slow = 0, slower = 0, y_short = 0, y_long = 0;
  float level = 0, spread = 0, usual = 0, quantile = 0, tail = 0, reach = 0;
  float hours = 0;     ///< the gap itself
  float cluster = 1;   ///< ticks in half an hour, at least 1: they are one disturbance
  float shape_at = 0;  ///< where between shape0 and shape1, 0..1
};

/// Weights for a gap of @p gap_ms. Pure; costs a few exponentials: keep it while the gap is the
/// same.
tick_weights weights_for(std::int64_t gap_ms);

/// What one tick says about eight channels: z, what was expected, how far off each is and how rare
/// that is in its own past; 0 where the value is missing or nothing can be said yet.
struct block_scores {
  using lanes = channel_block::lane[deviation_count];
  channel_block::lane mask;   ///< 1 where there is a value
  channel_block::lane ready;  ///< 1 where enough was seen to judge
  channel_block::lane z, expected;
  lanes size;   ///< deviation in robust standard deviations, signed
  lanes ratio;  ///< the same in multiples of the 98th percentile of its past
  lanes far;    ///< ln |ratio|, 0 below the percentile
  lanes rare;   ///< -log10 of the share of ticks that are as far off
  /// What the baselines agree on, of one tick (mean of the two that are least surprised), of three
  /// ticks and of half an hour (geometric mean): what is off against one of them only is old news
  /// or usual.
  channel_block::lane abrupt, lasting, drifting;
};

/// An empty block: every channel begins with its first value.
void clear_block(channel_block& b);

/// Before a tick is standardised: begins channels with their first value (it is their middle),
/// keeps the grain, and lets the first change of a constant series be one grain and not a
/// catastrophe.
void prepare_block(channel_block& b, const double* values);

/// Standardises the values: z and mask only. NaN = missing.
void standardise(const channel_block& b, const double* values, block_scores& out);

/// One tick: updates what follows the values at any time (means, counts) and scores them. @p out
/// has z and mask of standardise(), @p values as there.
void observe_block(channel_block& b, const double* values, const tick_weights& w,
                   block_scores& out);

/// Lets the tick change what is normal: level, quantiles, spreads, profile errors. Left out while
/// the entity is alarmed.
void learn_block(channel_block& b, const tick_weights& w, const block_scores& s);

/// A new middle and scale for one channel; everything in z is re-expressed around them.
void rebase_channel(channel_block& b, std::size_t lane, double center, double scale);

/// Middle and scale as the streaming quantiles see them, in raw units.
void quantile_base(const channel_block& b, std::size_t lane, double& center, double& scale);

/// Smallest scale that makes sense: grain of the metric, a thousandth of the middle.
double scale_floor(const channel_block& b, std::size_t lane, double center);

/// Raw value of @p z and back.
double raw_of(const channel_block& b, std::size_t lane, double z) noexcept;
double z_of(const channel_block& b, std::size_t lane, double raw) noexcept;

}  // namespace faultline
