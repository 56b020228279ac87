// SPDX-License-Identifier: Apache-2.0
#include "tools/dead_letters.hpp"

#include <gmock/gmock.h>

#include <set>

namespace faultline {
namespace {

using ::testing::HasSubstr;

kept_letter letter(const char* content, std::string payload, std::uint64_t bytes,
                   bool truncated = false) {
  return {"17", "pull", content, std::move(payload), bytes, truncated, 1'700'000'000'000};
}

TEST(ReplayPlace, IsTheSameForEverForALetterAndAnothersForNoOther) {
  std::set<std::pair<std::string, std::uint64_t>> places;
  for (int id = 1; id <= 3000; ++id) {
    const auto place = replay_place_of(std::to_string(id));
    ASSERT_TRUE(place);
    EXPECT_GE(place->seq, 1u);
    EXPECT_LE(place->seq, 512u) << "all of an epoch stay within the server's window";
    places.emplace(place->epoch, place->seq);
  }
  EXPECT_EQ(places.size(), 3000u);
}

TEST(ReplayPlace, OfWhatIsNoIdIsRefused) {
  for (const char* id : {"", "x", "-1", "1.5", " 1", "1/2", "99999999999999999999999"})
    EXPECT_FALSE(replay_place_of(id)) << id;
}

TEST(ReplayPayload, AnEventGetsTheTimeItArrived) {
  const auto payload = replay_payload(letter("event", R"({"entity":"a"})", 14));
  ASSERT_TRUE(payload);
  EXPECT_EQ(*payload, R"({"ts":1700000000000,"entity":"a"})");
}

TEST(ReplayPayload, AWholePayloadGoesAsItCame) {
  EXPECT_EQ(*replay_payload(letter("payload", "\xc1junk", 5)), "\xc1junk");
}

TEST(ReplayPayload, WhatWasCutOrIsNoEventIsRefusedWithTheReason) {
  const auto cut = replay_payload(letter("event", R"({"entity":"a"})", 70'000, true));
  ASSERT_FALSE(cut);
  EXPECT_THAT(cut.error().what, HasSubstr("14 of 70000 bytes"));
  EXPECT_FALSE(replay_payload(letter("other", "\xc1junk", 5)));
  EXPECT_FALSE(replay_payload(letter("payload", "", 0)));
}

TEST(KeptLetter, IsReadFromTheServersAnswer) {
  const auto l = read_letter(
      R"({"id": "17", "reason": "bad_ts", "text": "t", "ts": 5, "source": "pull", "content": "event",
          "payload_bytes": 9, "truncated": true, "payload_base64": "Zm9v"})");
  ASSERT_TRUE(l) << l.error().what;
  EXPECT_EQ(l->id, "17");
  EXPECT_EQ(l->payload, "foo");
  EXPECT_EQ(l->payload_bytes, 9u);
  EXPECT_TRUE(l->truncated);
  EXPECT_EQ(l->ts, 5);
}

TEST(KeptLetter, OfAnAnswerThatIsNoLetterIsRefused) {
  for (const char* text : {"", "7", "{}", "[]", R"({"id": 17})",
                           R"({"id": "1", "ts": 5, "source": "p", "content": "event",
                              "payload_bytes": 9, "truncated": true, "payload_base64": "*"})"})
    EXPECT_FALSE(read_letter(text)) << text;
}

TEST(Base64, GivesBackAllBytes) {
  EXPECT_EQ(*from_base64(""), "");
  EXPECT_EQ(*from_base64("Zg=="), "f");
  EXPECT_EQ(*from_base64("Zm8="), "fo");
  EXPECT_EQ(*from_base64("Zm9v"), "foo");
  EXPECT_EQ(*from_base64("AP8Qfg=="), std::string("\0\xff\x10~", 4));
  EXPECT_FALSE(from_base64("Zm9v!"));
}

TEST(LetterFate, SaysWhatTheServerSaid) {
  publish_reply reply;
  reply.what = publish_reply::kind::ack;
  reply.accepted = 1;
  EXPECT_EQ(fate_of("1", reply).what, "accepted");
  reply.accepted = 0;
  reply.rejected = {{0, reject_reason::ts_too_old, "older than processing.max_late"}};
  EXPECT_EQ(fate_of("1", reply).what, "rejected");
  EXPECT_THAT(fate_of("1", reply).text, HasSubstr("ts_too_old"));
  reply.what = publish_reply::kind::duplicate;
  EXPECT_EQ(fate_of("1", reply).what, "duplicate");
  reply.what = publish_reply::kind::error;
  reply.code = "conflict";
  EXPECT_EQ(fate_of("1", reply).what, "refused");
}

}  // namespace
}  // namespace faultline
