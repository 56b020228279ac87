// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "dashboard/life_cycle.hpp"
#include "dashboard/queries.hpp"
#include "dashboard/web_files.hpp"
#include "transport/http_server.hpp"

namespace faultline {

/// Ways in for what other programs send that the configuration leaves open: what is off is told to
/// nobody.
struct ways_in {
  bool remote_write = true;
  bool posted_alerts = true;
};

/// The REST API over @p answers and @p cycle, routes, validation of parameters and bodies, JSON,
/// and
/// @p page, which may be none: then "/" says so.
///
/// Lives:  both outlive the handler and every request under way.
/// Fails:  never by itself; errors are answers {error: {code, message}} with the fitting status.
/// Limits: changes sent by another site's page (Origin, Sec-Fetch-Site) are refused with 403.
http_handler make_rest_api(queries& answers, life_cycle& cycle,
                           std::shared_ptr<const web_files> page = nullptr, ways_in open = {});

/// The HTTP status that says @p code.
int http_status_of(ec code) noexcept;

}  // namespace faultline
