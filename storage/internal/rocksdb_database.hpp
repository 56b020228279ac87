// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "messages/outcome.hpp"
#include "storage/internal/ballast.hpp"
#include "storage/internal/free_space.hpp"
#include "storage/internal/manifest_mark.hpp"
#include "storage/options.hpp"
#include "storage/store.hpp"

// The room's own view of RocksDB; no other room includes this.

namespace faultline {

/// Column families, by subject. Their order is their index.
enum class family : std::uint8_t {
  meta = 0,    ///< RocksDB's own "default"
  log,         ///< blobs, written once, read at recovery, cut off at the front
  publishers,  ///< dedupe windows and their deltas
  entities,    ///< snapshots, overwritten often
  blocks,      ///< rings of packed window blocks
  outbox,
  decisions,
  feed,  ///< messages and current records
  letters,
};
inline constexpr std::size_t family_count = 9;
const char* name_of(family f) noexcept;

/// Why every call fails from now on; set once, never cleared.
class store_health {
public:
  void fail(const std::string& why);
  outcome<void> check() const;

private:
  std::atomic<bool> failed_{false};
  mutable std::mutex mutex_;
  std::string why_;
};

/// Layout of keys and rows as a whole. Stands in the store; a store of a newer one is refused, one
/// of an older one upgraded (see upgrade.hpp).
inline constexpr std::uint64_t store_format = 3;
/// From which on dead letters are summed.
inline constexpr std::uint64_t summed_letters_format = 2;

enum class write_kind : std::uint8_t {
  intake,  ///< refused below the free-space mark
  work,    ///< working off what was taken in: refused below half of it
};

/// One open RocksDB with its families.
class rocksdb_database {
public:
  /// Opens or creates the database in @p directory. Fails as open_rocksdb_store() says.
  static outcome<std::unique_ptr<rocksdb_database>> open(const std::string& directory,
                                                         const storage_options& options);
  /// Opens what stands in @p directory now, as open_rocksdb_store_read_only() says.
  static outcome<std::unique_ptr<rocksdb_database>> open_read_only(const std::string& directory,
                                                                   const storage_options& options);
  /// Whether every write-ahead log in @p directory ends with a whole record. The failure names the
  /// one that does not.
  static outcome<void> open_strictly(const std::string& directory);
  ~rocksdb_database();
  rocksdb_database(const rocksdb_database&) = delete;
  rocksdb_database& operator=(const rocksdb_database&) = delete;

  rocksdb::DB& db() noexcept { return *db_; }
  rocksdb::ColumnFamilyHandle* at(family f) const noexcept {
    return handles_[static_cast<std::size_t>(f)];
  }
  const storage_options& options() const noexcept { return options_; }
  std::uint16_t partitions() const noexcept { return partitions_; }  ///< of the store, never 0
  std::uint64_t format() const noexcept { return format_; }          ///< of the store as opened
  /// The store has store_format now; an upgrade is over.
  outcome<void> write_format();

  /// Fails when the store was opened for reading.
  outcome<void> writable() const;
  /// Whether a write of @p kind may be made now; nothing is written when this fails.
  outcome<void> may_write(write_kind kind);
  /// Whether what comes in may be written.
  bool has_space() { return space_.intake_allowed(); }
  /// Writes @p batch in one piece, synced when @p sync and storage.sync say so. A write that fails
  /// ends the store: what stands in the WAL is not known then.
  outcome<void> write(rocksdb::WriteBatch& batch, bool sync, write_kind kind);
  outcome<std::optional<std::string>> get(family f, const std::string& key);
  /// The failure of a read.
  failure read_failed(const rocksdb::Status& status, family f) const;
  outcome<void> check() const { return health_->check(); }

  /// Bytes of a segment of the log: half of its memtable, so that none fills within a segment.
  std::uint64_t log_segment_bytes() const;
  /// Sends the memtable of @p f to disk without waiting; nothing when the one before is still on
  /// its way (then writers would have to wait), or while writes stand still.
  outcome<void> begin_flush(family f);
  std::uint64_t bytes_on_disk() const;
  store_memory memory_held() const;
  /// How many keys @p f has, about: what was removed may still count for a while.
  std::uint64_t about_keys(family f) const;
  space_report tend_space();
  outcome<void> flush();
  outcome<void> copy_to(const std::string& directory);
  /// Waits until every write so far is on the disk: together with whoever else waits.
  outcome<void> sync();
  std::uint64_t written() const { return db_->GetLatestSequenceNumber(); }
  std::uint64_t durable() const { return options_.sync ? durable_.load() : written(); }

private:
  enum class access : std::uint8_t { write, read };
  rocksdb_database(std::string directory, const storage_options& options, access how);
  bool room_for_work();
  outcome<void> still_there();
  outcome<void> open_families();
  outcome<void> read_families(rocksdb::WALRecoveryMode mode);
  outcome<void> check_format(bool created);

  const std::string directory_;
  const access access_;
  const storage_options options_;
  std::shared_ptr<store_health> health_;
  std::shared_ptr<manifest_mark> mark_;
  free_space space_;
  std::mutex ballast_mutex_;
  ballast ballast_;
  bool ballast_unsupported_ = false;
  std::uint16_t partitions_ = 0;
  std::uint64_t format_ = store_format;
  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, family_count> handles_{};
  std::mutex sync_mutex_;
  std::condition_variable sync_over_;
  bool syncing_ = false;                   ///< somebody waits for the disk; guarded by sync_mutex_
  std::atomic<std::uint64_t> durable_{0};  ///< writes up to this number are on the disk
};

/// Rows of a family with keys in [from, below), in order; `below` empty = to the end.
///
///   scan rows{db, family::feed, from, below};
///   for (; rows.valid(); rows.next()) use(rows.key(), rows.value());
///   if (auto end = rows.end(); !end) return end.error();
class scan {
public:
  enum class use : std::uint8_t { query, bulk };  ///< bulk reads ahead and leaves the cache alone
  scan(rocksdb_database& database, family f, std::string from, std::string below,
       use why = use::query);
  scan(const scan&) = delete;
  scan& operator=(const scan&) = delete;

  bool valid() const { return rows_->Valid(); }
  void next() { rows_->Next(); }
  /// Goes to the last row of the range instead of the first.
  void to_last() { rows_->SeekToLast(); }
  void previous() { rows_->Prev(); }
  std::string_view key() const { return {rows_->key().data(), rows_->key().size()}; }
  std::string_view value() const { return {rows_->value().data(), rows_->value().size()}; }
  /// Whether the scan ended because the rows did.
  outcome<void> end() const;

private:
  rocksdb_database& database_;
  const family family_;
  const std::string from_;
  const std::string below_;
  rocksdb::Slice lower_, upper_;
  std::unique_ptr<rocksdb::Iterator> rows_;
};

inline rocksdb::Slice slice(std::string_view s) { return {s.data(), s.size()}; }

}  // namespace faultline
