// SPDX-License-Identifier: Apache-2.0
// `faultline silence add|query|show|expire|preview`, with the habits of amtool.
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "processing/label_matchers.hpp"
#include "tools/api.hpp"
#include "tools/api_layout.hpp"
#include "tools/commands.hpp"
#include "tools/internal/json_text.hpp"
#include "tools/option_text.hpp"
#include "transport/http_server.hpp"

namespace faultline {

namespace {

using nlohmann::json;

struct silence_arguments {
  std::vector<std::string> words;  ///< matchers, or ids
  std::string author, comment, start, end, duration = "1h", id, created_by;
  bool expired = false, quiet = false, force = false;
};

std::string quoted(const std::string& value) {
  const std::string text = matcher_text({"x", value});
  return text.substr(text.find('"'));
}

/// As amtool: a first word without an operator is the name of the alert.
outcome<json> matchers_of(const std::vector<std::string>& words) {
  json list = json::array();
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool bare = i == 0 && words[i].find('=') == std::string::npos &&
                      words[i].find('~') == std::string::npos;
    auto some = parse_matchers(bare ? matcher_text({"alertname", words[i]}) : words[i]);
    if (!some) return some.error();
    for (const label_matcher& m : *some)
      list.push_back({{"name", m.name},
                      {"op", m.regex ? (m.equal ? "=~" : "!~") : (m.equal ? "=" : "!=")},
                      {"value", m.value}});
  }
  if (list.empty()) return failure{ec::invalid, "no matchers: for example entity=service/cart"};
  return list;
}

failure of_option(const char* name, const failure& why) {
  return {why.code, std::string{name} + ": " + why.what};
}

outcome<json> body_of(const silence_arguments& a) {
  auto matchers = matchers_of(a.words);
  if (!matchers) return matchers.error();
  json body{{"matchers", std::move(*matchers)}, {"comment", a.comment}, {"force", a.force}};
  body["created_by"] = who_says(a.author);
  if (!a.id.empty()) body["id"] = a.id;
  if (!a.start.empty()) {
    auto start = parse_time(a.start);
    if (!start) return of_option("--start", start.error());
    body["starts"] = *start;
  }
  if (!a.end.empty()) {
    auto end = parse_time(a.end);
    if (!end) return of_option("--end", end.error());
    body["ends"] = *end;
    return body;
  }
  const auto lasts = length_of("--duration", a.duration, milliseconds{1});
  if (!lasts) return lasts.error();
  body["duration_s"] = (lasts->count() + 999) / 1000;
  return body;
}

int run_add(const command_session& session, const silence_arguments& a) {
  const auto body = body_of(a);
  if (!body) return report_usage(body.error().what);
  const auto answer = api_post(session.server, api_target("silences", {}), json_text(*body));
  if (!answer) return report_failure(answer.error());
  const json read = json::parse(*answer, nullptr, false);
  if (session.format == output_format::json || !read.is_object())
    std::puts(answer->c_str());
  else
    std::puts(harmless(read.value("id", "")).c_str());
  return exit_code::ok;
}

/// What the options ask for, of the list of all.
outcome<json> chosen(const command_session& session, const silence_arguments& a) {
  std::string target = "/api/v1/silences";
  char sign = '?';
  for (const std::string& word : a.words) {
    const auto list = matchers_of({word});
    if (!list) return list.error();
    for (const json& m : *list) {
      const std::string text = m["name"].get<std::string>() + m["op"].get<std::string>() +
                               quoted(m["value"].get<std::string>());
      target += sign + ("matcher=" + percent_encode(text));
      sign = '&';
    }
  }
  const auto answer = api_get(session.server, target);
  if (!answer) return answer.error();
  const json read = json::parse(*answer, nullptr, false);
  if (!read.is_object() || !read.contains("silences"))
    return failure{ec::malformed, "the server's answer is not a list of silences"};
  json rows = json::array();
  for (const json& row : read["silences"]) {
    const bool over = row.value("state", "") == "expired";
    if (over != a.expired) continue;
    if (!a.created_by.empty() && row.value("created_by", "") != a.created_by) continue;
    rows.push_back(row);
  }
  return rows;
}

int run_query(const command_session& session, const silence_arguments& a) {
  const auto rows = chosen(session, a);
  if (!rows) return report_failure(rows.error());
  if (session.format == output_format::json) {
    json ids = json::array();
    for (const json& row : *rows) ids.push_back(row.value("id", ""));
    std::puts((a.quiet ? ids : json{{"silences", *rows}}).dump(2).c_str());
    return exit_code::ok;
  }
  if (a.quiet) {
    for (const json& row : *rows) std::puts(harmless(row.value("id", "")).c_str());
    return exit_code::ok;
  }
  if (rows->empty()) {
    std::puts("no silences");
    return exit_code::ok;
  }
  std::vector<std::vector<std::string>> table;
  for (const json& row : *rows)
    table.push_back({row.value("id", ""), row.value("state", ""), row.value("text", ""),
                     format_time(row.value("ends", std::int64_t{0})), row.value("created_by", ""),
                     row.value("comment", "")});
  std::fputs(
      format_table({"ID", "STATE", "MATCHERS", "ENDS", "BY", "COMMENT"}, table, colours::of(1))
          .c_str(),
      stdout);
  return exit_code::ok;
}

int run_expire(const command_session& session, const silence_arguments& a) {
  int code = exit_code::ok;
  const std::string by = who_says(a.author);
  for (const std::string& id : a.words) {
    const auto answer = api_change(session.server, "DELETE",
                                   api_target("silences/" + percent_encode(id), {{"by", by}}));
    if (!answer)
      code = report_failure(answer.error());
    else if (session.format == output_format::json)
      std::puts(answer->c_str());
    else
      std::printf("silence %s has ended\n", harmless(id).c_str());
  }
  return code;
}

/// Exit code 1 where the server would refuse it without --force.
int run_preview(const command_session& session, const silence_arguments& a) {
  const auto matchers = matchers_of(a.words);
  if (!matchers) return report_usage(matchers.error().what);
  const auto answer = api_post(session.server, api_target("silences/preview", {}),
                               json_text(json{{"matchers", *matchers}}));
  if (!answer) return report_failure(answer.error());
  const json reach = json::parse(*answer, nullptr, false);
  if (!reach.is_object()) return report_failure("the server's answer is not what is expected");
  const bool refused = reach.contains("refused") && reach["refused"].is_string();
  if (session.format == output_format::json) {
    std::puts(reach.dump(2).c_str());
    return refused ? exit_code::failed : exit_code::ok;
  }
  std::printf("%s alerts that fire, %s entities (%s are watched)\n",
              format_count(reach.value("alert_count", std::uint64_t{0})).c_str(),
              format_count(reach.value("entity_count", std::uint64_t{0})).c_str(),
              format_count(reach.value("known_entities", std::uint64_t{0})).c_str());
  for (const json& alert : reach.value("alerts", json::array()))
    std::printf("  %s %s: %s\n", harmless(alert.value("severity", "")).c_str(),
                harmless(alert.value("entity", "")).c_str(),
                harmless(alert.value("explanation", "")).c_str());
  for (const json& entity : reach.value("entities", json::array()))
    if (entity.is_string()) std::printf("  %s\n", harmless(entity.get<std::string>()).c_str());
  if (refused) std::printf("refused: %s\n", harmless(reach["refused"].get<std::string>()).c_str());
  return refused ? exit_code::failed : exit_code::ok;
}

/// A command about silences, which takes their ids or matchers.
struct silence_command {
  const char* name;
  const char* what;
  const char* words;  ///< what its words are: "Ids", or what is said of matchers
  int (*run)(const command_session&, const silence_arguments&);
};

CLI::App* add_one(CLI::App* group, command_session& session,
                  const std::shared_ptr<silence_arguments>& a, const silence_command& c) {
  const bool ids = std::string_view{c.words} == "Ids";
  CLI::App* sub = group->add_subcommand(c.name, c.what);
  sub->add_option(ids ? "id" : "matcher", a->words, c.words)->option_text("...");
  sub->callback([a, run = c.run, &session] {
    session.run = [a, run, &session] { return run(session, *a); };
  });
  return sub;
}

}  // namespace

void add_silence_commands(CLI::App& app, command_session& session) {
  constexpr const char* matchers =
      "Matchers: NAME=VALUE, !=, =~ (regular expression), !~; the name of an alert alone";
  CLI::App* group = app.add_subcommand("silence", "What nobody wants to hear of for a while");
  group->require_subcommand(1);
  auto a = std::make_shared<silence_arguments>();
  CLI::App* add =
      add_one(group, session, a, {"add", "Silence alerts; says the id", matchers, run_add});
  add->add_option("-a,--author,--by", a->author, "Who says so [$USER, or the account]");
  add->add_option("-c,--comment", a->comment, "Why")->required();
  add->add_option("-d,--duration", a->duration, "How long")->capture_default_str();
  add->add_option("--start", a->start, "From then on [now]");
  add->add_option("--end", a->end, "Until then [--duration]");
  add->add_option("--id", a->id, "Change this one");
  add->add_flag("--force", a->force, "However much it covers");
  auto q = std::make_shared<silence_arguments>();
  CLI::App* query = add_one(
      group, session, q,
      {"query", "Those that are active or will be", "Only those with such matchers", run_query});
  query->add_flag("--expired", q->expired, "Those that have ended instead");
  query->add_flag("-q,--quiet", q->quiet, "Ids alone");
  query->add_option("--created-by", q->created_by, "Of this owner");
  auto e = std::make_shared<silence_arguments>();
  CLI::App* expire = add_one(group, session, e, {"expire", "End silences now", "Ids", run_expire});
  expire->get_option("id")->required();
  expire->add_option("-a,--author,--by", e->author, "Who says so [$USER, or the account]");
  add_one(group, session, std::make_shared<silence_arguments>(),
          {"preview", "What a silence would cover; fails where it would be refused", matchers,
           run_preview});
}

}  // namespace faultline
