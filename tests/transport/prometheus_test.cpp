// SPDX-License-Identifier: Apache-2.0
#include "transport/decode/prometheus.hpp"

#include <cmath>

#include <gmock/gmock.h>

#include "tests/transport/proto_text.hpp"
#include "tests/transport/told_samples.hpp"

namespace faultline {
namespace {

using namespace faultline::testing;
using ::testing::ElementsAre;

std::string label(std::string_view key, std::string_view value) {
  return text_field(1, text_field(1, key) + text_field(2, value));
}
std::string sample(double value, std::int64_t ts) {
  return text_field(2, real_field(1, value) + number_field(2, static_cast<std::uint64_t>(ts)));
}
std::string series(std::string_view name, std::string_view rest) {
  return text_field(1,
                    label("__name__", name) + label("instance", "web-1:9100") + std::string{rest});
}
std::string metadata(std::uint64_t type, std::string_view family, std::string_view unit = {}) {
  return text_field(3, number_field(1, type) + text_field(2, family) + text_field(5, unit));
}

told_samples write(const std::string& body, prometheus_types types = {}) {
  told_samples told;
  const auto read = read_remote_write(body, types, told);
  EXPECT_TRUE(read) << read.error().what;
  return told;
}

told_samples scrape(std::string_view text, prometheus_types types = {}) {
  told_samples told;
  const sample_labels more{{"instance", "web-1:9100"}, {"job", "node"}};
  const auto read = read_exposition(text, more, types, told);
  EXPECT_TRUE(read) << read.error().what;
  return told;
}

TEST(RemoteWrite, EverySampleOfASeriesIsTold) {
  const auto told =
      write(series("load1", label("cpu", "0") + sample(0.5, 1000) + sample(0.7, 2000)));
  EXPECT_THAT(told.lines,
              ElementsAre("metric load1 0.5 gauge @1000 {} {instance=web-1:9100,cpu=0}",
                          "metric load1 0.7 gauge @2000 {} {instance=web-1:9100,cpu=0}"));
}

TEST(RemoteWrite, CountersAreKnownByTheirNamesAndBetterByMetadata) {
  const auto kind = [](std::string_view name, prometheus_types types = {}) {
    return types.kind_of(name) == metric_kind::counter;
  };
  EXPECT_TRUE(kind("http_requests_total"));
  EXPECT_FALSE(kind("took_seconds_sum")) << "of what, nobody has said yet";
  EXPECT_FALSE(kind("pods_count"));
  EXPECT_FALSE(kind("memory_bytes"));
  EXPECT_FALSE(kind("_total"));
  prometheus_types types;
  types.learn("pods_count", prometheus_type::gauge);
  types.learn("packets", prometheus_type::counter);
  types.learn("took_seconds", prometheus_type::histogram);
  types.learn("waited", prometheus_type::summary);
  types.learn("memory", prometheus_type::gauge);
  EXPECT_FALSE(kind("pods_count", types));
  EXPECT_TRUE(kind("packets", types));
  EXPECT_TRUE(kind("packets_total", types));
  EXPECT_TRUE(kind("took_seconds_sum", types));
  EXPECT_TRUE(kind("took_seconds_count", types));
  EXPECT_TRUE(kind("waited_count", types));
  EXPECT_FALSE(kind("waited", types));
  EXPECT_FALSE(kind("memory_total", types));
}

TEST(RemoteWrite, MetadataCountsInTheRequestThatHasItAndInThoseAfterIt) {
  prometheus_types types;
  told_samples told;
  ASSERT_TRUE(
      read_remote_write(series("packets", sample(1, 1)) + metadata(1, "packets"), types, told));
  ASSERT_TRUE(read_remote_write(series("packets", sample(2, 2)), types, told));
  for (const auto& line : told.lines) EXPECT_THAT(line, ::testing::HasSubstr("counter")) << line;
}

TEST(RemoteWrite, UnitsOfMetadataAreThoseOfItsFamily) {
  prometheus_types types;
  told_samples told;
  ASSERT_TRUE(read_remote_write(metadata(3, "took", "seconds") + metadata(2, "used", "bytes") +
                                    series("took_sum", sample(1, 1)) + series("used", sample(2, 1)),
                                types, told));
  ASSERT_TRUE(read_remote_write(
      series("took_count", sample(1, 2)) + series("took_sum", sample(1, 2)), types, told));
  const auto& lines = told.lines;
  ASSERT_EQ(lines.size(), 4U);
  for (const std::size_t n : {0U, 3U}) EXPECT_THAT(lines[n], ::testing::EndsWith(" seconds")) << n;
  EXPECT_THAT(lines[1], ::testing::EndsWith(" bytes"));
  EXPECT_THAT(lines[2], ::testing::EndsWith("}")) << "how many there were";
  ASSERT_TRUE(
      read_remote_write(metadata(2, "used", "") + series("used", sample(2, 3)), types, told));
  EXPECT_THAT(told.lines.back(), ::testing::EndsWith("}")) << "the last word counts";
}

TEST(PrometheusTypes, UnitsThatAreNoneAreNotTold) {
  prometheus_types types;
  for (const char* unit : {"", "apples", "not_bytes", "bytes_per_second", "seconds ", "1", "By",
                           "\x01seconds", "\xff"})
    types.learn_unit("a", unit);
  types.learn_unit("", "seconds");
  types.learn_unit(std::string(prometheus_types::longest + 1, 'x'), "seconds");
  EXPECT_EQ(types.unit_told("a"), "");
  EXPECT_EQ(types.unit_told(""), "");
  EXPECT_EQ(types.unit_told("_sum"), "");
  EXPECT_EQ(types.unit_told(std::string(prometheus_types::longest + 1, 'x')), "");
  types.learn_unit("a", "joules");
  EXPECT_EQ(types.unit_told("a"), "joules");
  EXPECT_EQ(types.unit_told("a_total"), "joules");
  EXPECT_EQ(types.unit_told("a_max"), "");
  EXPECT_EQ(types.of("a"), prometheus_type::unknown) << "a unit is no type";
  for (std::size_t i = 0; i < prometheus_types::most + 10; ++i)
    types.learn_unit("family" + std::to_string(i), "bytes");
  EXPECT_EQ(types.unit_told("family0"), "bytes");
  EXPECT_EQ(types.unit_told("family" + std::to_string(prometheus_types::most)), "");
}

TEST(RemoteWrite, StaleSeriesAndNativeHistogramsAreLeftOut) {
  const std::string stale = fixed_field(1, 0x7ff0000000000002ULL) + number_field(2, 1000);
  const auto told =
      write(series("a", text_field(2, stale)) + series("took", text_field(4, "histogram")) +
            series("nan", sample(std::nan(""), 1000)));
  EXPECT_EQ(told.out_because(left_out::stale), 1U);
  EXPECT_EQ(told.out_because(left_out::no_value), 1U);
  EXPECT_EQ(told.lines.size(), 1U);  // the namer leaves out what is not finite
}

TEST(RemoteWrite, BucketsAreCountersUpToTheirBound) {
  const auto told = write(metadata(3, "took", "seconds") +
                          series("took_bucket", label("le", "0.5") + label("path", "/") +
                                                    sample(1, 1000) + sample(2, 2000)));
  EXPECT_THAT(told.lines,
              ElementsAre("metric took_bucket 1 counter @1000 {} {instance=web-1:9100,path=/} "
                          "seconds le=0.5",
                          "metric took_bucket 2 counter @2000 {} {instance=web-1:9100,path=/} "
                          "seconds le=0.5"));
}

TEST(RemoteWrite, BucketsWithoutABoundAndThoseOfGaugesAreLeftOut) {
  for (const char* le : {"", "x", "1x", "NaN", "-Inf", "+Inf ", "1e999"}) {
    const auto told = write(series("took_bucket", label("le", le) + sample(1, 1000)));
    EXPECT_EQ(told.out_because(left_out::bucket), 1U) << le;
  }
  for (const std::uint64_t type : {2U, 4U}) {
    const auto told =
        write(metadata(type, "took") + series("took_bucket", label("le", "1") + sample(1, 1000)));
    EXPECT_EQ(told.out_because(left_out::bucket), 1U) << type;
  }
  const auto others = write(series("took_bucket", sample(1, 1000)) +
                            series("took", label("le", "1") + sample(1, 1000)));
  EXPECT_EQ(others.lines.size(), 2U) << "are no buckets";
}

TEST(RemoteWrite, WhatIsNotWholeIsMalformed) {
  const auto whole = series("load1", label("cpu", "0") + sample(0.5, 1000));
  prometheus_types types;
  told_samples told;
  for (std::size_t n = 1; n < whole.size(); ++n)
    EXPECT_FALSE(read_remote_write(whole.substr(0, n), types, told)) << n;
  EXPECT_FALSE(read_remote_write("some text", types, told));
  for (const char* inner : {"\x09\x01", "\x10", "\x0b"}) {
    EXPECT_FALSE(read_remote_write(series("m", text_field(2, inner)), types, told));
    EXPECT_FALSE(read_remote_write(series("m", text_field(1, inner)), types, told));
    EXPECT_FALSE(read_remote_write(text_field(3, inner), types, told));
  }
  EXPECT_TRUE(told.lines.empty());
  EXPECT_TRUE(read_remote_write("", types, told));
}

TEST(RemoteWrite, ANumberWhereASampleOrALabelStandsIsMalformedAndNoSampleOfZero) {
  prometheus_types types;
  told_samples told;
  EXPECT_FALSE(read_remote_write(series("m", number_field(2, 5)), types, told));
  EXPECT_FALSE(read_remote_write(series("m", number_field(1, 5)), types, told));
  EXPECT_FALSE(read_remote_write(number_field(3, 5), types, told));
  EXPECT_TRUE(told.lines.empty());
}

TEST(RemoteWrite, TypesOfFamiliesAreBounded) {
  prometheus_types types;
  for (std::size_t i = 0; i < prometheus_types::most + 10; ++i)
    types.learn("family" + std::to_string(i), prometheus_type::counter);
  EXPECT_EQ(types.of("family0"), prometheus_type::counter);
  EXPECT_EQ(types.of("family" + std::to_string(prometheus_types::most)), prometheus_type::unknown);
  prometheus_types few;
  const std::string longer(prometheus_types::longest + 1, 'x');
  few.learn(longer, prometheus_type::counter);
  EXPECT_EQ(few.of(longer), prometheus_type::unknown);
}

TEST(Exposition, IsReadWithTypesLabelsAndTimes) {
  const auto told = scrape(
      "# HELP packets Those that came.\n# TYPE packets counter\npackets{dev=\"eth0\",} 7\n"
      "\n  load1 0.25 1750000000000\r\nmax +Inf\nsmall{ a = \"b\" , c=\"d\" } 1e-3\n# EOF\n");
  EXPECT_THAT(
      told.lines,
      ElementsAre("metric packets 7 counter @0 {} {dev=eth0,instance=web-1:9100,job=node}",
                  "metric load1 0.25 gauge @1750000000000 {} {instance=web-1:9100,job=node}",
                  "metric max inf gauge @0 {} {instance=web-1:9100,job=node}",
                  "metric small 0.001 gauge @0 {} {a=b,c=d,instance=web-1:9100,job=node}"));
}

TEST(Exposition, EscapesAreReadAndLabelsOfTheTextWin) {
  const auto told = scrape("a{path=\"C:\\\\x\\\"y\\nz\",job=\"own\"} 1\n");
  EXPECT_THAT(told.lines,
              ElementsAre("metric a 1 gauge @0 {} {path=C:\\x\"y\nz,job=own,instance=web-1:9100}"));
}

TEST(Exposition, WhatIsBeyondADoubleIsInfiniteOrNothingAndTimesOfOpenMetricsAreSeconds) {
  const auto told = scrape("a 1e400\nb -1e400\nc 1e-400\nd 1 1750000000.123\n");
  EXPECT_THAT(told.lines,
              ElementsAre("metric a inf gauge @0 {} {instance=web-1:9100,job=node}",
                          "metric b -inf gauge @0 {} {instance=web-1:9100,job=node}",
                          "metric c 0 gauge @0 {} {instance=web-1:9100,job=node}",
                          "metric d 1 gauge @1750000000123 {} {instance=web-1:9100,job=node}"));
}

TEST(Exposition, WhenACounterOrHistogramBeganIsNoMetric) {
  const auto told = scrape(
      "# TYPE paid_total counter\npaid_total 3\n# TYPE paid_created gauge\npaid_created 1.7e9\n"
      "# TYPE took histogram\ntook_created{a=\"b\"} 1.7e9\n# TYPE om counter\nom_created 1.7e9\n"
      "# TYPE users gauge\nusers_created 5\nother_created 6\n");
  EXPECT_EQ(told.out_because(left_out::created), 3U);
  ASSERT_EQ(told.lines.size(), 3U);
  EXPECT_THAT(told.lines[1], ::testing::StartsWith("metric users_created 5 gauge "));
  EXPECT_THAT(told.lines[2], ::testing::StartsWith("metric other_created 6 gauge "));
}

TEST(Exposition, UnitsStandWithTheValuesOfTheirFamily) {
  const auto told = scrape(
      "# TYPE lookups counter\n# UNIT lookups seconds\nlookups_total 3\n# UNIT heat celsius\nheat "
      "3\n"
      "# UNIT\n# UNIT heat2\n# UNIT heat2 of rooms\nheat2 3\n#UNIT heat3 celsius\nheat3 1\n");
  ASSERT_EQ(told.lines.size(), 4U);
  EXPECT_THAT(told.lines[0], ::testing::EndsWith(" seconds"));
  EXPECT_THAT(told.lines[1], ::testing::EndsWith(" celsius"));
  EXPECT_THAT(told.lines[2], ::testing::EndsWith("}"));
  EXPECT_THAT(told.lines[3], ::testing::EndsWith(" celsius"));
}

TEST(Exposition, BucketsAreCountersUpToTheirBound) {
  const auto told = scrape(
      "# TYPE took histogram\ntook_bucket{le=\"1\"} 3\ntook_bucket{le=\"+Inf\",a=\"b\"} 4\n"
      "# TYPE now gaugehistogram\nnow_bucket{le=\"1\"} 3\n");
  EXPECT_THAT(told.lines,
              ElementsAre("metric took_bucket 3 counter @0 {} {instance=web-1:9100,job=node} le=1",
                          "metric took_bucket 4 counter @0 {} {a=b,instance=web-1:9100,job=node} "
                          "le=+Inf"));
  EXPECT_EQ(told.out_because(left_out::bucket), 1U);
}

TEST(Exposition, ALineOfAnotherFormIsNamed) {
  prometheus_types types;
  for (const char* bad : {"a", "a b", "{a=\"b\"} 1", "a{b} 1", "a{b=\"c} 1", "a{b=\"c\" 1", "a 1 x",
                          "<html>", "a{b=c} 1", "a 1e", "a ="}) {
    told_samples told;
    const auto read = read_exposition(std::string{"ok 1\n"} + bad, {}, types, told);
    ASSERT_FALSE(read) << bad;
    EXPECT_THAT(read.error().what, ::testing::StartsWith("line 2 ")) << bad;
  }
}

}  // namespace
}  // namespace faultline
