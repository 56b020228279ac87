// SPDX-License-Identifier: Apache-2.0
#include "tools/event_input.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <utility>
#include <vector>

namespace faultline {
namespace {

std::shared_ptr<std::istream> text(const std::string& from) {
  return std::make_shared<std::istringstream>(from);
}

struct read_all {
  explicit read_all(event_input& input) {
    input.on_fault = [this](std::uint64_t line, const std::string& why) {
      faults.emplace_back(line, why);
    };
    input_event event;
    for (;;) {
      const auto more = input.next(event);
      EXPECT_TRUE(more);
      if (!more || !*more) return;
      events.push_back(event);
    }
  }
  std::vector<input_event> events;
  std::vector<std::pair<std::uint64_t, std::string>> faults;
};

/// The metrics of an encoded event, in text, through the decoder that servers use.
class spelled final : public event_sink {
public:
  void accept(std::size_t, const event_view& e) override {
    out += std::string{e.entity} + "@" + std::to_string(unix_ms(e.ts));
    for (const auto& m : e.metrics)
      out += " " + std::string{m.name} + (m.kind == metric_kind::counter ? "#" : "=") +
             std::to_string(static_cast<int>(m.value));
  }
  void reject(std::size_t, reject_reason reason, std::string_view) override {
    out += std::string{"rejected "} + to_string(reason);
  }
  void drop_value(std::size_t, std::string_view) override {}
  std::string out;
};
std::string spell(const input_event& event) {
  payload_decoder decoder;
  spelled sink;
  EXPECT_TRUE(decoder.decode(event.bytes, sink).readable);
  return sink.out;
}

TEST(CsvInput, MakesOneEventOfEachRowAndLeavesOutWhatIsMissing) {
  const auto input = csv_input(text("ts,cpu,\"bytes\"\n1700000000000,1,2\r\n\n1700000060000,,3\n"),
                               {"host/a", {"bytes"}});
  ASSERT_TRUE(input);
  const read_all read{**input};
  ASSERT_EQ(read.events.size(), 2U);
  EXPECT_TRUE(read.faults.empty());
  EXPECT_EQ(spell(read.events[0]), "host/a@1700000000000 cpu=1 bytes#2");
  EXPECT_EQ(spell(read.events[1]), "host/a@1700000060000 bytes#3");
  EXPECT_EQ(read.events[1].line, 4U);
  EXPECT_EQ(unix_ms(read.events[1].ts), 1700000060000);
}

TEST(EventInput, AMarkOfUtf8InFrontIsNoPartOfTheFile) {
  const auto marked = text("\xef\xbb\xbfts,cpu\r\n1700000000000,1\r\n");
  skip_utf8_mark(*marked);
  const auto csv = csv_input(marked, {"host/a", {}});
  ASSERT_TRUE(csv) << csv.error().what;
  EXPECT_EQ(read_all{**csv}.events.size(), 1U);
  const auto plain = text("ts,cpu\n");
  skip_utf8_mark(*plain);
  EXPECT_TRUE(csv_input(plain, {"host/a", {}}));
  const auto empty = text("");
  skip_utf8_mark(*empty);
  EXPECT_EQ(csv_input(empty, {"host/a", {}}).error().code, ec::malformed);
}

TEST(CsvInput, NamesTheLinesThatHoldNoRowAndGoesOn) {
  const auto input =
      csv_input(text("ts,cpu\nx,1\n1,2,3\n2,many\n3,nan\n4,\n5,1e400\n6,7\n"), {"host/a", {}});
  ASSERT_TRUE(input);
  const read_all read{**input};
  ASSERT_EQ(read.events.size(), 1U);
  EXPECT_EQ(read.events[0].line, 8U);
  ASSERT_EQ(read.faults.size(), 6U);
  EXPECT_EQ(read.faults[0].first, 2U);
  EXPECT_NE(read.faults[2].second.find("'many'"), std::string::npos);
}

TEST(CsvInput, RefusesAFileThatIsNoneBeforeAnythingIsSent) {
  EXPECT_EQ(csv_input(text(""), {"host/a", {}}).error().code, ec::malformed);
  EXPECT_EQ(csv_input(text("time,cpu\n"), {"host/a", {}}).error().code, ec::malformed);
  EXPECT_EQ(csv_input(text("ts\n"), {"host/a", {}}).error().code, ec::malformed);
  EXPECT_EQ(csv_input(text("ts,cpu\n"), {"host/a", {"disk"}}).error().code, ec::invalid);
  const auto nobody = csv_input(text("ts,cpu\n"), {"", {}});
  ASSERT_FALSE(nobody);
  EXPECT_NE(nobody.error().what.find("--entity"), std::string::npos);
}

TEST(JsonLines, GoOutAsTheyStand) {
  const std::string line = R"({"entity":"host/a","ts":1700000000000,"values":{"cpu":1}})";
  const auto input = json_lines_input(text("\n  " + line + "\r\n"));
  const read_all read{*input};
  ASSERT_EQ(read.events.size(), 1U);
  EXPECT_EQ(read.events[0].bytes, line);
  EXPECT_EQ(read.events[0].line, 2U);
  EXPECT_EQ(read.events[0].encoding, wire_encoding::json);
  EXPECT_EQ(unix_ms(read.events[0].ts), 1700000000000);
}

TEST(JsonLines, LeaveRulesToTheServerButNotWhatIsNoEvent) {
  const auto input =
      json_lines_input(text("{\"values\":{}}\nnot json\n[]\n{\"entity\":\n{\"a\":1} {\n7\n"));
  const read_all read{*input};
  ASSERT_EQ(read.events.size(), 1U);  // without an entity: the server says so
  ASSERT_EQ(read.faults.size(), 5U);
  EXPECT_EQ(read.faults[0].first, 2U);
  EXPECT_NE(read.faults[2].second.find("malformed_json"), std::string::npos);
}

}  // namespace
}  // namespace faultline
