// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "processing/tick_builder.hpp"

namespace faultline {

/// Beyond so many channels no new one is made of counters of histograms: the rest is for what is
/// sent.
inline constexpr std::size_t most_made_channels = 192;

/// The other two names of a counter that sums up what something took.
struct mean_names {
  std::string count;  ///< of the counter that says how often
  std::string mean;   ///< of what it took each time
};
/// Of NAME.sum (or NAME_sum, with a unit and labels behind it) NAME.count and NAME.mean; where its
/// unit is a time and nothing else in it says so, NAME.latency.mean: a latency, by the words of
/// roles. Nothing for other names, nor where the mean would have too long a one.
std::optional<mean_names> mean_names_of(std::string_view sum);

/// In the @p nth tick that waits, of each pair of counters as histograms and summaries have them
/// what one took on average in this tick: a channel of its own. None where nothing was counted.
/// @pre nth < ticks.waiting_ticks()
void derive_means(tick_builder& ticks, std::size_t nth);

}  // namespace faultline
