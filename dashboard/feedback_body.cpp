// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "dashboard/internal/api_json.hpp"
#include "messages/event_codec.hpp"
#include "messages/text.hpp"

namespace faultline {

namespace {

using nlohmann::json;

constexpr std::size_t comment_bytes = 4096;
constexpr std::size_t by_bytes = 256;
constexpr std::array<std::string_view, 3> alert_verdicts{"true", "false", "expected"};
constexpr std::array<std::string_view, 3> incident_verdicts{"right", "wrong", "partly"};

/// A string of at most @p bytes under @p key; null and absent are empty.
outcome<std::string> read_string(const json& body, const char* key, std::size_t bytes) {
  const auto found = body.find(key);
  if (found == body.end() || found->is_null()) return std::string{};
  if (!found->is_string())
    return failure{ec::invalid, std::string{"\""} + key + "\" must be a string"};
  const auto& text = found->get_ref<const std::string&>();
  if (text.size() > bytes)
    return failure{ec::invalid,
                   std::string{"\""} + key + "\" is over " + std::to_string(bytes) + " bytes"};
  return text;
}

failure bad_name() {
  return failure{ec::invalid, "the name of an entity has a control character, or is no UTF-8"};
}

/// Which step was taken, and whether it helped: both or neither.
outcome<void> read_remedy(const json& body, feedback& f) {
  auto title = read_string(body, "remediation", comment_bytes);
  if (!title) return title.error();
  const auto worked = body.find("worked");
  const bool said = worked != body.end() && !worked->is_null();
  if (said && !worked->is_boolean())
    return failure{ec::invalid, "\"worked\" must be true or false"};
  if (said == title->empty())
    return failure{ec::invalid, "\"remediation\" and \"worked\" belong together"};
  f.remediation = std::move(*title);
  if (said) f.worked = worked->get<bool>();
  return {};
}

}  // namespace

outcome<edge_word> read_edge_word(std::string_view body) {
  const json read = json::parse(body, nullptr, false);
  if (!read.is_object()) return failure{ec::malformed, "the body must be one JSON object"};
  edge_word w;
  struct field {
    const char* key;
    std::string* text;
    std::size_t bytes;
  };
  for (const auto& [key, text, bytes] :
       {field{"from", &w.from, payload_limits::entity_bytes},
        field{"to", &w.to, payload_limits::entity_bytes}, field{"action", &w.action, 16},
        field{"by", &w.by, by_bytes}, field{"comment", &w.comment, comment_bytes}}) {
    auto said = read_string(read, key, bytes);
    if (!said) return said.error();
    *text = std::move(*said);
  }
  for (const std::string* name : {&w.from, &w.to})
    if (check_name(*name) != text_fault::none) return bad_name();
  auto kind = read_string(read, "kind", 16);
  if (!kind) return kind.error();
  if (!kind->empty()) w.kind = std::move(*kind);
  if (w.kind != "calls" && w.kind != "runs_on")
    return failure{ec::invalid, "\"kind\" must be \"calls\" or \"runs_on\""};
  if (w.action != "add" && w.action != "remove" && w.action != "reset")
    return failure{ec::invalid, "\"action\" must be one of \"add\" \"remove\" \"reset\""};
  if (w.from.empty() || w.to.empty() || w.from == w.to)
    return failure{ec::invalid, "\"from\" and \"to\" must name two entities"};
  return w;
}

outcome<feedback> read_feedback(std::string_view body, feedback_kind kind) {
  const json read = json::parse(body, nullptr, false);
  if (!read.is_object()) return failure{ec::malformed, "the body must be one JSON object"};
  auto verdict = read_string(read, "verdict", 32);
  if (!verdict) return verdict.error();
  const auto& verdicts = kind == feedback_kind::alert ? alert_verdicts : incident_verdicts;
  if (std::find(verdicts.begin(), verdicts.end(), *verdict) == verdicts.end()) {
    std::string text{"\"verdict\" must be one of"};
    for (const std::string_view v : verdicts) text.append(" \"").append(v).append("\"");
    return failure{ec::invalid, text};
  }
  auto comment = read_string(read, "comment", comment_bytes);
  if (!comment) return comment.error();
  auto by = read_string(read, "by", by_bytes);
  if (!by) return by.error();
  feedback f{*verdict, {}, *comment, *by, {}, {}};
  if (kind == feedback_kind::incident) {
    auto cause = read_string(read, "cause", payload_limits::entity_bytes);
    if (!cause) return cause.error();
    if (check_name(*cause) != text_fault::none) return bad_name();
    if (!cause->empty()) f.cause = *cause;
    if (auto read_on = read_remedy(read, f); !read_on) return read_on.error();
  }
  return f;
}

outcome<acknowledgement> read_acknowledgement(std::string_view body) {
  const json read = body.empty() ? json::object() : json::parse(body, nullptr, false);
  if (!read.is_object()) return failure{ec::malformed, "the body must be one JSON object"};
  acknowledgement a;
  auto by = read_string(read, "by", by_bytes);
  if (!by) return by.error();
  auto comment = read_string(read, "comment", comment_bytes);
  if (!comment) return comment.error();
  auto assign = read_string(read, "assign", by_bytes);
  if (!assign) return assign.error();
  a.by = std::move(*by);
  a.comment = std::move(*comment);
  a.assign = std::move(*assign);
  if (const auto found = read.find("acknowledged"); found != read.end()) {
    if (!found->is_boolean()) return failure{ec::invalid, "\"acknowledged\" must be true or false"};
    a.acknowledged = found->get<bool>();
  }
  if (!a.acknowledged && !a.assign.empty())
    return failure{ec::invalid, "\"assign\" is for what is acknowledged"};
  return a;
}

outcome<std::string> read_activation(std::string_view body) {
  const json read = json::parse(body, nullptr, false);
  if (!read.is_object()) return failure{ec::malformed, "the body must be one JSON object"};
  auto sha256 = read_string(read, "sha256", 64);
  if (!sha256) return sha256.error();
  const bool digits = sha256->find_first_not_of("0123456789abcdef") == std::string::npos;
  if (sha256->size() != 64 || !digits)
    return failure{ec::invalid, "\"sha256\" must be 64 hex digits, small letters"};
  return sha256;
}

}  // namespace faultline
