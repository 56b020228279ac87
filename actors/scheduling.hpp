// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <caf/actor_system_config.hpp>
#include <caf/fwd.hpp>

#include "actors/options.hpp"

// In what order actors get a worker. Ten thousand entities that have a row each wait in one line;
// an alert on its way must not wait behind all of them at every hop.

namespace faultline {

/// Runs actors by run_queue on @p options.threads workers (0: one a core). Call it on a
/// configuration that no system has been made of.
void use_two_lines(caf::actor_system_config& config, const actor_options& options);

/// Whenever @p self has a message it goes before all that are not urgent. For the few through whom
/// everything passes. Call it on its own thread.
void be_urgent(caf::local_actor& self);

/// @p self is an entity: of these thousands wait in a row, and what one reads is in no cache when
/// its turn comes. A worker that takes some of them at once asks for it while those before run.
void be_foreseen(caf::local_actor& self);

/// Who gets a message from this thread while one of these lives is urgent once, when it was not in
/// line already. For threads outside the actor system.
class urgent_sends {
public:
  urgent_sends() noexcept;
  ~urgent_sends();
  urgent_sends(const urgent_sends&) = delete;
  urgent_sends& operator=(const urgent_sends&) = delete;

private:
  bool before_;
};

}  // namespace faultline
