// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "inference/forecaster.hpp"
#include "inference/internal/lstm_shape.hpp"
#include "inference/model_file.hpp"

namespace faultline::test {

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// One step in plain double precision, written from the equations: the oracle of the fast one.
inline forecast_result scalar_step(const model_content& model, const forecast_row& row) {
  using namespace lstm;
  const auto w = [&](tensor_index i, std::size_t at) -> double {
    return static_cast<double>(model.tensors[i].values[at]);
  };
  std::vector<double> before(hidden), after(hidden);
  const double excess = std::max(0.0, std::exp(static_cast<double>(row.input[log_dt_index])) -
                                          static_cast<double>(decay_from));
  for (std::size_t j = 0; j < hidden; ++j) {
    before[j] =
        static_cast<double>(row.h[j]) * std::exp(-std::log1p(std::exp(w(decay, j))) * excess);
  }
  const auto gate = [&](std::size_t which, std::size_t j) {
    const std::size_t at = which * hidden + j;
    double sum = w(bias, at);
    for (std::size_t i = 0; i < inputs; ++i) {
      sum += w(weight_input, at * inputs + i) * static_cast<double>(row.input[i]);
    }
    for (std::size_t i = 0; i < hidden; ++i) {
      sum += w(weight_hidden, at * hidden + i) * before[i];
    }
    return sum;
  };
  forecast_result out;
  for (std::size_t j = 0; j < hidden; ++j) {
    const double c = sigmoid(gate(1, j)) * static_cast<double>(row.c[j]) +
                     sigmoid(gate(0, j)) * std::tanh(gate(3, j));
    after[j] = sigmoid(gate(2, j)) * std::tanh(c);
    out.c[j] = static_cast<float>(c);
    out.h[j] = static_cast<float>(after[j]);
  }
  for (std::size_t o = 0; o < outputs; ++o) {
    double mu = w(mu_bias, o);
    double log_b = w(scale_bias, o);
    for (std::size_t j = 0; j < hidden; ++j) {
      mu += w(mu_weight, o * hidden + j) * after[j];
      log_b += w(scale_weight, o * hidden + j) * after[j];
    }
    for (std::size_t l = 0; l < lags; ++l) {
      mu += w(skip, o * lags + l) * static_cast<double>(row.lagged[(o % slots) * lags + l]);
    }
    const auto bound = static_cast<double>(log_b_bound);
    out.mu[o / slots][o % slots] = static_cast<float>(mu);
    out.log_b[o / slots][o % slots] = static_cast<float>(std::clamp(log_b, -bound, bound));
  }
  double fault = w(fault_bias, 0);
  for (std::size_t j = 0; j < hidden; ++j) fault += w(fault_weight, j) * after[j];
  for (std::size_t i = 0; i < inputs; ++i) {
    fault += w(fault_weight, hidden + i) * static_cast<double>(row.input[i]);
  }
  out.fault_logit = static_cast<float>(fault);
  return out;
}

}  // namespace faultline::test
