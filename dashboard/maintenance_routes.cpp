// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "dashboard/internal/answering.hpp"
#include "dashboard/internal/json_text.hpp"

namespace faultline {
namespace {

using nlohmann::json;

constexpr std::size_t text_bytes = 4096;
constexpr std::int64_t longest_s = 3650LL * 86'400;  // of one that recurs: see window_of()

json row_value(const maintenance_row& row) {
  const maintenance_word& w = row.what;
  const auto text = [](const std::string& said) {
    return said.empty() ? json(nullptr) : json(said);
  };
  return {{"name", w.name},
          {"entities", w.entities},
          {"dependents", w.dependents},
          {"starts", text(w.starts)},
          {"ends", text(w.ends)},
          {"days", row.days.empty() ? json(nullptr) : json(row.days)},
          {"at", text(w.at)},
          {"duration_s", w.lasts_ms / 1000},
          {"zone", text(w.zone)},
          {"by", w.by},
          {"comment", w.comment},
          {"configured", row.configured},
          {"open", row.open},
          {"next_change", row.next_change == 0 ? json(nullptr) : json(row.next_change)}};
}

bool read_texts(const json& body, const char* key, std::vector<std::string>& into) {
  const auto at = body.find(key);
  if (at == body.end() || at->is_null()) return true;
  if (!at->is_array() || at->size() > 100) return false;
  for (const json& one : *at) {
    if (!one.is_string() || one.get_ref<const std::string&>().size() > text_bytes) return false;
    into.push_back(one.get<std::string>());
  }
  return true;
}

outcome<maintenance_word> read_word(const std::string& text) {
  const json body = json::parse(text, nullptr, false);
  if (!body.is_object()) return failure{ec::malformed, "the body must be one JSON object"};
  maintenance_word w;
  for (const auto& [key, into] : {std::pair{"name", &w.name},
                                  {"starts", &w.starts},
                                  {"ends", &w.ends},
                                  {"at", &w.at},
                                  {"zone", &w.zone},
                                  {"by", &w.by},
                                  {"comment", &w.comment}}) {
    const auto at = body.find(key);
    if (at == body.end() || at->is_null()) continue;
    if (!at->is_string() || at->get_ref<const std::string&>().size() > text_bytes)
      return failure{ec::invalid, std::string{"\""} + key + "\" must be a text of at most " +
                                      std::to_string(text_bytes) + " bytes"};
    *into = at->get<std::string>();
  }
  if (!read_texts(body, "entities", w.entities) || !read_texts(body, "days", w.days))
    return failure{ec::invalid, "\"entities\" and \"days\" must be lists of at most 100 texts"};
  for (const auto& [key, into] : {std::pair{"dependents", &w.dependents}, {"force", &w.force}}) {
    const auto at = body.find(key);
    if (at == body.end() || at->is_null()) continue;
    if (!at->is_boolean())
      return failure{ec::invalid, std::string{"\""} + key + "\" must be true or false"};
    *into = at->get<bool>();
  }
  if (const auto at = body.find("duration_s"); at != body.end() && !at->is_null()) {
    if (!at->is_number_integer() || at->get<std::int64_t>() < 0 ||
        at->get<std::int64_t>() > longest_s)
      return failure{ec::invalid, "\"duration_s\" must be at most ten years"};
    w.lasts_ms = at->get<std::int64_t>() * 1000;
  }
  return w;
}

void get_windows(api_call call) {
  call.cycle.maintenance([respond = call.respond](outcome<std::vector<maintenance_row>> got) {
    if (!got) return respond(error_answer(got.error()));
    json list = json::array();
    for (const maintenance_row& row : *got) list.push_back(row_value(row));
    respond(json_answer(text_of({{"windows", std::move(list)}})));
  });
}

void post_window(api_call call) {
  auto word = read_word(call.request.body);
  if (!word) {
    refuse(call, word.error());
    return;
  }
  sign(call, word->by);
  std::string name = word->name;
  call.cycle.set_maintenance(std::move(*word),
                             as_accepted(std::move(call.respond), std::move(name)));
}

void delete_window(api_call call) {
  std::string by;
  if (!read_author(call, by)) return;
  sign(call, by);
  call.cycle.end_maintenance(call.ids[0], std::move(by),
                             as_accepted(std::move(call.respond), call.ids[0]));
}

}  // namespace

std::vector<route> maintenance_routes() {
  return {
      {"GET", "/api/v1/maintenance", "maintenance windows", get_windows},
      {"POST", "/api/v1/maintenance",
       "{name, entities, dependents, starts, ends, days, at, duration_s, zone, by, "
       "comment, force}",
       post_window, web_role::operating},
      {"DELETE", "/api/v1/maintenance/*", "?by=, forget a window", delete_window,
       web_role::operating},
  };
}

}  // namespace faultline
