// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "messages/outcome.hpp"

namespace faultline {

/// Shape of the global forecaster. Part of the model file; a file of another shape is refused.
namespace forecast_shape {
/// Channel slots by semantic role: cpu, memory, disk, network, saturation, traffic, errors,
/// latency.
inline constexpr std::size_t slots = 8;
/// Horizons: one tick, five minutes, thirty minutes.
inline constexpr std::size_t horizons = 3;
/// Values of the linear skip per slot: z at lags 0, 1, 3 and 8 ticks.
inline constexpr std::size_t lags = 4;
/// slots x (z, mask) + sin/cos of the day + log(dt / median dt) + entity class in [0, 1].
inline constexpr std::size_t inputs = 2 * slots + 4;
inline constexpr std::size_t hidden = 32;
}  // namespace forecast_shape

/// One tick of one entity on its way into the model. Plain floats, finite. In `input` a missing
/// value is 0 with mask 0; in `lagged` it repeats the last one seen. forecast_input.hpp builds both
/// parts as the training did.
struct forecast_row {
  std::array<float, forecast_shape::inputs> input{};  ///< z[0..7], mask[8..15], sin, cos, dt, class
  std::array<float, forecast_shape::slots * forecast_shape::lags> lagged{};  ///< [slot][lag]
  std::array<float, forecast_shape::hidden> h{};
  std::array<float, forecast_shape::hidden> c{};
};

/// What the model says about the ticks ahead of one row, in standardised units.
struct forecast_result {
  /// Laplace location and log scale, [horizon][slot]. log_b is clamped to [-4, 4].
  std::array<std::array<float, forecast_shape::slots>, forecast_shape::horizons> mu{};
  std::array<std::array<float, forecast_shape::slots>, forecast_shape::horizons> log_b{};
  /// Supervised head: logit of the probability that a fault which builds up takes its full effect
  /// within 15 min. Learnt from simulated faults alone.
  float fault_logit = 0;
  std::array<float, forecast_shape::hidden> h{};
  std::array<float, forecast_shape::hidden> c{};
};

/// Which model decided: stands in every alert, snapshot and decision.
struct model_identity {
  std::string name;     ///< for example "lstm-h32"
  std::string version;  ///< human version from the model card
  std::string sha256;   ///< of the file, 64 hex digits
};

/// Scores rows of many entities in one pass. Weights are global; all state is in the rows.
///
/// Lives:  one per lane; created and used by one thread at a time.
/// Fails:  ec::model_failed when a row or a result is not finite; names the first such row. The
///         results of the other rows are whole and the same as without it.
/// Limits: at most capacity() rows a call; every pass runs in ONE padded shape (bands of 16 rows,
///         as many as needed), so the bits of a row depend neither on its place nor on its company,
///         whichever kernel the BLAS picks for the processor. A call of 1 to 16 rows costs about
///         the same.
class forecaster {
public:
  virtual ~forecaster() = default;
  virtual std::size_t capacity() const noexcept = 0;
  virtual const model_identity& identity() const noexcept = 0;
  /// results[i] answers rows[i]. @pre count <= capacity()
  virtual outcome<void> step(const forecast_row* const* rows, forecast_result* const* results,
                             std::size_t count) = 0;
};

/// Loads a model file (own format: magic, version, shapes, sha-256, floats) into LibTorch and warms
/// it up. @param batch the capacity, 1 to 65536 rows. @returns ec::model_failed with the reason.
outcome<std::unique_ptr<forecaster>> load_forecaster(const std::filesystem::path& file,
                                                     std::size_t batch);

}  // namespace faultline
