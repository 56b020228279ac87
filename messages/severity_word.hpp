// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "messages/event.hpp"

namespace faultline {

/// What writers of logs mean by @p word, in any case, whole or cut: "WARNING", "Err", "crit", "E".
/// What says nothing is info.
log_severity severity_of_word(std::string_view word) noexcept;

}  // namespace faultline
