// SPDX-License-Identifier: Apache-2.0
// RocksDB stops all writes while it has too many tables to merge. That passes, and is no failure.
#include <gtest/gtest.h>
#include <rocksdb/env.h>

#include "storage/internal/rocksdb_database.hpp"
#include "tests/storage/makers.hpp"

namespace faultline::testing {
namespace {

/// A database with one table that is never merged, which is one too many, and a row that is in
/// no table yet.
class StoppedWrites : public ::testing::Test {
protected:
  StoppedWrites() {
    auto options = small_options();
    options.path = directory.path();
    auto opened = rocksdb_database::open(directory.store(), options);
    if (!opened) throw std::runtime_error{opened.error().what};
    database = std::move(*opened);
    put("a");
    EXPECT_TRUE(database->flush());
    put("b");
    rocksdb::Env::Default()->SetBackgroundThreads(0, rocksdb::Env::Priority::LOW);
    EXPECT_TRUE(
        database->db()
            .SetOptions(database->at(family::log), {{"level0_file_num_compaction_trigger", "1"},
                                                    {"level0_slowdown_writes_trigger", "1"},
                                                    {"level0_stop_writes_trigger", "1"}})
            .ok());
    std::uint64_t stopped = 0;
    EXPECT_TRUE(database->db().GetIntProperty("rocksdb.is-write-stopped", &stopped));
    EXPECT_EQ(stopped, 1u);
  }
  ~StoppedWrites() override {
    rocksdb::Env::Default()->SetBackgroundThreads(1, rocksdb::Env::Priority::LOW);
  }
  void put(const char* key) {
    rocksdb::WriteBatch batch;
    batch.Put(database->at(family::log), key, key);
    EXPECT_TRUE(database->write(batch, false, write_kind::work));
  }

  temporary_directory directory;
  std::unique_ptr<rocksdb_database> database;
};

TEST_F(StoppedWrites, ANewSegmentOfTheLogDoesNotEndTheStore) {
  EXPECT_TRUE(database->begin_flush(family::log));
  EXPECT_TRUE(database->check());
}

TEST_F(StoppedWrites, AnOrderlyEndNeitherFailsNorWaitsForTheMerging) {
  EXPECT_TRUE(database->flush());
  EXPECT_TRUE(database->check());
}

}  // namespace
}  // namespace faultline::testing
