// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "lab/rng.hpp"
#include "lab/simulator.hpp"

namespace faultline {

/// How much of a fault shows, 0 to 1, when @p over of its ramp is over, 0 to 1. Nothing of one that
/// comes and goes: its bursts say it.
inline std::optional<double> ramp_at(fault_shape form, double over) noexcept {
  switch (form) {
    case fault_shape::abrupt:
      return 1;
    case fault_shape::linear:
      return over;
    case fault_shape::exponential:
      return (portable_exp(4 * over) - 1) / (portable_exp(4) - 1);
    case fault_shape::intermittent:
      break;
  }
  return std::nullopt;
}

}  // namespace faultline
