// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "judgement/correlator_core_impl.hpp"

namespace faultline {

// The reach of an incident is kept, not searched for: an entity's steps only shrink while edges and
// members are added, each at most hops + 1 times, so a storm of alerts costs the graph a few times
// over and not once per alert.

// What is newly reached is looked at by name within each ring, for the order in which the graph has
// its neighbours is none: it is another one after a restart.
void correlator_core::impl::extend(incident_key key, const std::string& entity,
                                   std::uint32_t steps) {
  auto& reach = incidents.at(key).reach;
  std::vector<std::string> nearer, fresh;
  const auto shorten = [&](const std::string& id, std::uint32_t s) {
    const auto [at, added] = reach.try_emplace(id, s);
    if (!added && at->second <= s) return;
    at->second = s;
    nearer.push_back(id);
    if (!added) return;
    reached_by[id].insert(key);
    fresh.push_back(id);
  };
  if (steps <= options.hops) shorten(entity, steps);
  while (!nearer.empty()) {
    std::sort(fresh.begin(), fresh.end());
    for (std::string& id : fresh) newly_reached.emplace_back(key, std::move(id));
    fresh.clear();
    if (steps == options.hops) return;
    ++steps;
    for (const std::string& id : std::exchange(nearer, {}))
      graph.visit_neighbours(id, [&](const std::string& other) { shorten(other, steps); });
  }
}

/// Loose alerts of @p entity that fit @p key join it. @returns whether its onsets moved; @p left:
/// some did not fit.
bool correlator_core::impl::join_loose(incident_key key, const std::string& entity, bool& left) {
  const auto at = loose.find(entity);
  if (at == loose.end()) return false;
  const tracked_incident& i = incidents.at(key);
  const std::pair before{i.begins(), i.last_onset};
  const std::vector<std::string> waiting{at->second.begin(), at->second.end()};
  for (const std::string& id : waiting) {
    if (!takes_in(key, alerts.at(id).alert)) {
      left = true;
      continue;
    }
    join(key, id);
    mark_joined(key, id);
  }
  return std::pair{i.begins(), i.last_onset} != before;
}

/// Takes in what a wider reach touches: loose alerts join, incidents that fit merge. Both widen it
/// again, so this goes on until nothing new is touched; and an alert that did not fit is looked at
/// again when another, or a merger, has moved the onsets.
void correlator_core::impl::settle_newly_reached() {
  std::vector<std::pair<incident_key, std::string>> passed_over;
  while (!newly_reached.empty()) {
    const auto [key, entity] = std::move(newly_reached.front());
    newly_reached.pop_front();
    if (incidents.count(key) == 0) continue;  // merged: the survivor has reached it by itself
    incident_key survivor = key;
    bool grown = false;
    if (const auto by = reached_by.find(entity); by != reached_by.end()) {
      const std::vector<incident_key> others{by->second.begin(), by->second.end()};
      for (const incident_key other : others) {
        if (other == survivor || incidents.count(other) == 0) continue;
        const tracked_incident& o = incidents.at(other);
        const auto steps = o.reach.find(entity);
        const bool member = steps != o.reach.end() && steps->second == 0;
        if (!member || !fits(incidents.at(survivor), o)) continue;
        survivor = merge(survivor, other);
        grown = true;
      }
    }
    bool left = false;
    const bool moved = join_loose(survivor, entity, left);
    if (left) passed_over.emplace_back(survivor, entity);
    if (!moved && !grown) continue;
    for (auto& [of, what] : std::exchange(passed_over, {}))
      newly_reached.emplace_back(incidents.count(of) != 0 ? of : survivor, std::move(what));
  }
}

void correlator_core::impl::drop_reach(incident_key key) {
  auto& reach = incidents.at(key).reach;
  for (const auto& [entity, steps] : reach) {
    const auto at = reached_by.find(entity);
    if (at == reached_by.end()) continue;
    at->second.erase(key);
    if (at->second.empty()) reached_by.erase(at);
  }
  reach.clear();
}

void correlator_core::impl::rebuild_reach(incident_key key) {
  drop_reach(key);
  const tracked_incident& i = incidents.at(key);
  if (i.frozen) return;
  for (const std::string& entity : i.record.entities) extend(key, entity, 0);
}

}  // namespace faultline
