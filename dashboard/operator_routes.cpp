// SPDX-License-Identifier: Apache-2.0
// What operators look up of alerts.
#include <charconv>
#include <utility>

#include "dashboard/internal/answering.hpp"
#include "dashboard/internal/api_json.hpp"
#include "messages/feed.hpp"

namespace faultline {
namespace {

bool read_time(const api_call& call, std::string_view name, std::int64_t& out) {
  const std::string text = parameter(call, name);
  if (text.empty()) return true;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error == std::errc{} && end == text.data() + text.size() && out >= 0) return true;
  return refuse(call, {ec::invalid, std::string{name} + " must be a time in milliseconds"});
}

void get_alert(api_call call) {
  call.cycle.alert_by_id(call.ids[0], [respond = call.respond](outcome<told<alert>> got) {
    if (!got) return respond(error_answer(got.error()));
    respond(json_answer(to_json(got->record, got->seq, got->published)));
  });
}

void get_history(api_call call) {
  alert_search s;
  s.matchers = parameters(call, "matcher");
  if (!read_text(call, "text", s.text) || !read_time(call, "from", s.from) ||
      !read_time(call, "to", s.to) || !read_limit(call, s.limit) ||
      !read_choice(call, "state", "firing", "resolved", s.state) ||
      !read_text(call, "next", s.next))
    return;
  call.cycle.search_alerts(std::move(s), as_json<alert_page>(std::move(call.respond)));
}

}  // namespace

std::vector<route> operator_routes() {
  return {
      {"GET", "/api/v1/alerts/*", "one alert", get_alert},
      {"GET", "/api/v1/history",
       "?matcher= &text= &from= &to= &state= &limit= &next=, alerts of the past", get_history},
  };
}

}  // namespace faultline
