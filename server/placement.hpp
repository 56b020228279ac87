// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>
#include <array>

#include "actors/options.hpp"
#include "messages/outcome.hpp"

namespace faultline {

/// While one lives the calling thread has the name @p name and runs on @p cores (empty: as before),
/// and so do, for good, the threads it starts and those that they start: Linux hands both down.
/// That is how threads of libraries are placed, too.
class placed {
public:
  /// @p name: at most 15 characters.
  placed(const char* name, const core_set& cores);
  ~placed();
  placed(const placed&) = delete;
  placed& operator=(const placed&) = delete;

private:
  std::array<char, 16> name_before_{};
  cpu_set_t cores_before_{};
  bool moved_ = false;
};

/// Whether the process may run on every core that @p options names. Fails: ec::invalid, with the
/// key and the core.
outcome<void> check_placement(const placement_options& options);

}  // namespace faultline
