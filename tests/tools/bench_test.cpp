// SPDX-License-Identifier: Apache-2.0
#include "tools/bench.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <map>
#include <set>

#include "messages/event_codec.hpp"
#include "tools/bench_ingest.hpp"
#include "tools/bench_load.hpp"
#include "tools/bench_rows.hpp"
#include "tools/bench_server.hpp"

namespace faultline {
namespace {

class rows_seen final : public event_sink {
public:
  void accept(std::size_t, const event_view& e) override {
    EXPECT_TRUE(e.has_ts);
    ts.insert(unix_ms(e.ts));
    for (const auto& m : e.metrics) values[std::string{e.entity}][std::string{m.name}] = m.value;
  }
  void reject(std::size_t, reject_reason reason, std::string_view) override {
    ADD_FAILURE() << to_string(reason);
  }
  void drop_value(std::size_t, std::string_view metric) override { ADD_FAILURE() << metric; }

  std::set<std::int64_t> ts;
  std::map<std::string, std::map<std::string, double>> values;
};

rows_seen decode_tick(bench_rows& rows, std::int64_t ts) {
  rows_seen seen;
  payload_decoder decoder;
  rows.set_tick(ts);
  for (std::size_t b = 0; b < rows.batches(); ++b)
    EXPECT_TRUE(decoder.decode(rows.fill(b), seen).readable);
  return seen;
}

TEST(BenchRows, AreEventsThatAServerTakesOneForEachEntity) {
  for (const std::size_t metrics : {1U, 8U, 15U, 16U, 256U}) {
    bench_rows rows{70, metrics, 32, 1};
    EXPECT_EQ(rows.batches(), 3U);
    EXPECT_EQ(rows.rows(2), 6U);
    const rows_seen seen = decode_tick(rows, 1704715200000);
    EXPECT_EQ(seen.values.size(), 70U);
    EXPECT_EQ(seen.ts, std::set<std::int64_t>{1704715200000});
    for (const auto& [entity, values] : seen.values) EXPECT_EQ(values.size(), metrics) << entity;
  }
}

TEST(BenchRows, ChangeEveryValueWithEveryTickAndStayPlausible) {
  bench_rows rows{20, 8, 512, 7};
  rows_seen before = decode_tick(rows, 1704715200000);
  for (int tick = 1; tick < 200; ++tick) {
    const rows_seen now = decode_tick(rows, 1704715200000 + 10'000 * tick);
    for (const auto& [entity, values] : now.values)
      for (const auto& [metric, value] : values) {
        EXPECT_NE(value, before.values[entity][metric]) << entity << " " << metric;
        EXPECT_GT(value, 0) << metric;
        if (metric == "cpu.utilization") {
          EXPECT_LT(value, 1);
        }
      }
    before = now;
  }
}

TEST(BenchRows, OfTheSameSeedAreTheSameBytes) {
  bench_rows a{40, 3, 16, 5}, b{40, 3, 16, 5}, c{40, 3, 16, 6};
  for (bench_rows* rows : {&a, &b, &c}) rows->set_tick(1704715200000);
  EXPECT_EQ(a.fill(1), b.fill(1));
  EXPECT_NE(a.fill(2), c.fill(2));
}

TEST(BenchRows, ByRankSendSomeOfTheirEntitiesAndCountWhoWasSent) {
  bench_rows rows{1000, 2, 100, 3};
  rows.set_zipf(1);
  rows.set_probes(4);
  rows.set_tick(1704715200000, true);
  for (std::size_t b = 0; b < rows.batches(); ++b) EXPECT_NE(rows.fill(b).size(), 0U);
  EXPECT_EQ(rows.filled(999), 1U) << "everybody is in the first tick";
  std::size_t sent = 0;
  for (int tick = 1; tick <= 100; ++tick) {
    const auto seen = decode_tick(rows, 1704715200000 + 10'000 * tick);
    sent += seen.values.size();
    for (std::size_t b = 0; b < rows.batches(); ++b) EXPECT_LE(rows.rows(b), 100U);
  }
  EXPECT_NEAR(static_cast<double>(sent), 25'000, 1'500) << "a quarter of all, on average";
  EXPECT_EQ(rows.filled(0), 101U);
  EXPECT_EQ(rows.filled(750), 101U) << "a probe is in every tick";
  EXPECT_LT(rows.filled(999), 40U);
}

TEST(BenchRows, ProbesCrossTheirLimitForTwoTicksOfEight) {
  bench_rows rows{64, 2, 64, 3};
  rows.set_probes(2);
  std::map<std::string, int> over;
  std::size_t told = 0;
  for (int tick = 0; tick < 80; ++tick) {
    const auto seen = decode_tick(rows, 1704715200000 + 10'000 * tick);
    told += rows.crossing(0).size();
    for (const auto& [entity, values] : seen.values)
      over[entity] += values.at(bench_rows::metric_name(0)) > bench_rows::probe_limit ? 1 : 0;
  }
  EXPECT_EQ(over[bench_rows::entity_name(0)], 20);
  EXPECT_EQ(over[bench_rows::entity_name(32)], 20);
  EXPECT_EQ(over[bench_rows::entity_name(1)], 0);
  EXPECT_EQ(told, 40U);
}

TEST(IngestCases, AreEveryCombinationWhosePayloadMayBeSent) {
  ingest_bench_options o;
  o.entities = {1000, 10'000};
  o.metrics = {1, 16};
  o.batch = {1, 4096};
  const auto [cases, skipped] = ingest_cases(o);
  EXPECT_EQ(cases.size(), 7U) << "1,000 rows of 16 metrics fit, 4,096 do not";
  ASSERT_EQ(skipped.size(), 1U);
  EXPECT_NE(skipped[0].find("skipped"), std::string::npos);
}

class events_seen final : public event_sink {
public:
  void accept(std::size_t, const event_view& e) override {
    EXPECT_FALSE(e.has_ts);
    EXPECT_EQ(e.metrics.size(), 3U);
    ++by_entity[std::string{e.entity}];
  }
  void reject(std::size_t, reject_reason reason, std::string_view) override {
    ADD_FAILURE() << to_string(reason);
  }
  void drop_value(std::size_t, std::string_view metric) override { ADD_FAILURE() << metric; }

  std::map<std::string, std::size_t> by_entity;
};

events_seen decode_prepared(double zipf) {
  generate_bench_options o;
  o.entities = 100;
  o.metrics = 3;
  o.batch = 1000;
  o.prepare = 10;
  o.zipf = zipf;
  o.prefix = "x/";
  events_seen seen;
  payload_decoder decoder;
  const auto payloads = prepared_payloads(o);
  EXPECT_TRUE(payloads);
  for (const auto& payload : *payloads) EXPECT_EQ(decoder.decode(payload, seen).events, o.batch);
  return seen;
}

TEST(PreparedPayloads, DrawEntitiesAllAlikeOrByRank) {
  const auto uniform = decode_prepared(0);
  EXPECT_EQ(uniform.by_entity.size(), 100U);
  for (const auto& [entity, count] : uniform.by_entity) EXPECT_NEAR(count, 100, 60) << entity;
  auto by_rank = decode_prepared(1);
  const auto of = [&](std::size_t e) {
    return by_rank.by_entity["x/" + bench_rows::entity_name(e)];
  };
  EXPECT_NEAR(of(0), 10'000 / 5.19, 250);  // 5.19: the hundredth harmonic number
  EXPECT_NEAR(of(9), 1'000 / 5.19, 80);
}

TEST(PreparedPayloads, LargerThanAPayloadMayBeAreRefused) {
  generate_bench_options o;
  o.batch = 4096;
  o.metrics = 64;
  const auto refused = prepared_payloads(o);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("--batch"), std::string::npos);
}

TEST(LoadPace, SpreadsEventsOverTimeOrNotAtAll) {
  const load_pace::clock::time_point start{std::chrono::seconds{100}};
  const load_pace steady{1000, start}, flat_out{0, start};
  EXPECT_EQ(steady.due(0), start);
  EXPECT_EQ(steady.due(500), start + std::chrono::milliseconds{500});
  EXPECT_EQ(flat_out.due(500'000), start);
}

TEST(LoadPublishers, WithoutAnyIsRefused) {
  load_options o;
  o.acknowledged = 0;
  EXPECT_FALSE(load_publishers::connect(o));
}

TEST(Percentiles, AreByNearestRank) {
  std::vector<double> values{5, 1, 4, 2, 3};
  EXPECT_EQ(percentiles(values, {0, 0.5, 0.99, 1}), (std::vector<double>{1, 3, 5, 5}));
  std::vector<double> none;
  EXPECT_EQ(percentiles(none, {0.5}), std::vector<double>{0});
}

TEST(MetricSum, AddsTheSeriesOfOneName) {
  const std::string text =
      "# TYPE a counter\na{as=\"taken\"} 5\na{as=\"late\"} 2\na_total 100\na 1.5e1\nb{x=\"}\"} 3\n";
  EXPECT_EQ(metric_sum(text, "a"), 22);
  EXPECT_EQ(metric_sum(text, "a", "as=\"taken\""), 5);
  EXPECT_EQ(metric_sum(text, "b"), 3);
  EXPECT_EQ(metric_sum(text, "c"), 0);
}

TEST(ProcessUsage, OfOurselvesIsSomething) {
  const auto usage = read_usage(getpid());
  ASSERT_TRUE(usage);
  EXPECT_GT(usage->rss_peak_bytes, 1'000'000U);
  EXPECT_FALSE(read_usage(-1));
}

TEST(ServerOptions, SayWhatToDoWhenThereIsNoServer) {
  own_server_options wanted;
  wanted.faultlined = "/nowhere/faultlined";
  const auto found = server_options(wanted);
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().what.find("--faultlined"), std::string::npos);
}

TEST(BenchServer, ThatEndsAtOnceIsReportedWithItsLog) {
  bench_server_options options;
  options.program = "/bin/false";
  options.ready_within = std::chrono::seconds{10};
  const auto server = bench_server::start(options);
  ASSERT_FALSE(server);
  EXPECT_NE(server.error().what.find("ended before it was ready"), std::string::npos);
}

}  // namespace
}  // namespace faultline
