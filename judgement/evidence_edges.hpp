// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "judgement/evidence.hpp"

namespace faultline {

/// One measured call from a node to a peer that is in the question.
struct peer_metric {
  std::size_t from, to, metric;
  bool told;  ///< by spans

  const entity_window& window(const rca_question& q) const {
    return told ? *q.nodes[from].window.told : q.nodes[from].window;
  }
  const seen_series& series(const seen_question& seen) const {
    return (told ? seen.told : seen.series)[from][metric];
  }
};

/// The nodes that each node of @p q depends on, ascending.
std::vector<std::vector<std::size_t>> callees_in(const rca_question& q);

/// The node that the name of a metric of node @p from calls @p peer: by its whole name or its short
/// one, among those it depends on (@p near, ascending) before all others. A short name that may
/// stand for two is nobody's.
std::optional<std::size_t> peer_of(const rca_question& q, std::size_t from,
                                   const std::vector<std::size_t>& near, std::string_view peer);

/// Which of the metrics of node @p from, whose series are @p seen, measure calls to somebody in the
/// question; those go to @p calls. @p callees of that node; @p told: of its spans.
std::vector<bool> calls_in(const rca_question& q, std::size_t from, bool told,
                           const std::vector<seen_series>& seen,
                           const std::vector<std::size_t>& callees,
                           std::vector<peer_metric>& calls);

/// What the callers see of those they call beyond what these see of themselves (@p nodes), by
/// (from, to).
std::vector<edge_evidence> edges_of(const rca_question& q, const seen_question& seen,
                                    const std::vector<peer_metric>& calls,
                                    const evidence_weights& weights,
                                    const std::vector<node_evidence>& nodes);

}  // namespace faultline
