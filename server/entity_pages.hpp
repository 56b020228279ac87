// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <caf/actor_system.hpp>

#include "actors/directory.hpp"
#include "dashboard/queries.hpp"

namespace faultline {

/// A page of the entities that @p what asks for, gathered from the owners of all partitions; @p all
/// outlives the answer. An entity that is gone before its row was asked for is left out.
/// Fails: as the first that does not answer. A page with a hole would pass for whole, and `next`
///        would have gone past the names that it lost.
void gather_entities(caf::actor_system& system, const partition_directory& all, list_question what,
                     answer<entity_page> done);

}  // namespace faultline
