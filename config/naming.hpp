// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "config/internal/yaml_map.hpp"

namespace faultline {

struct server_config;

/// Reads `naming.entities`: a list of {label, kind}.
void read_naming_rules(const yaml_entry& entry, const std::string& key, server_config& config,
                       problem_list& problems);
std::string show_naming_rules(const server_config& config);

/// Reads `naming.aliases`: a map of entity to entity.
void read_aliases(const yaml_entry& entry, const std::string& key, server_config& config,
                  problem_list& problems);
std::string show_aliases(const server_config& config);

}  // namespace faultline
