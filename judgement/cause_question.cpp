// SPDX-License-Identifier: Apache-2.0
#include "judgement/cause_question.hpp"

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

}  // namespace faultline
