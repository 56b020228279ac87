// SPDX-License-Identifier: Apache-2.0
#include "processing/interval_means.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "processing/roles.hpp"

namespace faultline {
namespace {

constexpr std::int64_t start = 1'704'067'200'000;
constexpr std::int64_t tick = 10'000;

metric_point counter(std::string_view name, double v) { return {name, v, metric_kind::counter}; }

struct means_driver {
  means_driver() { options.accept_past = true; }
  void give(std::vector<metric_point> points) {
    event_view e;
    e.ts = event_time_of(start + tick * static_cast<std::int64_t>(++position));
    e.metrics = std::move(points);
    const auto waited = builder.waiting_ticks();
    builder.add(e, {position, 0}, options);
    for (auto n = waited; n < builder.waiting_ticks(); ++n) derive_means(builder, n);
    for (; builder.waiting(); builder.pop()) last = builder.front().values;
  }
  /// In the last tick; NaN: there is none.
  double value(std::string_view name) const {
    const auto& all = builder.channels();
    for (std::size_t c = 0; c < all.size(); ++c)
      if (all[c].name == name && c < last.size()) return last[c];
    return std::nan("");
  }

  processing_options options;
  tick_builder builder;
  std::vector<double> last;
  log_position position = 0;
};

std::string mean_of(std::string_view sum) {
  const auto names = mean_names_of(sum);
  return names ? names->mean + " of " + names->count : "";
}

TEST(IntervalMeans, AreNamedAsTheirCountersAre) {
  EXPECT_EQ(mean_of("http.server.request.duration.sum{code=200}"),
            "http.server.request.duration.mean{code=200} of "
            "http.server.request.duration.count{code=200}");
  EXPECT_EQ(mean_of("rpc_duration_seconds_sum"),
            "rpc_duration_seconds_mean of rpc_duration_seconds_count");
  EXPECT_EQ(mean_of("body.size.sum_bytes"), "body.size.mean_bytes of body.size.count");
  for (const char* other :
       {"sum", "_sum", "checksum", "summer_total", "a.sum.b", "a_sum_of_all", ""})
    EXPECT_EQ(mean_of(other), "") << other;
  EXPECT_EQ(mean_of(std::string(124, 'x') + ".sum"), "");  // .mean is one byte more
}

TEST(IntervalMeans, OfTimesAreLatenciesWhateverElseTheNameSays) {
  for (const char* sum : {"http_request_seconds_sum{path=/}", "checkout.sum_milliseconds",
                          "queue.time.sum_seconds", "rpc.server.duration.sum"}) {
    const auto names = mean_names_of(sum);
    ASSERT_TRUE(names) << sum;
    EXPECT_EQ(role_of(names->mean), metric_role::latency) << names->mean;
  }
  EXPECT_EQ(mean_of("http_request_seconds_sum{path=/}"),
            "http_request_seconds_latency_mean{path=/} of http_request_seconds_count{path=/}");
  EXPECT_NE(role_of(mean_names_of("http_request_bytes_sum")->mean), metric_role::latency);
}

TEST(IntervalMeans, AreOfWhatCameInTheTickNotOfAllThatEverCame) {
  means_driver d;
  double sum = 1e6, count = 1e6;
  for (int i = 0; i < 5; ++i)
    d.give({counter("took.count", count += 10), counter("took.sum", sum += 10 * 0.25)});
  EXPECT_DOUBLE_EQ(d.value("took.mean"), 0.25);
  d.give({counter("took.count", count += 10), counter("took.sum", sum += 10 * 2)});
  EXPECT_NEAR(d.value("took.mean"), 2, 1e-9);
  d.give({counter("took.count", count), counter("took.sum", sum)});
  EXPECT_TRUE(std::isnan(d.value("took.mean")));  // nothing was counted
  d.give({counter("took.count", 4), counter("took.sum", 2)});
  EXPECT_DOUBLE_EQ(d.value("took.mean"), 0.5);  // its process began anew
}

TEST(IntervalMeans, OfRatesAreTheSame) {
  means_driver d;
  for (int i = 0; i < 3; ++i)
    d.give({{"took.sum", 2, metric_kind::rate}, {"took.count", 8, metric_kind::rate}});
  EXPECT_DOUBLE_EQ(d.value("took.mean"), 0.25);
}

TEST(IntervalMeans, OfGaugesAndOfASumWithoutACountThereAreNone) {
  means_driver d;
  for (int i = 1; i < 5; ++i)
    d.give({counter("lone.sum", i),
            {"g.sum", 5, metric_kind::gauge},
            {"g.count", 2, metric_kind::gauge},
            counter("labelled.sum{a=1}", i),
            counter("labelled.count{a=2}", i)});
  EXPECT_EQ(d.builder.channels().size(), 5U);
}

// A row is what is sent: a mean is not waited for, and its tick closes at once.
TEST(IntervalMeans, AreNoPartOfWhatMakesARow) {
  means_driver d;
  for (int i = 1; i < 20; ++i) {
    d.give({counter("took.count", i * 10.0), counter("took.sum", i * 5.0)});
    if (i > 3) {
      EXPECT_DOUBLE_EQ(d.value("took.mean"), 0.5) << i;
    }
  }
}

// What a channel is does not change while its entity lives: it is judged by it.
TEST(IntervalMeans, AreNotMadeWhereSomebodyHasSentOneOfThatName) {
  means_driver d;
  const metric_point sent{"took.mean", 7, metric_kind::gauge};
  const metric_point sum{"took.sum", 2, metric_kind::rate},
      count{"took.count", 8, metric_kind::rate};
  for (int i = 0; i < 4; ++i) d.give({sent, sum, count});
  EXPECT_EQ(d.value("took.mean"), 7);
  for (int i = 0; i < 12; ++i) d.give({sum, count});
  EXPECT_TRUE(std::isnan(d.value("took.mean")));
}

TEST(IntervalMeans, LeaveRoomForWhatIsSentAndAreNotCountedWhereThereIsNone) {
  means_driver d;
  std::vector<std::string> names;
  for (int n = 0; n < 90; ++n)
    for (const char* part : {".count", ".sum"}) names.push_back("h" + std::to_string(n) + part);
  for (int i = 1; i < 12; ++i) {
    std::vector<metric_point> points;
    for (const auto& name : names) points.push_back(counter(name, i * 10.0));
    d.give(points);
  }
  EXPECT_EQ(d.builder.channels().size(), 192U);
  EXPECT_EQ(d.builder.ignored(), 0U);
}

TEST(IntervalMeans, OfThroughputsAreNoLatencies) {
  EXPECT_EQ(mean_of("download_bytes_per_second_sum"),
            "download_bytes_per_second_mean of download_bytes_per_second_count");
}

}  // namespace
}  // namespace faultline
