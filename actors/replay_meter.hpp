// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

namespace faultline {

/// How many records a second this machine applies when it has nothing else to wait for: what a
/// restart may count on. Fed with samples of the whole process, a few a second; only those count in
/// which there was always something to apply. Smoothed over about ten of them, and bounded.
class replay_meter {
public:
  static constexpr double least = 20'000;
  static constexpr double most = 2'000'000;

  explicit replay_meter(std::uint64_t first)
      : rate_{std::clamp(static_cast<double>(first), least, most)} {}

  struct sample {
    double seconds = 0;         ///< of wall clock since the sample before
    double cpu_seconds = 0;     ///< of the process in that time, all threads
    std::uint64_t applied = 0;  ///< records, since the process began
    bool busy = false;          ///< something waited to be applied just now
    bool recovering = false;    ///< and it was the log of an earlier life
  };

  /// @p cores of the machine. While the doors work beside it, the records are divided by the
  /// processor time they took and not by the clock: at a restart the doors are idle.
  void take(const sample& s, unsigned cores) noexcept {
    const auto grown = static_cast<double>(s.applied - before_.applied);
    const bool whole = s.busy && before_.busy && s.seconds > 0 && grown > 0;
    const double cpu = s.cpu_seconds / std::max(1U, cores);
    const double time = s.recovering || cpu <= 0 ? s.seconds : std::min(s.seconds, cpu);
    before_ = s;
    if (!whole) return;
    rate_ += (std::clamp(grown / time, least, most) - rate_) / 10;
  }
  std::uint64_t rate() const noexcept { return static_cast<std::uint64_t>(rate_); }

private:
  double rate_;
  sample before_;
};

}  // namespace faultline
