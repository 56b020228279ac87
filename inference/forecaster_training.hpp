// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "inference/forecast_input.hpp"
#include "inference/model_file.hpp"
#include "messages/outcome.hpp"

namespace faultline {

/// One closed tick of the past, with what is known about it now.
struct training_tick {
  forecast_tick in;
  bool usable = true;           ///< false during a fault or an alarm: neither source nor target
  std::int8_t fault_soon = -1;  ///< 1: a fault begins within 15 min; 0: none; -1: not known
};

/// The ticks of one entity in order, at a regular pace of tick_seconds (a late tick says so in
/// log_dt). Values are standardised without looking ahead.
struct training_sequence {
  float entity_class = 0;  ///< in [0, 1]
  double tick_seconds = 60;
  std::vector<training_tick> ticks;
};

/// How to train. The defaults are those of the shipped model.
struct training_options {
  std::filesystem::path file;     ///< the model file to write
  model_description description;  ///< its card; seed and measures are filled in
  std::uint64_t seed = 1;
  std::size_t max_epochs = 30;
  std::size_t patience = 4;         ///< epochs without a better validation loss before the end
  std::size_t segment_ticks = 512;  ///< state starts at zero with each segment
  std::size_t chunk_ticks = 64;     ///< gradients reach back this far (truncated BPTT)
  std::size_t batch_segments = 64;
  double learning_rate = 2e-3;  ///< falls geometrically to final_learning_rate
  double final_learning_rate = 4e-4;
  double gradient_clip = 1;      ///< norm over all weights
  double input_noise = 0.07;     ///< standard deviation added to z
  double channel_dropout = 0.1;  ///< chance that a slot is absent for a segment
  double tick_dropout = 0.02;    ///< chance that one value is missing
  double residual_clamp = 20;    ///< of |y - mu| / b, so that one outlier does not rule a batch
  double fault_weight = 0.2;     ///< of the fault head's cross entropy in the loss
  std::array<double, forecast_shape::horizons> horizon_weight{1, 0.5, 0.5};
};

/// After each epoch.
struct training_progress {
  std::size_t epoch = 0;  ///< from 1
  double train_loss = 0;
  double validation_loss = 0;
  double rows_per_second = 0;  ///< entity ticks trained on, validation excluded
  bool best = false;           ///< lowest validation loss so far
};

/// @returns false to stop now and keep the best epoch.
using training_callback = std::function<bool(const training_progress&)>;

/// What came out. Absolute errors are means over validation, in standardised units, per horizon.
struct training_report {
  std::size_t epochs = 0;
  std::size_t best_epoch = 0;
  double train_loss = 0;       ///< of the best epoch
  double validation_loss = 0;  ///< of the best epoch
  std::array<double, forecast_shape::horizons> error{};
  std::array<double, forecast_shape::horizons> persistence_error{};  ///< of "stays as it is"
  double rows_per_second = 0;
  std::uint64_t parameters = 0;
  std::string sha256;  ///< of the file written
};

/// Trains the global forecaster (Salinas et al. 2020, DeepAR: one network for all series; Lai et
/// al. 2018, LSTNet: linear autoregressive skip) with a Laplace likelihood, and writes it. The same
/// inputs and seed give the same file on the same build. Without validation sequences the
/// uncorrupted training sequences decide when to stop.
/// @returns ec::invalid when there is nothing to learn from or an option makes no sense,
/// ec::model_failed when the loss leaves the finite numbers, ec::io_failed.
outcome<training_report> train_forecaster(const std::vector<training_sequence>& train,
                                          const std::vector<training_sequence>& validation,
                                          const training_options& options,
                                          const training_callback& progress = {});

}  // namespace faultline
