// SPDX-License-Identifier: Apache-2.0
#include "server/audit.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>

namespace faultline {

http_handler audited(http_handler handler) {
  return [handler = std::move(handler)](http_request request, http_responder respond) {
    if (request.method == "GET") return handler(std::move(request), std::move(respond));
    // The path is raw: percent-encoded, so it has neither blanks nor control characters.
    std::string who = "user=" + (request.user.empty() ? "-" : request.user) +
                      " role=" + (request.user.empty() ? "-" : to_string(request.role)) +
                      " address=" + request.address + " method=" + request.method +
                      " path=" + request.path.substr(0, 256);
    std::replace_if(
        who.begin(), who.end(), [](unsigned char c) { return c < ' ' || c > '~'; }, '?');
    handler(std::move(request),
            [who = std::move(who), respond = std::move(respond)](http_response response) {
              spdlog::info("audit {} status={}", who, response.status);
              respond(std::move(response));
            });
  };
}

}  // namespace faultline
