// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace faultline {

/// "250ms", "10s", "1h30m", "7d" in microseconds; a unit is required (us, ms, s, m, h, d, w).
std::optional<std::int64_t> parse_duration_us(std::string_view text) noexcept;
/// The shortest way to say it: "1h30m".
std::string show_duration_us(std::int64_t us);

/// "4096", "256KiB", "20GiB", "1.5MB" in bytes; decimal units are powers of 1000.
std::optional<std::uint64_t> parse_size(std::string_view text) noexcept;
std::string show_size(std::uint64_t bytes);

std::optional<double> parse_number(std::string_view text) noexcept;  ///< finite
std::optional<std::int64_t> parse_integer(std::string_view text) noexcept;
std::string show_number(double value);

/// The candidate that is nearest to @p word, when it is near enough to be meant.
std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string>& candidates);

}  // namespace faultline
