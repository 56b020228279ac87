// SPDX-License-Identifier: Apache-2.0
#include "dashboard/internal/routes.hpp"

#include <utility>

#include "dashboard/internal/answering.hpp"
#include "dashboard/internal/api_json.hpp"
#include "dashboard/rest_api.hpp"
#include "messages/feed.hpp"

namespace faultline {

namespace {

void get_healthy(api_call call) { call.respond(json_answer(R"({"healthy":true})")); }

void get_ready(api_call call) {
  if (call.answers.ready()) return call.respond(json_answer(R"({"ready":true})"));
  call.respond(http_error(503, "not_ready", "recovery is not done yet"));
}

void get_metrics(api_call call) {
  call.answers.metrics_text([respond = std::move(call.respond)](outcome<std::string> got) {
    if (!got) return respond(error_answer(got.error()));
    http_response r = json_answer(std::move(*got));
    r.content_type = "text/plain; version=0.0.4; charset=utf-8";
    respond(std::move(r));
  });
}

void get_status(api_call call) {
  call.answers.status(as_json<server_status>(std::move(call.respond)));
}

void get_entities(api_call call) {
  std::size_t limit = 0;
  std::string prefix;
  std::string next;
  if (!read_limit(call, limit) || !read_text(call, "prefix", prefix) ||
      !read_text(call, "next", next))
    return;
  call.answers.entities(prefix, limit, next, as_json<entity_page>(std::move(call.respond)));
}

void get_entity(api_call call) {
  call.answers.entity(call.ids[0], as_json<entity_details>(std::move(call.respond)));
}

void get_window(api_call call) {
  std::string metric;
  if (!read_text(call, "metric", metric)) return;
  if (metric.empty()) {
    refuse(call, {ec::invalid, "metric is missing: ?metric=NAME"});
    return;
  }
  call.answers.window(call.ids[0], metric, as_json<window_series>(std::move(call.respond)));
}

void delete_entity(api_call call) {
  call.answers.retire_entity(call.ids[0], as_accepted(std::move(call.respond), call.ids[0]));
}

void post_release(api_call call) {
  call.answers.release_entity(call.ids[0], as_accepted(std::move(call.respond), call.ids[0]));
}

void get_alerts(api_call call) {
  alert_filter filter;
  std::string brief;
  if (!read_choice(call, "state", "firing", "resolved", filter.state) ||
      !read_choice(call, "severity", "warning", "critical", filter.severity) ||
      !read_choice(call, "brief", "true", "false", brief) ||
      !read_text(call, "entity", filter.entity) || !read_text(call, "text", filter.text) ||
      !read_limit(call, filter.limit) || !read_text(call, "next", filter.next))
    return;
  if (brief == "true") {
    const auto rows = [respond = std::move(call.respond)](outcome<alert_page> page) {
      respond(page ? json_answer(brief_json(*page)) : error_answer(page.error()));
    };
    return call.answers.alerts(std::move(filter), rows);
  }
  call.answers.alerts(std::move(filter), as_json<alert_page>(std::move(call.respond)));
}

void get_incidents(api_call call) {
  incident_filter filter;
  if (!read_choice(call, "state", "open", "resolved", filter.state) ||
      !read_text(call, "entity", filter.entity) || !read_limit(call, filter.limit) ||
      !read_text(call, "next", filter.next))
    return;
  call.answers.incidents(std::move(filter), as_json<incident_page>(std::move(call.respond)));
}

void get_incident(api_call call) {
  call.answers.incident_by_id(call.ids[0], as_json<told<incident>>(std::move(call.respond)));
}

void post_alert_feedback(api_call call) {
  auto read = read_feedback(call.request.body, feedback_kind::alert);
  if (!read) {
    refuse(call, read.error());
    return;
  }
  sign(call, read->by);
  call.answers.alert_feedback(call.ids[0], std::move(*read),
                              as_accepted(std::move(call.respond), call.ids[0]));
}

void post_incident_feedback(api_call call) {
  auto read = read_feedback(call.request.body, feedback_kind::incident);
  if (!read) {
    refuse(call, read.error());
    return;
  }
  sign(call, read->by);
  call.answers.incident_feedback(call.ids[0], std::move(*read),
                                 as_accepted(std::move(call.respond), call.ids[0]));
}

void acknowledge(api_call call, bool taken_back, bool incident = false) {
  auto read = read_acknowledgement(call.request.body);
  if (!read) {
    refuse(call, read.error());
    return;
  }
  if (taken_back) read->acknowledged = false;
  sign(call, read->by);
  auto done = as_accepted(std::move(call.respond), call.ids[0]);
  if (incident)
    return call.answers.acknowledge_incident(call.ids[0], std::move(*read), std::move(done));
  call.answers.acknowledge_alert(call.ids[0], std::move(*read), std::move(done));
}

void post_acknowledge(api_call call) { acknowledge(std::move(call), false); }
void delete_acknowledge(api_call call) { acknowledge(std::move(call), true); }
void post_incident_acknowledge(api_call call) { acknowledge(std::move(call), false, true); }
void delete_incident_acknowledge(api_call call) { acknowledge(std::move(call), true, true); }

void post_reload(api_call call) {
  call.answers.reload(as_json<reload_report>(std::move(call.respond)));
}

void get_rules(api_call call) { call.answers.rules(as_json<rules_state>(std::move(call.respond))); }

void get_model(api_call call) { call.answers.model(as_json<model_state>(std::move(call.respond))); }

void post_model(api_call call) {
  auto read = read_activation(call.request.body);
  if (!read) {
    refuse(call, read.error());
    return;
  }
  call.answers.activate_model(std::move(*read), as_json<model_state>(std::move(call.respond)));
}

void get_overview(api_call call) {
  call.answers.overview(as_json<overview_view>(std::move(call.respond)));
}

void get_story(api_call call) {
  call.answers.story(call.ids[0], as_json<incident_story>(std::move(call.respond)));
}

void get_entity_story(api_call call) {
  call.answers.story_of_entity(call.ids[0], as_json<entity_story>(std::move(call.respond)));
}

void get_quality(api_call call) {
  call.answers.quality(as_json<quality_view>(std::move(call.respond)));
}

void post_backup(api_call call) {
  call.answers.make_backup(as_json<backup_state>(std::move(call.respond)));
}

void get_backup(api_call call) {
  call.answers.backup(as_json<backup_state>(std::move(call.respond)));
}

void delete_backup(api_call call) {
  call.answers.drop_backup(as_json<backup_state>(std::move(call.respond)));
}

void get_topology(api_call call) {
  call.answers.topology(as_json<topology_view>(std::move(call.respond)));
}

void post_edge(api_call call) {
  auto read = read_edge_word(call.request.body);
  if (!read) {
    refuse(call, read.error());
    return;
  }
  sign(call, read->by);
  std::string subject = read->from;
  call.answers.set_edge(std::move(*read), as_accepted(std::move(call.respond), std::move(subject)));
}

void get_dead_letters(api_call call) {
  dead_letter_filter filter;
  if (!read_limit(call, filter.limit) || !read_text(call, "reason", filter.reason) ||
      !read_text(call, "next", filter.next))
    return;
  call.answers.dead_letters(std::move(filter), as_json<dead_letter_view>(std::move(call.respond)));
}

void get_dead_letter(api_call call) {
  call.answers.dead_letter_by_id(call.ids[0],
                                 as_json<dead_letter_view::letter>(std::move(call.respond)));
}

void get_publishers(api_call call) {
  std::size_t limit = 0;
  if (!read_limit(call, limit)) return;
  call.answers.publishers(limit, as_json<publisher_page>(std::move(call.respond)));
}

void get_index(api_call call) {
  http_response r = json_answer(index_page(call.open));
  r.content_type = "text/html; charset=utf-8";
  call.respond(std::move(r));
}

}  // namespace

const std::vector<route>& api_routes() {
  static const std::vector<route> routes{
      {"GET", "/api/v1", "this page", get_index},
      {"GET", "/-/healthy", "the process answers", get_healthy},
      {"GET", "/-/ready", "200 once recovery is done, 503 before", get_ready},
      {"GET", "/metrics", "counters in the Prometheus text format", get_metrics},
      {"GET", "/api/v1/status", "version, uptime, totals, overload", get_status},
      {"GET", "/api/v1/entities", "?limit= &prefix= &next=", get_entities},
      {"GET", "/api/v1/entities/*", "one entity, its metrics and alerts", get_entity},
      {"DELETE", "/api/v1/entities/*", "retire an entity", delete_entity, web_role::operating},
      {"GET", "/api/v1/entities/*/window", "?metric=NAME, the live window", get_window},
      {"GET", "/api/v1/entities/*/story", "changes, words and notices about it, and its incidents",
       get_entity_story},
      {"GET", "/api/v1/overview", "what is wrong now, in outlines", get_overview},
      {"GET", "/api/v1/stream",
       "?after= &brief=true, the feed as server-sent events, after Last-Event-ID", get_stream},
      {"GET", "/api/v1/quality", "how well it has done: false alarms, lead times, causes",
       get_quality},
      {"GET", "/api/v1/alerts",
       "?state=firing|resolved &severity= &entity= &text= &brief=true &limit= &next=", get_alerts},
      {"POST", "/api/v1/alerts/*/feedback", "{verdict: true|false|expected, comment, by}",
       post_alert_feedback, web_role::operating},
      {"POST", "/api/v1/alerts/*/acknowledge", "{by, comment, acknowledged, assign}",
       post_acknowledge, web_role::operating},
      {"DELETE", "/api/v1/alerts/*/acknowledge", "take it back, {by, comment}", delete_acknowledge,
       web_role::operating},
      {"GET", "/api/v1/incidents", "?state=open|resolved &entity= &limit= &next=", get_incidents},
      {"GET", "/api/v1/incidents/*", "one incident with its causes", get_incident},
      {"GET", "/api/v1/incidents/*/story",
       "what happened, in order; its alerts; earlier ones like it", get_story},
      {"POST", "/api/v1/incidents/*/acknowledge",
       "{by, comment, acknowledged, assign}, all its alerts", post_incident_acknowledge,
       web_role::operating},
      {"DELETE", "/api/v1/incidents/*/acknowledge", "take it back, {by, comment}",
       delete_incident_acknowledge, web_role::operating},
      {"POST", "/api/v1/incidents/*/feedback",
       "{cause, verdict: right|wrong|partly, comment, by, remediation, worked}",
       post_incident_feedback, web_role::operating},
      {"GET", "/api/v1/topology", "who depends on whom", get_topology},
      {"POST", "/api/v1/topology/edges",
       "{from, to, kind, action: add|remove|reset, by, comment}, an operator's word on it",
       post_edge, web_role::operating},
      {"GET", "/api/v1/dead-letters", "?reason= &limit= &next=, what was refused and why",
       get_dead_letters},
      {"GET", "/api/v1/dead-letters/*", "one dead letter", get_dead_letter},
      {"POST", "/api/v1/entities/*/release", "end the quarantine of an entity", post_release,
       web_role::operating},
      {"GET", "/api/v1/publishers", "?limit=, who publishes, how much, and clock skew",
       get_publishers},
      {"POST", "/-/reload", "read the configuration again", post_reload, web_role::admin},
      {"GET", "/api/v1/rules", "the rules in force", get_rules},
      {"GET", "/api/v1/model", "the forecaster in force", get_model},
      {"POST", "/api/v1/model", "{sha256}, activate another one", post_model, web_role::admin},
      {"GET", "/api/v1/backup", "the copy of the store that was made", get_backup},
      {"POST", "/api/v1/backup", "make a copy of the store beside it", post_backup,
       web_role::admin},
      {"DELETE", "/api/v1/backup", "remove that copy", delete_backup, web_role::admin},
  };
  static const std::vector<route> all = [] {
    std::vector<route> whole = routes;
    for (const auto& part : {silence_routes(), maintenance_routes(), operator_routes(),
                             openapi_routes(), alertmanager_routes()})
      whole.insert(whole.end(), part.begin(), part.end());
    return whole;
  }();
  return all;
}

}  // namespace faultline
