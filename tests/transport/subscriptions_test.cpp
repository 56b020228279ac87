// SPDX-License-Identifier: Apache-2.0
#include "transport/internal/subscriptions.hpp"

#include <gtest/gtest.h>

#include <set>

namespace faultline {
namespace {

constexpr int a = 7, b = 8;

/// Descriptors that are closed; others are open.
std::set<int>& closed_ones() {
  static std::set<int> all;
  return all;
}

class Subscriptions : public ::testing::Test {
protected:
  Subscriptions() { closed_ones().clear(); }
  static std::size_t cost(std::size_t text, std::size_t connections) {
    return text * subscriptions::byte_cost + subscriptions::prefix_cost +
           connections * subscriptions::connection_cost;
  }
  void close(int descriptor) { closed_ones().insert(descriptor); }
  void open(int descriptor) { closed_ones().erase(descriptor); }
  subscriptions all{[](int descriptor) { return closed_ones().count(descriptor) == 0; }};
};

TEST_F(Subscriptions, ACloseThatIsToldBeforeTheDescriptorIsClosedIsLookedAtAgain) {
  all.begin("json/", a);
  all.end("json/", subscriptions::closed);
  EXPECT_TRUE(all.wants_json()) << "its descriptor is open still";
  all.look_again();
  EXPECT_TRUE(all.wants_json()) << "it is another's by now, for all that is known";
  all.end("json/", subscriptions::closed);
  close(a);
  all.look_again();
  EXPECT_FALSE(all.wants_json());
  EXPECT_EQ(all.bytes(), 0U);
}

TEST_F(Subscriptions, CountEachPrefixAndEachConnectionOnce) {
  all.begin("alert/", a);
  all.begin("alert/", b);
  all.begin("alert/", b);
  all.begin("", b);
  EXPECT_EQ(all.bytes(), cost(6, 2) + cost(0, 1));
  EXPECT_FALSE(all.wants_json());
  all.begin("js", a);
  EXPECT_EQ(all.bytes(), cost(6, 2) + cost(0, 1) + cost(2, 1));
  EXPECT_TRUE(all.wants_json());
  all.end("js", a);
  all.end("alert/", a);
  EXPECT_EQ(all.bytes(), cost(6, 1) + cost(0, 1));
  EXPECT_FALSE(all.wants_json());
}

TEST_F(Subscriptions, NobodyEndsWhatOthersWant) {
  all.begin("json/", a);
  all.end("json/", b);
  all.end("alert/", b);
  EXPECT_TRUE(all.wants_json());
  EXPECT_EQ(all.bytes(), cost(5, 1));
  all.begin("json/", b);
  all.end("json/", b);
  all.end("json/", b);
  EXPECT_TRUE(all.wants_json()) << "it was b's to end, and is not over";
  all.end("json/", subscriptions::closed);
  EXPECT_TRUE(all.wants_json()) << "a has not closed";
  all.end("json/", a);
  EXPECT_FALSE(all.wants_json());
  EXPECT_EQ(all.bytes(), 0U);
}

TEST_F(Subscriptions, EndWithTheLastThatEndsThem) {
  all.begin("json/", a);
  all.begin("json/", b);
  all.end("json/", a);
  EXPECT_TRUE(all.wants_json());
  all.end("json/", b);
  EXPECT_FALSE(all.wants_json());
}

TEST_F(Subscriptions, EndWithTheLastAfterAnotherClosed) {
  all.begin("json/", a);
  all.begin("json/", b);
  close(a);
  all.end("json/", subscriptions::closed);
  EXPECT_TRUE(all.wants_json());
  EXPECT_EQ(all.bytes(), cost(5, 1));
  all.end("json/", b);
  EXPECT_FALSE(all.wants_json());
}

TEST_F(Subscriptions, EndWhenAllHaveClosed) {
  all.begin("json/", a);
  all.begin("json/", b);
  close(a);
  close(b);
  all.end("json/", subscriptions::closed);
  all.end("json/", subscriptions::closed);
  EXPECT_FALSE(all.wants_json());
  EXPECT_EQ(all.bytes(), 0U);
}

TEST_F(Subscriptions, StayWithWhoComesBackUnderTheSameNumberBeforeHisCloseIsTold) {
  all.begin("json/", a);
  all.begin("json/", a);
  all.end("json/", subscriptions::closed);
  EXPECT_TRUE(all.wants_json());
  all.end("json/", a);
  EXPECT_FALSE(all.wants_json());
}

TEST_F(Subscriptions, WhoHasTheNumberOfOneThatClosedEndsNothingOfOthers) {
  all.begin("json/", a);
  all.begin("json/", b);
  all.end("json/", subscriptions::closed);  // a, whose number another has by now
  all.end("json/", a);
  EXPECT_TRUE(all.wants_json());
  all.end("json/", b);
  EXPECT_FALSE(all.wants_json());
}

TEST_F(Subscriptions, CountWhoHasNoDescriptor) {
  all.begin("json/", subscriptions::closed);
  all.begin("json/", a);
  close(a);
  all.end("json/", subscriptions::closed);
  EXPECT_TRUE(all.wants_json()) << "it was a that closed";
  EXPECT_EQ(all.bytes(), cost(5, 1));
  all.end("json/", subscriptions::closed);
  EXPECT_FALSE(all.wants_json());
  EXPECT_EQ(all.bytes(), 0U);
}

TEST_F(Subscriptions, OfManyConnectionsAreCountedAndGivenBack) {
  constexpr int many = 10'000;
  for (int n = 0; n < many; ++n) all.begin("json/", n);
  EXPECT_EQ(all.bytes(), cost(5, many));
  for (int n = 1; n < many; ++n) close(n);
  all.end("json/", subscriptions::closed);
  EXPECT_EQ(all.bytes(), cost(5, 1));
  for (int n = 1; n < many; ++n) {  // they come and go
    open(n);
    all.begin("json/", n);
    close(n);
    all.end("json/", subscriptions::closed);
  }
  EXPECT_EQ(all.bytes(), cost(5, 1));
}

TEST_F(Subscriptions, AreForgottenTogether) {
  all.begin("json/", a);
  all.clear();
  EXPECT_FALSE(all.wants_json());
  EXPECT_EQ(all.bytes(), 0U);
}

TEST(SubscriptionsOfSockets, FindADescriptorThatIsNoneClosed) {
  subscriptions all;
  all.begin("json/", 1'000'000);
  all.end("json/", subscriptions::closed);
  EXPECT_FALSE(all.wants_json());
}

}  // namespace
}  // namespace faultline
