// SPDX-License-Identifier: Apache-2.0
#include "messages/event_pieces.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "messages/event_codec.hpp"

namespace faultline {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string packed(const json& value) {
  const auto bytes = json::to_msgpack(value);
  return {bytes.begin(), bytes.end()};
}

/// The time of the one event of a payload; -1 when there is none.
struct ts_sink : event_sink {
  void accept(std::size_t, const event_view& e) override { ts = e.has_ts ? unix_ms(e.ts) : 0; }
  void reject(std::size_t, reject_reason, std::string_view) override {}
  void drop_value(std::size_t, std::string_view) override {}
  std::int64_t ts = -1;
};
std::int64_t ts_of(const std::string& event) {
  ts_sink sink;
  payload_decoder{}.decode(event, sink);
  return sink.ts;
}

const json one{{"entity", "host/a"}, {"values", {{"cpu", 1.5}}}, {"list", {1, 2}}};
const json two{{"entity", "host/b \"],[ \\"}, {"values", {{"é", -3}}}, {"x", {{"y", {nullptr}}}}};

TEST(EventPieces, ABatchIsCutIntoItsEvents) {
  const json batch{one, two, one};
  for (const int indent : {-1, 2}) {
    const std::string text = batch.dump(indent);
    const auto pieces = event_pieces(text);
    ASSERT_EQ(pieces.size(), 3u);
    EXPECT_EQ(json::parse(pieces[0]), one);
    EXPECT_EQ(json::parse(pieces[1]), two);
  }
  const std::string bytes = packed(batch);
  EXPECT_THAT(event_pieces(bytes), ElementsAre(packed(one), packed(two), packed(one)));
}

TEST(EventPieces, EveryKindOfMsgpackValueIsSteppedOver) {
  json values = json::array({0,
                             127,
                             128,
                             255,
                             65'535,
                             65'536,
                             5'000'000'000ULL,
                             -1,
                             -32,
                             -33,
                             -129,
                             -40'000,
                             -3'000'000'000LL,
                             1.5,
                             true,
                             false,
                             nullptr,
                             "",
                             std::string(31, 'a'),
                             std::string(32, 'a'),
                             std::string(300, 'a'),
                             std::string(70'000, 'a'),
                             json::array(),
                             json::object()});
  values.push_back(json::binary(std::vector<std::uint8_t>(3, 1)));
  values.push_back(json::binary(std::vector<std::uint8_t>(300, 1)));
  values.push_back(json::binary(std::vector<std::uint8_t>(70'000, 1)));
  for (const int size : {1, 2, 4, 8, 16, 5, 300, 70'000})
    values.push_back(json::binary(std::vector<std::uint8_t>(static_cast<std::size_t>(size), 1), 7));
  json wide = json::object();
  for (int i = 0; i < 70'000; ++i) wide[std::to_string(i)] = i;
  values.push_back(json{{"a", 1}});
  values.push_back(std::vector<int>(20, 1));
  values.push_back(wide);
  const std::string bytes = packed(values);
  const auto pieces = event_pieces(bytes);
  ASSERT_EQ(pieces.size(), values.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) EXPECT_EQ(pieces[i], packed(values[i])) << i;
}

TEST(EventPieces, OneEventIsOnePiece) {
  const std::string line = "<13>1 2025-06-15T15:06:40Z web-1 app - - - hello, [you]";
  EXPECT_THAT(event_pieces(line), ElementsAre(line));
  EXPECT_THAT(event_pieces(one.dump()), ElementsAre(one.dump()));
  const std::string bytes = packed(one);
  EXPECT_THAT(event_pieces(bytes), ElementsAre(bytes));
  EXPECT_THAT(event_pieces(""), IsEmpty());
  EXPECT_THAT(event_pieces("[ ]"), IsEmpty());
}

TEST(EventPieces, APayloadThatBreaksOffGivesTheEventsBeforeTheBreak) {
  const std::string text = json{one, two}.dump();
  const std::string bytes = packed(json{one, two});
  for (std::size_t cut = 0; cut < text.size(); ++cut)
    EXPECT_LE(event_pieces(text.substr(0, cut)).size(), 1u);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_LE(event_pieces(bytes.substr(0, cut)).size(), 1u);
  const std::string claims_much{"\xdd\xff\xff\xff\xff\x01", 6};
  EXPECT_EQ(event_pieces(claims_much).size(), 1u);
}

TEST(DefaultTs, IsGivenToAnEventWithoutATime) {
  for (const auto& event : {one, two}) {
    EXPECT_EQ(ts_of(with_default_ts(packed(event), 1'700'000'000'123)), 1'700'000'000'123);
    EXPECT_EQ(ts_of(with_default_ts(event.dump(), 1'700'000'000'123)), 1'700'000'000'123);
  }
  json many = one;
  for (int i = 0; i < 13; ++i) {  // from a small map to one with a length of two bytes
    many["k" + std::to_string(i)] = i;
    EXPECT_EQ(ts_of(with_default_ts(packed(many), 1'700'000'000'123)), 1'700'000'000'123);
  }
  for (int i = 0; i < 300; ++i) many["k" + std::to_string(i)] = i;
  EXPECT_EQ(ts_of(with_default_ts(packed(many), 1'700'000'000'123)), 1'700'000'000'123);
}

TEST(DefaultTs, DoesNotTouchATimeThatIsThere) {
  json timed = one;
  timed["ts"] = 1'600'000'000'000;
  EXPECT_EQ(ts_of(with_default_ts(packed(timed), 1'700'000'000'123)), 1'600'000'000'000);
  EXPECT_EQ(ts_of(with_default_ts(timed.dump(), 1'700'000'000'123)), 1'600'000'000'000);
}

TEST(DefaultTs, LeavesWhatIsNoMapAsItIs) {
  for (const std::string text : {"<13>1 - - - - - - x", "[1]", "", "\xde\x01", "\xc1"})
    EXPECT_EQ(with_default_ts(text, 5), text);
  EXPECT_EQ(with_default_ts("{ }", 5), "{\"ts\":5 }");
}

}  // namespace
}  // namespace faultline
