// SPDX-License-Identifier: Apache-2.0
#include "actors/rules_history.hpp"

#include <gtest/gtest.h>

#include <string>

namespace faultline {
namespace {

std::string learning_for(std::int64_t ms) {
  rules_record r;
  r.rules.detection.learning = milliseconds{ms};
  return encode_rules(r);
}

std::int64_t learning_of(const rules_history::shared_rules& rules) {
  return rules->detection.learning.count();
}

struct RulesHistory : ::testing::Test {
  rules_history::step take(std::uint64_t sequence, const std::string& name,
                           const std::string& payload, log_position at) {
    auto step = history.take(control_record{sequence, name, payload}, at);
    EXPECT_TRUE(step) << step.error().what;
    return step ? *step : rules_history::step::seen;
  }
  rules_history history;
  rules_history::shared_rules otherwise = std::make_shared<judgement_rules>();
};

TEST_F(RulesHistory, BeginsWithWhatStandsInTheCheckpoint) {
  ASSERT_TRUE(history.begin({7, learning_for(5)}, otherwise));
  EXPECT_EQ(learning_of(history.current()), 5);
  EXPECT_EQ(history.sequence(), 7U);
  ASSERT_TRUE(history.begin({}, otherwise));
  EXPECT_EQ(history.current(), otherwise) << "a store from before control records";
  EXPECT_FALSE(history.begin({7, "rubbish"}, otherwise));
  EXPECT_EQ(history.current(), otherwise);
}

TEST_F(RulesHistory, TakesEachSequenceOnce) {
  ASSERT_TRUE(history.begin({7, learning_for(5)}, otherwise));
  EXPECT_EQ(take(7, "configuration", learning_for(6), 10), rules_history::step::seen);
  EXPECT_EQ(take(8, "configuration", learning_for(6), 10), rules_history::step::rules);
  EXPECT_EQ(take(8, "configuration", learning_for(9), 11), rules_history::step::seen);
  EXPECT_EQ(take(9, "retire", "host/a", 12), rules_history::step::taken);
  EXPECT_EQ(take(9, "retire", "host/a", 13), rules_history::step::seen);
  EXPECT_EQ(learning_of(history.current()), 6);
}

TEST_F(RulesHistory, TakesEveryRecordThatHasNoSequence) {
  ASSERT_TRUE(history.begin({7, learning_for(5)}, otherwise));
  EXPECT_EQ(take(0, "retire", "host/a", 10), rules_history::step::taken);
  EXPECT_EQ(take(0, "retire", "host/a", 11), rules_history::step::taken);
  EXPECT_EQ(history.sequence(), 7U);
}

TEST_F(RulesHistory, KnowsTheRulesOfEveryPlaceSinceItsCheckpoint) {
  ASSERT_TRUE(history.begin({1, learning_for(1)}, otherwise));
  take(2, "configuration", learning_for(2), 10);
  take(3, "retire", "host/a", 15);
  take(4, "model", learning_for(4), 20);
  EXPECT_EQ(learning_of(history.at(0)), 1);
  EXPECT_EQ(learning_of(history.at(9)), 1);
  EXPECT_EQ(learning_of(history.at(10)), 2);
  EXPECT_EQ(learning_of(history.at(19)), 2);
  EXPECT_EQ(learning_of(history.at(99)), 4);
  EXPECT_EQ(learning_of(history.after(1)), 1);
  EXPECT_EQ(learning_of(history.after(4)), 4);
  EXPECT_EQ(history.after(5), nullptr);
  const auto row = history.checkpoint(16);
  EXPECT_EQ(row.sequence, 3U);
  EXPECT_EQ(row.payload, learning_for(2));
  EXPECT_EQ(learning_of(history.at(0)), 2) << "what the checkpoint covers is forgotten";
  EXPECT_EQ(learning_of(history.current()), 4);
}

TEST_F(RulesHistory, WhatCannotBeReadChangesNothing) {
  ASSERT_TRUE(history.begin({1, learning_for(1)}, otherwise));
  EXPECT_FALSE(history.take(control_record{2, "configuration", "rubbish"}, 10));
  EXPECT_EQ(learning_of(history.current()), 1);
  EXPECT_EQ(history.sequence(), 1U);
}

}  // namespace
}  // namespace faultline
