// SPDX-License-Identifier: Apache-2.0
#include "server/later_mails.hpp"

#include <gtest/gtest.h>

namespace faultline {
namespace {

using namespace std::chrono_literals;

notification mail_about(const std::string& id) {
  notification n;
  n.id = id;
  return n;
}

const later_mails::moment start{};

TEST(LaterMails, ComeWhenTheirTimeHasComeAndLaterEachTimeTheyAreRefused) {
  later_mails all;
  EXPECT_FALSE(all.next());
  ASSERT_FALSE(all.add(mail_about("a"), {"x@example.org"}, start));
  EXPECT_FALSE(all.take(start + 4s));
  auto due = all.take(start + 5s);
  ASSERT_TRUE(due);
  EXPECT_FALSE(all.next()) << "it is with who tries it";
  ASSERT_TRUE(all.put_back(*due, {"x@example.org"}, start + 5s));
  EXPECT_EQ(*all.next(), start + 15s);
}

TEST(LaterMails, OneGroupKnowsNothingOfTheRecipientsOfAnother) {
  later_mails all;
  all.add(mail_about("a"), {"x@example.org"}, start);
  all.add(mail_about("b"), {"y@example.org"}, start + 1s);
  const auto first = all.take(start + 9s);
  const auto second = all.take(start + 9s);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->what.id + first->to.front(), "ax@example.org");
  EXPECT_EQ(second->what.id + second->to.front(), "by@example.org");
}

TEST(LaterMails, AreGivenUpAfterTwoHoursOrWhereThereAreTooMany) {
  later_mails all;
  all.add(mail_about("a"), {"x@example.org"}, start);
  int tries = 0;
  for (auto now = *all.next();; now = *all.next()) {
    const auto due = all.take(now);
    ASSERT_TRUE(due);
    ASSERT_LT(++tries, 100);
    if (!all.put_back(*due, due->to, now)) break;
    ASSERT_LE(now, start + later_mails::patience);
  }
  EXPECT_FALSE(all.next());
  for (std::size_t n = 0; n < later_mails::most; ++n)
    ASSERT_FALSE(all.add(mail_about(std::to_string(n)), {"x@example.org"}, start));
  const auto gone = all.add(mail_about("new"), {"x@example.org"}, start);
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->what.id, "0");
}

}  // namespace
}  // namespace faultline
