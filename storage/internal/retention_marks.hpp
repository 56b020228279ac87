// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <vector>

#include "messages/time.hpp"

namespace faultline {

/// How old something numbered is, without a time in each row: now and then a mark says which number
/// was the newest at which time. 64 marks per retention, so what is removed is up to 1/64 older.
class retention_marks {
public:
  explicit retention_marks(std::chrono::seconds retention)
      : retention_{std::max(retention, std::chrono::seconds{1})} {}

  void set_retention(std::chrono::seconds retention) {
    retention_ = std::max(retention, std::chrono::seconds{1});
  }

  /// @p newest was the newest number at @p at.
  void add(arrival_time at, std::uint64_t newest) { marks_[at] = newest; }

  /// Whether it is time for another mark. Also when the clock was set back behind the last one.
  bool due(arrival_time now) const {
    return marks_.empty() || now < marks_.begin()->first ||
           now - marks_.rbegin()->first >= milliseconds{retention_} / 64;
  }

  /// Numbers below the result are older than retention; 0 when none are known to be.
  std::uint64_t reached(arrival_time now) const {
    std::uint64_t number = 0;
    for (const auto& [at, newest] : marks_) {
      if (now - at < retention_) break;
      number = std::max(number, newest);
    }
    return number;
  }

  /// Marks that a later one has made useless.
  std::vector<arrival_time> served(arrival_time now) const {
    std::vector<arrival_time> out;
    for (auto it = marks_.begin(); it != marks_.end(); ++it) {
      const auto next = std::next(it);
      if (next == marks_.end() || now - next->first < retention_) break;
      out.push_back(it->first);
    }
    return out;
  }
  void forget_served(arrival_time now) {
    for (const auto at : served(now)) marks_.erase(at);
  }

private:
  std::chrono::seconds retention_;
  std::map<arrival_time, std::uint64_t> marks_;
};

}  // namespace faultline
