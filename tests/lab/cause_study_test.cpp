// SPDX-License-Identifier: Apache-2.0
#include "lab/cause_study.hpp"

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

}  // namespace
}  // namespace faultline
