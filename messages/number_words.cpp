// SPDX-License-Identifier: Apache-2.0
#include "messages/number_words.hpp"

#include <cmath>
#include <cstdio>

namespace faultline {
namespace {

struct scale {
  double size;
  const char* name;
};
constexpr scale scales[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
constexpr double first_scaled = 1e4;
constexpr double last_scaled = 1e15;

/// Without an exponent where rounding to @p digits would come to one: 999.7 to three is 1000.
std::string significant(double value, int digits) {
  char text[48];
  const double size = std::abs(value);
  if (size >= std::pow(10.0, digits) - 0.5 && size < last_scaled)
    std::snprintf(text, sizeof text, "%.0f", value);
  else
    std::snprintf(text, sizeof text, "%.*g", digits, value);
  return text;
}

}  // namespace

std::string number_words(double value, int digits) {
  const double size = std::abs(value);
  if (!(size >= first_scaled && size < last_scaled)) return significant(value, digits);
  for (const scale& s : scales)
    if (size >= s.size) return significant(value / s.size, digits) + s.name;
  return significant(value, digits);
}

}  // namespace faultline
