// SPDX-License-Identifier: Apache-2.0
#include "server/rule_desk.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "inference/model_file.hpp"
#include "server/reload.hpp"
#include "storage/memory_store.hpp"
#include "tests/flow/house.hpp"

namespace faultline {
namespace {

using test::folder;

constexpr arrival_time now{milliseconds{1'750'000'000'000}};

rules_record configured(char model, double pages = 1) {
  rules_record r;
  r.rules.detection.false_pages_per_entity_month = pages;
  r.rules.model = {"lstm", "1", std::string(64, model)};
  r.configured_model = r.rules.model.sha256;
  return r;
}

/// "sequence name payload" of every control record of a partition's log.
std::vector<std::string> controls_of(store& memory, partition_id p) {
  std::vector<std::string> found;
  const auto blobs = memory.events().read(p, 1, 1000, 1U << 20);
  for (const auto& blob : *blobs) {
    blob_reader reader{blob.bytes};
    record_view r;
    for (auto more = reader.next(r); more && *more; more = reader.next(r))
      if (r.kind == record_kind::control)
        found.push_back(std::to_string(r.control.sequence) + " " + std::string{r.control.name} +
                        " " + std::string{r.control.payload.substr(0, 20)});
  }
  return found;
}

std::uint64_t decide(store& memory, const std::string& name, const std::string& subject) {
  decision d;
  d.kind = decision_kind::command;
  d.command = {name, subject, "{}", now};
  decision_append batch;
  batch.decisions = {encode_decision(d)};
  batch.control = is_control(name) ? 1 : 0;
  return *memory.decisions().append(batch);
}

struct RuleDesk : ::testing::Test {
  std::unique_ptr<store> memory = open_memory_store(4);
};

TEST_F(RuleDesk, RecordsTheFirstRulesForEveryPartitionAndUnchangedOnesNever) {
  rule_desk first{*memory};
  ASSERT_TRUE(first.begin(configured('a'), now));
  EXPECT_EQ(memory->decisions().last(), 1U);
  EXPECT_EQ(first.since(), 1U);
  for (partition_id p = 0; p < 4; ++p) EXPECT_EQ(controls_of(*memory, p).size(), 1U) << p;
  rule_desk again{*memory};
  ASSERT_TRUE(again.begin(configured('a'), now));
  EXPECT_EQ(memory->decisions().last(), 1U);
  EXPECT_EQ(again.since(), 1U);
  rule_desk changed{*memory};
  ASSERT_TRUE(changed.begin(configured('a', 0.5), now));
  EXPECT_EQ(changed.since(), 2U);
  EXPECT_EQ(controls_of(*memory, 3).size(), 2U);
  const auto mark = memory->decisions().controls();
  EXPECT_EQ(decode_rules(mark->rules_record)->rules.detection.false_pages_per_entity_month, 0.5);
}

TEST_F(RuleDesk, CopiesWhatACrashLeftBetweenDecisionLogAndLogsOnceAndInOrder) {
  rule_desk before{*memory};
  ASSERT_TRUE(before.begin(configured('a'), now));
  const auto retired = decide(*memory, "retire", "host/a");
  decide(*memory, "acknowledge", "alert");
  const auto released = decide(*memory, "release", "host/a");
  const auto p = partition_of("host/a", 4);
  for (int start = 0; start < 3; ++start) {
    rule_desk after{*memory};
    ASSERT_TRUE(after.begin(configured('a'), now));
    const auto found = controls_of(*memory, p);
    ASSERT_EQ(found.size(), 3U) << start;
    EXPECT_EQ(found[1], std::to_string(retired) + " retire host/a");
    EXPECT_EQ(found[2], std::to_string(released) + " release host/a");
    EXPECT_EQ(controls_of(*memory, static_cast<partition_id>((p + 1) % 4)).size(), 1U);
  }
  EXPECT_EQ(memory->events().control_sequence(), released);
}

TEST_F(RuleDesk, AnActivatedModelStaysInForceUntilTheConfigurationNamesAnotherFile) {
  rule_desk first{*memory};
  ASSERT_TRUE(first.begin(configured('a'), now));
  const auto changed = first.change(
      "model", std::string(64, 'b'), now,
      [](rules_record& r) { r.rules.model.sha256 = std::string(64, 'b'); },
      [this](const decision& d) -> outcome<std::uint64_t> {
        decision_append batch;
        batch.decisions = {encode_decision(d)};
        batch.control = batch.rules = 1;
        batch.rules_record = d.command.payload;
        return memory->decisions().append(batch);
      });
  ASSERT_TRUE(changed);
  EXPECT_TRUE(*changed);
  rule_desk second{*memory};
  EXPECT_EQ(second.begin(configured('a'), now)->rules.model.sha256, std::string(64, 'b'));
  EXPECT_EQ(second.since(), 2U);
  EXPECT_EQ(controls_of(*memory, 0).size(), 2U) << "and it was copied";
  rule_desk third{*memory};
  EXPECT_EQ(third.begin(configured('c'), now)->rules.model.sha256, std::string(64, 'c'));
  EXPECT_EQ(third.since(), 3U);
}

TEST_F(RuleDesk, AChangeThatChangesNothingOrCannotBeRecordedIsNone) {
  rule_desk desk{*memory};
  ASSERT_TRUE(desk.begin(configured('a'), now));
  int appended = 0;
  const auto append = [&](const decision&) -> outcome<std::uint64_t> {
    ++appended;
    return failure{ec::store_unavailable, "full"};
  };
  const auto none = desk.change(
      "configuration", "", now, [](rules_record&) {}, append);
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  EXPECT_EQ(appended, 0);
  const auto failed = desk.change(
      "configuration", "", now, [](rules_record& r) { r.correlation.hops = 9; }, append);
  EXPECT_FALSE(failed);
  EXPECT_EQ(appended, 1);
  EXPECT_NE(desk.current().correlation.hops, 9U);
  EXPECT_EQ(desk.since(), 1U);
}

TEST_F(RuleDesk, AChangeThatIsRecordedAfterItsDeadlineIsInForceThen) {
  rule_desk desk{*memory};
  ASSERT_TRUE(desk.begin(configured('a'), now));
  decision late;
  const auto refused = desk.change(
      "configuration", "", now, [](rules_record& r) { r.correlation.hops = 9; },
      [&late](const decision& d) -> outcome<std::uint64_t> {
        late = d;
        return failure{ec::deadline_passed, "the disk is full"};
      });
  ASSERT_FALSE(refused);
  EXPECT_NE(desk.current().correlation.hops, 9U);
  desk.copy(2, late.command);  // there is room again
  EXPECT_EQ(desk.current().correlation.hops, 9U);
  EXPECT_EQ(desk.since(), 2U);
  const auto next = desk.change(
      "configuration", "", now, [](rules_record& r) { r.rules.detection.learning = {}; },
      [&](const decision& d) -> outcome<std::uint64_t> {
        EXPECT_EQ(decode_rules(d.command.payload)->correlation.hops, 9U) << "it begins with those";
        desk.copy(3, d.command);  // as the keeper does, before it answers
        return 3;
      });
  ASSERT_TRUE(next && *next);
  EXPECT_EQ(desk.since(), 3U);
  desk.copy(2, late.command);
  EXPECT_EQ(desk.since(), 3U) << "an older one takes nothing back";
  desk.copy(4, {"retire", "host/a", "{}", now});
  EXPECT_EQ(desk.since(), 3U) << "and not every control is a rule";
}

TEST_F(RuleDesk, HandsControlsToTheCommitThoseThatWaitedFirst) {
  rule_desk desk{*memory};
  ASSERT_TRUE(desk.begin(configured('a'), now));
  const auto early = decide(*memory, "retire", "host/a");
  desk.copy(early, {"retire", "host/a", "{}", now});  // nobody takes it yet
  node_counters counters;
  commit_hooks hooks;
  hooks.deliver = [](const shared_blob&) {};
  hooks.reply = [](const reply_address&, const std::string&) {};
  hooks.now = [] { return now; };
  hooks.give_up = [](const std::string& why) { ADD_FAILURE() << why; };
  group_commit commit{*memory, intake_options{}, processing_options{}, counters, hooks};
  commit.start();
  ASSERT_TRUE(desk.open(commit));
  desk.copy(early, {"retire", "host/a", "{}", now});  // the keeper's hook comes late
  const auto late = decide(*memory, "release", "host/a");
  desk.copy(late, {"release", "host/a", "{}", now});
  desk.close();
  commit.stop();
  const auto found = controls_of(*memory, partition_of("host/a", 4));
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[1], std::to_string(early) + " retire host/a");
  EXPECT_EQ(found[2], std::to_string(late) + " release host/a");
  EXPECT_EQ(memory->events().control_sequence(), late);
}

TEST(ModelFiles, AreKeptAndFoundByTheirHashAndADamagedOneIsNotTheOneThatWasMeant) {
  folder home;
  const auto path = home.path().string();
  const auto card = read_model_card("models/lstm.flm");
  ASSERT_TRUE(card);
  EXPECT_EQ(find_model(path, home.path() / "nowhere", card->sha256).error().code, ec::not_found);
  EXPECT_EQ(find_model(path, "models", "latest").error().code, ec::invalid);
  EXPECT_EQ(find_model(path, "models", card->sha256)->filename(), "lstm.flm");
  ASSERT_TRUE(keep_model(path, "models/lstm.flm", card->sha256));
  ASSERT_TRUE(keep_model(path, "models/lstm.flm", card->sha256));
  EXPECT_EQ(*find_model(path, "nowhere", card->sha256), kept_model(path, card->sha256));
  EXPECT_FALSE(keep_model(path, "models/lstm.flm", std::string(64, 'a'))) << "another content";
  std::fstream file{kept_model(path, card->sha256), std::ios::in | std::ios::out};
  file.seekp(1000);
  file.put('\x55');
  file.put('\x56');
  file.close();
  EXPECT_EQ(find_model(path, "nowhere", card->sha256).error().code, ec::not_found);
  ASSERT_TRUE(keep_model(path, "models/lstm.flm", card->sha256)) << "a damaged copy is replaced";
  EXPECT_TRUE(find_model(path, "nowhere", card->sha256));
}

TEST(ModelFiles, OfOneThatIsDamagedInTheStoreTheCopyIsTakenAndKept) {
  folder home;
  const auto path = home.path().string();
  const auto sha256 = read_model_card("models/lstm.flm")->sha256;
  ASSERT_TRUE(keep_model(path, "models/lstm.flm", sha256));
  const auto kept = kept_model(path, sha256);
  std::filesystem::resize_file(kept, 1000);
  EXPECT_FALSE(load_kept_model(path, "nowhere", sha256, 1)) << "there is no other";
  const auto loaded = load_kept_model(path, "models", sha256, 1);
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_EQ((*loaded)->identity().sha256, sha256);
  EXPECT_EQ(read_model_card(kept)->sha256, sha256) << "and it is kept again";
  std::filesystem::remove(kept);
  EXPECT_TRUE(load_kept_model(path, "models", sha256, 1));
  EXPECT_TRUE(load_kept_model(path, "nowhere", sha256, 1));
}

TEST(Reload, TellsWhatIsInForceFromWhatNeedsARestart) {
  server_config running;
  server_config file = running;
  std::string level;
  reloader r{running, [&] { return outcome<server_config>{file}; },
             [](const server_config&) { return outcome<void>{}; },
             [&](const std::string& to) { level = to; }};
  file.detection.learning = milliseconds{1};
  file.storage.feed_retention = std::chrono::hours{1};
  file.log.level = "debug";
  file.processing.tick = milliseconds{20'000};
  file.entities.max_active = 5;
  auto fresh = r.read_again();
  ASSERT_TRUE(fresh);
  EXPECT_EQ(fresh->applied,
            (std::vector<std::string>{"retention.feed", "detection.learning", "log.level"}));
  EXPECT_EQ(fresh->restart, (std::vector<std::string>{"processing.tick", "entities.max_active"}));
  EXPECT_TRUE(level.empty()) << "not yet: it could not be recorded";
  EXPECT_EQ(r.read_again()->applied.size(), 3U);
  fresh->accepted();
  EXPECT_EQ(level, "debug");
  EXPECT_TRUE(r.read_again()->applied.empty());
  EXPECT_EQ(r.read_again()->restart.size(), 2U);
}

TEST(Reload, RefusesWhatWaitsForARestartThatWouldFail) {
  server_config running;
  server_config file = running;
  reloader r{running, [&] { return outcome<server_config>{file}; },
             [](const server_config& c) -> outcome<void> {
               if (c.runbooks.empty()) return {};
               return failure{ec::invalid, "no file"};
             },
             [](const std::string&) {}};
  file.entities.max_active = 5;
  EXPECT_TRUE(r.read_again());
  file.runbooks = "/nowhere";
  const auto refused = r.read_again();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what, "no file");
}

TEST(Reload, AsksForNothingOfAStartWhereNothingWaitsForOne) {
  server_config running;
  server_config file = running;
  file.detection.learning = milliseconds{1};
  reloader r{running, [&] { return outcome<server_config>{file}; },
             [](const server_config&) -> outcome<void> {
               return failure{ec::io_failed, "a file of the program is away during its upgrade"};
             },
             [](const std::string&) {}};
  EXPECT_TRUE(r.read_again()) << "limits and rights must be changeable meanwhile";
}

}  // namespace
}  // namespace faultline
