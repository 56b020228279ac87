// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "messages/time.hpp"

namespace faultline {

/// For CLI11's add_option_function: reads a duration into @p into; CLI11 shows the sentence of a
/// failure. @returns what CLI11 wants of a validator: empty when fine.
std::function<std::string(const std::string&)> duration_check();

/// "cpu_hog|memory_leak|..." for help texts.
std::string fault_type_names();

/// @pre duration_check() accepted @p text
milliseconds duration_of(const std::string& text);

}  // namespace faultline
