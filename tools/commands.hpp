// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "messages/outcome.hpp"
#include "tools/output.hpp"
#include "transport/key_file.hpp"

namespace CLI {
class App;
}

namespace faultline {

/// Exit codes of `faultline`; scripts may rely on them.
namespace exit_code {
inline constexpr int ok = 0;
inline constexpr int failed =
    1;  ///< it went wrong, or the answer is "no", "not the same", "rejected"
inline constexpr int usage = 2;  ///< the command line makes no sense
}  // namespace exit_code

/// Where the HTTP API is and how to be let in.
struct api_server {
  api_server() = default;
  api_server(std::string at) : address{std::move(at)} {}  // NOLINT: an address alone is one
  std::string address = "http://127.0.0.1:7800";
  std::string token_file;  ///< empty: none
  std::string ca_file;     ///< empty: the certificates the system trusts
};

/// What every command sees, filled in by main() before `run` is called.
struct command_session {
  output_format format = output_format::simple;
  api_server server;
  std::string key_file;         ///< of our secret key; empty: none is asked for
  std::string server_key_file;  ///< of the server's public key
  /// Set by the subcommand that was named. @returns an exit code.
  std::function<int()> run;
};

/// The keys that the options name; nullptr when they name none. Fails: ec::invalid when only one is
/// named, or as load_client_keys().
outcome<std::shared_ptr<const curve_keys>> keys_of(const command_session& session);

// Each registers one group of commands.
void add_publish_command(CLI::App& app, command_session& session);
void add_replay_command(CLI::App& app, command_session& session);
void add_tail_command(CLI::App& app, command_session& session);
void add_simulate_command(CLI::App& app, command_session& session);
void add_inject_command(CLI::App& app, command_session& session);
void add_alert_commands(CLI::App& app, command_session& session);
void add_incident_commands(CLI::App& app, command_session& session);
void add_silence_commands(CLI::App& app, command_session& session);
void add_notify_commands(CLI::App& app, command_session& session);
void add_maintenance_commands(CLI::App& app, command_session& session);
void add_entity_commands(CLI::App& app, command_session& session);
void add_topology_commands(CLI::App& app, command_session& session);
void add_status_commands(CLI::App& app, command_session& session);
void add_dead_letter_commands(CLI::App& app, command_session& session);
void add_publisher_commands(CLI::App& app, command_session& session);
void add_model_commands(CLI::App& app, command_session& session);
void add_config_commands(CLI::App& app, command_session& session);
void add_store_commands(CLI::App& app, command_session& session);
void add_backup_commands(CLI::App& app, command_session& session);
void add_train_commands(CLI::App& app, command_session& session);
void add_evaluate_commands(CLI::App& app, command_session& session);
void add_bench_commands(CLI::App& app, command_session& session);
void add_what_if_command(CLI::App& app, command_session& session);
void add_keygen_command(CLI::App& app, command_session& session);
void add_token_commands(CLI::App& app, command_session& session);

/// "faultline: <what>" on the error stream. @returns exit_code::failed.
int report_failure(const failure& why);
int report_failure(const std::string& what);
/// The same for a command line that makes no sense. @returns exit_code::usage.
int report_usage(const std::string& what);

}  // namespace faultline
