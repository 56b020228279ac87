// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

#include "judgement/calibration.hpp"
#include "lab/detection_study.hpp"
#include "lab/headline.hpp"
#include "lab/study_report.hpp"
#include "lab/svg_plot.hpp"
#include "tests/lab/evaluation_cases.hpp"
#include "tests/lab/folder.hpp"

namespace faultline {
namespace {

using test::broken_system;
using test::input_of;

std::vector<detector_outcome> studied(study_options o) {
  const auto system = broken_system(0.6);
  detection_study study{std::move(o)};
  study.add("simulated", input_of(system.observed), system.truth, {});
  return study.finish();
}

study_options usual() {
  study_options o;
  o.variants = variants_at({}, {1, 30}, false);
  return o;
}

TEST(Study, PutsBaselinesAndOraclesBesideEachBudget) {
  const auto all = studied(usual());
  ASSERT_EQ(all.size(), 2U + 4U + 3U);
  for (const auto& o : all) {
    EXPECT_EQ(o.faults.size(), 1U) << o.name;
    EXPECT_EQ(o.oracle, o.name.find("oracle") != std::string::npos);
    const auto f = figures_of(o, "", 1);
    if (o.oracle) {
      EXPECT_LE(f.alarm_share, 0.01) << o.name;
    }
  }
  EXPECT_TRUE(all[0].faults[0].paged);
  EXPECT_FALSE(all[0].rankings.empty());
  EXPECT_GT(all[0].probabilities.count(), 0U);
}

TEST(Study, LabelsChangeOnlyTheVerdicts) {
  const auto system = broken_system(0.6);
  detection_study a{usual()}, b{usual()};
  a.add("s", input_of(system.observed), system.truth, {});
  b.add("s", input_of(system.observed), {}, {});
  const auto with = a.finish(), without = b.finish();
  const auto episodes = [](const detector_outcome& o) {
    std::size_t n = 0;
    for (const auto& e : o.entities) n += e.verdict.true_episodes + e.verdict.false_episodes;
    return n;
  };
  EXPECT_GE(episodes(without[0]), episodes(with[0]));  // those of affected entities, all false
  EXPECT_EQ(figures_of(without[0], "", 1).paged.of, 0U);
}

TEST(Study, ARowHasTheLargestScoreOfTheIntervalBeforeItWhereRowsAreNotEvenlyApart) {
  auto system = broken_system(0.6);
  for (auto& series : system.observed.entities)
    for (std::size_t n = 0; n < series.ts.size(); n += 2) series.ts[n] += seconds{3};
  const auto input = input_of(system.observed);
  detection_study study{usual()};
  study.add("s", input, system.truth, {});
  const auto rankings = study.finish()[0].rankings;
  ASSERT_FALSE(rankings.empty());
  const auto run = run_detection(input, usual().variants[0].options, {});
  const scored_truth truth{input.scored, system.truth};
  for (const auto& r : rankings) {
    const auto e = input.scored.find(r.entity);
    ASSERT_TRUE(e);
    std::vector<bool> label;
    std::vector<float> score;
    for (std::size_t n = 0; n < truth.rows(*e).size(); ++n) {
      if (!truth.counted(*e)[n]) continue;
      const event_time row = truth.rows(*e)[n];
      label.push_back(truth.faulty(*e)[n]);
      score.push_back(0);
      for (const scored_tick& s : run.scores)
        if (run.entities[s.entity] == r.entity && s.ts <= row && s.ts > row - truth.step())
          score.back() = std::max(score.back(), s.score);
    }
    EXPECT_DOUBLE_EQ(r.average_precision, average_precision(label, score).value_or(-1)) << r.entity;
  }
}

TEST(Ablation, LeavesOutTheForecasterAndEachViewOnce) {
  const auto with = ablation_variants({}, true);
  EXPECT_EQ(with.size(), 1 + 1 + view_count - 1);
  std::set<std::uint32_t> masks;
  for (const auto& v : with)
    if (v.options.detection.without_views != 0) {
      EXPECT_TRUE(masks.insert(v.options.detection.without_views).second);
    }
  EXPECT_EQ(masks.size(), view_count - 1);
  EXPECT_EQ(ablation_variants({}, false).size(), view_count);
}

TEST(Ablation, IsATableWithDifferences) {
  study_options o;
  o.variants = ablation_variants({}, false);
  o.baselines = false;
  const auto all = studied(o);
  ASSERT_EQ(all.size(), view_count);
  const std::string text = ablation_markdown(all, 1);
  for (const auto& v : all) EXPECT_NE(text.find("| " + v.name + " |"), std::string::npos);
}

TEST(Report, IsWrittenAsTableJsonAndDiagramsAndRepeats) {
  const test::folder dir;
  const auto all = studied(usual());
  ASSERT_TRUE(write_report(dir.path() / "a", all, 1, false));
  ASSERT_TRUE(write_report(dir.path() / "b", all, 1, false));
  for (const char* name :
       {"report.md", "report.json", "detection.svg", "lead.svg", "reliability.svg"}) {
    const auto bytes = test::bytes_of(dir.path() / "a" / name);
    EXPECT_GT(bytes.size(), 200U) << name;
    EXPECT_EQ(bytes, test::bytes_of(dir.path() / "b" / name));
  }
  const auto root = nlohmann::json::parse(test::bytes_of(dir.path() / "a" / "report.json"));
  EXPECT_EQ(root.at("sets").at("simulated").size(), all.size());
  EXPECT_EQ(root.at("cases").size(), 1U);
  test::put(dir.path() / "file", "in the way");
  EXPECT_FALSE(write_report(dir.path() / "file", all, 1, false));
}

TEST(Report, CallsAnOracleAnOracle) {
  const auto text = report_markdown(studied(usual()), 1);
  EXPECT_NE(text.find("limits per entity, oracle"), std::string::npos);
  EXPECT_NE(text.find("not what a user gets"), std::string::npos);
}

TEST(Bars, SayWhetherEachHolds) {
  const auto text = headline_bars(studied(usual()), 1);
  EXPECT_NE(text.find("| at least 0.850 |"), std::string::npos);
  EXPECT_NE(text.find("gain over one global k-sigma, oracle"), std::string::npos);
  EXPECT_NE(text.find("| yes |"), std::string::npos);
  EXPECT_EQ(headline_bars({}, 1), "");
}

TEST(Headline, SimulatedRecordingsAreOfTheTestSplitAndQuietOnesHaveNoFault) {
  headline_options o;
  o.systems = 2;
  o.days = 4;
  o.faults_a_system = 2;
  std::size_t broken = 0, quiet = 0;
  const auto done = headline_recordings(o, [&](const study_recording& r) {
    const bool is_quiet = r.set == "simulated, quiet";
    (is_quiet ? quiet : broken) += 1;
    EXPECT_EQ(r.truth.faults.empty(), is_quiet);
    EXPECT_FALSE(r.input.scored.entities.empty());
  });
  EXPECT_TRUE(done);
  EXPECT_EQ(broken, 2U);
  EXPECT_EQ(quiet, 1U);
}

TEST(Headline, WithoutItsDataIsAFailure) {
  const test::folder dir;
  headline_options o;
  o.data = dir.path();
  const auto done = headline_recordings(o, [](const study_recording&) {});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ec::not_found);
}

TEST(SvgPlot, DrawsLinesAndLeavesOutWhatALogarithmCannotShow) {
  const svg_plot plot{"a < b", "x",  "y",
                      true,    true, {{"one & two", {{0, 0.5}, {1, 0.5}, {10, 2}}}}};
  const auto text = plot.text();
  EXPECT_EQ(text.rfind("<svg", 0), 0U);
  EXPECT_NE(text.find("a &lt; b"), std::string::npos);
  EXPECT_NE(text.find("one &amp; two"), std::string::npos);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n') > 5, true);
  std::size_t marks = 0;
  for (std::size_t p = text.find("<circle"); p != std::string::npos;
       p = text.find("<circle", p + 1))
    ++marks;
  EXPECT_EQ(marks, 2U);
  EXPECT_EQ((svg_plot{}).text().find("nan"), std::string::npos);
}

}  // namespace
}  // namespace faultline
