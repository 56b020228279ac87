// SPDX-License-Identifier: Apache-2.0
#include "messages/payload_count.hpp"

#include <gtest/gtest.h>

#include <string>

#include "messages/event_codec.hpp"

namespace faultline {
namespace {

/// Notes how many events the decoder saw.
struct counting : event_sink {
  void accept(std::size_t, const event_view&) override { ++seen; }
  void reject(std::size_t, reject_reason, std::string_view) override { ++seen; }
  void drop_value(std::size_t, std::string_view) override {}
  std::size_t seen = 0;
};

std::size_t decoded(const std::string& payload) {
  payload_decoder decoder;
  counting sink;
  decoder.decode(payload, sink);
  return sink.seen;
}

std::string msgpack_batch(std::size_t count) {
  std::string payload;
  encode_batch_header(count, payload);
  event_view event;
  event.entity = "host/a";
  event.metrics = {{"cpu", 1.0, metric_kind::gauge}};
  for (std::size_t i = 0; i < count; ++i) encode_event(event, wire_encoding::msgpack, payload);
  return payload;
}

TEST(ClaimedEvents, AreWhatTheDecoderFindsInAPayloadThatIsWell) {
  for (const std::size_t n : {0U, 1U, 15U, 16U, 300U, 4096U})
    EXPECT_EQ(claimed_events(msgpack_batch(n)), n);
  for (const std::string& payload :
       {std::string{R"({"entity":"a","values":{"x":1}})"}, std::string{"[]"}, std::string{"[ ]"},
        std::string{R"([{"entity":"a, [b]","values":{"x":1,"y":2}},)"
                    R"({"entity":"q\"],","depends_on":["c","d"],"type":"edge"}, 7])"},
        std::string{"<13>1 2025-06-15T15:06:40Z web-1 app 12 - - hello, [you]"}})
    EXPECT_EQ(claimed_events(payload), decoded(payload)) << payload;
}

TEST(ClaimedEvents, AreNoneWhereNothingCouldBeRead) {
  for (const std::string& payload : {std::string{}, std::string{"\xc1"}, std::string{"hello"},
                                     std::string{"\xdd\xff\xff\xff\xff"}, std::string{"\xdd\x01"},
                                     std::string(payload_limits::bytes + 1, '[')})
    EXPECT_EQ(claimed_events(payload), 0U);
}

TEST(ClaimedEvents, SurviveAnyBytes) {
  std::uint32_t state = 7;
  for (int i = 0; i < 20'000; ++i) {
    std::string payload;
    for (std::uint32_t n = state % 40; n > 0; --n) {
      state = state * 1'664'525 + 1'013'904'223;
      payload.push_back("[]{}\",\\x1\xdc\xdd\x91"[(state >> 16) % 12]);
    }
    EXPECT_LE(claimed_events(payload), payload_limits::events);
  }
}

}  // namespace
}  // namespace faultline
