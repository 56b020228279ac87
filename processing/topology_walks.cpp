// SPDX-License-Identifier: Apache-2.0
// Who is near whom, who calls whom: questions that walk the graph and change nothing.
#include <algorithm>
#include <utility>

#include "processing/topology.hpp"

namespace faultline {

bool dependency_graph::knows(std::string_view entity) const noexcept {
  return find(entity).has_value();
}

std::vector<near_entity> dependency_graph::neighbourhood(const std::vector<std::string>& from,
                                                         std::uint32_t steps,
                                                         std::size_t limit) const {
  std::vector<near_entity> found;
  std::vector<bool> seen(nodes_.size(), false);
  std::vector<node_index> ring;
  std::vector<std::string> start{from};
  std::sort(start.begin(), start.end());
  start.erase(std::unique(start.begin(), start.end()), start.end());
  for (const std::string& id : start) {
    found.push_back({id, 0});
    if (const auto n = find(id)) {
      seen[*n] = true;
      ring.push_back(*n);
    }
  }
  for (std::uint32_t step = 1; step <= steps && !ring.empty() && found.size() < limit; ++step) {
    std::vector<node_index> next;
    const auto visit = [&](node_index n) {
      if (seen[n]) return;
      seen[n] = true;
      next.push_back(n);
    };
    for (const node_index n : ring) {
      for (const node_index c : nodes_[n].callees) visit(c);
      for (const node_index c : nodes_[n].callers) visit(c);
    }
    const auto by_id = [&](node_index a, node_index b) { return nodes_[a].id < nodes_[b].id; };
    const std::size_t room = limit - found.size();
    if (next.size() > room) {  // a hub has more than anybody asks for
      std::partial_sort(next.begin(), next.begin() + static_cast<std::ptrdiff_t>(room), next.end(),
                        by_id);
      next.resize(room);
    } else {
      std::sort(next.begin(), next.end(), by_id);
    }
    for (const node_index n : next) found.push_back({nodes_[n].id, step});
    ring = std::move(next);
  }
  if (found.size() > limit) found.resize(limit);
  return found;
}

std::optional<std::uint32_t> dependency_graph::distance(std::string_view caller,
                                                        std::string_view callee,
                                                        std::uint32_t limit) const {
  if (caller == callee) return 0;
  const auto from = find(caller);
  const auto to = find(callee);
  if (!from || !to) return std::nullopt;
  std::vector<bool> seen(nodes_.size(), false);
  std::vector<node_index> ring{*from};
  seen[*from] = true;
  for (std::uint32_t step = 1; step <= limit && !ring.empty(); ++step) {
    std::vector<node_index> next;
    for (const node_index n : ring) {
      for (const node_index c : nodes_[n].callees) {
        if (c == *to) return step;
        if (!seen[c]) {
          seen[c] = true;
          next.push_back(c);
        }
      }
    }
    ring = std::move(next);
  }
  return std::nullopt;
}

std::vector<std::string> dependency_graph::dependents(std::string_view entity,
                                                      std::uint32_t steps) const {
  const auto n = find(entity);
  if (!n) return {std::string{entity}};
  std::vector<std::string> ids;
  std::set<node_index> seen{*n};
  std::vector<node_index> ring{*n};
  for (std::uint32_t step = 0; step < steps && !ring.empty(); ++step) {
    std::vector<node_index> next;
    for (const node_index at : ring)
      for (const node_index c : nodes_[at].callers)
        if (seen.insert(c).second) next.push_back(c);
    ring = std::move(next);
  }
  for (const node_index s : seen) ids.push_back(nodes_[s].id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::vector<std::string> dependency_graph::neighbours(std::string_view entity) const {
  std::vector<std::string> ids;
  const auto n = find(entity);
  if (!n) return ids;
  for (const node_index c : nodes_[*n].callees) ids.push_back(nodes_[c].id);
  for (const node_index c : nodes_[*n].callers) ids.push_back(nodes_[c].id);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

void dependency_graph::visit_neighbours(
    std::string_view entity, const std::function<void(const std::string&)>& visit) const {
  const auto n = find(entity);
  if (!n) return;
  for (const node_index c : nodes_[*n].callees) visit(nodes_[c].id);
  for (const node_index c : nodes_[*n].callers) visit(nodes_[c].id);
}

bool dependency_graph::has_neighbour(std::string_view entity) const {
  const auto n = find(entity);
  if (!n) return false;
  const auto is_other = [&](node_index other) { return other != *n; };
  const auto& of = nodes_[*n];
  return std::any_of(of.callees.begin(), of.callees.end(), is_other) ||
         std::any_of(of.callers.begin(), of.callers.end(), is_other);
}

std::vector<std::string> dependency_graph::nodes() const {
  std::vector<std::string> ids;
  ids.reserve(index_.size());
  for (const auto& [id, n] : index_) ids.push_back(id);
  return ids;
}

}  // namespace faultline
