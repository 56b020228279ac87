// SPDX-License-Identifier: Apache-2.0
#include "transport/internal/subscriptions.hpp"

#include <gtest/gtest.h>

namespace faultline {
namespace {

constexpr int a = 7, b = 8;

TEST(Subscriptions, CountEachPrefixOnce) {
  subscriptions all;
  all.begin("alert/", a);
  all.begin("alert/", b);
  all.begin("", b);
  EXPECT_EQ(all.bytes(), 6U);
  EXPECT_FALSE(all.wants_json());
  all.begin("js", a);
  EXPECT_EQ(all.bytes(), 8U);
  EXPECT_TRUE(all.wants_json());
  all.end("js", a);
  EXPECT_EQ(all.bytes(), 6U);
  EXPECT_FALSE(all.wants_json());
}

TEST(Subscriptions, NobodyEndsWhatOthersWant) {
  subscriptions all;
  all.begin("json/", a);
  all.end("json/", b);
  all.end("alert/", b);
  EXPECT_TRUE(all.wants_json());
  EXPECT_EQ(all.bytes(), 5U);
  all.begin("json/", b);
  all.end("json/", b);
  all.end("json/", b);
  EXPECT_TRUE(all.wants_json()) << "it was b's to end, and is not over";
  all.end("json/", a);
  EXPECT_FALSE(all.wants_json());
}

TEST(Subscriptions, EndWithTheLastConnectionThatHadThem) {
  subscriptions all;
  all.begin("json/", a);
  all.begin("json/", b);
  all.begin("alert/", b);
  all.end("json/", subscriptions::closed);
  EXPECT_FALSE(all.wants_json());
  EXPECT_EQ(all.bytes(), 6U);
  all.begin("json/", a);
  all.clear();
  EXPECT_FALSE(all.wants_json());
  EXPECT_EQ(all.bytes(), 0U);
}

}  // namespace
}  // namespace faultline
