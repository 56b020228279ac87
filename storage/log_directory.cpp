// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/log_directory.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace faultline {

void log_directory::add(log_segment segment) {
  const std::uint64_t number = segment.number;
  segments_.insert_or_assign(number, std::move(segment));
}

const log_segment* log_directory::find(std::uint64_t number) const {
  const auto it = segments_.find(number);
  return it == segments_.end() ? nullptr : &it->second;
}

std::vector<std::uint64_t> log_directory::holding(partition_id partition, log_position from) const {
  std::vector<std::uint64_t> out;
  for (auto it = segments_.begin(); it != segments_.end(); ++it) {
    const auto after = std::next(it);
    const bool before = after != segments_.end() && after->second.starts[partition] <= from;
    if (!before) out.push_back(it->first);
  }
  return out;
}

std::uint64_t log_directory::droppable_below(const std::vector<log_position>& first) const {
  if (segments_.empty()) return 0;
  std::uint64_t below = segments_.begin()->first;
  for (auto it = std::next(segments_.begin()); it != segments_.end(); ++it) {
    const auto& starts = it->second.starts;
    if (!std::equal(starts.begin(), starts.end(), first.begin(), std::less_equal<>{})) break;
    below = it->first;
  }
  return below;
}

void log_directory::drop_below(std::uint64_t number) {
  segments_.erase(segments_.begin(), segments_.lower_bound(number));
}

std::uint64_t log_directory::first_within(std::uint64_t bytes, std::uint64_t written) const {
  for (const auto& [number, segment] : segments_) {
    if (written - segment.bytes_before <= bytes) return number;
  }
  return segments_.empty() ? 0 : segments_.rbegin()->first;
}

}  // namespace faultline
