// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace faultline {

// Elementary functions from + - * / alone, accurate to a few units in the last place: the C
// library's differ between platforms, and a seed must mean the same bytes everywhere.
double portable_exp(double x) noexcept;
double portable_log(double x) noexcept;  ///< @pre x > 0
/// sin(2 pi x)
double portable_sin_turns(double x) noexcept;

/// Random numbers that are the same on every machine: xoshiro256** (Blackman and Vigna, 2018),
/// seeded through splitmix64. Not for secrets.
class random_source {
public:
  explicit random_source(std::uint64_t seed) noexcept;
  /// A stream of its own for every (seed, name): drawing from one never shifts another.
  random_source(std::uint64_t seed, std::string_view name, std::uint64_t index = 0) noexcept;

  std::uint64_t next() noexcept {
    const std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = rotate(state_[3], 45);
    return result;
  }

  /// In [0, 1).
  double uniform() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  double uniform(double low, double high) noexcept { return low + (high - low) * uniform(); }
  /// In 0 .. count - 1. @pre count > 0
  std::uint64_t below(std::uint64_t count) noexcept;
  bool chance(double probability) noexcept { return uniform() < probability; }
  /// Standard normal (Marsaglia's polar method).
  double normal() noexcept;
  /// @pre mean > 0
  double exponential(double mean) noexcept;
  /// Counts with @p mean; a rounded normal from 64 on. @pre mean >= 0
  double poisson(double mean) noexcept;

private:
  static constexpr std::uint64_t rotate(std::uint64_t x, int k) noexcept {
    return (x << k) | (x >> (64 - k));
  }
  void fill(std::uint64_t seed) noexcept;

  std::array<std::uint64_t, 4> state_{};
  double spare_ = 0;
  bool has_spare_ = false;
};

}  // namespace faultline
