// SPDX-License-Identifier: Apache-2.0
// Alertmanager's API, version 2, as its own tools speak it (0.25): amtool and Prometheus work
// against us. Errors are a JSON text there, not an object.
#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "dashboard/internal/answering.hpp"
#include "dashboard/internal/json_text.hpp"
#include "dashboard/internal/silence_json.hpp"
#include "messages/rfc3339.hpp"

namespace faultline {
namespace {

using nlohmann::json;

/// The Alertmanager whose API this is: amtool warns when it is not its own.
constexpr const char* api_of = "0.25.0";
/// Where every alert goes: its name among Alertmanager's receivers.
constexpr const char* feed_receiver = "feed";
/// What says so in its configuration language.
constexpr const char* configuration =
    "route:\n  receiver: feed\n  group_by: [alertname]\nreceivers:\n- name: feed\n";

void fail(const http_responder& respond, const failure& why) {
  http_response r = error_answer(why);
  r.body = text_of(json(why.what));
  respond(std::move(r));
}

/// @p make turns what came into JSON.
template <class T, class Make>
answer<T> v2_answer(http_responder respond, Make make) {
  return [respond = std::move(respond), make](outcome<T> got) {
    if (!got) return fail(respond, got.error());
    respond(json_answer(text_of(make(*got))));
  };
}

/// A flag in the words that Alertmanager takes for true, or left out. Where it takes anything else
/// for false, what is no word of either kind is refused here.
bool read_flag(const api_call& call, std::string_view name, bool& out) {
  std::string text = parameter(call, name);
  if (text.empty()) return true;
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const std::string_view yes :
       {"true", "1", "t", "yes", "y", "ok", "on", "selected", "checked", "enabled"})
    if (text == yes) return out = true;
  for (const std::string_view no : {"false", "0", "f", "no", "n", "off"})
    if (text == no) return !(out = false);
  fail(call.respond, {ec::invalid, std::string{name} + " must be true or false"});
  return false;
}

/// Alertmanager takes a filter for one matcher, whose value may hold commas though no quotes are
/// around it: `team=a,b`. Quoted, it is one matcher here, too.
std::string one_matcher(std::string text) {
  const auto sign = text.find_first_of("=!");
  if (sign == std::string::npos || text.front() == '{') return text;
  auto at = sign + 1;
  if (at < text.size() && (text[at] == '~' || (text[sign] == '!' && text[at] == '='))) ++at;
  const auto value = text.find_first_not_of(' ', at);
  if (value == std::string::npos || text.find('"') != std::string::npos) return text;
  label_matcher whole;
  whole.value = text.substr(value, text.find_last_not_of(' ') + 1 - value);
  return text.substr(0, at) + matcher_text(whole).substr(1);  // which begins with its sign
}

std::vector<std::string> filters_of(const api_call& call) {
  std::vector<std::string> all = parameters(call, "filter");
  for (std::string& text : all) text = one_matcher(std::move(text));
  return all;
}

json receivers_value(const std::vector<std::string>& names) {
  json list = json::array();
  for (const std::string& name : names) list.push_back({{"name", name}});
  return list;
}

json alert_value(const firing_alert& f) {
  const alert& a = f.what;
  json inhibited = a.inhibited_by;
  for (const std::string& window : a.maintenance) inhibited.push_back(window);
  const std::string summary = a.explanation;
  json annotations = a.annotations;
  if (a.source.empty()) annotations = {{"summary", summary}};
  // What fires has no end yet: Alertmanager says when it would be taken for over, were nothing more
  // heard of it. That is ahead of the reader's clock, whatever time events have.
  const auto clock = std::chrono::system_clock::now().time_since_epoch();
  const event_time now{std::chrono::duration_cast<milliseconds>(clock)};
  const event_time ends = std::max(a.updated, now) + std::chrono::minutes{5};
  return {{"labels", a.labels},
          {"annotations", std::move(annotations)},
          {"startsAt", rfc3339(a.started)},
          {"updatedAt", rfc3339(a.updated)},
          {"endsAt", rfc3339(ends)},
          {"generatorURL", a.generator},
          {"fingerprint", label_fingerprint(a.labels)},
          {"receivers", receivers_value(f.receivers)},
          {"status",
           {{"state", suppressed(a) ? "suppressed" : "active"},
            {"silencedBy", a.silences},
            {"inhibitedBy", std::move(inhibited)}}}};
}

json silence_value(const silence_row& row) {
  const silence& s = row.what;
  json matchers = json::array();
  for (const label_matcher& m : s.matchers)
    matchers.push_back(
        {{"name", m.name}, {"value", m.value}, {"isRegex", m.regex}, {"isEqual", m.equal}});
  return {{"id", s.id},
          {"status", {{"state", to_string(row.state)}}},
          {"matchers", std::move(matchers)},
          {"startsAt", rfc3339(s.starts)},
          {"endsAt", rfc3339(s.ends)},
          {"updatedAt", rfc3339(s.updated)},
          {"createdBy", s.created_by},
          {"comment", s.comment}};
}

void get_status(api_call call) {
  call.answers.status(v2_answer<server_status>(call.respond, [](const server_status& s) {
    const std::string unknown = "n/a";
    return json{{"cluster", {{"status", "disabled"}, {"peers", json::array()}}},
                {"config", {{"original", configuration}}},
                {"uptime", rfc3339(event_time_of(s.started_ms))},
                {"versionInfo",
                 {{"version", api_of},
                  {"branch", "faultline"},
                  {"revision", s.version},
                  {"buildDate", unknown},
                  {"buildUser", unknown},
                  {"goVersion", unknown}}}};
  }));
}

void get_receivers(api_call call) {
  call.cycle.receivers(v2_answer<receiver_page>(call.respond, [](const receiver_page& page) {
    std::vector<std::string> names;
    for (const receiver_row& r : page.receivers) names.push_back(r.name);
    names.emplace_back(feed_receiver);
    return receivers_value(names);
  }));
}

bool read_firing(const api_call& call, firing_filter& filter) {
  filter.matchers = filters_of(call);
  filter.receiver = parameter(call, "receiver");
  return read_flag(call, "active", filter.active) && read_flag(call, "silenced", filter.silenced) &&
         read_flag(call, "inhibited", filter.inhibited);
}

void get_alerts(api_call call) {
  firing_filter filter;
  if (!read_firing(call, filter)) return;
  call.cycle.firing(std::move(filter),
                    v2_answer<std::vector<firing_alert>>(
                        call.respond, [](const std::vector<firing_alert>& firing) {
                          json list = json::array();
                          for (const firing_alert& a : firing) list.push_back(alert_value(a));
                          return list;
                        }));
}

json groups_value(const std::vector<firing_alert>& firing) {
  std::map<std::pair<std::string, std::string>, json> groups;  // alertname and receiver
  for (const firing_alert& a : firing) {
    const auto found = a.what.labels.find("alertname");
    const std::string name = found == a.what.labels.end() ? std::string{} : found->second;
    for (const std::string& to : a.asked)
      groups.try_emplace({name, to}, json::array()).first->second.push_back(alert_value(a));
  }
  json list = json::array();
  for (auto& [of, alerts] : groups)
    list.push_back({{"labels", {{"alertname", of.first}}},
                    {"receiver", {{"name", of.second}}},
                    {"alerts", std::move(alerts)}});
  return list;
}

void get_groups(api_call call) {
  firing_filter filter;
  if (!read_firing(call, filter)) return;
  call.cycle.firing(std::move(filter),
                    v2_answer<std::vector<firing_alert>>(call.respond, groups_value));
}

/// What was refused is heard when the others are taken, as Alertmanager says it.
void post_alerts(api_call call) {
  auto list = read_v2_alerts(call.request.body);
  if (!list) return fail(call.respond, list.error());
  const std::size_t good = list->alerts.size();
  call.cycle.post_alerts(
      std::move(list->alerts), [good, bad = list->refused, why = list->why,
                                respond = call.respond](outcome<std::size_t> taken) {
        if (!taken) return fail(respond, taken.error());
        if (bad == 0 && *taken == good) return respond(json_answer("{}"));
        fail(respond, {ec::invalid, std::to_string(bad + good - *taken) + " of " +
                                        std::to_string(bad + good) + " alerts were not taken: " +
                                        (why.empty() ? "an alert ends before it starts" : why)});
      });
}

void get_silences(api_call call) {
  silence_filter filter;
  filter.matchers = filters_of(call);
  call.cycle.silences(
      std::move(filter),
      v2_answer<std::vector<silence_row>>(call.respond, [](const std::vector<silence_row>& rows) {
        json list = json::array();
        for (const silence_row& row : rows) list.push_back(silence_value(row));
        return list;
      }));
}

void get_silence(api_call call) {
  silence_filter filter;
  filter.id = call.ids[0];
  call.cycle.silences(
      filter, [id = filter.id, respond = call.respond](outcome<std::vector<silence_row>> got) {
        if (!got) return fail(respond, got.error());
        if (got->empty()) return fail(respond, {ec::not_found, "no silence " + id});
        respond(json_answer(text_of(silence_value(got->front()))));
      });
}

void post_silence(api_call call) {
  auto word = read_v2_silence(call.request.body);
  if (!word) return fail(call.respond, word.error());
  if (!read_flag(call, "force", word->force)) return;
  sign(call, word->what.created_by);
  call.cycle.set_silence(std::move(*word),
                         v2_answer<std::string>(call.respond, [](const std::string& id) {
                           return json{{"silenceID", id}};
                         }));
}

void delete_silence(api_call call) {
  std::string by;
  sign(call, by);
  call.cycle.end_silence(
      call.ids[0], std::move(by), [id = call.ids[0], respond = call.respond](outcome<bool> done) {
        const bool over = !done && done.error().code == ec::invalid;
        if (over) return respond(json_answer("{}"));  // it has ended: so does Alertmanager
        if (!done) return fail(respond, done.error());
        if (!*done) return fail(respond, {ec::not_found, "no silence " + id});
        respond(json_answer("{}"));
      });
}

}  // namespace

std::vector<route> alertmanager_routes() {
  return {
      {"GET", "/api/v2/status", "Alertmanager's API: status", get_status},
      {"GET", "/api/v2/receivers", "Alertmanager's API: receivers", get_receivers},
      {"GET", "/api/v2/alerts", "?filter= &active= &silenced= &inhibited=, what fires", get_alerts},
      {"POST", "/api/v2/alerts", "[{labels, annotations, startsAt, endsAt, generatorURL}]",
       post_alerts, web_role::operating},
      {"GET", "/api/v2/alerts/groups", "the same in groups by alertname", get_groups},
      {"GET", "/api/v2/silences", "?filter=, silences", get_silences},
      {"POST", "/api/v2/silences", "?force= {matchers, startsAt, endsAt, createdBy, comment, id}",
       post_silence, web_role::operating},
      {"GET", "/api/v2/silence/*", "one silence", get_silence},
      {"DELETE", "/api/v2/silence/*", "end it now", delete_silence, web_role::operating},
  };
}

}  // namespace faultline
