// SPDX-License-Identifier: Apache-2.0
#pragma once

// Private to the room: random numbers for training, the same on every platform for a seed.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace faultline {

/// SplitMix64 (Steele, Lea, Flood 2014).
class seeded_rng {
public:
  explicit seeded_rng(std::uint64_t seed) : state_{seed} {}

  std::uint64_t bits() noexcept {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  /// Uniform in [0, 1).
  double uniform() noexcept { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  double uniform(double low, double high) noexcept { return low + (high - low) * uniform(); }
  /// Uniform in [0, n). @pre n > 0
  std::size_t below(std::size_t n) noexcept { return static_cast<std::size_t>(bits() % n); }
  bool chance(double p) noexcept { return uniform() < p; }

  /// Mean 0, variance 1 (Box and Muller 1958).
  double normal() noexcept {
    if (std::exchange(have_spare_, false)) return spare_;
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    const double angle = 6.283185307179586 * uniform();
    spare_ = radius * std::sin(angle);
    have_spare_ = true;
    return radius * std::cos(angle);
  }

  template <class T>
  void shuffle(std::vector<T>& items) noexcept {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

private:
  std::uint64_t state_;
  double spare_ = 0;
  bool have_spare_ = false;
};

}  // namespace faultline
