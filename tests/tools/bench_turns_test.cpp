// SPDX-License-Identifier: Apache-2.0
#include "tools/bench_turns.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace faultline {
namespace {

std::vector<std::size_t> tick_of(const bench_turns& turns) {
  std::vector<std::size_t> sent;
  for (std::size_t i = 0; i < turns.active(); ++i) sent.push_back(turns.at(i));
  return sent;
}

TEST(BenchTurns, SendsEveryBatchInEveryTickUnlessTold) {
  bench_turns turns{4, 512, 0, 100};
  EXPECT_TRUE(turns.all());
  turns.pass();
  EXPECT_EQ(tick_of(turns), (std::vector<std::size_t>{0, 1, 2, 3}));
  EXPECT_TRUE((bench_turns{4, 512, 4096, 0}).all()) << "as many as there are";
}

TEST(BenchTurns, MovesOnByTheChurnAndRoundsUp) {
  bench_turns turns{5, 512, 1000, 1};
  EXPECT_EQ(tick_of(turns), (std::vector<std::size_t>{0, 1}));
  turns.pass();
  EXPECT_EQ(tick_of(turns), (std::vector<std::size_t>{1, 2}));
  for (int i = 0; i < 3; ++i) turns.pass();
  EXPECT_EQ(tick_of(turns), (std::vector<std::size_t>{4, 0})) << "the first ones come back";
}

TEST(BenchTurns, GroupsHoldEveryBatch) {
  bench_turns turns{7, 512, 1024, 0};
  std::set<std::size_t> seen;
  for (std::size_t g = 0; g < turns.groups(); ++g) {
    for (const auto batch : tick_of(turns)) seen.insert(batch);
    turns.next_group();
  }
  EXPECT_EQ(seen.size(), 7U);
}

}  // namespace
}  // namespace faultline
