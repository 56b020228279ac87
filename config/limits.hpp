// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.hpp"
#include "judgement/options.hpp"

namespace faultline {

/// A file with the one key `limits:`, as it stands in the configuration; an empty list is one, too.
loaded<std::vector<operator_limit>> load_limits(const std::filesystem::path& file);
/// The same from memory; @p name stands in problems.
loaded<std::vector<operator_limit>> read_limits_file(std::string_view yaml,
                                                     const std::string& name);

}  // namespace faultline
