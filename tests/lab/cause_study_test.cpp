// SPDX-License-Identifier: Apache-2.0
#include "lab/cause_study.hpp"

#include "lab/cause_fitting.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "lab/cause_baselines.hpp"
#include "tests/judgement/root_cause_cases.hpp"

namespace faultline {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ranked_cause cause(std::string entity, double p) {
  ranked_cause c;
  c.entity = std::move(entity);
  c.probability = p;
  return c;
}

const std::vector<std::string> four{"a", "b", "c", "d"};

TEST(CauseScoring, EqualProbabilitiesAreBrokenAgainstTheRoot) {
  const auto v =
      judge_causes({cause("a", 0.4), cause("b", 0.4), cause("c", 0.2)}, false, {}, four, {"a"});
  EXPECT_EQ(v.rank, 2u);
  EXPECT_FALSE(v.first());
  EXPECT_EQ(v.inspected, 2);
  EXPECT_EQ(v.top, 0.4);
}

TEST(CauseScoring, ARootThatIsNotListedIsAMissAndIsSoughtBehindTheList) {
  const auto v = judge_causes({cause("a", 0.6), cause("stranger", 0.4)}, true, {}, four, {"d"});
  EXPECT_EQ(v.rank, 0u);
  EXPECT_FALSE(v.within(5));
  EXPECT_EQ(v.inspected, 1 + 2);  // three are left in any order
  EXPECT_EQ(v.by_chance, 2.5);
  EXPECT_TRUE(v.abstained);
}

TEST(CauseScoring, AlertsAreWalkedFromTheMostSevereDown) {
  const auto v = judge_causes({cause("a", 1)}, false, {{"b", 3}, {"a", 2}, {"c", 5}}, four, {"a"});
  EXPECT_EQ(v.by_alerts, 3);
  EXPECT_EQ(judge_causes({}, true, {}, four, {"a"}).by_alerts, 2.5);
}

TEST(CauseScoring, FiguresAreMeansOverFaultsAndAbstainingTakesNoneOut) {
  cause_figures f;
  f.add(judge_causes({cause("a", 0.9)}, false, {}, four, {"a"}));
  f.add(judge_causes({cause("b", 0.3), cause("a", 0.2)}, true, {}, four, {"a"}));
  EXPECT_EQ(f.faults(), 2u);
  EXPECT_EQ(f.within(1), 0.5);
  EXPECT_EQ(f.within(3), 1);
  EXPECT_NEAR(f.average5(), 0.9, 1e-12);
  EXPECT_EQ(f.reciprocal(), 0.75);
  EXPECT_EQ(f.abstained(), 0.5);
  EXPECT_EQ(f.first_unless_abstained(), 1);
  EXPECT_NEAR(f.chance_within(3), 0.75, 1e-12);
  EXPECT_LT(f.first_interval().low, 0.5);
  EXPECT_TRUE(std::isnan(cause_figures{}.first_unless_abstained()));
}

TEST(CauseBaselines, AllNameTheDatabaseThatIsTheOnlyOneInTrouble) {
  root_cause_cases::system_builder b;
  b.service("service/front").service("service/cart").service("db/cart", 3, 4);
  b.calls("service/front", "service/cart").calls("service/cart", "db/cart");
  for (const cause_baseline which : every_cause_baseline) {
    const auto causes = baseline_causes(which, b.question());
    ASSERT_EQ(causes.size(), 3u);
    EXPECT_EQ(causes[0].entity, "db/cart") << to_string(which);
  }
  ASSERT_EQ(baseline_alerts(b.question()).size(), 1u);
}

TEST(CauseBaselines, TraversalPrefersTheDeepestAndNSigmaTheLoudest) {
  root_cause_cases::system_builder b;
  b.node("service/front").metric("cpu.utilization", 40, 6);
  b.node("db/cart").metric("cpu.utilization", 40, 1);
  b.question().onset -= milliseconds{5'000};  // rows up to the onset are healthy
  b.calls("service/front", "db/cart");
  EXPECT_EQ(baseline_causes(cause_baseline::nsigma, b.question())[0].entity, "service/front");
  EXPECT_EQ(baseline_causes(cause_baseline::traversal, b.question())[0].entity, "db/cart");
}

TEST(CauseBaselines, AQuestionWithNothingInItHasNoAnswer) {
  for (const cause_baseline which : every_cause_baseline) {
    EXPECT_TRUE(baseline_causes(which, {}).empty());
  }
}

TEST(CauseStudy, RanksSimulatedSystemsWithBaselinesBesideItAndAsksQuietTimeToo) {
  cause_study_options o;
  o.variants = cause_ablations();
  o.variants.resize(2);
  o.quiet = 3;
  cause_study study{o};
  ASSERT_TRUE(simulated_causes(
      1, 1, true, [&](const std::string& set, const evaluation_input& input, const labels& truth) {
        EXPECT_GE(input.scored.entities.size(), 20u);
        study.add(set, input, truth, {});
      }));
  const std::string text = cause_markdown(study);
  EXPECT_THAT(text, HasSubstr("| faultline | "));
  EXPECT_THAT(text, HasSubstr("| random walk | "));
  EXPECT_EQ(study.rows().front().quiet, 3u);
  EXPECT_THAT(cause_json(study), HasSubstr("\"AC@1\""));
  EXPECT_THAT(cause_markdown(cause_study{o}), Not(HasSubstr("|")));
}

/// Three simulated systems to fit on and two to hold out.
cause_fitting fitted_on_three() {
  cause_fitting fitting{nullptr};
  EXPECT_TRUE(fitting.add_simulated("seen", 1, data_split::train, 1, 3, [](std::size_t) {}));
  EXPECT_TRUE(fitting.add_simulated("held", 0, data_split::validation, 1, 2, [](std::size_t) {}));
  return fitting;
}

TEST(CauseFitting, NeverGetsWorseOnWhatItFitsAndIsTheSameEveryTime) {
  const cause_fitting fitting = fitted_on_three();
  posterior_weights start;
  start.temperature = 4;
  std::vector<double> objectives;
  const auto fit = [&] {
    return fitting.fit(start, "", 1, [&](std::size_t, double o) { objectives.push_back(o); });
  };
  const posterior_weights once = fit(), again = fit();
  for (const fitted_weight& w : fitted_weights()) {
    EXPECT_EQ(once.*w.member, again.*w.member) << w.name;
    EXPECT_LE(once.*w.member, w.most) << w.name;
  }
  EXPECT_LT(once.temperature, 4);
  EXPECT_LT(fitting.figures(once).at("seen").loss, fitting.figures(start).at("seen").loss);
}

TEST(CauseFitting, WhatIsLeftOutMovesNothing) {
  const cause_fitting fitting = fitted_on_three();
  posterior_weights start;
  start.temperature = 4;
  const auto alone = fitting.fit(start, "seen", 1, [](std::size_t, double) {});
  for (const fitted_weight& w : fitted_weights()) {
    EXPECT_EQ(alone.*w.member, start.*w.member) << w.name;
  }
}

TEST(CauseFitting, WithoutARankerTheGateFindsNoGain) {
  const auto rows = fitted_on_three().gate(posterior_weights{}, {0.1}, 1);
  ASSERT_FALSE(rows.empty());
  bool pooled = false;
  for (const gate_row& r : rows) {
    EXPECT_EQ(r.gain, 0) << r.set;
    EXPECT_EQ(r.first_with, r.first_without) << r.set;
    pooled = pooled || r.set == "held out";
  }
  EXPECT_TRUE(pooled);
}

}  // namespace
}  // namespace faultline
