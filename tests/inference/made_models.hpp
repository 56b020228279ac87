// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "inference/forecaster.hpp"
#include "inference/internal/lstm_shape.hpp"
#include "inference/model_file.hpp"

namespace faultline::test {

/// Uniform in [-1, 1), the same on every platform.
inline float draw(std::mt19937_64& rng) {
  return static_cast<float>(static_cast<double>(rng() >> 11) * 0x1p-52 - 1.0);
}

/// A forecaster of the right shape with random weights of a sensible size.
inline model_content random_forecaster(std::uint64_t seed) {
  std::mt19937_64 rng{seed};
  model_content content;
  content.kind = model_kind::forecaster;
  content.description.name = "random";
  content.description.version = "1";
  content.description.measures["loss"] = 1.5;
  for (const expected_tensor& e : lstm::expected_tensors()) {
    model_tensor t;
    t.name = std::string{e.name};
    t.shape = e.shape;
    std::size_t n = 1;
    for (const auto d : e.shape) n *= d;
    for (std::size_t i = 0; i < n; ++i) t.values.push_back(0.3F * draw(rng));
    content.tensors.push_back(t);
  }
  return content;
}

inline void write_random_forecaster(const std::filesystem::path& file, std::uint64_t seed) {
  const auto written = write_model_file(file, random_forecaster(seed));
  if (!written) throw std::runtime_error{written.error().what};
}

inline std::vector<forecast_row> random_rows(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 rng{seed};
  std::vector<forecast_row> rows(count);
  for (forecast_row& row : rows) {
    for (float& v : row.input) v = 2 * draw(rng);
    for (float& v : row.lagged) v = 2 * draw(rng);
    for (float& v : row.h) v = draw(rng);
    for (float& v : row.c) v = 2 * draw(rng);
    row.input[lstm::log_dt_index] = rng() % 64 == 0 ? 1.0F : 0.0F;
  }
  return rows;
}

}  // namespace faultline::test
