// SPDX-License-Identifier: Apache-2.0
#include "transport/decode/otlp.hpp"

#include <cmath>
#include <limits>

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

std::string fixed_list(std::initializer_list<std::uint64_t> numbers) {
  std::string bytes;
  for (const auto n : numbers) bytes.append(reinterpret_cast<const char*>(&n), sizeof n);
  return bytes;
}
std::string real_list(const std::vector<double>& numbers) {
  std::string bytes;
  for (const auto n : numbers) bytes.append(reinterpret_cast<const char*>(&n), sizeof n);
  return bytes;
}
/// "0.5: 3 counter" of each bucket of a histogram of which @p fields are.
std::vector<std::string> buckets_of(const told_samples& told) {
  std::vector<std::string> all;
  for (const auto& line : told.lines)
    if (const auto at = line.find(" le="); at != std::string::npos)
      all.push_back(line.substr(at + 4) + ": " + line.substr(19, line.find(" @") - 19));
  return all;
}
told_samples histogram(int kind, const std::string& fields, std::uint64_t temporality = 2) {
  const auto times = fixed_field(2, begun_ns) + fixed_field(3, at_ns) + fixed_field(4, 12);
  return read(otlp_signal::metrics, request(text_field(1, "took") + text_field(3, "s") +
                                            text_field(kind, text_field(1, times + fields) +
                                                                 number_field(2, temporality))));
}
constexpr int explicit_kind = 9, exponential_kind = 10;
std::uint64_t zigzag(std::int64_t n) {
  return (static_cast<std::uint64_t>(n) << 1U) ^ static_cast<std::uint64_t>(n >> 63U);
}
std::string exponential(std::int64_t scale, std::int64_t offset, const std::string& counts,
                        std::uint64_t zeros = 0) {
  return number_field(6, zigzag(scale)) + fixed_field(7, zeros) +
         text_field(8, number_field(1, zigzag(offset)) + text_field(2, counts));
}

TEST(OtlpProtobuf, BucketsOfAHistogramAreCountedUpToTheirBounds) {
  const auto packed =
      text_field(6, fixed_list({3, 0, 8, 1})) + text_field(7, real_list({0.1, 1, 10}));
  EXPECT_THAT(buckets_of(histogram(explicit_kind, packed)),
              ElementsAre("0.1: 3 counter", "1: 3 counter", "10: 11 counter", "+Inf: 12 counter"));
  EXPECT_THAT(buckets_of(histogram(explicit_kind, packed, 1)),
              ElementsAre("0.1: 0.3 rate", "1: 0.3 rate", "10: 1.1 rate", "+Inf: 1.2 rate"));
  const auto apart = fixed_field(6, 3) + fixed_field(6, 9) + real_field(7, 0.5);
  EXPECT_THAT(buckets_of(histogram(explicit_kind, apart)),
              ElementsAre("0.5: 3 counter", "+Inf: 12 counter"));
  EXPECT_THAT(histogram(explicit_kind, apart).lines.back(), ::testing::HasSubstr(" s le=+Inf"));
}

TEST(OtlpProtobuf, BucketsOfAnExponentialHistogramLieFourToADoublingOrCoarser) {
  // Scale 3: eight to a doubling; two of them are one of four.
  EXPECT_THAT(
      buckets_of(histogram(exponential_kind, exponential(3, -2, std::string{"\1\2\3\4", 4}, 5))),
      ElementsAre("0.840896: 5 counter", "1: 8 counter", "1.18921: 15 counter",
                  "+Inf: 15 counter"));
  EXPECT_THAT(buckets_of(histogram(exponential_kind, exponential(0, 0, std::string{"\1\2", 2}), 1)),
              ElementsAre("1: 0 rate", "2: 0.1 rate", "4: 0.3 rate", "+Inf: 0.3 rate"));
  const auto wide =
      buckets_of(histogram(exponential_kind, exponential(2, -7, std::string(160, '\1'))));
  EXPECT_LE(wide.size(), 64U);
  EXPECT_EQ(wide.back(), "+Inf: 160 counter");
  EXPECT_EQ(wide.at(wide.size() - 2).substr(wide.at(wide.size() - 2).find(':')), ": 160 counter");
}

TEST(OtlpProtobuf, OfTooManyBoundsSomeAreLeftOutAndCountsStayCounts) {
  std::vector<double> bounds;
  std::string counts;
  for (int n = 1; n <= 200; ++n) bounds.push_back(n), counts += fixed_list({1});
  const auto told = buckets_of(histogram(
      explicit_kind, text_field(6, counts + fixed_list({1})) + text_field(7, real_list(bounds))));
  EXPECT_LE(told.size(), 64U);
  EXPECT_EQ(told.at(told.size() - 2), "200: 200 counter");
  EXPECT_EQ(told.back(), "+Inf: 201 counter");
}

TEST(OtlpProtobuf, BucketsThatCannotBeReadAreLeftOutAndTheirHistogramIsThere) {
  const double nan = std::nan("");
  const auto of = [](std::initializer_list<std::uint64_t> counts,
                     const std::vector<double>& bounds) {
    return text_field(6, fixed_list(counts)) + text_field(7, real_list(bounds));
  };
  for (const auto& fields :
       {of({1, 2}, {1, 2}), of({1, 2, 3}, {2, 1}), of({1, 2, 3}, {1, 1}), of({1, 2}, {nan}),
        of({1, 2}, {HUGE_VAL}), of({1, 2, 3, 4}, {1}), text_field(6, "buckets"),
        text_field(6, std::string(8 * 3'000, '\0')) + text_field(7, real_list({1}))}) {
    const auto told = histogram(explicit_kind, fields);
    EXPECT_EQ(told.out_because(left_out::bucket), 1U);
    EXPECT_EQ(told.lines.size(), 1U) << "its count";
  }
  const auto negative = text_field(9, text_field(2, std::string{"\0\1", 2}));
  for (const auto& fields :
       {exponential(2, 0, "\1") + negative, exponential(21, 0, "\1"), exponential(-11, 0, "\1"),
        exponential(2, std::int64_t{1} << 40U, "\1"),
        exponential(2, std::numeric_limits<std::int64_t>::min(), "\1"), exponential(0, 5'000, "\1"),
        exponential(2, 0, "\x80"), exponential(2, 0, std::string(11, '\xff')),
        exponential(2, 0, std::string(3'000, '\1')), text_field(8, "\x0b")}) {
    const auto told = histogram(exponential_kind, fields);
    EXPECT_EQ(told.out_because(left_out::bucket), 1U);
    EXPECT_EQ(told.lines.size(), 1U);
  }
  for (const auto& none : {of({5}, {}), std::string{}})
    EXPECT_EQ(histogram(explicit_kind, none).out_because(left_out::bucket), 0U);
  EXPECT_EQ(histogram(exponential_kind, exponential(2, 0, "")).out_because(left_out::bucket), 0U);
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
          "metric took.sum 3.5 counter @1750000000000 {service.name=cart} {}",
          "metric took.bucket 1 counter @1750000000000 {service.name=cart} {} le=1",
          "metric took.bucket 12 counter @1750000000000 {service.name=cart} {} le=+Inf"));
}

TEST(OtlpJson, BucketsOfExponentialHistogramsAreReadAsInProtobuf) {
  const auto read_point = [](const std::string& point) {
    return read(otlp_signal::metrics,
                R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"took",
                    "exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[)" +
                    point + "]}}]}]}]}",
                otlp_encoding::json);
  };
  EXPECT_THAT(
      buckets_of(read_point(R"({"count":"15","scale":3,"zeroCount":"5","positive":{"offset":-2,
                                       "bucketCounts":["1",2,"3",4]},"negative":{"bucketCounts":["0"]}})")),
      ElementsAre("0.840896: 5 counter", "1: 8 counter", "1.18921: 15 counter",
                  "+Inf: 15 counter"));
  const auto told = read_point(R"({"count":"1","scale":3,"positive":{"bucketCounts":[1]},
                                   "negative":{"bucketCounts":[1]}})");
  EXPECT_EQ(told.out_because(left_out::bucket), 1U);
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

TEST(OtlpJson, FieldsOfALaterOtlpArePassedOverWhereverTheyStand) {
  const auto told =
      read(otlp_signal::logs,
           R"({"later":1,"resourceLogs":[{"later":[1],"resource":{"later":"x","attributes":[
    {"key":"service.name","later":2,"value":{"anotherValue":7,"stringValue":"cart"}},
    {"key":"later","value":{"stringValueStrindex":3}}]},
    "scopeLogs":[{"logRecords":[{"timeUnixNano":"1750000000000000000","later":null,
      "body":{"arrayValue":{"values":[{"laterValue":"x"},{"intValue":"5","zone":true}]}}}]}]}]})",
           otlp_encoding::json);
  EXPECT_THAT(told.lines, ElementsAre("log info @1750000000000 {service.name=cart,later=} {} 5"));
}

TEST(OtlpJson, AWholeNumberMayBeWrittenAsARealOne) {
  const auto told =
      read(otlp_signal::metrics,
           R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a","gauge":{"dataPoints":[
                             {"asInt":12.0,"timeUnixNano":1.75e18},{"asInt":-3e2,"timeUnixNano":1.75E18}]}}]}]}]})",
           otlp_encoding::json);
  EXPECT_THAT(told.lines, ElementsAre("metric a 12 gauge @1750000000000 {} {}",
                                      "metric a -300 gauge @1750000000000 {} {}"));
}

TEST(OtlpJson, WhatHasTheWrongTypeIsMalformed) {
  told_samples told;
  for (const char* body :
       {"", "[]", "3", "{", R"({"resourceMetrics":3})", R"({"resourceMetrics":[3]})",
        R"({"resourceMetrics":[{"resource":[]}]})",
        R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":7}]}]}]})",
        R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a","gauge":{"dataPoints":[
            {"asInt":"x"}]}}]}]}]})",
        R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a","gauge":{"dataPoints":[
            {"asInt":1.5}]}}]}]}]})",
        R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a","gauge":{"dataPoints":[
            {"asInt":1,"timeUnixNano":-1.0}]}}]}]}]})",
        R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a","gauge":{"dataPoints":[
            {"asInt":1e19}]}}]}]}]})"}) {
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
