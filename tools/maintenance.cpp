// SPDX-License-Identifier: Apache-2.0
// `faultline maintenance list|add|remove`.
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "tools/api.hpp"
#include "tools/commands.hpp"
#include "tools/internal/json_text.hpp"
#include "tools/option_text.hpp"
#include "transport/http_server.hpp"

namespace faultline {

namespace {

using nlohmann::json;

struct maintenance_arguments {
  std::string name, start, end, duration, at, zone, author, comment;
  std::vector<std::string> entities, days;
  bool dependents = false, force = false;
};

std::string text_at(const json& row, const char* key) {
  const auto at = row.find(key);
  return at != row.end() && at->is_string() ? at->get<std::string>() : std::string{};
}

/// "sat,sun" of a list, or of the text of older servers.
std::string days_of(const json& row) {
  std::string days = text_at(row, "days");
  if (const auto at = row.find("days"); at != row.end() && at->is_array())
    for (const json& day : *at)
      if (day.is_string()) days += (days.empty() ? "" : ",") + day.get<std::string>();
  return days;
}

/// "sat,sun 02:00 for 1h 30m (Europe/Berlin), until 2026-12-24T00:00:00Z", or from when to when.
std::string when_of(const json& row) {
  const auto instant = [&row](const char* key) {
    const auto at = parse_time(text_at(row, key));
    return at ? format_time(*at) : text_at(row, key);
  };
  if (text_at(row, "at").empty()) return instant("starts") + " to " + instant("ends");
  const auto list = row.find("days");
  const bool daily = list != row.end() && list->is_array() && list->size() == 7;
  const std::string days = days_of(row);
  std::string when =
      (days.empty() || daily ? "daily" : days) + " " + text_at(row, "at") + " for " +
      format_duration(milliseconds{row.value("duration_s", std::int64_t{0}) * 1000}) + " (" +
      text_at(row, "zone") + ")";
  if (!text_at(row, "starts").empty()) when += ", from " + instant("starts");
  if (!text_at(row, "ends").empty()) when += ", until " + instant("ends");
  return when;
}

outcome<std::string> layout_windows(const std::string& body, const colours& c) {
  const json read = json::parse(body, nullptr, false);
  if (!read.is_object() || !read.contains("windows"))
    return failure{ec::malformed, "the server's answer is not a list of windows"};
  std::vector<std::vector<std::string>> rows;
  for (const json& row : read["windows"]) {
    std::string names;
    for (const json& one : row.value("entities", json::array()))
      if (one.is_string()) names += (names.empty() ? "" : " ") + one.get<std::string>();
    if (row.value("dependents", false)) names += " and dependents";
    rows.push_back({text_at(row, "name"), row.value("open", false) ? "open" : "-", names,
                    when_of(row), row.value("configured", false) ? "file" : text_at(row, "by"),
                    text_at(row, "comment")});
  }
  if (rows.empty()) return std::string{"no windows\n"};
  return format_table({"WINDOW", "NOW", "ENTITIES", "WHEN", "BY", "COMMENT"}, rows, c);
}

outcome<json> body_of(const maintenance_arguments& a) {
  if (a.duration.empty() && (a.end.empty() || !a.at.empty()))
    return failure{ec::invalid, a.at.empty() ? "say how long: --duration or --end"
                                             : "say how long it lasts each time: --duration"};
  json body{{"name", a.name},
            {"entities", a.entities},
            {"dependents", a.dependents},
            {"by", who_says(a.author)},
            {"comment", a.comment},
            {"days", a.days},
            {"at", a.at},
            {"zone", a.zone},
            {"force", a.force}};
  if (!a.duration.empty()) {
    const auto lasts = length_of("--duration", a.duration, seconds{1});
    if (!lasts) return lasts.error();
    body["duration_s"] = lasts->count() / 1000;
  }
  if (a.at.empty() && a.start.empty())
    body["starts"] = format_time(static_cast<std::int64_t>(std::time(nullptr)) * 1000);
  // What cannot be read here the server may know, or say what is wrong with it.
  const auto ends = parse_time(a.end);
  if (const auto starts = parse_time(a.start); !a.start.empty())
    body["starts"] = starts ? format_time(*starts) : a.start;
  if (!a.end.empty()) body["ends"] = ends ? format_time(*ends) : a.end;
  if (a.at.empty() && !a.force && ends && *ends / 1000 < std::time(nullptr))
    return failure{ec::invalid, "it is over already: --end " + a.end +
                                    "; say --force if it is meant, for a server that replays"};
  return body;
}

int run_add(const command_session& session, const maintenance_arguments& a) {
  const auto body = body_of(a);
  if (!body) return report_usage(body.error().what);
  const auto answer = api_post(session.server, api_target("maintenance", {}), json_text(*body));
  if (!answer) return report_failure(answer.error());
  if (session.format == output_format::json)
    std::puts(answer->c_str());
  else
    std::printf("maintenance window %s is recorded\n", harmless(a.name).c_str());
  return exit_code::ok;
}

int run_remove(const command_session& session, const maintenance_arguments& a) {
  const auto answer =
      api_change(session.server, "DELETE",
                 api_target("maintenance/" + percent_encode(a.name), {{"by", who_says(a.author)}}));
  if (!answer) return report_failure(answer.error());
  if (session.format == output_format::json)
    std::puts(answer->c_str());
  else
    std::printf("maintenance window %s is forgotten\n", harmless(a.name).c_str());
  return exit_code::ok;
}

}  // namespace

void add_maintenance_commands(CLI::App& app, command_session& session) {
  CLI::App* group = app.add_subcommand("maintenance", "Times in which what is seen is expected");
  group->require_subcommand(1);
  CLI::App* list = group->add_subcommand("list", "Windows, and which are open now");
  list->callback([&session] {
    session.run = [&session] {
      return show_answer(session, api_target("maintenance", {}), layout_windows);
    };
  });
  auto a = std::make_shared<maintenance_arguments>();
  CLI::App* add = group->add_subcommand("add", "Open a window now, later, or again and again");
  add->add_option("name", a->name, "Its name; one of that name is replaced")->required();
  add->add_option("--entity", a->entities, "Of these, for example db/*")
      ->required()
      ->allow_extra_args(false);
  add->add_flag("--dependents", a->dependents, "Also alerts of what depends on them");
  add->add_option("-d,--duration", a->duration, "How long");
  add->add_option("--start", a->start, "From then on [now]");
  add->add_option("--end", a->end, "Until then");
  add->add_option("--at", a->at, "It recurs at this local time, for example 02:30");
  add->add_option("--day", a->days, "On these days, mon ... sun [every day]")
      ->allow_extra_args(false);
  add->add_option("--zone", a->zone, "Time zone of --at, for example Europe/Berlin [UTC]");
  add->add_option("-a,--author,--by", a->author, "Who says so [$USER, or the account]");
  add->add_option("-c,--comment", a->comment, "Why")->required();
  add->add_flag("--force", a->force, "However much it covers, and though it is over already");
  add->callback([a, &session] { session.run = [a, &session] { return run_add(session, *a); }; });
  auto r = std::make_shared<maintenance_arguments>();
  CLI::App* remove = group->add_subcommand("remove", "Forget a window; what fires is told");
  remove->add_option("name", r->name, "Its name")->required();
  remove->add_option("-a,--author,--by", r->author, "Who says so [$USER, or the account]");
  remove->callback(
      [r, &session] { session.run = [r, &session] { return run_remove(session, *r); }; });
}

}  // namespace faultline
