// SPDX-License-Identifier: Apache-2.0
// What the store asks of RocksDB, each because something was measured or went wrong elsewhere.
#include "storage/internal/rocksdb_settings.hpp"

#include <chrono>
#include <cstdio>
#include <thread>

#include <gmock/gmock.h>
#include <rocksdb/metadata.h>
#include <rocksdb/perf_context.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>

#include "storage/internal/rocksdb_database.hpp"
#include "tests/storage/makers.hpp"

namespace faultline::testing {
namespace {

/// Holds for the settings as asked for, and as RocksDB has them after its own corrections.
void expect_safe(const rocksdb::DBOptions& o) {
  // A damaged byte is refused, not the end of what is recovered; recycled logs would allow no such
  // mode, and tracked ones have kept good stores from opening.
  EXPECT_EQ(o.wal_recovery_mode, rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords);
  EXPECT_EQ(o.recycle_log_file_num, 0U);
  EXPECT_FALSE(o.track_and_verify_wals_in_manifest);
  EXPECT_TRUE(o.paranoid_checks);
  // With a time to live, a clock set back has deleted the newest logs.
  EXPECT_EQ(o.WAL_ttl_seconds, 0U);
  EXPECT_EQ(o.WAL_size_limit_MB, 0U);
  // Eight jobs with more than two memtables have written in the wrong order.
  EXPECT_LE(o.max_background_jobs, 4);
  EXPECT_EQ(o.max_open_files, 1024) << "however many tables there are";
  EXPECT_FALSE(o.atomic_flush);
  // What is resumed after an error has been seen to fail later.
  EXPECT_EQ(o.max_bgerror_resume_count, 0);
  EXPECT_FALSE(o.allow_data_in_errors) << "keys and values of users stay out of logs";
  EXPECT_FALSE(o.manual_wal_flush) << "a killed process loses nothing that was written";
  EXPECT_FALSE(o.unordered_write);
  EXPECT_FALSE(o.two_write_queues);
  EXPECT_EQ(o.info_log_level, rocksdb::InfoLogLevel::INFO_LEVEL);
  EXPECT_EQ(o.keep_log_file_num, 5U);
  EXPECT_LE(o.max_log_file_size, 8U * 1024 * 1024);
  EXPECT_GE(o.listeners.size(), 1U) << "errors in the background end the store";
}

TEST(StoreSettings, AskForWhatKeepsAcknowledgedEvents) {
  expect_safe(database_settings(storage_options{}, std::make_shared<store_health>()));
}

TEST(StoreSettings, AreWhatAnOpenStoreHas) {
  temporary_directory directory;
  auto opened = rocksdb_database::open(directory.store(), small_options());
  ASSERT_TRUE(opened) << opened.error().what;
  expect_safe((*opened)->db().GetDBOptions());
  EXPECT_EQ((*opened)->db().GetDBOptions().listeners.size(), 2U)
      << "and what the manifest has come to is noted";
}

/// Tables of a family into which keys that only grow were written, @p times flushed.
std::size_t tables_after(rocksdb_database& database, family f, int times) {
  auto& db = database.db();
  auto* const handle = database.at(f);
  for (int i = 0; i < times; ++i) {
    char key[16];
    std::snprintf(key, sizeof key, "%08d", i);
    EXPECT_TRUE(db.Put({}, handle, key, std::string(1000, 'x')).ok());
    EXPECT_TRUE(db.Flush({}, handle).ok());
  }
  rocksdb::ColumnFamilyMetaData now;
  for (int n = 0; n < 3000; ++n) {
    std::uint64_t pending = 0, running = 0;
    db.GetIntProperty(handle, "rocksdb.compaction-pending", &pending);
    db.GetIntProperty(handle, "rocksdb.num-running-compactions", &running);
    if (pending + running == 0) break;
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  db.GetColumnFamilyMetaData(handle, &now);
  return now.file_count;
}

// Every full write-ahead log has them written, however little is in them.
TEST(StoreSettings, FamiliesOfEverLargerKeysHaveFewTablesHoweverOftenTheyAreWritten) {
  temporary_directory directory;
  auto opened = rocksdb_database::open(directory.store(), small_options());
  ASSERT_TRUE(opened) << opened.error().what;
  for (const auto f : {family::decisions, family::feed, family::letters})
    EXPECT_LE(tables_after(**opened, f, 200), 20U) << name_of(f);
}

TEST(StoreSettings, KeepMemoryWithinWhatTheConfigurationSays) {
  storage_options options;
  const auto o = database_settings(options, std::make_shared<store_health>());
  ASSERT_NE(o.write_buffer_manager, nullptr);
  EXPECT_EQ(o.write_buffer_manager->buffer_size(), options.write_buffer_bytes);
  EXPECT_LE(o.max_total_wal_size, options.write_buffer_bytes) << "and recovery with it";
  std::size_t memtables = 0;
  const rocksdb::Cache* cache = nullptr;
  const auto families = family_settings(options);
  for (const auto& f : families) {
    EXPECT_EQ(f.options.max_write_buffer_number, 2) << f.name;
    memtables += f.options.write_buffer_size;
    const auto* table = f.options.table_factory->GetOptions<rocksdb::BlockBasedTableOptions>();
    ASSERT_NE(table, nullptr);
    EXPECT_TRUE(table->cache_index_and_filter_blocks) << f.name;
    EXPECT_TRUE(table->verify_compression || table->checksum != rocksdb::kNoChecksum) << f.name;
    if (cache == nullptr) cache = table->block_cache.get();
    EXPECT_EQ(table->block_cache.get(), cache) << "one cache for all";
  }
  EXPECT_LE(memtables, options.write_buffer_bytes);
  EXPECT_EQ(cache->GetCapacity(), options.cache_bytes);
}

// An allocator of few sizes gives a block of a little more than 16 KiB 20.
TEST(StoreSettings, NoBlockTakesALittleMoreThanAPowerOfTwo) {
  for (const auto& f : family_settings(storage_options{})) {
    const auto* table = f.options.table_factory->GetOptions<rocksdb::BlockBasedTableOptions>();
    ASSERT_NE(table, nullptr);
    const std::size_t taken = table->block_size + 5;  // a mark of its kind and a checksum
    std::size_t power = 1;
    while (power < table->block_size) power *= 2;
    EXPECT_LE(taken, power) << f.name;
    EXPECT_GT(taken, power - 256) << f.name;
  }
}

/// Writes @p n entries that nobody needs any more, all of them in decisions, and sweeps. Gives how
/// many removed keys the sweep went over.
std::uint64_t skipped_by_sweeping(store& s, int n, std::uint64_t seq) {
  checkpoint_batch batch;
  for (int i = 0; i < n; ++i) {
    outbox_entry e;
    e.entity = entity_in(0, small_options().partitions);
    e.key = std::to_string(seq) + "/" + std::to_string(i);
    batch.outbox.push_back(e);
  }
  EXPECT_TRUE(s.checkpoints().write(batch));
  EXPECT_TRUE(s.decisions().append({{}, {{0, seq + static_cast<std::uint64_t>(n) - 1}}}));
  rocksdb::SetPerfLevel(rocksdb::kEnableCount);
  rocksdb::get_perf_context()->Reset();
  EXPECT_TRUE(s.sweep_retention(arrival_time_of(1'700'000'000'000)));
  const auto skipped = rocksdb::get_perf_context()->internal_delete_skipped_count;
  rocksdb::SetPerfLevel(rocksdb::kDisable);
  return skipped;
}

TEST(StoreSettings, ASweepDoesNotReadAgainWhatTheOnesBeforeHaveRemoved) {
  rocksdb_store_maker maker;
  auto store = maker.open();
  ASSERT_NE(store, nullptr);
  for (std::uint64_t seq = 1; seq <= 10; ++seq)
    ASSERT_TRUE(store->events().append(group_of({{0, "x", 1}})));
  std::uint64_t skipped = 0;
  for (int round = 0; round < 10; ++round)
    skipped = skipped_by_sweeping(*store, 100, 1 + static_cast<std::uint64_t>(round) * 100);
  EXPECT_LT(skipped, 200U);
  const auto left = store->checkpoints().read_outbox(0, 0, 99);
  ASSERT_TRUE(left);
  EXPECT_EQ(left->size(), 1U) << "the newest, for its number";
}

TEST(StoreSettings, OfLargeMemtablesNoLogReservesADiskAhead) {
  constexpr std::size_t gib = 1024ULL * 1024 * 1024;
  storage_options options;
  const auto allowed = [&] {
    return database_settings(options, std::make_shared<store_health>()).allow_fallocate;
  };
  EXPECT_TRUE(allowed());
  options.write_buffer_bytes = 16 * gib;
  EXPECT_FALSE(allowed());
}

}  // namespace
}  // namespace faultline::testing
