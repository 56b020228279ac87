// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <random>

namespace faultline::sim {

/// Everything that is left to chance, from one seed. The same on every machine: the standard's
/// distributions are not.
class chance {
public:
  explicit chance(std::uint64_t seed) : engine_{seed} {}
  /// 0 to @p n - 1. @pre n > 0
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  /// True once in @p n times.
  bool one_in(std::uint64_t n) { return below(n) == 0; }

private:
  std::mt19937_64 engine_;
};

}  // namespace faultline::sim
