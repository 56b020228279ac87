// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace faultline {

/// Of the bearer of a token: one word without '#', at most 64 bytes.
bool is_token_name(std::string_view text);

}  // namespace faultline
