// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

namespace faultline {

/// Which publishers have deltas that no row includes yet, so that it is known which numbers can go.
/// Deltas are numbered by the append that wrote them.
class publisher_deltas {
public:
  /// Number of the newest append that carried deltas.
  std::uint64_t last() const noexcept { return last_; }
  void set_last(std::uint64_t number) noexcept { last_ = number; }

  /// A delta of @p publisher was written with @p number.
  void appended(const std::string& publisher, std::uint64_t number) {
    auto [it, is_new] = open_.try_emplace(publisher, span{number, number});
    if (!is_new) it->second.newest = number;
    if (number > last_) last_ = number;
  }

  /// A row of @p publisher that includes deltas up to @p through was written.
  void folded(const std::string& publisher, std::uint64_t through) {
    const auto it = open_.find(publisher);
    if (it == open_.end()) return;
    if (it->second.newest <= through) {
      open_.erase(it);
    } else if (it->second.oldest <= through) {
      it->second.oldest = through + 1;
    }
  }

  /// Every delta below the result is included in a row, once those of @p rows are written: what
  /// they include, by publisher.
  std::uint64_t needed_from(const std::map<std::string, std::uint64_t>& rows = {}) const {
    std::uint64_t lowest = last_ + 1;
    for (const auto& [publisher, deltas] : open_) {
      if (deltas.oldest >= lowest) continue;
      const auto row = rows.find(publisher);
      const std::uint64_t through = row == rows.end() ? 0 : row->second;
      if (deltas.newest <= through) continue;
      lowest = std::min(lowest, std::max(deltas.oldest, through + 1));
    }
    return lowest;
  }

private:
  struct span {
    std::uint64_t oldest;  ///< no smaller number is open
    std::uint64_t newest;
  };
  std::uint64_t last_ = 0;
  std::map<std::string, span> open_;
};

}  // namespace faultline
