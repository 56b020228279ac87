// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/http_server.hpp"

namespace faultline {

/// @p handler, with one line of the log for each request that may change something: who asked for
/// what from where, and what was answered. Never what stood in the body. Whatever log.level says.
http_handler audited(http_handler handler);

}  // namespace faultline
