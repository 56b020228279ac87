// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "config/config.hpp"
#include "config/roles.hpp"
#include "config/runbooks.hpp"
#include "config/shipped_files.hpp"
#include "config/zones.hpp"
#include "inference/model_file.hpp"
#include "judgement/inhibition.hpp"
#include "judgement/notifier_core.hpp"
#include "judgement/window_words.hpp"
#include "messages/text.hpp"
#include "tools/commands.hpp"
#include "tools/internal/json_text.hpp"
#include "tools/option_text.hpp"
#include "transport/addresses.hpp"
#include "transport/notify_text.hpp"
#include "transport/right_problems.hpp"

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
  std::vector<config_problem> unseen;  ///< what others than who asks would have to look at
  std::vector<std::pair<std::string, std::string>> settings;  ///< that differ from their defaults
  std::string holds;                                          ///< in words
  std::map<std::string, config_place> places;                 ///< in the file
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

/// What only other rooms can say of a file: zones, matchers, templates, addresses, models, keys.
class further_check {
public:
  further_check(const std::string& file, const server_config& c, check_result& r)
      : file_{file}, config_{c}, result_{r} {}

  void run() {
    each("maintenance", config_.maintenance, [&](const auto& w) { check_window(w); });
    const auto& inhibit = config_.correlation.inhibit;
    each("inhibit", inhibit, [&](const auto& rule) { check_inhibit_rule(inhibit, rule); });
    each("notifications.routes", config_.notify.routes,
         [&](const auto& route) { check_route(route); });
    each("notifications.receivers", config_.notify.receivers,
         [&](const auto& o) { check_templates(o); });
    each("edges", config_.correlation.edges, [&](const auto& e) { check_edge(e); });
    for (const config_problem& one : memory_problems(config_, physical_memory_bytes()))
      add(one.key, one.text);
    for (const auto& found : {address_problems(config_.web), address_problems(config_.sockets),
                              address_problems(config_.receivers)})
      for (const address_problem& one : found) add(one.key, one.text);
    for (const auto& [other, name] : config_.naming.aliases)
      if (check_name(name) != text_fault::none)
        add("naming.aliases", "what " + other + " is called is no name");
    check_model("model.lstm", config_.model.lstm, model_kind::forecaster);
    for (const auto& [key, named, shipped] :
         {std::tuple{"model.lstm", config_.model.lstm, "models/lstm.flm"},
          std::tuple{"runbooks", config_.runbooks, "config/runbooks.yaml"}})
      if (named.empty())
        if (const auto file = file_in_use(named, shipped); !file.there)
          add(key, "none is named, and none came with this program: no file " + file.path);
    check_model("model.ranker", config_.model.ranker, model_kind::ranker);
    check_directory("model.directory", config_.model.directory);
    const right_findings rights = look_at_rights(config_.sockets, config_.web);
    for (const address_problem& one : rights.problems) add(one.key, one.text);
    for (const address_problem& one : rights.unseen)
      result_.unseen.push_back({file_, 0, 0, one.key, one.text});
  }

private:
  /// @p look sees every item of the list @p key; what it adds stands where the item stands.
  template <class T, class Look>
  void each(const std::string& key, const std::vector<T>& items, Look look) {
    for (const T& one : items) {
      item_ = key + "[" + std::to_string(&one - items.data()) + "]";
      look(one);
    }
    item_.clear();
  }

  /// One at a time, so that each that is wrong is named, by its place in the file.
  void check_inhibit_rule(const std::vector<inhibit_rule>& rules, const inhibit_rule& rule) {
    const auto good = check_inhibit({rule});
    if (good) return;
    std::string what = good.error().what;
    const std::string alone = "inhibit[0]";
    if (what.rfind(alone, 0) == 0)
      what.replace(0, alone.size(), "inhibit[" + std::to_string(&rule - rules.data()) + "]");
    add("inhibit", what);
  }

  void check_templates(const notify_receiver& o) {
    for (const std::string* text : {&o.title, &o.text})
      if (const auto good = check_template(*text); !good)
        add("notifications.receivers", o.name + ": " + good.error().what);
  }

  void check_edge(const configured_edge& e) {
    for (const std::string* name : {&e.from, &e.to})
      if (check_name(*name) != text_fault::none)
        add("edges", "no entity may have the name \"" + *name + "\"");
  }

  void add(const std::string& key, const std::string& text) {
    const auto at = result_.places.find(item_.empty() ? key : item_);
    const config_place place = at == result_.places.end() ? config_place{} : at->second;
    result_.problems.push_back({file_, place.line, place.column, key, text});
  }

  void check_model(const char* key, const std::string& file, model_kind kind) {
    if (file.empty()) return;
    if (const auto read = load_model_file(file, kind); !read) add(key, read.error().what);
  }

  void check_directory(const char* key, const std::string& path) {
    std::error_code ignored;  // what cannot be looked at is none
    if (path.empty() || std::filesystem::is_directory(path, ignored)) return;
    // A server starts without: it is looked into when a model is activated.
    result_.unseen.push_back({file_, 0, 0, key, "not there: " + path});
  }

  /// @returns whether nothing is wrong with it.
  bool look_at(const window_words& w) {
    const auto made = window_of(w, [](const std::string& zone) {
      std::vector<zone_offset> offsets;
      for (const auto& [from, ahead] : offsets_of(zone))
        offsets.push_back({event_time_of(from), ahead});
      return offsets;
    });
    if (!made) add("maintenance", w.name + ": " + made.error().what);
    return bool{made};
  }

  /// Days, time and zone each by itself: of several that are wrong every one is named.
  void check_window(const window_words& w) {
    if (w.at.empty() || (w.days.empty() && w.zone.empty())) {
      look_at(w);
      return;
    }
    window_words sound = w;
    sound.days.clear();
    sound.zone.clear();
    sound.at = "00:00";
    if (!look_at(sound)) return;
    window_words one = sound;
    one.days = w.days;
    look_at(one);
    one = sound;
    one.at = w.at;
    look_at(one);
    one = sound;
    one.zone = w.zone;
    look_at(one);
  }

  void check_route(const notify_route& route) {
    if (route.receiver.empty()) return;  // told by who read it
    notify_options alone;
    alone.receivers = config_.notify.receivers;
    alone.routes = {route};
    const auto look = [&] {
      if (const auto made = notifier_core::make(alone); !made)
        add("notifications.routes", route.receiver + ": " + made.error().what);
    };
    const bool known =
        std::any_of(alone.receivers.begin(), alone.receivers.end(),
                    [&](const notify_receiver& o) { return o.name == route.receiver; });
    look();
    if (known) return;
    alone.receivers.emplace_back();  // as if it were there: what else is wrong with the route
    alone.receivers.back().name = route.receiver;
    look();
  }

  const std::string& file_;
  const server_config& config_;
  check_result& result_;
  std::string item_;  ///< of a list, that is looked at: "inhibit[2]"; empty: none
};

/// Whether @p key of @p config names a file; a name that leads to none is a problem.
bool is_file(const std::string& config, const char* key, const std::string& file, check_result& r) {
  std::error_code ignored;  // what cannot be looked at is none
  if (file.empty() || std::filesystem::is_regular_file(file, ignored)) return !file.empty();
  const auto at = r.places.find(key);
  const config_place place = at == r.places.end() ? config_place{} : at->second;
  r.problems.push_back({config, place.line, place.column, key, "no file " + file});
  return false;
}

void check_server(const check_arguments& a, check_result& r) {
  server_config partly;
  const auto read = load_config(a.file, partly);
  add_problems(read, r);
  r.places = read.places;
  further_check{a.file, partly, r}.run();
  if (is_file(a.file, "runbooks", partly.runbooks, r)) check_runbooks(partly.runbooks, r);
  if (is_file(a.file, "roles", partly.roles, r)) check_roles(partly.roles, r);
  if (!read) return;
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

json list_json(const std::vector<config_problem>& problems) {
  json list = json::array();
  for (const auto& p : problems)
    list.push_back({{"file", p.file},
                    {"line", p.line},
                    {"column", p.column},
                    {"key", p.key},
                    {"text", p.text}});
  return list;
}

std::string result_json(const std::string& file, const check_result& r) {
  json settings = json::object();
  for (const auto& [key, value] : r.settings) settings[key] = value;
  const json all{{"file", file},
                 {"ok", r.problems.empty()},
                 {"problems", list_json(r.problems)},
                 {"unseen", list_json(r.unseen)},
                 {"settings", settings}};
  return json_text(all, 2);
}

int run_check(const check_arguments& a, const command_session& session) {
  const check_result r = check(a);
  const int code = r.problems.empty() ? exit_code::ok : exit_code::failed;
  if (session.format == output_format::json) {
    std::puts(result_json(a.file, r).c_str());
    return code;
  }
  for (const auto& problem : r.problems) std::puts(harmless(to_string(problem)).c_str());
  for (const auto& one : r.unseen)
    std::fprintf(stderr, "left aside: %s\n", harmless(to_string(one)).c_str());
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
  sub->add_option("--kind", a->kind, "server, runbooks or roles")
      ->transform(CLI::Validator(one_of<config_kind>({{"server", config_kind::server},
                                                      {"runbooks", config_kind::runbooks},
                                                      {"roles", config_kind::roles}}),
                                 ""))
      ->option_text("server|runbooks|roles");
  sub->add_flag("--show", a->show, "Show every setting, not only those that differ");
  sub->callback([a, &session] { session.run = [a, &session] { return run_check(*a, session); }; });
}

}  // namespace faultline
