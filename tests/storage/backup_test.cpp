// SPDX-License-Identifier: Apache-2.0
#include "storage/backup.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <sstream>

#include <nlohmann/json.hpp>

#include "storage/copy_lease.hpp"
#include "storage/internal/backup_files.hpp"
#include "tests/storage/files.hpp"
#include "tests/storage/makers.hpp"
#include "tests/support/scratch_directory.hpp"

namespace faultline::testing {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;
using nlohmann::json;

/// A store in use, and a backup of it.
class Backup : public ::testing::Test {
protected:
  Backup() {
    live = maker.open();
    for (int i = 0; i < 50; ++i) append();
    copy = maker.directory.path() + "/copy";
    fs::create_directories(copy);
    EXPECT_TRUE(live->copy_to(copy + "/store"));
    fs::create_directories(copy + "/models");
    std::ofstream{copy + "/models/a.flm"} << "a model";
    for (int i = 0; i < 50; ++i) append();
    const auto card = write_backup(copy, kept(), "1.2.3", 1'760'000'000'000);
    EXPECT_TRUE(card) << card.error().what;
  }
  void append() { EXPECT_TRUE(live->events().append(group_of({{0, std::string(1024, 'x'), 1}}))); }
  std::string kept() const { return maker.directory.path() + "/kept"; }
  std::string fresh() const { return maker.directory.path() + "/fresh"; }
  json card() const { return json::parse(std::ifstream{kept() + "/BACKUP"}); }
  /// As somebody writes it who knows how a card is sealed.
  void write_card(json all) const {
    all.erase("sha256");
    all["sha256"] = sha256_of(all.dump());
    std::ofstream{kept() + "/BACKUP"} << all.dump();
  }
  /// Why neither a check nor a restore takes it; nothing is left of the latter.
  failure refused() const {
    const auto checked = verify_backup(kept());
    const auto restored = restore_backup(kept(), fresh());
    EXPECT_FALSE(checked);
    EXPECT_FALSE(restored);
    EXPECT_FALSE(fs::exists(fresh()));
    EXPECT_FALSE(fs::exists(fresh() + ".partial"));
    if (checked || restored) return {};
    EXPECT_EQ(checked.error().what, restored.error().what);
    return checked.error();
  }

  rocksdb_store_maker maker;
  std::unique_ptr<store> live;
  std::string copy;
};

TEST_F(Backup, HoldsWhatStoodThereWhenItWasMadeAndTheStoreGoesOn) {
  EXPECT_EQ(live->events().last(0), 100u);
  const auto card = verify_backup(kept());
  ASSERT_TRUE(card) << card.error().what;
  EXPECT_EQ(card->partitions, 4u);
  EXPECT_EQ(card->written_by, "1.2.3");
  EXPECT_EQ(card->made_ms, 1'760'000'000'000);
  ASSERT_TRUE(restore_backup(kept(), fresh()));
  EXPECT_TRUE(fs::exists(fresh() + "/models/a.flm"));
  EXPECT_FALSE(fs::exists(fresh() + "/BACKUP"));
  auto options = maker.options;
  options.path = fresh();
  const auto opened = open_rocksdb_store(options);
  ASSERT_TRUE(opened) << opened.error().what;
  EXPECT_EQ((*opened)->events().last(0), 50u);
  EXPECT_EQ((*opened)->events().read(0, 1, 1000, 1 << 30)->size(), 50u);
}

TEST_F(Backup, AFileThatIsDamagedShorterMissingOrStrangeIsNamed) {
  const std::string table = largest_file(kept() + "/store", "", ".sst");
  const std::string name = fs::path{table}.filename();
  flip_a_bit(table, 0.5);
  EXPECT_EQ(refused().code, ec::store_corrupt);
  EXPECT_THAT(refused().what, HasSubstr(name + " is damaged: it is not what was written"));
  const auto whole = fs::file_size(table);
  fs::resize_file(table, whole - 1);
  EXPECT_THAT(refused().what, HasSubstr(name + " is damaged: " + std::to_string(whole - 1)));
  fs::remove(table);
  EXPECT_THAT(refused().what, HasSubstr(name + " is missing"));
}

TEST_F(Backup, AFileThatIsNotOfItIsNamed) {
  std::ofstream{kept() + "/store/000999.log"} << "x";
  EXPECT_THAT(refused().what, HasSubstr("000999.log is not of this backup"));
}

TEST_F(Backup, OneOfANewerBuildIsRefused) {
  auto newer = card();
  newer["backup"] = 2;
  write_card(newer);
  EXPECT_EQ(refused().code, ec::unknown_version);
  newer["backup"] = 1;
  newer["format"] = 99;
  write_card(newer);
  EXPECT_EQ(refused().code, ec::unknown_version);
  EXPECT_THAT(refused().what, HasSubstr("written by a newer build"));
}

TEST_F(Backup, OneThatWasNotFinishedIsNone) {
  fs::remove(kept() + "/BACKUP");
  EXPECT_EQ(refused().code, ec::not_found);
}

TEST_F(Backup, ADamagedCardIsNamed) {
  auto outside = card();
  outside["files"][0]["name"] = "../outside";
  const std::string text = card().dump();
  for (const auto& bad : {std::string{}, std::string{"{}"}, text.substr(0, text.size() / 2),
                          std::string{"[1]"}, outside.dump()}) {
    std::ofstream{kept() + "/BACKUP"} << bad;
    EXPECT_EQ(refused().code, ec::malformed) << bad;
    EXPECT_THAT(refused().what, HasSubstr(kept() + "/BACKUP is damaged")) << bad;
  }
}

TEST_F(Backup, ABitOfTheCardThatTurnedOverIsDamageOfTheCardWhereverItIs) {
  std::stringstream written;
  written << std::ifstream{kept() + "/BACKUP"}.rdbuf();
  const std::string text = written.str();
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    std::ofstream{kept() + "/BACKUP"} << damaged;
    const auto read = read_backup_card(kept());
    ASSERT_FALSE(read) << at;
    EXPECT_THAT(read.error().what, HasSubstr("BACKUP")) << at;
  }
}

TEST_F(Backup, GoesNowhereWhereSomethingIsAndLeavesThatAlone) {
  fs::create_directories(fresh());
  ASSERT_TRUE(restore_backup(kept(), fresh())) << "an empty directory will do";
  const auto again = restore_backup(kept(), fresh());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ec::invalid);
  const auto over = write_backup(copy, kept(), "1.2.3", 0);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ec::invalid);
  EXPECT_TRUE(verify_backup(kept()));
}

TEST_F(Backup, NothingIsPutIntoABackupNorTakenFromWhatIsCleared) {
  fs::create_directories(kept() + "/empty");
  for (const std::string& inside : {kept() + "/x", kept() + "/empty", kept() + "/empty/../y/z"}) {
    for (const auto& done : {restore_backup(kept(), inside), write_backup(copy, inside, "1", 0)}) {
      ASSERT_FALSE(done) << inside;
      EXPECT_EQ(done.error().code, ec::invalid);
      EXPECT_THAT(done.error().what, HasSubstr("lies in the backup " + kept()));
    }
  }
  fs::remove(kept() + "/empty");
  EXPECT_TRUE(verify_backup(kept()));
  fs::rename(kept(), fresh() + ".partial");
  const auto cleared = restore_backup(fresh() + ".partial", fresh());
  ASSERT_FALSE(cleared);
  EXPECT_EQ(cleared.error().code, ec::invalid);
  EXPECT_TRUE(verify_backup(fresh() + ".partial"));
}

// Links and `..` are followed as the system follows them.
TEST_F(Backup, WhatIsCheckedIsWhatIsClearedAndWrittenBehindALink) {
  fs::create_directory_symlink(kept(), maker.directory.path() + "/link");
  fs::create_directories(kept() + "/below");
  fs::create_directory_symlink(kept() + "/below", maker.directory.path() + "/deep");
  EXPECT_FALSE(restore_backup(kept(), maker.directory.path() + "/deep/../y"));
  EXPECT_FALSE(fs::exists(kept() + "/y"));
  fs::remove(kept() + "/below");
  fs::rename(kept(), fresh() + ".partial");
  const std::string around =
      maker.directory.path() + "/link/../" + fs::path{fresh()}.filename().string();
  fs::remove(maker.directory.path() + "/link");
  fs::create_directory_symlink(fresh() + ".partial", maker.directory.path() + "/link");
  EXPECT_FALSE(restore_backup(fresh() + ".partial", around));
  EXPECT_TRUE(verify_backup(fresh() + ".partial"));
}

TEST_F(Backup, IsNotMadeWhereTheStoreItselfWouldBeCleared) {
  const std::string store = maker.directory.path() + "/x.partial";
  fs::create_directories(store);
  fs::rename(copy, store + "/backup");
  const auto made = write_backup(store + "/backup", maker.directory.path() + "/x", "1", 0);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ec::invalid);
  EXPECT_TRUE(fs::exists(store + "/backup/store"));
}

TEST_F(Backup, MayLieBelowADirectoryThatIsCalledLikeItsList) {
  const std::string volume = maker.directory.path() + "/BACKUP";
  fs::create_directories(volume);
  ASSERT_EQ(::mkfifo((volume + "/BACKUP").c_str(), 0600), 0);
  EXPECT_TRUE(write_backup(copy, volume + "/today", "1", 0));
  EXPECT_TRUE(restore_backup(volume + "/today", volume + "/new"));
  EXPECT_EQ(read_backup_card(volume).error().code, ec::not_found);
}

TEST_F(Backup, IsMadeAndRestoredInsideADirectoryThatIsThereAlsoBehindALink) {
  const std::string volume = maker.directory.path() + "/volume",
                    link = maker.directory.path() + "/link";
  fs::create_directories(volume);
  fs::create_directories(volume + "/.partial/store");  // of a copy that was interrupted
  fs::create_directory_symlink(volume, link);
  const auto before = fs::status(volume).permissions();
  ASSERT_TRUE(restore_backup(kept(), link));
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_TRUE(fs::exists(volume + "/store/CURRENT"));
  EXPECT_FALSE(fs::exists(volume + "/.partial"));
  EXPECT_EQ(fs::status(volume).permissions(), before) << "it is not ours";
  const std::string second = maker.directory.path() + "/second";
  fs::create_directories(second);
  ASSERT_TRUE(write_backup(copy, second, "1.2.3", 0));
  EXPECT_TRUE(verify_backup(second));
}

TEST_F(Backup, IsNotWrittenOfWhatDoesNotOpen) {
  fs::remove(copy + "/store/CURRENT");
  EXPECT_FALSE(write_backup(copy, fresh(), "1.2.3", 0));
  EXPECT_FALSE(fs::exists(fresh()));
  EXPECT_FALSE(fs::exists(fresh() + ".partial"));
}

TEST_F(Backup, CannotBeMadeOfAStoreInMemoryOrWhereSomethingIs) {
  EXPECT_EQ(open_memory_store(small_options())->copy_to(fresh()).error().code, ec::unsupported);
  const auto again = live->copy_to(copy + "/store");
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().what, HasSubstr(copy + "/store"));
  EXPECT_TRUE(live->events().append(group_of({{0, "x", 1}}))) << "the store goes on";
}

TEST(CopyLease, KeepsWhoMakesACopyFromWhoTakesItAwayAndTheOtherWayRound) {
  const scratch_directory folder;
  auto one = copy_lease::to_take(folder.path().string());
  ASSERT_TRUE(one);
  EXPECT_TRUE(copy_lease::to_take(folder.path().string()))
      << "of several that take it none harms another";
  EXPECT_EQ(copy_lease::to_make(folder.path().string()).error().code, ec::overloaded);
  *one = copy_lease{};
  const auto making = copy_lease::to_make(folder.path().string());
  ASSERT_TRUE(making);
  EXPECT_EQ(copy_lease::to_take(folder.path().string()).error().code, ec::overloaded);
  EXPECT_EQ(copy_lease::to_take((folder.path() / "none").string()).error().code, ec::io_failed);
}

}  // namespace
}  // namespace faultline::testing
