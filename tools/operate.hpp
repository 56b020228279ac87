// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tools/commands.hpp"

namespace faultline {

// What an operator says, for the groups of the list commands: each adds its commands to @p group.
void add_alert_operations(CLI::App& group, command_session& session);
void add_incident_operations(CLI::App& group, command_session& session);
void add_topology_operations(CLI::App& group, command_session& session);
void add_model_operations(CLI::App& group, command_session& session);
/// `faultline reload`.
void add_reload_command(CLI::App& app, command_session& session);

}  // namespace faultline
