// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tools/commands.hpp"

namespace faultline {

/// `faultline train causes`: the program behind the weights in judgement/posterior.hpp. It prints
/// what it finds; nothing is put in force by it.
void add_train_causes(CLI::App& group, command_session& session);

}  // namespace faultline
