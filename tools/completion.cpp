// SPDX-License-Identifier: Apache-2.0
#include "tools/completion.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "tools/api.hpp"

namespace faultline {

namespace {

/// What has names that only the server knows.
struct named_kind {
  const char* name;
  const char* path;
  const char* id;
};
constexpr std::array<named_kind, 5> kinds{{{"entities", "entities", "id"},
                                           {"incidents", "incidents", "id"},
                                           {"alerts", "alerts", "id"},
                                           {"silences", "silences", "id"},
                                           {"windows", "maintenance", "name"}}};
constexpr std::size_t most_names = 200;

/// Which of them stand behind a command; empty: none.
std::string_view kind_behind(const std::string& words) {
  const auto space = words.find(' ');
  const auto group = words.substr(0, space);
  const auto what = space == std::string::npos ? std::string{} : words.substr(space + 1);
  if (group == "entity" && what != "list") return "entities";
  if (group == "topology" && what != "list") return "entities";
  if (group == "incident" && what != "list") return "incidents";
  if (group == "alert" && what != "list" && what != "search") return "alerts";
  if (words == "silence expire") return "silences";
  if (words == "maintenance remove") return "windows";
  return {};
}

/// One line of each table for @p command and those below it; @p words lead to it.
void add_tables(const CLI::App& command, const std::string& words, std::string& out) {
  const auto below = command.get_subcommands([](const CLI::App*) { return true; });
  std::string commands, options;
  for (const CLI::App* sub : below) commands += " " + sub->get_name();
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames())
      if (command.get_parent() == nullptr || name.rfind("help", 0) != 0) options += " --" + name;
  const std::string at = "[\"" + words + "\"]=\"";
  if (!commands.empty()) out += "_faultline_commands" + at + commands + " \"\n";
  if (!options.empty()) out += "_faultline_options" + at + options + " \"\n";
  if (const auto kind = kind_behind(words.substr(std::min(words.find(' '), words.size() - 1) + 1));
      !kind.empty() && below.empty())
    out += "_faultline_names" + at + std::string{kind} + "\"\n";
  for (const CLI::App* sub : below) add_tables(*sub, words + " " + sub->get_name(), out);
}

constexpr const char* script_end = R"(_faultline() {
  local current=${COMP_WORDS[COMP_CWORD]} at=faultline n
  for ((n = 1; n < COMP_CWORD; ++n)); do
    [[ ${_faultline_commands[$at]} == *" ${COMP_WORDS[n]} "* ]] && at+=" ${COMP_WORDS[n]}"
  done
  local words=${_faultline_commands[$at]}
  if [[ $current == -* ]]; then
    words="${_faultline_options[faultline]}${_faultline_options[$at]}"
  elif [[ -n ${_faultline_names[$at]} ]]; then
    words=$("${COMP_WORDS[0]}" completion names "${_faultline_names[$at]}" "$current" 2>/dev/null)
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _faultline faultline
)";

int run_bash(const CLI::App& app) {
  std::string tables;
  add_tables(app, "faultline", tables);
  std::printf(
      "# For bash: source <(faultline completion bash)\n"
      "declare -gA _faultline_commands _faultline_options _faultline_names\n%s%s",
      tables.c_str(), script_end);
  return exit_code::ok;
}

/// A name that bash would take for something else than one word is left out.
bool is_plain(const std::string& name) {
  return name.find_first_of(" \t\r\n\"'`$\\*?[]{}()<>|&;!~#") == std::string::npos;
}

int run_names(const command_session& session, const std::string& kind, const std::string& prefix) {
  for (const named_kind& k : kinds) {
    if (kind != k.name) continue;
    const bool of_entities = kind == "entities";
    const auto answer = api_get(
        session.server, api_target(k.path, {{"prefix", of_entities ? prefix : ""},
                                            {"state", kind == "alerts" ? "firing" : ""},
                                            {"limit", kind == "silences" || kind == "windows"
                                                          ? ""
                                                          : std::to_string(most_names)}}));
    if (!answer) return report_failure(answer.error());
    const auto read = nlohmann::json::parse(*answer, nullptr, false);
    if (!read.is_object()) return report_failure("the server's answer is not a list");
    for (const auto& row : read.value(k.name, nlohmann::json::array())) {
      const std::string name = row.value(k.id, "");
      if (name.rfind(prefix, 0) == 0 && is_plain(name)) std::puts(name.c_str());
    }
    return exit_code::ok;
  }
  return report_usage("no names of '" + harmless(kind) + "'");
}

}  // namespace

void add_completion_commands(CLI::App& app, command_session& session) {
  CLI::App* group = app.add_subcommand("completion", "Commands, options and names, for a shell");
  group->require_subcommand(1);
  CLI::App* bash =
      group->add_subcommand("bash", "A script for bash: source <(faultline completion bash)");
  bash->callback([&app, &session] { session.run = [&app] { return run_bash(app); }; });
  auto kind = std::make_shared<std::string>();
  auto prefix = std::make_shared<std::string>();
  CLI::App* names = group->add_subcommand("names", "What the server knows; the script asks for it");
  names->add_option("kind", *kind, "entities, incidents, alerts (that fire), silences or windows")
      ->required();
  names->add_option("prefix", *prefix, "Only those that begin so");
  names->callback([kind, prefix, &session] {
    session.run = [kind, prefix, &session] { return run_names(session, *kind, *prefix); };
  });
}

}  // namespace faultline
