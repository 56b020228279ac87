// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "inference/forecast_input.hpp"
#include "inference/forecaster.hpp"
#include "judgement/calibration.hpp"
#include "judgement/limit_forecast.hpp"
#include "processing/byte_io.hpp"
#include "processing/channel_block.hpp"
#include "processing/tick_builder.hpp"

namespace faultline {

/// Channels of one tick as the views see them: at most tick_builder::max_channels.
struct tick_channels {
  static constexpr std::size_t most = tick_builder::max_channels;
  std::array<double, most> values;  ///< NaN = missing; padded to whole blocks
  std::array<block_scores, most / channel_block::width> scores;
  std::size_t blocks = 0;
};

/// One tick on its way through judgement.
struct tick_judgement {
  tick_channels* channels = nullptr;
  event_time ts{};
  std::int64_t tick_ms = 0;
  tick_weights weights;
  view_scores scores{};
  judged result;
  float symptom = 0;  ///< largest scaled rise of errors or latency
  float gross = 0;    ///< largest deviation of three ticks, in multiples of its 98th percentile
  float away = 0;     ///< the same against the profile alone, which an alert keeps as it was
  bool still_gross = false;  ///< an alert that fires is not over, whatever the tails say
  bool over_critical_limit = false;
  bool over_limit = false;
  bool near_limit = false;     ///< an operator's limit is about to be met
  bool limit_unknown = false;  ///< a metric with a limit has no value in this tick
  bool settled = false;
  bool degraded = false;
  bool aside = false;                  ///< in a maintenance window: nothing is learned from it
  std::optional<limit_forecast> lead;  ///< of the limit that is met first
  std::size_t lead_channel = 0;
};

/// Euclidean length of the three largest of @p n values >= 0: one channel far out counts whole, and
/// agreement of others adds.
class top_three {
public:
  void add(float v) noexcept {
    if (v <= third_) return;
    if (v > first_) {
      third_ = second_, second_ = first_, first_ = v;
    } else if (v > second_) {
      third_ = second_, second_ = v;
    } else {
      third_ = v;
    }
  }
  float length() const noexcept;
  float largest() const noexcept { return first_; }

private:
  float first_ = 0, second_ = 0, third_ = 0;
};

/// Scores of the views without the model, `symptom` and `gross`, over all channels. @p traits by
/// channel.
void score_views(tick_judgement& t, const std::uint8_t* traits, std::size_t channels) noexcept;

/// The LSTM's view of an entity: its state, what it said about ticks to come, and how far off it
/// usually is. About 1.2 KiB.
class model_view {
public:
  model_view() noexcept;

  /// Writes h, c and the lagged values, @p tick the newest of them, into @p row.
  void fill(forecast_row& row, const forecast_tick& tick) const noexcept;
  /// By how much the forecast of one tick was farther off than the value before it, in z, over all
  /// slots; < 0: it was nearer. Nothing where nothing was said. Ask before take().
  std::optional<float> worse_than_last(const forecast_tick& tick) const noexcept;
  /// Compares the tick with what was said about it. @returns the score, 0 where nothing was said.
  float score(const forecast_tick& tick) noexcept;
  /// Learns how far off the forecasts usually are. Left out while the entity is alarmed.
  void learn(const tick_weights& w) noexcept;
  /// Takes the model's answer about the ticks ahead; nullptr: there is none.
  void take(const forecast_tick& tick, const forecast_result* result, double tick_seconds) noexcept;
  /// One-tick forecast of a slot, if there is one.
  std::optional<float> expected(std::size_t slot) const noexcept;
  /// forecast_result::fault_logit of the newest answer; nothing where the last tick had none.
  std::optional<float> fault_logit() const noexcept;

  void save(byte_writer& out) const;
  bool restore(byte_reader& in);

private:
  static constexpr std::size_t slots = forecast_shape::slots;
  static constexpr std::size_t horizons = forecast_shape::horizons;
  static constexpr std::size_t depth = 8;  ///< forecasts kept per far horizon
  static constexpr std::int16_t no_logit = -0x8000;

  struct far_forecast {
    std::uint32_t due = 0;  ///< tick it speaks of; 0 = empty
    std::array<std::int16_t, slots> mu;
    std::array<std::int8_t, slots> log_b;
  };

  void compare(std::size_t h, const forecast_tick& tick, const float* mu,
               const float* log_b) noexcept;

  std::array<float, forecast_shape::hidden> h_{};
  std::array<float, forecast_shape::hidden> c_{};
  lag_history lags_;
  std::array<float, slots> mu_{};
  std::array<float, slots> log_b_{};
  std::array<std::array<far_forecast, depth>, horizons - 1> far_{};
  std::array<std::array<float, slots>, horizons> spread_{};
  std::array<std::array<float, slots>, horizons> tail_{};
  std::array<float, horizons - 1> held_{};  ///< score of the newest far comparison
  std::array<std::uint32_t, horizons> seen_{};
  std::uint32_t tick_ = 0;
  std::uint16_t warm_ = 0;  ///< answers in a row, at most 1000
  /// Of the newest answer, in 256ths. Decides nothing, so that it need not survive a restart.
  std::int16_t fault_logit_ = no_logit;
};

}  // namespace faultline
