// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/rocksdb_settings.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>

#include <algorithm>
#include <utility>

#include "storage/internal/spare_files.hpp"

namespace faultline {
namespace {

/// Ends the store at the first error that RocksDB cannot heal. It is never resumed: later writes of
/// a resumed database have been seen to fail.
class error_listener : public rocksdb::EventListener {
public:
  explicit error_listener(std::shared_ptr<store_health> health) : health_{std::move(health)} {}

  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* error) override {
    if (error->severity() >= rocksdb::Status::Severity::kHardError) {
      health_->fail(error->ToString());
    }
  }

private:
  std::shared_ptr<store_health> health_;
};

/// Tables were written or merged, and the manifest says so.
class manifest_listener : public rocksdb::EventListener {
public:
  explicit manifest_listener(std::shared_ptr<manifest_mark> mark) : mark_{std::move(mark)} {}

  void OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo&) override { mark_->note(); }
  void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override {
    mark_->note();
  }

private:
  std::shared_ptr<manifest_mark> mark_;
};

struct family_shape {
  std::size_t memtable_divisor;  ///< of storage_options::write_buffer_bytes
  std::size_t block_bytes;       ///< of memory, what a block needs beside its rows included
  bool bloom;
  rocksdb::CompressionType compression;
  bool ever_larger_keys = false;  ///< see settings_of()
};

family_shape shape_of(family f) {
  constexpr std::size_t kib = 1024;
  switch (f) {
    case family::log:
      return {4, 64 * kib, false, rocksdb::kLZ4Compression};
    case family::entities:
      return {8, 16 * kib, true, rocksdb::kNoCompression};
    case family::blocks:
      return {8, 16 * kib, true, rocksdb::kLZ4Compression};
    case family::outbox:
      return {32, 16 * kib, true, rocksdb::kLZ4Compression};
    case family::decisions:
    case family::feed:
    case family::letters:
      return {32, 16 * kib, false, rocksdb::kLZ4Compression, true};
    case family::meta:
    case family::publishers:
      return {32, 16 * kib, false, rocksdb::kLZ4Compression};
  }
  return {32, 16 * kib, false, rocksdb::kNoCompression};
}

/// Bytes of a block's memory beside its rows: a mark of its kind and a checksum, rounded up.
constexpr std::size_t beside_rows = 64;

rocksdb::ColumnFamilyOptions settings_of(family f, const storage_options& options,
                                         const std::shared_ptr<rocksdb::Cache>& cache) {
  constexpr std::size_t mib = 1024 * 1024;
  const family_shape shape = shape_of(f);
  rocksdb::ColumnFamilyOptions o;
  o.write_buffer_size = std::max(mib, options.write_buffer_bytes / shape.memtable_divisor);
  o.max_write_buffer_number = 2;
  o.compression = shape.compression;
  o.level_compaction_dynamic_level_bytes = true;
  o.target_file_size_base = 64 * mib;
  o.max_bytes_for_level_base = 256 * mib;
  // A full write-ahead log has all families written to tables, those of little traffic to small
  // ones. Where no two of them overlap, levels only ever move them, and their number grows with the
  // hours; runs of about one size are merged.
  if (shape.ever_larger_keys) o.compaction_style = rocksdb::kCompactionStyleUniversal;

  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  // A little more than a power of two takes the allocator's next size, a fourth more.
  table.block_size = shape.block_bytes - beside_rows;
  table.format_version = 5;
  // Debian builds RocksDB without the processor's CRC32; this one is several times as fast.
  table.checksum = rocksdb::kXXH3;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  if (shape.bloom) {
    // In parts: a look-up needs one of 4 KiB. A whole filter is as large as a shard of the cache,
    // which then reads it again and again.
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
    table.partition_filters = true;
  }
  o.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return o;
}

}  // namespace

rocksdb::DBOptions database_settings(const storage_options& options,
                                     std::shared_ptr<store_health> health,
                                     std::shared_ptr<manifest_mark> mark) {
  constexpr std::size_t mib = 1024 * 1024;
  rocksdb::DBOptions o;
  o.env = env_with_spare_files();
  o.create_if_missing = true;
  o.create_missing_column_families = true;
  o.paranoid_checks = true;
  // The default mode drops synced writes behind a damaged byte without a word; this one refuses.
  o.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  o.recycle_log_file_num = 0;
  o.track_and_verify_wals_in_manifest = false;  // of 7.8 may refuse a good store after SyncWAL
  o.WAL_ttl_seconds = 0;  // with one, a clock that is set back deletes the newest logs
  o.allow_data_in_errors = false;
  o.max_total_wal_size = std::max(16 * mib, options.write_buffer_bytes / 2);
  // A log reserves ahead what a memtable takes: of large ones more than a disk may have left.
  o.allow_fallocate = options.write_buffer_bytes <= 1024 * mib;
  o.max_background_jobs = 2;
  // Each start leaves some small tables that are never merged: their number grows with restarts.
  o.max_open_files = 1024;
  o.max_bgerror_resume_count = 0;
  o.bytes_per_sync = mib;
  o.skip_stats_update_on_db_open = true;
  o.stats_persist_period_sec = 0;
  o.info_log_level = rocksdb::InfoLogLevel::INFO_LEVEL;
  o.keep_log_file_num = 5;
  o.max_log_file_size = 8 * mib;
  // Not charged to the block cache: memtables would fill a cache that is smaller than they are.
  o.write_buffer_manager =
      std::make_shared<rocksdb::WriteBufferManager>(options.write_buffer_bytes);
  o.listeners.push_back(std::make_shared<error_listener>(std::move(health)));
  if (mark) o.listeners.push_back(std::make_shared<manifest_listener>(std::move(mark)));
  return o;
}

std::vector<rocksdb::ColumnFamilyDescriptor> family_settings(const storage_options& options) {
  const auto cache = rocksdb::NewLRUCache(options.cache_bytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> out;
  for (std::size_t i = 0; i < family_count; ++i) {
    const auto f = static_cast<family>(i);
    out.emplace_back(name_of(f), settings_of(f, options, cache));
  }
  return out;
}

}  // namespace faultline
