// SPDX-License-Identifier: Apache-2.0
#pragma once

// Private to the room: the tensors of the forecaster's file and the constants of its step, shared
// by the code that runs it and the code that trains it.

#include <vector>

#include "inference/model_file.hpp"

namespace faultline::lstm {

inline constexpr std::uint32_t inputs = forecast_shape::inputs;
inline constexpr std::uint32_t hidden = forecast_shape::hidden;
inline constexpr std::uint32_t gates = 4 * hidden;
inline constexpr std::uint32_t slots = forecast_shape::slots;
inline constexpr std::uint32_t horizons = forecast_shape::horizons;
inline constexpr std::uint32_t lags = forecast_shape::lags;
inline constexpr std::uint32_t outputs = horizons * slots;
inline constexpr std::uint32_t log_dt_index = 2 * slots + 2;

/// The state decays only when a tick came later than this multiple of the median interval: jitter
/// costs nothing.
inline constexpr float decay_from = 1.25F;

/// Bounds of log_b.
inline constexpr float log_b_bound = 4.0F;

/// Order in the file. The gates stand in the order input, forget, output (sigmoid), cell (tanh).
enum tensor_index : std::size_t {
  weight_input,
  weight_hidden,
  bias,
  decay,
  skip,
  mu_weight,
  mu_bias,
  scale_weight,
  scale_bias,
  fault_weight,
  fault_bias,
  tensor_count
};

inline std::vector<expected_tensor> expected_tensors() {
  return {{"lstm.weight_input", {gates, inputs}},
          {"lstm.weight_hidden", {gates, hidden}},
          {"lstm.bias", {gates}},
          {"lstm.decay", {hidden}},  // softplus of it is the rate per tick of excess
          {"skip.weight", {horizons, slots, lags}},
          {"mu.weight", {outputs, hidden}},
          {"mu.bias", {outputs}},
          {"scale.weight", {outputs, hidden}},
          {"scale.bias", {outputs}},
          {"fault.weight", {hidden + inputs}},  // on the new h, then on the inputs
          {"fault.bias", {1}}};
}

}  // namespace faultline::lstm
