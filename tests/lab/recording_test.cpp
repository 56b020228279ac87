// SPDX-License-Identifier: Apache-2.0
#include "lab/recording.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <tuple>

#include "lab/csv_table.hpp"
#include "lab/row_cursor.hpp"
#include "tests/lab/folder.hpp"

namespace faultline {
namespace {

using test::folder;
constexpr double missing = std::numeric_limits<double>::quiet_NaN();

entity_series series_of(std::string id, std::vector<std::string> metrics,
                        std::vector<std::int64_t> ts, std::vector<double> values) {
  entity_series s{std::move(id), std::move(metrics), {}, std::move(values)};
  for (const auto ms : ts) s.ts.push_back(event_time_of(ms));
  return s;
}

telemetry small_telemetry() {
  telemetry t;
  t.name = "test/small";
  t.source = "by hand";
  t.licence = "none";
  t.interval_s = 10;
  t.train_until = event_time_of(20000);
  t.entities = {series_of("service/web", {"cpu", "latency.p95_ms"}, {10000, 20000, 30000},
                          {0.25F, 12.5F, missing, 1.95427e10F, -0.5F, 1e-7F}),
                series_of("db/a b/ü", {"cpu"}, {10000, 25000}, {1, 2}),
                series_of("host/only-in-graph", {}, {}, {})};
  t.edges = {{"service/web", "db/a b/ü", edge_kind::calls},
             {"service/web", "host/only-in-graph", edge_kind::runs_on}};
  t.candidates = {"service/web", "db/a b/ü"};
  t.aliases = {{"db/a b/ü", "service/web"}};
  t.logs = {{event_time_of(10000), "service/web", log_severity::error, "a \"b\",\nc"},
            {event_time_of(30000), "service/web", log_severity::info, ""}};
  t.spans = {{event_time_of(9000), "service/web", "a1", "b1", "", "GET /", "db/x", 1500,
              span_status::error}};
  t.changes = {{event_time_of(15000), "service/web", change_kind::deploy, "version 2"}};
  return t;
}

labels small_labels() {
  labels l;
  fault_label f;
  f.id = "f1";
  f.start = event_time_of(22000);
  f.end = event_time_of(30000);
  f.entities = {"service/web"};
  f.roots = {"db/a b/ü"};
  f.root_metric = "cpu";
  f.type = "cpu_hog";
  f.full_effect = event_time_of(28000);
  l.faults = {f};
  l.ignore = {{event_time_of(1), event_time_of(2), {"service/web"}, "after the crash"}};
  l.benign = {{"deploy", event_time_of(15000), event_time_of(16000), {"service/web"}}};
  l.early_s = 0;
  l.run_to_failure = true;
  return l;
}

bool same_values(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!(a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])))) return false;
  return true;
}

TEST(Recording, ComesBackAsItWasWritten) {
  const folder dir;
  const telemetry t = small_telemetry();
  ASSERT_TRUE(write_recording(dir.path(), t, small_labels()));
  auto back = read_telemetry(dir.path());
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(back->name, t.name);
  EXPECT_EQ(back->interval_s, 10);
  EXPECT_EQ(back->train_until, t.train_until);
  ASSERT_EQ(back->entities.size(), t.entities.size());
  for (std::size_t e = 0; e < t.entities.size(); ++e) {
    EXPECT_EQ(back->entities[e].id, t.entities[e].id);
    EXPECT_EQ(back->entities[e].metrics, t.entities[e].metrics);
    EXPECT_EQ(back->entities[e].ts, t.entities[e].ts);
    EXPECT_TRUE(same_values(back->entities[e].values, t.entities[e].values));
  }
  ASSERT_EQ(back->edges.size(), 2U);
  EXPECT_EQ(back->edges[0].kind, edge_kind::calls);
  EXPECT_EQ(back->edges[1].kind, edge_kind::runs_on);
  EXPECT_EQ(back->candidates, t.candidates);
  EXPECT_EQ(back->aliases, t.aliases);
  ASSERT_EQ(back->logs.size(), 2U);
  EXPECT_EQ(back->logs[0].body, t.logs[0].body);
  EXPECT_EQ(back->logs[0].severity, log_severity::error);
  ASSERT_EQ(back->spans.size(), 1U);
  EXPECT_EQ(back->spans[0].peer, "db/x");
  EXPECT_EQ(back->spans[0].duration_us, 1500U);
  ASSERT_EQ(back->changes.size(), 1U);
  EXPECT_EQ(back->changes[0].kind, change_kind::deploy);
}

TEST(Recording, SpansAreReadAsTheWireTakesThem) {
  const auto spans = parse_spans(
      "ts,entity,trace,span,parent,operation,duration_us,status,peer\n"
      "1000,service/a,1-5f84c7a1-aa,12.3.4,,GET,5,,\n"
      "1001,service/b,1-5f84c7a1-aa,0AF7,12.3.4,,5,,\n",
      "x");
  ASSERT_TRUE(spans);
  const auto& [first, second] = std::tie((*spans)[0], (*spans)[1]);
  for (const auto& id : {first.trace, first.span, second.parent})
    EXPECT_TRUE(!id.empty() && id.size() <= 64 &&
                id.find_first_not_of("0123456789abcdef") == std::string::npos)
        << id;
  EXPECT_EQ(first.trace, second.trace);
  EXPECT_EQ(first.span, second.parent);
  EXPECT_EQ(first.parent, "");
  EXPECT_EQ(second.span, "0AF7");
  EXPECT_FALSE(second.operation.empty()) << "the wire takes none without";
}

TEST(Recording, ALineWithoutASeverityIsAsBadAsItSays) {
  const auto said = [](const std::string& body) {
    const auto lines = parse_logs("ts,entity,severity,body\n1000,service/a,," + body + "\n", "x");
    return lines && lines->size() == 1 ? lines->front().severity : log_severity::trace;
  };
  for (const char* error :
       {"2024-01-20 05:32:01.123 ERROR 1 --- [nio-8080] o.s.OrderService : no order",
        R"("{""message"":""request error"",""severity"":""error""}")", "level=error msg=x",
        "[Sun Dec 04 04:47:44 2005] [error] mod_jk child init 1 -2",
        "java.lang.NullPointerException: order is null", "ValueError: could not convert",
        "rpc error: code = Internal desc = failed", "Error: ECONNREFUSED",
        "E0102 10:00:00.123456 1 server.go:12] cannot bind"})
    EXPECT_EQ(said(error), log_severity::error) << error;
  for (const char* info :
       {"received ad request (context_words=[kitchen])", "INFO: 0 errors ERROR_COUNT=0",
        R"("{""severity"":""info"",""message"":""error budget is 99 %""}")",
        "terror alert level raised", "loaded ErrorHandler and ExceptionMapper", "errors: 0", "",
        "GET /error 200", "I0102 10:00:00.123456 1 x.go:1] ValueError: seen"})
    EXPECT_EQ(said(info), log_severity::info) << info;
  EXPECT_EQ(said("WARN slow call"), log_severity::warn);
  EXPECT_EQ(said("panic: runtime error: index out of range"), log_severity::fatal);
}

TEST(Recording, LabelsComeBackAsTheyWereWritten) {
  const folder dir;
  ASSERT_TRUE(write_recording(dir.path(), small_telemetry(), small_labels()));
  auto back = read_labels(dir.path());
  ASSERT_TRUE(back) << back.error().what;
  ASSERT_EQ(back->faults.size(), 1U);
  const auto& f = back->faults[0];
  EXPECT_EQ(f.id, "f1");
  EXPECT_EQ(f.start, event_time_of(22000));
  EXPECT_EQ(f.roots, std::vector<std::string>{"db/a b/ü"});
  EXPECT_EQ(f.root_metric, "cpu");
  EXPECT_EQ(f.type, "cpu_hog");
  ASSERT_TRUE(f.full_effect);
  EXPECT_EQ(*f.full_effect, event_time_of(28000));
  ASSERT_EQ(back->ignore.size(), 1U);
  EXPECT_EQ(back->ignore[0].why, "after the crash");
  ASSERT_EQ(back->benign.size(), 1U);
  EXPECT_EQ(back->benign[0].type, "deploy");
  EXPECT_TRUE(back->run_to_failure);
  ASSERT_TRUE(back->early_s);
}

TEST(Recording, TheSameInputGivesTheSameBytes) {
  const folder a, b;
  ASSERT_TRUE(write_recording(a.path(), small_telemetry(), small_labels()));
  auto back = read_telemetry(a.path());
  auto truth = read_labels(a.path());
  ASSERT_TRUE(back && truth);
  ASSERT_TRUE(write_recording(b.path(), *back, *truth));
  std::size_t files = 0;
  for (const auto& item : test::fs::recursive_directory_iterator(a.path())) {
    if (!item.is_regular_file()) continue;
    ++files;
    const auto other = b.path() / test::fs::relative(item.path(), a.path());
    EXPECT_EQ(test::bytes_of(item.path()), test::bytes_of(other)) << other;
  }
  EXPECT_EQ(files, 5U);
  const std::string head = test::bytes_of(a.path() / "metrics/web.csv.gz").substr(0, 10);
  EXPECT_EQ(head, std::string("\x1f\x8b\x08\0\0\0\0\0\x02\xff", 10));  // no time, no machine
}

TEST(Recording, RefusesToWriteWhatTheFormatCannotHold) {
  const folder dir;
  auto twice = small_telemetry();
  twice.entities.push_back(twice.entities[0]);
  EXPECT_FALSE(write_recording(dir.path(), twice, {}));
  auto name = small_telemetry();
  name.entities[0].metrics[0] = "cpu,usage";
  EXPECT_FALSE(write_recording(dir.path(), name, {}));
  auto ragged = small_telemetry();
  ragged.entities[0].values.pop_back();
  EXPECT_FALSE(write_recording(dir.path(), ragged, {}));
  auto infinite = small_telemetry();
  infinite.entities[0].values[0] = std::numeric_limits<double>::infinity();
  EXPECT_FALSE(write_recording(dir.path(), infinite, {}));
  EXPECT_FALSE(test::fs::exists(dir.path() / "recording.json"));
}

TEST(Recording, SixDigitsAreWhatAReaderOfTheTextGets) {
  for (const double value : {0.1234567, 999999.6, 123456789.0, 1.5, 0.00012345678, -2.5e9, 1e-9,
                             99999.97, 0.0, 1e21, 3.0e-12}) {
    char text[64];
    std::snprintf(text, sizeof text, "%.6g", value);
    EXPECT_EQ(six_digits(value), std::strtod(text, nullptr)) << text;
  }
}

TEST(TrainingPart, HoldsOnlyWhatLiesStrictlyBeforeTrainUntil) {
  const folder dir;
  const telemetry t = small_telemetry();
  ASSERT_TRUE(write_recording(dir.path(), t, {}));
  auto part = read_training_part(dir.path(), t);
  ASSERT_TRUE(part) << part.error().what;
  EXPECT_EQ(part->entities[0].rows(), 1U);
  EXPECT_EQ(part->entities[0].values.size(), 2U);
  EXPECT_EQ(part->logs.size(), 1U);
  EXPECT_EQ(scored_from(t), t.train_until);
}

TEST(TrainingPart, FollowsTheTrainingRecording) {
  const folder dir;
  telemetry normal = small_telemetry();
  normal.name = "test/normal";
  ASSERT_TRUE(write_recording(dir.path() / "normal", normal, {}));
  telemetry run = small_telemetry();
  run.train_recording = "../normal";
  ASSERT_TRUE(write_recording(dir.path() / "run", run, {}));
  auto back = read_telemetry(dir.path() / "run");
  ASSERT_TRUE(back);
  auto part = read_training_part(dir.path() / "run", *back);
  ASSERT_TRUE(part) << part.error().what;
  EXPECT_EQ(part->name, "test/normal");
  EXPECT_EQ(part->entities[1].rows(), 1U);
  EXPECT_EQ(scored_from(*back), event_time_of(10000));
  back->train_recording = "../nowhere";
  EXPECT_EQ(read_training_part(dir.path() / "run", *back).error().code, ec::not_found);
}

TEST(RowCursor, GivesAllRowsInTimeOrderThenEntityOrder) {
  const telemetry t = small_telemetry();
  row_cursor cursor{t};
  std::vector<std::pair<std::int64_t, std::size_t>> seen;
  while (auto row = cursor.next()) {
    seen.emplace_back(unix_ms(row->ts), row->entity);
    EXPECT_EQ(row->values, t.entities[row->entity].row(row->index));
    EXPECT_EQ(row->count, t.entities[row->entity].metrics.size());
  }
  const std::vector<std::pair<std::int64_t, std::size_t>> want{
      {10000, 0}, {10000, 1}, {20000, 0}, {25000, 1}, {30000, 0}};
  EXPECT_EQ(seen, want);
  EXPECT_FALSE(cursor.next());
}

TEST(RowCursor, CanStartLater) {
  const telemetry t = small_telemetry();
  row_cursor cursor{t, event_time_of(20001)};
  ASSERT_TRUE(cursor.peek());
  EXPECT_EQ(*cursor.peek(), event_time_of(25000));
  EXPECT_EQ(cursor.next()->entity, 1U);
  row_cursor behind{t, event_time_of(30001)};
  EXPECT_FALSE(behind.peek());
}

TEST(RealRecordings, AreReadWholeAndSurviveARoundTrip) {
  const auto data = test::data_folder();
  if (data.empty()) return;
  std::size_t recordings = 0, rows = 0;
  for (const auto& item : test::fs::recursive_directory_iterator(data)) {
    if (item.path().filename() != "recording.json") continue;
    const auto path = item.path().parent_path();
    auto t = read_telemetry(path);
    ASSERT_TRUE(t) << t.error().what;
    ASSERT_TRUE(read_labels(path));
    ++recordings;
    for (const auto& series : t->entities) rows += series.rows();
  }
  std::cout << "[   DATA   ] " << recordings << " recordings, " << rows << " rows\n";
  EXPECT_GT(recordings, 0U);
}

TEST(RealRecordings, OnesThatAreWrittenAgainHoldTheSameNumbers) {
  const auto data = test::data_folder();
  if (data.empty()) return;
  const folder dir;
  for (const char* name : {"online-boutique/2022-08-22", "petshop-dev/low-traffic"}) {
    auto t = read_telemetry(data / name);
    auto l = read_labels(data / name);
    ASSERT_TRUE(t && l);
    ASSERT_TRUE(write_recording(dir.path() / name, *t, *l));
    auto again = read_telemetry(dir.path() / name);
    ASSERT_TRUE(again) << again.error().what;
    for (std::size_t e = 0; e < t->entities.size(); ++e) {
      EXPECT_EQ(again->entities[e].ts, t->entities[e].ts);
      EXPECT_TRUE(same_values(again->entities[e].values, t->entities[e].values));
    }
    EXPECT_EQ(read_labels(dir.path() / name)->faults.size(), l->faults.size());
  }
}

}  // namespace
}  // namespace faultline
