// SPDX-License-Identifier: Apache-2.0
#include "messages/decision.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "messages/identity.hpp"
#include "tests/messages/records.hpp"

namespace faultline {
namespace {

TEST(Identity, IsTheSameOnEveryMachine) {
  // Test vectors of xxHash 64.
  EXPECT_EQ(stable_hash(""), 0xef46db3751d8e999ULL);
  EXPECT_EQ(stable_hash("a"), 0xd24ec4f1a98c6e5bULL);
  EXPECT_EQ(to_hex(stable_hash("a")), "d24ec4f1a98c6e5b");
  EXPECT_EQ(to_hex(0), "0000000000000000");
  EXPECT_EQ(partition_of("a", 64), 0xd24ec4f1a98c6e5bULL % 64);
  EXPECT_NE(stable_hash("a"), stable_hash("a", 1));
}

TEST(Identity, SpreadsEntitiesOverAllPartitions) {
  std::set<partition_id> seen;
  for (int i = 0; i < 2000; ++i) seen.insert(partition_of("host/" + std::to_string(i), 64));
  EXPECT_EQ(seen.size(), 64U);
}

TEST(EncodeAlert, IsReadBackWhole) {
  for (const auto& a : {firing_alert(), resolved_alert()}) {
    const auto bytes = encode_alert(a);
    const auto back = decode_alert(bytes);
    ASSERT_TRUE(back) << back.error().what;
    EXPECT_EQ(encode_alert(*back), bytes);
    EXPECT_EQ(back->id, a.id);
    EXPECT_EQ(back->transition, a.transition);
    EXPECT_EQ(back->state, a.state);
    EXPECT_EQ(back->contributors.size(), a.contributors.size());
    EXPECT_EQ(back->ended, a.ended);
    EXPECT_EQ(back->lead_time_s, a.lead_time_s);
    EXPECT_EQ(back->detectors, a.detectors);
    EXPECT_EQ(back->labels, a.labels);
    EXPECT_EQ(back->acknowledged_by, a.acknowledged_by);
    EXPECT_EQ(back->was_warning, a.was_warning);
    EXPECT_EQ(back->was_critical, a.was_critical);
    EXPECT_EQ(back->learning, a.learning);
    EXPECT_EQ(back->source, a.source);
    EXPECT_EQ(back->annotations, a.annotations);
    EXPECT_EQ(back->silences, a.silences);
    EXPECT_EQ(back->inhibited_by, a.inhibited_by);
    EXPECT_EQ(back->maintenance, a.maintenance);
    EXPECT_EQ(back->assigned_to, a.assigned_to);
    EXPECT_EQ(back->flapping, a.flapping);
  }
}

TEST(EncodeAlert, OfTheBuildBeforeIsReadWithoutWhatOperatorsAdded) {
  const auto newest = firing_alert();
  auto bytes = encode_alert(newest);
  bytes.resize(bytes.size() - 7 * 4);  // seven empty texts and lists
  bytes[0] = 1;
  const auto back = decode_alert(bytes);
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(encode_alert(*back), encode_alert(newest));
  bytes[0] = 2;
  EXPECT_FALSE(decode_alert(bytes)) << "what is cut off is no alert";
  bytes[0] = 3;
  EXPECT_EQ(decode_alert(bytes).error().code, ec::unknown_version);
}

TEST(EncodeIncident, IsReadBackWhole) {
  const auto i = sample_incident();
  const auto bytes = encode_incident(i);
  const auto back = decode_incident(bytes);
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(encode_incident(*back), bytes);
  ASSERT_EQ(back->causes.size(), 1U);
  EXPECT_EQ(back->causes[0].evidence[0].text, i.causes[0].evidence[0].text);
  EXPECT_EQ(back->causes[0].remediation[0].steps, i.causes[0].remediation[0].steps);
}

TEST(EncodeDecision, IsReadBackWholeForEveryKind) {
  for (const auto& d : every_decision()) {
    const auto bytes = encode_decision(d);
    const auto back = decode_decision(bytes);
    ASSERT_TRUE(back) << back.error().what;
    EXPECT_EQ(back->kind, d.kind);
    EXPECT_EQ(encode_decision(*back), bytes);
  }
}

TEST(EncodeDecision, SaysByWhichLogicAndModelItWasMade) {
  for (auto d : every_decision()) {
    d.model = std::string(64, 'b');
    const auto back = decode_decision(encode_decision(d));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->logic, logic_version);
    EXPECT_EQ(back->model, d.model);
  }
}

TEST(EncodeDecision, OfTheVersionBeforeIsRead) {
  for (const auto& d : every_decision()) {
    auto bytes = encode_decision(d);
    bytes[0] = 1;
    if (d.kind == decision_kind::root_cause) bytes.resize(bytes.size() - 8);  // had no support
    bytes.erase(2, 4 + 4);  // version 1 had neither logic nor model (an empty text here)
    const auto back = decode_decision(bytes);
    ASSERT_TRUE(back) << back.error().what;
    EXPECT_EQ(back->kind, d.kind);
    EXPECT_EQ(back->logic, 0U);
    EXPECT_EQ(back->command.payload, d.command.payload);
  }
}

TEST(Commands, ThatPartitionsMustHearOfAreKnownByName) {
  for (const char* name : {"retire", "release", "configuration", "model"})
    EXPECT_TRUE(is_control(name)) << name;
  for (const char* name :
       {"acknowledge", "silence", "alert_feedback", "incident_feedback", "retired", ""})
    EXPECT_FALSE(is_control(name)) << name;
  EXPECT_TRUE(sets_rules("configuration") && sets_rules("model"));
  EXPECT_FALSE(sets_rules("retire") || sets_rules("release"));
}

TEST(EncodeDecision, RefusesEveryTruncationAndWhatFollows) {
  for (const auto& d : every_decision()) {
    const auto bytes = encode_decision(d);
    for (std::size_t n = 0; n < bytes.size(); ++n)
      EXPECT_FALSE(decode_decision(std::string_view{bytes}.substr(0, n))) << n;
    EXPECT_FALSE(decode_decision(bytes + 'x'));
    auto newer = bytes;
    newer[0] = 5;
    const auto refused = decode_decision(newer);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ec::unknown_version);
  }
}

TEST(EncodeDecision, SurvivesEveryFlippedBit) {
  for (const auto& d : every_decision()) {
    const auto bytes = encode_decision(d);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      auto damaged = bytes;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
      const auto back = decode_decision(damaged);
      if (back) {
        EXPECT_EQ(encode_decision(*back).size(), damaged.size());
      }
    }
  }
}

}  // namespace
}  // namespace faultline
