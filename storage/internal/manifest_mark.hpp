// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "messages/outcome.hpp"

namespace faultline {

/// How much of a manifest is on the disk, and what it says.
struct manifest_extent {
  std::string name;         ///< as CURRENT names it
  std::uint64_t bytes = 0;  ///< that stood there
  std::uint64_t hash = 0;   ///< xxh64 of these
};

struct manifest_reader;

/// Writes down, in the file `manifest.mark` beside it, how much of the manifest is on the disk.
/// RocksDB takes a manifest whose end is missing for a torn write, and forgets the tables that were
/// named there without a word; a manifest only grows, so one that is shorter than it was, or begins
/// otherwise, is damaged.
///
/// Never says more than is on the disk: it may lag, after a crash, by what came last.
class manifest_mark {
public:
  explicit manifest_mark(std::string directory);
  ~manifest_mark();
  manifest_mark(const manifest_mark&) = delete;
  manifest_mark& operator=(const manifest_mark&) = delete;

  /// Notes what stands there now; little to do where nothing has come. From any thread. Where it
  /// cannot be written (no space) the mark before stays, which is true still.
  void note();

private:
  void write_down(const manifest_extent& now) const;

  const std::string directory_;
  std::mutex mutex_;
  std::unique_ptr<manifest_reader> reader_;  ///< of the manifest that was noted last
};

/// The mark in @p directory; nothing where there is none. Fails: ec::malformed.
outcome<std::optional<manifest_extent>> read_manifest_mark(const std::string& directory);

/// Whether the manifest in @p directory is what its mark says. Fine as well: no mark, one that
/// cannot be read, or one of an older manifest. Fails: ec::store_corrupt naming the file.
outcome<void> verify_manifest(const std::string& directory);

}  // namespace faultline
