// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "judgement/correlator_core.hpp"
#include "judgement/root_cause.hpp"

namespace faultline {

/// What @p request asks, with a node for each candidate in its order, without the windows: those
/// are the entities' to tell.
rca_question question_of(const rca_request& request, role_table roles);

}  // namespace faultline
