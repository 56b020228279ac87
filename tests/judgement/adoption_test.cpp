// SPDX-License-Identifier: Apache-2.0
//
// Rule 7: what a life before has recorded is taken over, what it has not is decided, wherever the
// kill fell and however the log lies in blobs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "tests/judgement/entity_fixture.hpp"
#include "tests/judgement/eventful_log.hpp"

namespace faultline {
namespace {

using ::testing::SizeIs;

constexpr std::int64_t tick = 10'000;

std::shared_ptr<judgement_rules> eventful_rules(bool past) {
  auto rules = std::make_shared<judgement_rules>(*test_rules(tick));
  rules->processing.accept_past = past;
  rules->detection.learning = milliseconds{600'000};
  rules->detection.limits.push_back({"*", "metric_1_percent", 85.0, {}, "critical"});
  return rules;
}

/// The eventful log with edges and changes in it.
std::deque<message> told_log(std::uint64_t seed, std::deque<std::string>& names, bool past) {
  auto log = eventful_log(seed, names, past);
  noise n{seed + 100};
  std::deque<message> all;
  log_position position = 0;
  for (auto& m : log) {
    m.where.position = ++position;
    all.push_back(m);
    if (n.uniform() > 0.05) continue;
    message more = m;
    more.is_event = true;
    more.where.position = ++position;
    auto& e = more.event;
    e.clear();
    e.entity = "service/cart";
    e.has_ts = true;
    e.ts = m.is_event ? m.event.ts : m.clock.event;
    e.arrived = m.is_event ? m.event.arrived : m.clock.arrived;
    names.push_back("service/" + std::to_string(static_cast<int>(n.uniform() * 20)));
    e.type = n.uniform() < 0.7 ? event_type::edge : event_type::change;
    e.depends_on = {names.back()};
    e.summary = names.back();
    all.push_back(more);
  }
  return all;
}

enum class layout { a_blob_each, one_blob, blobs_of_a_hundred };

void lay(std::deque<message>& log, layout as) {
  for (auto& m : log) {
    const auto n = m.where.position - 1;
    if (as == layout::one_blob) m.where = {0, 1, static_cast<std::uint32_t>(n)};
    if (as == layout::blobs_of_a_hundred)
      m.where = {0, 1 + n / 100, static_cast<std::uint32_t>(n % 100)};
  }
}

std::vector<std::string> lines_of(const std::vector<entity_decision>& all) {
  std::set<std::string> lines;  // as in the outbox: a key stands once
  for (const auto& d : all) lines.insert(d.key + " " + encode_decision(d.what));
  return {lines.begin(), lines.end()};
}

/// One life over a log with a lane that answers with probability @p answers after each record.
struct life {
  life(std::shared_ptr<const judgement_rules> rules, double answers, std::uint64_t seed)
      : entity{std::move(rules)}, answers_{answers}, lane_{seed} {}
  void take(const message& m) {
    entity.take(m);
    while (lane_.uniform() < answers_ && entity.busy()) entity.result();
  }
  void end() {
    while (entity.busy()) entity.result();
  }
  lagging_entity entity;

private:
  double answers_;
  noise lane_;
};

struct kill_case {
  layout as;
  bool past;
};

class Adoption : public ::testing::TestWithParam<kill_case> {};

TEST_P(Adoption, WhateverAKillLeftInTheOutboxIsCompletedToTheSame) {
  constexpr std::size_t snapshot_at = 900;
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    std::deque<std::string> names;
    auto log = told_log(seed, names, GetParam().past);
    lay(log, GetParam().as);
    const auto rules = eventful_rules(GetParam().past);
    life live{rules, 0.3, seed};
    std::string snapshot;
    std::size_t before = 0;
    for (std::size_t i = 0; i < log.size(); ++i) {
      if (i == snapshot_at) {
        live.end();
        snapshot = live.entity.core.save();
        before = live.entity.decisions.size();
      }
      live.take(log[i]);
    }
    live.end();
    const std::vector<entity_decision> all{
        live.entity.decisions.begin() + static_cast<std::ptrdiff_t>(before),
        live.entity.decisions.end()};
    ASSERT_GE(all.size(), 40u);
    for (std::size_t kept = 0; kept <= all.size(); kept += 1 + all.size() / 16) {
      const std::vector<entity_decision> outbox{all.begin(),
                                                all.begin() + static_cast<std::ptrdiff_t>(kept)};
      life again{rules, kept % 2 == 0 ? 0.9 : 0.1, seed + kept};
      ASSERT_TRUE(again.entity.core.restore(snapshot));
      again.entity.core.adopt(outbox, 0);
      for (std::size_t i = snapshot_at; i < log.size(); ++i) again.take(log[i]);
      again.end();
      auto both = outbox;
      both.insert(both.end(), again.entity.decisions.begin(), again.entity.decisions.end());
      ASSERT_EQ(lines_of(both), lines_of(all)) << "seed " << seed << ", " << kept << " recorded";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Logs, Adoption,
                         ::testing::Values(kill_case{layout::a_blob_each, true},
                                           kill_case{layout::one_blob, true},
                                           kill_case{layout::blobs_of_a_hundred, true},
                                           kill_case{layout::a_blob_each, false},
                                           kill_case{layout::one_blob, false}));

/// Calm rows, all of one blob, with a clock before each.
struct one_blob {
  explicit one_blob(std::shared_ptr<const judgement_rules> with = test_rules())
      : core{"service/cart", std::move(with)} {}

  record_address next() { return {0, 1, ++index}; }
  void clock() {
    partition_time t;
    t.event = event_time_of(now);
    t.arrived = arrival_time_of(now);
    core.advance(t, next(), decisions);
  }
  void row() {
    event_view e;
    const auto values = calm_row(now, noise_);
    for (const auto& [name, v] : values) e.metrics.push_back({name, v, metric_kind::gauge});
    observe(e);
    finish();
  }
  void observe(event_view& e) {
    e.entity = "service/cart";
    e.has_ts = true;
    e.ts = event_time_of(now);
    e.arrived = arrival_time_of(now);
    core.observe(e, next(), decisions);
  }
  void finish() {
    forecast_row row;
    while (core.row_waiting()) {
      core.begin_tick(row);
      core.finish_tick(nullptr, decisions);
    }
    drop_signs(decisions);
  }
  void calm(int rows) {
    for (int i = 0; i < rows; ++i, now += tick) {
      clock();
      row();
    }
  }
  void pause(int ticks) {
    for (int i = 0; i < ticks; ++i, now += tick) clock();
  }

  entity_core core;
  std::vector<entity_decision> decisions;
  std::int64_t now = test_start;
  std::uint32_t index = 0;

private:
  noise noise_{5};
};

/// What a life may begin again from.
struct saved {
  explicit saved(const one_blob& of) : bytes{of.core.save()}, now{of.now}, index{of.index} {}

  void restart(one_blob& again, std::vector<entity_decision> recorded) const {
    ASSERT_TRUE(again.core.restore(bytes));
    again.core.adopt(std::move(recorded), 0);
    again.index = index;
    again.now = now;
  }
  std::string bytes;
  std::int64_t now;
  std::uint32_t index;
};

TEST(AdoptionInABlob, ASilenceBehindTheLastRecordedDecisionIsDecided) {
  one_blob live;
  live.calm(400);
  saved state{live};
  event_view edge;
  edge.type = event_type::edge;
  edge.depends_on = {"db/orders"};
  live.observe(edge);
  const auto recorded = live.decisions;
  ASSERT_THAT(recorded, SizeIs(1));
  live.pause(20);
  ASSERT_THAT(live.decisions, SizeIs(2));
  one_blob again;
  state.restart(again, recorded);
  again.observe(edge);
  again.pause(20);
  ASSERT_THAT(again.decisions, SizeIs(1));
  EXPECT_EQ(again.decisions[0].key, live.decisions[1].key);
  EXPECT_EQ(encode_decision(again.decisions[0].what), encode_decision(live.decisions[1].what));
}

// The topology hears of an edge at once, of an older tick when the lane has answered.
TEST(AdoptionInABlob, AnEdgeThatWasToldBeforeAnOlderTickWasJudgedDoesNotSwallowItsAlert) {
  auto rules = std::make_shared<judgement_rules>(*test_rules());
  rules->detection.limits.push_back({"*", "latency_ms", 100.0, {}, "critical"});
  one_blob live{rules};
  live.calm(400);
  saved state{live};
  const auto go = [](one_blob& b) {
    for (int i = 0; i < 2; ++i, b.now += tick) {
      event_view slow;
      slow.metrics = {{"latency_ms", 500.0, metric_kind::gauge}};
      b.observe(slow);
    }
    b.now += tick;
    b.clock();  // closes their ticks, whose rows are under way while the edge comes
    event_view edge;
    edge.type = event_type::edge;
    edge.depends_on = {"db/orders"};
    b.observe(edge);
    b.finish();
  };
  go(live);
  ASSERT_THAT(live.decisions, SizeIs(2));
  ASSERT_EQ(live.decisions[0].what.kind, decision_kind::topology);
  ASSERT_LT(live.decisions[1].cause, live.decisions[0].cause);
  one_blob again{rules};
  state.restart(again, {live.decisions[0]});
  go(again);
  ASSERT_THAT(again.decisions, SizeIs(1));
  EXPECT_EQ(again.decisions[0].key, live.decisions[1].key);
}

// Who had an event since the clock before hears of a clock with its next one; after a restart it
// hears of it at once.
TEST(AdoptionInABlob, ASilenceIsKnownByItsClockHoweverThatCame) {
  const auto row_with_clock = [](one_blob& b) {
    b.clock();
    --b.index;
    b.row();
  };
  one_blob live;
  live.calm(400);
  live.now += 20 * tick;
  saved state{live};
  row_with_clock(live);
  ASSERT_THAT(live.decisions, SizeIs(2)) << "a silence and its end, of one record";
  one_blob again;
  state.restart(again, live.decisions);
  --again.index;
  again.clock();
  EXPECT_THAT(again.core.status().alerts, SizeIs(1)) << "silent until its event";
  again.row();
  EXPECT_THAT(again.decisions, SizeIs(0));
  again.pause(100);
  live.now = again.now - 100 * tick;
  live.pause(100);
  ASSERT_THAT(live.decisions, SizeIs(3));
  ASSERT_THAT(again.decisions, SizeIs(1));
  EXPECT_EQ(again.decisions[0].key, live.decisions[2].key) << "of the same episode";
}

// After a restart a clock may close ticks that an event had closed, at a place behind what is
// recorded of later ones.
TEST(AdoptionInABlob, AnAlertIsTakenOverAtItsTickAlsoWhenOlderTicksAreClosedBehindItsRecord) {
  auto rules = std::make_shared<judgement_rules>(*test_rules());
  rules->detection.limits.push_back({"*", "latency_ms", 1e6, {}, "critical"});
  const auto over = [](one_blob& b) {
    for (int i = 0; i < 2; ++i, b.now += tick) {
      event_view slow;
      slow.metrics = {{"latency_ms", 2e6, metric_kind::gauge}};
      b.observe(slow);
      b.finish();
    }
    b.clock();
    b.finish();
  };
  one_blob live{rules};
  live.calm(400);
  saved state{live};
  live.calm(3);
  over(live);
  ASSERT_THAT(live.decisions, SizeIs(1));
  one_blob again{rules};
  state.restart(again, live.decisions);
  again.index += 100;
  for (int i = 0; i < 3; ++i, again.now += tick) again.row();
  EXPECT_THAT(again.core.status().alerts, SizeIs(0)) << "nothing was over the limit yet";
  over(again);
  EXPECT_THAT(again.core.status().alerts, SizeIs(1));
  EXPECT_THAT(again.decisions, SizeIs(0)) << "told once, in the life before";
}

// Rows of a store's first version know their blob alone.
TEST(AdoptionInABlob, OfARecordedDecisionThatKnowsItsBlobAloneNothingIsToldTwice) {
  one_blob live;
  live.calm(400);
  saved state{live};
  live.pause(20);
  live.calm(5);
  ASSERT_THAT(live.decisions, SizeIs(2));
  auto recorded = live.decisions;
  for (auto& d : recorded) d.cause.second = whole_blob;
  one_blob again;
  state.restart(again, recorded);
  again.pause(20);
  again.calm(5);
  EXPECT_THAT(again.decisions, SizeIs(0));
  EXPECT_EQ(again.core.status().state, live.core.status().state);
}

}  // namespace
}  // namespace faultline
