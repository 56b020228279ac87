// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "config/config.hpp"

namespace faultline {

struct yaml_entry;
class problem_list;

/// The lists under `notifications:`. That routes name receivers, and that matchers and templates
/// can be read, is not known to this room: the server says so at its start.
void read_receivers(const yaml_entry& entry, const std::string& key, server_config& config,
                    problem_list& problems);
void read_routes(const yaml_entry& entry, const std::string& key, server_config& config,
                 problem_list& problems);
std::string show_receivers(const server_config& config);
std::string show_routes(const server_config& config);

}  // namespace faultline
