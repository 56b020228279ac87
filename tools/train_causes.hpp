// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "messages/outcome.hpp"
#include "tools/commands.hpp"

namespace faultline {

/// `faultline train causes`: the program behind the weights in judgement/posterior.hpp. It prints
/// what it finds; nothing is put in force by it.
void add_train_causes(CLI::App& group, command_session& session);

/// "SET=SHARE": a name, and a finite number from 0 on. Fails: ec::invalid with what is wrong.
outcome<std::pair<std::string, double>> parse_share(const std::string& text);

}  // namespace faultline
