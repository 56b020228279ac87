// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lab/cause_questions.hpp"
#include "lab/evaluation_events.hpp"
#include "tests/lab/evaluation_cases.hpp"
#include "tests/lab/folder.hpp"

namespace faultline {
namespace {

using test::broken_system;
using test::folder;
using test::input_of;
using test::told_incident;

constexpr std::int64_t minute = 60'000;

telemetry two_candidates() {
  telemetry t;
  t.name = "test/two";
  t.candidates = {"service/a", "service/b"};
  t.train_until = event_time_of(0);
  return t;
}

labels one_fault(std::int64_t start_ms, std::int64_t end_ms) {
  labels truth;
  fault_label f;
  f.id = "f";
  f.start = event_time_of(start_ms);
  f.end = event_time_of(end_ms);
  f.roots = {"service/b"};
  truth.faults = {f};
  return truth;
}

incident_history history(std::vector<incident> told, std::optional<std::int64_t> ended_ms) {
  incident_history h;
  h.id = told.front().id;
  h.started = told.front().started;
  if (ended_ms) h.ended = event_time_of(*ended_ms);
  h.told = std::move(told);
  return h;
}

TEST(MatchIncidents, TakesWhatStoodTenMinutesAfterTheOnset) {
  incident_run run;
  run.incidents = {history({told_incident("i", 10 * minute, 10 * minute, {}, 1),
                            told_incident("i", 10 * minute, 12 * minute, {{"service/a", 0.9}}, 0.1),
                            told_incident("i", 10 * minute, 20 * minute, {{"service/b", 0.9}}, 0.1),
                            told_incident("i", 10 * minute, 21 * minute, {{"service/a", 1}}, 0)},
                           {})};
  const auto late = match_incidents(run, two_candidates(), one_fault(9 * minute, 60 * minute));
  ASSERT_EQ(late.size(), 1U);
  EXPECT_EQ(late[0].as_of, event_time_of(20 * minute));
  ASSERT_EQ(late[0].causes.size(), 1U);
  EXPECT_EQ(late[0].causes[0].entity, "service/b");
  // A fault that is over sooner is looked at until its end.
  const auto soon = match_incidents(run, two_candidates(), one_fault(9 * minute, 13 * minute));
  EXPECT_EQ(soon[0].as_of, event_time_of(13 * minute));
  EXPECT_EQ(soon[0].causes.at(0).entity, "service/a");
  EXPECT_FALSE(soon[0].predates);
}

TEST(MatchIncidents, WhereARowIsAQuarterOfAnHourItLooksAtTwoOfThem) {
  incident_run run;
  run.incidents = {
      history({told_incident("i", 15 * minute, 15 * minute, {{"service/a", 0.9}}, 0.1),
               told_incident("i", 15 * minute, 45 * minute, {{"service/b", 0.9}}, 0.1)},
              {})};
  telemetry t = two_candidates();
  t.interval_s = 900;
  const auto answers = match_incidents(run, t, one_fault(14 * minute, 90 * minute));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].as_of, event_time_of(45 * minute));
  EXPECT_EQ(answers[0].causes.at(0).entity, "service/b");
}

TEST(GivenOnset, SeesTwoRowsWhereTheyAreRareAndOneOfAFaultThatIsShorter) {
  telemetry t = two_candidates();
  const auto as_of = [&](double interval_s, std::int64_t end) {
    t.interval_s = interval_s;
    return given_for(t, one_fault(0, end).faults.at(0)).as_of;
  };
  EXPECT_EQ(as_of(60, 60 * minute), event_time_of(10 * minute));
  EXPECT_EQ(as_of(300, 60 * minute), event_time_of(10 * minute));
  EXPECT_EQ(as_of(900, 60 * minute), event_time_of(30 * minute));
  EXPECT_EQ(as_of(900, 20 * minute), event_time_of(20 * minute));
  EXPECT_EQ(as_of(900, 5 * minute), event_time_of(15 * minute));
}

TEST(MatchIncidents, AnIncidentThatStoodBeforeIsReadTenMinutesIntoTheFaultAndCalledSo) {
  incident_run run;
  run.incidents = {
      history({told_incident("old", 5 * minute, 5 * minute, {{"service/a", 1}}, 0)}, {}),
      history({told_incident("i", 10 * minute, 10 * minute, {{"service/b", 0.9}}, 0.1),
               told_incident("i", 10 * minute, 45 * minute, {{"service/a", 0.8}}, 0.2),
               told_incident("i", 10 * minute, 51 * minute, {{"service/b", 1}}, 0)},
              {})};
  const auto answers = match_incidents(run, two_candidates(), one_fault(40 * minute, 60 * minute));
  EXPECT_EQ(answers.at(0).incident, "i") << "the newest of those that stood";
  EXPECT_EQ(answers[0].as_of, event_time_of(50 * minute));
  EXPECT_EQ(answers[0].causes.at(0).entity, "service/a");
  EXPECT_TRUE(answers[0].predates);
}

TEST(MatchIncidents, OneThatBeganInTheFaultComesBeforeOneThatStood) {
  incident_run run;
  run.incidents = {
      history({told_incident("stood", 9 * minute, 9 * minute, {{"service/b", 1}}, 0)}, {}),
      history({told_incident("began", 12 * minute, 12 * minute, {{"service/a", 1}}, 0)}, {})};
  const auto answers = match_incidents(run, two_candidates(), one_fault(10 * minute, 20 * minute));
  EXPECT_EQ(answers.at(0).incident, "began");
  EXPECT_FALSE(answers[0].predates);
}

TEST(MatchIncidents, GraceCountsRowsAfterTheEndOfTheFault) {
  telemetry t = two_candidates();
  t.interval_s = 60;
  incident_run run;
  run.incidents = {
      history({told_incident("i", 22 * minute, 22 * minute, {{"service/a", 1}}, 0)}, {})};
  const labels truth = one_fault(10 * minute, 20 * minute);
  EXPECT_TRUE(match_incidents(run, t, truth, 1).at(0).incident.empty());
  const auto answers = match_incidents(run, t, truth, 2);
  EXPECT_EQ(answers.at(0).incident, "i");
  EXPECT_EQ(answers[0].as_of, event_time_of(22 * minute));
}

TEST(MatchIncidents, TakesTheFirstThatBeganInTheFault) {
  incident_run run;
  run.incidents = {
      history({told_incident("late", 15 * minute, 15 * minute, {{"service/b", 1}}, 0)}, {}),
      history({told_incident("first", 11 * minute, 11 * minute, {{"service/a", 1}}, 0)}, {}),
      history({told_incident("over", 1 * minute, 1 * minute, {{"service/b", 1}}, 0)}, 9 * minute)};
  const auto answers = match_incidents(run, two_candidates(), one_fault(10 * minute, 20 * minute));
  EXPECT_EQ(answers.at(0).incident, "first");
}

TEST(MatchIncidents, AbstainsWhereNothingOverlaps) {
  incident_run run;
  run.incidents = {
      history({told_incident("before", minute, minute, {{"service/b", 1}}, 0)}, 9 * minute),
      history({told_incident("after", 21 * minute, 21 * minute, {{"service/b", 1}}, 0)}, {})};
  const auto answers = match_incidents(run, two_candidates(), one_fault(10 * minute, 20 * minute));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_TRUE(answers[0].abstained);
  EXPECT_TRUE(answers[0].causes.empty());
  EXPECT_EQ(causes_line(answers[0]),
            R"({"recording":"test/two","fault":"f","abstained":true,"causes":[],"alerting":[]})");
}

TEST(CausesLine, OfANameThatIsNoUtf8IsALineAllTheSame) {
  cause_answer answer;
  answer.recording = "caf\xe9";
  const auto line = nlohmann::json::parse(causes_line(answer), nullptr, false);
  ASSERT_TRUE(line.is_object());
  EXPECT_EQ(line["recording"], "caf\xef\xbf\xbd");
}

TEST(MatchIncidents, LeavesOutWhatIsNoCandidate) {
  incident_run run;
  run.incidents = {history(
      {told_incident("i", 10 * minute, 10 * minute, {{"app/front", 0.6}, {"service/b", 0.3}}, 0.1)},
      {})};
  const auto answers = match_incidents(run, two_candidates(), one_fault(9 * minute, 20 * minute));
  ASSERT_EQ(answers.at(0).causes.size(), 1U);
  EXPECT_EQ(answers[0].causes[0].entity, "service/b");
  EXPECT_NEAR(answers[0].causes[0].probability, 0.75, 1e-12);
}

TEST(MatchIncidents, AFaultOfTheTrainingPartHasNoAnswer) {
  telemetry t = two_candidates();
  t.train_until = event_time_of(30 * minute);
  EXPECT_TRUE(match_incidents({}, t, one_fault(10 * minute, 20 * minute)).empty());
  EXPECT_EQ(match_incidents({}, t, one_fault(10 * minute, 40 * minute)).size(), 1U);
}

std::vector<std::string> lines_of(const std::vector<cause_answer>& answers) {
  std::vector<std::string> lines;
  for (const cause_answer& a : answers) lines.push_back(causes_line(a));
  return lines;
}

given_onset onset_of(const fault_label& fault) {
  return {fault.start, std::min(fault.end, fault.start + milliseconds{10 * minute})};
}

TEST(EvaluationEvents, ASpanIsKnownWhenItEnds) {
  telemetry t;
  entity_series rows;
  rows.id = "service/a";
  rows.metrics = {"cpu"};
  rows.ts = {event_time_of(10'000), event_time_of(40'000)};
  rows.values = {1, 2};
  t.entities = {rows};
  span_row slow;
  slow.ts = event_time_of(5'000);
  slow.entity = "service/a";
  slow.duration_us = 30'000'000;
  t.spans = {slow};
  evaluation_events events{t};
  std::vector<std::pair<event_type, std::int64_t>> seen;
  while (const event_view* e = events.next()) seen.emplace_back(e->type, unix_ms(e->arrived));
  const std::vector<std::pair<event_type, std::int64_t>> expected{
      {event_type::metric, 10'000}, {event_type::span, 35'000}, {event_type::metric, 40'000}};
  EXPECT_EQ(seen, expected);
  EXPECT_TRUE(before(t, event_time_of(35'000)).spans.empty());
  EXPECT_EQ(before(t, event_time_of(35'001)).spans.size(), 1U);
}

TEST(AskAtOnsets, SeesNothingLaterThanItsMoment) {
  const auto system = broken_system(0.6);
  const auto onset = onset_of(system.truth.faults.at(0));
  const auto whole = ask_at_onsets(input_of(system.observed), {onset}, {}, {});
  ASSERT_FALSE(whole.at(0).causes.empty());
  const auto cut = before(system.observed, onset.as_of + milliseconds{1});
  EXPECT_EQ(lines_of(whole), lines_of(ask_at_onsets(input_of(cut), {onset}, {}, {})));
  // What lies before it counts.
  telemetry other = system.observed;
  for (auto& series : other.entities)
    for (std::size_t i = 0; i < series.rows(); ++i)
      for (std::size_t m = 0; m < series.metrics.size(); ++m)
        if (series.ts[i] > onset.start) series.values[i * series.metrics.size() + m] = 0;
  EXPECT_NE(lines_of(whole), lines_of(ask_at_onsets(input_of(other), {onset}, {}, {})));
}

TEST(AskAtOnsets, AnswersInTheOrderAsked) {
  const auto system = broken_system(0.6);
  const auto onset = onset_of(system.truth.faults.at(0));
  const given_onset sooner{onset.start - std::chrono::minutes{5}, onset.start};
  const auto answers = ask_at_onsets(input_of(system.observed), {onset, sooner}, {}, {});
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].as_of, onset.as_of);
  EXPECT_EQ(answers[1].as_of, sooner.as_of);
}

TEST(EvaluateRootCause, WritesALineForEveryFault) {
  const folder dir;
  const auto system = broken_system(0.6);
  ASSERT_TRUE(write_recording(dir.path() / "r", system.observed, system.truth));
  for (const onset_source onset : {onset_source::own, onset_source::given}) {
    const auto answers = evaluate_root_cause(dir.path() / "r", onset, {}, {});
    ASSERT_TRUE(answers) << answers.error().what;
    ASSERT_EQ(answers->size(), 1U);
    const auto line = nlohmann::json::parse(causes_line(answers->front()), nullptr, false);
    ASSERT_TRUE(line.is_object());
    EXPECT_EQ(line.at("recording"), system.observed.name);
    EXPECT_EQ(line.at("fault"), system.truth.faults.at(0).id);
    EXPECT_TRUE(line.at("abstained").is_boolean());
    ASSERT_FALSE(line.at("causes").empty());
    double sum = 0;
    for (const auto& cause : line.at("causes")) {
      EXPECT_TRUE(system.observed.find(cause.at("entity").get<std::string>()));
      sum += cause.at("probability").get<double>();
    }
    EXPECT_LE(sum, 1 + 1e-9);
    for (const auto& a : line.at("alerting")) EXPECT_TRUE(a.at("severity").is_number());
    const auto again = evaluate_root_cause(dir.path() / "r", onset, {}, {});
    EXPECT_EQ(lines_of(*answers), lines_of(*again));
  }
}

TEST(EvaluateRootCause, LabelsOnlyChooseAmongOwnAnswers) {
  const folder dir;
  const auto system = broken_system(0.6);
  labels elsewhere = system.truth;  // the same time, another culprit
  elsewhere.faults.at(0).roots = {system.observed.entities.at(0).id};
  elsewhere.faults.at(0).entities = elsewhere.faults.at(0).roots;
  elsewhere.faults.at(0).type = "other";
  ASSERT_TRUE(write_recording(dir.path() / "true", system.observed, system.truth));
  ASSERT_TRUE(write_recording(dir.path() / "false", system.observed, elsewhere));
  for (const onset_source onset : {onset_source::own, onset_source::given}) {
    const auto a = evaluate_root_cause(dir.path() / "true", onset, {}, {});
    const auto b = evaluate_root_cause(dir.path() / "false", onset, {}, {});
    ASSERT_TRUE(a && b);
    EXPECT_EQ(lines_of(*a), lines_of(*b));
  }
}

TEST(EvaluateRootCause, ARecordingThatIsNoneIsAFailure) {
  const folder dir;
  EXPECT_FALSE(evaluate_root_cause(dir.path(), onset_source::own, {}, {}));
}

}  // namespace
}  // namespace faultline
