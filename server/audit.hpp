// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>

#include "transport/http_server.hpp"

namespace faultline {

/// @p handler, with one line of the log for each request that may change something: who asked for
/// what from where, and what was answered. Never what stood in the body. Whatever log.level says.
http_handler audited(http_handler handler);

/// The same of requests that the doors refused, so that @p handler never heard of them. Anybody may
/// send these: of more than `refusals_told` within a minute the next line says how many were left
/// out. @p now: for tests.
inline constexpr unsigned refusals_told = 60;
http_refused audited_refusals(
    std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now);

}  // namespace faultline
