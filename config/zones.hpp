// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace faultline {

/// The offsets of @p zone ("Europe/Berlin") from UTC until 2060, as this machine's tz database
/// knows them: from (Unix milliseconds), seconds. Empty for a name it does not have.
std::vector<std::pair<std::int64_t, std::int32_t>> offsets_of(const std::string& zone);

}  // namespace faultline
