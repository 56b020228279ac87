// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace faultline {

/// A bar on the error stream for work that takes longer than two seconds at a terminal; nothing
/// where the error stream is a pipe or a file. Cheap to call for every piece of work: the clock is
/// read on every call, the bar is drawn at most ten times a second.
class progress_bar {
public:
  /// @p total 0: not known, then it counts without a bar.
  progress_bar(std::string what, std::uint64_t total);
  ~progress_bar();
  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;

  /// @p done pieces so far; @p note stands behind the figures.
  void at(std::uint64_t done, const std::string& note = {});
  /// Wipes the bar, so that what follows begins on an empty line.
  void finish();
  bool visible() const noexcept { return visible_; }

private:
  using clock = std::chrono::steady_clock;
  std::string what_;
  std::uint64_t total_;
  bool terminal_;
  bool visible_ = false;
  clock::time_point start_;
  clock::time_point drawn_;
};

/// The line of the bar without colours or control characters, @p width columns at most.
/// @p elapsed gives rate and time left.
std::string progress_line(const std::string& what, std::uint64_t done, std::uint64_t total,
                          std::chrono::milliseconds elapsed, const std::string& note,
                          std::size_t width);

}  // namespace faultline
