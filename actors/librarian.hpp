// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <caf/typed_event_based_actor.hpp>

#include "actors/interfaces.hpp"

namespace faultline {

/// @p from outlives the actor. Spawn it detached: it blocks in the store.
librarian_actor::behavior_type librarian(librarian_actor::pointer self, store* from);

/// Reads what a partition needs to begin again; the recorded decisions are those a snapshot may not
/// know of. For the librarian and for tests.
outcome<partition_image> read_partition_image(store& from, const load_partition& what);
outcome<entity_image> read_entity_image(store& from, const load_entity& what);

}  // namespace faultline
