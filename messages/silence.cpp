// SPDX-License-Identifier: Apache-2.0
#include "messages/silence.hpp"

#include <nlohmann/json.hpp>

namespace faultline {

using nlohmann::json;

const char* to_string(silence_state state) noexcept {
  switch (state) {
    case silence_state::pending:
      return "pending";
    case silence_state::active:
      return "active";
    case silence_state::expired:
      return "expired";
  }
  return "unknown";
}

std::string silence_json(const silence& s) {
  json matchers = json::array();
  for (const label_matcher& m : s.matchers)
    matchers.push_back(
        {{"name", m.name}, {"value", m.value}, {"isRegex", m.regex}, {"isEqual", m.equal}});
  const json whole{{"id", s.id},
                   {"matchers", std::move(matchers)},
                   {"starts", unix_ms(s.starts)},
                   {"ends", unix_ms(s.ends)},
                   {"createdBy", s.created_by},
                   {"comment", s.comment},
                   {"updated", unix_ms(s.updated)}};
  return whole.dump(-1, ' ', false, json::error_handler_t::replace);
}

outcome<silence> read_silence_json(std::string_view text) {
  const json whole = json::parse(text, nullptr, false);
  if (!whole.is_object()) return failure{ec::malformed, "silence: not a JSON object"};
  silence s;
  try {  // the library throws where a member is missing or of another type
    whole.at("id").get_to(s.id);
    for (const json& m : whole.at("matchers")) {
      label_matcher& one = s.matchers.emplace_back();
      m.at("name").get_to(one.name);
      m.at("value").get_to(one.value);
      m.at("isRegex").get_to(one.regex);
      m.at("isEqual").get_to(one.equal);
    }
    s.starts = event_time_of(whole.at("starts").get<std::int64_t>());
    s.ends = event_time_of(whole.at("ends").get<std::int64_t>());
    whole.at("createdBy").get_to(s.created_by);
    whole.at("comment").get_to(s.comment);
    s.updated = event_time_of(whole.at("updated").get<std::int64_t>());
  } catch (const json::exception& e) {
    return failure{ec::malformed, std::string{"silence: "} + e.what()};
  }
  return s;
}

std::string matcher_text(const label_matcher& m) {
  std::string text = m.name;
  text += m.equal ? (m.regex ? "=~" : "=") : (m.regex ? "!~" : "!=");
  text += '"';
  for (const char c : m.value) {
    if (c == '"' || c == '\\') text += '\\';
    if (c == '\n')
      text += "\\n";
    else
      text += c;
  }
  return text + '"';
}

std::string matchers_text(const std::vector<label_matcher>& list) {
  std::string text = "{";
  for (const label_matcher& m : list) text += (text.size() > 1 ? "," : "") + matcher_text(m);
  return text + "}";
}

}  // namespace faultline
