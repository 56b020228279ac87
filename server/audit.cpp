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

refusal_audit::refusal_audit(std::function<std::chrono::steady_clock::time_point()> now)
    : now_{std::move(now)}, log_{audit_log()} {}

refusal_audit::~refusal_audit() { tell_left_out(); }

void refusal_audit::refused(const http_request& request, int status) {
  if (request.method == "GET") return;
  const std::lock_guard<std::mutex> guard{mutex_};
  const auto at = now_();
  if (told_ == 0 || at - since_ >= std::chrono::minutes{1}) {
    tell_left_out();
    since_ = at;
    told_ = 0;
  }
  if (told_ == refusals_told) {
    ++left_out_;
    return;
  }
  ++told_;
  log_->info("audit {} status={}", who_asked(request), status);
}

void refusal_audit::tend() {
  const std::lock_guard<std::mutex> guard{mutex_};
  if (left_out_ != 0 && now_() - since_ >= std::chrono::minutes{1}) tell_left_out();
}

/// @pre who calls holds mutex_, or is the last
void refusal_audit::tell_left_out() {
  if (const auto n = std::exchange(left_out_, 0); n != 0) log_->info("audit left_out={}", n);
}

}  // namespace faultline
