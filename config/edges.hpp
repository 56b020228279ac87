// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "config/internal/yaml_map.hpp"

namespace faultline {

struct server_config;

/// Reads the value of `edges`: a list of {from, to, kind: calls | runs_on}.
void read_edges(const yaml_entry& entry, const std::string& key, server_config& config,
                problem_list& problems);
std::string show_edges(const server_config& config);

}  // namespace faultline
