// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/actors/intake_support.hpp"
#include "tests/support/scratch_directory.hpp"

namespace faultline {
namespace {

std::vector<record_kind> kinds_of(intake_rig& rig) {
  const std::lock_guard<std::mutex> lock{rig.mutex};
  std::vector<record_kind> kinds;
  for (const auto& blob : rig.blobs) {
    blob_reader reader{blob->bytes};
    record_view record;
    for (auto more = reader.next(record); more && *more; more = reader.next(record))
      kinds.push_back(record.kind);
  }
  return kinds;
}

/// Event times of the clock records of @p partition, or of all.
std::vector<std::int64_t> clocks_of(intake_rig& rig, int partition = -1) {
  const std::lock_guard<std::mutex> lock{rig.mutex};
  std::vector<std::int64_t> clocks;
  for (const auto& blob : rig.blobs) {
    if (partition >= 0 && blob->partition != partition) continue;
    blob_reader reader{blob->bytes};
    record_view record;
    for (auto more = reader.next(record); more && *more; more = reader.next(record))
      if (record.kind == record_kind::clock) clocks.push_back(unix_ms(record.clock.event));
  }
  return clocks;
}

TEST(GroupCommit, DeliversEveryEventAtItsPositionInOrder) {
  intake_rig rig;
  for (std::uint64_t seq = 1; seq <= 20; ++seq)
    rig.request(rig.header(seq), rig.event("host/a", static_cast<double>(seq)));
  const std::lock_guard<std::mutex> lock{rig.mutex};
  log_position last = 0;
  for (const auto& blob : rig.blobs) {
    EXPECT_EQ(blob->position, last + 1);
    last = blob->position;
  }
  EXPECT_EQ(rig.counters.appended.load(), 21U) << "with the clock before them";
}

TEST(GroupCommit, WhatGoesInFrontOfAReplyTakesRoomAsWell) {
  const auto memory = open_memory_store(1);
  node_counters counters;
  intake_options options;
  options.max_pending_bytes = 100'000;
  group_commit commit{*memory, options, {}, counters, {}};
  reply_address to;
  to.envelope.assign(4, std::string(250, 'e'));
  {
    auto into = commit.begin();
    for (int i = 0; i < 100; ++i) into.reply_when_durable(to, "x");
  }
  EXPECT_FALSE(commit.has_room());
}

// What the partitions know is saved after it: there is room for that.
TEST(GroupCommit, WhatWaitsForRoomAtTheEndIsNoFailureOfTheStore) {
  const testing::scratch_directory directory;
  storage_options o;
  o.path = directory.path().string();
  o.partitions = 4;
  o.ballast_bytes = 0;
  o.min_free_bytes = 0;
  ASSERT_TRUE(open_rocksdb_store(o));
  o.min_free_bytes = std::filesystem::space(directory.path()).available / 3 * 4;
  auto full = open_rocksdb_store(o);
  ASSERT_TRUE(full) << full.error().what;
  node_counters counters;
  std::string gave_up;
  commit_hooks hooks;
  hooks.give_up = [&](const std::string& why) { gave_up = why; };
  group_commit commit{**full, {}, {}, counters, hooks};
  commit.start();
  event_view event;
  event.entity = "host/a";
  {
    auto into = commit.begin();
    into.add(event);
    into.wake();
  }
  commit.stop();
  EXPECT_EQ(gave_up, "");
  for (partition_id p = 0; p < 4; ++p) EXPECT_EQ((*full)->events().last(p), 0U);
}

// Were it made to wait, this would take as long as the delay.
TEST(GroupCommit, SendsARequestThatComesAloneToTheDiskAtOnce) {
  intake_options slow;
  slow.group_delay = std::chrono::seconds{30};  // less than the machine has been up
  intake_rig rig{{}, {}, slow};
  EXPECT_EQ(rig.request(rig.header(1), rig.event("host/a")).seq, 1U);
}

/// One group that answers @p requests, written.
void write_group_of(intake_rig& rig, std::size_t requests) {
  event_view event;
  event.entity = "host/a";
  {
    auto into = rig.commit.begin();
    into.add(event);
    for (std::size_t n = 0; n < requests; ++n)
      into.reply_when_durable(reply_address{0, "r", {}}, "x");
  }
  for (int i = 0; i < 20'000 && rig.count() < requests; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
}

TEST(GroupCommit, WritesWhatComesSoonAfterAGroupWithCompanyTogether) {
  intake_options slow;
  slow.group_delay = std::chrono::seconds{30};  // less than the machine has been up
  intake_rig rig{{}, {}, slow};
  write_group_of(rig, 4);
  for (std::uint64_t seq = 1; seq <= 8; ++seq)
    rig.door.on_request(reply_address{0, "r", {}}, {}, rig.header(seq), rig.event("host/a"));
  rig.commit.stop();
  EXPECT_EQ(rig.count(), 12U);
  EXPECT_EQ(rig.counters.commits.load(), 2U);
}

// Were it made to wait, this would take as long as the delay.
TEST(GroupCommit, SendsARequestSoonAfterAGroupOfFewToTheDiskAtOnce) {
  intake_options slow;
  slow.group_delay = std::chrono::seconds{30};  // less than the machine has been up
  intake_rig rig{{}, {}, slow};
  write_group_of(rig, 3);
  EXPECT_EQ(rig.request(rig.header(1), rig.event("host/a")).seq, 1U);
}

TEST(GroupCommit, PutsAClockBeforeTheFirstEventOfATickWhereThePastIsAccepted) {
  processing_options past;
  past.accept_past = true;
  intake_rig rig{past};
  rig.request(rig.header(1), rig.event("host/a", 1, 1'700'000'000'000));
  rig.request(rig.header(2), rig.event("host/a", 1, 1'700'000'000'500));
  rig.request(rig.header(3), rig.event("host/a", 1, 1'700'000'010'000));
  EXPECT_EQ(kinds_of(rig), (std::vector<record_kind>{record_kind::event, record_kind::event,
                                                     record_kind::clock, record_kind::event}));
  EXPECT_EQ(clocks_of(rig), (std::vector<std::int64_t>{1'700'000'000'500}))
      << "how far the events had come before the tick";
}

/// Four names, one in each of the four partitions.
std::vector<std::string> one_in_each_partition() {
  std::vector<std::string> names(4);
  std::size_t found = 0;
  for (int n = 0; found < names.size(); ++n) {
    auto& name = names[partition_of("host/" + std::to_string(n), 4)];
    if (!name.empty()) continue;
    name = "host/" + std::to_string(n);
    ++found;
  }
  return names;
}

// Who is alone in its partition is silent when the others speak.
TEST(GroupCommit, LetsThePastPassInEveryPartitionThatHasRecords) {
  processing_options past;
  past.accept_past = true;
  intake_rig rig{past};
  const auto names = one_in_each_partition();
  const std::int64_t start = 1'700'000'000'000;
  rig.request(rig.header(1), rig.event(names[0], 1, start));
  rig.request(rig.header(2), rig.event(names[1], 1, start + 10'000));
  rig.request(rig.header(3), rig.event(names[2], 1, start + 20'000));
  rig.request(rig.header(4), rig.event(names[2], 1, start + 13'000));
  EXPECT_EQ(clocks_of(rig, 0), (std::vector<std::int64_t>{start, start + 10'000}));
  EXPECT_EQ(clocks_of(rig, 1), (std::vector<std::int64_t>{start, start + 10'000}))
      << "a new partition begins with the clock of the others";
  EXPECT_EQ(clocks_of(rig, 2), (std::vector<std::int64_t>{start + 10'000}));
  EXPECT_EQ(clocks_of(rig, 3), std::vector<std::int64_t>{});
}

TEST(GroupCommit, KnowsHowFarThePastHadComeAfterARestart) {
  processing_options past;
  past.accept_past = true;
  intake_rig rig{past};
  const std::int64_t start = 1'700'000'000'000;
  rig.request(rig.header(1), rig.event("host/a", 1, start));
  group_commit again{*rig.memory, {}, past, rig.counters, rig.hooks()};
  ASSERT_TRUE(again.load_publishers());
  again.start();
  ingress door{{again, rig.registry, rig.counters, [&] { return rig.now; }}, {past, {}, {}, {}}};
  const auto before = rig.count();
  door.on_request(reply_address{0, "r", {}}, {}, rig.header(2),
                  rig.event("host/a", 1, start + 60'000));
  while (rig.count() == before) std::this_thread::sleep_for(std::chrono::milliseconds{1});
  again.stop();
  EXPECT_EQ(clocks_of(rig), (std::vector<std::int64_t>{start}));
}

TEST(GroupCommit, TellsLiveTicksToPartitionsThatHaveRecords) {
  intake_rig rig;
  rig.commit.tick(rig.now);
  rig.request(rig.header(1), rig.event("host/a"));
  rig.now += std::chrono::milliseconds{10'000};
  rig.commit.tick(rig.now);
  rig.commit.tick(rig.now);
  rig.request(rig.header(2), rig.event("host/a"));
  rig.now += std::chrono::milliseconds{10'000};
  rig.request(rig.header(3), rig.event("host/a"));
  EXPECT_EQ(kinds_of(rig),
            (std::vector<record_kind>{record_kind::clock, record_kind::event, record_kind::clock,
                                      record_kind::event, record_kind::clock, record_kind::event}))
      << "no event stands before the clock of its arrival";
}

TEST(GroupCommit, KnowsItsPublishersAgainAfterARestart) {
  intake_rig rig;
  rig.request(rig.header(7), rig.event("host/a"));
  node_counters counters;
  commit_hooks hooks = rig.hooks();
  group_commit again{*rig.memory, {}, {}, counters, hooks};
  ASSERT_TRUE(again.load_publishers());
  auto intake = again.begin();
  EXPECT_EQ(intake.window("0:1:p0:").last(), 7U);
}

std::size_t degrade_records(intake_rig& rig, bool on) {
  const std::lock_guard<std::mutex> lock{rig.mutex};
  std::size_t found = 0;
  for (const auto& blob : rig.blobs) {
    blob_reader reader{blob->bytes};
    record_view record;
    for (auto more = reader.next(record); more && *more; more = reader.next(record))
      if (record.kind == record_kind::degrade && record.degrade.on == on) ++found;
  }
  return found;
}

TEST(GroupCommit, SaysOnceToEveryPartitionThatItIsDegradedAndOnceThatItIsNot) {
  intake_rig rig;
  rig.request(rig.header(1), rig.event("host/a"));
  rig.commit.set_degraded(true);
  rig.commit.set_degraded(true);
  rig.request(rig.header(2), rig.event("host/a"));
  EXPECT_EQ(degrade_records(rig, true), 4U) << "of four partitions, three have no event yet";
  rig.commit.set_degraded(false);
  rig.commit.set_degraded(false);
  rig.request(rig.header(3), rig.event("host/a"));
  EXPECT_EQ(degrade_records(rig, true), 4U);
  EXPECT_EQ(degrade_records(rig, false), 4U);
}

TEST(GroupCommit, BeginsWithTheForecasterWhateverTheProcessBeforeItDid) {
  intake_rig rig;
  rig.request(rig.header(1), rig.event("host/a"));
  rig.commit.set_degraded(true);
  rig.request(rig.header(2), rig.event("host/a"));
  node_counters counters;
  group_commit again{*rig.memory, {}, {}, counters, rig.hooks()};
  again.start();
  again.set_degraded(false);
  again.stop();
  EXPECT_EQ(degrade_records(rig, false), 4U);
}

// A publisher that begins a new epoch with every request.
TEST(GroupCommit, ForgetsEpochsForGoodAlsoOverARestart) {
  intake_rig rig;
  const auto header = [](int epoch, std::uint64_t seq) {
    return nlohmann::json{{"publisher", "p"}, {"seq", seq}, {"epoch", std::to_string(epoch)}}
        .dump();
  };
  constexpr int most = static_cast<int>(publisher_windows::epochs_per_publisher);
  for (int n = 0; n < most + 10; ++n) {
    if (n % 20 == 0) rig.request(header(0, 1U + n), rig.event("host/a"));  // this one speaks on
    if (n != 0) rig.request(header(n, 1), rig.event("host/a"));
  }
  EXPECT_EQ(rig.counters.publisher_windows.load(), static_cast<std::uint64_t>(most));
  EXPECT_EQ(rig.counters.publisher_windows_forgotten.load(), 10U);
  EXPECT_EQ(rig.request(header(70, 1), rig.event("host/a")).what, publish_reply::kind::duplicate);
  const auto again_of_1 = rig.request(header(1, 1), rig.event("host/a"));
  EXPECT_EQ(again_of_1.what, publish_reply::kind::ack) << "as an epoch never heard of";
  node_counters counters;
  group_commit again{*rig.memory, {}, {}, counters, rig.hooks()};
  ASSERT_TRUE(again.load_publishers());
  EXPECT_EQ(counters.publisher_windows_forgotten.load(), 0U) << "they are not in the store";
  auto before = rig.commit.begin();
  auto after = again.begin();
  for (int n = 0; n < most + 10; ++n) {
    publish_header h;
    h.publisher = "p";
    h.epoch = std::to_string(n);
    EXPECT_EQ(after.window(window_key(h)).last(), before.window(window_key(h)).last()) << n;
  }
}

TEST(GroupCommit, SavesThePublishersWindowsUnderSteadyLoad) {
  intake_rig rig;
  const auto saved = [&rig] {
    std::size_t rows = 0;
    std::size_t deltas = 0;
    EXPECT_TRUE(rig.memory->events().load_publishers(
        [&](const publisher_row& row) { rows += row.bytes.empty() ? 0 : 1; },
        [&](const publisher_delta&) { ++deltas; }));
    return std::make_pair(rows, deltas);
  };
  std::uint64_t seq = 0;
  for (; seq < 50'000; ++seq)
    rig.door.on_request(reply_address{0, "r", {}}, {}, rig.header(seq + 1), rig.event("host/a"));
  rig.request(rig.header(++seq), rig.event("host/a"));
  EXPECT_EQ(saved().first, 1U);
  EXPECT_LT(saved().second, 50'000U);
  const auto missing = rig.commit.begin().window("0:1:p0:").missing().size();
  node_counters counters;
  group_commit again{*rig.memory, {}, {}, counters, rig.hooks()};
  ASSERT_TRUE(again.load_publishers());
  auto intake = again.begin();
  EXPECT_EQ(intake.window("0:1:p0:").last(), seq);
  EXPECT_EQ(intake.window("0:1:p0:").missing().size(), missing);
}

}  // namespace
}  // namespace faultline
