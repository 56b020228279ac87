// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "config/internal/yaml_map.hpp"

namespace faultline {

struct server_config;

/// Reads `ingest.scrape`: a list of {url, job, interval, timeout}.
void read_scrape(const yaml_entry& entry, const std::string& key, server_config& config,
                 problem_list& problems);
std::string show_scrape(const server_config& config);

}  // namespace faultline
