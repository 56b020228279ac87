// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "messages/outcome.hpp"

// A backup is a directory: the files of a store and of its models, and a card (the file BACKUP)
// that names each with its length and hash. It is complete when it has a card.

namespace faultline {

struct backup_file {
  std::string name;  ///< below the backup's directory: "store/000012.sst"
  std::uint64_t bytes = 0;
  std::string sha256;  ///< 64 hex digits
};

struct backup_card {
  std::uint64_t format = 0;  ///< of the store
  std::uint64_t partitions = 0;
  std::int64_t made_ms = 0;  ///< since 1970
  std::string written_by;    ///< version of the program
  std::vector<backup_file> files;
  std::uint64_t bytes() const;
};

/// Hears how many bytes of how many are done.
using backup_progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Whether @p path is @p directory or lies in it, both without `.` and `..`.
bool lies_in(const std::filesystem::path& path, const std::filesystem::path& directory);

/// Whether a copy may be made in @p directory. Fails: ec::invalid (there is something in it, or it
/// lies in a backup).
outcome<void> check_backup_target(const std::string& directory);

/// Copies what a server made for the purpose (a directory with `store` and perhaps `models`) to
/// @p to, which check_backup_target() takes, and writes its card, last; all of it is on the disk
/// then. Fails: ec::invalid (@p to is none), ec::not_found, ec::no_space, ec::io_failed,
/// and as open_rocksdb_store_read_only() when the copy does not open. What was begun is removed.
outcome<backup_card> write_backup(const std::string& from, const std::string& to,
                                  const std::string& written_by, std::int64_t now_ms,
                                  const backup_progress& progress = {});

/// The card of the backup in @p directory. Fails: ec::not_found (none: no backup, or one that was
/// not finished), ec::malformed, ec::unknown_version (of a newer build).
outcome<backup_card> read_backup_card(const std::string& directory);

/// Reads every file and holds it against the card. Fails as read_backup_card(), or
/// ec::store_corrupt naming the first file that is missing, damaged, or not on the card.
outcome<backup_card> verify_backup(const std::string& directory,
                                   const backup_progress& progress = {});

/// Verifies the backup in @p directory, then copies it to where a server with this `storage.path`
/// finds it. Fails as verify_backup(); ec::invalid as check_backup_target() of
/// @p storage_path, and where the backup is what an interrupted copy would have left there;
/// ec::no_space, ec::io_failed. What was begun is removed.
outcome<backup_card> restore_backup(const std::string& directory, const std::string& storage_path,
                                    const backup_progress& progress = {});

}  // namespace faultline
