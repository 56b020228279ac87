// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "tools/api.hpp"
#include "tools/api_layout.hpp"
#include "tools/chart.hpp"
#include "tools/commands.hpp"
#include "tools/internal/json_text.hpp"
#include "tools/operate.hpp"
#include "transport/http_server.hpp"

namespace faultline {

namespace {

/// Filters of the list commands, as they were typed.
struct list_arguments {
  std::string state, severity, entity, text, prefix, next, id, metric;
  std::size_t limit = 100;
};

CLI::App* add_group(CLI::App& app, const char* name, const char* what) {
  CLI::App* group = app.add_subcommand(name, what);
  group->require_subcommand(1);
  return group;
}

CLI::App* add_list(CLI::App* group, const char* what, list_arguments& a) {
  CLI::App* list = group->add_subcommand("list", what);
  list->add_option("--limit", a.limit, "At most so many")->capture_default_str();
  list->add_option("--next", a.next, "Go on from here: `next` of the answer before");
  return list;
}

/// A command that changes one entity and says what is so now.
struct entity_change {
  const char* name;
  const char* what;
  const char* method;
  const char* path_end;  ///< behind the entity's id
  const char* done;      ///< said of the entity, behind its id
};

void add_change(CLI::App* group, command_session& session, const entity_change& change) {
  auto id = std::make_shared<std::string>();
  CLI::App* sub = group->add_subcommand(change.name, change.what);
  sub->add_option("id", *id, "Id of the entity, for example service/cart")->required();
  sub->callback([=, &session] {
    session.run = [=, &session] {
      const std::string path = "entities/" + percent_encode(*id) + change.path_end;
      const auto answer = api_change(session.server, change.method, api_target(path, {}));
      if (!answer) return report_failure(answer.error());
      if (session.format == output_format::json)
        std::puts(answer->c_str());
      else
        std::printf("%s %s\n", id->c_str(), change.done);
      return exit_code::ok;
    };
  });
}

constexpr std::size_t chart_rows = 10;

/// The entity, and the last hours of one of its metrics as a diagram.
int show_entity(const command_session& session, const std::string& id, std::string metric) {
  const std::string path = "entities/" + percent_encode(id);
  if (session.format == output_format::json)
    return show_answer(session, api_target(path, {}), layout_entity);
  const auto body = api_get(session.server, api_target(path, {}));
  if (!body) return report_failure(body.error());
  const auto text = layout_entity(*body, colours::of(1));
  if (!text) return report_failure(text.error());
  std::fputs(text->c_str(), stdout);
  if (metric.empty()) metric = farthest_off(*body);
  if (metric.empty()) return exit_code::ok;
  const auto window = api_get(session.server, api_target(path + "/window", {{"metric", metric}}));
  if (!window) return report_failure(window.error());
  const auto series = read_chart_series(*window);
  if (!series) return report_failure(series.error());
  const auto chart = draw_chart(*series, terminal_width(), chart_rows, colours::of(1));
  if (!chart.empty()) std::printf("\n%s\n%s", harmless(metric).c_str(), chart.c_str());
  return exit_code::ok;
}

/// The incident, and of its alerts who has acknowledged them and is to look after them.
int show_incident(const command_session& session, const std::string& id) {
  using nlohmann::json;
  const std::string path = "incidents/" + percent_encode(id);
  const auto body = api_get(session.server, api_target(path, {}));
  if (!body) return report_failure(body.error());
  if (session.format == output_format::json) return show_body(session, *body, layout_incident);
  json whole = json::parse(*body, nullptr, false);
  const auto story = api_get(session.server, api_target(path + "/story", {}));
  const json told = story ? json::parse(*story, nullptr, false) : json{};
  if (!whole.is_object() || !told.is_object()) return show_body(session, *body, layout_incident);
  for (const char* key : {"acknowledged_by", "assigned_to"}) {
    std::set<std::string> names;
    for (const json& alert : told.value("alerts", json::array()))
      if (const auto at = alert.find(key); at != alert.end() && at->is_string())
        names.insert(at->get<std::string>());
    names.erase("");
    whole[key] = names;
  }
  return show_body(session, json_text(whole), layout_incident);
}

std::string limit_text(const list_arguments& a) { return std::to_string(a.limit); }

}  // namespace

void add_status_commands(CLI::App& app, command_session& session) {
  CLI::App* status = app.add_subcommand("status", "How the server is doing");
  status->callback([&session] {
    session.run = [&session] {
      return show_answer(session, api_target("status", {}), layout_status);
    };
  });
}

void add_publisher_commands(CLI::App& app, command_session& session) {
  auto a = std::make_shared<list_arguments>();
  CLI::App* group = add_group(app, "publisher", "Who sends events");
  CLI::App* list = group->add_subcommand("list", "Heard of last first, since the server started");
  list->add_option("--limit", a->limit, "At most so many")->capture_default_str();
  list->callback([a, &session] {
    session.run = [a, &session] {
      const auto layout = [](const std::string& body, const colours& c) {
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        return layout_publishers(body, c, std::chrono::duration_cast<milliseconds>(now).count());
      };
      return show_answer(session, api_target("publishers", {{"limit", limit_text(*a)}}), layout);
    };
  });
}

namespace {

/// Pages may be short, even empty, before the end: goes on until there are @p limit alerts.
int show_history(const command_session& session, const api_query& asked, std::string next,
                 std::size_t limit) {
  using nlohmann::json;
  json all{{"alerts", json::array()}, {"next", nullptr}};
  do {
    api_query query = asked;
    query.emplace_back("limit", std::to_string(limit - all["alerts"].size()));
    query.emplace_back("next", next);
    const auto body = api_get(session.server, api_target("history", query));
    if (!body) return report_failure(body.error());
    const json page = json::parse(*body, nullptr, false);
    if (!page.is_object() || !page.contains("alerts") || !page.contains("next"))
      return report_failure({ec::malformed, "the server's answer is no page of alerts"});
    for (const json& a : page["alerts"]) all["alerts"].push_back(a);
    all["next"] = page["next"];
    next = page["next"].is_string() ? page["next"].get<std::string>() : std::string{};
  } while (!next.empty() && all["alerts"].size() < limit);
  return show_body(session, json_text(all), layout_alerts);
}

/// Alerts of the past, by what stands in them.
void add_search(CLI::App& group, command_session& session) {
  struct search_arguments {
    std::string text, state, from, to, next;
    std::vector<std::string> matchers;
    std::size_t limit = 100;
  };
  auto a = std::make_shared<search_arguments>();
  CLI::App* search = group.add_subcommand("search", "Alerts of the past, the newest first");
  search->add_option("text", a->text, "In entity, metric, explanation or a label");
  search->add_option("--matcher", a->matchers, "Labels, for example severity=critical; all hold")
      ->allow_extra_args(false);
  search->add_option("--state", a->state, "firing or resolved")
      ->check(CLI::IsMember({"firing", "resolved"}));
  search->add_option("--from", a->from, "That fired then or later");
  search->add_option("--to", a->to, "That began before");
  search->add_option("--limit", a->limit, "At most so many")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  search->add_option("--next", a->next, "Go on from here: `next` of the answer before");
  search->callback([a, &session] {
    session.run = [a, &session] {
      api_query query{{"text", a->text}, {"state", a->state}};
      for (const std::string& matcher : a->matchers) query.emplace_back("matcher", matcher);
      for (const auto& [name, said] : {std::pair{"from", &a->from}, {"to", &a->to}}) {
        if (said->empty()) continue;
        const auto at = parse_time(*said);
        if (!at) return report_usage(at.error().what);
        query.emplace_back(name, std::to_string(*at));
      }
      return show_history(session, query, a->next, a->limit);
    };
  });
}

}  // namespace

void add_alert_commands(CLI::App& app, command_session& session) {
  auto a = std::make_shared<list_arguments>();
  CLI::App* group = add_group(app, "alert", "Alerts of entities");
  CLI::App* list = add_list(group, "The newest first", *a);
  list->add_option("--state", a->state, "firing or resolved")
      ->check(CLI::IsMember({"firing", "resolved"}));
  list->add_option("--entity", a->entity, "Of this entity alone");
  list->add_option("--severity", a->severity, "warning or critical")
      ->check(CLI::IsMember({"warning", "critical"}));
  list->add_option("--text", a->text, "In entity, metric or explanation");
  add_alert_operations(*group, session);
  auto one = std::make_shared<std::string>();
  CLI::App* show = group->add_subcommand("show", "All that is known of an alert");
  show->add_option("id", *one, "Id of the alert (alert list)")->required();
  show->callback([one, &session] {
    session.run = [one, &session] {
      return show_answer(session, api_target("alerts/" + percent_encode(*one), {}), layout_alert);
    };
  });
  add_search(*group, session);
  list->callback([a, &session] {
    session.run = [a, &session] {
      const api_query query{{"state", a->state}, {"severity", a->severity}, {"entity", a->entity},
                            {"text", a->text},   {"limit", limit_text(*a)}, {"next", a->next}};
      return show_answer(session, api_target("alerts", query), layout_alerts);
    };
  });
}

void add_incident_commands(CLI::App& app, command_session& session) {
  auto a = std::make_shared<list_arguments>();
  CLI::App* group = add_group(app, "incident", "Incidents and their causes");
  add_incident_operations(*group, session);
  CLI::App* list = add_list(group, "The newest first", *a);
  list->add_option("--state", a->state, "open or resolved")
      ->check(CLI::IsMember({"open", "resolved"}));
  list->add_option("--entity", a->entity, "That it is in, or is the likeliest cause of");
  list->callback([a, &session] {
    session.run = [a, &session] {
      const api_query query{
          {"state", a->state}, {"entity", a->entity}, {"limit", limit_text(*a)}, {"next", a->next}};
      return show_answer(session, api_target("incidents", query), layout_incidents);
    };
  });
  CLI::App* show = group->add_subcommand("show", "Ranked causes, evidence and what may help");
  show->add_option("id", a->id, "Id of the incident (incident list)")->required();
  show->callback(
      [a, &session] { session.run = [a, &session] { return show_incident(session, a->id); }; });
}

void add_topology_commands(CLI::App& app, command_session& session) {
  CLI::App* group = add_group(app, "topology", "Who depends on whom");
  add_topology_operations(*group, session);
  CLI::App* list = group->add_subcommand("list", "Every dependency and how it is known");
  list->callback([&session] {
    session.run = [&session] {
      return show_answer(session, api_target("topology", {}), layout_topology);
    };
  });
}

void add_entity_commands(CLI::App& app, command_session& session) {
  auto a = std::make_shared<list_arguments>();
  CLI::App* group = add_group(app, "entity", "What is watched");
  CLI::App* list = add_list(group, "By name", *a);
  list->add_option("--prefix", a->prefix, "Names that begin so, for example service/");
  list->callback([a, &session] {
    session.run = [a, &session] {
      const api_query query{{"prefix", a->prefix}, {"limit", limit_text(*a)}, {"next", a->next}};
      return show_answer(session, api_target("entities", query), layout_entities);
    };
  });
  CLI::App* show = group->add_subcommand("show", "What is believed of an entity and its metrics");
  show->add_option("id", a->id, "Id of the entity, for example service/cart")->required();
  show->add_option("--metric", a->metric,
                   "Draw the last hours of this metric [the one that is farthest off]");
  show->callback([a, &session] {
    session.run = [a, &session] { return show_entity(session, a->id, a->metric); };
  });
  add_change(group, session,
             {"retire", "Forget an entity; its alerts end", "DELETE", "",
              "is retired: a new event starts it afresh"});
  add_change(group, session,
             {"release", "End the quarantine of an entity", "POST", "/release",
              "is released: it goes on with its next event"});
}

}  // namespace faultline
