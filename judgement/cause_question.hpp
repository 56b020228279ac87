// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "judgement/correlator_core.hpp"
#include "judgement/root_cause.hpp"

namespace faultline {

/// What @p request asks, with a node for each candidate in its order, without the windows: those
/// are the entities' to tell.
rca_question question_of(const rca_request& request, role_table roles);

/// "cart" of "service/cart": what metrics call a peer.
std::string_view short_name(std::string_view entity) noexcept;

/// An edge between two nodes of a question, by their places in it.
struct placed_edge {
  std::size_t from = 0;
  std::size_t to = 0;
  const rca_edge* edge = nullptr;
};

/// The edges of which both ends are nodes, in their order; they point into @p question.
std::vector<placed_edge> placed_edges(const rca_question& question);

}  // namespace faultline
