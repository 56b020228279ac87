// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "messages/outcome.hpp"
#include "processing/maintenance_window.hpp"

namespace faultline {

/// Whether @p w is open at @p t. A recurring one begins on its weekdays at its local time; where
/// the clocks leap over that time, an hour later.
bool open_at(const maintenance_window& w, event_time t);
/// The first begin or end after @p t; event_time::max(): none.
event_time next_change(const maintenance_window& w, event_time t);
/// Whether @p entity is one of those it names (dependents left out).
bool names_entity(const maintenance_window& w, std::string_view entity);
/// Whether nothing is to be learned from @p entity at @p t.
bool learns_nothing(const std::vector<maintenance_window>& windows, std::string_view entity,
                    event_time t);

/// Whether it was so at some time of the span from @p from to @p to.
bool learned_nothing(const std::vector<maintenance_window>& windows, std::string_view entity,
                     event_time from, event_time to);

/// JSON array with all members, in a fixed order.
std::string windows_json(const std::vector<maintenance_window>& windows);
/// Fails: ec::malformed.
outcome<std::vector<maintenance_window>> read_windows_json(std::string_view text);

/// Those of the configuration @p configured, and of @p before those that operators have said and
/// that are not over at @p now. A name of the configuration wins.
std::vector<maintenance_window> merged_windows(std::vector<maintenance_window> configured,
                                               const std::vector<maintenance_window>& before,
                                               event_time now);

}  // namespace faultline
