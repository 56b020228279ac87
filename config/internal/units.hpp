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

/// "0-3,6" as cores in order, each once. Nothing when it is no such list, or when a number is above
/// @p most_cores - 1.
std::optional<std::vector<std::uint16_t>> parse_cores(std::string_view text);
inline constexpr std::uint16_t most_cores = 1024;
/// The shortest way to say it: "0-3,6".
std::string show_cores(const std::vector<std::uint16_t>& cores);

/// The candidate that is nearest to @p word, when it is near enough to be meant.
std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string>& candidates);

}  // namespace faultline
