// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>

#include "tools/commands.hpp"
#include "tools/completion.hpp"
#include "tools/operate.hpp"
#include "tools/option_text.hpp"
#include "tools/version.hpp"
#include "transport/http_client.hpp"

namespace {

using faultline::command_session;
using faultline::output_format;

/// For CLI11: what is wrong with @p text as the address of a server.
std::string wrong_address(const std::string& text) {
  const auto right = faultline::check_address(text);
  return right ? std::string{} : right.error().what;
}

/// The options that every command takes, in front of it or behind it.
void add_common_options(CLI::App& app, command_session& session) {
  app.set_version_flag("--version", std::string{"faultline "} + faultline::program_version);
  app.set_help_all_flag("--help-all", "Help of all commands");
  app.add_option("-o,--output", session.format, "simple (for people) or json (for programs)")
      ->transform(
          CLI::Validator(faultline::one_of<output_format>(
                             {{"simple", output_format::simple}, {"json", output_format::json}}),
                         ""))
      ->option_text("simple|json");
  app.add_option("--server", session.server.address, "Address of the server's HTTP API")
      ->envname("FAULTLINE_SERVER")
      ->check(CLI::Validator(wrong_address, ""))
      ->capture_default_str();
  app.add_option("--token-file", session.server.token_file, "File of a token for the HTTP API")
      ->envname("FAULTLINE_TOKEN_FILE");
  app.add_option("--ca-file", session.server.ca_file,
                 "Certificates to trust with https:// [those of the system]")
      ->envname("FAULTLINE_CA_FILE");
  app.add_option("--key-file", session.key_file, "File of our secret key (NAME.secret)")
      ->envname("FAULTLINE_KEY_FILE");
  app.add_option("--server-key-file", session.server_key_file,
                 "File of the server's public key (NAME.pub)")
      ->envname("FAULTLINE_SERVER_KEY_FILE");
}

void add_commands(CLI::App& app, command_session& session) {
  add_publish_command(app, session);
  add_replay_command(app, session);
  add_tail_command(app, session);
  add_status_commands(app, session);
  add_dead_letter_commands(app, session);
  add_publisher_commands(app, session);
  add_alert_commands(app, session);
  add_incident_commands(app, session);
  add_silence_commands(app, session);
  add_maintenance_commands(app, session);
  add_notify_commands(app, session);
  add_entity_commands(app, session);
  add_topology_commands(app, session);
  add_simulate_command(app, session);
  add_inject_command(app, session);
  add_train_commands(app, session);
  add_model_commands(app, session);
  add_config_commands(app, session);
  add_reload_command(app, session);
  add_store_commands(app, session);
  add_backup_commands(app, session);
  add_evaluate_commands(app, session);
  add_bench_commands(app, session);
  add_what_if_command(app, session);
  add_keygen_command(app, session);
  add_token_commands(app, session);
  add_completion_commands(app, session);
}

/// The command that was named, as far as there is one, and the words that led to it.
struct named_command {
  const CLI::App* app;
  std::string words = "faultline";
};

named_command named_by(const CLI::App& app) {
  named_command named{&app};
  for (auto chosen = app.get_subcommands(); !chosen.empty();
       chosen = named.app->get_subcommands()) {
    named.app = chosen.front();
    named.words += " " + named.app->get_name();
  }
  return named;
}

/// What to say of the first option that no command takes; empty where there is none.
std::string unknown_option(const CLI::App& app) {
  for (const std::string& word : app.remaining(true)) {
    if (word.size() < 2 || word.front() != '-' || word == "--") continue;
    return "no option '" + faultline::harmless(word.substr(0, word.find('='))) + "': `" +
           named_by(app).words + " --help` lists them";
  }
  return {};
}

/// What to say where a word stands in the place of a command and is none; else empty.
std::string unknown_command(const CLI::App& app) {
  const named_command named = named_by(app);
  if (named.app->get_subcommands([](const CLI::App*) { return true; }).empty()) return {};
  for (const std::string& word : app.remaining(true))
    if (!word.empty() && word.front() != '-')
      return "no command '" + faultline::harmless(word) + "': `" + named.words +
             " --help` lists them";
  return {};
}

/// What CLI11 says of what is missing or too much hides the word that was misspelt.
std::string misspelt(const CLI::App& app, const CLI::ParseError& why) {
  const bool missing = dynamic_cast<const CLI::RequiredError*>(&why) != nullptr;
  if (!missing && dynamic_cast<const CLI::ExtrasError*>(&why) == nullptr) return {};
  if (std::string option = unknown_option(app); !option.empty()) return option;
  return missing ? unknown_command(app) : std::string{};
}

bool is_option_of(const CLI::App* app, const std::string& word) {
  if (word.size() < 2 || word.front() != '-' || word == "--") return false;
  if (word.find_first_of(" \t\n") != std::string::npos) return false;  // a sentence
  const std::string name = word.substr(0, word.find('='));
  for (; app != nullptr; app = app->get_parent())
    for (const CLI::Option* option : app->get_options())
      if (option->check_name(name)) return true;
  return false;
}

/// `--name=value`, or `-nvalue`: nobody forgot a value there.
bool is_said_together(const CLI::Option& option, const std::string& value,
                      const std::vector<std::string>& words) {
  const auto said = [&words](const std::string& word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  const auto& longs = option.get_lnames();
  const auto& shorts = option.get_snames();
  return std::any_of(longs.begin(), longs.end(),
                     [&](const std::string& name) { return said("--" + name + "=" + value); }) ||
         std::any_of(shorts.begin(), shorts.end(),
                     [&](const std::string& name) { return said("-" + name + value); });
}

/// No option of @p app and its commands takes another option for its value, as the library would.
void refuse_options_as_values(CLI::App& app, const std::vector<std::string>& words) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_positional() || option->get_items_expected_max() == 0) continue;
    option->check(CLI::Validator(
        [&app, &words, option](const std::string& value) {
          if (!is_option_of(&app, value) || is_said_together(*option, value, words))
            return std::string{};
          return "a value is missing before '" + faultline::harmless(value) + "' (or write " +
                 option->get_name() + "=" + faultline::harmless(value) + ")";
        },
        ""));
  }
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; }))
    refuse_options_as_values(*command, words);
}

/// The library reads -1 as the largest number where there is no sign.
void refuse_negative_counts(CLI::App& app) {
  for (CLI::Option* option : app.get_options())
    if (option->get_type_name().rfind("UINT", 0) == 0)
      option->check(CLI::Validator(
          [](const std::string& value) {
            const auto first = value.find_first_not_of(" \t\n");
            const bool negative = first != std::string::npos && value[first] == '-' &&
                                  value.find_first_not_of("-0", first) < value.size() &&
                                  value.find_first_not_of("-0123456789", first) == value.npos;
            return negative ? "'" + faultline::harmless(value) + "' is less than 0" : std::string{};
          },
          ""));
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; }))
    refuse_negative_counts(*command);
}

int run(int argc, char** argv) {
  const std::vector<std::string> words{argv, argv + argc};
  CLI::App app{
      "Publishes telemetry to a faultline server, shows what it warns of, simulates, "
      "trains and measures.",
      "faultline"};
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(
      "Exit codes: 0 fine, 1 failed or rejected, 2 wrong usage.\n"
      "`faultline COMMAND --help` shows the options of a command; those above go with every "
      "command, "
      "in front of it or behind it.");
  command_session session;
  add_common_options(app, session);
  add_commands(app, session);
  refuse_options_as_values(app, words);
  refuse_negative_counts(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (const std::string word = misspelt(app, e); !word.empty())
      return faultline::report_usage(word);
    return app.exit(e) == 0 ? faultline::exit_code::ok : faultline::exit_code::usage;
  }
  if (!session.run) return faultline::report_usage("no command (try --help)");
  return session.run();
}

/// What a room logs is said beside what a command prints, not among it.
void log_to_the_error_stream() {
  auto logger = spdlog::stderr_logger_st("faultline");
  logger->set_pattern("%n: %v");
  spdlog::set_default_logger(std::move(logger));
}

bool reader_has_gone() {
  pollfd output{STDOUT_FILENO, POLLOUT, 0};
  return ::poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

/// Whatever a command has printed must have come out: half a list with status 0 is taken for a
/// whole one. A reader that goes away early (`| head`) has what it wanted.
int with_output_written(int status) {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  const int why = errno;
  if (reader_has_gone()) return status;
  std::string what = "the output cannot be written";
  if (why != 0) what += std::string{": "} + std::strerror(why);
  const int failed = faultline::report_failure(what);
  return status == faultline::exit_code::ok ? failed : status;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is an error of write()
  try {
    log_to_the_error_stream();
    return with_output_written(run(argc, argv));
  } catch (const std::exception& e) {
    return faultline::report_failure(std::string{"unexpected: "} + e.what());
  }
}
