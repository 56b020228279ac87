// SPDX-License-Identifier: Apache-2.0
// Dependencies that come, go and expire, and whom that concerns.
#include <algorithm>
#include <chrono>
#include <tuple>

#include "judgement/correlator_core_impl.hpp"

namespace faultline {

void correlator_core::impl::on_topology(const topology_change& t) {
  expire_edges(t.at);
  const auto done = draw(t);
  if (done != dependency_graph::change::added) return;
  // The newcomer may be known under another name already.
  for (const topology_change& same : graph.resolved_addresses(t.from, t.at)) draw(same);
}

/// Once an hour, edges that nobody has seen for a week go.
void correlator_core::impl::expire_edges(event_time at) {
  if (expired_at + std::chrono::hours{1} > at) return;
  expired_at = at;
  if (graph.expire(at - milliseconds{correlator_limits::edge_age_ms}) == 0) return;
  forget_covered();
  if (covers_dependents())
    for (const auto& [entity, ids] : by_entity) merged.insert(ids.begin(), ids.end());
  std::set<incident_key> all;
  for (const auto& [key, i] : incidents) all.insert(all.end(), key);
  reach_anew(all, {});
}

/// Who depends on whom has changed: whom windows cover with their dependents is looked for anew.
void correlator_core::impl::forget_covered() {
  covered.clear();
  covered_known = false;
}

/// Takes a sighting into the graph, and the incidents' reach with it.
dependency_graph::change correlator_core::impl::draw(const topology_change& t) {
  const auto done = graph.observe(t);
  if (done == dependency_graph::change::added) forget_covered();
  const auto reaching = [&](const std::string& entity) {
    const auto at = reached_by.find(entity);
    return at == reached_by.end() ? std::set<incident_key>{} : at->second;
  };
  mind_removal(t, done);
  if (done == dependency_graph::change::added) {
    for (const auto& [near, far] : {std::tie(t.from, t.to), std::tie(t.to, t.from)}) {
      for (const incident_key key : reaching(near)) {
        extend(key, far, incidents.at(key).reach.at(near) + 1);
      }
    }
    mark_dependents({t.from});
  }
  return done;
}

/// What reached over an edge that is gone is found anew.
void correlator_core::impl::mind_removal(const topology_change& t, dependency_graph::change done) {
  if (done != dependency_graph::change::removed) return;
  forget_covered();
  mark_dependents({t.from, t.to});
  if (covers_dependents())  // names may have gone with it, over which others depended
    for (const auto& [entity, ids] : by_entity) merged.insert(ids.begin(), ids.end());
  std::set<incident_key> keys;
  for (const std::string* entity : {&t.from, &t.to})
    if (const auto at = reached_by.find(*entity); at != reached_by.end())
      keys.insert(at->second.begin(), at->second.end());
  reach_anew(keys, {t.from, t.to});
}

/// Incidents in whose reach dependencies went, @p near these; empty: anywhere. Those that take
/// nobody in any more have no reach, and consequences all the same.
void correlator_core::impl::reach_anew(const std::set<incident_key>& keys,
                                       const std::vector<std::string>& near) {
  for (const incident_key key : keys) rebuild_reach(key);
  std::vector<incident_key> speaking;
  for (const auto& [key, i] : incidents)
    if (const ranked_cause* cause = speaker_of(key); cause != nullptr && is_near(*cause, near))
      speaking.push_back(key);
  for (const incident_key key : speaking) mark_members(key);
}

/// Whether a change of dependencies at one of @p near may be on a way from what @p cause speaks
/// for: the nearer end of each step of it is still within reach.
bool correlator_core::impl::is_near(const ranked_cause& cause,
                                    const std::vector<std::string>& near) const {
  return near.empty() || std::any_of(near.begin(), near.end(), [&](const std::string& entity) {
           return entity == cause.entity || graph.distance(entity, cause.entity, options.hops);
         });
}

/// The alerts of @p entities and of what depends on them are marked at the end of the decision,
/// where a cause may speak for them, or an open window cover them, by another way than before.
void correlator_core::impl::mark_dependents(const std::vector<std::string>& entities) {
  const bool covers = covers_dependents();
  if (by_entity.empty() || (!covers && !options.inhibit_consequences)) return;
  for (const std::string& entity : entities) {
    for (const std::string& dependent : graph.dependents(entity, options.hops)) {
      const auto at = by_entity.find(dependent);
      if (at == by_entity.end()) continue;
      for (const std::string& id : at->second)
        if (const auto t = alerts.find(id);
            t != alerts.end() && (covers || speaker_of(t->second.incident)))
          merged.insert(id);
    }
  }
}

}  // namespace faultline
