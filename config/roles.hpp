// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.hpp"

namespace faultline {

/// Names a metric's semantic role by one word of its name. Rules are tried in order.
struct role_rule {
  std::string word;  ///< lower case; up to three letters stand whole, longer ones may begin a word
  std::string role;  ///< cpu, memory, disk, network, saturation, traffic, errors, latency
};

/// Reads a list under `roles:` of {role, words}. A role nobody knows, a word given twice and a word
/// that is not lower-case letters and digits (at most 64) are problems, and so are more than 1,000
/// words.
loaded<std::vector<role_rule>> load_roles(const std::filesystem::path& file);
loaded<std::vector<role_rule>> read_roles(std::string_view yaml, const std::string& name);

}  // namespace faultline
