// SPDX-License-Identifier: Apache-2.0
// A store of format 1, as its build wrote it, opened by this one.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

#include "messages/bytes.hpp"
#include "storage/internal/keys.hpp"
#include "storage/internal/rocksdb_database.hpp"
#include "storage/internal/rows.hpp"
#include "tests/storage/makers.hpp"
#include "tests/storage/raw_store.hpp"

namespace faultline::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// letter of format 1 := version(u8 = 1) arrived(i64) reason source text payload
std::string letter_of_format_1(const std::string& reason, const std::string& text,
                               const std::string& payload) {
  std::string out;
  field_writer w{out};
  w.u8(1);
  w.i64(1'700'000'000'000);
  w.str(reason);
  w.str("router p");
  w.str(text);
  w.str(payload);
  return out;
}

class StoreUpgrade : public ::testing::Test {
protected:
  StoreUpgrade() { maker.options.sync = false; }

  /// A store of format 1 with these letters and one blob.
  void write_format_1(const std::vector<std::string>& letters) {
    {
      auto store = maker.open();
      ASSERT_TRUE(store->events().append(group_of({{0, "blob", 1}})));
    }
    raw_store raw{maker.directory.store()};
    for (std::size_t i = 0; i < letters.size(); ++i)
      raw.put("letters", keys::sequence(i + 1), letters[i]);
    raw.put("default", keys::letters_by_reason("bad_ts"), rows::number(letters.size()));
    raw.put("default", keys::format(), rows::numbers({1, 4}));
  }
  std::unique_ptr<store> open() {
    maker.options.path = maker.directory.path();
    auto opened = open_rocksdb_store(maker.options,
                                     [this](const std::string& text) { said.push_back(text); });
    EXPECT_TRUE(opened) << opened.error().what;
    return opened ? std::move(*opened) : nullptr;
  }
  std::map<std::string, std::string> rows_of(const std::string& family) {
    std::map<std::string, std::string> out;
    raw_store raw{maker.directory.store()};
    raw.each(family, [&](const std::string& key, const std::string& value) { out[key] = value; });
    return out;
  }

  rocksdb_store_maker maker;
  std::vector<std::string> said;
};

TEST_F(StoreUpgrade, LettersOfFormat1SayWhatTheyHold) {
  const std::string batch = R"([{"entity":"a","ts":1},{"entity":"b"}])";
  const std::string long_batch = "[{\"entity\":\"a\"}," + std::string(4096, ' ');
  write_format_1({
      letter_of_format_1("bad_ts", "event 0: ts is not ...", batch),
      letter_of_format_1("bad_ts", "event 1: ts is not ...", batch),
      letter_of_format_1("malformed_json", "not JSON at byte 1", "{nothing"),
      letter_of_format_1("malformed_json", "not JSON at byte 1", std::string(4096, '{')),
      letter_of_format_1("bad_ts", "event 7: ts is not ...", long_batch.substr(0, 4096)),
      letter_of_format_1("bad_header", "not a map", "junk"),
      letter_of_format_1("poison", "record 1/0 of partition 3 killed its entity: x", ""),
  });
  auto store = open();
  EXPECT_THAT(said, ElementsAre("store upgrade from format 1 to 3 begins",
                                "store upgrade from format 1 to 3: 7 dead letters",
                                "store upgrade from format 1 to 3 is done"));
  std::vector<std::string> what;
  for (std::uint64_t id = 1; id <= 7; ++id) {
    const auto l = store->dead_letters().find(id);
    ASSERT_TRUE(l && *l) << id;
    EXPECT_EQ((*l)->arrived, arrival_time_of(1'700'000'000'000));
    EXPECT_EQ((*l)->source, "router p");
    what.push_back(std::string{to_string((*l)->content)} + ((*l)->truncated() ? " cut " : " ") +
                   (*l)->payload.substr(0, 20));
  }
  EXPECT_THAT(what, ElementsAre(R"(event {"entity":"a","ts":1)", R"(event {"entity":"b"})",
                                "payload {nothing", "payload cut " + std::string(20, '{'),
                                R"(other cut [{"entity":"a"},    )", "other junk", "other "));
  EXPECT_EQ(store->events().last(0), 1u) << "the rest of the store is as it was";
}

TEST_F(StoreUpgrade, SnapshotsOfFormat2AreReadAndAnOlderBuildIsToldFromThenOn) {
  {
    auto store = maker.open();
    ASSERT_TRUE(store->events().append(group_of({{0, "blob", 1}})));
  }
  const std::string name = "host/a";
  const auto p = partition_of(name, 4);
  {
    raw_store raw{maker.directory.store()};
    raw.put("entities", keys::entity(p, name),
            std::string{"\1\7\0\0\0\0\0\0\0\2\0\0\0unpacked", 21});
    raw.put("default", keys::format(), rows::numbers({2, 4}));
  }
  auto store = open();
  EXPECT_THAT(said, ElementsAre("store upgrade from format 2 to 3 begins",
                                "store upgrade from format 2 to 3 is done"));
  const auto snapshot = store->checkpoints().load_snapshot(name);
  ASSERT_TRUE(snapshot && *snapshot);
  EXPECT_EQ((*snapshot)->bytes, "unpacked");
  EXPECT_EQ((*snapshot)->position, 7u);
  store.reset();
  EXPECT_EQ(rows_of("default")[keys::format()], rows::numbers({3, 4}));
}

TEST_F(StoreUpgrade, HappensOnce) {
  write_format_1({letter_of_format_1("bad_ts", "event 0: x", "{}")});
  open();
  EXPECT_EQ(said.size(), 3u);
  const auto upgraded = rows_of("letters");
  said.clear();
  EXPECT_EQ(open()->dead_letters().total(), 1u);
  EXPECT_TRUE(said.empty());
  EXPECT_EQ(rows_of("letters"), upgraded);
  EXPECT_EQ(rows_of("default").count(keys::upgrade()), 0u);
  EXPECT_EQ(rows_of("default")[keys::format()], rows::numbers({store_format, 4}));
}

TEST_F(StoreUpgrade, AnUpgradedStoreBoundsTheBytesOfItsLetters) {
  std::vector<std::string> letters;
  for (int i = 0; i < 100; ++i)
    letters.push_back(letter_of_format_1("bad_ts", "event 0: x", std::string(1000, '<')));
  write_format_1(letters);
  maker.options.dead_letter_total_bytes = 50'000;
  auto store = open();
  EXPECT_GT(store->dead_letters().bytes(), 100'000u);
  EXPECT_LT(store->dead_letters().bytes(), 120'000u);
  ASSERT_TRUE(store->dead_letters().append({{"bad_ts", arrival_time_of(1), "s", "t", "p"}}));
  EXPECT_LE(store->dead_letters().bytes(), 50'000u);
  EXPECT_GT(store->dead_letters().oldest(), 50u);
}

/// Opens the store in a process that is gone, without closing anything, once it has said @p sayings
/// sentences. @returns its exit status.
int open_and_die(const storage_options& options, int sayings) {
  const pid_t child = ::fork();
  if (child == 0) {
    int said = 0;
    const auto opened = open_rocksdb_store(options, [&](const std::string&) {
      if (++said == sayings) ::_exit(9);
    });
    ::_exit(opened ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(StoreUpgrade, GoesOnWhereItWasKilled) {
  std::vector<std::string> letters;
  for (int i = 0; i < 5000; ++i) {
    letters.push_back(
        letter_of_format_1("bad_ts", "event 0: x", "{\"n\":" + std::to_string(i) + "}"));
  }
  write_format_1(letters);
  maker.options.path = maker.directory.path();
  EXPECT_EQ(open_and_die(maker.options, 2), 9) << "after the first thousand";
  EXPECT_EQ(open_and_die(maker.options, 3), 9) << "after two more";
  auto store = open();
  ASSERT_TRUE(store);
  EXPECT_EQ(said.front(), "store upgrade from format 1 to 3 goes on where it was interrupted");
  EXPECT_THAT(said[said.size() - 2], HasSubstr(": 1928 dead letters")) << "5000 - 3 * 1024";
  letter_filter all;
  all.limit = 10'000;
  const auto page = store->dead_letters().read(all);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->letters.size(), 5000u);
  for (const auto& l : page->letters) {
    EXPECT_EQ(l.payload, "{\"n\":" + std::to_string(l.id - 1) + "}");
    EXPECT_EQ(l.content, letter_content::event);
  }
  const auto bytes = store->dead_letters().bytes();
  store.reset();
  std::uint64_t sum = 0;
  for (const auto& [key, value] : rows_of("letters")) sum += key.size() + value.size();
  EXPECT_EQ(bytes, sum) << "no letter was counted twice";
}

TEST_F(StoreUpgrade, AnInterruptedOneIsStillReadableByThisBuild) {
  write_format_1({letter_of_format_1("bad_ts", "event 0: x", "{}")});
  maker.options.path = maker.directory.path();
  EXPECT_EQ(open_and_die(maker.options, 1), 9);
  const auto read = open_rocksdb_store_read_only(maker.options);
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ((*(*read)->dead_letters().find(1))->payload, "{}");
}

TEST_F(StoreUpgrade, ADamagedLetterEndsItAndChangesNothing) {
  write_format_1({letter_of_format_1("bad_ts", "event 0: x", "{}"), "\x01 short"});
  const auto before = rows_of("letters");
  maker.options.path = maker.directory.path();
  const auto opened = open_rocksdb_store(maker.options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ec::store_corrupt);
  EXPECT_EQ(rows_of("letters"), before);
}

}  // namespace
}  // namespace faultline::testing
