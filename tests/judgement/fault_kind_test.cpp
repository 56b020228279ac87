// SPDX-License-Identifier: Apache-2.0
#include "judgement/fault_kind.hpp"

#include <gtest/gtest.h>

#include "judgement/root_cause.hpp"

namespace faultline {
namespace {

constexpr double plain = 7;
constexpr double calm = -2;

/// What one entity shows: the ratio of each role that is measured, and of its calls.
struct FaultKind : ::testing::Test {
  FaultKind() {
    terms.by_class.fill(calm);
    for (const auto role : {metric_role::cpu, metric_role::memory, metric_role::errors,
                            metric_role::latency, metric_role::saturation})
      shows(role, calm);
  }
  void shows(metric_role role, double ratio) {
    of.has_role[static_cast<std::size_t>(role)] = true;
    of.by_role[static_cast<std::size_t>(role)] = ratio;
  }
  void own(fault_class c, double ratio) { terms.by_class[static_cast<std::size_t>(c)] = ratio; }
  std::optional<fault_class> kind(const ranker_scores* scores = nullptr, double weight = 0) const {
    return kind_of_fault(of, terms, scores, 0, weight);
  }

  node_evidence of;
  cause_terms terms;
};

TEST_F(FaultKind, IsTheOneWhoseOwnSignShows) {
  own(fault_class::network_delay, plain);
  EXPECT_EQ(kind(), fault_class::network_delay);
}

TEST_F(FaultKind, OfAProcessorThatIsTakenIsNotTheLatenessOfItsCalls) {
  own(fault_class::network_delay, plain);
  own(fault_class::cpu, plain - 1);
  shows(metric_role::cpu, plain - 1);
  EXPECT_EQ(kind(), fault_class::cpu);
}

TEST_F(FaultKind, IsNoSlightSignBesideAPlainOneThatItDoesNotBring) {
  own(fault_class::error_burst, plain);
  shows(metric_role::errors, plain);
  own(fault_class::cpu, 1);
  shows(metric_role::cpu, 1);
  EXPECT_EQ(kind(), fault_class::error_burst);
}

TEST_F(FaultKind, OfLateCallsThatAlsoFailSomewhatIsTheNetwork) {
  own(fault_class::network_delay, plain);
  own(fault_class::error_burst, plain);
  shows(metric_role::errors, plain);
  EXPECT_EQ(kind(), fault_class::network_delay) << "a burst of errors makes no call late";
}

TEST_F(FaultKind, IsNoneWhoseOwnSignDoesNotShow) {
  of.has_role[static_cast<std::size_t>(metric_role::cpu)] = false;
  for (const auto role : {metric_role::latency, metric_role::errors, metric_role::saturation,
                          metric_role::network, metric_role::traffic})
    shows(role, plain);
  EXPECT_EQ(kind(), std::nullopt) << "what a processor may bring with it is no processor";
  own(fault_class::error_burst, 1);
  EXPECT_EQ(kind(), fault_class::error_burst);
}

TEST_F(FaultKind, IsAChangeOnlyWhereOneIsKnown) {
  own(fault_class::change, 3 * plain);
  own(fault_class::error_burst, plain);
  EXPECT_EQ(kind(), fault_class::error_burst);
  terms.change_index = 0;
  EXPECT_EQ(kind(), fault_class::change);
}

TEST_F(FaultKind, HearsTheRankerAsMuchAsItIsTrusted) {
  own(fault_class::network_delay, plain);
  own(fault_class::error_burst, plain - 1);
  ranker_scores scores;
  scores.class_logit.resize(1);
  scores.class_logit[0][static_cast<std::size_t>(fault_class::error_burst)] = 60;
  EXPECT_EQ(kind(&scores, 0.001), fault_class::network_delay);
  EXPECT_EQ(kind(&scores, 0.1), fault_class::error_burst);
}

}  // namespace
}  // namespace faultline
