// SPDX-License-Identifier: Apache-2.0
// The feed as server-sent events.
#include <charconv>
#include <utility>

#include "dashboard/internal/answering.hpp"
#include "dashboard/internal/json_text.hpp"
#include "dashboard/internal/routes.hpp"
#include "dashboard/rest_api.hpp"

namespace faultline {

namespace {

/// The seq in Last-Event-ID, or in ?after= for who sets no headers; what is no number is an error.
outcome<std::optional<std::uint64_t>> read_after(const http_request& request) {
  std::string_view text = header_of(request, "Last-Event-ID");
  for (const auto& [key, value] : request.query)
    if (key == "after" && text.empty()) text = value;
  if (text.empty()) return std::optional<std::uint64_t>{};
  std::uint64_t seq = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seq);
  if (error != std::errc{} || end != text.data() + text.size())
    return failure{ec::invalid, "Last-Event-ID and after are the seq of a message of the feed"};
  return std::optional<std::uint64_t>{seq};
}

/// No line of it holds a line break: JSON without white space.
std::string as_events(const live_page& page, bool brief) {
  std::string out;
  if (page.gap) out.append("event: gap\ndata: {}\n\n");
  for (const auto& m : page.messages) {
    out.append("id: ").append(std::to_string(m->seq));
    out.append("\nevent: ").append(m->kind);
    out.append("\ndata: ").append(brief && !m->brief.empty() ? m->brief : m->json).append("\n\n");
  }
  if (page.left_out > 0)
    out.append("id: " + std::to_string(page.upto) +
               "\nevent: many\ndata: {\"left_out\":" + std::to_string(page.left_out) + "}\n\n");
  if (page.messages.empty())
    out.append("id: " + std::to_string(page.upto) +
               "\nevent: heartbeat\ndata: {\"last\":" + std::to_string(page.last) + "}\n\n");
  return out;
}

/// Which page the server has, and who asks: what a page offers depends on it.
std::string hello_of(const api_call& call) {
  return text_of({{"edition", call.edition},
                  {"role", to_string(call.request.role)},
                  {"user", call.request.user}});
}

}  // namespace

void get_stream(api_call call) {
  const auto after = read_after(call.request);
  if (!after)
    return call.respond(http_error(400, to_string(after.error().code), after.error().what));
  std::string brief;
  if (!read_choice(call, "brief", "true", "false", brief)) return;
  auto feed = call.answers.live(*after, brief == "true");
  http_response r;
  r.content_type = "text/event-stream";
  r.headers.emplace_back("X-Accel-Buffering", "no");  // a proxy shall not gather events
  r.body = "retry: 1000\n";
  // Who began now, and is cut off before a message has come, goes on from here.
  if (!*after) r.body += "id: " + std::to_string(feed->began_after()) + "\n";
  r.body += "event: hello\ndata: " + hello_of(call) + "\n\n";
  r.live = [feed = std::move(feed),
            short_form = brief == "true"](std::function<void(std::optional<std::string>)> done) {
    feed->next([done = std::move(done), short_form](outcome<live_page> page) {
      if (!page) return done(std::nullopt);
      done(as_events(*page, short_form));
    });
  };
  call.respond(std::move(r));
}

}  // namespace faultline
