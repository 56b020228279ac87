// SPDX-License-Identifier: Apache-2.0
#include "transport/decode/otlp.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "tests/transport/proto_text.hpp"
#include "tests/transport/told_samples.hpp"
#include "transport/decode/internal/otlp_points.hpp"

namespace faultline {
namespace {

using namespace faultline::testing;
using ::testing::ElementsAre;

constexpr std::uint64_t at_ns = 1'750'000'000'000'000'000ULL;
constexpr std::uint64_t begun_ns = at_ns - 10'000'000'000ULL;

std::string resource(std::string_view service) {
  return text_field(1, text_field(1, pair_of("service.name", service)));
}
/// A request with one thing of one resource; the things stand before the resource, as they may.
std::string request(std::string_view thing) {
  return text_field(1, text_field(2, text_field(2, thing)) + resource("cart"));
}
std::string number_point(double value, std::string_view more = {}) {
  return text_field(1, fixed_field(3, at_ns) + fixed_field(2, begun_ns) + real_field(4, value) +
                           std::string{more});
}

told_samples read(otlp_signal signal, std::string_view body,
                  otlp_encoding encoding = otlp_encoding::protobuf) {
  told_samples told;
  const auto done = read_otlp(signal, encoding, body, told);
  EXPECT_TRUE(done) << done.error().what;
  return told;
}

TEST(OtlpProtobuf, AGaugeIsAGaugeWithItsLabels) {
  const auto told =
      read(otlp_signal::metrics,
           request(text_field(1, "cpu") + text_field(3, "1") +
                   text_field(5, number_point(0.5, text_field(7, pair_of("core", "3"))))));
  EXPECT_THAT(told.lines, ElementsAre("metric cpu 0.5 gauge @1750000000000 {service.name=cart} "
                                      "{core=3} 1"));
}

TEST(OtlpProtobuf, ASumThatGrowsIsACounterItsDeltaARateAndTheOthersGauges) {
  const auto sum = [](std::uint64_t temporality, bool grows) {
    return read(otlp_signal::metrics,
                request(text_field(1, "n") +
                        text_field(7, number_point(30) + number_field(2, temporality) +
                                          number_field(3, grows ? 1 : 0))))
        .lines.at(0);
  };
  EXPECT_EQ(sum(2, true), "metric n 30 counter @1750000000000 {service.name=cart} {}");
  EXPECT_EQ(sum(1, true), "metric n 3 rate @1750000000000 {service.name=cart} {}");
  EXPECT_EQ(sum(2, false), "metric n 30 gauge @1750000000000 {service.name=cart} {}");
}

TEST(OtlpProtobuf, OfAHistogramCountAndSumAreCounters) {
  const auto point =
      text_field(1, fixed_field(3, at_ns) + fixed_field(4, 12) + real_field(5, 3.5) +
                        text_field(6, "buckets") + text_field(9, pair_of("path", "/")));
  const auto told = read(otlp_signal::metrics, request(text_field(1, "took") + text_field(3, "s") +
                                                       text_field(9, point + number_field(2, 2))));
  EXPECT_THAT(
      told.lines,
      ElementsAre("metric took.count 12 counter @1750000000000 {service.name=cart} {path=/}",
                  "metric took.sum 3.5 counter @1750000000000 {service.name=cart} {path=/} s"));
}

TEST(OtlpProtobuf, OfADeltaHistogramTheRatesAndTheGreatest) {
  const auto point = text_field(1, fixed_field(2, begun_ns) + fixed_field(3, at_ns) +
                                       fixed_field(4, 20) + real_field(5, 4) + real_field(12, 1.5));
  const auto told = read(otlp_signal::metrics, request(text_field(1, "took") +
                                                       text_field(9, point + number_field(2, 1))));
  EXPECT_THAT(told.lines,
              ElementsAre("metric took.count 2 rate @1750000000000 {service.name=cart} {}",
                          "metric took.sum 0.4 rate @1750000000000 {service.name=cart} {}",
                          "metric took.max 1.5 gauge @1750000000000 {service.name=cart} {}"));
}

TEST(OtlpProtobuf, ASummaryHasItsQuantiles) {
  const auto point = text_field(1, fixed_field(3, at_ns) + fixed_field(4, 2) + real_field(5, 3) +
                                       text_field(6, real_field(1, 0.99) + real_field(2, 1.25)));
  const auto told =
      read(otlp_signal::metrics, request(text_field(1, "took") + text_field(11, point)));
  EXPECT_EQ(told.lines.at(2), "metric took.p99 1.25 gauge @1750000000000 {service.name=cart} {}");
}

TEST(OtlpProtobuf, APointWithoutAValueIsLeftOut) {
  const auto told =
      read(otlp_signal::metrics,
           request(text_field(1, "n") + text_field(5, number_point(1, number_field(8, 1)))) +
               request(text_field(1, "n") + text_field(5, text_field(1, fixed_field(3, at_ns)))) +
               request(text_field(1, "of no kind we know") + text_field(99, "x")));
  EXPECT_TRUE(told.lines.empty());
  EXPECT_EQ(told.out_because(left_out::no_value), 2U);
}

TEST(OtlpProtobuf, ADeltaThatDoesNotSayFromWhenOnItCountedIsLeftOutByThatName) {
  const auto sum = [](std::uint64_t start_ns) {
    return request(text_field(1, "n") +
                   text_field(7, text_field(1, fixed_field(2, start_ns) + fixed_field(3, at_ns) +
                                                   fixed_field(6, 5)) +
                                     number_field(2, 1) + number_field(3, 1)));
  };
  const auto histogram =
      request(text_field(1, "took") +
              text_field(9, text_field(1, fixed_field(3, at_ns) + fixed_field(4, 20)) +
                                number_field(2, 1)));
  const auto told = read(otlp_signal::metrics, sum(0) + sum(at_ns) + sum(begun_ns) + histogram);
  EXPECT_EQ(told.lines.size(), 1U);
  EXPECT_EQ(told.out_because(left_out::no_begin), 3U);
}

TEST(OtlpProtobuf, ALogHasItsTimeSeverityAndBody) {
  const auto list =
      text_field(5, text_field(1, text_field(1, "a")) + text_field(1, number_field(3, 7)));
  const auto told =
      read(otlp_signal::logs,
           request(fixed_field(1, at_ns) + number_field(2, 17) +
                   text_field(5, text_field(1, "failed"))) +
               request(fixed_field(11, at_ns) + text_field(3, "WARN") + text_field(5, list)));
  EXPECT_THAT(told.lines, ElementsAre("log error @1750000000000 {service.name=cart} {} failed",
                                      "log warn @1750000000000 {service.name=cart} {} a 7"));
}

TEST(OtlpProtobuf, ASpanHasItsIdsInHexItsTimeAndItsStatus) {
  const std::string trace(16, '\x0a'), span(8, '\x0b'), parent(8, '\x0c');
  const auto told = read(
      otlp_signal::traces,
      request(text_field(1, trace) + text_field(2, span) + text_field(4, parent) +
              text_field(5, "GET /") + number_field(6, 3) + fixed_field(7, at_ns) +
              fixed_field(8, at_ns + 1'500'000) + text_field(9, pair_of("peer.service", "auth")) +
              text_field(15, number_field(3, 2))));
  EXPECT_THAT(told.lines,
              ElementsAre("span GET / 0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a/0b0b0b0b0b0b0b0b/"
                          "0c0c0c0c0c0c0c0c @1750000000000 1500us status 2 leaves "
                          "{service.name=cart} {peer.service=auth}"));
}

TEST(OtlpProtobuf, WhatIsNotWholeIsMalformed) {
  const auto whole = request(text_field(1, "cpu") +
                             text_field(5, number_point(0.5, text_field(7, pair_of("core", "3")))));
  told_samples told;
  for (std::size_t n = 1; n < whole.size(); ++n)
    EXPECT_FALSE(read_otlp(otlp_signal::metrics, otlp_encoding::protobuf, whole.substr(0, n), told))
        << n;
  EXPECT_FALSE(read_otlp(otlp_signal::metrics, otlp_encoding::protobuf, "{\"a\":1}", told));
  EXPECT_TRUE(read_otlp(otlp_signal::metrics, otlp_encoding::protobuf, "", told));
}

TEST(OtlpProtobuf, AFieldThatIsRepeatedWithoutEndTakesNoMemoryWithoutEnd) {
  made_texts texts;
  std::size_t kept = 0;
  for (int i = 0; i < 100'000; ++i) kept += texts.keep("1").empty() ? 0 : 1;
  EXPECT_GT(kept, 1'000U);
  EXPECT_LT(kept, 10'000U);
  texts.clear();
  EXPECT_EQ(texts.keep("1"), "1");
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += number_field(3, 1);
  std::string ids;
  for (int i = 0; i < 100'000; ++i) ids += text_field(1, "");
  const auto told =
      read(otlp_signal::traces,
           request(ids + text_field(2, std::string(1000, 'x')) + text_field(5, "get") +
                   text_field(9, text_field(1, "n") + text_field(2, many))));
  EXPECT_EQ(told.lines.size(), 1U);
}

TEST(OtlpProtobuf, ListsInListsEndSomewhere) {
  std::string value = text_field(1, "x");
  for (int i = 0; i < 10'000; ++i) value = text_field(5, text_field(1, value));
  const auto told = read(otlp_signal::logs, request(text_field(5, value)));
  EXPECT_EQ(told.lines.size(), 1U);
}

const char* const metrics_json = R"({"resourceMetrics":[{"resource":{"attributes":[
  {"key":"service.name","value":{"stringValue":"cart"}}]},"scopeMetrics":[{"scope":{},"metrics":[
  {"name":"requests","unit":"1","sum":{"isMonotonic":true,"aggregationTemporality":2,"dataPoints":[
    {"asInt":"30","timeUnixNano":"1750000000000000000","startTimeUnixNano":"1749999990000000000",
     "attributes":[{"key":"code","value":{"intValue":"200"}},{"key":"ok","value":{"boolValue":true}}]}]}},
  {"name":"cpu","gauge":{"dataPoints":[{"asDouble":0.5,"timeUnixNano":1750000000000000000},
    {"asDouble":"NaN","timeUnixNano":"1750000000000000000"}]}},
  {"name":"took","histogram":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_CUMULATIVE","dataPoints":[
    {"count":"12","sum":3.5,"bucketCounts":["1","11"],"explicitBounds":[1],"timeUnixNano":"1750000000000000000"}]}}
  ]}]}]})";

TEST(OtlpJson, MetricsAreReadAsInProtobuf) {
  const auto told = read(otlp_signal::metrics, metrics_json, otlp_encoding::json);
  EXPECT_THAT(
      told.lines,
      ElementsAre(
          "metric requests 30 counter @1750000000000 {service.name=cart} {code=200,ok=true} 1",
          "metric cpu 0.5 gauge @1750000000000 {service.name=cart} {}",
          "metric cpu nan gauge @1750000000000 {service.name=cart} {}",
          "metric took.count 12 counter @1750000000000 {service.name=cart} {}",
          "metric took.sum 3.5 counter @1750000000000 {service.name=cart} {}"));
}

TEST(OtlpJson, LogsAndSpansAreReadAsInProtobuf) {
  const auto logs = read(otlp_signal::logs, R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[
    {"timeUnixNano":"1750000000000000000","severityNumber":13,"body":{"kvlistValue":{"values":[
      {"key":"a","value":{"arrayValue":{"values":[{"doubleValue":1.5},{"stringValue":"b"}]}}}]}}}]}]}]})",
                         otlp_encoding::json);
  EXPECT_THAT(logs.lines, ElementsAre("log warn @1750000000000 {} {} a=1.5 b"));
  const auto spans = read(otlp_signal::traces, R"({"resourceSpans":[{"scopeSpans":[{"spans":[
    {"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"GET /","kind":3,
     "startTimeUnixNano":"1750000000000000000","endTimeUnixNano":"1750000000002000000",
     "status":{"code":1}}]}]}]})",
                          otlp_encoding::json);
  EXPECT_THAT(spans.lines,
              ElementsAre("span GET / 0af7651916cd43dd8448eb211c80319c/"
                          "b7ad6b7169203331/ @1750000000000 2000us status 1 leaves {} {}"));
}

TEST(OtlpJson, WhatHasTheWrongTypeIsMalformed) {
  told_samples told;
  for (const char* body :
       {"", "[]", "3", "{", R"({"resourceMetrics":3})", R"({"resourceMetrics":[3]})",
        R"({"resourceMetrics":[{"resource":[]}]})",
        R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":7}]}]}]})",
        R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a","gauge":{"dataPoints":[
            {"asInt":"x"}]}}]}]}]})"}) {
    const auto read = read_otlp(otlp_signal::metrics, otlp_encoding::json, body, told);
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(read.error().code, ec::malformed) << body;
  }
  EXPECT_TRUE(read_otlp(otlp_signal::metrics, otlp_encoding::json, "{}", told));
}

TEST(OtlpJson, WhatIsNoJsonIsSaidInOurWords) {
  told_samples told;
  const auto said = [&told](const char* body) {
    return read_otlp(otlp_signal::metrics, otlp_encoding::json, body, told).error().what;
  };
  EXPECT_EQ(said("{nothing"), "the body is not JSON at byte 3");
  EXPECT_EQ(said(R"({"a": 1e999})"), "the body holds a number that is too large for a double");
}

TEST(OtlpJson, ATreeOfTooManyValuesOrTooDeepIsTooLarge) {
  told_samples told;
  std::string many = "[";
  for (int i = 0; i < 600'000; ++i) many += "[],";
  many += "[]]";
  EXPECT_EQ(read_otlp(otlp_signal::metrics, otlp_encoding::json, many, told).error().code,
            ec::too_large);
  const std::string deep(100, '[');
  EXPECT_EQ(read_otlp(otlp_signal::metrics, otlp_encoding::json, deep, told).error().code,
            ec::too_large);
}

TEST(OtlpAnswers, SayHowMuchWasRejectedInTheEncodingOfTheRequest) {
  EXPECT_EQ(otlp_answer(otlp_signal::logs, otlp_encoding::protobuf, 0, "x"), "");
  EXPECT_EQ(otlp_answer(otlp_signal::logs, otlp_encoding::json, 0, "x"), "{}");
  EXPECT_EQ(otlp_answer(otlp_signal::logs, otlp_encoding::protobuf, 3, "why"),
            text_field(1, number_field(1, 3) + text_field(2, "why")));
  const auto json =
      nlohmann::json::parse(otlp_answer(otlp_signal::metrics, otlp_encoding::json, 3, "why"));
  EXPECT_EQ(json["partialSuccess"]["rejectedDataPoints"], "3");
  EXPECT_EQ(json["partialSuccess"]["errorMessage"], "why");
  EXPECT_EQ(otlp_error(otlp_encoding::protobuf, "no"), text_field(2, "no"));
}

}  // namespace
}  // namespace faultline
