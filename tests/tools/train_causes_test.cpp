// SPDX-License-Identifier: Apache-2.0
#include "tools/train_causes.hpp"

#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace faultline {
namespace {

TEST(ParseShare, IsASetAndANumberFromZeroOn) {
  const auto share = parse_share("sock-shop=0.4");
  ASSERT_TRUE(share) << share.error().what;
  EXPECT_EQ(*share, std::make_pair(std::string{"sock-shop"}, 0.4));
  ASSERT_TRUE(parse_share("rest=0"));
  ASSERT_TRUE(parse_share("rest=1e-3"));
}

TEST(ParseShare, RefusesWhatIsOnlyInPartANumber) {
  for (const char* text : {"rest=1abc", "rest=", "rest=x", "rest= 1", "rest=1 ", "rest=nan",
                           "rest=inf", "rest=-inf", "rest=1e999"}) {
    const auto share = parse_share(text);
    ASSERT_FALSE(share) << text;
    EXPECT_NE(share.error().what.find("has no number"), std::string::npos) << share.error().what;
  }
}

TEST(ParseShare, RefusesLessThanNothingAndWhatNamesNoSet) {
  EXPECT_EQ(parse_share("rest=-1").error().what, "rest=-1 is less than 0");
  EXPECT_EQ(parse_share("=1").error().what, "=1 is not SET=SHARE");
  EXPECT_EQ(parse_share("1").error().what, "1 is not SET=SHARE");
}

}  // namespace
}  // namespace faultline
