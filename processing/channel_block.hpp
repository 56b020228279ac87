// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace faultline {

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
  lane count;            ///< values seen, at most 1e6
  lane missed;           ///< ticks since the last value, at most 1e6
  lane last_z;

  lane q05, q25, q50, q75, q95, q999;  ///< streaming quantiles

  lane level;                     ///< slow level (two days)
  lane shape0, shape1;            ///< daily profile around the present time, relative to the level
  lane shape_weight;              ///< how much of the profile is used, 0..1
  lane error_level, error_shape;  ///< mean |z - level|, |z - level - profile|
  lane visit_sum, visit_count;    ///< of the half hour under way

  lane previous;            ///< deviation of the tick before
  lane product0, product1;  ///< means of d(t)^2 and d(t) d(t-1): first-order correlation
  lane fast, slow, slower;  ///< means of the deviation: 3 ticks, 30 min, 4 h
  lane y_short, y_long;     ///< means of (x - center) / scale: 15 min, 2 h

  /// Per view: mean |score| (a day) and its 98th percentile as a multiple of that mean.
  lane residual_spread, residual_tail;
  lane fast_spread, fast_tail;
  lane slow_spread, slow_tail;
  lane trend_spread, trend_tail;
  lane spread_floor;  ///< no spread counts as smaller: grain of the metric
};

/// Weights of one tick, from the time since the one before. Same for all channels of an entity.
struct tick_weights {
  float fast = 0, slow = 0, slower = 0, y_short = 0, y_long = 0;
  float level = 0, spread = 0, quantile = 0, tail = 0;
  float shape_at = 0;    ///< where between shape0 and shape1, 0..1
  bool adjacent = true;  ///< the tick before was one tick ago
};

/// Weights for a gap of @p gap_ms. Pure; costs a few exponentials: keep it while the gap is the
/// same.
tick_weights weights_for(std::int64_t gap_ms);

/// What one tick says about eight channels: z, what was expected, and by how much each view is
/// surprised, in multiples of the 98th percentile of its own past; 0 where the value is missing.
struct block_scores {
  channel_block::lane mask;  ///< 1 where there is a value
  channel_block::lane z, expected;
  channel_block::lane residual;  ///< signed, as the following
  channel_block::lane fast, slow, trend;
  channel_block::lane change;  ///< deviation's unexplained part, before it is scaled
  channel_block::lane before;  ///< deviation of the tick before
  channel_block::lane ready;   ///< 1 where enough was seen to judge
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
