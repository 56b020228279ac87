// SPDX-License-Identifier: Apache-2.0
#include "messages/request.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>

#include "messages/feed.hpp"
#include "tests/messages/payloads.hpp"

namespace faultline {
namespace {

using namespace payloads;

constexpr wire_encoding both[] = {wire_encoding::msgpack, wire_encoding::json};

TEST(PublishHeader, IsReadBackInBothEncodings) {
  for (const auto encoding : both) {
    publish_header h;
    h.publisher = "agent-1";
    h.epoch = "boot-7";
    h.seq = 42;
    h.encoding = encoding;
    const auto frame = encode_publish_header(h);
    EXPECT_EQ(encoding_of(frame), encoding);
    const auto back = decode_publish_header(frame);
    ASSERT_TRUE(back) << back.error().what;
    EXPECT_EQ(back->publisher, "agent-1");
    EXPECT_EQ(back->epoch, "boot-7");
    EXPECT_EQ(back->seq, 42U);
    EXPECT_FALSE(back->op_last);
    EXPECT_EQ(back->encoding, encoding);
    h.op_last = true;
    const auto last = decode_publish_header(encode_publish_header(h));
    ASSERT_TRUE(last);
    EXPECT_TRUE(last->op_last);
  }
}

TEST(PublishHeader, ThatBreaksARuleIsInvalid) {
  for (const std::string frame :
       {R"({})", R"({"publisher":"a"})", R"({"publisher":"","seq":1})",
        R"({"publisher":"a","seq":0})", R"({"publisher":"a","seq":-1})",
        R"({"publisher":"a","seq":1.5})", R"({"publisher":"a","seq":"1"})",
        R"({"publisher":7,"seq":1})", R"({"publisher":"a","seq":1,"epoch":3})",
        R"({"publisher":"a","op":"first"})", R"({"publisher":"a\u0000","seq":1})"}) {
    const auto h = decode_publish_header(frame);
    ASSERT_FALSE(h) << frame;
    EXPECT_EQ(h.error().code, ec::invalid) << frame;
    EXPECT_FALSE(h.error().what.empty());
  }
  const auto of = [](std::size_t publisher, std::size_t epoch) {
    return decode_publish_header(map({{"publisher", str(std::string(publisher, 'p'))},
                                      {"epoch", str(std::string(epoch, 'e'))},
                                      {"seq", natural(1)}}));
  };
  EXPECT_TRUE(of(128, 64));
  EXPECT_FALSE(of(129, 64));
  EXPECT_FALSE(of(128, 65));
}

TEST(PublishHeader, ThatCannotBeReadIsMalformed) {
  for (const std::string& frame :
       {std::string{}, std::string{"x"}, std::string{"[]"}, std::string{"\x90"}, natural(1),
        std::string{"{"}, std::string{"\x81"}, std::string{"\xdf\xff\xff\xff\xff"},
        map({{"publisher", str("a")}, {"seq", natural(1)}}) + nil(), std::string(2000, '\x91'),
        std::string(2000, '['), "{\"publisher\":\"" + std::string(3000, 'a') + "\"}",
        std::string("{\"publisher\":\"a\",\"seq\":1}\0x", 27)}) {
    const auto h = decode_publish_header(frame);
    ASSERT_FALSE(h) << frame.substr(0, 40);
    EXPECT_EQ(h.error().code, ec::malformed) << frame.substr(0, 40);
  }
}

TEST(PublishReply, IsReadBackInBothEncodings) {
  for (const auto e : both) {
    const auto ack =
        decode_publish_reply(ack_reply(9, 3,
                                       {{1, reject_reason::ts_unit, "looks: like"},
                                        {std::nullopt, reject_reason::malformed_json, "t"}},
                                       e));
    ASSERT_TRUE(ack);
    EXPECT_EQ(ack->what, publish_reply::kind::ack);
    EXPECT_EQ(ack->seq, 9U);
    EXPECT_EQ(ack->accepted, 3U);
    ASSERT_EQ(ack->rejected.size(), 2U);
    EXPECT_EQ(ack->rejected[0].index, 1U);
    EXPECT_EQ(ack->rejected[0].reason, reject_reason::ts_unit);
    EXPECT_EQ(ack->rejected[0].text, "looks: like");
    EXPECT_FALSE(ack->rejected[1].index.has_value());
    const auto twice = decode_publish_reply(duplicate_reply(9, e));
    ASSERT_TRUE(twice);
    EXPECT_EQ(twice->what, publish_reply::kind::duplicate);
    const auto retry = decode_publish_reply(retry_reply(9, 250, "no space", e));
    ASSERT_TRUE(retry);
    EXPECT_EQ(retry->what, publish_reply::kind::retry);
    EXPECT_EQ(retry->after_ms, 250U);
    EXPECT_EQ(retry->text, "no space");
    const auto error = decode_publish_reply(error_reply("conflict", "other content", 9, e));
    ASSERT_TRUE(error);
    EXPECT_EQ(error->what, publish_reply::kind::error);
    EXPECT_EQ(error->code, "conflict");
    EXPECT_EQ(error->seq, 9U);
    const auto last = decode_publish_reply(last_reply(12, {3, 4}, e));
    ASSERT_TRUE(last);
    EXPECT_EQ(last->last, 12U);
    EXPECT_EQ(last->missing, (std::vector<std::uint64_t>{3, 4}));
  }
  EXPECT_FALSE(decode_publish_reply("{}"));
  EXPECT_FALSE(decode_publish_reply("nothing"));
  EXPECT_TRUE(decode_publish_reply(R"({"ack":"x","rejected":7,"duplicate":1})"));
}

TEST(PublishReply, HasTheKeysOfTheContract) {
  EXPECT_EQ(ack_reply(1, 2, {{0, reject_reason::no_values, "none"}}, wire_encoding::json),
            R"({"accepted":2,"ack":1,"rejected":[{"error":"no_values: none","index":0}]})");
  EXPECT_EQ(
      ack_reply(1, 0, {{std::nullopt, reject_reason::malformed_json, "x"}}, wire_encoding::json),
      R"({"accepted":0,"ack":1,"rejected":[{"error":"malformed_json: x","index":null}]})");
  EXPECT_EQ(duplicate_reply(1, wire_encoding::json), R"({"ack":1,"duplicate":true})");
  EXPECT_EQ(error_reply("bad_header", "t", 0, wire_encoding::json),
            R"({"code":"bad_header","error":"t"})");
}

TEST(PublishReply, OfManyRefusalsIsTheSameBytesAsATreeOfThemWritten) {
  using nlohmann::json;
  std::vector<rejected_event> rejected{
      {std::nullopt, reject_reason::malformed_json, "a \"b\"\n\xff"},
      {0, reject_reason::bad_ts, ""}};
  for (std::size_t i = 1; i < 70000; i *= 7)
    rejected.push_back({i, reject_reason::entity_limit, std::string(i % 300, 'x')});
  for (const auto& some : {rejected, std::vector<rejected_event>{}}) {
    json list = json::array();
    for (const auto& r : some) {
      const std::string error = std::string{to_string(r.reason)} + ": " + r.text;
      list.push_back({{"index", r.index ? json(*r.index) : json()}, {"error", error}});
    }
    const json tree{{"ack", 1ULL << 40U}, {"accepted", 300}, {"rejected", list}};
    const auto packed = json::to_msgpack(tree);
    EXPECT_EQ(ack_reply(1ULL << 40U, 300, some, wire_encoding::msgpack),
              (std::string{packed.begin(), packed.end()}));
    EXPECT_EQ(ack_reply(1ULL << 40U, 300, some, wire_encoding::json),
              tree.dump(-1, ' ', false, json::error_handler_t::replace));
  }
}

TEST(FeedRequest, IsReadInBothEncodings) {
  const auto snapshot = decode_feed_request(R"({"op":"snapshot"})");
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->what, feed_request::op::snapshot);
  EXPECT_EQ(snapshot->encoding, wire_encoding::json);
  const auto replay = decode_feed_request(map({{"op", str("replay")},
                                               {"from", natural(7)},
                                               {"limit", natural(5000)},
                                               {"prefix", str("alert/")}}));
  ASSERT_TRUE(replay);
  EXPECT_EQ(replay->what, feed_request::op::replay);
  EXPECT_EQ(replay->from, 7U);
  EXPECT_EQ(replay->limit, 1000U);
  EXPECT_EQ(replay->prefix, "alert/");
  EXPECT_EQ(replay->encoding, wire_encoding::msgpack);
}

TEST(FeedRequest, ThatBreaksARuleIsRefused) {
  for (const char* frame : {"", "x", "{}", R"({"op":"drop"})", R"({"op":7})",
                            R"({"op":"replay","from":-1})", R"({"op":"replay","from":"1"})",
                            R"({"op":"replay","limit":0})", R"({"op":"replay","prefix":1})"})
    EXPECT_FALSE(decode_feed_request(frame)) << frame;
}

}  // namespace
}  // namespace faultline
