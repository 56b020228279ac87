// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "inference/model_file.hpp"

namespace faultline {

inline constexpr std::uint32_t model_format_version = 1;

/// SHA-256, which ends every model file and names it.
using model_digest = std::array<unsigned char, 32>;
model_digest model_digest_of(std::string_view bytes);

/// What stands in the file beside the weights, as JSON.
std::string model_metadata_of(const model_content& content);

}  // namespace faultline
