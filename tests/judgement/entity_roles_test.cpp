// SPDX-License-Identifier: Apache-2.0
// What an entity does with words of roles that are not those built in, and with a change of them.
#include <gtest/gtest.h>

#include "judgement/evidence.hpp"
#include "processing/roles.hpp"
#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

using rules_ptr = std::shared_ptr<const judgement_rules>;

rules_ptr with_roles(std::vector<role_word> words) {
  auto rules = *test_rules();
  rules.roles = role_table{std::move(words)};
  return std::make_shared<const judgement_rules>(rules);
}

const rules_ptr built_in = test_rules();
const rules_ptr orders_are_traffic =
    with_roles({{"orders", metric_role::traffic}, {"cpu", metric_role::cpu}});
const rules_ptr orders_are_errors = with_roles({{"orders", metric_role::errors}});

constexpr auto slot_of_traffic = static_cast<std::uint8_t>(metric_role::traffic);
constexpr auto slot_of_errors = static_cast<std::uint8_t>(metric_role::errors);
constexpr std::uint8_t no_slot = 255;

/// An entity of a shop, whose second metric no word built in says anything of.
struct shop {
  explicit shop(rules_ptr rules) : d{std::move(rules), "service/shop"} {}

  void tick(bool more = false) {
    std::vector<std::pair<std::string, double>> row{{"cpu", 20 + n.normal()},
                                                    {"orders.open", 50 + 3 * n.normal()}};
    if (more) row.emplace_back("orders.sent", 9 + n.normal());
    d.row(at, row);
    at += 10'000;
  }
  std::uint8_t slot_of(std::string_view metric) const {
    for (const auto& m : d.core.window(event_time::max()).metrics)
      if (m.name == metric) return m.role;
    return no_slot;
  }
  /// Its snapshot in a core that was made with @p rules, as after a restart.
  void restore_under(const rules_ptr& rules) {
    entity_core fresh{"service/shop", rules};
    ASSERT_TRUE(fresh.restore(d.core.save()));
    d.core = std::move(fresh);
  }

  entity_driver d;
  noise n{5};
  std::int64_t at = test_start;
};

TEST(EntityRoles, AWordOfOnesOwnGivesAMetricTheSlotOfItsRole) {
  shop plain{built_in}, own{orders_are_traffic};
  for (auto* s : {&plain, &own})
    for (int i = 0; i < 10; ++i) s->tick();
  EXPECT_EQ(plain.slot_of("orders.open"), no_slot);
  EXPECT_EQ(own.slot_of("orders.open"), slot_of_traffic);
}

TEST(EntityRoles, AChangeWorksFromTheNextTickOnAndASlotThatIsTakenStays) {
  shop s{built_in};
  for (int i = 0; i < 10; ++i) s.tick();
  s.d.core.set_rules(orders_are_traffic);
  EXPECT_EQ(s.slot_of("orders.open"), no_slot);
  s.tick();
  EXPECT_EQ(s.slot_of("orders.open"), slot_of_traffic);
  s.d.core.set_rules(orders_are_errors);
  s.tick();
  EXPECT_EQ(s.slot_of("orders.open"), slot_of_traffic);
  s.tick(true);
  s.tick(true);
  EXPECT_EQ(s.slot_of("orders.sent"), slot_of_errors);
}

// A symptom that rises alone is worth more than load that rises: the word decides when it pages.
TEST(EntityRoles, WhatAMetricIsAboutDecidesHowItIsJudged) {
  const auto score_of = [](const rules_ptr& rules) {
    shop s{rules};
    for (int i = 0; i < 2000; ++i) s.tick();
    s.d.row(s.at, {{"cpu", 20.0}, {"orders.open", 68.0}});
    return s.d.core.last_verdict().score;
  };
  EXPECT_NE(score_of(orders_are_errors), score_of(orders_are_traffic));
}

TEST(EntityRoles, AnEntityThatSleptThroughTheChangeFollowsAsOneThatWasAwake) {
  shop awake{built_in}, slept{built_in};
  for (auto* s : {&awake, &slept})
    for (int i = 0; i < 10; ++i) s->tick();
  awake.d.core.set_rules(orders_are_traffic);
  slept.restore_under(orders_are_traffic);
  for (int i = 0; i < 5; ++i) {
    awake.tick(i > 2), slept.tick(i > 2);
    EXPECT_EQ(awake.slot_of("orders.open"), slept.slot_of("orders.open"));
    ASSERT_EQ(awake.d.core.save(), slept.d.core.save()) << i;
  }
  EXPECT_EQ(slept.slot_of("orders.open"), slot_of_traffic);
}

TEST(EntityRoles, WhatIsMadeOfLinesKeepsItsRoleWithoutAnyWords) {
  shop s{with_roles({})};
  event_view e;
  e.type = event_type::log;
  e.body = "disk is broken";
  e.severity = log_severity::error;
  for (int i = 0; i < 5; ++i) {
    s.d.give(e, s.at);
    s.tick();
  }
  std::map<std::string, metric_role> roles;
  for (const auto& m : s.d.core.status().metrics) roles[m.name] = m.role;
  EXPECT_EQ(roles.at("cpu"), metric_role::none);
  EXPECT_EQ(roles.at("log.error_share"), metric_role::errors);
}

// Replay begins with the rules of the checkpoint, which are older than a snapshot may be.
TEST(EntityRoles, ASnapshotThatIsAheadOfTheRulesKeepsItsSlots) {
  shop straight{built_in}, replayed{built_in};
  for (auto* s : {&straight, &replayed}) {
    for (int i = 0; i < 10; ++i) s->tick();
    s->d.core.set_rules(orders_are_errors);
    for (int i = 0; i < 3; ++i) s->tick(true);
  }
  replayed.restore_under(built_in);
  ASSERT_EQ(straight.d.core.save(), replayed.d.core.save());
  replayed.d.core.set_rules(orders_are_errors);
  for (int i = 0; i < 100; ++i) {
    straight.tick(true), replayed.tick(true);
    ASSERT_EQ(straight.d.core.save(), replayed.d.core.save()) << i;
  }
}

TEST(EntityRoles, DecideTheSameWhereverTheEntityWasSavedAndWhateverRulesItCameBackUnder) {
  const std::vector<rules_ptr> all{built_in, orders_are_traffic, orders_are_errors};
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    noise dice{seed};
    const auto any = [&](std::size_t n) {
      return static_cast<std::size_t>(dice.uniform() * static_cast<double>(n));
    };
    std::size_t now = 0;
    shop straight{all[now]}, broken{all[now]};
    bool more = false;
    for (int i = 0; i < 120; ++i) {
      if (any(9) == 0) {
        now = any(all.size());
        straight.d.core.set_rules(all[now]), broken.d.core.set_rules(all[now]);
      }
      if (any(5) == 0) {
        broken.restore_under(all[any(all.size())]);
        broken.d.core.set_rules(all[now]);
      }
      more = more || any(20) == 0;
      straight.tick(more), broken.tick(more);
      ASSERT_EQ(straight.d.core.save(), broken.d.core.save()) << seed << " " << i;
    }
    EXPECT_EQ(straight.d.alerts().size(), broken.d.alerts().size());
  }
}

TEST(EvidenceRoles, ANameMeansWhatTheWordsOfTheQuestionSay) {
  EXPECT_EQ(meaning_of("orders.failed_checkouts").role, metric_role::errors);
  const role_table own{{{"checkouts", metric_role::traffic}, {"orders", metric_role::latency}}};
  EXPECT_EQ(meaning_of("orders.failed_checkouts", own).role, metric_role::traffic);
  EXPECT_EQ(meaning_of("orders.failed_checkouts", own).worse, 0);
  EXPECT_EQ(meaning_of("orders_age", own).worse, 1);
  // What the name says of scope and peer is no matter of words.
  EXPECT_EQ(meaning_of("out_errors.cart", own).role, metric_role::errors);
  EXPECT_EQ(meaning_of("span.p95_ms", own).role, metric_role::latency);
}

TEST(EntityRoles, WhatWasMadeOfOthersAndIsThenSentIsJudgedTheSameWithAndWithoutARestart) {
  entity_driver straight, broken;
  const auto tick = [&](entity_driver& d, int i) {
    event_view e;
    e.type = event_type::metric;
    e.metrics = {{"rpc_seconds_sum", 50.0 * i + i % 3, metric_kind::counter},
                 {"rpc_seconds_count", 10.0 * i, metric_kind::counter}};
    if (i >= 100)
      e.metrics.push_back({"rpc_seconds_latency_mean", 5 + 0.1 * (i % 7), metric_kind::gauge});
    d.give(e, test_start + i * 10'000);
  };
  for (int i = 0; i < 150; ++i) {
    for (auto* d : {&straight, &broken}) tick(*d, i);
    if (i != 110) continue;
    const auto metrics = straight.core.window(event_time::max()).metrics;
    ASSERT_EQ(metrics.size(), 3U);
    ASSERT_EQ(metrics[2].name, "rpc_seconds_latency_mean");
    EXPECT_EQ(metrics[2].role, static_cast<std::uint8_t>(metric_role::latency));
    entity_core back{"service/cart", test_rules()};
    ASSERT_TRUE(back.restore(broken.core.save()));
    broken.core = std::move(back);
  }
  EXPECT_EQ(straight.core.save(), broken.core.save());
}

}  // namespace
}  // namespace faultline
