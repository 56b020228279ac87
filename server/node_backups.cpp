// SPDX-License-Identifier: Apache-2.0
#include <caf/event_based_actor.hpp>

#include "server/node_queries.hpp"

namespace faultline {

// A copy takes as long as the disk does: each is made on a thread of its own.
void node_queries::make_backup(answer<backup_state> done) {
  system_.spawn<caf::detached>(
      [desk = parts_.backups, done](caf::event_based_actor*) { done(desk->make()); });
}

void node_queries::backup(answer<backup_state> done) { done(parts_.backups->state()); }

void node_queries::drop_backup(answer<backup_state> done) {
  system_.spawn<caf::detached>(
      [desk = parts_.backups, done](caf::event_based_actor*) { done(desk->drop()); });
}

}  // namespace faultline
