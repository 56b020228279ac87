// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "judgement/correlator_core_impl.hpp"
#include "judgement/maintenance.hpp"

namespace faultline {

// Windows come with the rules and open and close by event time. Whom a window covers besides those
// it names is a function of the graph; it is looked up again when either has changed.

void correlator_core::impl::take_windows(const std::vector<maintenance_window>& fresh) {
  if (windows_json(fresh) == windows_json(windows)) return;
  windows = fresh;
  plan_windows();
  mark_all();
}

void correlator_core::impl::plan_windows() {
  covered.clear();
  covered_known = false;
  window_due = event_time::max();
  for (const maintenance_window& w : windows)
    window_due = std::min(window_due, next_change(w, now));
}

/// @returns whether one has opened or closed.
bool correlator_core::impl::pass_windows() {
  if (window_due > now) return false;
  plan_windows();
  return true;
}

bool correlator_core::impl::covers_dependents() const {
  return std::any_of(windows.begin(), windows.end(), [this](const maintenance_window& w) {
    return w.dependents && open_at(w, now);
  });
}

/// Entities that depend on those whom an open window names, with the names of such windows.
void correlator_core::impl::find_covered() {
  covered_known = true;
  std::vector<const maintenance_window*> open;
  for (const maintenance_window& w : windows)
    if (w.dependents && open_at(w, now)) open.push_back(&w);
  if (open.empty()) return;
  std::map<std::string, std::vector<std::string>> callers;
  for (const dependency_edge& e : graph.edges()) callers[e.to].push_back(e.from);
  for (const maintenance_window* w : open) {
    std::vector<std::string> at;
    for (const auto& [id, unused] : callers)
      if (names_entity(*w, id)) at.push_back(id);
    std::set<std::string> seen{at.begin(), at.end()};
    for (std::uint32_t step = 0; step < options.hops && !at.empty(); ++step) {
      std::vector<std::string> next;
      for (const std::string& id : at) {
        const auto found = callers.find(id);
        if (found == callers.end()) continue;
        for (const std::string& caller : found->second) {
          if (!seen.insert(caller).second) continue;
          covered[caller].insert(w->name);
          next.push_back(caller);
        }
      }
      at = std::move(next);
    }
  }
}

/// Names of the windows that cover @p entity now, in order.
std::vector<std::string> correlator_core::impl::windows_over(const std::string& entity) {
  if (windows.empty()) return {};
  if (!covered_known) find_covered();
  std::set<std::string> names;
  for (const maintenance_window& w : windows)
    if (names_entity(w, entity) && open_at(w, now)) names.insert(w.name);
  if (const auto at = covered.find(entity); at != covered.end())
    names.insert(at->second.begin(), at->second.end());
  return {names.begin(), names.end()};
}

}  // namespace faultline
