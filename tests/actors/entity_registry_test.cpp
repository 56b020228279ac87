// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>
#include <unordered_map>

#include "actors/node_shared.hpp"

namespace faultline {
namespace {

TEST(HashTable, HoldsWhatAMapHoldsWhateverComesAndGoes) {
  hash_table table;
  std::unordered_map<std::uint64_t, std::uint32_t> map;
  std::mt19937_64 random{5};
  for (int i = 0; i < 200'000; ++i) {
    // Few low bits, so that many belong to the same place and must be pushed on.
    const std::uint64_t hash = random() % 8 + (random() % 500 << 20);
    const auto number = static_cast<std::uint32_t>(random());
    if (random() % 2 == 0) {
      ASSERT_EQ(table.add(hash, number), map.emplace(hash, number).second);
    } else {
      table.erase(hash);
      map.erase(hash);
    }
    ASSERT_EQ(table.size(), map.size());
    const std::uint64_t asked = random() % 8 + (random() % 500 << 20);
    const auto* found = table.find(asked);
    const auto expected = map.find(asked);
    ASSERT_EQ(found != nullptr, expected != map.end());
    if (found != nullptr) {
      ASSERT_EQ(*found, expected->second);
    }
  }
  for (const auto& [hash, number] : map) {
    ASSERT_NE(table.find(hash), nullptr);
    EXPECT_EQ(*table.find(hash), number);
  }
}

TEST(HashTable, IsEmptyAtFirst) {
  hash_table table;
  EXPECT_EQ(table.find(0), nullptr);
  table.erase(0);
  EXPECT_TRUE(table.add(0, 7));
  EXPECT_FALSE(table.add(0, 8));
  EXPECT_EQ(*table.find(0), 7U);
}

TEST(EntityRegistry, CountsWhatAPublisherBroughtInUntilItIsGone) {
  entity_registry registry;
  EXPECT_TRUE(registry.add(1, 3));
  EXPECT_FALSE(registry.add(1, 4));
  EXPECT_TRUE(registry.add(2));
  EXPECT_EQ(registry.introduced(3), 1U);
  EXPECT_EQ(registry.introduced(4), 0U);
  registry.remove(1);
  registry.remove(1);
  EXPECT_EQ(registry.introduced(3), 0U);
  EXPECT_EQ(registry.size(), 1U);
  EXPECT_TRUE(registry.knows(2));
  EXPECT_FALSE(registry.knows(1));
}

}  // namespace
}  // namespace faultline
