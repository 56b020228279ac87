// SPDX-License-Identifier: Apache-2.0
#include "judgement/operation_stats.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

/// A service in ticks of ten seconds: GET /list often, GET /cart seldom, both as on every day.
class service {
public:
  void span(std::string_view operation, double ms, bool failed = false,
            std::string_view peer = {}) {
    event_view e;
    e.type = event_type::span;
    e.ts = event_time_of(at - 5000);
    e.operation = operation, e.peer = peer;
    e.duration_us = static_cast<std::uint64_t>(ms * 1000);
    e.status = failed ? span_status::error : span_status::ok;
    stats.take(e);
  }
  double usual(double middle) { return middle * std::exp(0.4 * n.normal()); }
  double tick(double cart = 1, double failing = 0, bool learn = true) {
    for (int i = 0; i < 60; ++i) span("GET /list", usual(20));
    for (int i = 0; i < 2; ++i) span("GET /cart", cart * usual(40), n.uniform() < failing);
    return close(learn);
  }
  double close(bool learn = true) {
    at += 10'000;
    return stats.close(event_time_of(at), 10, learn);
  }
  void live(int ticks) {
    for (int i = 0; i < ticks; ++i) tick();
  }
  operation_status of(std::string_view operation) const {
    for (const auto& s : stats.status())
      if (s.operation == operation) return s;
    return {};
  }
  std::string bytes() const {
    std::string out;
    byte_writer to{out};
    stats.save(to);
    return out;
  }

  operation_stats stats;
  noise n{5};
  std::int64_t at = test_start;
};

TEST(OperationStats, EachHasItsRateItsFailuresAndItsQuantiles) {
  service s;
  for (int i = 0; i < 30; ++i) {
    for (int k = 1; k <= 100; ++k) s.span("GET /list", k, k % 50 == 0);
    s.span("SELECT", 7, true, "db/orders");
    s.close();
  }
  ASSERT_EQ(s.stats.status().size(), 2U);
  const auto list = s.of("GET /list"), select = s.of("SELECT");
  EXPECT_NEAR(list.rate, 10, 0.1);
  EXPECT_NEAR(list.error_share, 0.02, 1e-9);
  EXPECT_NEAR(list.p50_ms, 50, 3);
  EXPECT_NEAR(list.p95_ms, 95, 5);
  EXPECT_NEAR(list.p99_ms, 99, 5);
  EXPECT_EQ(select.peer, "db/orders");
  EXPECT_NEAR(select.rate, 0.1, 0.01);
  EXPECT_EQ(select.error_share, 1);
  EXPECT_NEAR(select.p95_ms, 7, 0.4);
}

TEST(OperationStats, WhatAPeerIsAskedIsAnOperationOfItsOwn) {
  service s;
  s.span("SELECT", 1, false, "db/a");
  s.span("SELECT", 2, false, "db/b");
  s.span("SELECT", 3);
  EXPECT_EQ(s.stats.status().size(), 3U);
}

TEST(OperationStats, NothingIsFarOffBeforeItIsKnownWhatIsUsual) {
  service s;
  for (int i = 0; i < 40; ++i) EXPECT_TRUE(std::isnan(s.tick())) << i;
  EXPECT_TRUE(std::isnan(s.of("GET /cart").usual_p95_ms));
  s.live(300);
  EXPECT_FALSE(std::isnan(s.tick()));
  EXPECT_NEAR(s.of("GET /cart").usual_p95_ms, 40 * std::exp(0.4 * 1.645), 8);
  EXPECT_EQ(s.of("GET /cart").usual_error_share, 0);
}

TEST(OperationStats, OrdinaryDaysAreNeverFarOff) {
  service s;
  s.live(700);
  int odd = 0;
  for (int i = 0; i < 5000; ++i) odd += s.tick() > 5;
  EXPECT_LE(odd, 5);
}

TEST(OperationStats, ASeldomOneThatIsSlowIsFarOffAndNamed) {
  service s;
  s.live(700);
  EXPECT_TRUE(s.stats.telling().empty());
  double most = 0;
  for (int i = 0; i < 30; ++i) most = std::max(most, s.tick(6));
  EXPECT_GT(most, 30);
  EXPECT_LT(most, 100);
  const auto said = s.stats.telling();
  EXPECT_EQ(said.find("GET /cart took "), 0U) << said;
  EXPECT_NE(said.find(" at its 95th percentile, usually "), std::string::npos) << said;
  s.live(60);
  EXPECT_LT(s.tick(), 5) << "it is over";
}

TEST(OperationStats, ASeldomOneThatFailsIsFarOffAndNamed) {
  service s;
  s.live(700);
  double most = 0;
  for (int i = 0; i < 30; ++i) most = std::max(most, s.tick(1, 0.5));
  EXPECT_GT(most, 20);
  EXPECT_NE(s.stats.telling().find("% of GET /cart failed lately, usually 0 %"), std::string::npos)
      << s.stats.telling();
}

TEST(OperationStats, AFaultIsNotLearnedUntilItHasLastedForHours) {
  service s;
  s.live(360 * 25);  // its first day is learned from, whatever it brings
  for (int i = 0; i < 360 * 5; ++i) s.tick(6);
  EXPECT_GT(s.tick(6), 30) << "after five hours";
  for (int i = 0; i < 360 * 3; ++i) s.tick(6);
  EXPECT_LT(s.tick(6), 5) << "after eight it is the usual";
}

TEST(OperationStats, AMaintenanceWindowTeachesNothingAndLeavesNothingBehind) {
  service s;
  s.live(700);
  const auto before = s.of("GET /cart").usual_p95_ms;
  for (int i = 0; i < 200; ++i) s.tick(6, 0, false);
  EXPECT_NEAR(s.of("GET /cart").usual_p95_ms, before, before * 0.06);
  EXPECT_LT(s.tick(), 5);
}

TEST(OperationStats, MoreThanHaveAPlaceAreCountedTogether) {
  service s;
  for (int i = 0; i < 40; ++i)
    for (int k = 0; k < 20; ++k) s.span("op " + std::to_string(k), 1 + k);
  s.close();
  const auto all = s.stats.status();
  ASSERT_EQ(all.size(), operation_stats::most_operations + 1);
  EXPECT_TRUE(all.back().operation.empty());
  double rate = 0;
  for (const auto& o : all) rate += o.rate;
  EXPECT_GT(all.back().rate, 0);
  EXPECT_NEAR(rate, 80, 0.1) << "what a newcomer drove out is all that is not in it";
}

TEST(OperationStats, NamesThatNeverComeAgainDriveOutNoneThatDo) {
  service s;
  int serial = 0;
  for (int t = 0; t < 700; ++t) {
    for (int k = 0; k < 10; ++k) s.span("op " + std::to_string(k), 5 + k);
    for (int k = 0; k < 40; ++k) s.span("GET /user/" + std::to_string(++serial), 9);
    s.close();
  }
  for (int k = 0; k < 10; ++k)
    EXPECT_FALSE(std::isnan(s.of("op " + std::to_string(k)).usual_p95_ms)) << k;
}

TEST(OperationStats, AnOperationThatIsGoneMakesRoomInHours) {
  service s;
  for (int t = 0; t < 360; ++t) {
    for (int k = 0; k < 16; ++k) s.span("old " + std::to_string(k), 5);
    s.close();
  }
  for (int t = 0; t < 360 * 8; ++t) {
    for (int k = 0; k < 16; ++k) s.span("new " + std::to_string(k), 5);
    s.close();
  }
  for (int k = 0; k < 15; ++k) EXPECT_GT(s.of("new " + std::to_string(k)).rate, 0) << k;
}

TEST(OperationStats, NamesAreCutAndFitToBeShown) {
  service s;
  s.span("a\tb\x01" + std::string(300, 'c'), 1);
  s.span("a\tb\x01" + std::string(301, 'c'), 1);
  ASSERT_EQ(s.stats.status().size(), 2U) << "they differ beyond what is shown";
  const auto name = s.stats.status()[0].operation;
  EXPECT_EQ(name.substr(0, 5), "a b c");
  EXPECT_LE(name.size(), operation_stats::longest_operation);
}

TEST(OperationStats, GoOnTheSameAfterASnapshotAndRefuseWhatIsDamaged) {
  service s;
  s.live(700);
  s.tick(6);
  s.span("GET /list", 3);
  const auto bytes = s.bytes();
  service again;
  byte_reader in{bytes};
  ASSERT_TRUE(again.stats.restore(in) && in.at_end());
  EXPECT_EQ(again.bytes(), bytes);
  again.at = s.at, again.n = s.n;
  for (int i = 0; i < 100; ++i) ASSERT_EQ(again.tick(3), s.tick(3)) << i;
  EXPECT_EQ(again.bytes(), s.bytes());
  for (const std::size_t cut : {1UL, 40UL, bytes.size() / 2, bytes.size() - 1}) {
    operation_stats broken;
    byte_reader part{std::string_view{bytes}.substr(0, cut)};
    EXPECT_FALSE(broken.restore(part)) << cut;
  }
}

TEST(OperationStats, MemoryIsBoundedUnderNamesThatNeverRepeat) {
  service s;
  int serial = 0;
  for (int t = 0; t < 2000; ++t) {
    for (int k = 0; k < 60; ++k)
      s.span("GET /user/" + std::to_string(++serial) + std::string(200, 'x'),
             std::exp(18 * s.n.uniform()) / 1000);
    s.close();
  }
  EXPECT_LT(s.stats.memory_bytes(), 48U * 1024);
  EXPECT_LT(s.bytes().size(), 32U * 1024);
}

}  // namespace
}  // namespace faultline
