// SPDX-License-Identifier: Apache-2.0
#include "processing/histogram_quantiles.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "processing/roles.hpp"

namespace faultline {
namespace {

struct told_bucket {
  std::string le;
  double count = 0;
};
using counts = std::vector<told_bucket>;

std::string labelled(const std::string& histogram, const std::string& le) {
  return histogram + (histogram.find('{') == std::string::npos ? "{" : ",") + "le=" + le + "}";
}

/// What @p h leaves of an event with these buckets.
std::vector<metric_point> give(histogram_quantiles& h, std::int64_t ts, const counts& buckets,
                               metric_kind kind = metric_kind::counter,
                               const std::string& histogram = "took_seconds_bucket") {
  std::vector<std::string> names;
  for (const auto& b : buckets) names.push_back(labelled(histogram, b.le));
  event_view e;
  for (std::size_t i = 0; i < buckets.size(); ++i)
    e.metrics.push_back({names[i], buckets[i].count, kind});
  std::vector<metric_point> rest;
  const bool any = h.take(e, ts, rest);
  EXPECT_EQ(any, rest.size() != buckets.size());
  return rest;
}

std::map<std::string, double> closed(histogram_quantiles& h) {
  std::map<std::string, double> all;
  for (const auto& q : h.close()) all[q.name] = q.value;
  return all;
}

std::string saved(const histogram_quantiles& h) {
  std::string bytes;
  byte_writer out{bytes};
  h.save(out);
  return bytes;
}

const counts zero{{"0.1", 0}, {"1", 0}, {"10", 0}, {"+Inf", 0}};

TEST(HistogramQuantiles, InterpolatesWhatWasCountedInATickAsPrometheusDoes) {
  histogram_quantiles h;
  give(h, 1'000, {{"0.1", 500}, {"1", 500}, {"10", 500}, {"+Inf", 500}});
  EXPECT_TRUE(closed(h).empty()) << "what came before is not known";
  // 50, 45 and 5 of a hundred: the 99th lies at four fifths of the third bucket.
  give(h, 11'000, {{"0.1", 550}, {"1", 595}, {"10", 600}, {"+Inf", 600}});
  EXPECT_NEAR(closed(h).at("took_seconds_p99"), 1 + 9 * 0.8, 1e-4);
  EXPECT_TRUE(closed(h).empty()) << "nothing was counted";
  give(h, 21'000, {{"0.1", 650}, {"1", 695}, {"10", 700}, {"+Inf", 700}});
  EXPECT_NEAR(closed(h).at("took_seconds_p99"), 0.099, 1e-5) << "the first bucket begins at zero";
  give(h, 31'000, {{"0.1", 650}, {"1", 695}, {"10", 700}, {"+Inf", 710}});
  EXPECT_NEAR(closed(h).at("took_seconds_p99"), 10, 1e-5)
      << "beyond the last bound nothing is known";
}

TEST(HistogramQuantiles, InWhateverOrderAndRequestsBucketsComeTheTickIsTheSame) {
  const counts second{{"0.1", 50}, {"1", 95}, {"10", 100}, {"+Inf", 100}};
  std::mt19937 draw{3};
  for (int round = 0; round < 20; ++round) {
    histogram_quantiles h;
    auto before = zero, after = second;
    std::shuffle(before.begin(), before.end(), draw);
    std::shuffle(after.begin(), after.end(), draw);
    for (const auto& b : before) give(h, 1'000, {b});
    for (const auto& b : after) give(h, 11'000, {b});
    EXPECT_NEAR(closed(h).at("took_seconds_p99"), 8.2, 1e-4) << round;
  }
  // A sender's queue: times of a part of the bounds, then those of the others.
  histogram_quantiles h;
  for (const auto* part : {&zero, &second})
    give(h, part == &zero ? 1'000 : 11'000, {(*part)[0], (*part)[1]});
  EXPECT_TRUE(closed(h).empty());
  for (const auto* part : {&zero, &second})
    give(h, part == &zero ? 1'000 : 11'000, {(*part)[2], (*part)[3]});
  give(h, 21'000, {{"0.1", 50}, {"1", 95}});
  EXPECT_TRUE(closed(h).empty()) << "half of them have not come";
  give(h, 21'000, {{"10", 101}, {"+Inf", 102}});
  EXPECT_NEAR(closed(h).at("took_seconds_p99"), 10, 1e-4);
}

TEST(HistogramQuantiles, ATickWithHalfOfItsBucketsIsToldWithTheNext) {
  histogram_quantiles h;
  give(h, 1'000, zero);
  closed(h);
  give(h, 11'000, {{"0.1", 50}, {"1", 95}});
  EXPECT_TRUE(closed(h).empty());
  give(h, 11'000, {{"10", 100}, {"+Inf", 100}});
  EXPECT_NEAR(closed(h).at("took_seconds_p99"), 8.2, 1e-4);
}

TEST(HistogramQuantiles, CountsThatFallBeginAnewAndSoDoThoseThatDoNot) {
  histogram_quantiles h;
  give(h, 1'000, {{"0.1", 10}, {"1", 500}, {"10", 500}, {"+Inf", 500}});
  closed(h);
  // A restart: 0.1 counts more than before already.
  give(h, 11'000, {{"0.1", 50}, {"1", 95}, {"10", 100}, {"+Inf", 100}});
  EXPECT_NEAR(closed(h).at("took_seconds_p99"), 8.2, 1e-4);
}

TEST(HistogramQuantiles, RatesNeedNoTimeBeforeAndEachTimeHasBoundsOfItsOwn) {
  histogram_quantiles h;
  give(h, 1'000, {{"0.1", 5}, {"1", 9.5}, {"10", 10}, {"+Inf", 10}}, metric_kind::rate);
  EXPECT_NEAR(closed(h).at("took_seconds_p99"), 8.2, 1e-4);
  give(h, 11'000, {{"2", 0}, {"4", 10}, {"+Inf", 10}}, metric_kind::rate);
  EXPECT_NEAR(closed(h).at("took_seconds_p99"), 3.98, 1e-4);
  EXPECT_TRUE(closed(h).empty());
  give(h, 21'000, {{"2", 0}, {"4", 10}, {"+Inf", 10}}, metric_kind::rate);
  give(h, 31'000, {{"2", 10}, {"4", 10}, {"+Inf", 10}}, metric_kind::rate);
  EXPECT_NEAR(closed(h).at("took_seconds_p99"), 3.96, 1e-4) << "two exports in one tick";
  // From a second instance on it is rates, and a restart of the server makes it a counter again.
  give(h, 41'000, zero);
  EXPECT_TRUE(closed(h).empty());
  give(h, 51'000, {{"0.1", 50}, {"1", 95}, {"10", 100}, {"+Inf", 100}});
  EXPECT_NEAR(closed(h).at("took_seconds_p99"), 8.2, 1e-4);
}

TEST(HistogramQuantiles, BoundsThatAreGoneAreForgottenAndNewOnesCountFromTheirSecondTime) {
  histogram_quantiles h;
  give(h, 1'000, zero);
  std::int64_t at = 1'000;
  double n = 0;
  const auto now = [&] { return counts{{"0.1", n / 2}, {"5", n}, {"+Inf", n}}; };
  for (int missed = 0; missed < 3; ++missed) {
    n += 100;
    give(h, at += 10'000, now());
    EXPECT_TRUE(closed(h).empty()) << missed;
  }
  n += 100;
  give(h, at += 10'000, now());
  closed(h);  // all that was counted since they changed
  n += 100;
  give(h, at += 10'000, now());
  EXPECT_NEAR(closed(h).at("took_seconds_p99"), 0.1 + 4.9 * 0.98, 1e-3);
}

TEST(HistogramQuantiles, ALatencyThatIsHigherThanEverIsToldAtOnce) {
  histogram_quantiles h;
  give(h, 1'000, {{"0.1", 100}, {"+Inf", 100}});
  closed(h);
  give(h, 11'000, {{"0.1", 100}, {"1", 180}, {"2", 200}, {"+Inf", 200}});
  EXPECT_GT(closed(h).at("took_seconds_p99"), 1);
  give(h, 21'000, {{"0.1", 100}, {"1", 180}, {"1.5", 190}, {"2", 290}, {"+Inf", 300}});
  EXPECT_TRUE(closed(h).empty()) << "between two that had counted otherwise nothing is known";
}

TEST(HistogramQuantiles, BoundsOfAllAreBoundedInWhateverOrderTheyCome) {
  histogram_quantiles h;
  for (int le = 1; le <= 8; ++le)
    for (int n = 0; n < 500; ++n)
      give(h, 1'000, {{std::to_string(le), 1}}, metric_kind::counter,
           "h" + std::to_string(n) + "_seconds_bucket");
  EXPECT_EQ(h.left_out(), 8u * 500 - histogram_quantiles::most_bounds_of_all);
}

TEST(HistogramQuantiles, CountsThatNobodyCanHaveCountedAreAValueOrNone) {
  for (const auto kind : {metric_kind::counter, metric_kind::rate}) {
    histogram_quantiles h;
    for (int n = 0; n < 3; ++n) {
      const double huge = n % 2 == 0 ? -1.7e308 : 1.7e308;
      give(h, 1'000 + n, {{"1", huge}, {"2", -huge}, {"+Inf", huge}}, kind);
    }
    for (const auto& [name, value] : closed(h)) EXPECT_TRUE(std::isfinite(value)) << name;
    histogram_quantiles again;
    const auto bytes = saved(h);
    byte_reader in{bytes};
    EXPECT_TRUE(again.restore(in));
  }
}

TEST(HistogramQuantiles, WhatIsNoBucketStaysAMetric) {
  histogram_quantiles h;
  for (const char* name : {"took",
                           "took_bucket",
                           "took_bucket{le=}",
                           "took_bucket{le=x}",
                           "took_bucket{le=1e}",
                           "took_bucket{le=1,path=/}",
                           "took_bucket{path=/}",
                           "took_bucket{le=nan}",
                           "took{le=1}",
                           "bucket{le=1}",
                           "_bucket{le=1}",
                           "tookbucket{le=1}",
                           "took_bucket{file=1}",
                           "{le=1}",
                           "}",
                           "",
                           "took_buckets{le=1}",
                           "took_bucket{le=-Inf}",
                           "took_bucket_apples{le=1}",
                           "took_bucket{le=0.10000000000000000000000000000001}"})
    EXPECT_FALSE(bucket_name_of(name)) << name;
  EXPECT_EQ(give(h, 1'000, zero, metric_kind::gauge).size(), zero.size());
  EXPECT_TRUE(closed(h).empty());
  EXPECT_EQ(bucket_name_of("a.bucket_seconds{le=5e-05}")->le, 5e-05);
  EXPECT_EQ(bucket_name_of("took_bucket{q=,le=7,le=+Inf}")->histogram, "took_bucket{q=,le=7");
}

TEST(HistogramQuantiles, TheQuantileIsCalledAsItsHistogramAndALatencyOnlyWhereItIsOne) {
  const std::map<std::string, std::string> names{
      {"took_bucket", "took_q99"},
      {"took_bucket{code=200,path=/}", "took_q99{code=200,path=/}"},
      {"http_request_seconds_bucket", "http_request_seconds_p99"},
      {"http.server.request.duration.bucket{code=200}",
       "http.server.request.duration.p99{code=200}"},
      {"db.requests.bucket_milliseconds", "db.requests.p99_milliseconds"},
      {"rpc_delay_bucket", "rpc_delay_p99"},
      {"sizes_bytes_bucket", "sizes_bytes_q99"},
      {"rows_per_seconds_bucket", "rows_per_seconds_q99"}};
  for (const auto& [bucket, name] : names) {
    histogram_quantiles h;
    const auto histogram = bucket.back() == '}' ? bucket.substr(0, bucket.size() - 1) : bucket;
    give(h, 1'000, {{"1", 5}, {"+Inf", 5}}, metric_kind::rate, histogram);
    EXPECT_EQ(closed(h).count(name), 1U) << name;
    EXPECT_EQ(role_of(name) == metric_role::latency, name.find("p99") != std::string::npos) << name;
  }
}

TEST(HistogramQuantiles, OfManyBoundsTheHighestAreKeptInWhateverOrderTheyCome) {
  counts many;
  for (int n = 0; n < 200; ++n) many.push_back({std::to_string(n + 1), n + 1.0});
  many.push_back({"+Inf", 200});
  std::mt19937 draw{3};
  for (int round = 0; round < 3; ++round) {
    histogram_quantiles h;
    give(h, 1'000, many, metric_kind::rate);
    EXPECT_NEAR(closed(h).at("took_seconds_p99"), 198, 1e-3);
    EXPECT_LE(h.memory_bytes(), 128 * 48 + 1024);
    std::shuffle(many.begin(), many.end(), draw);
  }
}

TEST(HistogramQuantiles, OfManyHistogramsTheFirstAreKeptAndTheRestIsCountedUntilOneIsSilent) {
  histogram_quantiles h;
  const counts two{{"1", 1}, {"+Inf", 1}};
  const auto named = [](std::size_t n) { return "h" + std::to_string(n) + "_bucket"; };
  constexpr std::size_t most = histogram_quantiles::most_bounds_of_all / 2;
  for (std::size_t n = 0; n < most + 10; ++n) give(h, 1'000, two, metric_kind::rate, named(n));
  EXPECT_EQ(h.left_out(), 20U);
  EXPECT_EQ(closed(h).size(), most);
  give(h, 2'000 + histogram_quantiles::idle_ms, two, metric_kind::rate, named(most));
  EXPECT_EQ(h.left_out(), 20U);
  EXPECT_EQ(closed(h).size(), 1U);
}

TEST(HistogramQuantiles, WhatIsRestoredGoesOnAsIfNothingHadBeenAndWhatIsCutIsRefused) {
  histogram_quantiles h;
  give(h, 1'000, zero);
  closed(h);
  give(h, 11'000, {{"0.1", 50}, {"1", 95}});
  give(h, 1'000, {{"1", 3}, {"+Inf", 4}}, metric_kind::rate, "other_bucket");
  const auto bytes = saved(h);
  histogram_quantiles again;
  byte_reader in{bytes};
  ASSERT_TRUE(again.restore(in));
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(saved(again), bytes);
  for (auto* one : {&h, &again}) {
    give(*one, 11'000, {{"10", 100}, {"+Inf", 100}});
    const auto made = closed(*one);
    EXPECT_NEAR(made.at("took_seconds_p99"), 8.2, 1e-4);
    EXPECT_EQ(made.at("other_q99"), 1);
  }
  EXPECT_EQ(saved(again), saved(h));
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    byte_reader cut{std::string_view{bytes}.substr(0, n)};
    EXPECT_FALSE(histogram_quantiles{}.restore(cut)) << n;
  }
}

}  // namespace
}  // namespace faultline
