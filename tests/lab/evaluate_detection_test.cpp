// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "judgement/calibration.hpp"
#include "lab/gzip_file.hpp"
#include "tests/lab/evaluation_cases.hpp"
#include "tests/lab/folder.hpp"

namespace faultline {
namespace {

namespace fs = std::filesystem;
using test::broken_system;
using test::bytes_of;
using test::folder;
using test::input_of;

struct output_files {
  std::string alerts, scores;
  bool operator==(const output_files& o) const { return alerts == o.alerts && scores == o.scores; }
};

output_files detect(const fs::path& recording, const fs::path& out) {
  const auto input = read_evaluation_input(recording);
  if (!input) {
    ADD_FAILURE() << input.error().what;
    return {};
  }
  const auto written = write_detection(out, run_detection(*input, {}, {}));
  EXPECT_TRUE(written);
  return {bytes_of(out / "alerts.jsonl"), bytes_of(out / "scores.csv.gz")};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(EvaluateDetection, TellsOfAFaultInTheScoredPart) {
  const auto system = broken_system(0.6);
  const auto run = run_detection(input_of(system.observed), {}, {});
  const fault_label& fault = system.truth.faults.at(0);
  const auto in_fault = [&](const told_alert& a) {
    return a.started >= fault.start && a.started <= fault.end;
  };
  EXPECT_TRUE(std::any_of(run.alerts.begin(), run.alerts.end(), in_fault));
}

TEST(EvaluateDetection, TellsOfNothingInTheTrainingPart) {
  // The same fault, now in the part that trains.
  const auto system = broken_system(0.9);
  ASSERT_LT(system.truth.faults.at(0).end, system.observed.train_until);
  const auto run = run_detection(input_of(system.observed), {}, {});
  for (const told_alert& a : run.alerts) EXPECT_GE(a.started, system.observed.train_until);
  ASSERT_FALSE(run.scores.empty());
  for (const scored_tick& s : run.scores) EXPECT_GE(s.ts, system.observed.train_until);
}

TEST(EvaluateDetection, WhatComesLaterChangesNothingThatWasSaid) {
  const auto system = broken_system(0.6);
  const auto whole = run_detection(input_of(system.observed), {}, {});
  const event_time until = system.truth.faults.at(0).start + std::chrono::minutes{10};
  const auto part = run_detection(input_of(before(system.observed, until)), {}, {});
  ASSERT_FALSE(part.scores.empty());
  ASSERT_LE(part.scores.size(), whole.scores.size());
  std::set<std::tuple<event_time, std::string, float>> all;
  for (const scored_tick& s : whole.scores) all.insert({s.ts, whole.entities[s.entity], s.score});
  for (const scored_tick& s : part.scores)
    EXPECT_EQ(all.count({s.ts, part.entities[s.entity], s.score}), 1U);
  ASSERT_LE(part.alerts.size(), whole.alerts.size());
  for (std::size_t n = 0; n < part.alerts.size(); ++n) {
    EXPECT_EQ(part.alerts[n].id, whole.alerts[n].id);
    EXPECT_EQ(part.alerts[n].started, whole.alerts[n].started);
  }
}

TEST(EvaluateDetection, RowsThatComeMoreOftenThanTicksHaveAScoreEach) {
  simulation_options o;
  o.seed = 7;
  o.services = 5;
  o.duration = seconds{1200};
  o.interval = seconds{1};
  o.train_share = 0.5;
  o.quiet = true;
  const auto made = simulate(o);
  ASSERT_TRUE(made) << made.error().what;
  const telemetry& t = made->observed;
  const auto run = run_detection(input_of(t), {}, {});
  std::set<std::pair<std::string, event_time>> scored;
  for (const scored_tick& s : run.scores)
    EXPECT_TRUE(scored.emplace(run.entities[s.entity], s.ts).second);
  EXPECT_GT(run.scores.size(), 8 * run.ticks);
  std::size_t rows = 0, without = 0;
  for (const entity_series& series : t.entities)
    for (const event_time ts : series.ts) {
      if (ts < t.train_until + seconds{10}) continue;  // before the first tick
      ++rows;
      without += scored.count({series.id, ts}) == 0 ? 1 : 0;
    }
  EXPECT_LT(without, rows / 50);
  // What stands between two ticks was believed since the first.
  const auto part = run_detection(input_of(before(t, t.train_until + seconds{305})), {}, {});
  std::set<std::tuple<event_time, std::string, float>> all;
  for (const scored_tick& s : run.scores) all.insert({s.ts, run.entities[s.entity], s.score});
  const event_time closed = t.train_until + seconds{290};
  for (const scored_tick& s : part.scores)
    EXPECT_TRUE(s.ts > closed || all.count({s.ts, part.entities[s.entity], s.score}) == 1);
}

TEST(EvaluateDetection, WhatARunLeavesOutIsTold) {
  telemetry t = broken_system(0.6).observed;
  EXPECT_TRUE(what_is_left_out(input_of(t)).empty());
  entity_series& wide = t.entities.at(0);
  const std::size_t rows = wide.rows();
  wide.metrics.clear();
  for (int i = 0; i < 257; ++i) wide.metrics.push_back("m" + std::to_string(i));
  wide.values.assign(rows * 257, 1);
  auto told = what_is_left_out(input_of(t));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0],
            wide.id + " has 257 metrics: those beyond the first 256 with a value are left out");
  t.train_until = wide.ts.back() + seconds{1};
  told = what_is_left_out(input_of(t));
  ASSERT_EQ(told.size(), 2U);
  EXPECT_NE(told[1].find("nothing is scored"), std::string::npos);
}

// Rows whose fields are all empty, or were left out as no numbers, are no events.
TEST(EvaluateDetection, RowsWithoutAValueAreNothingToScore) {
  telemetry t = broken_system(0.6).observed;
  t.logs.clear(), t.spans.clear();
  for (entity_series& series : t.entities)
    std::fill(series.values.begin(), series.values.end(), std::nanf(""));
  t.entities[0].values[0] = 1;
  const auto told = what_is_left_out(input_of(t));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_NE(told[0].find("nothing is scored"), std::string::npos);
  t.entities.back().values.back() = 1;
  EXPECT_TRUE(what_is_left_out(input_of(t)).empty());
}

TEST(EvaluateDetection, LabelsChangeNoByte) {
  const folder dir;
  const auto system = broken_system(0.6);
  ASSERT_TRUE(write_recording(dir.path() / "with", system.observed, system.truth));
  ASSERT_TRUE(write_recording(dir.path() / "without", system.observed, labels{}));
  const auto with = detect(dir.path() / "with", dir.path() / "out-with");
  EXPECT_FALSE(with.alerts.empty());
  EXPECT_TRUE(with == detect(dir.path() / "without", dir.path() / "out-without"));
  // The telemetry does.
  telemetry other = system.observed;
  for (double& v : other.entities.at(0).values) v *= 1.5F;
  ASSERT_TRUE(write_recording(dir.path() / "other", other, system.truth));
  EXPECT_FALSE(with == detect(dir.path() / "other", dir.path() / "out-other"));
}

TEST(EvaluateDetection, TheSameInputGivesTheSameBytes) {
  const folder dir;
  const auto system = broken_system(0.6);
  ASSERT_TRUE(write_recording(dir.path() / "r", system.observed, system.truth));
  const auto first = detect(dir.path() / "r", dir.path() / "first");
  EXPECT_TRUE(first == detect(dir.path() / "r", dir.path() / "second"));
  EXPECT_TRUE(first == detect(dir.path() / "r", dir.path() / "first"));  // written over
}

TEST(EvaluateDetection, WritesWhatTheScorersRead) {
  const folder dir;
  const auto system = broken_system(0.6);
  const auto run = run_detection(input_of(system.observed), {}, {});
  ASSERT_TRUE(write_detection(dir.path() / "deep" / "out", run));
  const auto alerts = lines_of(bytes_of(dir.path() / "deep" / "out" / "alerts.jsonl"));
  ASSERT_EQ(alerts.size(), run.alerts.size());
  for (const std::string& line : alerts) {
    const auto a = nlohmann::json::parse(line, nullptr, false);
    ASSERT_TRUE(a.is_object()) << line;
    EXPECT_TRUE(system.observed.find(a.at("entity").get<std::string>()));
    EXPECT_TRUE(a.at("started").is_number_integer());
    EXPECT_TRUE(a.at("ended").is_null() || a.at("ended") >= a.at("started"));
    EXPECT_TRUE(a.at("severity") == "warning" || a.at("severity") == "critical");
    EXPECT_GE(a.at("score").get<double>(), 0);
    EXPECT_LE(a.at("score").get<double>(), 1);
  }
  const auto text = read_gzip(dir.path() / "deep" / "out" / "scores.csv.gz", 1U << 26);
  ASSERT_TRUE(text) << text.error().what;
  const auto scores = lines_of(*text);
  ASSERT_EQ(scores.size(), run.scores.size() + 1);
  EXPECT_EQ(scores[0], "ts,entity,score");
  for (std::size_t n = 1; n < scores.size(); ++n) {
    const std::size_t first = scores[n].find(','), last = scores[n].rfind(',');
    const auto entity = system.observed.find(scores[n].substr(first + 1, last - first - 1));
    ASSERT_TRUE(entity) << scores[n];
    const auto& ts = system.observed.entities[*entity].ts;
    const auto at = event_time_of(std::stoll(scores[n].substr(0, first)));
    EXPECT_TRUE(std::binary_search(ts.begin(), ts.end(), at)) << scores[n];
    const double score = std::stod(scores[n].substr(last + 1));
    EXPECT_GE(score, 0);
    EXPECT_LE(score, 1);
  }
}

TEST(EvaluateDetection, WithoutAnyViewNothingIsSurprising) {
  const auto system = broken_system(0.6);
  const auto whole = run_detection(input_of(system.observed), {}, {});
  evaluation_options deaf;
  deaf.detection.without_views = (1U << view_count) - 1;
  const auto none = run_detection(input_of(system.observed), deaf, {});
  ASSERT_EQ(none.scores.size(), whole.scores.size());
  EXPECT_FALSE(whole.alerts.empty());
  for (const told_alert& a : none.alerts) EXPECT_EQ(a.metric, "") << "silence alone may page";
}

TEST(EvaluateDetection, AViewThatIsLeftOutChangesScores) {
  const auto system = broken_system(0.6);
  const auto whole = run_detection(input_of(system.observed), {}, {});
  for (const view v : {view::residual, view::level, view::drift}) {
    evaluation_options without;
    without.detection.without_views = 1U << static_cast<unsigned>(v);
    const auto run = run_detection(input_of(system.observed), without, {});
    ASSERT_EQ(run.scores.size(), whole.scores.size());
    std::size_t other = 0;
    for (std::size_t n = 0; n < run.scores.size(); ++n)
      other += run.scores[n].score != whole.scores[n].score ? 1 : 0;
    EXPECT_GT(other, 0U) << to_string(v);
  }
}

TEST(EvaluateDetection, QuotesNamesThatWouldBreakALine) {
  const folder dir;
  detection_run run;
  run.entities = {"queue/a,b \"c\""};
  run.scores = {{event_time_of(5), 0, 0.25F}};
  told_alert a;
  a.entity = run.entities[0];
  a.started = event_time_of(5);
  run.alerts = {a};
  ASSERT_TRUE(write_detection(dir.path(), run));
  const auto text = read_gzip(dir.path() / "scores.csv.gz", 1000);
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, "ts,entity,score\n5,\"queue/a,b \"\"c\"\"\",0.25\n");
  const auto line = nlohmann::json::parse(bytes_of(dir.path() / "alerts.jsonl"), nullptr, false);
  EXPECT_EQ(line.at("entity"), run.entities[0]);
  EXPECT_TRUE(line.at("ended").is_null());
}

TEST(EvaluateDetection, AnOutputThatCannotBeWrittenIsAFailure) {
  const folder dir;
  test::put(dir.path() / "file", "in the way");
  EXPECT_FALSE(write_detection(dir.path() / "file", {}));
}

TEST(EvaluateDetection, AnotherRecordingTrainsAndIsNotScored) {
  const folder dir;
  const auto normal = broken_system(0.6);
  auto later = normal.observed;
  for (auto& series : later.entities)
    for (auto& ts : series.ts) ts += std::chrono::hours{24 * 90};
  later.name = "test/run";
  later.train_until = {};
  later.train_recording = "../normal";
  ASSERT_TRUE(write_recording(dir.path() / "normal", normal.observed, normal.truth));
  ASSERT_TRUE(write_recording(dir.path() / "run", later, labels{}));
  const auto input = read_evaluation_input(dir.path() / "run");
  ASSERT_TRUE(input) << input.error().what;
  ASSERT_TRUE(input->training);
  for (const auto& series : input->training->entities)
    for (const event_time ts : series.ts) ASSERT_LT(ts, normal.observed.train_until);
  const auto run = run_detection(*input, {}, {});
  const event_time first = scored_from(input->scored);
  ASSERT_FALSE(run.scores.empty());
  EXPECT_EQ(std::min_element(run.scores.begin(), run.scores.end(),
                             [](const auto& a, const auto& b) { return a.ts < b.ts; })
                ->ts,
            first);
  for (const told_alert& a : run.alerts) EXPECT_GE(a.started, first);
}

TEST(EvaluateDetection, TrainingOnTheFutureIsRefused) {
  const folder dir;
  const auto normal = broken_system(0.6);
  auto earlier = normal.observed;
  for (auto& series : earlier.entities)
    for (auto& ts : series.ts) ts -= std::chrono::hours{1};
  earlier.train_recording = "../normal";
  ASSERT_TRUE(write_recording(dir.path() / "normal", normal.observed, normal.truth));
  ASSERT_TRUE(write_recording(dir.path() / "run", earlier, labels{}));
  const auto input = read_evaluation_input(dir.path() / "run");
  ASSERT_FALSE(input);
  EXPECT_EQ(input.error().code, ec::invalid);
}

TEST(EvaluateDetection, ReadsARealRecording) {
  const fs::path data = test::data_folder();
  if (data.empty()) return;
  const auto input = read_evaluation_input(data / "nab" / "machine_temperature_system_failure");
  ASSERT_TRUE(input) << input.error().what;
  const auto run = run_detection(*input, {}, {});
  EXPECT_GT(run.scores.size(), 20'000U);
  for (const told_alert& a : run.alerts) EXPECT_GE(a.started, input->scored.train_until);
}

}  // namespace
}  // namespace faultline
