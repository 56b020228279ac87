// SPDX-License-Identifier: Apache-2.0
#include "judgement/views.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "judgement/entity_state.hpp"
#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

forecast_tick tick_with(float z) {
  forecast_tick t;
  t.z.fill(z);
  t.mask.fill(1);
  return t;
}

forecast_result saying(float mu) {
  forecast_result r;
  for (auto& horizon : r.mu) horizon.fill(mu);
  return r;
}

TEST(TopThree, AddsAgreementToTheLargest) {
  top_three t;
  for (const float v : {1.0f, 3.0f, 2.0f, 0.5f}) t.add(v);
  EXPECT_FLOAT_EQ(t.length(), std::sqrt(14.0f));
  EXPECT_FLOAT_EQ(t.largest(), 3.0f);
}

TEST(ModelView, IsSilentUntilTheModelHasBeenHeardForAWhile) {
  model_view m;
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(m.score(tick_with(5)), 0.0f);
    const auto r = saying(0);
    m.take(tick_with(5), &r, 10);
  }
  EXPECT_FALSE(m.expected(0));
}

TEST(ModelView, IsSurprisedByWhatTheModelDidNotSay) {
  model_view m;
  noise n{1};
  const auto w = weights_for(10'000);
  float usual = 0;
  for (int i = 0; i < 400; ++i) {
    const auto t = tick_with(static_cast<float>(0.5 * n.normal()));
    usual = std::max(usual, i > 200 ? m.score(t) : (m.score(t), 0.0f));
    m.learn(w);
    const auto r = saying(0);
    m.take(t, &r, 10);
  }
  ASSERT_TRUE(m.expected(3));
  EXPECT_GT(m.score(tick_with(8)), 2 * usual);
}

TEST(ModelView, ForgetsWhatWasSaidBeforeAGapInTheModel) {
  model_view m;
  for (int i = 0; i < 100; ++i) {
    m.score(tick_with(0));
    const auto r = saying(0);
    m.take(tick_with(0), &r, 10);
  }
  m.score(tick_with(0));
  m.take(tick_with(0), nullptr, 10);
  EXPECT_FALSE(m.expected(0));
  EXPECT_EQ(m.score(tick_with(9)), 0.0f);
}

TEST(ModelView, ComesBackFromItsBytes) {
  model_view m;
  noise n{2};
  const auto w = weights_for(60'000);
  const auto go = [&](model_view& v, noise& with) {
    const auto t = tick_with(static_cast<float>(with.normal()));
    const float score = v.score(t);
    v.learn(w);
    const auto r = saying(0.1f);
    v.take(t, &r, 60);
    return score;
  };
  for (int i = 0; i < 200; ++i) go(m, n);
  std::string bytes;
  byte_writer out{bytes};
  m.save(out);
  model_view again;
  byte_reader in{bytes};
  ASSERT_TRUE(again.restore(in));
  EXPECT_TRUE(in.at_end());
  noise a{3}, b{3};
  for (int i = 0; i < 100; ++i) ASSERT_EQ(go(m, a), go(again, b)) << i;
  for (std::size_t cut = 0; cut < bytes.size(); cut += 3) {
    model_view broken;
    byte_reader shorter{std::string_view{bytes}.substr(0, cut)};
    EXPECT_FALSE(broken.restore(shorter)) << cut;
  }
}

/// One tick of an entity whose channels are surprised by so much, up or down.
class surprised_tick {
public:
  void add(std::uint8_t traits, float decades, bool up = true) {
    auto& s = channels_.scores[0];
    const std::size_t i = traits_.size();
    s.ready[i] = 1;
    s.size[fast_profile][i] = s.size[tick_profile][i] = up ? decades : -decades;
    s.ratio[fast_profile][i] = s.ratio[fast_hours][i] = up ? decades : -decades;
    s.abrupt[i] = s.lasting[i] = s.drifting[i] = decades;
    traits_.push_back(traits);
  }
  tick_judgement scored() {
    tick_judgement t;
    t.channels = &channels_;
    score_views(t, traits_.data(), traits_.size());
    return t;
  }
  block_scores& scores() { return channels_.scores[0]; }
  float residual() { return scored().scores[static_cast<std::size_t>(view::residual)]; }

private:
  tick_channels channels_{};
  std::vector<std::uint8_t> traits_;
};

constexpr std::uint8_t load = channel_trait::load;
constexpr std::uint8_t cpu = channel_trait::capacity | channel_trait::relief;
constexpr std::uint8_t latency = channel_trait::symptom | channel_trait::relief;

TEST(Load, WhatRisesWithItIsASurpriseOnlyBeyondItsOwn) {
  surprised_tick peak;
  peak.add(load, 2.5f);
  peak.add(cpu, 3);
  EXPECT_FLOAT_EQ(peak.residual(), 1.25f)
      << "the load's own half: cpu and latency show it is borne";
  peak.add(latency, 6.75f);
  EXPECT_FLOAT_EQ(peak.residual(), std::sqrt(1.25f * 1.25f + 3 * 3))
      << "latency beyond 1.5 times the load";
  surprised_tick fault;
  fault.add(load, 0);
  fault.add(cpu, 5);
  EXPECT_FLOAT_EQ(fault.residual(), 5) << "without more load it counts whole";
}

TEST(Load, ThatHardlyEverWasIsNoExcuse) {
  surprised_tick fault;
  fault.add(load, 12);
  fault.add(cpu, 10);
  fault.add(latency, 8);
  EXPECT_FLOAT_EQ(fault.residual(), std::sqrt(10.5f * 10.5f + 5.5f * 5.5f + 3.5f * 3.5f));
}

TEST(Load, ThatFallsExplainsNothing) {
  surprised_tick outage;
  outage.add(load, 4, false);
  outage.add(cpu, 5);
  EXPECT_FLOAT_EQ(outage.residual(), std::sqrt(4.0f * 4 + 5 * 5));
}

TEST(Load, CountsWholeWhereNothingShowsWhetherItIsBorne) {
  surprised_tick counter;
  counter.add(load, 4);
  EXPECT_FLOAT_EQ(counter.residual(), 4);
}

TEST(Load, LessUseAndFewerErrorsAreLittleSurprise) {
  surprised_tick relieved;
  relieved.add(cpu, 5, false);
  EXPECT_FLOAT_EQ(relieved.residual(), 2);
  EXPECT_EQ(relieved.scored().gross, 0.0f) << "nor a deviation that pages the young";
  surprised_tick other;
  other.add(0, 5, false);
  EXPECT_FLOAT_EQ(other.residual(), 5) << "of a metric nobody knows both ways count";
  EXPECT_FLOAT_EQ(other.scored().gross, 5);
}

TEST(Signals, OneUnderSeveralNamesCountsOnce) {
  surprised_tick memory;
  memory.add(0, 5);
  memory.add(0, 4.9f, false);  // what is free, where the other is what is used
  memory.add(0, 5.1f);         // the share of it
  EXPECT_FLOAT_EQ(memory.residual(), 5.1f);
  memory.add(0, 3);
  EXPECT_FLOAT_EQ(memory.residual(), std::sqrt(5.1f * 5.1f + 3 * 3))
      << "and its names take no place of another signal";
}

TEST(Signals, ThatAreEquallySurprisedByChanceInOneWayCountEach) {
  surprised_tick two;
  two.add(0, 5);
  two.add(0, 5);
  two.scores().drifting[1] = 1;
  EXPECT_FLOAT_EQ(two.residual(), std::sqrt(50.0f)) << "half an hour tells them apart";
  surprised_tick far;
  far.add(0, 5);
  far.add(0, 5);
  far.scores().ratio[fast_hours][1] = 9;
  EXPECT_FLOAT_EQ(far.residual(), std::sqrt(50.0f)) << "and so does the size against the hours";
}

TEST(Signals, AreTheThreeMostSurprisedInAnyOrder) {
  std::vector<float> decades{1, 7, 3, 5, 2};
  do {
    surprised_tick t;
    for (const float d : decades) t.add(0, d);
    ASSERT_FLOAT_EQ(t.residual(), std::sqrt(49.0f + 25 + 9));
  } while (std::next_permutation(decades.begin(), decades.end()));
}

}  // namespace
}  // namespace faultline
