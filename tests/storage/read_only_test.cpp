// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <thread>

#include "tests/storage/files.hpp"
#include "tests/storage/makers.hpp"

namespace faultline::testing {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class ReadOnlyStore : public ::testing::Test {
protected:
  ReadOnlyStore() { maker.options.sync = false; }

  std::unique_ptr<store> read() {
    maker.options.path = maker.directory.path();
    auto opened = open_rocksdb_store_read_only(maker.options);
    if (!opened) {
      ADD_FAILURE() << opened.error().what;
      return nullptr;
    }
    return std::move(*opened);
  }
  failure read_error() {
    maker.options.path = maker.directory.path();
    auto opened = open_rocksdb_store_read_only(maker.options);
    if (!opened) return opened.error();
    ADD_FAILURE() << "the store opened";
    return {};
  }
  static void append(store& s, int blobs) {
    for (int i = 0; i < blobs; ++i) {
      ASSERT_TRUE(s.events().append(group_of({{0, std::string(1024, 'x'), 1}})));
    }
  }
  std::string directory() const { return maker.directory.store(); }

  /// Name, size and time of every file; of RocksDB's chronicle, in which who has the store open
  /// writes at any time, the name alone.
  std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> out;
    for (const auto& f : fs::directory_iterator{directory()}) {
      auto& is = out[f.path().filename()];
      if (f.path().filename() == "LOG") continue;
      is = std::to_string(f.file_size()) + " " +
           std::to_string(f.last_write_time().time_since_epoch().count());
    }
    return out;
  }

  rocksdb_store_maker maker;
};

TEST_F(ReadOnlyStore, SeesWhatAnOpenStoreHasTakenAndWritesNothing) {
  auto server = maker.open();
  append(*server, 10);
  ASSERT_TRUE(server->flush());
  server = maker.reopen(std::move(server));  // whatever a flush does behind itself is done
  append(*server, 5);
  const auto before = files();
  {
    auto store = read();
    ASSERT_TRUE(store);
    EXPECT_EQ(store->events().partitions(), 4);
    EXPECT_EQ(store->events().last(0), 15u);
    EXPECT_EQ(store->events().read(0, 1, 100, 1 << 30)->size(), 15u);
    EXPECT_TRUE(store->flush());
  }
  EXPECT_EQ(files(), before);
  append(*server, 1);
  EXPECT_EQ(server->events().last(0), 16u) << "the server goes on";
}

TEST_F(ReadOnlyStore, ShowsTheStoreAsItStoodWhenItWasOpened) {
  auto server = maker.open();
  append(*server, 3);
  auto store = read();
  append(*server, 3);
  ASSERT_TRUE(server->flush());
  EXPECT_EQ(store->events().last(0), 3u);
  EXPECT_EQ(store->events().read(0, 1, 100, 1 << 30)->size(), 3u);
}

TEST_F(ReadOnlyStore, EveryCallThatWouldWriteIsRefused) {
  append(*maker.open(), 2);
  auto store = read();
  EXPECT_EQ(store->events().append(group_of({{0, "a", 1}})).error().code, ec::unsupported);
  EXPECT_EQ(store->events().trim(0, 2).error().code, ec::unsupported);
  EXPECT_EQ(store->events().write_publishers({{"p", "b"}}).error().code, ec::unsupported);
  checkpoint_batch batch;
  batch.checkpoint = partition_checkpoint{1, 1};
  EXPECT_EQ(store->checkpoints().write(batch).error().code, ec::unsupported);
  EXPECT_EQ(store->decisions().append({{"d"}, {}}).error().code, ec::unsupported);
  EXPECT_EQ(store->feed().append({}).error().code, ec::unsupported);
  EXPECT_EQ(store->dead_letters().append({{"r", arrival_time{}, "s", "t", "p"}}).error().code,
            ec::unsupported);
  EXPECT_EQ(store->poison().skip({0, 1, 0}, {}).error().code, ec::unsupported);
  EXPECT_EQ(store->sweep_retention(arrival_time{}).error().code, ec::unsupported);
  EXPECT_EQ(store->events().last(0), 2u);
}

TEST_F(ReadOnlyStore, OpensWhatAServerWritesAndFlushesWithoutAGap) {
  maker.options.write_buffer_bytes = 4 * 1024 * 1024;
  auto server = maker.open();
  append(*server, 1);
  std::atomic<bool> done{false};
  std::thread writer{[&] {  // 80 memtables of the log
    for (int i = 0; i < 10'000; ++i) {
      ASSERT_TRUE(server->events().append(group_of({{0, std::string(8192, 'x'), 1}})));
    }
    done.store(true);
  }};
  log_position last = 0;
  while (!done.load()) {
    auto store = read();
    if (!store) break;
    EXPECT_GE(store->events().last(0), last);
    last = store->events().last(0);
    const auto blobs = store->events().read(0, 1, 1'000'000, 1 << 30);
    EXPECT_EQ(blobs ? blobs->size() : 0, last);
  }
  writer.join();
}

TEST_F(ReadOnlyStore, TakesTheDirectoryItselfUnderAnyName) {
  append(*maker.open(), 2);
  const std::string copy = maker.directory.path() + "/copy";
  fs::copy(directory(), copy);
  storage_options options = small_options();
  options.path = copy;
  const auto store = open_rocksdb_store_read_only(options);
  ASSERT_TRUE(store) << store.error().what;
  EXPECT_EQ((*store)->events().last(0), 2u);
}

TEST_F(ReadOnlyStore, ADirectoryWithoutAStoreIsNotFoundAndNothingIsMade) {
  EXPECT_EQ(read_error().code, ec::not_found);
  EXPECT_TRUE(fs::is_empty(maker.directory.path()));
}

TEST_F(ReadOnlyStore, RefusesAnotherNumberOfPartitions) {
  append(*maker.open(), 1);
  maker.options.partitions = 8;
  EXPECT_EQ(read_error().code, ec::invalid);
}

TEST_F(ReadOnlyStore, NamesTheDamagedFile) {
  append(*maker.open(), 500);
  const std::string wal = largest_file(directory(), "", ".log");
  flip_a_bit(wal, 0.5);
  const failure why = read_error();
  EXPECT_EQ(why.code, ec::store_corrupt);
  EXPECT_THAT(why.what, HasSubstr(wal));
}

TEST_F(ReadOnlyStore, NamesAMissingTable) {
  auto store = maker.open();
  append(*store, 100);
  ASSERT_TRUE(store->flush());
  store.reset();
  const std::string table = largest_file(directory(), "", ".sst");
  fs::remove(table);
  const failure why = read_error();
  EXPECT_EQ(why.code, ec::store_corrupt);
  EXPECT_THAT(why.what, HasSubstr(fs::path{table}.filename().string()));
}

}  // namespace
}  // namespace faultline::testing
