// SPDX-License-Identifier: Apache-2.0
// What the store takes for granted about RocksDB. When a new release breaks one of these, read the
// settings again before anything else.
#include <gmock/gmock.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/version.h>

#include <cstdarg>
#include <memory>
#include <set>

#include "tests/storage/files.hpp"
#include "tests/storage/makers.hpp"

namespace faultline::testing {
namespace {

using rocksdb::WALRecoveryMode;

class RocksdbAssumption : public ::testing::Test {
protected:
  rocksdb::Options options(WALRecoveryMode mode) const {
    rocksdb::Options o;
    o.create_if_missing = true;
    o.wal_recovery_mode = mode;
    o.recycle_log_file_num = 0;
    o.info_log_level = rocksdb::InfoLogLevel::INFO_LEVEL;
    return o;
  }

  /// 1000 synced writes, then one flipped bit in the middle of their log.
  std::string damaged_store() {
    auto db = open(WALRecoveryMode::kTolerateCorruptedTailRecords);
    for (int i = 0; i < 1000; ++i) {
      EXPECT_TRUE(db->Put({}, std::to_string(i), std::string(200, 'x')).ok());
    }
    EXPECT_TRUE(db->SyncWAL().ok());
    db.reset();
    const std::string wal = largest_file(directory.path(), "", ".log");
    flip_a_bit(wal, 0.5);
    return wal;
  }

  std::unique_ptr<rocksdb::DB> open(WALRecoveryMode mode) {
    rocksdb::DB* db = nullptr;
    status = rocksdb::DB::Open(options(mode), directory.path(), &db);
    return std::unique_ptr<rocksdb::DB>{db};
  }

  static int count(rocksdb::DB& db) {
    int n = 0;
    const std::unique_ptr<rocksdb::Iterator> it{db.NewIterator({})};
    for (it->SeekToFirst(); it->Valid(); it->Next()) ++n;
    return n;
  }

  temporary_directory directory;
  rocksdb::Status status;
};

TEST_F(RocksdbAssumption, TheSafeModeRefusesADamagedLog) {
  damaged_store();
  EXPECT_EQ(open(WALRecoveryMode::kTolerateCorruptedTailRecords), nullptr);
  EXPECT_TRUE(status.IsCorruption()) << status.ToString();
}

TEST_F(RocksdbAssumption, TheDefaultModeLosesSyncedWritesWithoutAWord) {
  damaged_store();
  EXPECT_EQ(rocksdb::DBOptions{}.wal_recovery_mode, WALRecoveryMode::kPointInTimeRecovery);
  const auto db = open(WALRecoveryMode::kPointInTimeRecovery);
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_LT(count(*db), 1000);
}

TEST_F(RocksdbAssumption, TheLogOfTheAttemptNamesTheDamagedFile) {
  const std::string wal = damaged_store();
  EXPECT_EQ(open(WALRecoveryMode::kTolerateCorruptedTailRecords), nullptr);
  std::ifstream log{directory.path() + "/LOG"};
  const std::string text{std::istreambuf_iterator<char>{log}, {}};
  EXPECT_THAT(text, ::testing::ContainsRegex(wal + ": dropping "));
}

TEST_F(RocksdbAssumption, ATornWriteAtTheEndIsTolerated) {
  auto db = open(WALRecoveryMode::kTolerateCorruptedTailRecords);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(db->Put({}, std::to_string(i), "value").ok());
  db.reset();
  const std::string wal = largest_file(directory.path(), "", ".log");
  std::filesystem::resize_file(wal, std::filesystem::file_size(wal) - 3);
  db = open(WALRecoveryMode::kTolerateCorruptedTailRecords);
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(count(*db), 9);
}

TEST_F(RocksdbAssumption, TheStrictModeRefusesATornEndThatTheSafeOneTolerates) {
  auto db = open(WALRecoveryMode::kTolerateCorruptedTailRecords);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(db->Put({}, std::to_string(i), "value").ok());
  db.reset();
  const std::string wal = largest_file(directory.path(), "", ".log");
  std::filesystem::resize_file(wal, std::filesystem::file_size(wal) - 3);
  rocksdb::DB* raw = nullptr;
  status = rocksdb::DB::OpenForReadOnly(options(WALRecoveryMode::kAbsoluteConsistency),
                                        directory.path(), &raw);
  EXPECT_TRUE(status.IsCorruption()) << status.ToString();
  delete raw;
  db = open(WALRecoveryMode::kTolerateCorruptedTailRecords);
  EXPECT_TRUE(status.ok()) << status.ToString();
}

/// A logger that keeps nothing.
class silent_log : public rocksdb::Logger {
public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

TEST_F(RocksdbAssumption, ReadingWithALoggerOfOnesOwnWritesNoFile) {
  auto db = open(WALRecoveryMode::kTolerateCorruptedTailRecords);
  ASSERT_TRUE(db->Put({}, "a", "1").ok());
  const auto names = [this] {
    std::set<std::string> out;
    for (const auto& f : std::filesystem::directory_iterator{directory.path()})
      out.insert(f.path().filename());
    return out;
  };
  const auto before = names();
  auto o = options(WALRecoveryMode::kTolerateCorruptedTailRecords);
  o.create_if_missing = false;
  o.info_log = std::make_shared<silent_log>();
  rocksdb::DB* raw = nullptr;
  status = rocksdb::DB::OpenForReadOnly(o, directory.path(), &raw);
  ASSERT_TRUE(status.ok()) << status.ToString();
  std::string value;
  EXPECT_TRUE(raw->Get({}, "a", &value).ok()) << "what is in the log only is seen";
  EXPECT_FALSE(raw->Put({}, "b", "2").ok());
  delete raw;
  EXPECT_EQ(names(), before);
}

TEST_F(RocksdbAssumption, AFlushIsInTheManifestBeforeItsLogIsGone) {
  auto db = open(WALRecoveryMode::kTolerateCorruptedTailRecords);
  const auto manifest_size = [this] {
    return std::filesystem::file_size(largest_file(directory.path(), "MANIFEST-", ""));
  };
  ASSERT_TRUE(db->Put({}, "a", "1").ok());
  const auto before = manifest_size();
  ASSERT_TRUE(db->Flush({}).ok());
  EXPECT_GT(manifest_size(), before) << "a reader can see that files have changed";
}

TEST_F(RocksdbAssumption, ADamagedTableIsNamedByItsChecksums) {
  auto db = open(WALRecoveryMode::kTolerateCorruptedTailRecords);
  for (int i = 0; i < 1000; ++i)
    ASSERT_TRUE(db->Put({}, std::to_string(i), std::string(200, static_cast<char>(i))).ok());
  ASSERT_TRUE(db->Flush({}).ok());
  EXPECT_TRUE(db->VerifyChecksum().ok());
  const std::string table = largest_file(directory.path(), "", ".sst");
  flip_a_bit(table, 0.3);
  status = db->VerifyChecksum();
  EXPECT_TRUE(status.IsCorruption()) << status.ToString();
  EXPECT_THAT(status.ToString(),
              ::testing::HasSubstr(std::filesystem::path{table}.filename().string()));
}

TEST_F(RocksdbAssumption, ABatchIsOnePieceOverFamilies) {
  auto o = options(WALRecoveryMode::kTolerateCorruptedTailRecords);
  auto db = open(o.wal_recovery_mode);
  rocksdb::ColumnFamilyHandle* other = nullptr;
  ASSERT_TRUE(db->CreateColumnFamily({}, "other", &other).ok());
  ASSERT_TRUE(db->Flush({}).ok());
  rocksdb::WriteBatch batch;
  batch.Put("a", "1");
  batch.Put(other, "b", std::string(5000, '2'));
  ASSERT_TRUE(db->Write({}, &batch).ok());
  db->DestroyColumnFamilyHandle(other);
  db.reset();
  const std::string wal = largest_file(directory.path(), "", ".log");
  std::filesystem::resize_file(wal, std::filesystem::file_size(wal) - 100);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* raw = nullptr;
  status = rocksdb::DB::Open(o, directory.path(), {{"default", {}}, {"other", {}}}, &handles, &raw);
  ASSERT_TRUE(status.ok()) << status.ToString();
  std::string value;
  EXPECT_TRUE(raw->Get({}, handles[0], "a", &value).IsNotFound());
  for (auto* h : handles) raw->DestroyColumnFamilyHandle(h);
  delete raw;
}

TEST_F(RocksdbAssumption, TheLibraryIsTheOneWhoseTrapsWeKnow) {
  EXPECT_EQ(ROCKSDB_MAJOR, 7) << "read the RocksDB traps again for this release";
  EXPECT_LT(rocksdb::DBOptions{}.max_background_jobs, 8);
}

}  // namespace
}  // namespace faultline::testing
