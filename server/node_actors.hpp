// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <caf/actor.hpp>

#include "actors/interfaces.hpp"

namespace faultline {

/// The actors of a node, in the order they are born: from the last hop to the first, so that each
/// is born with its peers. They end in the reverse order. The owners of partitions and the entities
/// are the supervisor's, and end with it.
struct node_actors {
  librarian_actor librarian;         ///< reads the store
  librarian_actor second_librarian;  ///< of every other partition
  disk_actor disk;                   ///< waits for the disk while the keeper writes on
  keeper_actor keeper;               ///< writes what was decided
  keeper_actor keeper_door;          ///< to it, for who asks from outside
  rca_worker_actor rca_worker;       ///< ranks causes
  rca_actor rca;                     ///< asks the neighbours of an incident, then the worker
  correlator_actor correlator;
  supervisor_actor supervisor;

  /// Those without whom nothing works, of what is born before the supervisor.
  std::vector<caf::actor> vital() const;
  /// Tells them to end, and holds none of them any more.
  void end();
};

}  // namespace faultline
