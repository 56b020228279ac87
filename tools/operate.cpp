// SPDX-License-Identifier: Apache-2.0
#include "tools/operate.hpp"

#include <cstdio>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "inference/model_file.hpp"
#include "tools/api.hpp"
#include "tools/internal/json_text.hpp"
#include "transport/http_server.hpp"

namespace faultline {

namespace {

using nlohmann::json;

struct operation_arguments {
  std::string id, by, comment, assign, verdict, cause, file, remediation, from, to, kind = "calls";
  bool undo = false, worked = false, failed = false;
};

/// Sends a change and says @p done, or the answer as it is with -o json.
int send_change(const command_session& session, const std::string& target, const json& body,
                const std::string& done) {
  const auto answer = api_post(session.server, target, json_text(body));
  if (!answer) return report_failure(answer.error());
  std::puts(session.format == output_format::json ? answer->c_str() : harmless(done).c_str());
  return exit_code::ok;
}

void add_who(CLI::App& command, operation_arguments& a) {
  command.add_option("-a,--author,--by", a.by, "Who says so [$USER, or the account]");
  command.add_option("-c,--comment", a.comment, "Why");
}

/// @p kind is alert or incident.
int run_ack(const command_session& session, const operation_arguments& a, const char* kind) {
  json body{{"by", who_says(a.by)}, {"comment", a.comment}, {"acknowledged", !a.undo}};
  if (!a.assign.empty()) body["assign"] = a.assign;
  return send_change(
      session, api_target(std::string{kind} + "s/" + percent_encode(a.id) + "/acknowledge", {}),
      body,
      std::string{kind} + " " + a.id +
          (a.undo ? " is not acknowledged any more" : " is acknowledged"));
}

void add_ack(CLI::App& group, command_session& session, const char* kind) {
  auto a = std::make_shared<operation_arguments>();
  CLI::App* ack = group.add_subcommand("ack", "Say that somebody looks after it");
  ack->add_option("id", a->id, "Its id (alert list, incident list)")->required();
  CLI::Option* undo = ack->add_flag("--undo", a->undo, "Take it back");
  ack->add_option("--assign", a->assign, "Who is to look after it")->excludes(undo);
  add_who(*ack, *a);
  ack->callback([a, kind, &session] {
    session.run = [a, kind, &session] { return run_ack(session, *a, kind); };
  });
}

int run_feedback(const command_session& session, const operation_arguments& a, const char* kind) {
  json body{{"by", who_says(a.by)}, {"comment", a.comment}, {"verdict", a.verdict}};
  if (!a.cause.empty()) body["cause"] = a.cause;
  if (!a.remediation.empty()) {
    if (a.worked == a.failed) return report_usage("say --worked or --failed of the remediation");
    body["remediation"] = a.remediation;
    body["worked"] = a.worked;
  }
  return send_change(session,
                     api_target(std::string{kind} + "s/" + percent_encode(a.id) + "/feedback", {}),
                     body, std::string{"feedback on "} + kind + " " + a.id + " is recorded");
}

int run_activate(const command_session& session, const operation_arguments& a) {
  const auto card = read_model_card(a.file);
  if (!card) return report_failure(card.error());
  if (card->kind != model_kind::forecaster)
    return report_failure(a.file + " is a " + to_string(card->kind) + ", not a forecaster");
  const auto answer =
      api_post(session.server, api_target("model", {}), json_text(json{{"sha256", card->sha256}}));
  if (!answer) return report_failure(answer.error());
  if (session.format == output_format::json) {
    std::puts(answer->c_str());
    return exit_code::ok;
  }
  const auto state = json::parse(*answer, nullptr, false);
  const bool changed = state.is_object() && state.value("changed", false);
  std::printf("%s %s (%s) %s\n", harmless(card->description.name).c_str(),
              harmless(card->description.version).c_str(), card->sha256.c_str(),
              changed ? "is in force now" : "was in force already");
  return exit_code::ok;
}

std::string list_of(const json& report, const char* key) {
  std::string all;
  if (!report.is_object() || !report.contains(key) || !report[key].is_array()) return all;
  for (const auto& item : report[key])
    if (item.is_string()) all += (all.empty() ? "" : ", ") + item.get<std::string>();
  return all;
}

int run_reload(const command_session& session) {
  const auto answer = api_post(session.server, "/-/reload", "");
  if (!answer) return report_failure(answer.error());
  if (session.format == output_format::json) {
    std::puts(answer->c_str());
    return exit_code::ok;
  }
  const auto report = json::parse(*answer, nullptr, false);
  const auto applied = list_of(report, "applied"), restart = list_of(report, "restart");
  if (applied.empty() && restart.empty()) std::puts("nothing has changed");
  if (!applied.empty()) std::printf("in force: %s\n", harmless(applied).c_str());
  if (!restart.empty()) std::printf("needs a restart: %s\n", harmless(restart).c_str());
  return exit_code::ok;
}

}  // namespace

void add_alert_operations(CLI::App& group, command_session& session) {
  add_ack(group, session, "alert");
  auto f = std::make_shared<operation_arguments>();
  CLI::App* feedback = group.add_subcommand("feedback", "Say whether it was right to warn");
  feedback->add_option("id", f->id, "Id of the alert (alert list)")->required();
  feedback->add_option("--verdict", f->verdict, "true, false or expected")
      ->required()
      ->check(CLI::IsMember({"true", "false", "expected"}));
  add_who(*feedback, *f);
  feedback->callback([f, &session] {
    session.run = [f, &session] { return run_feedback(session, *f, "alert"); };
  });
}

void add_incident_operations(CLI::App& group, command_session& session) {
  add_ack(group, session, "incident");
  auto a = std::make_shared<operation_arguments>();
  CLI::App* feedback = group.add_subcommand("feedback", "Say whether the cause was found");
  feedback->add_option("id", a->id, "Id of the incident (incident list)")->required();
  feedback->add_option("--verdict", a->verdict, "right, wrong or partly")
      ->required()
      ->check(CLI::IsMember({"right", "wrong", "partly"}));
  feedback->add_option("--cause", a->cause, "The entity that was the cause");
  auto* step = feedback->add_option("--remediation", a->remediation,
                                    "Title of the steps that were taken (incident show)");
  feedback->add_flag("--worked", a->worked, "They helped")->needs(step);
  feedback->add_flag("--failed", a->failed, "They did not")->needs(step);
  add_who(*feedback, *a);
  feedback->callback([a, &session] {
    session.run = [a, &session] { return run_feedback(session, *a, "incident"); };
  });
}

void add_topology_operations(CLI::App& group, command_session& session) {
  struct action {
    const char *name, *about, *done;
  };
  for (const action& of :
       {action{"add", "Say that one thing depends on another, whatever is seen", " is set"},
        action{"remove", "Say that it does not, whatever is seen", " is taken away"},
        action{"reset", "Take that back: what is seen counts again", " is left to what is seen"}}) {
    auto a = std::make_shared<operation_arguments>();
    CLI::App* sub = group.add_subcommand(of.name, of.about);
    sub->add_option("from", a->from, "The entity that depends")->required();
    sub->add_option("to", a->to, "On this one")->required();
    sub->add_option("--kind", a->kind, "calls or runs_on")
        ->check(CLI::IsMember({"calls", "runs_on"}))
        ->capture_default_str();
    add_who(*sub, *a);
    sub->callback([a, of, &session] {
      session.run = [a, of, &session] {
        const json body{{"from", a->from},   {"to", a->to},           {"kind", a->kind},
                        {"action", of.name}, {"by", who_says(a->by)}, {"comment", a->comment}};
        return send_change(session, api_target("topology/edges", {}), body,
                           a->from + " -> " + a->to + of.done);
      };
    });
  }
}

void add_model_operations(CLI::App& group, command_session& session) {
  auto a = std::make_shared<operation_arguments>();
  CLI::App* activate = group.add_subcommand(
      "activate", "Have the server judge by this forecaster; it finds the file by its sha-256");
  activate->add_option("file", a->file, "A file with the ending .flm")->required();
  activate->callback(
      [a, &session] { session.run = [a, &session] { return run_activate(session, *a); }; });
}

void add_reload_command(CLI::App& app, command_session& session) {
  CLI::App* reload = app.add_subcommand("reload", "Have the server read its configuration again");
  reload->callback([&session] { session.run = [&session] { return run_reload(session); }; });
}

}  // namespace faultline
