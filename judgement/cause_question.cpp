// SPDX-License-Identifier: Apache-2.0
#include "judgement/cause_question.hpp"

#include <map>
#include <string_view>
#include <utility>

namespace faultline {

rca_question question_of(const rca_request& request, role_table roles) {
  rca_question q;
  q.incident = request.incident;
  q.onset = request.onset;
  q.as_of = request.as_of;
  q.edges = request.edges;
  q.changes = request.changes;
  q.roles = std::move(roles);
  for (const auto& entity : request.candidates) {
    rca_node node;
    node.entity = entity;
    for (const auto& a : request.alerts)
      if (a.entity == entity) node.alerts.push_back(a);
    q.nodes.push_back(std::move(node));
  }
  return q;
}

std::string_view short_name(std::string_view entity) noexcept {
  const auto slash = entity.find('/');
  return slash == std::string_view::npos ? entity : entity.substr(slash + 1);
}

std::vector<placed_edge> placed_edges(const rca_question& question) {
  std::map<std::string_view, std::size_t> place;
  for (std::size_t n = 0; n < question.nodes.size(); ++n)
    place.emplace(question.nodes[n].entity, n);
  std::vector<placed_edge> placed;
  for (const rca_edge& e : question.edges) {
    const auto from = place.find(e.from);
    const auto to = place.find(e.to);
    if (from != place.end() && to != place.end()) placed.push_back({from->second, to->second, &e});
  }
  return placed;
}

}  // namespace faultline
