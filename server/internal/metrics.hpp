// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/registry.h>

#include "actors/post_desk.hpp"
#include "server/listeners.hpp"

namespace faultline {

/// What the receivers of other protocols counted.
void add_receivers(prometheus::Registry& to, const post_desk& posts,
                   const listener_counters& listeners);

}  // namespace faultline
