// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "messages/outcome.hpp"

namespace faultline {

// Files of rights (clients, tokens) begin with a comment that holds the SHA-256 of all that stands
// behind it, so that a bit turned on the disk, or an end that is missing, is told:
//
//     # sealed 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
//
// `tail -n +2 FILE | sha256sum` says the same. It finds damage, not malice. A file without the line
// is one that was written by hand, or by an older build, and is taken as it is.

/// @p text with its seal in front, in place of one it has.
std::string sealed(std::string_view text);

/// Fails: ec::malformed where the first line is a seal and what stands behind it is something else.
outcome<void> check_seal(std::string_view text);

/// A line in the log where @p text, which @p file holds, is not what was sealed. It is taken all
/// the same: who changes such a file by hand must not find that nobody gets in any more.
void tell_of_seal(const std::filesystem::path& file, std::string_view text);

/// Seals @p file anew, as it stands: a client's (NAME.pub), or one of tokens. Owner and permissions
/// stay. @returns what it grants, in words.
/// Fails: as load_clients() and load_tokens(); ec::io_failed.
outcome<std::string> seal_file(const std::filesystem::path& file);

}  // namespace faultline
