// SPDX-License-Identifier: Apache-2.0
#include "processing/label_matchers.hpp"

#include <gtest/gtest.h>

#include "messages/text.hpp"
#include "processing/posted_entity.hpp"

namespace faultline {
namespace {

bool holds(const std::string& text, const std::map<std::string, std::string>& labels) {
  auto list = parse_matchers(text);
  EXPECT_TRUE(list) << text;
  auto m = label_matchers::compile(*list);
  EXPECT_TRUE(m) << text;
  return m->matches(labels);
}

TEST(LabelMatchers, HoldAsAlertmanagersDo) {
  const std::map<std::string, std::string> labels{{"entity", "service/cart"},
                                                  {"severity", "warning"}};
  struct row {
    const char* text;
    bool holds;
  };
  for (const row& r :
       {row{R"(entity="service/cart")", true}, row{"entity=service/cart", true},
        row{R"({entity="service/cart", severity!="critical"})", true},
        row{R"(entity="service")", false}, row{R"(entity=~"service")", false},
        row{R"(entity=~"service/.*")", true}, row{R"(entity=~"cart|service/cart")", true},
        row{R"(entity!~"db/.*")", true}, row{R"(entity!~"service/.*")", false},
        row{R"(team="")", true}, row{R"(team!="")", false}, row{R"(team=~".*")", true},
        row{R"(team=~".+")", false}, row{R"(severity=~"a,b|warning")", true}, row{"", true}})
    EXPECT_EQ(holds(r.text, labels), r.holds) << r.text;
}

TEST(LabelMatchers, AreFoundInThoseOfASilenceByNameSignAndValue) {
  const auto found = [](std::string_view asked, std::string_view own) {
    return label_matchers::compile(*parse_matchers(asked))->found_in(*parse_matchers(own));
  };
  EXPECT_TRUE(found("a=b", R"(a="b",c=~"d.*")"));
  EXPECT_TRUE(found("a=b,c=~d.*", R"(c=~"d.*",a="b")"));
  EXPECT_TRUE(found("a!=b", R"(a!="b",c="d")"));
  EXPECT_TRUE(found("a=~b.*", R"(a="bc")"));
  EXPECT_TRUE(found("", R"(a="b")"));
  for (const char* other : {R"(a!="b",c="d")", R"(a=~"b",c="d")", R"(c="b")", R"(a="bc")"})
    EXPECT_FALSE(found("a=b", other)) << other << " is not about a=b";
  EXPECT_FALSE(found("a!=b", R"(c="d")"));
  EXPECT_FALSE(found("a!~b.*", R"(a="c")"));
  EXPECT_FALSE(found("a=~b.*", R"(a!="bc",c="d")"));
  EXPECT_FALSE(found("a=~.*", R"(c="d")"));
}

TEST(LabelMatchers, WhatCannotBeReadIsRefused) {
  for (const char* text : {"entity", "=x", R"(a="b)", R"(a="b"c)", "a!x", R"(a=b"c")", "a b=c"})
    EXPECT_FALSE(parse_matchers(text)) << text;
  EXPECT_FALSE(label_matchers::compile({{"a", "(", true}}));
  EXPECT_FALSE(label_matchers::compile({{"a", "(?=x)", true}})) << "RE2 looks nowhere but ahead";
  EXPECT_FALSE(label_matchers::compile({{"", "x"}}));
  EXPECT_FALSE(label_matchers::compile({{"a", std::string(5000, 'x')}}));
  EXPECT_FALSE(label_matchers::compile(std::vector<label_matcher>(65, {"a", "b"})));
}

TEST(LabelMatchers, AnExpressionOfTooManyStepsIsRefusedAndALongListOfNamesIsNot) {
  EXPECT_FALSE(label_matchers::compile({{"entity", ".{0,900}X.{0,90}", true}}));
  std::string names = "host/0";
  for (int n = 1; names.size() < 4'000; ++n) names += "|host/" + std::to_string(n);
  const auto list = label_matchers::compile({{"entity", names, true}});
  ASSERT_TRUE(list);
  EXPECT_TRUE(list->matches({{"entity", "host/77"}}));
  EXPECT_FALSE(list->matches({{"entity", "host/x"}}));
}

TEST(LabelMatchers, AnExpressionThatIsHardForOthersIsNot) {
  auto m = label_matchers::compile({{"a", "(a+)+b", true}});
  ASSERT_TRUE(m);
  EXPECT_FALSE(m->matches({{"a", std::string(100'000, 'a')}}));
}

TEST(LabelMatchers, AreSplitByLabel) {
  auto m = label_matchers::compile({{"entity", "a.*", true}, {"x", "y"}});
  ASSERT_TRUE(m);
  EXPECT_TRUE(m->only("entity").matches({{"entity", "ab"}}));
  EXPECT_TRUE(m->without("entity").matches({{"x", "y"}}));
  EXPECT_EQ(m->equal_value("entity"), nullptr);
  EXPECT_EQ(*m->equal_value("x"), "y");
  EXPECT_FALSE(m->cover_everything());
  EXPECT_TRUE(label_matchers::compile({{"x", ".*", true}})->cover_everything());
}

TEST(LabelMatchers, AreWrittenAsTheyAreRead) {
  const std::vector<label_matcher> all{{"a", "b\\\"c\nd"}, {"e", "f|g", true, false}};
  EXPECT_EQ(*parse_matchers(matchers_text(all)), all);
}

TEST(PostedEntity, IsNamedByTheLabelsThatPeopleUse) {
  using labels = std::map<std::string, std::string>;
  EXPECT_EQ(posted_entity({{"entity", "db/orders"}, {"instance", "x:1"}}), "db/orders");
  EXPECT_EQ(posted_entity({{"service", "cart"}, {"pod", "p"}}), "service/cart");
  EXPECT_EQ(posted_entity({{"instance", "web-1:9100"}, {"job", "node"}}), "host/web-1");
  EXPECT_EQ(posted_entity({{"instance", "[::1]:9100"}}), "host/::1");
  EXPECT_EQ(posted_entity({{"service_name", "cart"}, {"service_namespace", "shop"}}),
            "service/shop/cart");
  EXPECT_EQ(posted_entity({{"instance", "fe80::1"}}), "host/fe80::1");
  EXPECT_EQ(posted_entity({{"alertname", "Watchdog"}}), "alert/Watchdog");
  EXPECT_EQ(posted_entity(labels{}), "alert/unnamed");
  EXPECT_EQ(posted_entity({{"entity", std::string(255, 'x') + "é"}}).size(), 255u);
  EXPECT_EQ(posted_entity({{"entity", "a\nb"}}), "a_b");
}

TEST(PostedEntity, LabelsThatTheConfigurationNamesComeFirst) {
  const std::vector<naming_rule> rules{{"team", "team"}, {"app", "service"}};
  EXPECT_EQ(posted_entity({{"app", "shop:1"}, {"instance", "x:1"}}, rules), "service/shop");
  EXPECT_EQ(posted_entity({{"app", "shop"}, {"team", "red"}}, rules), "team/red");
  EXPECT_EQ(posted_entity({{"app", "shop"}, {"entity", "db/orders"}}, rules), "db/orders");
  EXPECT_EQ(posted_entity({{"app", ""}, {"instance", "x:1"}}, rules), "host/x");
}

TEST(PostedEntity, HoldsNothingThatTheNameOfAnEntityMayNot) {
  const std::string name = posted_entity({{"entity", "a\u0085b\u202ec\u00e9\u2066"}});
  EXPECT_EQ(name, "a_b_c\u00e9_");
  EXPECT_EQ(check_name(name), text_fault::none);
  EXPECT_EQ(posted_entity({{"entity", "x\xff\xc3"}}), "x__");
}

}  // namespace
}  // namespace faultline
