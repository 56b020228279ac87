// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "messages/outcome.hpp"

namespace faultline {

/// The whole text of a gzip file. A file that is cut short, fails its checksum or is no gzip at
/// all is ec::malformed; more than @p limit bytes of text is ec::too_large.
outcome<std::string> read_gzip(const std::filesystem::path& file, std::size_t limit);

/// Writes @p text at level 9 without name and time stamp: the same text gives the same bytes.
outcome<void> write_gzip(const std::filesystem::path& file, std::string_view text);

}  // namespace faultline
