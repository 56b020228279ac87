// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/manifest_mark.hpp"

#include <gmock/gmock.h>

#include "storage/store_check.hpp"
#include "tests/storage/files.hpp"
#include "tests/storage/makers.hpp"
#include "tests/storage/raw_store.hpp"

namespace faultline::testing {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

/// A closed store whose tables the manifest names: all that was written is in them.
class ManifestMark : public ::testing::Test {
protected:
  ManifestMark() {
    maker.options.sync = false;  // damage is done after an orderly close
    auto store = maker.open();
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 20; ++i)
        EXPECT_TRUE(store->events().append(group_of({{0, std::string(1024, 'x'), 1}})));
      EXPECT_TRUE(store->flush());
    }
  }
  failure open_error() {
    auto opened = open_rocksdb_store(maker.options);
    if (!opened) return opened.error();
    ADD_FAILURE() << "the store opened";
    return {};
  }
  std::string manifest() const { return largest_file(directory(), "MANIFEST-", ""); }
  std::string directory() const { return maker.directory.store(); }

  rocksdb_store_maker maker;
};

TEST_F(ManifestMark, SaysWhatStandsInTheManifestAtTheEnd) {
  const auto mark = read_manifest_mark(directory());
  ASSERT_TRUE(mark);
  ASSERT_TRUE(*mark);
  EXPECT_EQ(directory() + "/" + (*mark)->name, manifest());
  EXPECT_EQ((*mark)->bytes, fs::file_size(manifest()));
  EXPECT_EQ(maker.open()->events().last(0), 60u);
}

TEST_F(ManifestMark, AManifestWhoseEndIsCutOffIsRefusedByName) {
  const auto whole = fs::file_size(manifest());
  for (const auto left : {whole - 1, whole - whole / 4, whole / 2, std::uintmax_t{0}}) {
    fs::resize_file(manifest(), left);
    const failure why = open_error();
    EXPECT_EQ(why.code, ec::store_corrupt) << left;
    EXPECT_THAT(why.what, HasSubstr(manifest())) << left;
    EXPECT_THAT(why.what, HasSubstr(std::to_string(left) + " of " + std::to_string(whole)));
  }
}

// The control: without the mark RocksDB opens it, and what the tables held is gone.
TEST_F(ManifestMark, WithoutItRecordsAreLostWithoutAWord) {
  fs::remove(directory() + "/manifest.mark");
  fs::resize_file(manifest(), fs::file_size(manifest()) - 200);
  auto opened = open_rocksdb_store(maker.options);
  EXPECT_TRUE(!opened || (*opened)->events().last(0) < 60u);
}

TEST_F(ManifestMark, APageOfZeroesInTheManifestIsRefusedByName) {
  std::fstream file{manifest(), std::ios::in | std::ios::out | std::ios::binary};
  file.seekp(0);
  file << std::string(static_cast<std::size_t>(fs::file_size(manifest())), '\0');
  file.close();
  const failure why = open_error();
  EXPECT_EQ(why.code, ec::store_corrupt);
  EXPECT_THAT(why.what, HasSubstr(manifest()));
}

TEST_F(ManifestMark, ACheckOfTheStoreNamesTheManifestThatWasCut) {
  fs::resize_file(manifest(), fs::file_size(manifest()) - 1);
  const auto report = check_rocksdb_store(maker.directory.path(), {}, {});
  ASSERT_TRUE(report);
  ASSERT_GE(report->problem_count, 1u);
  EXPECT_THAT(report->problems.front().what, HasSubstr(manifest()));
}

TEST_F(ManifestMark, AnEarlierManifestBehindCurrentIsRefused) {
  const std::string before = largest_file(directory(), "MANIFEST-", "");
  const auto kept = maker.directory.path() + "/kept";
  fs::copy(before, kept);
  maker.open();  // begins another manifest
  fs::copy(kept, before, fs::copy_options::overwrite_existing);
  std::ofstream{directory() + "/CURRENT"} << fs::path{before}.filename().string() << "\n";
  const failure why = open_error();
  EXPECT_EQ(why.code, ec::store_corrupt);
  EXPECT_THAT(why.what, HasSubstr(directory() + "/CURRENT"));
}

TEST_F(ManifestMark, OneThatIsDamagedStopsNobodyAndIsNamedByACheck) {
  const std::string mark = directory() + "/manifest.mark";
  for (const char* text :
       {"x", "faultline manifest 1\n", "faultline manifest 2\nMANIFEST-1 2 3\n"}) {
    std::ofstream{mark} << text;
    const auto report = check_rocksdb_store(maker.directory.path(), {}, {});
    ASSERT_TRUE(report);
    ASSERT_GE(report->problem_count, 1u) << text;  // the blobs are none of ours, which is named too
    EXPECT_EQ(report->problems.front().where, mark);
    EXPECT_EQ(maker.open()->events().last(0), 60u) << text;
    ASSERT_TRUE(read_manifest_mark(directory()));
  }
}

TEST_F(ManifestMark, AStoreOfABuildWithoutItOpens) {
  fs::remove(directory() + "/manifest.mark");
  EXPECT_EQ(maker.open()->events().last(0), 60u);
  EXPECT_TRUE(*read_manifest_mark(directory()));
  // One that was written by such a build since has a newer manifest than the mark says.
  raw_store{directory()}.put("default", "x", "y");
  EXPECT_TRUE(verify_manifest(directory()));
}

}  // namespace
}  // namespace faultline::testing
