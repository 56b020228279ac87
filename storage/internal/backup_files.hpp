// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "messages/outcome.hpp"
#include "storage/backup.hpp"

// Files of a backup, one at a time.

namespace faultline {

/// SHA-256 of @p text, 64 hex digits.
std::string sha256_of(const std::string& text);

/// Called with the bytes that were dealt with since the last call.
using bytes_done = std::function<void(std::uint64_t)>;

/// Name, length and hash of @p root / @p name; copied to @p into / @p name on the way, durably,
/// unless @p into is empty. Fails: ec::not_found, ec::no_space, ec::io_failed naming the file.
outcome<backup_file> read_backup_file(const std::filesystem::path& root, const std::string& name,
                                      const std::filesystem::path& into, const bytes_done& done);

/// Names of all files below @p root, sorted. Fails: ec::io_failed; ec::invalid naming what is
/// neither a file nor a directory.
outcome<std::vector<std::string>> files_below(const std::filesystem::path& root);

/// Writes @p text to @p file, and its directory, to the disk.
outcome<void> write_durably(const std::filesystem::path& file, const std::string& text);
/// What is named in @p directory is on the disk.
outcome<void> sync_directory(const std::filesystem::path& directory);

}  // namespace faultline
