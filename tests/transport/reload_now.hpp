// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "messages/outcome.hpp"
#include "transport/reload_step.hpp"

namespace faultline::testing {

/// What a server does with a reload of one part alone.
template <class Changes>
outcome<Changes> in_force(outcome<reload_step<Changes>> step) {
  if (!step) return step.error();
  step->put_in_force();
  return std::move(step->changes);
}

}  // namespace faultline::testing
