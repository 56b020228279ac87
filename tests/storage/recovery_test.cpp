// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <rocksdb/db.h>

#include <chrono>
#include <random>
#include <sstream>
#include <thread>

#include "storage/internal/free_space.hpp"
#include "storage/internal/keys.hpp"
#include "storage/internal/rocksdb_database.hpp"
#include "storage/internal/rows.hpp"
#include "tests/storage/files.hpp"
#include "tests/storage/makers.hpp"
#include "tests/storage/raw_store.hpp"

namespace faultline::testing {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class StoreRecovery : public ::testing::Test {
protected:
  StoreRecovery() { maker.options.sync = false; }  // damage is done after an orderly close

  /// A closed store with @p blobs blobs of 1 KiB in its WAL.
  void write(int blobs, bool flushed = false) {
    auto store = maker.open();
    for (int i = 0; i < blobs; ++i) {
      ASSERT_TRUE(store->events().append(group_of({{0, std::string(1024, 'x'), 1}})));
    }
    if (!flushed) return;
    ASSERT_TRUE(store->flush());
  }
  failure open_error() {
    auto opened = open_rocksdb_store(maker.options);
    if (!opened) return opened.error();
    ADD_FAILURE() << "the store opened";
    return {};
  }
  std::string directory() const { return maker.directory.store(); }

  rocksdb_store_maker maker;
};

TEST_F(StoreRecovery, RefusesADamagedWriteAheadLogByName) {
  write(500);
  const std::string wal = largest_file(directory(), "", ".log");
  ASSERT_GT(fs::file_size(wal), 400'000u);
  flip_a_bit(wal, 0.5);
  const failure why = open_error();
  EXPECT_EQ(why.code, ec::store_corrupt);
  EXPECT_THAT(why.what, HasSubstr(wal));
}

TEST_F(StoreRecovery, GoesOnWithAWriteThatWasTornAtTheEnd) {
  write(500);
  const std::string wal = largest_file(directory(), "", ".log");
  fs::resize_file(wal, fs::file_size(wal) - 100);
  auto store = maker.open();
  ASSERT_TRUE(store);
  EXPECT_EQ(store->events().last(0), 499u);
  EXPECT_EQ(store->events().read(0, 1, 1000, 1 << 30)->size(), 499u);
}

TEST_F(StoreRecovery, RefusesADamagedManifestByName) {
  write(100, true);
  const std::string manifest = largest_file(directory(), "MANIFEST-", "");
  flip_a_bit(manifest, 0.5);
  const failure why = open_error();
  EXPECT_EQ(why.code, ec::store_corrupt);
  EXPECT_THAT(why.what, HasSubstr(manifest));
}

TEST_F(StoreRecovery, RefusesToBeginANewStoreWhereCurrentIsMissing) {
  write(10);
  fs::remove(directory() + "/CURRENT");
  const failure why = open_error();
  EXPECT_EQ(why.code, ec::store_corrupt);
  EXPECT_THAT(why.what, HasSubstr(directory() + "/CURRENT"));
  EXPECT_FALSE(fs::exists(directory() + "/CURRENT"));
}

TEST_F(StoreRecovery, RefusesADamagedCurrentByName) {
  write(10);
  for (const char* content : {"", "MANIFEST-", "MANIFEST-000099\n", "x\n", "MANIFEST-000001"}) {
    std::ofstream{directory() + "/CURRENT"} << content;
    const failure why = open_error();
    EXPECT_EQ(why.code, ec::store_corrupt) << content;
    EXPECT_THAT(why.what, HasSubstr(directory() + "/CURRENT")) << content;
  }
}

TEST_F(StoreRecovery, RefusesAStoreThatLacksItsManifestByName) {
  write(100, true);
  const std::string manifest = largest_file(directory(), "MANIFEST-", "");
  fs::remove(manifest);
  const failure why = open_error();
  EXPECT_EQ(why.code, ec::store_corrupt);
  EXPECT_THAT(why.what, HasSubstr(manifest));
}

TEST_F(StoreRecovery, RefusesATableThatWasCutOffByName) {
  write(1000, true);
  const std::string table = largest_file(directory(), "", ".sst");
  fs::resize_file(table, fs::file_size(table) / 2);
  const failure why = open_error();
  EXPECT_EQ(why.code, ec::store_corrupt);
  EXPECT_THAT(why.what, HasSubstr(fs::path{table}.filename().string()));
}

TEST_F(StoreRecovery, RefusesATableWhoseEndIsDamagedByNameWhereverTheDamageIs) {
  write(1000, true);
  const std::string table = largest_file(directory(), "", ".sst");
  const auto size = fs::file_size(table);
  std::stringstream whole;
  whole << std::ifstream{table}.rdbuf();
  int refused = 0;
  for (std::uintmax_t back = 128; back <= 2048; back += 64) {
    std::string damaged = whole.str();
    damaged.replace(size - back, 128, 128, '\0');
    std::ofstream{table} << damaged;
    const auto opened = open_rocksdb_store(maker.options);
    if (opened) continue;  // a part that opening has no need of
    ++refused;
    EXPECT_EQ(opened.error().code, ec::store_corrupt) << back;
    EXPECT_THAT(opened.error().what, HasSubstr(fs::path{table}.filename().string())) << back;
  }
  EXPECT_GT(refused, 5);
}

TEST_F(StoreRecovery, RefusesAStoreThatLacksATableByName) {
  write(100, true);
  const std::string table = largest_file(directory(), "", ".sst");
  fs::remove(table);
  const failure why = open_error();
  EXPECT_EQ(why.code, ec::store_corrupt);
  EXPECT_THAT(why.what, HasSubstr(fs::path{table}.filename().string()));
}

TEST_F(StoreRecovery, ADamagedTableIsAFailureOfTheReadThatMeetsIt) {
  write(1000, true);
  const std::string table = largest_file(directory(), "", ".sst");
  flip_a_bit(table, 0.5);
  auto store = maker.open();
  ASSERT_TRUE(store);
  const auto blobs = store->events().read(0, 1, 10'000, 1 << 30);
  ASSERT_FALSE(blobs);
  EXPECT_EQ(blobs.error().code, ec::store_corrupt);
  EXPECT_THAT(blobs.error().what, HasSubstr(fs::path{table}.filename().string()));
}

TEST_F(StoreRecovery, ANumberThatIsLeftOutIsTheStoresOwn) {
  write(1);
  maker.options.partitions = 0;
  EXPECT_EQ(maker.open()->events().partitions(), 4);
}

TEST_F(StoreRecovery, ANewStoreHas64PartitionsWhereTheNumberIsLeftOut) {
  maker.options.partitions = 0;
  EXPECT_EQ(maker.open()->events().partitions(), 64);
  EXPECT_EQ(open_memory_store(maker.options)->events().partitions(), 64);
  maker.options.partitions = 64;
  EXPECT_EQ(maker.open()->events().partitions(), 64);
}

TEST_F(StoreRecovery, RefusesAnotherNumberOfPartitionsThanTheStoresAndNamesBoth) {
  write(1);
  maker.options.partitions = 32;
  const failure why = open_error();
  EXPECT_EQ(why.code, ec::invalid);
  EXPECT_THAT(why.what, HasSubstr("has 4 partitions"));
  EXPECT_THAT(why.what, HasSubstr("storage.partitions says 32"));
  maker.options.partitions = 4;
  EXPECT_EQ(maker.open()->events().last(0), 1u) << "the refusal changed nothing";
}

TEST_F(StoreRecovery, OneProcessAtATime) {
  auto store = maker.open();
  const failure why = open_error();
  EXPECT_EQ(why.code, ec::io_failed);
}

TEST_F(StoreRecovery, FailsWhereADirectoryCannotBe) {
  maker.options.path = "/dev/null/x";
  EXPECT_EQ(open_error().code, ec::io_failed);
}

TEST_F(StoreRecovery, RefusesAStoreOfANewerFormatAndNamesBoth) {
  write(1);
  raw_store{directory()}.put("default", keys::format(), rows::numbers({store_format + 1, 4}));
  const failure why = open_error();
  EXPECT_EQ(why.code, ec::unknown_version);
  EXPECT_THAT(why.what, HasSubstr("the store in " + directory() + " has version 4"));
  EXPECT_THAT(why.what, HasSubstr("this build reads up to 3"));
}

TEST_F(StoreRecovery, RefusesAStoreWithPartsItDoesNotKnow) {
  write(1);
  rocksdb::Options plain;
  std::vector<std::string> names;
  ASSERT_TRUE(rocksdb::DB::ListColumnFamilies(plain, directory(), &names).ok());
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const auto& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions{});
  plain.create_missing_column_families = true;
  families.emplace_back("tomorrow", rocksdb::ColumnFamilyOptions{});
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(plain, directory(), families, &handles, &db).ok());
  for (auto* h : handles) db->DestroyColumnFamilyHandle(h);
  delete db;
  const failure why = open_error();
  EXPECT_EQ(why.code, ec::unknown_version);
  EXPECT_THAT(why.what, HasSubstr("tomorrow"));
}

TEST_F(StoreRecovery, ARowOfANewerVersionIsNotGuessed) {
  const auto row = rows::read_snapshot("e", "\x03rest of a newer row");
  ASSERT_FALSE(row);
  EXPECT_EQ(row.error().code, ec::unknown_version);
  EXPECT_EQ(rows::read_snapshot("e", "").error().code, ec::store_corrupt);
  EXPECT_EQ(rows::read_snapshot("e", "\x01 short").error().code, ec::store_corrupt);
  EXPECT_EQ(rows::read_snapshot("e", "\x02 short").error().code, ec::store_corrupt);
}

TEST(PackedSnapshot, IsSmallerWhereMostIsZeroAndReadAsItWas) {
  entity_snapshot s{"e", 12, 3, std::string(7000, '\0')};
  for (std::size_t i = 0; i < s.bytes.size(); i += 3) s.bytes[i] = static_cast<char>(i * 37);
  s.bytes.append(4000, '\0');
  const std::string row = rows::snapshot(s);
  EXPECT_LT(row.size(), 8000u);
  const auto read = rows::read_snapshot("e", row);
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(read->bytes, s.bytes);
  EXPECT_EQ(read->position, 12u);
  EXPECT_EQ(read->index, 3u);
  s.bytes.clear();
  EXPECT_EQ(rows::read_snapshot("e", rows::snapshot(s))->bytes, "");
}

TEST(PackedSnapshot, ThatIsCutOffOrSaysAnotherSizeIsDamaged) {
  const std::string row = rows::snapshot({"e", 12, 3, std::string(1000, 'x') + "the end"});
  constexpr std::size_t size_at = 1 + 8 + 4;
  for (std::size_t keep = size_at + 4; keep < row.size(); ++keep)
    EXPECT_FALSE(rows::read_snapshot("e", row.substr(0, keep))) << keep;
  for (const unsigned char lie : {0x00, 0x01, 0x7f, 0xff}) {
    std::string other = row;
    other[size_at + 3] = static_cast<char>(lie);
    other[size_at] = static_cast<char>(other[size_at] + 1);
    const auto read = rows::read_snapshot("e", other);
    ASSERT_FALSE(read) << static_cast<int>(lie);
    EXPECT_EQ(read.error().code, ec::store_corrupt);
  }
}

/// Bytes that no table packs.
std::string noise_of(std::size_t size) {
  static std::mt19937_64 chance{1};
  std::string noise(size, '\0');
  for (auto& c : noise) c = static_cast<char>(chance());
  return noise;
}

TEST_F(StoreRecovery, WhatIsTrimmedLeavesTheDisk) {
  write(1);
  auto store = maker.open();
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(store->events().append(
        group_of({{i % 2 == 0 ? partition_id{0} : partition_id{1}, noise_of(1024 * 1024), 1}})));
  }
  ASSERT_TRUE(store->flush());
  EXPECT_GT(store->bytes_on_disk(), 60'000'000u);
  ASSERT_TRUE(store->events().trim(0, store->events().last(0) + 1));
  EXPECT_GT(store->bytes_on_disk(), 60'000'000u) << "the other partition still reads its segments";
  ASSERT_TRUE(store->events().trim(1, store->events().last(1) + 1));
  // A file goes as soon as RocksDB has moved it down its levels, with a later sweep.
  for (int i = 0; i < 3000 && store->bytes_on_disk() >= 30'000'000u; ++i) {
    ASSERT_TRUE(store->sweep_retention(arrival_time_of(1'700'000'000'000)));
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
  EXPECT_LT(store->bytes_on_disk(), 30'000'000u);
  store.reset();
  store = maker.open();
  EXPECT_EQ(store->events().first(1), 31u);
  EXPECT_TRUE(store->events().read(1, 1, 10, 1000)->empty());
}

// ---- a disk that fills, a disk that fails -----------------------------------------------------

TEST_F(StoreRecovery, DoesNotOpenOnAFullDisk) {
  maker.options.path = maker.directory.path();
  maker.options.min_free_bytes = ~std::uint64_t{0};
  EXPECT_EQ(open_error().code, ec::no_space);
  EXPECT_TRUE(fs::is_empty(directory()));
}

TEST_F(StoreRecovery, NearTheEndOfTheDiskItTakesNothingInButWorksOffWhatItHas) {
  maker.options.min_free_bytes =
      free_bytes_at(maker.directory.path()) / 4 * 5;  // above what is free, half of it below
  auto store = maker.open();
  ASSERT_TRUE(store);
  const auto refused = store->events().append(group_of({{0, "a", 1}}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ec::no_space);
  EXPECT_EQ(store->events().last(0), 0u);
  EXPECT_FALSE(store->dead_letters().append({{"r", arrival_time{}, "s", "t", "p"}}));
  checkpoint_batch batch;
  batch.checkpoint = partition_checkpoint{1, 1};
  EXPECT_TRUE(store->checkpoints().write(batch));
  EXPECT_TRUE(store->decisions().append({{"d"}, {}}));
  store.reset();
  maker.options.min_free_bytes = 0;
  store = maker.open();
  EXPECT_EQ(store->events().last(0), 0u) << "nothing of the refused group was written";
  EXPECT_TRUE(store->events().append(group_of({{0, "a", 1}})));
}

// What an operator or a configuration has decided: nobody took it in with these records.
TEST_F(StoreRecovery, NearTheEndOfTheDiskWhatWasDecidedIsCopiedIntoTheLog) {
  maker.options.min_free_bytes = free_bytes_at(maker.directory.path()) / 4 * 5;
  auto store = maker.open();
  ASSERT_TRUE(store);
  auto decided = group_of({{0, "control", 1}});
  decided.control_sequence = 7;
  EXPECT_TRUE(store->events().append(decided));
  EXPECT_EQ(store->events().control_sequence(), 7u);
  const auto again = store->events().append(decided);
  ASSERT_FALSE(again) << "nothing in it is new";
  EXPECT_EQ(again.error().code, ec::no_space);
}

TEST_F(StoreRecovery, AfterABackgroundErrorEveryCallFailsWithTheReason) {
  auto store = maker.open();
  ASSERT_TRUE(store->events().append(group_of({{0, "a", 1}})));
  fs::rename(directory(), maker.directory.path() + "/moved");  // no new file can be made
  EXPECT_FALSE(store->flush());
  const auto append = store->events().append(group_of({{0, "b", 1}}));
  ASSERT_FALSE(append);
  EXPECT_EQ(append.error().code, ec::store_unavailable);
  EXPECT_THAT(append.error().what, HasSubstr("No such file"));
  EXPECT_EQ(store->events().read(0, 1, 1, 1).error().code, ec::store_unavailable);
  EXPECT_EQ(store->checkpoints().write({}).error().code, ec::store_unavailable);
  EXPECT_EQ(store->decisions().append({}).error().code, ec::store_unavailable);
  EXPECT_EQ(store->decisions().read(1, 1).error().code, ec::store_unavailable);
  EXPECT_EQ(store->feed().append({}).error().code, ec::store_unavailable);
  EXPECT_EQ(store->feed().record("x").error().code, ec::store_unavailable);
  EXPECT_EQ(store->dead_letters().newest(1).error().code, ec::store_unavailable);
  EXPECT_EQ(store->poison().load(0).error().code, ec::store_unavailable);
  EXPECT_EQ(store->sweep_retention(arrival_time{}).error().code, ec::store_unavailable);
  store.reset();
  fs::rename(maker.directory.path() + "/moved", directory());
  store = maker.open();
  ASSERT_TRUE(store);
  EXPECT_EQ(store->events().last(0), 1u);
}

TEST_F(StoreRecovery, WhereItsDirectoryIsGoneItHasStoppedAndWaitsForNoSpace) {
  auto store = maker.open();
  fs::rename(directory(), maker.directory.path() + "/moved");
  while (store->tend_space().free_bytes != 0) std::this_thread::yield();  // the last look is kept
  const auto append = store->events().append(group_of({{0, "b", 1}}));
  ASSERT_FALSE(append);
  EXPECT_EQ(append.error().code, ec::store_unavailable);
  EXPECT_THAT(append.error().what, HasSubstr("No such file"));
  EXPECT_EQ(store->flush().error().code, ec::store_unavailable);
}

TEST_F(StoreRecovery, WhileWritesStandStillNothingIsHandedOverAndNothingIsLost) {
  auto opened = rocksdb_database::open(directory(), maker.options);
  ASSERT_TRUE(opened) << opened.error().what;
  rocksdb_database& database = **opened;
  rocksdb::DB& db = database.db();
  ASSERT_TRUE(db.Put({}, database.at(family::log), "a", "1").ok());
  ASSERT_TRUE(db.PauseBackgroundWork().ok());
  rocksdb::FlushOptions at_once;
  at_once.wait = false;
  at_once.allow_write_stall = true;
  auto* feed = database.at(family::feed);
  rocksdb::Status status;
  for (int i = 0; i < 10 && status.ok(); ++i) {  // a memtable each; two may wait
    ASSERT_TRUE(db.Put({}, feed, "b", "2").ok());
    status = db.Flush(at_once, feed);
    if (status.ok()) status = db.Flush(at_once, database.at(family::outbox));
  }
  EXPECT_TRUE(status.IsTryAgain()) << status.ToString();
  EXPECT_TRUE(database.begin_flush(family::log));
  EXPECT_TRUE(database.check());
  ASSERT_TRUE(db.ContinueBackgroundWork().ok());
  EXPECT_TRUE(database.flush());
  EXPECT_EQ(**database.get(family::log, "a"), "1");
}

TEST_F(StoreRecovery, TellsItsSizeOnDisk) {
  auto store = maker.open();
  const auto before = store->bytes_on_disk();
  ASSERT_TRUE(store->events().append(group_of({{0, std::string(1 << 20, 'x'), 1}})));
  EXPECT_GE(store->bytes_on_disk(), before + (1 << 20));
}

}  // namespace
}  // namespace faultline::testing
