// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace faultline {

/// log2 of a positive, finite, normal float; absolute error below 2e-5. Loops over it vectorise.
inline float fast_log2(float x) noexcept {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const auto exponent = static_cast<std::int32_t>(bits >> 23) - 127;
  bits = (bits & 0x007fffffu) | 0x3f800000u;
  float m;
  std::memcpy(&m, &bits, sizeof m);
  // (m - 1) q(m): exact at both ends of [1, 2), so that the whole is continuous.
  const float q =
      3.1116303f +
      m * (-3.3095852f + m * (2.5786199f + m * (-1.2177429f + m * (0.3135813f - m * 0.0338220f))));
  return static_cast<float>(exponent) + (m - 1.0f) * q;
}

inline float fast_ln(float x) noexcept { return 0.69314718f * fast_log2(x); }

/// asinh for |x| <= 1e15; absolute error below 2e-5, odd.
inline float fast_asinh(float x) noexcept {
  const float a = std::fabs(x);
  return std::copysign(fast_ln(a + std::sqrt(a * a + 1.0f)), x);
}

/// std::sinh, an exponential cheaper: absolute error below 1e-15 (1 + |sinh z|). |z| <= 40.
inline double quick_sinh(double z) noexcept {
  const double e = std::exp(z);
  return 0.5 * (e - 1 / e);
}

/// std::asinh, likewise, for |x| <= 1e150; absolute error below 1e-15 (1 + |asinh x|).
inline double quick_asinh(double x) noexcept {
  const double a = std::fabs(x);
  return std::copysign(std::log(a + std::sqrt(a * a + 1)), x);
}

/// @p x in [low, high].
inline float clamped(float x, float low, float high) noexcept {
  return x < low ? low : (x > high ? high : x);
}

}  // namespace faultline
