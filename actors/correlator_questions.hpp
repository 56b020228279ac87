// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "actors/interfaces.hpp"

// What of the correlator's view is asked for: each part is a copy.

namespace faultline {

inline correlator_question alerts_and_incidents() {
  correlator_question q;
  q.topology = false;
  return q;
}

inline correlator_question alerts_and_topology() {
  correlator_question q;
  q.incidents = false;
  return q;
}

/// @p alerts: those that fire, too.
inline correlator_question silences_and(bool alerts) {
  correlator_question q;
  q.alerts = alerts;
  q.incidents = q.topology = false;
  q.silences = true;
  return q;
}

/// Nothing but that decision @p number is folded: answered then.
inline correlator_question folded_through(std::uint64_t number) {
  correlator_question q;
  q.alerts = q.incidents = q.topology = false;
  q.from = number;
  return q;
}

}  // namespace faultline
