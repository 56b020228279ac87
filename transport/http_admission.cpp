// SPDX-License-Identifier: Apache-2.0
//
// Who is let in by the header of a request, before its body is read.
#include <algorithm>
#include <utility>

#include <boost/beast/http/message.hpp>

#include "transport/internal/curve.hpp"
#include "transport/internal/http_session.hpp"

namespace faultline {

namespace http = boost::beast::http;

/// Whether the header names us and somebody who may ask; answers when not. Nothing of a body has
/// been read yet.
bool http_session::let_in() {
  const auto& request = parser_->get();
  const auto text = [](boost::beast::string_view v) {
    return std::string_view{v.data(), v.size()};
  };
  const bool tokens = shared_.tokens != nullptr;
  const auto host = text(request[http::field::host]);
  if (request.count(http::field::host) != 0 && !is_our_name(host, shared_.options, tokens)) {
    turn_away(http_error(421, "wrong_host", "this server does not go by that name: see web.hosts"));
    return false;
  }
  if (!tokens || is_open_path(text(request.target()))) return true;
  const auto token = bearer_of(text(request[http::field::authorization]));
  const web_user* user = token.empty() ? nullptr : shared_.tokens->find(token, key_clock_now());
  if (user == nullptr) {
    http_response no = http_error(401, "no_token", "a token is asked for: Authorization: Bearer");
    no.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"faultline\"");
    turn_away(std::move(no));
    return false;
  }
  user_ = user->name;
  expiry_ = user->expiry;
  role_ = user->role;
  return true;
}

/// Whether the body may be read: by the path's limit, by the role, and by what all bodies that
/// bring events take already; answers when not.
bool http_session::has_room_for_body() {
  const auto& o = shared_.options;
  const auto& target = parser_->get().target();
  const auto path = std::string_view{target.data(), target.size()}.substr(0, target.find('?'));
  const auto method = parser_->get().method();
  const bool brings = method != http::verb::get && method != http::verb::head;
  const bool events = brings && shared_.takes_events && shared_.takes_events(path);
  // What all bodies together may take is the most for one: more could never come in.
  const std::size_t most =
      events ? std::min(o.event_body_bytes, o.event_bodies_bytes) : o.body_bytes;
  const auto length = parser_->content_length();
  if (length && *length > most) {
    turn_away(http_error(413, "too_large", "the body is over " + std::to_string(most) + " bytes"));
    return false;
  }
  parser_->body_limit(most);
  if (!events) return true;
  if (!may_send_events(role_)) {
    turn_away(http_error(403, "not_allowed",
                         "this takes a role that may send events: publisher, operator, admin"));
    return false;
  }
  const auto need = static_cast<std::size_t>(length ? *length : most);
  body_holder_ = user_.empty() ? address_ : user_;
  if (!shared_.event_bodies.take(body_holder_, need)) {
    shared_.count(&http_counters::refused_bodies);
    http_response no = http_error(503, "overloaded", "too much is being received, send it again");
    no.headers.emplace_back("Retry-After", "1");
    turn_away(std::move(no));
    return false;
  }
  kept_for_body_ = need;
  return true;
}

void http_session::give_room_back() noexcept {
  if (kept_for_body_ != 0) shared_.event_bodies.give_back(body_holder_, kept_for_body_);
  kept_for_body_ = 0;
}

/// A request of which the header alone is known: no handler hears of it.
void http_session::turn_away(http_response response) {
  keep_alive_ = false;
  turned_away_ = true;
  if (shared_.refused) {
    const auto& head = parser_->get();
    const auto method = head.method_string();
    const auto target = head.target();
    http_request request;
    const bool is_head = head.method() == http::verb::head;
    request.method = is_head ? "GET" : std::string{method.data(), method.size()};
    request.path.assign(target.data(), std::min(target.find('?'), target.size()));
    request.address = address_;
    request.user = user_;
    request.role = role_;
    shared_.refused(request, response.status);
  }
  write(std::move(response));
}

}  // namespace faultline
