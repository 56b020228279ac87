// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/actors/intake_support.hpp"

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
  EXPECT_EQ(rig.counters.appended.load(), 20U);
}

TEST(GroupCommit, PutsAClockBeforeTheFirstEventOfATickWhereThePastIsAccepted) {
  processing_options past;
  past.accept_past = true;
  intake_rig rig{past};
  rig.request(rig.header(1), rig.event("host/a", 1, 1'700'000'000'000));
  rig.request(rig.header(2), rig.event("host/a", 1, 1'700'000'000'500));
  rig.request(rig.header(3), rig.event("host/a", 1, 1'700'000'010'000));
  EXPECT_EQ(kinds_of(rig),
            (std::vector<record_kind>{record_kind::clock, record_kind::event, record_kind::event,
                                      record_kind::clock, record_kind::event}));
}

TEST(GroupCommit, TellsLiveTicksToPartitionsThatHaveRecords) {
  intake_rig rig;
  rig.commit.tick(rig.now);
  rig.request(rig.header(1), rig.event("host/a"));
  rig.commit.tick(rig.now);
  rig.request(rig.header(2), rig.event("host/a"));
  rig.commit.tick(rig.now);
  rig.request(rig.header(3), rig.event("host/a"));
  EXPECT_EQ(kinds_of(rig), (std::vector<record_kind>{record_kind::event, record_kind::clock,
                                                     record_kind::event, record_kind::event}));
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

}  // namespace
}  // namespace faultline
