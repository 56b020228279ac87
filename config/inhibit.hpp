// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "config/config.hpp"

namespace faultline {

struct yaml_entry;
class problem_list;

/// The list under `inhibit:`. Whether matchers can be read is said by the server at its start.
void read_inhibit(const yaml_entry& entry, const std::string& key, server_config& config,
                  problem_list& problems);
std::string show_inhibit(const server_config& config);

}  // namespace faultline
