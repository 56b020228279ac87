// SPDX-License-Identifier: Apache-2.0
#include "messages/silence.hpp"

#include <gtest/gtest.h>

#include "messages/posted_alert.hpp"
#include "messages/rfc3339.hpp"

namespace faultline {
namespace {

TEST(Silence, IsReadBackWhole) {
  silence s;
  s.id = "1";
  s.matchers = {{"entity", "a\"b", false, false}, {"x", "y.*", true, true}};
  s.starts = event_time_of(1);
  s.ends = event_time_of(2);
  s.created_by = "ann";
  s.comment = "why";
  s.updated = event_time_of(3);
  const auto back = read_silence_json(silence_json(s));
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(silence_json(*back), silence_json(s));
  EXPECT_EQ(back->matchers, s.matchers);
  EXPECT_EQ(matchers_text(s.matchers), R"({entity!="a\"b",x=~"y.*"})");
}

TEST(Silence, ThatLacksAMemberIsNone) {
  EXPECT_FALSE(read_silence_json("{}"));
  EXPECT_FALSE(read_silence_json("[1]"));
  EXPECT_FALSE(read_silence_json(R"({"id":7})"));
}

TEST(PostedAlert, FingerprintsAreThoseOfPrometheus) {
  // Of the test of prometheus/common, model.TestLabelSet: {} and an empty hash.
  EXPECT_EQ(label_fingerprint({}), "cbf29ce484222325");
  EXPECT_NE(label_fingerprint({{"a", "b"}}), label_fingerprint({{"a", "c"}}));
  EXPECT_NE(label_fingerprint({{"a", "bc"}}), label_fingerprint({{"ab", "c"}}));
}

TEST(Rfc3339, IsWrittenAndReadBack) {
  for (const std::int64_t ms : {0LL, 1'700'000'000'123LL, 951'782'400'000LL, 4'102'444'799'999LL})
    EXPECT_EQ(unix_ms(*parse_rfc3339(rfc3339(event_time_of(ms)))), ms);
  EXPECT_EQ(rfc3339(event_time_of(1'709'208'000'005)), "2024-02-29T12:00:00.005Z");
  EXPECT_EQ(unix_ms(*parse_rfc3339("2024-02-29T14:00:00.0059999+02:00")), 1'709'208'000'005);
  EXPECT_EQ(unix_ms(*parse_rfc3339("2024-02-29t07:00:00-05:00")), 1'709'208'000'000);
  EXPECT_LT(*parse_rfc3339("0001-01-01T00:00:00Z"), event_time{});
}

TEST(Rfc3339, WhatIsNoTimeIsRefused) {
  for (const char* text :
       {"", "2024-02-30T12:00:00Z", "2023-02-29T12:00:00Z", "2024-13-01T12:00:00Z",
        "2024-02-29T24:00:00Z", "2024-02-29T12:00:00", "2024-02-29T12:00:00.Z",
        "2024-02-29T12:00:00Zx", "2024-02-29", "yesterday", "0000-01-01T00:00:00Z"})
    EXPECT_FALSE(parse_rfc3339(text)) << text;
}

}  // namespace
}  // namespace faultline
