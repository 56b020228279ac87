// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>

#include <nlohmann/json.hpp>

#include "tools/output.hpp"

namespace faultline {

/// Prints what a bench measured: as it is for programs, or by @p text for people.
inline void print_result(const nlohmann::ordered_json& measured, output_format format,
                         void (*text)(const nlohmann::ordered_json&)) {
  if (format == output_format::json)
    std::puts(measured.dump(2).c_str());
  else
    text(measured);
}

}  // namespace faultline
