// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <gtest/gtest.h>

#include "lab/csv_table.hpp"
#include "lab/gzip_file.hpp"
#include "lab/recording.hpp"
#include "tests/lab/folder.hpp"

namespace faultline {
namespace {

using test::folder;

const std::string good_json =
    R"({"name": "x", "interval_s": 60, "train_until": 5, "later_key": {"a": [1]},)"
    R"( "entities": [{"id": "service/a", "metrics": "metrics/a.csv.gz"}], "edges": []})";
const std::string good_csv = "ts,cpu,memory.bytes\n1,0.5,\n2,-1e3,4\n";

// The failure of reading @p csv packed into an otherwise sound recording.
failure reading(const std::string& csv) {
  const folder dir;
  test::put(dir.path() / "recording.json", good_json);
  test::fs::create_directories(dir.path() / "metrics");
  EXPECT_TRUE(write_gzip(dir.path() / "metrics/a.csv.gz", csv));
  auto t = read_telemetry(dir.path());
  return t ? failure{ec::invalid, "was read"} : t.error();
}

failure reading_json(const std::string& json) {
  const folder dir;
  test::put(dir.path() / "recording.json", json);
  test::fs::create_directories(dir.path() / "metrics");
  EXPECT_TRUE(write_gzip(dir.path() / "metrics/a.csv.gz", good_csv));
  auto t = read_telemetry(dir.path());
  return t ? failure{ec::invalid, "was read"} : t.error();
}

TEST(HostileRecording, ASoundOneWithUnknownKeysIsRead) {
  EXPECT_EQ(reading(good_csv).what, "was read");
  EXPECT_EQ(reading_json(good_json).what, "was read");
}

TEST(HostileRecording, BrokenTablesAreRefusedWithFileAndLine) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "line 1: no header"},
      {"time,cpu\n1,2\n", "line 1: the header does not begin with ts"},
      {"ts,cpu\n1\n", "line 2: too few fields"},
      {"ts,cpu\n1,2,2\n2,2,3\n", "line 2: too many fields"},
      {"ts,cpu\n1.5,1\n", "line 2: ts is no integer"},
      {"ts,cpu\n,1\n", "line 2: ts is no integer"},
      {"ts,cpu\n99999999999999999999,1\n", "line 2: ts is no integer"},
      {"ts,cpu\n1661126400000000000,1\n", "line 2: ts is no time in milliseconds"},
      {"ts,cpu\n\n,1\n", "line 3: ts is no integer"},
  };
  for (const auto& [csv, why] : cases) {
    const failure f = reading(csv);
    EXPECT_EQ(f.code, ec::malformed) << csv;
    EXPECT_NE(f.what.find(why), std::string::npos) << csv << " -> " << f.what;
  }
}

TEST(HostileRecording, BrokenDescriptionsAreRefused) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "not a JSON object"},
      {"[]", "not a JSON object"},
      {"{\"name\": \"x\"", "not a JSON object"},
      {"{}", "'name'"},
      {R"({"name": "x", "interval_s": 0, "train_until": 1})", "'interval_s'"},
      {R"({"name": "x", "interval_s": "60", "train_until": 1})", "'interval_s'"},
      {R"({"name": "x", "interval_s": 60})", "'train_until'"},
      {R"({"name": "x", "interval_s": 60, "train_until": 1.5})", "'train_until'"},
      {R"({"name": "x", "interval_s": 60, "train_until": 1661126400000000000})",
       "'train_until' is not a time in milliseconds"},
      {R"({"name": "x", "interval_s": 60, "train_until": 1, "entities": {}})", "'entities'"},
      {R"({"name": "x", "interval_s": 60, "train_until": 1, "entities": [{}]})", "'id'"},
      {R"({"name": "x", "interval_s": 60, "train_until": 1, "entities": [{"id": "a"}, {"id": "a"}]})",
       "distinct"},
      {R"({"name": "x", "interval_s": 60, "train_until": 1, "edges": [["a"]]})", "'edges'"},
      {R"({"name": "x", "interval_s": 60, "train_until": 1, "aliases": {"a": 1}})", "'aliases'"},
      {R"({"name": "x", "interval_s": 60, "train_until": 1, "entities": [{"id": "a", "metrics": "../../etc/passwd"}]})",
       "below the recording"},
      {R"({"name": "x", "interval_s": 60, "train_until": 1, "entities": [{"id": "a", "metrics": "/etc/passwd"}]})",
       "below the recording"},
      {R"({"name": "x", "interval_s": 60, "train_until": 1, "train_recording": "/tmp"})",
       "'train_recording'"},
  };
  for (const auto& [json, why] : cases) {
    const failure f = reading_json(json);
    EXPECT_EQ(f.code, ec::malformed) << json;
    EXPECT_NE(f.what.find(why), std::string::npos) << json << " -> " << f.what;
  }
}

TEST(HostileRecording, AbsentFilesAreNotFound) {
  const folder dir;
  EXPECT_EQ(read_telemetry(dir.path()).error().code, ec::not_found);
  EXPECT_EQ(read_labels(dir.path() / "nowhere").error().code, ec::not_found);
  test::put(dir.path() / "recording.json", good_json);
  EXPECT_EQ(read_telemetry(dir.path()).error().code, ec::not_found);
}

TEST(HostileRecording, LabelsThatMakeNoSenseAreRefused) {
  for (const char* truth : {R"([{"id": "f", "start": 5, "end": 4}])", R"([{"start": 1, "end": 2}])",
                            R"([{"id": "f", "start": 1}])", R"([5])", R"({"f": 1})",
                            R"([{"id": "f", "start": 1, "end": 2, "root": "service/a"}])"}) {
    const folder dir;
    test::put(dir.path() / "recording.json", std::string{R"({"faults": )"} + truth + "}");
    auto l = read_labels(dir.path());
    ASSERT_FALSE(l) << truth;
    EXPECT_EQ(l.error().code, ec::malformed);
  }
}

TEST(GzipFile, EveryCutIsNoticed) {
  const folder dir;
  const auto file = dir.path() / "a.gz";
  std::string text;
  for (int i = 0; i < 5000; ++i) text += std::to_string(i * 7919) + "\n";
  ASSERT_TRUE(write_gzip(file, text));
  const std::string whole = test::bytes_of(file);
  auto back = read_gzip(file, 1 << 20);
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, text);
  for (std::size_t keep = 0; keep < whole.size(); keep += 1 + whole.size() / 97) {
    test::put(file, whole.substr(0, keep));
    auto cut = read_gzip(file, 1 << 20);
    ASSERT_FALSE(cut) << keep;
    EXPECT_EQ(cut.error().code, ec::malformed);
  }
}

TEST(GzipFile, DamageAndForeignBytesAndBombsAreRefused) {
  const folder dir;
  const auto file = dir.path() / "a.gz";
  ASSERT_TRUE(write_gzip(file, std::string(100000, 'x') + "end"));
  std::string bytes = test::bytes_of(file);
  EXPECT_EQ(read_gzip(file, 50000).error().code, ec::too_large);
  bytes[bytes.size() - 6] = static_cast<char>(bytes[bytes.size() - 6] ^ 1);  // the checksum
  test::put(file, bytes);
  EXPECT_EQ(read_gzip(file, 1 << 20).error().code, ec::malformed);
  test::put(file, "ts,cpu\n1,2\n3,4\n5,6\n7,8\n");
  EXPECT_EQ(read_gzip(file, 1 << 20).error().code, ec::malformed);
}

TEST(GzipFile, SeveralMembersAreOneText) {
  const folder dir;
  const auto file = dir.path() / "a.gz";
  ASSERT_TRUE(write_gzip(file, "one\n"));
  const std::string one = test::bytes_of(file);
  test::put(file, one + one);
  EXPECT_EQ(*read_gzip(file, 100), "one\none\n");
}

TEST(EventTables, BrokenOnesAreRefused) {
  EXPECT_FALSE(parse_logs("", "f"));
  EXPECT_FALSE(parse_logs("ts,entity,severity\n", "f"));
  EXPECT_FALSE(parse_logs("ts,entity,severity,body\n1,a,info,\"x\n", "f"));
  EXPECT_FALSE(parse_logs("ts,entity,severity,body\n1,a,info,x,y\n", "f"));
  EXPECT_TRUE(parse_logs("ts,entity,severity,body\r\n1,a,info,x\r\n", "f"));
  const std::string head = "ts,entity,trace,span,parent,operation,duration_us,status,peer\n";
  EXPECT_FALSE(parse_spans(head + "1,a,t,s,,op,long,ok,\n", "f"));
  EXPECT_TRUE(parse_spans(head + "1,a,t,s,,op,5,,\n", "f"));
}

TEST(EventTables, RowsOfSeveralSourcesComeInOrderOfTime) {
  const auto logs =
      parse_logs("ts,entity,severity,body\n2,a,info,x\n1,b,info,y\n2,b,info,z\n", "f");
  ASSERT_TRUE(logs);
  std::string order;
  for (const auto& l : *logs) order += l.body;
  EXPECT_EQ(order, "yxz") << "and as they stand at one time";
}

TEST(EventTables, SeveritiesAndStatesAreReadAsTheirWritersMeanThem) {
  const auto severity = [](const std::string& word) {
    const auto logs = parse_logs("ts,entity,severity,body\n1,a," + word + ",x\n", "f");
    return logs ? logs->at(0).severity : log_severity::trace;
  };
  for (const char* word : {"", "INFO", "Notice", "loud"})
    EXPECT_EQ(severity(word), log_severity::info) << word;
  for (const char* word : {"WARNING", "warn", "W"})
    EXPECT_EQ(severity(word), log_severity::warn) << word;
  for (const char* word : {"ERR", "Error", "failure"})
    EXPECT_EQ(severity(word), log_severity::error) << word;
  for (const char* word : {"CRITICAL", "emergency", "SEVERE", "F"})
    EXPECT_EQ(severity(word), log_severity::fatal) << word;
  for (const char* word : {"DEBUG", "fine", "CONFIG"})
    EXPECT_EQ(severity(word), log_severity::debug) << word;
  const auto span = [](const std::string& duration, const std::string& status) {
    return parse_spans(
               "ts,entity,trace,span,parent,operation,duration_us,status,peer\n1,a,t,s,,op," +
                   duration + "," + status + ",\n",
               "f")
        ->at(0);
  };
  for (const char* word :
       {"", "Unset", "STATUS_CODE_UNSET", "0", "-1", "NOT_OK", "broken", "99999"})
    EXPECT_EQ(span("5", word).status, span_status::unset) << word;
  for (const char* word : {"ok", "OK", "STATUS_CODE_OK", "200", "404", "1"})
    EXPECT_EQ(span("5", word).status, span_status::ok) << word;
  for (const char* word : {"error", "STATUS_CODE_ERROR", "Failed", "503", "2", "14"})
    EXPECT_EQ(span("5", word).status, span_status::error) << word;
  EXPECT_EQ(span("12.6", "").duration_us, 13u);
  EXPECT_EQ(span("-5", "").duration_us, 0u);
  EXPECT_EQ(span("", "").duration_us, 0u);
  EXPECT_EQ(span("1e30", "").duration_us, 1'000'000'000'000'000u);
}

TEST(EventTables, BlankLinesAndAMarkInFrontDoNotCount) {
  const auto logs =
      parse_logs("\xef\xbb\xbfts,entity,severity,body\n\n1,a,info,x\r\n\r\n2,a,info,y\n\n", "f");
  ASSERT_TRUE(logs) << logs.error().what;
  EXPECT_EQ(logs->size(), 2u);
  entity_series read;
  ASSERT_TRUE(parse_metrics("\xef\xbb\xbfts,cpu\n\n1,2\n\r\n2,3\n\n", "f", read));
  EXPECT_EQ(read.rows(), 2u);
}

TEST(MetricTables, WhatLibrariesWriteForNothingIsMissing) {
  entity_series read;
  ASSERT_TRUE(parse_metrics("ts,a,b,c,d,e\n1,NaN,nan,,null,NA\n", "f", read));
  for (const double v : read.values) EXPECT_TRUE(std::isnan(v));
}

/// What of @p csv is read, as text again, and what is said of the rest.
std::pair<std::string, std::string> read_of(const std::string& csv) {
  entity_series read;
  table_faults faults;
  const auto ok = parse_metrics(csv, "f", read, &faults);
  return {ok ? format_metrics(read) : ok.error().what, faults.told("f")};
}

TEST(MetricTables, OneBadRowValueOrColumnLosesNothingElse) {
  const std::string good = "ts,cpu\n1,2\n3,4\n";
  const auto left = [](const std::string& what) { return "f: " + what; };
  const std::vector<std::pair<std::string, std::string>> rows{
      {"2", "line 3: too few fields"},        {"2,2,3", "line 3: too many fields"},
      {"x,1", "line 3: ts is no integer"},    {"2.5,1", "line 3: ts is no integer"},
      {"1e20,1", "line 3: ts is no integer"}, {"3,1", "a time stands twice"}};
  for (const auto& [row, why] : rows) {
    const bool twice = row == "3,1";
    const auto [read, said] =
        read_of(twice ? good + row + "\n" : "ts,cpu\n1,2\n" + row + "\n3,4\n");
    EXPECT_EQ(read, good) << row;
    EXPECT_EQ(said, left("1 row left out, " + why)) << row;
  }
  for (const std::string value : {"inf", "-inf", "nano", "0x10", "--1", ".", " 1", "1e999"})
    EXPECT_EQ(read_of("ts,a,b\n1," + value + ",5\n2,3,4\n").first, "ts,a,b\n1,,5\n2,3,4\n")
        << value;
  EXPECT_EQ(read_of("ts,a\n1,inf\n2,nano\n").second,
            left("2 values left out, line 2: a value is no finite number"));
  const auto [read, said] = read_of("ts,a,,a,b\n1,2,3,4,5\n");
  EXPECT_EQ(read, "ts,a,b\n1,2,5\n");
  EXPECT_EQ(said, left("2 columns left out, line 1: a column has no metric name"));
}

TEST(MetricTables, ACounterKeepsAllOfItsDigits) {
  const std::string table = "ts,bytes\n1,1200000000001\n2,1200000000002.5\n3,16777217\n4,0.1\n";
  EXPECT_EQ(read_of(table).first, table);
}

TEST(MetricTables, RowsOfSeveralSourcesComeInOrderOfTime) {
  const auto [read, said] = read_of("ts,a\n5,1\n2,2\n9,3\n2,4\n");
  EXPECT_EQ(read, "ts,a\n2,2\n5,1\n9,3\n");
  EXPECT_EQ(said, "f: 1 row left out, a time stands twice");
}

TEST(MetricTables, NamesAreThoseThatEventsMayHave) {
  const std::string csv = "ts,CPU Usage,http_requests{code=500},größe\n1,2,3,4\n";
  EXPECT_EQ(read_of(csv), std::pair(csv, std::string{}));
}

TEST(MetricTables, WholeTimesAreReadAsFloatsWriteThem) {
  const std::string read = "ts,a\n1661126400000,1\n";
  for (const std::string ts : {"1661126400000", "1661126400000.0", "1.6611264e12"})
    EXPECT_EQ(read_of("ts,a\n" + ts + ",1\n").first, read) << ts;
  EXPECT_EQ(reading_json(R"({"name": "x", "interval_s": 60, "train_until": 1661126400000.0})").what,
            "was read");
  const auto logs = parse_logs("ts,entity,severity,body\n1661126400000.0,a,info,x\n", "f");
  ASSERT_TRUE(logs);
  EXPECT_EQ(unix_ms(logs->at(0).ts), 1661126400000);
}

TEST(EventTables, OneBadRowLosesNothingElse) {
  table_faults faults;
  const auto logs = parse_logs(
      "ts,entity,severity,body\n1,a,info,x\n2,a,info,\"y\n3,b,info,z\nno,b,info,z\n4,b,info,w,\n"
      "5,b,info,v\n",
      "f", &faults);
  ASSERT_TRUE(logs) << logs.error().what;
  std::string read;
  for (const auto& l : *logs) read += l.body;
  EXPECT_EQ(read, "xzv");
  EXPECT_EQ(faults.told("f"), "f: 3 rows left out, line 3: a quote is not closed");
}

TEST(HostileRecording, WhatWasLeftOutIsKnown) {
  const folder dir;
  test::put(dir.path() / "recording.json", good_json);
  test::fs::create_directories(dir.path() / "metrics");
  ASSERT_TRUE(write_gzip(dir.path() / "metrics/a.csv.gz", good_csv + "3\n"));
  const auto read = read_telemetry(dir.path());
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(read->entities[0].rows(), 2u);
  EXPECT_EQ(read->left_out,
            std::vector<std::string>{"metrics/a.csv.gz: 1 row left out, line 4: too few fields"});
}

}  // namespace
}  // namespace faultline
