// SPDX-License-Identifier: Apache-2.0
#include "judgement/correlator_core_impl.hpp"

namespace faultline {

// The reach of an incident is kept, not searched for: an entity's steps only shrink while edges and
// members are added, each at most hops + 1 times, so a storm of alerts costs the graph a few times
// over and not once per alert.

void correlator_core::impl::extend(incident_key key, const std::string& entity,
                                   std::uint32_t steps) {
  auto& reach = incidents.at(key).reach;
  const auto shorten = [&](const std::string& id, std::uint32_t s) {
    const auto [at, fresh] = reach.try_emplace(id, s);
    if (!fresh && at->second <= s) return false;
    at->second = s;
    if (fresh) {
      reached_by[id].insert(key);
      newly_reached.emplace_back(key, id);
    }
    return true;
  };
  std::vector<std::string> ring;
  if (steps <= options.hops && shorten(entity, steps)) ring.push_back(entity);
  while (!ring.empty() && steps < options.hops) {
    ++steps;
    std::vector<std::string> next;
    for (const std::string& id : ring) {
      graph.visit_neighbours(id, [&](const std::string& other) {
        if (shorten(other, steps)) next.push_back(other);
      });
    }
    ring = std::move(next);
  }
}

/// Takes in what a wider reach touches: loose alerts join, incidents that fit merge. Both widen it
/// again, so this goes on until nothing new is touched.
void correlator_core::impl::settle_newly_reached() {
  while (!newly_reached.empty()) {
    const auto [key, entity] = std::move(newly_reached.front());
    newly_reached.pop_front();
    if (incidents.count(key) == 0) continue;  // merged: the survivor has reached it by itself
    incident_key survivor = key;
    if (const auto by = reached_by.find(entity); by != reached_by.end()) {
      const std::vector<incident_key> others{by->second.begin(), by->second.end()};
      for (const incident_key other : others) {
        if (other == survivor || incidents.count(other) == 0) continue;
        const tracked_incident& o = incidents.at(other);
        const auto steps = o.reach.find(entity);
        const bool member = steps != o.reach.end() && steps->second == 0;
        if (member && fits(incidents.at(survivor), o)) survivor = merge(survivor, other);
      }
    }
    const auto at = loose.find(entity);
    if (at == loose.end()) continue;
    const std::vector<std::string> waiting{at->second.begin(), at->second.end()};
    for (const std::string& id : waiting) {
      if (!fits(incidents.at(survivor), alerts.at(id).alert.started)) continue;
      join(survivor, id);
      if (speaker_of(survivor) != nullptr) merged.insert(id);
    }
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
