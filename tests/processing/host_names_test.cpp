// SPDX-License-Identifier: Apache-2.0
#include "processing/host_names.hpp"

#include <gmock/gmock.h>

namespace faultline {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(HostNames, AnAddressIsADomainAnIpOrEndsInAPort) {
  for (const char* address : {"remote/cart.shop.svc.cluster.local", "remote/10.0.0.7",
                              "orders-db:5432", "queue/https://mq.eu.example.org/orders"}) {
    EXPECT_TRUE(is_address(address)) << address;
  }
  for (const char* name : {"service/cart", "db/orders", "lambda/step.v2", "service/Some::Thing",
                           "remote/a b.c.d", ""}) {
    EXPECT_FALSE(is_address(name)) << name;
  }
}

TEST(HostNames, WordsAreThoseOfTheHostAndNotOfItsDomain) {
  EXPECT_THAT(address_words("remote/front-cart.payments.example.org"),
              ElementsAre("front", "cart"));
  EXPECT_THAT(address_words("orders:8080"), ElementsAre("orders"));
  EXPECT_THAT(address_words("remote/www.example.org"), IsEmpty());
  EXPECT_THAT(address_words("remote/10.0.0.7"), IsEmpty());
}

TEST(HostNames, AWordNamesAnEntityThatHoldsItAlsoWhenItWasCut) {
  EXPECT_TRUE(word_names("cart", "service/cart"));
  EXPECT_TRUE(word_names("Cart", "service/shoppingCart"));
  EXPECT_TRUE(word_names("recom", "service/recommendation"));
  EXPECT_TRUE(word_names("cartservice", "service/cart"));
  EXPECT_FALSE(word_names("cart", "service/orders"));
  EXPECT_FALSE(word_names("service", "service/orders")) << "the kind is no name";
  EXPECT_FALSE(word_names("webs", "service/web")) << "three letters are too few";
  EXPECT_FALSE(word_names("cart", "remote/cart.shop.svc")) << "an address names no address";
}

}  // namespace
}  // namespace faultline
