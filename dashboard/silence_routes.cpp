// SPDX-License-Identifier: Apache-2.0
// Silences as our own API speaks of them: times in milliseconds, matchers as objects or as text.
#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "dashboard/internal/answering.hpp"
#include "dashboard/internal/json_text.hpp"
#include "dashboard/internal/silence_json.hpp"
#include "messages/feed.hpp"

namespace faultline {
namespace {

using nlohmann::json;

json row_value(const silence_row& row) {
  const silence& s = row.what;
  json matchers = json::array();
  for (const label_matcher& m : s.matchers)
    matchers.push_back({{"name", m.name}, {"op", operator_of(m)}, {"value", m.value}});
  return {{"id", s.id},
          {"state", to_string(row.state)},
          {"matchers", std::move(matchers)},
          {"text", matchers_text(s.matchers)},
          {"starts", unix_ms(s.starts)},
          {"ends", unix_ms(s.ends)},
          {"created_by", s.created_by},
          {"comment", s.comment},
          {"updated", unix_ms(s.updated)}};
}

std::string reach_json(const silence_reach& reach) {
  std::string out{"{\"alerts\":["};
  for (std::size_t i = 0; i < reach.alerts.size(); ++i)
    out.append(i == 0 ? "" : ",").append(to_json(reach.alerts[i]));
  const json rest{{"alert_count", reach.alert_count},
                  {"entities", reach.entities},
                  {"entity_count", reach.entity_count},
                  {"known_entities", reach.known_entities},
                  {"refused", reach.refused.empty() ? json(nullptr) : json(reach.refused)}};
  return out + "]," + text_of(rest).substr(1);
}

void get_silences(api_call call) {
  silence_filter filter;
  filter.matchers = parameters(call, "matcher");
  const std::string state = parameter(call, "state");
  if (!state.empty() && state != "pending" && state != "active" && state != "expired") {
    refuse(call, {ec::invalid, "state must be pending, active or expired"});
    return;
  }
  call.cycle.silences(filter,
                      [state, respond = call.respond](outcome<std::vector<silence_row>> got) {
                        if (!got) return respond(error_answer(got.error()));
                        json list = json::array();
                        for (const silence_row& row : *got)
                          if (state.empty() || state == to_string(row.state))
                            list.push_back(row_value(row));
                        respond(json_answer(text_of({{"silences", std::move(list)}})));
                      });
}

void get_silence(api_call call) {
  silence_filter filter;
  filter.id = call.ids[0];
  call.cycle.silences(
      filter, [id = filter.id, respond = call.respond](outcome<std::vector<silence_row>> got) {
        if (!got) return respond(error_answer(got.error()));
        if (got->empty()) return respond(http_error(404, "not_found", "no silence " + id));
        respond(json_answer(text_of(row_value(got->front()))));
      });
}

void post_silence(api_call call) {
  auto word = read_silence_word(call.request.body);
  if (!word) {
    refuse(call, word.error());
    return;
  }
  sign(call, word->what.created_by);
  call.cycle.set_silence(std::move(*word), [respond = call.respond](outcome<std::string> id) {
    if (!id) return respond(error_answer(id.error()));
    respond(json_answer(text_of({{"id", *id}})));
  });
}

void post_preview(api_call call) {
  auto matchers = read_matchers(call.request.body);
  if (!matchers) {
    refuse(call, matchers.error());
    return;
  }
  call.cycle.preview_silence(std::move(*matchers),
                             [respond = call.respond](outcome<silence_reach> reach) {
                               if (!reach) return respond(error_answer(reach.error()));
                               respond(json_answer(reach_json(*reach)));
                             });
}

void delete_silence(api_call call) {
  std::string by;
  if (!read_author(call, by)) return;
  sign(call, by);
  call.cycle.end_silence(call.ids[0], std::move(by),
                         as_accepted(std::move(call.respond), call.ids[0]));
}

void get_receivers(api_call call) {
  call.cycle.receivers([respond = call.respond](outcome<receiver_page> got) {
    if (!got) return respond(error_answer(got.error()));
    json list = json::array();
    for (const receiver_row& r : got->receivers)
      list.push_back({{"name", r.name},
                      {"kind", r.kind},
                      {"sent", r.sent},
                      {"failed", r.failed},
                      {"last_error", r.last_error.empty() ? json(nullptr) : json(r.last_error)},
                      {"last_sent", r.last_sent == 0 ? json(nullptr) : json(r.last_sent)}});
    respond(json_answer(text_of(
        {{"receivers", std::move(list)}, {"waiting", got->waiting}, {"behind", got->behind}})));
  });
}

void post_test(api_call call) {
  call.cycle.test_receiver(call.ids[0], [respond = call.respond](outcome<std::string> wrong) {
    if (!wrong) return respond(error_answer(wrong.error()));
    respond(json_answer(text_of(
        {{"sent", wrong->empty()}, {"error", wrong->empty() ? json(nullptr) : json(*wrong)}})));
  });
}

}  // namespace

std::vector<route> silence_routes() {
  return {
      {"GET", "/api/v1/silences", "?state=pending|active|expired &matcher=, silences",
       get_silences},
      {"GET", "/api/v1/silences/*", "one silence", get_silence},
      {"POST", "/api/v1/silences",
       "{matchers, starts, ends or duration_s, created_by, comment, force, id}", post_silence,
       web_role::operating},
      {"POST", "/api/v1/silences/preview", "{matchers}, what it would cover", post_preview},
      {"DELETE", "/api/v1/silences/*", "?by=, end it now", delete_silence, web_role::operating},
      {"GET", "/api/v1/receivers", "who is notified, and how that went", get_receivers},
      {"POST", "/api/v1/receivers/*/test", "send a test notification", post_test,
       web_role::operating},
  };
}

}  // namespace faultline
