// SPDX-License-Identifier: Apache-2.0
#include "processing/naming.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "messages/units.hpp"

namespace faultline {
namespace {

constexpr std::int64_t now_ms = 1'750'000'000'000;

/// What a namer handed out, in a form that is easy to look at.
struct told {
  explicit told(naming_options options = {}) : namer{std::move(options)} {}

  void begin(naming_style style, std::string_view fallback = {}, std::int64_t at = now_ms) {
    namer.begin(style, fallback, at, [this](const event_view& e, std::size_t n) { add(e, n); });
  }
  void add(const event_view& e, std::size_t samples) {
    if (e.type == event_type::edge) {
      edges[std::string{e.entity}] = std::string{e.depends_on.at(0)};
      return;
    }
    ++events;
    in_events += samples;
    last_entity = e.entity;
    last_body = e.body;
    last_peer = e.peer;
    last_attributes.clear();
    for (const auto& a : e.attributes) last_attributes[std::string{a.key}] = std::string{a.value};
    for (const auto& m : e.metrics)
      values[std::string{e.entity} + " " + std::string{m.name}] = m.value;
  }
  void metric(std::string_view name, double value, const sample_labels& labels,
              std::int64_t ts = now_ms, std::string_view unit = {}) {
    metric_sample s;
    s.name = name;
    s.value = value;
    s.ts_ms = ts;
    s.unit = unit;
    namer.metric(s, labels);
  }
  /// The entity of one metric of Prometheus with these labels.
  std::string named(naming_style style, const sample_labels& labels) {
    begin(style);
    if (style == naming_style::otel) {
      namer.source(labels);
      metric("m", 1, {});
    } else {
      metric("m", 1, labels);
    }
    namer.finish();
    return namer.taken() == 0 ? "" : last_entity;
  }

  sample_namer namer;
  std::map<std::string, double> values;
  std::map<std::string, std::string> edges, last_attributes;
  std::string last_entity, last_body, last_peer;
  std::size_t events = 0, in_events = 0;
};

TEST(Naming, AResourceOfOpenTelemetryIsItsServicePodOrHost) {
  told t;
  EXPECT_EQ(t.named(naming_style::otel, {{"service.name", "cart"}}), "service/cart");
  EXPECT_EQ(t.named(naming_style::otel, {{"service.namespace", "shop"}, {"service.name", "cart"}}),
            "service/shop/cart");
  EXPECT_EQ(t.named(naming_style::otel, {{"host.name", "web-1"}}), "host/web-1");
  EXPECT_EQ(t.named(naming_style::otel, {{"k8s.pod.name", "cart-5d"}}), "pod/cart-5d");
  EXPECT_EQ(t.named(naming_style::otel, {{"k8s.node.name", "node-1"}}), "host/node-1");
  EXPECT_EQ(t.named(naming_style::otel, {{"host.name", "web-1"}, {"service.name", "cart"}}),
            "service/cart");
  EXPECT_EQ(t.named(naming_style::otel,
                    {{"service.name", "unknown_service:node"}, {"host.name", "web-1"}}),
            "host/web-1");
  EXPECT_EQ(t.named(naming_style::otel, {{"telemetry.sdk.name", "opentelemetry"}}), "");
}

TEST(Naming, MetricsOfAServiceInAPodAreThePodsAndItsWordsAreTheServices) {
  told t;
  t.begin(naming_style::otel);
  const sample_labels resource{{"service.name", "cart"}, {"k8s.pod.name", "cart-5d"}};
  t.namer.source(resource);
  t.metric("requests", 1, {});
  log_sample l;
  l.body = "hello";
  t.namer.log(l, {});
  EXPECT_EQ(t.last_entity, "service/cart");
  t.namer.finish();
  EXPECT_EQ(t.last_entity, "pod/cart-5d");
  EXPECT_EQ(t.last_attributes.at("ephemeral"), "true");
}

/// A body of one instance of service/cart, at @p at.
void export_of(told& t, const char* id, double requests, double queue, std::int64_t at,
               bool taken = true) {
  t.begin(naming_style::otel, {}, now_ms + at);
  t.namer.source({{"service.name", "cart"}, {"service.instance.id", id}});
  metric_sample s;
  s.name = "requests";
  s.kind = metric_kind::counter;
  s.value = requests;
  s.ts_ms = now_ms + at;
  t.namer.metric(s, {});
  t.metric("depth", queue, {}, now_ms + at);
  t.namer.finish();
  if (taken) t.namer.taken_over();
}

TEST(Naming, InstancesOfAServiceAreOneValueARound) {
  told t;
  constexpr std::int64_t minute = 60'000;
  for (int i = 0; i < 4; ++i) {
    export_of(t, "one", 5'000'000 + i * 6000, 10, i * minute);
    export_of(t, "two", 20 + i * 600, 30, i * minute + 20'000);
  }
  t.values.clear();
  export_of(t, "one", 5'000'000 + 4 * 6000, 10, 4 * minute, false);  // there was no room
  t.values.clear();
  export_of(t, "one", 5'000'000 + 4 * 6000, 10, 4 * minute);
  EXPECT_DOUBLE_EQ(t.values.at("service/cart requests"), 110);
  EXPECT_DOUBLE_EQ(t.values.at("service/cart depth"), 20);
  EXPECT_EQ(t.values.size(), 2U);
}

TEST(Naming, AnInstanceIsItsIdOrItsProcessOnItsHost) {
  const auto told_of = [](const sample_labels& one, const sample_labels& two) {
    told t;
    for (const auto* labels : {&one, &two}) {
      t.begin(naming_style::otel);
      t.namer.source(*labels);
      t.metric("m", 1, {});
      t.namer.finish();
      t.namer.taken_over();
    }
    return t.events;  // the second of several waits for the first
  };
  const sample_labels cart{{"service.name", "cart"}};
  const auto with = [&](sample_labels more) {
    more.push_back(cart[0]);
    return more;
  };
  EXPECT_EQ(told_of(cart, cart), 2U);
  EXPECT_EQ(told_of(with({{"host.name", "a"}}), with({{"host.name", "a"}})), 2U);
  EXPECT_EQ(told_of(with({{"host.name", "a"}}), with({{"host.name", "b"}})), 1U);
  EXPECT_EQ(told_of(with({{"process.pid", "1"}}), with({{"process.pid", "2"}})), 1U);
  EXPECT_EQ(told_of(with({{"service.instance.id", "a"}, {"process.pid", "1"}}),
                    with({{"service.instance.id", "a"}, {"process.pid", "2"}})),
            2U);
  const sample_labels pod{{"k8s.pod.name", "p"}, {"host.name", "p"}};
  auto app = pod, sidecar = pod;
  app.push_back({"service.name", "app"});
  sidecar.push_back({"service.name", "proxy"});
  EXPECT_EQ(told_of(app, sidecar), 1U);
}

TEST(Naming, WhatAHistogramOfTimesSumsUpSaysThatItIsATime) {
  told t;
  t.begin(naming_style::otel);
  t.namer.source({{"service.name", "cart"}});
  t.metric("db.client.requests.sum", 1, {}, now_ms, "ms");
  t.metric("http.server.request.duration.sum", 1, {}, now_ms, "s");
  t.metric("http.server.request.size.sum", 1, {}, now_ms, "By");
  t.namer.finish();
  EXPECT_EQ(t.values.count("service/cart db.client.requests.sum_milliseconds"), 1U);
  EXPECT_EQ(t.values.count("service/cart http.server.request.duration.sum"), 1U);
  EXPECT_EQ(t.values.count("service/cart http.server.request.size.sum"), 1U);
}

TEST(Naming, AUnitThatANameDoesNotSayIsTold) {
  told t;
  unit_book book;
  t.namer.tell_units_to(book);
  t.begin(naming_style::otel);
  t.namer.source({{"service.name", "cart"}});
  t.metric("http.server.request.duration.sum", 1, {{"code", "200"}}, now_ms, "s");
  t.metric("system.memory.limit", 1, {}, now_ms, "By");
  t.metric("queue.length", 1, {}, now_ms, "{job}");
  t.metric("checkout", 1, {}, now_ms, "ms");  // is in the name from now on
  t.namer.finish();
  EXPECT_EQ(book.of("http.server.request.duration.sum{code=200}"), "seconds");
  EXPECT_EQ(book.of("http.server.request.duration.mean{code=200}"), "seconds");
  EXPECT_EQ(book.of("http.server.request.duration.count"), "");
  EXPECT_EQ(book.of("system.memory.limit"), "bytes");
  EXPECT_EQ(book.of("queue.length"), "");
  EXPECT_EQ(book.of("checkout_milliseconds"), "milliseconds");
  EXPECT_EQ(book.of("checkout"), "");
}

TEST(Naming, AUnitThatPrometheusTellsIsToldAndPartOfNoName) {
  told t;
  unit_book book;
  t.namer.tell_units_to(book);
  t.begin(naming_style::prometheus);
  const std::vector<attribute> target{{"instance", "web-1:9100"}, {"path", "/"}};
  t.metric("checkout", 1, target, now_ms, "seconds");
  t.metric("lookups_sum", 1, target, now_ms, "seconds");
  t.metric("energy", 1, target, now_ms, "joules");
  t.metric("read_bytes", 1, target, now_ms, "seconds");
  t.namer.finish();
  EXPECT_EQ(t.values.count("host/web-1 checkout{path=/}"), 1U);
  EXPECT_EQ(book.of("checkout{path=/}"), "seconds");
  for (const char* made : {"lookups_mean{path=/}", "lookups_p99{path=/}", "lookups_q99"})
    EXPECT_EQ(book.of(made), "seconds") << made;
  EXPECT_EQ(book.of("lookups_count{path=/}"), "");
  EXPECT_EQ(book.of("energy{path=/}"), "joules");
  EXPECT_EQ(book.of("read_bytes{path=/}"), "bytes") << "what a name says counts";
  for (const char* other : {"mean", "_mean", "lookupsmean", "lookups_meaning", "lookups.mean"})
    EXPECT_EQ(book.of(other), "") << other;
}

void bucket(told& t, std::string_view name, std::string_view le, double count,
            const sample_labels& labels = {}, std::string_view unit = {}) {
  metric_sample s;
  s.name = name;
  s.kind = metric_kind::counter;
  s.value = count;
  s.ts_ms = now_ms;
  s.unit = unit;
  s.le = le;
  t.namer.metric(s, labels);
}

TEST(Naming, TheBoundOfABucketStandsLastInItsNameAndItsUnitWhereThatOfItsSumDoes) {
  told t;
  t.begin(naming_style::otel);
  t.namer.source({{"service.name", "cart"}});
  bucket(t, "db.requests.bucket", "0.5", 1, {{"zone", "a"}, {"code", "2"}}, "ms");
  bucket(t, "took.bucket", "+Inf", 2);
  t.namer.finish();
  EXPECT_EQ(t.values.count("service/cart db.requests.bucket_milliseconds{code=2,zone=a,le=0.5}"),
            1U);
  EXPECT_EQ(t.values.count("service/cart took.bucket{le=+Inf}"), 1U);
  EXPECT_EQ(t.events, 1U);
}

TEST(Naming, BucketsHaveThePlaceOfTheirCountAndTakeNoneOfTheirOwn) {
  naming_options few;
  few.max_metrics = 2;
  told t{few};
  t.begin(naming_style::prometheus);
  const sample_labels target{{"instance", "web-1:9100"}};
  for (const char* le : {"1", "2", "4", "+Inf"}) bucket(t, "took_bucket", le, 1, target);
  t.metric("took_sum", 1, target);
  t.metric("took_count", 1, target);
  bucket(t, "other_bucket", "1", 1, target);
  t.metric("other_count", 1, target);
  t.namer.finish();
  EXPECT_EQ(t.values.size(), 6U);
  EXPECT_EQ(t.namer.left_out_because(left_out::too_many), 2U);
}

TEST(Naming, BucketsOfTwoTargetsOfOneEntityAreTwoHistograms) {
  told t;
  t.begin(naming_style::prometheus);
  for (const char* port : {"1", "2"})
    bucket(t, "took_bucket", "1", 1,
           {{"instance", std::string_view{port[0] == '1' ? "a:1" : "a:2"}}, {"job", "shop"}});
  t.namer.finish();
  EXPECT_EQ(t.values.count("host/a took_bucket{le=1}"), 1U);
  EXPECT_EQ(t.values.count("host/a took_bucket{job=shop,port=2,le=1}"), 1U);
}

TEST(Naming, ABucketWhoseNameIsTooLongIsLeftOutAndCutsNothing) {
  told t;
  t.begin(naming_style::otel);
  t.namer.source({{"service.name", "cart"}});
  const std::string longest(128 - 7 - 6, 'x');  // with .bucket and {le=1}
  bucket(t, longest + ".bucket", "1", 1);
  bucket(t, longest + ".bucket", "11", 1);
  t.namer.finish();
  EXPECT_EQ(t.values.size(), 1U);
  EXPECT_EQ(t.namer.left_out_because(left_out::bucket), 1U);
}

TEST(Naming, WhereBucketsNeedEventsOfTheirOwnTheyComeFirst) {
  told t;
  std::vector<std::pair<std::size_t, std::size_t>> events;  // metrics, buckets
  t.namer.begin(naming_style::otel, {}, now_ms, [&](const event_view& e, std::size_t) {
    const auto buckets = std::count_if(
        e.metrics.begin(), e.metrics.end(),
        [](const metric_point& m) { return m.name.find("le=") != std::string_view::npos; });
    events.emplace_back(e.metrics.size(), buckets);
  });
  t.namer.source({{"service.name", "cart"}});
  for (int n = 0; n < 60; ++n) {
    const auto name = "h" + std::to_string(n);
    t.metric(name + ".count", 1, {});
    for (const char* le : {"1", "2", "3", "4", "+Inf"}) bucket(t, name + ".bucket", le, 1);
  }
  t.namer.finish();
  EXPECT_EQ(events,
            (std::vector<std::pair<std::size_t, std::size_t>>{{256, 256}, {44, 44}, {60, 0}}));
}

TEST(Naming, BucketsOfInstancesAddUpInRounds) {
  told t;
  const auto export_of = [&](const char* id, std::int64_t at, double low, double all) {
    t.begin(naming_style::otel, {}, at);
    t.namer.source({{"service.name", "cart"}, {"service.instance.id", id}});
    for (const auto& [le, count] : {std::pair{"1", low}, std::pair{"+Inf", all}}) {
      metric_sample s;
      s.name = "took.bucket", s.kind = metric_kind::counter, s.ts_ms = at, s.value = count,
      s.le = le;
      t.namer.metric(s, {});
    }
    t.namer.finish();
    t.namer.taken_over();
  };
  for (int n = 0; n < 6; ++n) {
    t.values.clear();
    export_of("a", now_ms + n * 10'000, n * 30, n * 40);
    export_of("b", now_ms + n * 10'000 + 1'000, n * 10, n * 60);
  }
  const double low = t.values.at("service/cart took.bucket{le=1}");
  const double all = t.values.at("service/cart took.bucket{le=+Inf}");
  EXPECT_NEAR(low, 4, 0.5);
  EXPECT_NEAR(low / all, 0.4, 0.01);
}

TEST(UnitBook, KnowsTheLastOfTwoAndNoMoreThanItMay) {
  unit_book book;
  book.learn("a", "seconds");
  book.learn("a", "bytes");
  EXPECT_EQ(book.of("a"), "bytes");
  book.learn(std::string(unit_book::longest + 1, 'x'), "bytes");
  EXPECT_EQ(book.of(std::string(unit_book::longest + 1, 'x')), "");
  for (std::size_t i = 0; i < unit_book::most; ++i) book.learn("m" + std::to_string(i), "bytes");
  EXPECT_EQ(book.of("m0"), "bytes");
  EXPECT_EQ(book.of("m" + std::to_string(unit_book::most - 1)), "");
  EXPECT_EQ(book.of("a"), "bytes");
  EXPECT_EQ(book.of("disk.used_percent"), "percent");  // what a name says needs no room
}

TEST(Naming, WhatAHostCountsIsTheSameWhoeverTellsIt) {
  told t;
  for (const char* id : {"one", "two"}) {
    t.begin(naming_style::otel);
    t.namer.source({{"service.name", "cart"}, {"host.name", "h"}, {"service.instance.id", id}});
    t.metric("system.memory.usage", 5, {});
    t.namer.finish();
    t.namer.taken_over();
  }
  EXPECT_EQ(t.events, 2U);
  EXPECT_EQ(t.values.at("host/h system.memory.usage"), 5);
}

TEST(Naming, ThatAnEntityHasSeveralInstancesIsKeptBesideItsNames) {
  std::vector<std::string> rows;
  {
    told t;
    t.namer.names().load_by([](std::string_view) { return std::vector<std::string>{}; });
    for (int i = 0; i < 4; ++i) {
      export_of(t, "one", i, 10, i * 60'000);
      export_of(t, "two", i, 30, i * 60'000 + 20'000);
    }
    for (auto& row : t.namer.names().take_rows([](std::uint64_t) { return true; }, false))
      rows.push_back(std::move(row.bytes));
  }
  told after;
  after.namer.names().load_by([&](std::string_view) { return rows; });
  export_of(after, "one", 5, 10, 300'000);
  EXPECT_EQ(after.events, 0U);
  export_of(after, "two", 5, 30, 320'000);
  EXPECT_EQ(after.events, 0U);
  export_of(after, "one", 6, 10, 360'000);
  EXPECT_EQ(after.values.at("service/cart depth"), 20);
}

TEST(Naming, ATargetOfPrometheusIsItsPodOrTheHostOfItsInstance) {
  told t;
  EXPECT_EQ(t.named(naming_style::prometheus, {{"instance", "web-1:9100"}, {"job", "node"}}),
            "host/web-1");
  EXPECT_EQ(t.named(naming_style::prometheus, {{"instance", "[::1]:9100"}}), "host/::1");
  EXPECT_EQ(t.named(naming_style::prometheus, {{"instance", "web-1"}}), "host/web-1");
  EXPECT_EQ(t.named(naming_style::prometheus, {{"pod", "cart-5d"}, {"instance", "10.0.0.7:80"}}),
            "pod/cart-5d");
  EXPECT_EQ(t.named(naming_style::prometheus, {{"job", "batch"}}), "service/batch");
  EXPECT_EQ(t.named(naming_style::prometheus, {{"code", "200"}}), "");
}

TEST(Naming, RulesOfTheConfigurationComeFirstAndAliasesLast) {
  naming_options o;
  o.entities = {{"app", "service"}};
  o.aliases = {{"host/10.0.0.7", "host/web-1"}, {"service/old", "service/new"}};
  told t{o};
  EXPECT_EQ(t.named(naming_style::prometheus, {{"instance", "10.0.0.7:9100"}}), "host/web-1");
  EXPECT_EQ(t.named(naming_style::prometheus, {{"instance", "10.0.0.8:9100"}, {"app", "cart"}}),
            "service/cart");
  EXPECT_EQ(t.named(naming_style::otel, {{"service.name", "old"}}), "service/new");
}

TEST(Naming, SamplesOfOneTimeAreOneEventAndThoseOfAnotherAnother) {
  told t;
  t.begin(naming_style::prometheus);
  const sample_labels web{{"instance", "web-1:9100"}}, db{{"instance", "db-1:9100"}};
  t.metric("load", 1, web);
  t.metric("load", 2, db);
  t.metric("used", 3, web);
  t.metric("load", 4, web, now_ms + 15'000);
  t.namer.finish();
  EXPECT_EQ(t.events, 3U);
  EXPECT_EQ(t.in_events, 4U);
  EXPECT_EQ(t.values.at("host/web-1 used"), 3);
  EXPECT_EQ(t.values.at("host/db-1 load"), 2);
}

TEST(Naming, LabelsThatAreNotTheSourcesAreInTheNameInTheirOrder) {
  told t;
  t.begin(naming_style::prometheus);
  t.metric("http_requests_total", 7,
           {{"method", "GET"}, {"instance", "web-1:80"}, {"code", "500"}, {"job", "shop"}});
  t.metric("up", 1, {{"instance", "web-1:80"}, {"job", "shop"}});
  t.namer.finish();
  EXPECT_EQ(t.values.at("host/web-1 http_requests_total{code=500,method=GET}"), 7);
  EXPECT_EQ(t.values.at("host/web-1 up{job=shop}"), 1);
}

TEST(Naming, ANameThatIsTooLongIsCutAndStaysItsOwn) {
  told t;
  t.begin(naming_style::prometheus);
  const std::string path(200, 'a');
  t.metric("m", 1, {{"instance", "a"}, {"path", path + "1"}});
  t.metric("m", 2, {{"instance", "a"}, {"path", path + "2"}});
  t.namer.finish();
  ASSERT_EQ(t.values.size(), 2U);
  for (const auto& [name, value] : t.values) EXPECT_LE(name.size(), 128 + 7U);
}

TEST(Naming, WhatNoEntityMayBeCalledIsNoEntity) {
  told t;
  EXPECT_EQ(t.named(naming_style::otel, {{"service.name", std::string(248, 'x')}}),
            "service/" + std::string(248, 'x'));
  for (const auto& bad : {std::string(300, 'x'), std::string("a\nb"), std::string("a\xff")}) {
    EXPECT_EQ(t.named(naming_style::otel, {{"service.name", bad}}), "");
    EXPECT_EQ(t.namer.left_out_because(left_out::no_entity), 1U);
  }
}

TEST(Naming, ALabelThatMayStandInNoNameCostsItsOwnSampleAlone) {
  told t;
  t.begin(naming_style::prometheus);
  t.metric("m", 1, {{"instance", "a"}, {"agent", "evil\nname"}});
  t.metric("m", 2, {{"instance", "a"}, {"agent", "good"}});
  t.metric(std::string(5000, 'n'), 3, {{"instance", "a"}});
  t.metric("m", 4, {{"instance", "a"}, {"agent", std::string(20'000, 'x')}});
  t.namer.finish();
  EXPECT_EQ(t.values.size(), 1U);
  EXPECT_EQ(t.namer.left_out_because(left_out::malformed), 3U);
}

TEST(Naming, ANameOfNothingIsLeftOutAndALongOneWithoutLabelsIsCut) {
  told t;
  t.begin(naming_style::prometheus);
  t.metric("", 1, {{"instance", "web-1"}});
  t.metric("", 1, {{"instance", "web-1"}, {"a", "b"}});
  t.metric(std::string(300, 'x'), 2, {{"instance", "web-1"}});
  t.namer.finish();
  EXPECT_EQ(t.namer.left_out_because(left_out::malformed), 2U);
  ASSERT_EQ(t.values.size(), 1U);
  EXPECT_EQ(t.values.begin()->first.size(), std::string{"host/web-1 "}.size() + 128);
}

TEST(Naming, TwoTargetsOfOneHostThatTellTheSameNameAreTwoMetrics) {
  told t;
  const auto body = [&t] {
    t.values.clear();
    t.begin(naming_style::prometheus);
    t.metric("requests", 1, {{"instance", "web-1:80"}, {"job", "shop"}});
    t.metric("requests", 2, {{"instance", "web-1:81"}, {"job", "shop"}});
    t.metric("requests", 3, {{"job", "other"}, {"instance", "web-1:81"}});
    t.metric("requests", 1,
             {{"job", "shop"}, {"instance", "web-1:80"}, {"prometheus_replica", "b"}});
    t.metric("alone", 4, {{"instance", "web-1:81"}, {"job", "other"}});
    t.namer.finish();
    return t.values;
  };
  const std::map<std::string, double> all{{"host/web-1 requests", 1},
                                          {"host/web-1 requests{job=shop,port=81}", 2},
                                          {"host/web-1 requests{job=other,port=81}", 3},
                                          {"host/web-1 alone", 4}};
  EXPECT_EQ(body(), all);
  EXPECT_EQ(body(), all) << "and stays so";
  EXPECT_EQ(t.namer.left_out_because(left_out::too_many), 0U);
}

TEST(Naming, PodsOfOneNameInTwoNamespacesAreNotMixed) {
  told t;
  t.begin(naming_style::prometheus);
  t.metric("m", 1, {{"pod", "web-0"}, {"namespace", "a"}, {"instance", "10.0.0.1:80"}});
  t.metric("m", 2, {{"pod", "web-0"}, {"namespace", "b"}, {"instance", "10.0.0.2:80"}});
  t.metric("m", 3, {{"pod", "web-0"}, {"namespace", "a"}, {"instance", "10.0.0.3:80"}});
  t.namer.finish();
  EXPECT_EQ(t.values.at("pod/web-0 m"), 3)
      << "a pod that came back with another address is the same";
  EXPECT_EQ(t.values.at("pod/web-0 m{namespace=b,port=80}"), 2);
}

TEST(Naming, GathersNoMoreRowsThanItMay) {
  told t;
  t.begin(naming_style::prometheus);
  int rows = 0;
  for (; rows < 200'000 && !t.namer.overflowed(); ++rows)
    t.metric("m", 1, {{"instance", "a"}}, now_ms + rows);
  EXPECT_TRUE(t.namer.overflowed());
  EXPECT_GT(rows, 50'000);
  t.begin(naming_style::prometheus);
  EXPECT_FALSE(t.namer.overflowed()) << "another body begins anew";
}

TEST(Naming, DependenciesThatNobodyTookAreToldAgain) {
  told t;
  const sample_labels source{{"service.name", "cart"}, {"host.name", "web-1"}};
  for (const bool taken : {false, true}) {
    t.begin(naming_style::otel);
    t.namer.source(source);
    t.namer.finish();
    EXPECT_EQ(t.edges.size(), 1U);
    t.edges.clear();
    if (taken) t.namer.taken_over();
  }
  t.begin(naming_style::otel);
  t.namer.source(source);
  t.namer.finish();
  EXPECT_TRUE(t.edges.empty());
}

TEST(Naming, LabelsWithoutBoundDoNotBecomeMetricsWithoutBound) {
  naming_options o;
  o.max_metrics = 10;
  o.max_series_per_metric = 4;
  told t{o};
  t.begin(naming_style::prometheus);
  for (int i = 0; i < 100; ++i)
    t.metric("by_user", i, {{"instance", "a"}, {"user", std::to_string(i)}});
  EXPECT_EQ(t.namer.taken(), 4U);
  EXPECT_EQ(t.namer.left_out_because(left_out::too_many), 96U);
  for (int i = 0; i < 100; ++i) t.metric("m" + std::to_string(i), i, {{"instance", "a"}});
  EXPECT_EQ(t.namer.taken(), 10U);
  t.metric("m0", 1, {{"instance", "b"}});  // another entity is not disturbed
  EXPECT_EQ(t.namer.taken(), 11U);
  t.namer.finish();
  // Who was let in stays in, from one body to the next.
  t.begin(naming_style::prometheus);
  t.metric("m0", 1, {{"instance", "a"}});
  t.metric("by_user", 1, {{"instance", "a"}, {"user", "3"}});
  t.metric("by_user", 1, {{"instance", "a"}, {"user", "4"}});
  EXPECT_EQ(t.namer.taken(), 2U);
}

TEST(Naming, WhatIsNotFiniteNotNamedOrNotWantedIsLeftOutAndCounted) {
  naming_options o;
  o.drop = {"go_*"};
  told t{o};
  t.begin(naming_style::prometheus);
  t.metric("m", std::numeric_limits<double>::quiet_NaN(), {{"instance", "a"}});
  t.metric("go_gc", 1, {{"instance", "a"}});
  t.metric("m", 1, {});
  EXPECT_EQ(t.namer.left_out_because(left_out::not_finite), 1U);
  EXPECT_EQ(t.namer.left_out_because(left_out::dropped), 1U);
  EXPECT_EQ(t.namer.left_out_because(left_out::no_entity), 1U);
  EXPECT_EQ(t.namer.taken(), 0U);
  t.begin(naming_style::prometheus, "host/here");
  t.metric("m", 1, {});
  t.namer.finish();
  EXPECT_EQ(t.last_entity, "host/here");
}

TEST(Naming, WhatAServiceRunsOnIsToldOnceInTenMinutesAndAgainWhenTheBodyWasThrownAway) {
  told t;
  const sample_labels resource{
      {"service.name", "cart"}, {"k8s.pod.name", "cart-5d"}, {"k8s.node.name", "node-1"}};
  t.begin(naming_style::otel);
  t.namer.source(resource);  // never finished: it could not be read
  t.edges.clear();
  t.begin(naming_style::otel);
  t.namer.source(resource);
  t.namer.finish();
  EXPECT_EQ(t.edges.at("service/cart"), "pod/cart-5d");
  EXPECT_EQ(t.edges.at("pod/cart-5d"), "host/node-1");
  t.namer.taken_over();
  t.edges.clear();
  t.begin(naming_style::otel, {}, now_ms + 599'999);
  t.namer.source(resource);
  t.namer.finish();
  EXPECT_TRUE(t.edges.empty());
  t.begin(naming_style::otel, {}, now_ms + 600'000);
  t.namer.source(resource);
  t.namer.finish();
  EXPECT_EQ(t.edges.size(), 2U);
}

TEST(Naming, MetricsOfTheSystemAreTheHostsWhicheverServiceSendsThem) {
  told t;
  t.begin(naming_style::otel);
  const sample_labels resource{{"service.name", "agent"}, {"host.name", "web-1"}};
  t.namer.source(resource);
  t.metric("system.cpu.utilization", 0.5, {});
  t.metric("queue.size", 3, {});
  t.namer.finish();
  EXPECT_EQ(t.values.count("host/web-1 system.cpu.utilization"), 1U);
  EXPECT_EQ(t.values.count("service/agent queue.size"), 1U);
}

TEST(Naming, ASpanThatLeavesSaysWhomItCalls) {
  told t;
  const auto peer = [&t](const sample_labels& labels, bool leaves, bool arrives = false) {
    t.begin(naming_style::otel);
    const sample_labels resource{{"service.name", "cart"}};
    t.namer.source(resource);
    span_sample s;
    s.trace = "0af7651916cd43dd8448eb211c80319c";
    s.span = "b7ad6b7169203331";
    s.operation = "GET /";
    s.leaves = leaves;
    s.arrives = arrives;
    t.namer.span(s, labels);
    return t.last_peer;
  };
  EXPECT_EQ(peer({{"peer.service", "auth"}}, true), "service/auth");
  EXPECT_EQ(peer({{"db.system", "postgresql"}, {"db.name", "orders"}}, true), "db/orders");
  EXPECT_EQ(peer({{"db.system", "redis"}, {"server.address", "redis-1"}}, true), "db/redis-1");
  EXPECT_EQ(
      peer({{"db.system.name", "redis"}, {"db.namespace", "0"}, {"server.address", "redis-1"}},
           true),
      "db/redis-1");
  EXPECT_EQ(peer({{"messaging.destination.name", "jobs"}}, true), "queue/jobs");
  EXPECT_EQ(peer({{"server.address", "10.0.0.7"}}, true), "remote/10.0.0.7");
  EXPECT_EQ(peer({{"server.address", "10.0.0.7"}}, false), "");  // of a server: itself
  EXPECT_EQ(peer({{"peer.service", "auth"}}, false), "service/auth") << "of an inner span";
  EXPECT_EQ(peer({{"peer.service", "front"}}, false, true), "") << "of a server: who called it";
  // What instrumentations of before 2023 say, Python's by default still.
  EXPECT_EQ(peer({{"db.system", "redis"}, {"net.peer.name", "redis-1"}}, true), "db/redis-1");
  EXPECT_EQ(peer({{"messaging.destination", "jobs"}}, true), "queue/jobs");
  EXPECT_EQ(peer({{"http.url", "http://ann:x@api.local:8080/pay?to=a@b"}}, true),
            "remote/api.local");
  EXPECT_EQ(peer({{"url.full", "https://api.local"}}, true), "remote/api.local");
  EXPECT_EQ(peer({{"http.url", "/pay"}}, true), "");
  EXPECT_EQ(peer({{"http.url", "http://api.local/"}}, false), "");
}

TEST(Naming, AnExceptionIsPartOfTheLine) {
  told t;
  t.begin(naming_style::otel);
  const sample_labels resource{{"service.name", "cart"}};
  t.namer.source(resource);
  log_sample l;
  l.body = "payment failed";
  t.namer.log(l, {{"exception.type", "IOError"}, {"exception.message", "reset"}});
  EXPECT_EQ(t.last_body, "payment failed: IOError: reset");
}

TEST(Naming, AUnitStandsInTheNameWhereTheNameSaysNothing) {
  told t;
  t.begin(naming_style::otel);
  const sample_labels resource{{"service.name", "cart"}};
  t.namer.source(resource);
  t.metric("checkout", 12, {}, now_ms, "ms");
  t.metric("http.server.duration", 12, {}, now_ms, "ms");
  t.metric("size_bytes", 12, {}, now_ms, "By");
  t.metric("jobs", 12, {}, now_ms, "{job}");
  t.namer.finish();
  EXPECT_EQ(t.values.count("service/cart checkout_milliseconds"), 1U);
  EXPECT_EQ(t.values.count("service/cart http.server.duration"), 1U);
  EXPECT_EQ(t.values.count("service/cart size_bytes"), 1U);
  EXPECT_EQ(t.values.count("service/cart jobs"), 1U);
}

TEST(Naming, UnitsAreReadFromNames) {
  EXPECT_EQ(unit_of("process_cpu_seconds_total"), "seconds");
  EXPECT_EQ(unit_of("node_memory_MemFree_bytes"), "bytes");
  EXPECT_EQ(unit_of("latency_ms{path=/bytes}"), "milliseconds");
  EXPECT_EQ(unit_of("disk_used_percent"), "percent");
  EXPECT_EQ(unit_of("df.root.percent_bytes.used"), "percent");
  EXPECT_EQ(unit_of("node_rapl_package_joules_total"), "joules");
  EXPECT_EQ(unit_of("requests_total"), "");
  EXPECT_EQ(unit_of("requests_per_second"), "");
  EXPECT_EQ(unit_of("bytes_per_second"), "bytes");
  EXPECT_EQ(unit_of("http_request_duration_seconds_count"), "") << "how often, not how long";
  EXPECT_EQ(unit_of("http_request_duration_seconds_sum"), "seconds");
  EXPECT_EQ(unit_word("By"), "bytes");
  EXPECT_EQ(unit_word("{job}"), "");
  EXPECT_EQ(unit_word("seconds"), "seconds");
  EXPECT_EQ(unit_behind("bytes", true), " bytes per second");
  EXPECT_EQ(unit_behind("milliseconds", false), " milliseconds");
  EXPECT_EQ(unit_behind("ratio", false), "");
  EXPECT_EQ(unit_behind("", true), "");
}

}  // namespace
}  // namespace faultline
