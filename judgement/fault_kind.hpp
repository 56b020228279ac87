// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>

#include "inference/ranker.hpp"
#include "judgement/evidence.hpp"
#include "judgement/posterior.hpp"

namespace faultline {

/// What kind of fault a cause has: the class whose own sign, and whose usual consequences, account
/// for most of what the entity shows. A processor that is taken makes calls late, a network that is
/// slow takes no processor: where both are seen, the first explains both. A sum of log likelihood
/// ratios as in posterior.hpp, with a chance for each consequence; of the ranker's opinion, nullptr
/// where there is none, @p ranker_weight is added. Nothing where no class has a sign of its own
/// that shows: what a processor brings with it names none that is calm, or not measured. A change
/// is named only where one is known.
/// @param r place of the entity in the question
std::optional<fault_class> kind_of_fault(const node_evidence& of, const cause_terms& terms,
                                         const ranker_scores* scores, std::size_t r,
                                         double ranker_weight);

}  // namespace faultline
