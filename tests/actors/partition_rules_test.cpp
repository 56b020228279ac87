// SPDX-License-Identifier: Apache-2.0
// By which rules is judged.
#include "tests/actors/partition_fixture.hpp"

namespace faultline {
namespace {

using namespace std::chrono_literals;

TEST_F(Partition, JudgesByTheRulesThatStandInItsLogAndKeepsThemWithItsCheckpoint) {
  begin();
  for (int n = 0; n < 40; ++n) append({"host/a"}, n);
  EXPECT_EQ(memory->decisions().last(), 0U);
  append_rules(5, 0.1);  // every cpu of ours is above it
  for (int n = 40; n < 44; ++n) append({"host/a"}, n);
  const auto decided = memory->decisions().last();
  EXPECT_GT(decided, 0U);
  EXPECT_TRUE(ask<drained>(boss, drain_request{}).complete);
  const auto rules = memory->checkpoints().load_rules(0);
  ASSERT_TRUE(rules);
  EXPECT_EQ(rules->sequence, 5U);
  caf::anon_send_exit(directory.owner(0), caf::exit_reason::unhandled_exception);
  run();
  append({"host/b"}, 50);
  for (int n = 51; n < 90; ++n) append({"host/b"}, n);
  EXPECT_GT(memory->decisions().last(), decided) << "also who came after the restart";
}

TEST_F(Partition, ReplayChangesTheRulesAtTheSameRecords) {
  begin();
  for (int n = 0; n < 40; ++n) append({"host/a"}, n);
  append_rules(5, 0.1);
  for (int n = 40; n < 50; ++n) append({"host/a"}, n);
  append_rules(6, 1e9);
  for (int n = 50; n < 60; ++n) append({"host/a"}, n);
  const auto decided = memory->decisions().last();
  EXPECT_GE(decided, 1U);
  caf::anon_send_exit(directory.owner(0), caf::exit_reason::unhandled_exception);
  run();
  EXPECT_EQ(observations("host/a"), 60U);
  EXPECT_EQ(memory->decisions().last(), decided);
}

// An entity that has just had an event hears of a clock with its next one, or before new rules.
TEST_F(Partition, WhatAClockClosedIsJudgedByTheRulesBeforeIt) {
  begin();
  for (int n = 0; n < 40; ++n) append({"host/a"}, n);
  for (int n = 40; n < 43; ++n) {
    append_clock(n);
    blob_writer writer;
    event_view e;
    e.entity = "host/a";
    e.ts = event_time_of(start_ms + n * 10'000);
    e.arrived = arrival_time_of(start_ms + n * 10'000);
    e.metrics = {{"cpu", 0.5, metric_kind::gauge}};  // not its whole row: the tick stays open
    writer.add(e);
    append_blob(writer.take(), 1);
  }
  append_clock(45);
  append_rules(5, 0.1);  // every cpu of ours is above it
  append_clock(46);
  EXPECT_EQ(memory->decisions().last(), 0U);
  end_owner();
  append_clock(47);
  EXPECT_EQ(memory->decisions().last(), 0U);
}

TEST_F(Partition, AnEntityThatDiesIsJudgedAgainByTheRulesOfEachOfItsRecords) {
  begin();
  for (int n = 0; n < 40; ++n) append({"host/a"}, n);
  append_rules(5, 0.1);
  for (int n = 40; n < 50; ++n) append({"host/a"}, n);
  append_rules(6, 1e9);
  for (int n = 50; n < 60; ++n) append({"host/a"}, n);
  const auto decided = memory->decisions().last();
  append({"host/a"}, 60, true);
  advance(2s);
  EXPECT_EQ(counters.entity_restarts.load(), 1U);
  EXPECT_EQ(observations("host/a"), 60U);
  EXPECT_EQ(memory->decisions().last(), decided);
}

}  // namespace
}  // namespace faultline
