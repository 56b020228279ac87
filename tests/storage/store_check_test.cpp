// SPDX-License-Identifier: Apache-2.0
#include "storage/store_check.hpp"

#include <gmock/gmock.h>

#include <map>

#include "messages/record.hpp"
#include "storage/internal/keys.hpp"
#include "storage/internal/rows.hpp"
#include "tests/storage/files.hpp"
#include "tests/storage/makers.hpp"
#include "tests/storage/raw_store.hpp"

namespace faultline::testing {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

std::string blob_of(int events) {
  blob_writer w;
  event_view e;
  e.entity = "host/a";
  e.metrics = {{"cpu", 1, metric_kind::gauge}};
  for (int i = 0; i < events; ++i) w.add(e);
  w.add(clock_record{event_time_of(1), arrival_time_of(1)});
  return w.take();
}

std::string notice_decision() {
  decision d;
  d.kind = decision_kind::notice;
  d.notice = {"overload", "ingest", "text", event_time_of(1)};
  return encode_decision(d);
}

class StoreCheck : public ::testing::Test {
protected:
  StoreCheck() { maker.options.sync = false; }

  /// Some of everything: 4 blobs of 2 events in partition 0, an outbox entry, 2 decisions, ...
  void fill(store& s) {
    entity = entity_in(0, 4);
    for (int i = 0; i < 4; ++i) {
      append_group g = group_of({{0, blob_of(2), 3}});
      g.publishers = {{"0:1:p0:", static_cast<std::uint64_t>(i + 1), 7}};
      g.counters = {{"accepted", 2}};
      ASSERT_TRUE(s.events().append(g));
    }
    ASSERT_TRUE(s.events().write_publishers({{"0:1:p0:", "window", 2}}));
    checkpoint_batch batch;
    batch.outbox.push_back({0, entity, "a/1/1", {2, 0}, event_time_of(1), notice_decision()});
    batch.outbox.push_back({0, entity, "a/1/2", {3, 0}, event_time_of(1), notice_decision()});
    batch.snapshots.push_back({entity, 3, 0, "snapshot"});
    batch.blocks.push_back({entity, 1, "block"});
    batch.checkpoint = partition_checkpoint{3, 4, "clock"};
    batch.rules = partition_rules{2, "rules"};
    ASSERT_TRUE(s.checkpoints().write(batch));
    decision_append told{{notice_decision(), notice_decision()}, {{0, 2}}};
    told.control = told.rules = 2;
    told.rules_record = "rules";
    ASSERT_TRUE(s.decisions().append(told));
    feed_append f;
    const auto item = [](std::uint64_t seq) {
      return feed_payload(notice{"overload", "ingest", "text", event_time_of(1)}, seq,
                          arrival_time_of(2));
    };
    f.items = {{"notice/overload/ingest", item}, {"notice/overload/ingest", item}};
    f.through = 2;
    f.state = "correlator";
    f.records = {{"alert/x", encode_alert(alert{})}, {"incident/y", encode_incident(incident{})}};
    ASSERT_TRUE(s.feed().append(f));
    ASSERT_TRUE(s.dead_letters().append({{"bad_ts", arrival_time_of(1), "pull", "t", "payload"},
                                         {"bad_ts", arrival_time_of(1), "pull", "t", "payload"}}));
    ASSERT_TRUE(s.poison().skip({0, 2, 1}, {"poison", arrival_time_of(1), "e", "t", ""}));
    ASSERT_TRUE(s.sweep_retention(arrival_time_of(1000)));
  }
  void make() {
    auto store = maker.open();
    fill(*store);
    ASSERT_TRUE(store->flush());
  }

  store_report check(const content_readers& readers = {}) {
    auto report = check_rocksdb_store(maker.directory.path(), readers, {});
    if (report) return std::move(*report);
    ADD_FAILURE() << report.error().what;
    return {};
  }
  std::string problems(const content_readers& readers = {}) {
    std::string out;
    for (const auto& p : check(readers).problems)
      out += p.kind + " | " + p.where + " | " + p.what + "\n";
    return out;
  }
  std::string directory() const { return maker.directory.store(); }
  std::map<std::string, std::uintmax_t> files() const {
    std::map<std::string, std::uintmax_t> out;
    for (const auto& f : fs::directory_iterator{directory()})
      out[f.path().filename()] = f.file_size();
    return out;
  }

  rocksdb_store_maker maker;
  std::string entity;
};

TEST_F(StoreCheck, AWholeStoreIsCleanAndItsRecordsAreCounted) {
  make();
  const auto before = files();
  const auto report = check();
  EXPECT_EQ(problems(), "");
  EXPECT_TRUE(report.clean());
  EXPECT_FALSE(report.in_use);
  EXPECT_EQ(report.format, 3u);
  EXPECT_EQ(report.partitions, 4);
  std::map<std::string, std::uint64_t> counts;
  for (const auto& k : report.kinds) counts[k.name] = k.count;
  EXPECT_EQ(counts["log"], 4u);
  EXPECT_EQ(counts["records in the log"], 12u);
  EXPECT_EQ(counts["snapshots"], 1u);
  EXPECT_EQ(counts["window blocks"], 1u);
  EXPECT_EQ(counts["outbox"], 2u);
  EXPECT_EQ(counts["publishers"], 1u);
  EXPECT_EQ(counts["publisher deltas"], 2u);
  EXPECT_EQ(counts["decisions"], 2u);
  EXPECT_EQ(counts["feed"], 2u);
  EXPECT_EQ(counts["current records"], 2u);
  EXPECT_EQ(counts["dead letters"], 3u);
  EXPECT_GT(counts["tables"], 0u);
  EXPECT_EQ(files(), before) << "nothing was written";
}

TEST_F(StoreCheck, AnEmptyStoreIsClean) {
  maker.open();
  EXPECT_EQ(problems(), "");
}

TEST_F(StoreCheck, ATrimmedStoreIsClean) {
  auto store = maker.open();
  fill(*store);
  ASSERT_TRUE(store->events().trim(0, 4));
  store.reset();
  EXPECT_EQ(problems(), "");
}

TEST_F(StoreCheck, TheStoreOfAnOpenServerIsCheckedAsItStands) {
  auto server = maker.open();
  fill(*server);
  const auto report = check();
  EXPECT_TRUE(report.in_use);
  EXPECT_TRUE(report.clean()) << problems();
  ASSERT_TRUE(server->events().append(group_of({{1, blob_of(1), 2}})));
}

TEST_F(StoreCheck, WithoutAStoreThereIsNothingToCheck) {
  const auto report = check_rocksdb_store(maker.directory.path() + "/none", {}, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ec::not_found);
}

// ---- files ------------------------------------------------------------------------------------

TEST_F(StoreCheck, NamesATableWithOneFlippedBit) {
  make();
  const std::string table = largest_file(directory(), "", ".sst");
  flip_a_bit(table, 0.2);
  EXPECT_THAT(problems(), HasSubstr("tables | " + table));
}

TEST_F(StoreCheck, NamesEveryDamagedTable) {
  make();
  int damaged = 0;
  for (const auto& f : fs::directory_iterator{directory()}) {
    if (f.path().extension() != ".sst" || ++damaged > 3) continue;
    flip_a_bit(f.path(), 0.1);
  }
  ASSERT_GE(damaged, 3);
  std::size_t named = 0;
  for (const auto& p : check().problems) named += p.kind == "tables" ? 1 : 0;
  EXPECT_EQ(named, 3u);
}

TEST_F(StoreCheck, NamesAWriteAheadLogThatWasCutOff) {
  fill(*maker.open());
  EXPECT_EQ(problems(), "");
  const std::string wal = largest_file(directory(), "", ".log");
  fs::resize_file(wal, fs::file_size(wal) - 5);
  EXPECT_THAT(problems(), HasSubstr("write-ahead log | " + wal + " | ends within a record"));
}

TEST_F(StoreCheck, NamesAWriteAheadLogThatIsDamagedInTheMiddle) {
  fill(*maker.open());
  const std::string wal = largest_file(directory(), "", ".log");
  flip_a_bit(wal, 0.3);
  EXPECT_THAT(problems(), HasSubstr(wal + " is damaged"));
}

TEST_F(StoreCheck, NamesAMissingTable) {
  make();
  const std::string table = largest_file(directory(), "", ".sst");
  fs::remove(table);
  EXPECT_THAT(problems(), HasSubstr(fs::path{table}.filename().string()));
}

TEST_F(StoreCheck, NamesADamagedManifestAndStillVerifiesTheTables) {
  make();
  const std::string manifest = largest_file(directory(), "MANIFEST-", "");
  flip_a_bit(manifest, 0.5);
  const std::string table = largest_file(directory(), "", ".sst");
  flip_a_bit(table, 0.2);
  const auto found = problems();
  EXPECT_THAT(found, HasSubstr(manifest + " is damaged"));
  EXPECT_THAT(found, HasSubstr("tables | " + table));
}

TEST_F(StoreCheck, NamesAMissingOrDamagedCurrent) {
  make();
  const std::string current = directory() + "/CURRENT";
  std::ofstream{current} << "MANIFEST-nothing\n";
  EXPECT_THAT(problems(), HasSubstr(current));
  fs::remove(current);
  EXPECT_THAT(problems(), HasSubstr(current + " is missing"));
}

// ---- records ----------------------------------------------------------------------------------

struct damage {
  const char* name;
  std::function<void(raw_store&, const std::string& entity)> done;
  std::vector<std::string> named;  ///< what the problems must contain
};

std::vector<damage> damages() {
  const std::string short_row = "\x01 cut";
  const auto log_key = [](log_position p) { return keys::log_blob(1, 0, p); };
  std::vector<damage> all;
  const auto put = [&all](const char* name, const char* family, std::string key, std::string value,
                          std::vector<std::string> named) {
    all.push_back({name, [=](raw_store& raw, const std::string&) { raw.put(family, key, value); },
                   std::move(named)});
  };
  const auto remove = [&all](const char* name, const char* family, std::string key,
                             std::vector<std::string> named) {
    all.push_back({name, [=](raw_store& raw, const std::string&) { raw.remove(family, key); },
                   std::move(named)});
  };
  put("blob_row", "log", log_key(2), "\x01", {"log | partition 0, position 2 | a log row"});
  put("blob_bytes", "log", log_key(2), rows::log_head(3) + "\x01\xff\xff\xff\xff",
      {"log | partition 0, position 2, record 0 | blob"});
  put("blob_count", "log", log_key(2), rows::log_head(9) + blob_of(2),
      {"position 2 | holds 3 records, 9 were written"});
  remove("blob_missing", "log", log_key(2),
         {"log | partition 0, position 3 | position 2 before it is missing"});
  remove("newest_blob_missing", "log", log_key(4),
         {"checkpoints | partition 0 | has decided more than the log holds",
          "counter accepted | says 8 events, the log holds 6"});
  put("blob_of_no_partition", "log", keys::log_blob(1, 99, 1), rows::log_head(0) + "\x01",
      {"partition 99, position 1 | there is no such partition"});
  put("checkpoint_ahead", "default", keys::checkpoint(0), rows::numbers({99, 3}),
      {"checkpoints | partition 0 | stands at position 99, the log ends at 4"});
  put("rules_row", "default", keys::partition_rules(0), "\x01 cut", {"rules | R, key 520000"});
  put("rules_of_no_partition", "default", keys::partition_rules(99), rows::rules({1, "{}"}),
      {"there is no such partition"});
  put("rules_of_no_decision", "default", keys::partition_rules(0), rows::rules({7, "{}"}),
      {"rules | decision 7 | sets what is in force, the decision log ends before"});
  put("controls_row", "default", keys::controls(), "\x01 cut", {"rules | Z, key 5a"});
  put("controls_ahead", "default", keys::controls(), rows::controls({9, 1, "{}"}),
      {"rules | decision 9 | sets what is in force"});
  put("controls_copied_row", "default", keys::controls_copied(), rows::numbers({1, 2}),
      {"Y, key 59 | is not one number"});
  put("no_key_of_this_format", "default", "G?", rows::number(1), {"is no key of this format"});
  put("checkpoint_row", "default", keys::checkpoint(0), rows::numbers({1}), {"is not two numbers"});
  put("trimmed_too_far", "default", keys::log_first(0), rows::number(5),
      {"stands at position 3, the log begins only at 5"});
  put("outbox_row", "outbox", keys::outbox_entry(0, 1), short_row,
      {"outbox | partition 0, entry 1"});
  put("outbox_decision", "outbox", keys::outbox_entry(0, 1),
      rows::outbox({0, "e", "a/1/1", {1, 0}, event_time_of(1), "junk"}),
      {"outbox | partition 0, entry 1 | decision"});
  remove("outbox_gap", "outbox", keys::outbox_entry(0, 2),
         {"outbox keys | all | 2 keys for 1 entries",
          "outbox | partition 0 | entry 2 stands in the decision log, the outbox ends at 1"});
  all.push_back({"outbox_key",
                 [](raw_store& raw, const std::string& e) {
                   raw.remove("outbox", keys::outbox_index(0, e, "a/1/2"));
                 },
                 {"entry 2 | its key a/1/2 does not lead to it", "1 keys for 2 entries"}});
  all.push_back({"snapshot_row",
                 [=](raw_store& raw, const std::string& e) {
                   raw.put("entities", keys::entity(0, e), short_row);
                 },
                 {"snapshots | entity e", "a snapshot row does not fit"}});
  all.push_back({"snapshot_ahead",
                 [](raw_store& raw, const std::string& e) {
                   raw.put("entities", keys::entity(0, e), rows::snapshot({e, 77, 0, "x"}));
                 },
                 {"is of position 77, the log ends at 4"}});
  all.push_back({"snapshot_elsewhere",
                 [](raw_store& raw, const std::string& e) {
                   raw.put("entities", keys::entity(1, e), rows::snapshot({e, 0, 0, "x"}));
                 },
                 {"is not of partition 1"}});
  all.push_back(
      {"block_row",
       [=](raw_store& raw, const std::string& e) { raw.put("blocks", keys::block(e, 1), "\x01"); },
       {"window blocks | entity e", "slot 1 | a block row"}});
  put("block_key", "blocks", "odd", "x", {"window blocks | key 6f6464 | is no key"});
  put("publisher_row", "publishers", keys::publisher_row("0:1:p0:"), "\x01",
      {"publishers | publisher 0:1:p0: | a publisher row"});
  put("delta_row", "publishers", keys::publisher_deltas(3), short_row,
      {"publisher deltas | number 3"});
  put("delta_gap", "publishers", keys::publisher_deltas(9), rows::deltas({}),
      {"number 9 | 5 to 8 before it is missing"});
  put("decision_row", "decisions", keys::sequence(1), rows::text("\x01\x09"),
      {"decisions | decision 1 | decision"});
  remove("decision_gap", "decisions", keys::sequence(1),
         {"decisions | decision 2 | 1 before it is missing"});
  remove("decision_end", "decisions", keys::sequence(2),
         {"decision 2 | the correlator has seen 2 decisions, the log ends before"});
  put("feed_row", "feed", keys::feed_message(1), short_row, {"feed | message 1"});
  put("feed_payload", "feed", keys::feed_message(1), rows::message("t", "\xc1"),
      {"feed | message 1 |"});
  all.push_back({"feed_moved",
                 [](raw_store& raw, const std::string&) {
                   raw.put("feed", keys::feed_message(3), raw.get("feed", keys::feed_message(1)));
                 },
                 {"message 3 | says that it is message 1"}});
  put("feed_gap", "feed", keys::feed_message(5), rows::message("t", ""),
      {"message 5 | 3 to 4 before it is missing"});
  put("record_row", "feed", keys::feed_record("alert/x"), rows::record(1, "\x01"),
      {"current records | alert/x | alert"});
  put("record_ahead", "feed", keys::feed_record("alert/x"), rows::record(9, encode_alert({})),
      {"alert/x | is newer than the newest message"});
  put("letter_row", "letters", keys::sequence(1), "\x02 cut", {"dead letters | letter 1"});
  put("letter_newer", "letters", keys::sequence(1), "\x03",
      {"letter 1 | dead letter row has version 3, this build reads up to 2"});
  remove("letter_gap", "letters", keys::sequence(2), {"letter 3 | 2 before it is missing"});
  put("letter_sums", "letters", keys::sequence(2),
      rows::letter({"bad_ts", arrival_time_of(1), "", "", ""}, 9, 5),
      {"letter 2 | the bytes before it do not add up"});
  put("letter_total", "default", keys::letters_by_reason("bad_ts"), rows::number(7),
      {"letter 3 | is the newest, 8 were counted"});
  put("counter", "default", keys::counter("accepted"), rows::number(9),
      {"counter accepted | says 9 events, the log holds 8"});
  put("unknown_fact", "default", "zebra", rows::number(1), {"is no key of this format"});
  put("fact_without_version", "default", "Jx", "", {"J, key 4a78 | is no key of this format"});
  put("skipped_record", "default", keys::poison({0, 2, 1}), "", {"skipped records"});
  put("consumed", "default", keys::outbox_consumed(0), rows::number(3),
      {"outbox | partition 0 | entry 3 stands in the decision log, the outbox ends at 2"});
  put("correlator", "default", keys::correlator_state(), rows::record(3, "x"),
      {"correlator state | is ahead of what the correlator has seen"});
  put("segment", "default", keys::log_segment(1), rows::numbers({0, 1}),
      {"log | segment 1 | has the wrong number of partitions"});
  return all;
}

class DamagedRecord : public StoreCheck, public ::testing::WithParamInterface<damage> {};
INSTANTIATE_TEST_SUITE_P(Each, DamagedRecord, ::testing::ValuesIn(damages()),
                         [](const auto& test) { return std::string{test.param.name}; });

TEST_P(DamagedRecord, IsNamed) {
  make();
  {
    raw_store raw{directory()};
    GetParam().done(raw, entity);
  }
  const auto found = problems();
  for (const auto& text : GetParam().named) EXPECT_THAT(found, HasSubstr(text));
}

TEST_F(StoreCheck, HandsWhatOtherRoomsWroteToTheirReaders) {
  make();
  const auto refuse = [](const char* what) {
    return [what](std::string_view bytes) -> outcome<void> {
      return failure{ec::malformed, std::string{what} + " " + std::string{bytes}};
    };
  };
  content_readers readers;
  readers.snapshot = [&](std::string_view, std::string_view bytes) { return refuse("bad")(bytes); };
  readers.block = refuse("bad");
  readers.publisher = refuse("bad");
  readers.correlator = refuse("bad");
  const auto found = problems(readers);
  EXPECT_THAT(found, HasSubstr("snapshots | entity " + entity + " | bad snapshot"));
  EXPECT_THAT(found, HasSubstr("window blocks | entity " + entity + ", slot 1 | bad block"));
  EXPECT_THAT(found, HasSubstr("publishers | publisher 0:1:p0: | bad window"));
  EXPECT_THAT(found, HasSubstr("correlator state | bad correlator"));
}

TEST_F(StoreCheck, AThousandProblemsAreNamedAndAllAreCounted) {
  make();
  {
    raw_store raw{directory()};
    for (std::uint64_t i = 10; i < 1510; ++i) raw.put("decisions", keys::sequence(i), "\x01");
  }
  const auto report = check();
  EXPECT_EQ(report.problems.size(), 1000u);
  EXPECT_GE(report.problem_count, 1500u);
}

TEST_F(StoreCheck, TellsItsProgress) {
  make();
  std::map<std::string, std::uint64_t> done;
  ASSERT_TRUE(check_rocksdb_store(maker.directory.path(), {},
                                  [&](const char* what, std::uint64_t d, std::uint64_t total) {
                                    EXPECT_LE(d, total);
                                    done[what] = d;
                                  }));
  EXPECT_GT(done["checksums"], 0u);
  EXPECT_GT(done["records"], 0u);
}

}  // namespace
}  // namespace faultline::testing
