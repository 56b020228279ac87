// SPDX-License-Identifier: Apache-2.0
#include "transport/notify_payload.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include <sodium.h>
#include <nlohmann/json.hpp>

#include "messages/feed.hpp"
#include "messages/identity.hpp"
#include "messages/posted_alert.hpp"
#include "messages/rfc3339.hpp"
#include "transport/http_server.hpp"

namespace faultline {
namespace {

using nlohmann::json;
using texts = std::map<std::string, std::string>;

constexpr std::size_t alerts_a_body = 256;
constexpr std::chrono::minutes good_for{4};
constexpr std::size_t pagerduty_summary_bytes = 1024;
constexpr std::size_t mail_line = 998;
constexpr std::size_t header_line = 900;

bool fires(const alert& a) { return a.state == alert_state::firing; }

std::string dumped(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

texts annotations_of(const alert& a) {
  texts all = a.annotations;
  all.try_emplace("summary", a.explanation);
  return all;
}

std::string page_of(const notification& n, const std::string& external_url) {
  if (external_url.empty()) return {};
  return external_url + (n.about ? "/#/incident/" + n.about->id : std::string{});
}

std::string generator_of(const alert& a, const std::string& external_url) {
  if (!a.generator.empty() || external_url.empty()) return a.generator;
  return external_url + "/#/alerts?alert=" + percent_encode(a.id) +
         "&entity=" + percent_encode(a.entity);
}

/// Alertmanager takes letters, digits and _ in names of labels, and refuses a whole request for one
/// that is not so. Of two names that become one the first is kept.
texts plain_names(const texts& labels) {
  texts all;
  for (const auto& [name, value] : labels) {
    std::string plain = name;
    std::replace_if(
        plain.begin(), plain.end(),
        [](unsigned char c) {
          return c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z');
        },
        '_');
    if (plain.empty() || (plain.front() >= '0' && plain.front() <= '9')) plain.insert(0, 1, '_');
    if (!value.empty()) all.try_emplace(std::move(plain), value);
  }
  return all;
}

/// What all of @p parts say alike.
texts common(const std::vector<texts>& parts) {
  if (parts.empty()) return {};
  texts all = parts.front();
  for (const texts& part : parts)
    for (auto at = all.begin(); at != all.end();) {
      const auto other = part.find(at->first);
      at = other == part.end() || other->second != at->second ? all.erase(at) : std::next(at);
    }
  return all;
}

std::string cut(std::string text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  std::size_t end = bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) --end;
  return text.substr(0, end);
}

/// One line: what others have said must not begin another header.
std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
  return text;
}

std::string base64(const std::string& bytes) {
  std::string out(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  out.pop_back();  // its zero
  return out;
}

/// A header's text: encoded words (RFC 2047) where it is not ASCII.
std::string header_text(const std::string& said) {
  constexpr std::size_t bytes_a_word = 42;
  std::string text = one_line(said);
  const bool ascii =
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x80; });
  if (ascii) return cut(std::move(text), 200);
  text = cut(std::move(text), 200);
  std::string words;
  while (!text.empty()) {
    const std::string word = cut(text, bytes_a_word);
    words += (words.empty() ? "" : "\r\n ") + ("=?UTF-8?B?" + base64(word) + "?=");
    text.erase(0, word.size());
  }
  return words;
}

/// Lines that end with CR LF and are not too long for SMTP.
std::string mail_lines(const std::string& text) {
  std::string out;
  std::size_t column = 0;
  for (const char c : text) {
    if (c == '\r') continue;
    if (c == '\n' || (column >= mail_line && (static_cast<unsigned char>(c) & 0xc0U) != 0x80)) {
      out += "\r\n";
      column = 0;
    }
    if (c == '\n') continue;
    out += c;
    ++column;
  }
  return out;
}

std::string mail_date(arrival_time at) {
  const std::time_t seconds = static_cast<std::time_t>(unix_ms(at) / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  static const char* const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static const char* const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  char text[64];  // strftime would speak the language of the locale
  std::snprintf(text, sizeof text, "%s, %02d %s %d %02d:%02d:%02d +0000", days[parts.tm_wday],
                parts.tm_mday, months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour,
                parts.tm_min, parts.tm_sec);
  return text;
}

}  // namespace

std::string webhook_body(const notification& n, const std::string& external_url) {
  json alerts = json::array();
  std::vector<texts> labels;
  std::vector<texts> annotations;
  for (const alert& a : n.alerts) {
    labels.push_back(a.labels);
    annotations.push_back(annotations_of(a));
    alerts.push_back({{"status", fires(a) ? "firing" : "resolved"},
                      {"labels", labels.back()},
                      {"annotations", annotations.back()},
                      {"startsAt", rfc3339(a.started)},
                      {"endsAt", fires(a) ? "0001-01-01T00:00:00Z" : rfc3339(*a.ended)},
                      {"generatorURL", generator_of(a, external_url)},
                      {"fingerprint", label_fingerprint(a.labels)}});
  }
  return dumped({{"version", "4"},
                 {"groupKey", n.group},
                 {"truncatedAlerts", n.left_out},
                 {"status", n.firing != 0 ? "firing" : "resolved"},
                 {"receiver", n.receiver},
                 {"groupLabels", n.labels},
                 {"commonLabels", common(labels)},
                 {"commonAnnotations", common(annotations)},
                 {"externalURL", external_url},
                 {"alerts", std::move(alerts)}});
}

std::string plain_body(const notification& n, const std::string& title, const std::string& text,
                       const std::string& external_url) {
  json alerts = json::array();
  for (const alert& a : n.alerts) alerts.push_back(json::parse(to_json(a), nullptr, false));
  return dumped(
      {{"id", n.id},
       {"status", n.firing != 0 ? "firing" : "resolved"},
       {"acknowledged", n.acknowledged},
       {"receiver", n.receiver},
       {"group", n.group},
       {"labels", n.labels},
       {"title", title},
       {"text", text},
       {"url", page_of(n, external_url)},
       {"left_out", n.left_out},
       {"incident", n.about ? json::parse(to_json(*n.about), nullptr, false) : json(nullptr)},
       {"alerts", std::move(alerts)}});
}

std::string pagerduty_body(const notification& n, const std::string& routing_key,
                           const std::string& title, const std::string& external_url) {
  const char* action = n.firing == 0 ? "resolve" : n.acknowledged ? "acknowledge" : "trigger";
  json event{{"routing_key", routing_key},
             {"event_action", action},
             {"dedup_key", to_hex(stable_hash(n.group))}};
  if (n.firing == 0 || n.acknowledged) return dumped(event);
  const alert& first = n.alerts.front();
  const bool critical = std::any_of(n.alerts.begin(), n.alerts.end(), [](const alert& a) {
    return fires(a) && a.severity == alert_severity::critical;
  });
  std::vector<std::string> entities;
  for (const alert& a : n.alerts)
    if (entities.size() < 20 &&
        std::find(entities.begin(), entities.end(), a.entity) == entities.end())
      entities.push_back(a.entity);
  json details{{"firing", n.firing}, {"entities", entities}, {"explanation", first.explanation}};
  if (n.about && !n.about->abstained && !n.about->causes.empty())
    details["likely_cause"] = {{"entity", n.about->causes.front().entity},
                               {"probability", n.about->causes.front().probability}};
  event["payload"] = {{"summary", cut(title, pagerduty_summary_bytes)},
                      {"source", first.entity},
                      {"severity", critical ? "critical" : "warning"},
                      {"timestamp", rfc3339(first.started)},
                      {"component", first.entity},
                      {"group", n.about ? n.about->id : std::string{}},
                      {"class", first.metric},
                      {"custom_details", std::move(details)}};
  event["client"] = "faultline";
  if (!external_url.empty()) event["client_url"] = page_of(n, external_url);
  return dumped(event);
}

std::vector<std::string> pagerduty_bodies(const notification& n, const std::string& routing_key,
                                          const std::string& title,
                                          const std::string& external_url) {
  std::vector<std::string> bodies;
  if (n.anew) {
    notification over = n;
    over.firing = 0;
    bodies.push_back(pagerduty_body(over, routing_key, title, external_url));
  }
  bodies.push_back(pagerduty_body(n, routing_key, title, external_url));
  return bodies;
}

std::vector<std::string> alertmanager_bodies(const notification& n,
                                             const std::string& external_url) {
  std::vector<std::string> bodies;
  json list = json::array();
  const event_time until = event_time_of(unix_ms(n.at)) + good_for;
  for (std::size_t i = 0; i < n.alerts.size(); ++i) {
    const alert& a = n.alerts[i];
    list.push_back({{"labels", plain_names(a.labels)},
                    {"annotations", plain_names(annotations_of(a))},
                    {"startsAt", rfc3339(a.started)},
                    {"endsAt", rfc3339(fires(a) ? until : *a.ended)},
                    {"generatorURL", generator_of(a, external_url)}});
    if (list.size() < alerts_a_body && i + 1 < n.alerts.size()) continue;
    bodies.push_back(dumped(list));
    list = json::array();
  }
  return bodies;
}

std::string mail_message(const notification& n, const std::string& from,
                         const std::vector<std::string>& to, const std::string& title,
                         const std::string& text) {
  std::string all;
  std::size_t begin = 0;  // of the last line
  for (const std::string& one : to) {
    const bool full = all.size() + one.size() - begin > header_line;
    if (full) begin = all.size();
    all += (all.empty() ? "" : full ? ",\r\n " : ", ") + one_line(one);
  }
  const std::string thread = to_hex(stable_hash(n.group));
  std::string message = "From: " + one_line(from) + "\r\nTo: " + all +
                        "\r\nSubject: " + header_text(title) + "\r\nDate: " + mail_date(n.at) +
                        "\r\nMessage-ID: <" + n.id + "@faultline>\r\nReferences: <" + thread +
                        "@faultline>\r\n";
  message +=
      "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
  return message + mail_lines(text);
}

}  // namespace faultline
