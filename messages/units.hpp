// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace faultline {

/// "s" of "ms", "By" and the like of UCUM as the word that metric names carry; empty: no unit.
std::string_view unit_word(std::string_view ucum) noexcept;
/// The unit that stands in a metric's name ("seconds", "bytes", "percent"), or nothing.
std::string_view unit_of(std::string_view metric) noexcept;
/// Whether any word of @p metric is a unit, of the whole or of a part of it.
bool names_a_unit(std::string_view metric) noexcept;
/// "seconds", "milliseconds" and the like.
bool is_time_unit(std::string_view word) noexcept;
/// What stands behind a value of this unit in a sentence: " milliseconds", of what a counter counts
/// " bytes per second"; nothing of a ratio, or where there is no unit.
std::string unit_behind(std::string_view word, bool per_second);

}  // namespace faultline
