// SPDX-License-Identifier: Apache-2.0
#include "judgement/remediation.hpp"

#include <gmock/gmock.h>

namespace faultline {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> titles(const std::vector<remediation_item>& items) {
  std::vector<std::string> t;
  for (const auto& i : items) t.push_back(i.title);
  return t;
}

TEST(Remediation, ComponentsAreKnownByKindAndByName) {
  EXPECT_EQ(component_of("db/orders"), "db");
  EXPECT_EQ(component_of("db/redis-like"), "db");
  EXPECT_EQ(component_of("service/redis-cart"), "cache");
  EXPECT_EQ(component_of("service/Orders-Postgres"), "db");
  EXPECT_EQ(component_of("service/carts-db"), "db");
  EXPECT_EQ(component_of("pod/rabbitmq-0"), "queue");
  EXPECT_EQ(component_of("node/worker-1"), "host");
  EXPECT_EQ(component_of("service/cart"), "service");
  EXPECT_EQ(component_of("cart"), "service");
}

TEST(Remediation, TheMostSpecificRunbookComesFirst) {
  const std::vector<runbook> books{
      {"*", "*", "any", {}, ""},
      {"db", "*", "db", {}, ""},
      {"*", "disk", "disk", {}, ""},
      {"db", "disk", "db disk", {"free space"}, "http://runbooks/disk"},
      {"service", "disk", "service disk", {}, ""},
  };
  const auto items = remediation_for("db/orders", "disk", books, 9);
  EXPECT_THAT(titles(items), ElementsAre("db disk", "disk", "db", "any"));
  EXPECT_EQ(items[0].runbook, "http://runbooks/disk");
  EXPECT_THAT(items[0].steps, ElementsAre("free space"));
  EXPECT_THAT(titles(remediation_for("db/orders", "disk", books, 2)),
              ElementsAre("db disk", "disk"));
  EXPECT_THAT(titles(remediation_for("host/a", "cpu", books)), ElementsAre("any"));
  EXPECT_TRUE(remediation_for("host/a", "cpu", {}).empty());
}

}  // namespace
}  // namespace faultline
