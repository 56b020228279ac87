// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include <CLI/CLI.hpp>

namespace faultline {

/// For transform() of an option whose value is one of @p words. CLI11's own validator shows the
/// numbers behind the words, which of a small type are control characters.
template <class T>
CLI::Validator one_of(const std::map<std::string, T>& words) {
  std::string names;
  for (const auto& entry : words) names += (names.empty() ? "" : ", ") + entry.first;
  // A copy of its base: Transformer itself cannot be copied.
  const CLI::Transformer transformer{words, CLI::ignore_case};
  const CLI::Validator replace{static_cast<const CLI::Validator&>(transformer)};
  return CLI::Validator{[words, names, replace](std::string& text) {
                          if (words.count(CLI::detail::to_lower(text)) == 0)
                            return "'" + text + "' is none of " + names;
                          return replace(text);
                        },
                        ""};
}

}  // namespace faultline
