// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "messages/outcome.hpp"
#include "tools/output.hpp"

namespace faultline {

/// One metric over time with the band it is expected in; NaN = missing. All of one length.
struct chart_series {
  std::vector<std::int64_t> ts;  ///< ms since 1970, ascending
  std::vector<double> values, lower, upper;
};

/// Reads an answer of `/entities/ID/window`.
outcome<chart_series> read_chart_series(const std::string& body);

/// A diagram in text: at most @p columns wide, @p rows lines and one of times. What is expected is
/// shaded; a value in the band is a block, one beyond it a triangle that points the way (and red
/// where there are colours). Ticks that share a column are drawn from the least to the largest.
/// Empty where nothing has a value.
std::string draw_chart(const chart_series& series, std::size_t columns, std::size_t rows,
                       const colours& c);

}  // namespace faultline
