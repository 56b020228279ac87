// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/internal/yaml_map.hpp"

namespace faultline {

/// One key of the file: where it stands, how it is read into the options and how it is said.
struct setting {
  std::string section;  ///< "processing"; empty: a key of the top
  std::string name;     ///< "tick"
  std::function<void(const yaml_entry&, const std::string& key, server_config&, problem_list&)>
      read;
  std::function<std::string(const server_config&)> show;
};

/// All keys, in the order of the default file.
const std::vector<setting>& all_settings();

/// As read_config() of the public header; what could be read of @p yaml is in @p config all the
/// same.
loaded<server_config> read_config(std::string_view yaml, const std::string& name,
                                  server_config& config);

/// The list under `limits:`.
void read_limits(const yaml_entry& entry, const std::string& key, server_config& config,
                 problem_list& problems);
std::string show_limits(const server_config& config);

}  // namespace faultline
