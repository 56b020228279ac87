// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "transport/token_name.hpp"
#include "transport/tokens.hpp"

namespace faultline {

// What may stand in files of rights: text that a quoted value of ZPL holds as it is.

/// The beginning of entities' names.
bool is_entity_prefix(std::string_view text);
/// SCHEME://SOMEWHERE; whether it can be connected to shows when it is tried.
bool is_endpoint(std::string_view text);
/// SHA-256 of @p token.
token_list::digest token_digest(std::string_view token) noexcept;

}  // namespace faultline
