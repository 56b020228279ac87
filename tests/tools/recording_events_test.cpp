// SPDX-License-Identifier: Apache-2.0
#include "tools/recording_events.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace faultline {
namespace {

constexpr float missing = std::numeric_limits<float>::quiet_NaN();

telemetry small_recording() {
  telemetry t;
  t.name = "small";
  t.interval_s = 10;
  entity_series a{"service/a", {"cpu", "mem"}, {}, {1, 2, missing, missing, 3, missing}};
  entity_series b{"db/b", {"cpu"}, {}, {7, 8}};
  for (const int ts : {1000, 2000, 3000}) a.ts.push_back(event_time_of(ts));
  for (const int ts : {2000, 4000}) b.ts.push_back(event_time_of(ts));
  t.entities = {a, b};
  t.edges = {{"service/a", "db/b", edge_kind::calls}};
  t.logs = {{event_time_of(2500), "db/b", log_severity::error, "boom"},
            {event_time_of(500), "db/b", log_severity::info, "up"}};
  t.changes = {{event_time_of(2000), "service/a", change_kind::deploy, "v2"}};
  span_row span;
  span.ts = event_time_of(2000);
  span.entity = "service/a";
  span.trace = "0a";
  span.span = "0b";
  span.operation = "GET";
  t.spans = {span};
  return t;
}

class spelled final : public event_sink {
public:
  void accept(std::size_t, const event_view& e) override {
    out.push_back(std::string{to_string(e.type)} + " " + std::string{e.entity} + "@" +
                  std::to_string(unix_ms(e.ts)) + " " + std::to_string(e.metrics.size()));
  }
  void reject(std::size_t, reject_reason reason, std::string_view text) override {
    out.push_back(std::string{"rejected "} + to_string(reason) + std::string{text});
  }
  void drop_value(std::size_t, std::string_view) override {}
  std::vector<std::string> out;
};

std::vector<std::string> spell(const telemetry& t, milliseconds shift) {
  const auto input = recording_input(t, shift);
  payload_decoder decoder;
  spelled sink;
  input_event event;
  for (;;) {
    const auto more = input->next(event);
    EXPECT_TRUE(more);
    if (!more || !*more) break;
    EXPECT_TRUE(decoder.decode(event.bytes, sink).readable);
  }
  EXPECT_EQ(input->done(), input->total());
  return sink.out;
}

TEST(RecordingEvents, ComeInOrderOfTimeWithEdgesFirstAndEmptyRowsLeftOut) {
  const milliseconds base{1'700'000'000'000};
  const auto events = spell(small_recording(), base);
  const auto at = [&](std::int64_t ts) { return "@" + std::to_string(base.count() + ts); };
  const std::vector<std::string> expected{
      "edge service/a" + at(500) + " 0",    "log db/b" + at(500) + " 0",
      "metric service/a" + at(1000) + " 2", "change service/a" + at(2000) + " 0",
      "span service/a" + at(2000) + " 0",   "metric db/b" + at(2000) + " 1",
      "log db/b" + at(2500) + " 0",         "metric service/a" + at(3000) + " 1",
      "metric db/b" + at(4000) + " 1"};
  EXPECT_EQ(events, expected);
}

TEST(RecordingEvents, SpanFromTheFirstStampOfAnyKindToTheLast) {
  const auto span = span_of(small_recording());
  ASSERT_TRUE(span);
  EXPECT_EQ(unix_ms(span->first), 500);
  EXPECT_EQ(unix_ms(span->last), 4000);
  EXPECT_FALSE(span_of(telemetry{}));
}

TEST(RecordingEvents, OfAnEmptyRecordingAreNone) { EXPECT_TRUE(spell(telemetry{}, {}).empty()); }

}  // namespace
}  // namespace faultline
