// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>
#include <array>
#include <cstdint>

#include "actors/options.hpp"
#include "messages/outcome.hpp"

namespace faultline {

/// What Linux is asked for when more threads have work than there are cores (decision 0049).
enum class thread_turn : std::uint8_t {
  soon,   ///< has little to do each time, and somebody waits for it: it comes on at once
  whole,  ///< has much to do: it goes on with it, and does not push anybody aside
};

/// While one lives the calling thread has the name @p name, takes its turns as @p turn says and
/// runs on @p cores (empty: as before), and so do, for good, the threads it starts and those that
/// they start: Linux hands all three down. That is how threads of libraries are placed, too. Where
/// the system refuses one of them, everything works without it, and the log says so.
class placed {
public:
  /// @p name: at most 15 characters.
  placed(const char* name, const core_set& cores, thread_turn turn);
  ~placed();
  placed(const placed&) = delete;
  placed& operator=(const placed&) = delete;

private:
  /// `struct sched_attr` of Linux (sched_setattr(2)), its first version.
  struct scheduling {
    std::uint32_t size = 0;
    std::uint32_t policy = 0;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime_ns = 0;
    std::uint64_t deadline_ns = 0;
    std::uint64_t period_ns = 0;
  };

  void take_turns(const char* name, thread_turn turn);

  std::array<char, 16> name_before_{};
  cpu_set_t cores_before_{};
  scheduling turns_before_;
  bool moved_ = false;
  bool takes_turns_ = false;
};

/// Whether the process may run on every core that @p options names. Fails: ec::invalid, with the
/// key and the core.
outcome<void> check_placement(const placement_options& options);

}  // namespace faultline
