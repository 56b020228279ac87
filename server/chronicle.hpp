// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "dashboard/queries.hpp"
#include "storage/store.hpp"

// What the decision log says in hindsight. All of it reads the store, so it blocks: not for actors
// or the HTTP thread.

namespace faultline {

/// What happened in and around @p i, in order: changes from an hour before on, transitions of its
/// alerts, causes found, words of operators.
/// Limits: looks at 50,000 decisions, tells 500 things.
/// Fails: as decision_log::read().
outcome<incident_story> story_of(store& memory, const incident& i);

/// Changes, notices and words about the entity @p id, from the newest back, and the incidents that
/// touch it.
/// Limits: looks at 20,000 decisions and 512 incidents, tells 200 things and 8 incidents.
/// Fails: as decision_log::read().
outcome<entity_story> story_of_entity(store& memory, const std::string& id);

/// Whether @p entity is affected by @p i, or its likeliest cause.
bool touches(const incident& i, std::string_view entity);
/// @p i in a list. @p alerts: those that fire now, as far as they are known; of others only the
/// number is told.
incident_outline outline_of(const incident& i, const std::map<std::string, const alert*>& alerts);

}  // namespace faultline
