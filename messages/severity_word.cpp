// SPDX-License-Identifier: Apache-2.0
#include "messages/severity_word.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace faultline {

namespace {

/// How the words begin; the first that fits holds.
constexpr std::array<std::pair<std::string_view, log_severity>, 14> beginnings{{
    {"eme", log_severity::fatal},  // emergency
    {"pan", log_severity::fatal},
    {"ale", log_severity::fatal},  // alert
    {"sev", log_severity::fatal},  // severe
    {"con", log_severity::debug},  // config, of java.util.logging
    {"c", log_severity::fatal},    // critical
    {"fin", log_severity::debug},  // fine, finer, finest
    {"fai", log_severity::error},  // failure
    {"f", log_severity::fatal},
    {"e", log_severity::error},
    {"w", log_severity::warn},
    {"d", log_severity::debug},
    {"t", log_severity::trace},
    {"v", log_severity::trace},  // verbose
}};

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

}  // namespace

log_severity severity_of_word(std::string_view word) noexcept {
  for (const auto& [begin, severity] : beginnings) {
    if (word.size() < begin.size()) continue;
    if (std::equal(begin.begin(), begin.end(), word.begin(),
                   [](char known, char given) { return known == lower(given); }))
      return severity;
  }
  return log_severity::info;
}

}  // namespace faultline
