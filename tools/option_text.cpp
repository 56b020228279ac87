// SPDX-License-Identifier: Apache-2.0
#include "tools/option_text.hpp"

#include "lab/simulator.hpp"
#include "tools/output.hpp"

namespace faultline {

std::function<std::string(const std::string&)> duration_check() {
  return [](const std::string& text) {
    const auto read = parse_duration(text);
    return read ? std::string{} : read.error().what;
  };
}

std::string fault_type_names() {
  std::string names;
  for (const fault_type type : every_fault_type())
    names += (names.empty() ? "" : "|") + std::string{to_string(type)};
  return names;
}

milliseconds duration_of(const std::string& text) {
  const auto read = parse_duration(text);
  return read ? *read : milliseconds{0};
}

}  // namespace faultline
