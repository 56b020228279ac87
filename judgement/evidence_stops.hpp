// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "judgement/evidence_edges.hpp"

namespace faultline {

/// Calls that came in nearly every tick and have not for some ticks, while their caller goes on
/// working. Who returns early, or fails before it comes so far, is seen by whom it does not call:
/// the callee itself shows nothing. By (from, to). @p calls as of calls_in().
std::vector<stopped_calls> stops_of(const rca_question& q, const seen_question& seen,
                                    const std::vector<peer_metric>& calls,
                                    const evidence_weights& weights);

}  // namespace faultline
