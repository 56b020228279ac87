// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "inference/forecaster.hpp"

namespace faultline {

/// Ticks back of forecast_row::lagged: z now, one, three and eight ticks ago.
inline constexpr std::array<std::size_t, forecast_shape::lags> forecast_lags{0, 1, 3, 8};

/// Horizons in time. The first is one tick, whatever the tick is.
inline constexpr std::array<double, forecast_shape::horizons> forecast_seconds{0, 300, 1800};

/// One closed tick of one entity as the model sees it. Training and serving build their rows from
/// this with the functions below, so that both see the same numbers.
struct forecast_tick {
  std::array<float, forecast_shape::slots> z{};     ///< standardised values, 0 where missing
  std::array<float, forecast_shape::slots> mask{};  ///< 1 where there is a value
  float sin_day = 0;                                ///< sin and cos of 2 pi x time of day
  float cos_day = 0;
  float log_dt = 0;  ///< log(dt / median dt); 0 for regular ticks
};

/// Values beyond this are clipped: weights were never trained farther out.
inline constexpr float forecast_clip = 12.0F;
inline constexpr float log_dt_clip = 5.0F;

/// Ticks ahead of horizon @p h for an entity of this tick: at least one, the nearest otherwise.
inline std::size_t horizon_ticks(std::size_t h, double tick_seconds) noexcept {
  const double ticks = tick_seconds > 0 ? forecast_seconds[h] / tick_seconds : 1;
  return static_cast<std::size_t>(std::max(1.0, ticks + 0.5));
}

/// Writes the inputs of @p row: z, mask, sin, cos, log dt, entity class in [0, 1].
inline void fill_input(forecast_row& row, const forecast_tick& tick, float entity_class) noexcept {
  constexpr std::size_t slots = forecast_shape::slots;
  for (std::size_t s = 0; s < slots; ++s) {
    row.input[s] = tick.mask[s] * std::clamp(tick.z[s], -forecast_clip, forecast_clip);
    row.input[slots + s] = tick.mask[s];
  }
  row.input[2 * slots] = tick.sin_day;
  row.input[2 * slots + 1] = tick.cos_day;
  row.input[2 * slots + 2] = std::clamp(tick.log_dt, -log_dt_clip, log_dt_clip);
  row.input[2 * slots + 3] = entity_class;
}

/// The last nine ticks of one entity, for the linear skip. A missing value repeats the one before
/// it (0 before the first), so that a gap does not look like a jump to the median. 296 bytes.
class lag_history {
  static constexpr std::size_t depth = 9;
  using ticks = std::array<std::array<float, forecast_shape::slots>, depth>;

public:
  /// As it is written to disk.
  struct image {
    ticks ring{};
    std::uint32_t at = 0;
    std::uint32_t seen = 0;
  };
  image save() const noexcept { return {ring_, at_, seen_}; }
  /// @returns false, and changes nothing, when @p from cannot be of a history.
  bool restore(const image& from) noexcept {
    for (const auto& tick : from.ring)
      if (!std::all_of(tick.begin(), tick.end(), [](float z) { return std::isfinite(z); }))
        return false;
    if (from.at >= depth || from.seen > depth) return false;
    ring_ = from.ring;
    at_ = static_cast<std::uint16_t>(from.at);
    seen_ = static_cast<std::uint16_t>(from.seen);
    return true;
  }

  /// Takes the tick that closed last.
  void push(const forecast_tick& tick) noexcept {
    const std::array<float, forecast_shape::slots>& before = ring_[at_];
    const std::size_t next = (at_ + 1) % depth;
    for (std::size_t s = 0; s < forecast_shape::slots; ++s) {
      const float z = std::clamp(tick.z[s], -forecast_clip, forecast_clip);
      ring_[next][s] = tick.mask[s] != 0 ? z : before[s];
    }
    at_ = static_cast<std::uint16_t>(next);
    if (seen_ < depth) ++seen_;
  }

  /// The newest value of a slot; 0 before the first tick.
  float newest(std::size_t slot) const noexcept { return ring_[at_][slot]; }
  /// Writes row.lagged, [slot][lag]; before the ninth tick the oldest one seen stands in.
  void fill(forecast_row& row) const noexcept {
    for (std::size_t l = 0; l < forecast_shape::lags; ++l) {
      const std::size_t oldest = seen_ == 0 ? 0 : seen_ - 1;
      const std::size_t back = std::min<std::size_t>(forecast_lags[l], oldest);
      const auto& z = ring_[(at_ + depth - back) % depth];
      for (std::size_t s = 0; s < forecast_shape::slots; ++s) {
        row.lagged[s * forecast_shape::lags + l] = z[s];
      }
    }
  }

private:
  ticks ring_{};
  std::uint16_t at_ = 0;    ///< where the newest tick stands
  std::uint16_t seen_ = 0;  ///< ticks pushed, at most depth
};

}  // namespace faultline
