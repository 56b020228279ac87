// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tools/commands.hpp"

namespace faultline {

/// `faultline completion`: knows the commands that @p app has when it runs.
void add_completion_commands(CLI::App& app, command_session& session);

}  // namespace faultline
