// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <nlohmann/json.hpp>

#include "dashboard/internal/silence_json.hpp"
#include "messages/rfc3339.hpp"
#include "messages/text.hpp"

namespace faultline {
namespace {

using nlohmann::json;

constexpr std::size_t comment_bytes = 4096;
constexpr std::size_t by_bytes = 256;
constexpr std::size_t most_matchers = 64;
constexpr std::size_t label_bytes = 4096;
constexpr std::size_t most_labels = 64;
constexpr std::int64_t last_ms = 253'402'300'799'000;  // the year 9999

outcome<std::string> text_at(const json& body, const char* key, std::size_t most) {
  const auto found = body.find(key);
  if (found == body.end() || found->is_null()) return std::string{};
  if (!found->is_string())
    return failure{ec::invalid, std::string{"\""} + key + "\" must be a string"};
  const auto& text = found->get_ref<const std::string&>();
  if (text.size() <= most) return text;
  return failure{ec::invalid,
                 std::string{"\""} + key + "\" is over " + std::to_string(most) + " bytes"};
}

/// Milliseconds; 0 where it is left out.
outcome<std::int64_t> integer_at(const json& body, const char* key) {
  const auto found = body.find(key);
  if (found == body.end() || found->is_null()) return std::int64_t{0};
  if (!found->is_number_integer() || found->get<std::int64_t>() < 0 ||
      found->get<std::int64_t>() > last_ms)
    return failure{ec::invalid, std::string{"\""} + key + "\" must be a time in milliseconds"};
  return found->get<std::int64_t>();
}

outcome<bool> flag_at(const json& body, const char* key, bool otherwise) {
  const auto found = body.find(key);
  if (found == body.end() || found->is_null()) return otherwise;
  if (!found->is_boolean())
    return failure{ec::invalid, std::string{"\""} + key + "\" must be true or false"};
  return found->get<bool>();
}

outcome<label_matcher> own_matcher(const json& one) {
  if (!one.is_object()) return failure{ec::invalid, "a matcher is {name, op, value}"};
  label_matcher m;
  auto name = text_at(one, "name", label_bytes);
  auto value = text_at(one, "value", label_bytes);
  auto op = text_at(one, "op", 2);
  for (const auto* read : {&name, &value, &op})
    if (!*read) return read->error();
  if (op->empty()) op = std::string{"="};
  if (*op != "=" && *op != "!=" && *op != "=~" && *op != "!~")
    return failure{ec::invalid, "\"op\" must be one of = != =~ !~"};
  m.name = std::move(*name);
  m.value = std::move(*value);
  m.equal = op->front() == '=';
  m.regex = op->back() == '~';
  return m;
}

outcome<label_matcher> v2_matcher(const json& one) {
  if (!one.is_object()) return failure{ec::invalid, "a matcher is {name, value, isRegex, isEqual}"};
  label_matcher m;
  auto name = text_at(one, "name", label_bytes);
  auto value = text_at(one, "value", label_bytes);
  for (const auto* read : {&name, &value})
    if (!*read) return read->error();
  auto regex = flag_at(one, "isRegex", false);
  auto equal = flag_at(one, "isEqual", true);
  for (const auto* read : {&regex, &equal})
    if (!*read) return read->error();
  m.name = std::move(*name);
  m.value = std::move(*value);
  m.regex = *regex;
  m.equal = *equal;
  return m;
}

template <class One>
outcome<std::vector<label_matcher>> matchers_at(const json& body, One one) {
  const auto found = body.find("matchers");
  if (found == body.end() || !found->is_array() || found->empty() || found->size() > most_matchers)
    return failure{ec::invalid, "\"matchers\" must be a list of 1 to 64 matchers"};
  std::vector<label_matcher> all;
  for (const json& value : *found) {
    auto m = one(value);
    if (!m) return m.error();
    all.push_back(std::move(*m));
  }
  return all;
}

/// Owner, comment and id under these names.
outcome<void> read_words(const json& body, const char* by, silence& s) {
  auto owner = text_at(body, by, by_bytes);
  auto comment = text_at(body, "comment", comment_bytes);
  auto id = text_at(body, "id", by_bytes);
  for (const auto* read : {&owner, &comment, &id})
    if (!*read) return read->error();
  s.created_by = std::move(*owner);
  s.comment = std::move(*comment);
  s.id = std::move(*id);
  return {};
}

/// Alertmanager takes also what is no RFC 3339: a time without a zone is UTC, as of Python's
/// isoformat(), and a zone may be +0100.
std::string with_zone(std::string text) {
  constexpr std::size_t basic = sizeof "+0100" - 1, hours = sizeof "+01" - 1;
  const auto zone = text.find_first_of("Zz+-", std::min(text.find_first_of("Tt "), text.size()));
  if (zone == std::string::npos)
    text += 'Z';
  else if (text.size() - zone == basic && text.find(':', zone) == std::string::npos)
    text.insert(zone + hours, ":");
  return text;
}

/// A time as Alertmanager's API has it; 0 where it is left out or Go's "not set".
outcome<event_time> time_at(const json& body, const char* key) {
  auto text = text_at(body, key, 64);
  if (!text) return text.error();
  if (text->empty()) return event_time{};
  auto t = parse_rfc3339(with_zone(*text));
  if (!t) t = parse_rfc3339(*text);  // which says what was sent
  if (!t) return failure{ec::invalid, std::string{"\""} + key + "\": " + t.error().what};
  return *t < event_time{} ? event_time{} : *t;
}

outcome<std::map<std::string, std::string>> labels_of(const json& alert) {
  std::map<std::string, std::string> texts;
  const auto found = alert.find("labels");
  if (found == alert.end() || !found->is_object() || found->empty())
    return failure{ec::invalid, "an alert has at least one label"};
  if (found->size() > most_labels)
    return failure{ec::invalid, "\"labels\" must be a map of at most 64 texts"};
  for (const auto& [name, value] : found->items()) {
    if (!value.is_string() || name.empty() || name.size() > by_bytes ||
        value.get_ref<const std::string&>().size() > label_bytes)
      return failure{ec::invalid, "\"labels\" holds what is no text of at most 4,096 bytes"};
    if (!value.get_ref<const std::string&>().empty()) texts[name] = value.get<std::string>();
  }
  if (texts.empty()) return failure{ec::invalid, "an alert has at least one label"};
  return texts;
}

/// Words for people: what is too long is cut, what is no text is left out.
std::map<std::string, std::string> annotations_of(const json& alert) {
  std::map<std::string, std::string> texts;
  const auto found = alert.find("annotations");
  if (found == alert.end() || !found->is_object()) return texts;
  for (const auto& [name, value] : found->items()) {
    if (texts.size() == most_labels) break;
    if (!value.is_string() || name.empty() || name.size() > by_bytes) continue;
    const auto& text = value.get_ref<const std::string&>();
    if (!text.empty()) texts[name] = std::string{cut_utf8(text, label_bytes)};
  }
  return texts;
}

outcome<posted_alert> v2_alert(const json& one) {
  if (!one.is_object()) return failure{ec::invalid, "an alert is {labels, ...}"};
  auto labels = labels_of(one);
  if (!labels) return labels.error();
  auto starts = time_at(one, "startsAt");
  auto ends = time_at(one, "endsAt");
  for (const auto* read : {&starts, &ends})
    if (!*read) return read->error();
  if (*ends != event_time{} && *ends < *starts)
    return failure{ec::invalid, "an alert ends before it starts"};
  posted_alert a{std::move(*labels), annotations_of(one), *starts, *ends, {}, {}};
  const auto generator = one.find("generatorURL");
  if (generator != one.end() && generator->is_string())
    a.generator = std::string{cut_utf8(generator->get_ref<const std::string&>(), label_bytes)};
  return a;
}

}  // namespace

const char* operator_of(const label_matcher& m) noexcept {
  if (m.regex) return m.equal ? "=~" : "!~";
  return m.equal ? "=" : "!=";
}

outcome<std::vector<label_matcher>> read_matchers(std::string_view text) {
  const json body = json::parse(text, nullptr, false);
  if (!body.is_object()) return failure{ec::malformed, "the body must be one JSON object"};
  return matchers_at(body, own_matcher);
}

outcome<silence_word> read_silence_word(std::string_view text) {
  const json body = json::parse(text, nullptr, false);
  if (!body.is_object()) return failure{ec::malformed, "the body must be one JSON object"};
  silence_word word;
  auto matchers = matchers_at(body, own_matcher);
  if (!matchers) return matchers.error();
  word.what.matchers = std::move(*matchers);
  if (auto read = read_words(body, "created_by", word.what); !read) return read.error();
  auto starts = integer_at(body, "starts");
  auto ends = integer_at(body, "ends");
  auto lasts_s = integer_at(body, "duration_s");
  for (const auto* read : {&starts, &ends, &lasts_s})
    if (!*read) return read->error();
  auto force = flag_at(body, "force", false);
  if (!force) return force.error();
  if ((*ends == 0) == (*lasts_s == 0))
    return failure{ec::invalid, "say either \"ends\" or \"duration_s\""};
  word.what.starts = event_time_of(*starts);
  word.what.ends = event_time_of(*ends);
  word.lasts = milliseconds{std::min(*lasts_s, last_ms / 1000) * 1000};
  word.force = *force;
  return word;
}

outcome<silence_word> read_v2_silence(std::string_view text) {
  const json body = json::parse(text, nullptr, false);
  if (!body.is_object()) return failure{ec::malformed, "the body must be one JSON object"};
  silence_word word;
  auto matchers = matchers_at(body, v2_matcher);
  if (!matchers) return matchers.error();
  word.what.matchers = std::move(*matchers);
  if (auto read = read_words(body, "createdBy", word.what); !read) return read.error();
  auto starts = time_at(body, "startsAt");
  auto ends = time_at(body, "endsAt");
  for (const auto* read : {&starts, &ends})
    if (!*read) return read->error();
  if (*ends == event_time{}) return failure{ec::invalid, "\"endsAt\" is missing"};
  word.what.starts = *starts;
  word.what.ends = *ends;
  return word;
}

outcome<v2_alert_list> read_v2_alerts(std::string_view text) {
  const json body = json::parse(text, nullptr, false);
  if (!body.is_array()) return failure{ec::malformed, "the body must be a list of alerts"};
  v2_alert_list list;
  for (const json& one : body) {
    auto a = v2_alert(one);
    if (a) {
      list.alerts.push_back(std::move(*a));
    } else if (list.refused++ == 0) {
      list.why = a.error().what;
    }
  }
  return list;
}

}  // namespace faultline
