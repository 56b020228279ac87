// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "judgement/evidence.hpp"
#include "judgement/posterior.hpp"

namespace faultline {

/// All that stands behind one candidate's sentences.
struct cause_story {
  const rca_question& question;
  const evidence& seen;
  const reach_table& passing;
  const cause_posterior& posterior;
  const ranker_scores* scores = nullptr;  ///< nullptr: the ranker took no part
};

/// Names of nodes for a sentence; of many the first, and how many more there are.
std::string some_names(const rca_question& question, const std::vector<std::size_t>& nodes);

/// Writes the terms of candidate @p r as sentences with numbers: what speaks for it into
/// `evidence`, what speaks against it into `counter_evidence`, each by falling weight.
void tell_cause(const cause_story& story, std::size_t r, ranked_cause& cause);

}  // namespace faultline
