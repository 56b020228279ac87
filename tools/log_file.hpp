// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "messages/outcome.hpp"

namespace faultline {

/// The text of a log file, plain or (by its ending .gz) compressed; at most 1 GiB.
outcome<std::string> read_log_file(const std::string& path);

}  // namespace faultline
