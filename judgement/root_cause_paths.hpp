// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "judgement/root_cause_text.hpp"

namespace faultline {

/// How trouble of @p r came to where it is felt: from it up the dependencies to the anomalous
/// entity farthest away, by a shortest way over anomalous ones. {r} alone when no caller is
/// anomalous.
std::vector<std::size_t> propagation_path(const cause_story& story, std::size_t r);

/// A second cause beside @p first, from evidence that is left over.
struct second_cause {
  std::size_t node = 0;
  double nats = 0;                    ///< beyond what the best of so many candidates has by chance
  std::vector<std::size_t> leftover;  ///< what it explains and @p first does not, itself included
};

/// Greedy: of all candidates that @p first does not reach and that do not reach it, the one that
/// explains most of what @p first leaves unexplained; nothing when that is worth less than 3 nats.
std::optional<second_cause> second_cause_beside(const cause_story& story, std::size_t first,
                                                const posterior_weights& weights);

}  // namespace faultline
