// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "messages/outcome.hpp"

namespace faultline {

/// @p text as a tree, of at most 500,000 values and 64
/// levels: a tree takes many times the bytes of its text.
/// Fails: ec::malformed, ec::too_large.
outcome<nlohmann::json> parse_bounded_json(std::string_view text);

}  // namespace faultline
