// SPDX-License-Identifier: Apache-2.0
#include "judgement/lone_correlator.hpp"

#include <utility>

#include "judgement/cause_question.hpp"

namespace faultline {

void lone_correlator::decide(decision d) {
  d.seq = ++seq;
  const auto said = core.apply(d);
  for (const auto& event : said.feed) on_feed(event);
  for (const auto& request : said.requests) explain(request);
}

void lone_correlator::explain(const rca_request& request) {
  auto q = question_of(request, roles);
  for (auto& node : q.nodes) node.window = window_of(node.entity, request.as_of);
  decision d;
  d.kind = decision_kind::root_cause;
  d.root_cause = find_root_cause(q, root_cause, runbooks, ranker);
  decide(std::move(d));
}

}  // namespace faultline
