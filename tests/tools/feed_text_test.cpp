// SPDX-License-Identifier: Apache-2.0
#include "tools/feed_text.hpp"

#include <gtest/gtest.h>

namespace faultline {
namespace {

feed_item warning() {
  feed_item item;
  item.kind = "alert";
  item.alert.entity = "service/cart";
  item.alert.metric = "latency.p95_ms";
  item.alert.started = event_time_of(1704715200000);
  item.alert.updated = event_time_of(1704715260000);
  item.alert.score = 0.934;
  item.alert.lead_time_s = 600;
  item.alert.explanation = "latency leaves its band";
  return item;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(FeedLine, OfAWarningSaysWhoWhatHowSureAndHowLong) {
  const std::string line = feed_line(warning(), colours{false});
  for (const char* part : {"12:01:00", "warning", "service/cart", "latency.p95_ms", "93%",
                           "limit in 10m", "latency leaves its band"})
    EXPECT_TRUE(has(line, part)) << part << " in " << line;
  EXPECT_FALSE(has(line, "\n"));
}

TEST(FeedLine, OfAResolveSaysHowLongItTook) {
  feed_item item = warning();
  item.alert.state = alert_state::resolved;
  item.alert.ended = event_time_of(1704715800000);
  const std::string line = feed_line(item, colours{false});
  EXPECT_TRUE(has(line, "resolved"));
  EXPECT_TRUE(has(line, "after 10m"));
  EXPECT_FALSE(has(line, "limit in"));
}

TEST(FeedLine, OfAnIncidentNamesItsLikelyCausesUnlessItAbstains) {
  feed_item item;
  item.kind = "incident";
  item.incident.id = "i1";
  item.incident.alerts = {"a"};
  item.incident.entities = {"x", "y"};
  item.incident.causes.resize(2);
  item.incident.causes[0].entity = "db/orders";
  item.incident.causes[0].probability = 0.62;
  item.incident.causes[1].entity = "host/one";
  item.incident.abstained = false;
  EXPECT_TRUE(has(feed_line(item, colours{false}), "1 alert, 2 entities; likely db/orders 62%"));
  item.incident.abstained = true;
  EXPECT_TRUE(has(feed_line(item, colours{false}), "no cause stands out"));
}

TEST(FeedLine, NeverLetsATextOfTheFeedReachTheTerminalRaw) {
  feed_item item = warning();
  item.alert.explanation = "\x1b]0;owned\x07";
  item.alert.entity = "service/\x1b[2J";
  EXPECT_FALSE(has(feed_line(item, colours{false}), "\x1b"));
}

TEST(FeedLine, UsesColoursOnlyWhenAsked) {
  EXPECT_TRUE(has(feed_line(warning(), colours{true}), "\x1b[33;1m"));
  EXPECT_FALSE(has(feed_line(warning(), colours{false}), "\x1b"));
}

}  // namespace
}  // namespace faultline
