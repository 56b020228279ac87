// SPDX-License-Identifier: Apache-2.0
#include "lab/rng.hpp"

#include <cmath>
#include <cstring>

namespace faultline {

namespace {

constexpr double ln2_high = 0x1.62e42fee00000p-1;  // ln 2 in two parts: n * high is exact
constexpr double ln2_low = 0x1.a39ef35793c76p-33;
constexpr double pi = 0x1.921fb54442d18p+1;

std::uint64_t bits_of(double x) noexcept {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

double double_of(std::uint64_t bits) noexcept {
  double x = 0;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

double power_of_two(int n) noexcept {  // -1022 <= n <= 1023
  return double_of(static_cast<std::uint64_t>(n + 1023) << 52);
}

std::uint64_t split_mix(std::uint64_t& state) noexcept {
  std::uint64_t z = state += 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace

double portable_exp(double x) noexcept {
  if (x < -700) return 0;
  if (x > 700) x = 700;
  const double n = std::floor(x / (ln2_high + ln2_low) + 0.5);
  const double r = (x - n * ln2_high) - n * ln2_low;  // |r| <= 0.35
  double sum = 1;
  for (int k = 13; k >= 1; --k) sum = 1 + r * sum / k;
  return sum * power_of_two(static_cast<int>(n));
}

double portable_log(double x) noexcept {
  const std::uint64_t bits = bits_of(x);
  int exponent = static_cast<int>((bits >> 52) & 0x7ff) - 1023;
  double m = double_of((bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL);
  if (m > 1.4142135623730951) {
    m /= 2;
    ++exponent;
  }
  const double t = (m - 1) / (m + 1);  // ln m = 2 (t + t^3/3 + t^5/5 ...), |t| < 0.172
  const double t2 = t * t;
  double sum = 0;
  for (int k = 19; k >= 1; k -= 2) sum = sum * t2 + 1.0 / k;
  return exponent * ln2_high + (2 * t * sum + exponent * ln2_low);
}

double portable_sin_turns(double x) noexcept {
  double turn = x - std::floor(x + 0.5);  // [-0.5, 0.5)
  if (turn > 0.25) turn = 0.5 - turn;
  if (turn < -0.25) turn = -0.5 - turn;
  const double a = 2 * pi * turn;
  const double a2 = a * a;
  double sum = 1;
  for (int k = 20; k >= 2; k -= 2) sum = 1 - a2 * sum / (k * (k + 1));
  return a * sum;
}

random_source::random_source(std::uint64_t seed) noexcept { fill(seed); }

random_source::random_source(std::uint64_t seed, std::string_view name,
                             std::uint64_t index) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325ULL ^ seed;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  std::uint64_t state = hash ^ (seed * 0x9e3779b97f4a7c15ULL);
  const std::uint64_t mixed = split_mix(state);
  fill(mixed + index * 0xd1342543de82ef95ULL);
}

void random_source::fill(std::uint64_t seed) noexcept {
  for (auto& word : state_) word = split_mix(seed);
}

std::uint64_t random_source::below(std::uint64_t count) noexcept {
  const std::uint64_t limit = ~std::uint64_t{0} - ~std::uint64_t{0} % count;
  std::uint64_t drawn = next();
  while (drawn >= limit) drawn = next();
  return drawn % count;
}

double random_source::normal() noexcept {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  double a = 0, b = 0, size = 0;
  do {
    a = 2 * uniform() - 1;
    b = 2 * uniform() - 1;
    size = a * a + b * b;
  } while (size >= 1 || size == 0);
  const double scale = std::sqrt(-2 * portable_log(size) / size);
  spare_ = b * scale;
  has_spare_ = true;
  return a * scale;
}

double random_source::exponential(double mean) noexcept {
  return -mean * portable_log(1 - uniform());
}

double random_source::poisson(double mean) noexcept {
  if (mean >= 64) {
    const double drawn = std::floor(mean + std::sqrt(mean) * normal() + 0.5);
    return drawn > 0 ? drawn : 0;
  }
  const double stop = portable_exp(-mean);
  double product = uniform();
  double count = 0;
  for (; product > stop; ++count) product *= uniform();
  return count;
}

}  // namespace faultline
