// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "actors/options.hpp"
#include "messages/decision.hpp"
#include "messages/time.hpp"

namespace faultline {

/// Steps of overload, from the mildest to the worst. More than one can hold; the worst is the name
/// of the whole.
enum class overload_step : std::uint8_t {
  none,
  lagging,   ///< half of ingest.max_lag_records wait
  degraded,  ///< ingest.degrade_lag_records wait: ticks are scored by the cheap views alone
  shedding,  ///< at a limit: acknowledged publishers get `retry`, others' events are shed
  no_space,  ///< below storage.min_free: nothing is taken
};
inline constexpr std::size_t overload_steps = 5;
const char* to_string(overload_step s) noexcept;

/// What the ladder looks at.
struct overload_reading {
  std::uint64_t lag = 0;
  bool has_space = true;
  std::uint64_t refused = 0;  ///< told to wait or shed for want of room, since start
  std::uint64_t shed = 0;     ///< events shed, since start
};

/// Which steps hold. A step begins at once and ends when what it began for has been well below its
/// mark for `calm`: so there is one notice per change and no flood of them.
///
/// Threads: look() on one thread, the rest on any.
class overload_ladder {
public:
  static constexpr milliseconds calm{3000};

  /// @p live: without it (processing.accept_past) nothing degrades, for what is in the past can
  /// wait.
  overload_ladder(const intake_options& limits, bool live);

  /// @returns a notice for each step that began or ended.
  std::vector<notice> look(const overload_reading& seen, arrival_time now);
  overload_step step() const noexcept;
  bool holds(overload_step s) const noexcept {
    return states_[static_cast<std::size_t>(s)].on.load(std::memory_order_relaxed);
  }
  /// How often @p s has begun, and for how long it has held, since start.
  std::uint64_t begun(overload_step s) const noexcept {
    return states_[static_cast<std::size_t>(s)].begun.load(std::memory_order_relaxed);
  }

private:
  struct step_state {
    std::atomic<bool> on{false};
    std::atomic<std::uint64_t> begun{0};
    arrival_time calm_since{};
    bool was_calm = false;
    arrival_time began{};
    std::uint64_t shed_at_begin = 0;
  };
  void judge(overload_step s, bool begins, bool is_calm, const overload_reading& seen,
             arrival_time now, std::vector<notice>& out);
  std::string begin_text(overload_step s, const overload_reading& seen) const;
  std::string end_text(overload_step s, const overload_reading& seen, arrival_time now) const;

  intake_options limits_;
  bool live_;
  std::uint64_t refused_ = 0;
  std::array<step_state, overload_steps> states_{};
};

}  // namespace faultline
