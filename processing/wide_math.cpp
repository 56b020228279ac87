// SPDX-License-Identifier: Apache-2.0
#include "processing/wide_math.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>

#include "processing/wide.hpp"

namespace faultline {

namespace {

// ln 2 in two parts: a whole number of at most eleven bits times the first is exact.
constexpr double ln2_high = 0x1.62e42fefap-1;
constexpr double ln2_low = 0x1.cf79abc9e3b3ap-40;
constexpr double log2_e = 0x1.71547652b82fep+0;
/// Added to a double below 2^51 it leaves its nearest whole number in the lowest bits.
constexpr double rounder = 0x1.8p52;
constexpr std::uint64_t one_bits = 0x3ff0000000000000;
constexpr std::uint64_t half_root_bits = 0x3fe6a09e667f3bcd;  ///< of the root of 1/2
constexpr std::uint64_t mantissa_bits = 0x000fffffffffffff;

[[gnu::always_inline]] inline std::uint64_t bits_of(double x) noexcept {
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

[[gnu::always_inline]] inline double of_bits(std::uint64_t bits) noexcept {
  double x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

/// A polynomial, its highest coefficient first.
template <class... Coefficients>
[[gnu::always_inline]] inline double polynomial(double x, double sum,
                                                Coefficients... below) noexcept {
  ((sum = sum * x + below), ...);
  return sum;
}

/// exp for |x| <= 700: 2^k times the series of what is left, which is below ln 2 / 2.
[[gnu::always_inline]] inline double series_exp(double x) noexcept {
  const double shifted = x * log2_e + rounder;
  const double k = shifted - rounder;
  const double r = (x - k * ln2_high) - k * ln2_low;
  const double of_r = polynomial(r, 1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800,
                                 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
                                 1.0 / 120, 1.0 / 24, 1.0 / 6, 1.0 / 2, 1.0, 1.0);
  return of_r * of_bits((bits_of(shifted) << 52) + one_bits);
}

/// ln for 1 <= x, finite: k ln 2 and twice the series of artanh, whose argument is below 0.172.
[[gnu::always_inline]] inline double series_ln(double x) noexcept {
  const std::uint64_t moved = bits_of(x) + (one_bits - half_root_bits);
  const double k = of_bits((moved >> 52) | bits_of(0x1p52)) - (0x1p52 + 1023);
  const double m = of_bits((moved & mantissa_bits) + half_root_bits);
  const double s = (m - 1) / (m + 1);
  const double square = s * s;
  const double rest = polynomial(square, 1.0 / 23, 1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13,
                                 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3);
  return k * ln2_high + (2 * s + (2 * s * (square * rest) + k * ln2_low));
}

}  // namespace

FAULTLINE_WIDE
void sinh_all(double* z, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) {
    const double e = series_exp(z[i]);
    z[i] = 0.5 * (e - 1 / e);
  }
}

FAULTLINE_WIDE
void asinh_all(double* x, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) {
    const double a = std::fabs(x[i]);
    x[i] = std::copysign(series_ln(a + std::sqrt(a * a + 1)) + 0 * a, x[i]);  // NaN by the last
  }
}

}  // namespace faultline
