// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "config/config.hpp"

namespace faultline {

struct yaml_entry;
class problem_list;

/// The list under `maintenance:`. Whether times, days and zones make sense is said by window_of().
void read_maintenance(const yaml_entry& entry, const std::string& key, server_config& config,
                      problem_list& problems);
std::string show_maintenance(const server_config& config);

}  // namespace faultline
