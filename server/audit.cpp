// SPDX-License-Identifier: Apache-2.0
#include "server/audit.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>

namespace faultline {

http_handler audited(http_handler handler) {
  // Where the log goes, whatever of it log.level leaves out.
  auto log = spdlog::default_logger()->clone("audit");
  log->set_level(spdlog::level::info);
  return [handler = std::move(handler), log = std::move(log)](http_request request,
                                                              http_responder respond) {
    if (request.method == "GET") return handler(std::move(request), std::move(respond));
    // The path is raw: percent-encoded, so it has neither blanks nor control characters.
    std::string who = "user=" + (request.user.empty() ? "-" : request.user) +
                      " role=" + (request.user.empty() ? "-" : to_string(request.role)) +
                      " address=" + request.address + " method=" + request.method +
                      " path=" + request.path.substr(0, 256);
    std::replace_if(
        who.begin(), who.end(), [](unsigned char c) { return c < ' ' || c > '~'; }, '?');
    handler(std::move(request),
            [who = std::move(who), log, respond = std::move(respond)](http_response response) {
              log->info("audit {} status={}", who, response.status);
              respond(std::move(response));
            });
  };
}

}  // namespace faultline
