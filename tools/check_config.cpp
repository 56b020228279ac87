// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "config/config.hpp"
#include "config/roles.hpp"
#include "config/runbooks.hpp"
#include "config/zones.hpp"
#include "judgement/inhibition.hpp"
#include "judgement/notifier_core.hpp"
#include "judgement/window_words.hpp"
#include "tools/commands.hpp"
#include "transport/notify_text.hpp"

namespace faultline {

namespace {

using json = nlohmann::ordered_json;

enum class config_kind : std::uint8_t { server, runbooks, roles };

struct check_arguments {
  std::string file;
  config_kind kind = config_kind::server;
  bool show = false;
};

/// What was found in a file and in those it names.
struct check_result {
  std::vector<config_problem> problems;
  std::vector<std::pair<std::string, std::string>> settings;  ///< that differ from their defaults
  std::string holds;                                          ///< in words
};

template <class T>
void add_problems(const loaded<T>& read, check_result& r) {
  r.problems.insert(r.problems.end(), read.problems.begin(), read.problems.end());
}

void check_runbooks(const std::string& file, check_result& r) {
  const auto read = load_runbooks(file);
  add_problems(read, r);
  if (read) r.holds = std::to_string(read->size()) + " runbooks";
}

void check_roles(const std::string& file, check_result& r) {
  const auto read = load_roles(file);
  add_problems(read, r);
  if (read) r.holds = std::to_string(read->size()) + " role rules";
}

/// What only other rooms can say of a file: zones, matchers, templates.
void check_life_cycle(const std::string& file, const server_config& c, check_result& r) {
  const auto add = [&](const char* key, const failure& why) {
    r.problems.push_back({file, 0, 0, key, why.what});
  };
  for (const window_words& w : c.maintenance) {
    const auto made = window_of(w, [](const std::string& zone) {
      std::vector<zone_offset> offsets;
      for (const auto& [from, ahead] : offsets_of(zone))
        offsets.push_back({event_time_of(from), ahead});
      return offsets;
    });
    if (!made) add("maintenance", {ec::invalid, w.name + ": " + made.error().what});
  }
  if (const auto good = check_inhibit(c.correlation.inhibit); !good) add("inhibit", good.error());
  if (const auto made = notifier_core::make(c.notify); !made) add("notifications", made.error());
  for (const notify_receiver& o : c.notify.receivers)
    for (const std::string* text : {&o.title, &o.text})
      if (const auto good = check_template(*text); !good)
        add("notifications.receivers", {ec::invalid, o.name + ": " + good.error().what});
}

void check_server(const check_arguments& a, check_result& r) {
  const auto read = load_config(a.file);
  add_problems(read, r);
  if (!read) return;
  check_life_cycle(a.file, *read, r);
  if (!read->runbooks.empty()) check_runbooks(read->runbooks, r);
  if (!read->roles.empty()) check_roles(read->roles, r);
  const auto defaults = settings_of(server_config{});
  const auto settings = settings_of(*read);
  std::size_t changed = 0;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    const bool differs = i >= defaults.size() || settings[i] != defaults[i];
    changed += differs ? 1 : 0;
    if (differs || a.show) r.settings.push_back(settings[i]);
  }
  r.holds = std::to_string(changed) + " of " + std::to_string(settings.size()) +
            " settings differ from their defaults";
}

check_result check(const check_arguments& a) {
  check_result r;
  switch (a.kind) {
    case config_kind::server:
      check_server(a, r);
      break;
    case config_kind::runbooks:
      check_runbooks(a.file, r);
      break;
    case config_kind::roles:
      check_roles(a.file, r);
      break;
  }
  return r;
}

std::string result_json(const std::string& file, const check_result& r) {
  json problems = json::array(), settings = json::object();
  for (const auto& p : r.problems)
    problems.push_back({{"file", p.file},
                        {"line", p.line},
                        {"column", p.column},
                        {"key", p.key},
                        {"text", p.text}});
  for (const auto& [key, value] : r.settings) settings[key] = value;
  return json{
      {"file", file}, {"ok", r.problems.empty()}, {"problems", problems}, {"settings", settings}}
      .dump(2);
}

int run_check(const check_arguments& a, const command_session& session) {
  const check_result r = check(a);
  const int code = r.problems.empty() ? exit_code::ok : exit_code::failed;
  if (session.format == output_format::json) {
    std::puts(result_json(a.file, r).c_str());
    return code;
  }
  for (const auto& problem : r.problems) std::puts(harmless(to_string(problem)).c_str());
  if (code != exit_code::ok)
    return report_failure(a.file + ": " + std::to_string(r.problems.size()) +
                          (r.problems.size() == 1 ? " problem" : " problems"));
  std::printf("%s is fine: %s\n", a.file.c_str(), r.holds.c_str());
  for (const auto& [key, value] : r.settings)
    std::printf("  %s: %s\n", key.c_str(), harmless(value).c_str());
  return code;
}

}  // namespace

void add_config_commands(CLI::App& app, command_session& session) {
  auto a = std::make_shared<check_arguments>();
  CLI::App* sub = app.add_subcommand(
      "check-config", "Say all that is wrong with a configuration file, with its lines");
  sub->add_option("file", a->file, "The file of --config.file")->required();
  static const std::map<std::string, config_kind> kinds{{"server", config_kind::server},
                                                        {"runbooks", config_kind::runbooks},
                                                        {"roles", config_kind::roles}};
  sub->add_option("--kind", a->kind, "server, runbooks or roles")
      ->transform(CLI::CheckedTransformer(kinds, CLI::ignore_case))
      ->option_text("server|runbooks|roles");
  sub->add_flag("--show", a->show, "Show every setting, not only those that differ");
  sub->callback([a, &session] { session.run = [a, &session] { return run_check(*a, session); }; });
}

}  // namespace faultline
