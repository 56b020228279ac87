// SPDX-License-Identifier: Apache-2.0
#include "lab/told_faults.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>

namespace faultline {
namespace {

std::string short_of(const std::string& id) { return id.substr(id.find('/') + 1); }

told_fault_options small() {
  told_fault_options o;
  o.systems = 1;
  o.days = 1;
  o.faults = 3;
  return o;
}

TEST(ToldFaults, ChangeNoMetricAndAreWrittenByTheirRootAndItsCallers) {
  const auto with = told_fault_system(small(), 0);
  auto none = small();
  none.faults = 0;
  const auto calm = told_fault_system(none, 0);
  ASSERT_TRUE(with && calm);
  ASSERT_EQ(with->truth.faults.size(), 3U);
  ASSERT_EQ(with->input.scored.entities.size(), calm->input.scored.entities.size());
  EXPECT_GT(with->input.scored.logs.size(), calm->input.scored.logs.size());
  for (std::size_t e = 0; e < calm->input.scored.entities.size(); ++e) {
    const auto& a = with->input.scored.entities[e];
    const auto& b = calm->input.scored.entities[e];
    ASSERT_EQ(a.values.size(), b.values.size());
    EXPECT_EQ(std::memcmp(a.values.data(), b.values.data(), a.values.size() * sizeof(double)), 0);
  }
  for (const auto& f : with->truth.faults) {
    EXPECT_GT(f.start, with->input.scored.train_until);
    EXPECT_EQ(f.entities.front(), f.roots.front());
  }
}

TEST(ToldFaults, InSpansChangeNeitherMetricsNorLogs) {
  auto o = small();
  o.shown = told_in::spans;
  const auto with = told_fault_system(o, 0);
  auto none = o;
  none.faults = 0;
  const auto calm = told_fault_system(none, 0);
  ASSERT_TRUE(with && calm);
  const auto& a = with->input.scored;
  const auto& b = calm->input.scored;
  ASSERT_EQ(a.logs.size(), b.logs.size());
  for (std::size_t i = 0; i < b.logs.size(); ++i) EXPECT_EQ(a.logs[i].body, b.logs[i].body);
  ASSERT_EQ(a.spans.size(), b.spans.size());
  std::size_t slower = 0, failed = 0;
  for (std::size_t i = 0; i < b.spans.size(); ++i) {
    EXPECT_GE(a.spans[i].duration_us, b.spans[i].duration_us);
    const bool other =
        a.spans[i].duration_us != b.spans[i].duration_us || a.spans[i].status != b.spans[i].status;
    slower += a.spans[i].duration_us != b.spans[i].duration_us;
    failed += a.spans[i].status != b.spans[i].status;
    EXPECT_TRUE(!other || a.spans[i].ts >= a.train_until) << i;
  }
  EXPECT_GT(slower, 0U);
  EXPECT_GT(failed, 0U);
}

TEST(ToldFaults, InOperationsChangeOneOperationOfFewSpans) {
  auto o = small();
  o.shown = told_in::operations;
  const auto with = told_fault_system(o, 0);
  auto none = o;
  none.faults = 0;
  const auto calm = told_fault_system(none, 0);
  ASSERT_TRUE(with && calm);
  const auto& a = with->input.scored.spans;
  const auto& b = calm->input.scored.spans;
  ASSERT_EQ(a.size(), b.size());
  for (const auto& f : with->truth.faults) {
    std::map<std::string, std::size_t> touched, of;
    for (std::size_t i = 0; i < b.size(); ++i) {
      if (b[i].entity != f.roots.front()) continue;
      ++of[b[i].operation];
      if (b[i].ts < f.start || b[i].ts >= f.end) continue;
      if (a[i].duration_us != b[i].duration_us || a[i].status != b[i].status)
        ++touched[a[i].operation];
    }
    EXPECT_EQ(of.size(), 3U) << f.id;
    ASSERT_EQ(touched.size(), 1U) << f.id;
    EXPECT_LT(of[touched.begin()->first] * 12, of["GET /" + short_of(f.roots.front())]) << f.id;
  }
  EXPECT_EQ(with->truth.faults[0].type, "slow operation");
  EXPECT_EQ(with->truth.faults[1].type, "failing operation");
}

TEST(ToldFaults, HaveTheirRootNamedMoreOftenWithWhatTellsOfThemThanWithout) {
  auto o = small();
  o.shown = told_in::spans;
  o.traces_per_minute = 5;
  const auto rows = study_told_faults(o, {}, {});
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 4U);
  EXPECT_EQ((*rows)[2].way, "+ spans");
  EXPECT_EQ((*rows)[0].found.paged.of, 3U);
  EXPECT_GT((*rows)[2].given.within(1), (*rows)[0].given.within(1));
  EXPECT_NE(told_fault_markdown(*rows).find("+ logs and spans"), std::string::npos);
}

}  // namespace
}  // namespace faultline
