// SPDX-License-Identifier: Apache-2.0
#include "tools/sending.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace faultline {
namespace {

publish_reply ack(std::uint64_t accepted, std::vector<rejected_event> rejected) {
  publish_reply reply;
  reply.what = publish_reply::kind::ack;
  reply.seq = 1;
  reply.accepted = accepted;
  reply.rejected = std::move(rejected);
  return reply;
}

TEST(Replies, AreCountedWithTheLinesOfWhatWasRejected) {
  sending_summary s;
  count_reply(ack(2, {{1, reject_reason::bad_ts, "ts is text"}}), {10, 20, 30}, s);
  EXPECT_EQ(s.accepted, 2U);
  EXPECT_EQ(s.rejected, 1U);
  EXPECT_EQ(s.by_reason.at("bad_ts"), 1U);
  ASSERT_EQ(s.examples.size(), 1U);
  EXPECT_EQ(s.examples[0], "line 20: bad_ts: ts is text");
}

TEST(Replies, WithoutAnIndexRejectTheWholeRequest) {
  sending_summary s;
  count_reply(ack(0, {{std::nullopt, reject_reason::payload_too_large, ""}}), {1, 2, 3}, s);
  EXPECT_EQ(s.accepted, 0U);
  EXPECT_EQ(s.rejected, 3U);
  EXPECT_EQ(s.by_reason.at("payload_too_large"), 3U);
}

TEST(Replies, ThatSayDuplicateMeanItWasTakenBefore) {
  sending_summary s;
  publish_reply reply;
  reply.what = publish_reply::kind::duplicate;
  count_reply(reply, {1, 2}, s);
  EXPECT_EQ(s.accepted, 2U);
  EXPECT_EQ(s.duplicates, 1U);
}

TEST(Replies, ThatAreErrorsRejectAllUnderTheirCode) {
  sending_summary s;
  publish_reply reply;
  reply.what = publish_reply::kind::error;
  reply.code = "conflict";
  reply.text = "other content";
  count_reply(reply, {5, 6}, s);
  EXPECT_EQ(s.rejected, 2U);
  EXPECT_EQ(s.by_reason.at("conflict"), 2U);
  EXPECT_EQ(s.examples.at(0), "line 5: conflict: other content");
}

TEST(Replies, KeepOnlyAFewExamples) {
  sending_summary s;
  for (int i = 0; i < 100; ++i)
    count_reply(ack(0, {{0, reject_reason::missing_entity, "no entity"}}), {7}, s);
  EXPECT_EQ(s.rejected, 100U);
  EXPECT_EQ(s.examples.size(), 5U);
}

TEST(SummaryText, SaysWhatToDoAboutThePast) {
  sending_summary s;
  s.sent = 12;
  s.requests = 1;
  s.accepted = 2;
  s.rejected = 10;
  s.by_reason["ts_too_old"] = 10;
  const std::string text = summary_text(s, {}, output_format::simple);
  EXPECT_NE(text.find("2 accepted, 10 rejected"), std::string::npos);
  EXPECT_NE(text.find("faultline replay"), std::string::npos);
  sending_options replayed;  // does not send in a circle who has replayed it
  replayed.moved_to_now = true;
  const std::string again = summary_text(s, replayed, output_format::simple);
  EXPECT_EQ(again.find("faultline replay"), std::string::npos);
  EXPECT_NE(again.find("--start-now"), std::string::npos);
}

TEST(SummaryText, AsJsonLeavesOutWhatNobodyAnswered) {
  sending_summary s;
  s.sent = 3;
  sending_options options;
  options.fire_and_forget = true;
  const auto j = nlohmann::json::parse(summary_text(s, options, output_format::json));
  EXPECT_EQ(j["sent"], 3);
  EXPECT_FALSE(j.contains("accepted"));
  options.fire_and_forget = false;
  EXPECT_TRUE(
      nlohmann::json::parse(summary_text(s, options, output_format::json)).contains("accepted"));
}

}  // namespace
}  // namespace faultline
