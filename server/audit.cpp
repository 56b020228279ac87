// SPDX-License-Identifier: Apache-2.0
#include "server/audit.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace faultline {

namespace {

/// Where the log goes, whatever of it log.level leaves out.
std::shared_ptr<spdlog::logger> audit_log() {
  auto log = spdlog::default_logger()->clone("audit");
  log->set_level(spdlog::level::info);
  return log;
}

/// The path is raw: percent-encoded, so it has neither blanks nor control characters.
std::string who_asked(const http_request& request) {
  std::string who = "user=" + (request.user.empty() ? "-" : request.user) +
                    " role=" + (request.user.empty() ? "-" : to_string(request.role)) +
                    " address=" + request.address + " method=" + request.method.substr(0, 16) +
                    " path=" + request.path.substr(0, 256);
  std::replace_if(
      who.begin(), who.end(), [](unsigned char c) { return c < ' ' || c > '~'; }, '?');
  return who;
}

/// How many lines there may be in the minute that has begun.
struct told_refusals {
  std::chrono::steady_clock::time_point since{};
  unsigned told = 0;
  std::uint64_t left_out = 0;
};

}  // namespace

http_handler audited(http_handler handler) {
  return [handler = std::move(handler), log = audit_log()](http_request request,
                                                           http_responder respond) {
    if (request.method == "GET") return handler(std::move(request), std::move(respond));
    auto who = who_asked(request);
    handler(std::move(request),
            [who = std::move(who), log, respond = std::move(respond)](http_response response) {
              log->info("audit {} status={}", who, response.status);
              respond(std::move(response));
            });
  };
}

http_refused audited_refusals(std::function<std::chrono::steady_clock::time_point()> now) {
  return [now = std::move(now), log = audit_log(), minute = std::make_shared<told_refusals>()](
             const http_request& request, int status) {
    if (request.method == "GET") return;
    const auto at = now();
    if (minute->told == 0 || at - minute->since >= std::chrono::minutes{1}) {
      minute->since = at;
      minute->told = 0;
    }
    if (minute->told == refusals_told) {
      ++minute->left_out;
      return;
    }
    ++minute->told;
    std::string line = who_asked(request) + " status=" + std::to_string(status);
    if (const auto n = std::exchange(minute->left_out, 0); n != 0)
      line += " left_out_before=" + std::to_string(n);
    log->info("audit {}", line);
  };
}

}  // namespace faultline
