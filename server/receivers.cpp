// SPDX-License-Identifier: Apache-2.0
#include "server/receivers.hpp"

#include <utility>

#include "actors/group_commit.hpp"
#include "messages/error.hpp"
#include "server/internal/receivers.hpp"

namespace faultline {

namespace {

http_response allows(const char* methods, std::string_view text) {
  auto no = http_error(405, "method_not_allowed", text);
  no.headers.emplace_back("Allow", methods);
  return no;
}

}  // namespace

void receiver_routes::add(std::string path, receiver by) {
  routes_.push_back({std::move(path), std::move(by)});
}

const receiver_routes::route* receiver_routes::find(std::string_view path) const noexcept {
  for (const auto& r : routes_)
    if (r.path == path) return &r;
  return nullptr;
}

http_handler receiver_routes::before(http_handler next, post_desk& desk) const {
  return [this, next = std::move(next), &desk](http_request request, http_responder respond) {
    const auto* r = find(request.path);
    if (r == nullptr) return next(std::move(request), std::move(respond));
    if (request.method != "POST") return respond(allows("POST", "this path allows POST"));
    if (from_another_site(request))
      return respond(http_error(403, "not_allowed", "events from another site are refused"));
    if (!may_send_events(request.role))
      return respond(http_error(403, "not_allowed", "this takes a role that may send events"));
    desk.take(r->by, std::move(request), std::move(respond));
  };
}

http_handler without_posted_alerts(http_handler next) {
  return [next = std::move(next)](http_request request, http_responder respond) {
    if (request.method == "POST" && request.path == posted_alerts_path)
      return respond(allows("GET, HEAD", "posted alerts are off: ingest.alertmanager"));
    next(std::move(request), std::move(respond));
  };
}

http_response plain_refusal(const http_request&, int status, std::string_view message) {
  const bool full = status == 503 && message == group_commit::no_space_reason;
  const char* code = full            ? to_string(ec::no_space)
                     : status == 503 ? "overloaded"
                     : status == 413 ? "too_large"
                     : status == 415 ? "unsupported"
                                     : "malformed";
  return http_error(status, code, message);
}

receiver_routes make_receivers(const receiver_options& options) {
  receiver_routes routes;
  if (options.otlp) add_otlp(routes);
  if (options.remote_write) add_remote_write(routes);
  if (options.influx) add_influx(routes);
  if (options.collectd) add_collectd(routes);
  return routes;
}

}  // namespace faultline
