// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "messages/event.hpp"

namespace faultline {

/// What writers of logs mean by @p word, in any case, whole or cut: "WARNING", "Err", "crit", "E".
/// What says nothing is info.
log_severity severity_of_word(std::string_view word) noexcept;

/// How bad a line says it is whose sender does not: by the level among its first words
/// ("2024-01-01 10:00:00 ERROR [main] ..", "level=warn", {"severity":"error"), else by what only
/// trouble is called there ("java.lang.IllegalStateException: ..", "Traceback"). Else info.
log_severity severity_of_line(std::string_view body) noexcept;

}  // namespace faultline
