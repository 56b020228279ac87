// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

constexpr std::int64_t tick = 60'000;

/// A calm day, then twenty minutes with a latency that is @p more too high.
entity_driver day_with(double more) {
  entity_driver d{test_rules(tick)};
  noise n{7};
  for (int i = 0; i < 1460; ++i) {
    const std::int64_t ts = test_start + i * tick;
    auto row = calm_row(ts, n);
    if (i >= 1440) row[7].second += more;
    d.row(ts, row);
  }
  return d;
}

std::vector<entity_decision> signs_of(const entity_driver& d, std::int64_t from) {
  std::vector<entity_decision> list;
  for (const auto& e : d.decisions) {
    if (e.what.kind == decision_kind::sign && unix_ms(e.tick) >= from) list.push_back(e);
  }
  return list;
}

constexpr std::int64_t bump = test_start + 1440 * tick;

TEST(EntitySigns, WhatIsTooLittleForAPageIsAWeakSignWithTheMetricThatShowsIt) {
  const auto d = day_with(9);
  EXPECT_TRUE(d.alerts().empty());
  const auto signs = signs_of(d, bump);
  ASSERT_FALSE(signs.empty());
  EXPECT_EQ(signs[0].what.sign.entity, "service/cart");
  EXPECT_EQ(signs[0].what.sign.metric, "latency_ms");
  EXPECT_EQ(signs[0].what.sign.at, signs[0].tick);
  EXPECT_GE(signs[0].what.sign.decades, 0.3);
  EXPECT_EQ(signs[0].key, "s/" + std::to_string(unix_ms(signs[0].tick)));
}

TEST(EntitySigns, WhatPagesIsNoneWhileItFires) {
  const auto d = day_with(200);
  ASSERT_FALSE(d.alerts().empty());
  EXPECT_TRUE(signs_of(d, unix_ms(d.alerts()[0].started)).empty());
}

TEST(EntitySigns, WhatLastsIsToldWhereItBegins) {
  const auto d = day_with(9);
  event_time last{};
  for (const auto& s : signs_of(d, test_start)) {
    EXPECT_GT(s.tick, last + milliseconds{2 * tick});
    last = s.tick;
  }
  EXPECT_LT(signs_of(d, bump).size(), 10u);
}

constexpr std::int64_t jump_at = bump + 15 * tick;

/// A calm day, a quarter of an hour with 7 ms more of latency, then three minutes with @p jump more
/// than that.
entity_driver moved_day(double jump) {
  entity_driver d{test_rules(tick)};
  noise n{7};
  for (std::int64_t ts = test_start; ts < jump_at + 4 * tick; ts += tick) {
    auto row = calm_row(ts, n);
    if (ts >= bump) row[7].second += 7;
    if (ts >= jump_at && ts < jump_at + 3 * tick) row[7].second += jump;
    d.row(ts, row);
  }
  return d;
}

TEST(EntitySigns, WhatRisesAboveWhatIsUnusualAlreadyIsOne) {
  EXPECT_TRUE(signs_of(moved_day(0), jump_at).empty());
  const auto d = moved_day(9);
  EXPECT_TRUE(d.alerts().empty());
  const auto signs = signs_of(d, jump_at);
  ASSERT_EQ(signs.size(), 1u);
  EXPECT_GE(signs[0].what.sign.decades, 0.3);
}

TEST(EntitySigns, WhatAYoungEntityIsUsedToIsNone) {
  entity_driver d{test_rules(10'000)};
  for (int n = 0; n < 60; ++n)
    d.row(test_start + n * 10'000,
          {{"cpu", 0.5 + 0.01 * (n % 7)}, {"requests.rate", 100.0 + n % 5}});
  EXPECT_TRUE(signs_of(d, test_start).empty());
}

TEST(EntitySigns, WhileNothingIsDecidedNoneIsTold) {
  entity_driver d{test_rules(tick)};
  d.core.set_deciding(false);
  noise n{7};
  for (int i = 0; i < 600; ++i) d.row(test_start + i * tick, calm_row(test_start + i * tick, n));
  EXPECT_TRUE(signs_of(d, 0).empty());
}

TEST(EntitySigns, ASavedEntityTellsTheSameOnesAsOneThatWentOn) {
  noise n{9};
  entity_driver one{test_rules(tick)};
  std::vector<std::vector<std::pair<std::string, double>>> rows;
  for (int i = 0; i < 900; ++i) rows.push_back(calm_row(test_start + i * tick, n));
  const auto at = [](std::size_t i) { return test_start + static_cast<std::int64_t>(i) * tick; };
  for (std::size_t i = 0; i < 600; ++i) one.row(at(i), rows[i]);
  entity_driver two{test_rules(tick)};
  ASSERT_TRUE(two.core.restore(one.core.save()));
  two.position = one.position;
  for (std::size_t i = 600; i < rows.size(); ++i) {
    one.row(at(i), rows[i]);
    two.row(at(i), rows[i]);
  }
  const auto a = signs_of(one, at(600));
  const auto b = signs_of(two, at(600));
  ASSERT_FALSE(a.empty());
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].key, b[i].key);
}

}  // namespace
}  // namespace faultline
