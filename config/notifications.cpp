// SPDX-License-Identifier: Apache-2.0
// `notifications.receivers` and `notifications.routes`: who is told of which alerts.
#include "config/notifications.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "config/internal/setting.hpp"
#include "config/internal/units.hpp"
#include "config/internal/web_url.hpp"

namespace faultline {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t most = 256;

const std::map<std::string, receiver_kind> kinds{{"webhook", receiver_kind::webhook},
                                                 {"alertmanager", receiver_kind::alertmanager},
                                                 {"pagerduty", receiver_kind::pagerduty},
                                                 {"plain", receiver_kind::plain},
                                                 {"email", receiver_kind::email}};

bool plain_text(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return c >= ' ' && c != 0x7f; });
}

/// An address of mail that can stand between < and >.
bool mail_address(const std::string& text) {
  return text.find('@') != std::string::npos && plain_text(text) &&
         text.find_first_of("<> \",;") == std::string::npos;
}

void read_time(const yaml_entry& e, const std::string& key, milliseconds& into,
               problem_list& problems) {
  const auto time =
      read_duration(e, key, milliseconds{0}, longest_duration, milliseconds{1}, problems);
  if (time) into = std::chrono::duration_cast<milliseconds>(*time);
}

void read_flag(const yaml_entry& e, const std::string& key, bool& into, problem_list& problems) {
  if (const auto flag = read_flag(e, key, problems)) into = *flag;
}

void read_rate(const yaml_entry& e, const std::string& key, std::uint32_t& into,
               problem_list& problems) {
  if (const auto n = read_whole(e, key, 1, 60'000, problems)) into = static_cast<std::uint32_t>(*n);
}

void read_kind(const yaml_entry& e, const std::string& key, receiver_kind& into,
               problem_list& problems) {
  std::string text;
  if (!scalar_text(e, key, text, problems)) return;
  const auto at = kinds.find(text);
  if (at == kinds.end())
    return problems.add(
        e.value.Mark(), key,
        "\"" + text + "\" is none of alertmanager, email, pagerduty, plain, webhook");
  into = at->second;
}

/// What a receiver of its kind needs, in a sentence; empty: it is whole.
std::string lacks(const notify_receiver& r) {
  if (r.name.empty() || r.name.size() > 64 || !plain_text(r.name)) return "has no name";
  if (!r.url.empty() && !r.url_file.empty()) return "has both url and url_file";
  const bool address = !r.url.empty() || !r.url_file.empty();
  if (r.kind == receiver_kind::pagerduty)
    return r.secret_file.empty() ? "has no secret_file with the routing key" : "";
  if (!address) return "has neither url nor url_file";
  const bool mail = r.kind == receiver_kind::email;
  if (!r.url.empty()) {
    const std::string scheme = r.url.substr(0, r.url.find("://"));
    const bool fits =
        mail ? scheme == "smtp" || scheme == "smtps" : scheme == "http" || scheme == "https";
    if (!fits || !plain_text(r.url))
      return mail ? "has a url that is not smtp:// or smtps://"
                  : "has a url that is not http:// or https://";
    if (!names_host(r.url)) return "has a url without a host, or with a blank";
  }
  if (!mail) return "";
  if (!mail_address(r.from)) return "has no address in from";
  if (r.to.empty() || !std::all_of(r.to.begin(), r.to.end(), mail_address))
    return "has no addresses in to";
  return r.secret_file.empty() == r.user.empty() ? "" : "has only one of user and secret_file";
}

notify_receiver read_receiver(const YAML::Node& node, const std::string& path,
                              problem_list& problems) {
  static const std::vector<std::string> known{
      "name", "kind", "url",           "url_file",       "secret_file", "user",
      "from", "to",   "send_resolved", "max_per_minute", "title",       "text"};
  notify_receiver r;
  const std::map<std::string, std::string*> texts{
      {"name", &r.name},   {"url", &r.url},   {"url_file", &r.url_file},
      {"user", &r.user},   {"from", &r.from}, {"secret_file", &r.secret_file},
      {"title", &r.title}, {"text", &r.text}};
  const std::size_t before = problems.size();
  for (const auto& e : entries_of(node, path, known, problems)) {
    const std::string key = path + "." + e.name;
    if (const auto text = texts.find(e.name); text != texts.end())
      scalar_text(e, key, *text->second, problems);
    else if (e.name == "kind")
      read_kind(e, key, r.kind, problems);
    else if (e.name == "to")
      text_list(e, key, r.to, problems);
    else if (e.name == "send_resolved")
      read_flag(e, key, r.send_resolved, problems);
    else
      read_rate(e, key, r.max_per_minute, problems);
  }
  if (const std::string wrong = lacks(r); problems.size() == before && !wrong.empty())
    problems.add(node.Mark(), path, wrong);
  return r;
}

notify_route read_route(const YAML::Node& node, const std::string& path, problem_list& problems) {
  static const std::vector<std::string> known{"receiver",   "matchers",       "group_by",
                                              "group_wait", "group_interval", "repeat_interval",
                                              "continue"};
  notify_route r;
  for (const auto& e : entries_of(node, path, known, problems)) {
    const std::string key = path + "." + e.name;
    if (e.name == "receiver")
      scalar_text(e, key, r.receiver, problems);
    else if (e.name == "matchers")
      text_list(e, key, r.matchers, problems);
    else if (e.name == "group_by")
      text_list(e, key, r.group_by, problems);
    else if (e.name == "group_wait")
      read_time(e, key, r.group_wait, problems);
    else if (e.name == "group_interval")
      read_time(e, key, r.group_interval, problems);
    else if (e.name == "repeat_interval")
      read_time(e, key, r.repeat_interval, problems);
    else
      read_flag(e, key, r.go_on, problems);
  }
  if (r.receiver.empty() && node.IsMap()) problems.add(node.Mark(), path, "names no receiver");
  return r;
}

std::string joined(const std::vector<std::string>& all) {
  std::string text;
  for (const std::string& one : all) text += (text.empty() ? "" : ", ") + one;
  return "[" + text + "]";
}

std::string time_text(milliseconds t) { return show_duration_us(t.count() * 1000); }

}  // namespace

void read_receivers(const yaml_entry& entry, const std::string& key, server_config& config,
                    problem_list& problems) {
  read_list(entry, key, config.notify.receivers, read_receiver, problems, most);
  std::set<std::string> names;
  for (const notify_receiver& r : config.notify.receivers)
    if (!r.name.empty() && !names.insert(r.name).second)
      problems.add(entry.at, key, "there are two called " + r.name);
}

void read_routes(const yaml_entry& entry, const std::string& key, server_config& config,
                 problem_list& problems) {
  read_list(entry, key, config.notify.routes, read_route, problems, most);
}

/// An address may be a secret: of it only that it is another one is said.
std::string show_receivers(const server_config& config) {
  std::string all;
  for (const notify_receiver& r : config.notify.receivers) {
    const std::size_t print = std::hash<std::string>{}(r.url + "\n" + r.title + "\n" + r.text);
    all += (all.empty() ? "{name: " : ", {name: ") + r.name + ", kind: " + to_string(r.kind) +
           ", url: #" + std::to_string(print % 1'000'000) + ", url_file: " + r.url_file +
           ", secret_file: " + r.secret_file + ", user: " + r.user + ", from: " + r.from +
           ", to: " + joined(r.to) + ", send_resolved: " + (r.send_resolved ? "true" : "false") +
           ", max_per_minute: " + std::to_string(r.max_per_minute) + "}";
  }
  return "[" + all + "]";
}

std::string show_routes(const server_config& config) {
  std::string all;
  for (const notify_route& r : config.notify.routes)
    all += (all.empty() ? "{receiver: " : ", {receiver: ") + r.receiver +
           ", matchers: " + joined(r.matchers) + ", group_by: " + joined(r.group_by) +
           ", group_wait: " + time_text(r.group_wait) +
           ", group_interval: " + time_text(r.group_interval) +
           ", repeat_interval: " + time_text(r.repeat_interval) +
           ", continue: " + (r.go_on ? "true" : "false") + "}";
  return "[" + all + "]";
}

}  // namespace faultline
