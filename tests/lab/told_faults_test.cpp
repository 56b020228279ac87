// SPDX-License-Identifier: Apache-2.0
#include "lab/told_faults.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace faultline {
namespace {

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
    EXPECT_EQ(std::memcmp(a.values.data(), b.values.data(), a.values.size() * sizeof(float)), 0);
  }
  for (const auto& f : with->truth.faults) {
    EXPECT_GT(f.start, with->input.scored.train_until);
    EXPECT_EQ(f.entities.front(), f.roots.front());
  }
}

TEST(ToldFaults, HaveTheirRootNamedMoreOftenWithLogsThanWithout) {
  auto o = small();
  const auto rows = study_told_faults(o, {}, {});
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ((*rows)[0].found.paged.of, 3U);
  EXPECT_GT((*rows)[1].given.within(1), (*rows)[0].given.within(1));
  EXPECT_NE(told_fault_markdown(*rows).find("+ logs"), std::string::npos);
}

}  // namespace
}  // namespace faultline
