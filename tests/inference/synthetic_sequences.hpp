// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "inference/forecaster_training.hpp"
#include "inference/internal/seeded_rng.hpp"

namespace faultline::test {

/// Standardised series of an entity that has some of the eight roles: a daily wave, a common load
/// that drives the roles with a lag each, autoregressive noise of its own pace, and now and then a
/// value that is missing or a tick that is late. Some entities have faults: a ramp, then not
/// usable.
inline training_sequence synthetic_sequence(std::size_t ticks, double tick_seconds,
                                            std::uint64_t seed) {
  constexpr std::size_t slots = forecast_shape::slots;
  constexpr double tau = 6.283185307179586;
  seeded_rng rng{seed};
  training_sequence out;
  out.tick_seconds = tick_seconds;
  out.entity_class = static_cast<float>(rng.uniform());
  const double phase = tau * rng.uniform();
  const double load_pace = rng.uniform(0.9, 0.99);
  std::array<double, slots> wave{}, gain{}, pace{}, own{}, at{};
  std::array<bool, slots> has{};
  std::array<std::size_t, slots> lag{};
  for (std::size_t s = 0; s < slots; ++s) {
    wave[s] = rng.uniform(0, 1.2);
    gain[s] = rng.uniform(-0.2, 0.9);
    pace[s] = rng.uniform(0, 0.97);
    own[s] = rng.uniform(0.2, 0.7);
    has[s] = rng.chance(0.75);
    lag[s] = rng.below(5);
  }
  std::vector<double> load;
  double now = 0;
  const bool faulty = rng.chance(0.3);
  const std::size_t fault_at = ticks / 2 + rng.below(ticks / 4 + 1);
  const auto ramp = static_cast<std::size_t>(1800 / tick_seconds) + 1;
  const auto soon = static_cast<std::size_t>(900 / tick_seconds) + 1;
  const std::size_t bad_role = rng.below(slots);
  for (std::size_t t = 0; t < ticks; ++t) {
    const double day = tau * static_cast<double>(t) * tick_seconds / 86400 + phase;
    now = load_pace * now + std::sqrt(1 - load_pace * load_pace) * rng.normal();
    load.push_back(now);
    training_tick tick;
    tick.in.sin_day = static_cast<float>(std::sin(day));
    tick.in.cos_day = static_cast<float>(std::cos(day));
    tick.in.log_dt = rng.chance(0.005) ? static_cast<float>(rng.uniform(0.7, 3)) : 0.0F;
    for (std::size_t s = 0; s < slots; ++s) {
      at[s] = pace[s] * at[s] + std::sqrt(1 - pace[s] * pace[s]) * rng.normal();
      const double common = t >= lag[s] ? load[t - lag[s]] : 0;
      double z =
          wave[s] * std::sin(day + static_cast<double>(s)) + gain[s] * common + own[s] * at[s];
      if (faulty && s == bad_role && t + ramp > fault_at && t < fault_at + ramp) {
        z += 6.0 * static_cast<double>(t + ramp - fault_at) / static_cast<double>(ramp);
      }
      if (!has[s] || rng.chance(0.01)) continue;
      tick.in.z[s] = static_cast<float>(z);
      tick.in.mask[s] = 1;
    }
    tick.usable = !(faulty && t >= fault_at && t < fault_at + ramp);
    tick.fault_soon = faulty && t + soon > fault_at && t < fault_at ? 1 : 0;
    if (!tick.usable) tick.fault_soon = -1;
    out.ticks.push_back(tick);
  }
  return out;
}

}  // namespace faultline::test
