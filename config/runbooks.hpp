// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.hpp"
#include "judgement/options.hpp"

namespace faultline {

/// Reads remediation steps: a list under `runbooks:` of {component, fault_class, title, steps,
/// link}; `link` may be left out, component and fault_class are `*` then. A component or fault
/// class nobody knows, an entry without title or steps, and two entries of the same title for the
/// same case are problems.
loaded<std::vector<runbook>> load_runbooks(const std::filesystem::path& file);
loaded<std::vector<runbook>> read_runbooks(std::string_view yaml, const std::string& name);

}  // namespace faultline
