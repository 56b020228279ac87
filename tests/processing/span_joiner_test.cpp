// SPDX-License-Identifier: Apache-2.0
#include "processing/span_joiner.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace faultline {
namespace {

constexpr std::int64_t start = 1'750'000'000'000;

struct one_span {
  std::string entity, trace, span, parent;
  std::int64_t at_ms = 0;
  std::uint64_t duration_us = 1000;
  bool failed = false;
  std::string peer{};
  std::optional<std::int64_t> now_ms{};  ///< ours, where it is another one
};

void note(span_joiner& j, const one_span& s) {
  event_view e;
  e.type = event_type::span;
  e.entity = s.entity;
  e.trace = s.trace, e.span = s.span, e.parent = s.parent, e.peer = s.peer;
  e.operation = "GET /";
  e.has_ts = true;
  e.ts = event_time_of(start + s.at_ms);
  e.duration_us = s.duration_us;
  e.status = s.failed ? span_status::error : span_status::ok;
  if (s.now_ms)
    j.note(e, start + *s.now_ms);
  else
    j.note(e);
}

TEST(SpanJoiner, FindsACallWhicheverOfTheTwoSpansComesFirst) {
  const one_span outer{"service/web", "aa", "01", "", 1'000, 9'000};
  const one_span inner{"service/cart", "aa", "02", "01", 1'002, 4'000, true};
  for (const bool outer_first : {true, false}) {
    span_joiner j;
    note(j, outer_first ? outer : inner);
    EXPECT_FALSE(j.has_calls());
    note(j, outer_first ? inner : outer);
    const auto calls = j.drain();
    ASSERT_EQ(calls.size(), 1U) << outer_first;
    EXPECT_EQ(calls[0].caller, "service/web");
    EXPECT_EQ(calls[0].callee, "service/cart");
    EXPECT_EQ(calls[0].calls, 1U);
    EXPECT_EQ(calls[0].failed, 1U);
    EXPECT_EQ(calls[0].duration_us, 4'000U);
    EXPECT_EQ(unix_ms(calls[0].step), start);
    EXPECT_EQ(j.counted().joined, 1U);
    EXPECT_TRUE(j.drain().empty()) << "told once";
  }
}

TEST(SpanJoiner, AnIdIsTheSameInCapitals) {
  span_joiner j;
  note(j, {"service/web", "5B8EFFF798038103", "EEE19B7EC3C1B174", ""});
  note(j, {"service/cart", "5b8efff798038103", "02", "eee19b7ec3c1b174"});
  const auto calls = j.drain();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].caller, "service/web");
  EXPECT_EQ(calls[0].callee, "service/cart");
}

TEST(SpanJoiner, ASendersClockThatIsAheadMakesNoOtherSpanOld) {
  for (const bool known_to_be_ahead : {true, false}) {
    span_joiner j;
    note(j, {"service/web", "aa", "01", "", 0});
    one_span ahead{"service/odd", "bb", "01", "", 240'000};
    if (known_to_be_ahead) ahead.now_ms = 1;
    note(j, ahead);
    note(j, {"service/cart", "aa", "02", "01", 2});
    EXPECT_EQ(j.drain().size(), known_to_be_ahead ? 1U : 0U);
  }
}

TEST(SpanJoiner, ManyThatWaitForOneAbsentSpanTakeNoMoreMemoryThanABucket) {
  span_joiner many, few;
  for (int n = 0; n < 50'000; ++n)
    note(many, {"service/s" + std::to_string(n % 17), "aa", std::to_string(10'000 + n), "01", 1});
  note(few, {"service/s", "aa", "9999", "01", 1});
  for (int n = 0; n < 50'000; ++n)
    note(few, {"service/s" + std::to_string(n % 17), "aa", std::to_string(10'000 + n), "", 1});
  EXPECT_LE(many.memory_bytes(), 2 * few.memory_bytes());
}

TEST(SpanJoiner, SumsTheCallsOfAStepAndTellsThemInOrder) {
  span_joiner j;
  note(j, {"service/web", "aa", "01", "", 0});
  for (const char* id : {"02", "03", "04"})
    note(j, {"service/cart", "aa", id, "01", 5, 2'000, *(id + 1) == '3'});
  note(j, {"db/orders", "aa", "05", "02", 6, 500});
  note(j, {"service/web", "bb", "01", "", 10'000});
  note(j, {"service/cart", "bb", "02", "01", 10'001, 7'000});
  const auto calls = j.drain();
  ASSERT_EQ(calls.size(), 3U);
  EXPECT_EQ(calls[0].caller, "service/cart");
  EXPECT_EQ(calls[0].callee, "db/orders");
  EXPECT_EQ(calls[1].caller, "service/web");
  EXPECT_EQ(calls[1].calls, 3U);
  EXPECT_EQ(calls[1].failed, 1U);
  EXPECT_EQ(calls[1].duration_us, 6'000U);
  EXPECT_EQ(unix_ms(calls[2].step), start + 10'000);
  EXPECT_EQ(calls[2].duration_us, 7'000U);
}

TEST(SpanJoiner, TheSameIdInAnotherTraceIsAnotherSpan) {
  span_joiner j;
  note(j, {"service/web", "aa", "01", "", 0});
  note(j, {"service/cart", "bb", "02", "01", 1});
  EXPECT_FALSE(j.has_calls());
  // Nor do the digits run into one another.
  note(j, {"service/cart", "a", "02", "a01", 1});
  EXPECT_FALSE(j.has_calls());
}

TEST(SpanJoiner, ASpanSentTwiceIsOneCall) {
  span_joiner j;
  note(j, {"service/web", "aa", "01", "", 0});
  note(j, {"service/cart", "aa", "02", "01", 1});
  note(j, {"service/cart", "aa", "02", "01", 1});
  note(j, {"service/web", "aa", "01", "", 0});
  const auto calls = j.drain();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].calls, 1U);
  note(j, {"service/web", "zz", "09", "", 31'000});  // those of before are the older half now
  note(j, {"service/cart", "aa", "02", "01", 1});
  EXPECT_FALSE(j.has_calls());
}

TEST(SpanJoiner, WhatAnEntityDoesWithinItselfIsTimeAndNoCall) {
  span_joiner j;
  note(j, {"service/web", "aa", "01", "", 0, 9'000});
  note(j, {"service/web", "aa", "02", "01", 1, 3'000});
  const auto calls = j.drain();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].callee, "service/web");
  EXPECT_EQ(calls[0].duration_us, 3'000U);
}

TEST(SpanJoiner, ASpanThatNamesItsPeerHasToldTheCallItself) {
  span_joiner j;
  note(j, {"service/web", "aa", "01", "", 0, 9'000, false, "service/cart"});
  note(j, {"service/cart", "aa", "02", "01", 1, 8'000});
  note(j, {"service/cart", "bb", "02", "01", 1, 8'000});
  note(j, {"service/web", "bb", "01", "", 0, 9'000, false, "service/cart"});
  const auto calls = j.drain();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].callee, "service/web") << "time within its spans, counted once more as a call";
  EXPECT_EQ(calls[0].calls, 2U);
}

TEST(SpanJoiner, AnInnerSpanThatIsTooLateOrWithoutAnOuterOneIsAnOrphan) {
  span_joiner j;
  note(j, {"service/cart", "aa", "02", "01", 0});
  note(j, {"service/web", "cc", "01", "", 15'000});
  note(j, {"service/web", "aa", "01", "", 29'999});
  EXPECT_TRUE(j.has_calls()) << "it was remembered for at least half a minute";
  j.drain();
  note(j, {"service/cart", "bb", "02", "01", 60'000});
  for (int s = 70; s <= 130; s += 10)
    note(j, {"service/web", "dd", std::to_string(s), "", s * 1000});
  note(j, {"service/web", "bb", "01", "", 131'000});
  EXPECT_FALSE(j.has_calls());
  EXPECT_EQ(j.counted().orphans, 1U);
  EXPECT_EQ(j.counted().joined, 1U);
  EXPECT_EQ(j.counted().left_early, 0U);
}

TEST(SpanJoiner, AfterAPauseNothingOfBeforeIsRemembered) {
  for (const std::int64_t pause : {62'000, 119'000, 511'000, 512'000, 513'000, 86'400'000}) {
    span_joiner j;
    for (int i = 0; i < 1000; ++i) note(j, {"service/cart", std::to_string(i), "02", "01", i});
    note(j, {"service/web", "other", "01", "", 1000 + pause});
    EXPECT_EQ(j.remembered(), 1U) << pause;
    EXPECT_EQ(j.waiting(), 0U) << pause;
    EXPECT_EQ(j.counted().orphans, 1000U) << pause;
  }
}

/// @p spans spans of pairs, the outer ones @p later ms behind the inner ones, at @p a_second.
span_joiner::counts paired(span_joiner& j, int spans, int a_second, int later) {
  struct due {
    std::int64_t at;
    std::string trace;
  };
  std::vector<due> outer;
  std::size_t sent = 0;
  for (int i = 0; i < spans; ++i) {
    const std::int64_t at = std::int64_t{i} * 1000 / a_second;
    for (; sent < outer.size() && outer[sent].at <= at; ++sent)
      note(j, {"service/web", outer[sent].trace, "01", "", outer[sent].at});
    const auto trace = std::to_string(i);
    note(j, {"service/cart", trace, "02", "01", at});
    outer.push_back({at + later, trace});
    if (i % 1000 == 0) j.drain();
  }
  return j.counted();
}

TEST(SpanJoiner, JoinsWhatIsSecondsApartAtManySpansASecond) {
  span_joiner j;
  const auto n = paired(j, 100'000, 20'000, 1'000);
  EXPECT_EQ(n.joined, 80'000U);
  EXPECT_EQ(n.left_early, 0U);
  EXPECT_LE(j.memory_bytes(), 32U * 1024 * 1024);
}

TEST(SpanJoiner, HoldsNoMoreMemoryThanItMayAndCountsWhatLeftEarly) {
  constexpr std::size_t most = 1024 * 1024;
  span_joiner j{most};
  const auto n = paired(j, 100'000, 10'000, 5'000);
  EXPECT_LE(j.memory_bytes(), most);
  EXPECT_GT(n.left_early, 50'000U);
  EXPECT_EQ(n.joined + n.orphans + j.waiting(), 100'000U) << "each inner span is one of these";
}

TEST(SpanJoiner, OfFewSpansItTakesLittle) {
  span_joiner none, few;
  EXPECT_EQ(none.memory_bytes(), 0U);
  paired(few, 10'000, 50, 3'000);
  EXPECT_LE(few.memory_bytes(), 512U * 1024);
  EXPECT_EQ(few.counted().left_early, 0U);
  EXPECT_LE(few.remembered(), 2 * 50U * 39U);
}

TEST(SpanJoiner, NamesOfEntitiesThatAreForgottenMakeRoom) {
  span_joiner j;
  for (int i = 0; i < 20'000; ++i)
    note(j, {"service/s" + std::to_string(i), std::to_string(i), "01", "00", std::int64_t{i} * 20});
  EXPECT_LE(j.names(), 39U * 50U);
  note(j, {"service/web", std::to_string(19'999), "00", "", 400'000});
  const auto calls = j.drain();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].callee, "service/s19999");
}

TEST(SpanJoiner, SumsBeyondTheirLimitAreCountedAndNotTold) {
  span_joiner j;
  const std::size_t pairs = span_joiner::most_sums + 10;
  for (std::size_t i = 0; i < pairs; ++i) {
    const auto trace = std::to_string(i);
    note(j, {"service/a" + trace, trace, "01", "", 1});
    note(j, {"service/b" + trace, trace, "02", "01", 1});
  }
  EXPECT_EQ(j.counted().dropped, 10U);
  EXPECT_EQ(j.drain().size(), span_joiner::most_sums);
}

// Traces as collectors send them: whole requests over a chain of services, shuffled, some lost.
TEST(SpanJoiner, RecoversEveryCallThatIsThereAndInventsNone) {
  std::mt19937 draw{7};
  std::vector<one_span> all;
  for (int t = 0; t < 500; ++t) {
    const auto trace = std::to_string(t);
    const int depth = 2 + t % 6;
    for (int d = 0; d < depth; ++d) {
      all.push_back({"service/s" + std::to_string(d), trace, std::to_string(d),
                     d == 0 ? "" : std::to_string(d - 1), t * 20 + d, 1'000});
    }
  }
  std::shuffle(all.begin(), all.end(), draw);
  span_joiner j;
  // Every tenth never comes: what lay in it or whose caller it was is no call.
  std::set<std::pair<std::string, std::string>> there;
  std::vector<one_span> came;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (i % 10 != 0) came.push_back(all[i]), there.emplace(all[i].trace, all[i].span);
  std::size_t truth = 0;
  for (const auto& s : came) truth += there.count({s.trace, s.parent});
  for (const auto& s : came) note(j, s);
  std::size_t found = 0;
  for (const auto& c : j.drain()) {
    EXPECT_EQ(std::stoi(c.callee.substr(9)), std::stoi(c.caller.substr(9)) + 1);
    found += c.calls;
  }
  EXPECT_EQ(found, truth);
  EXPECT_EQ(j.counted().joined, truth);
}

latency_sketch sketch_of(const joined_calls& calls) {
  latency_sketch s;
  byte_reader in{calls.durations};
  EXPECT_TRUE(calls.durations.empty() || (s.restore(in) && in.at_end()));
  return s;
}

/// Requests of web, of which every tenth asks cart for much, one span after the other.
std::vector<one_span> busy_minute(std::vector<double>& took) {
  std::mt19937_64 draw{11};
  std::lognormal_distribution<double> duration{9, 1.2};
  std::vector<one_span> all;
  for (int t = 0; t < 400; ++t) {
    const auto trace = "t" + std::to_string(t);
    all.push_back({"service/web", trace, "01", "", t * 20});
    for (int n = 0; n < (t % 10 == 0 ? 40 : 1); ++n) {
      const auto us = static_cast<std::uint64_t>(std::ceil(duration(draw)));
      took.push_back(static_cast<double>(us));
      all.push_back({"service/cart", trace, std::to_string(100 + n), "01", t * 20 + 1, us});
    }
  }
  return all;
}

TEST(SpanJoiner, QuantilesOfJoinedCallsAreWithinTwoPercentOfTheTrueWhicheverSpanComesFirst) {
  std::vector<double> took;
  auto spans = busy_minute(took);
  std::sort(took.begin(), took.end());
  for (const bool outer_last : {false, true}) {
    if (outer_last) std::reverse(spans.begin(), spans.end());
    span_joiner j;
    for (const auto& s : spans) note(j, s);
    latency_sketch all;
    for (const auto& c : j.drain()) all.merge(sketch_of(c));
    ASSERT_EQ(all.count(), took.size()) << outer_last;
    for (const double q : {0.1, 0.5, 0.95, 0.99}) {
      const double truth = took[static_cast<std::size_t>(q * static_cast<double>(took.size() - 1))];
      EXPECT_NEAR(all.quantile(q), truth, truth * 0.02001) << q << " " << outer_last;
    }
  }
}

TEST(SpanJoiner, InWhateverOrderSpansComeTheirSumsHaveTheSameBytes) {
  std::vector<double> took;
  auto spans = busy_minute(took);
  std::mt19937_64 draw{5};
  std::vector<std::string> first;
  for (int round = 0; round < 5; ++round) {
    span_joiner j;
    for (const auto& s : spans) note(j, s);
    std::vector<std::string> told;
    for (const auto& c : j.drain())
      told.push_back(c.callee + std::to_string(c.calls) + c.durations);
    if (round == 0) first = told;
    EXPECT_EQ(told, first) << round;
    std::shuffle(spans.begin(), spans.end(), draw);
  }
}

TEST(SpanJoiner, DurationsOfManyThatWaitTakeAnEighthOfTheMemoryAndTheRestIsCounted) {
  constexpr std::size_t most = 1024 * 1024;
  span_joiner j{most};
  constexpr int traces = 2'000, each = 30;
  std::size_t largest = 0;
  for (int n = 0; n < each; ++n)
    for (int t = 0; t < traces; ++t) {
      note(j, {"service/cart", "t" + std::to_string(t), std::to_string(100 + n), "01", n,
               static_cast<std::uint64_t>(std::pow(1.3, n) * 100)});
      largest = std::max(largest, j.memory_bytes());
    }
  EXPECT_LE(largest, most + 8192);
  for (int t = 0; t < traces; ++t) note(j, {"service/web", "t" + std::to_string(t), "01", "", 50});
  std::uint64_t calls = 0, timed = 0;
  for (const auto& c : j.drain()) calls += c.calls, timed += sketch_of(c).count();
  EXPECT_GT(timed, 0U);
  EXPECT_LT(timed, calls);
  EXPECT_EQ(calls, j.counted().joined);
  const auto let_go = j.memory_bytes();
  for (int n = 0; n < 2; ++n) note(j, {"service/cart", "y", std::to_string(10 + n), "01", 60, 500});
  EXPECT_GT(j.memory_bytes(), let_go) << "there is room again";
  for (int n = 0; n < 9; ++n) note(j, {"service/cart", "z", "01", "", 60 + n * 40'000});
  EXPECT_EQ(j.memory_bytes(), let_go) << "nobody came for them";
}

TEST(SpanJoiner, SketchesOfManySumsAreDrainedBeforeTheyAreMany) {
  span_joiner j;
  for (int e = 0; e < 2'000 && !j.is_crowded(); ++e) {
    const auto trace = "t" + std::to_string(e);
    note(j, {"service/web", trace, "01", "", 0});
    for (int n = 0; n < 500; ++n)
      note(j, {"service/c" + std::to_string(e), trace, std::to_string(100 + n), "01", 1,
               static_cast<std::uint64_t>(std::pow(1.041, n)) + 1});
  }
  EXPECT_TRUE(j.is_crowded());
  EXPECT_LT(j.drain().size(), span_joiner::most_sums / 2);
  EXPECT_FALSE(j.is_crowded());
}

TEST(SpanJoiner, TimeWithinItsOwnSpansHasNoQuantiles) {
  span_joiner j;
  note(j, {"service/web", "aa", "01", "", 0, 9'000, false, "db/orders"});
  note(j, {"db/orders", "aa", "02", "01", 1, 4'000});
  const auto calls = j.drain();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].callee, "service/web");
  EXPECT_TRUE(calls[0].durations.empty());
}

TEST(SpanJoiner, TheEventItTellsHasTheSumsAndTheStep) {
  span_joiner j;
  note(j, {"service/web", "aa", "01", "", 12'345});
  note(j, {"service/cart", "aa", "02", "01", 12'346, 4'000, true});
  const auto calls = j.drain();
  event_view e;
  fill_event(calls.at(0), arrival_time_of(start + 20'000), e);
  EXPECT_EQ(e.type, event_type::calls);
  EXPECT_EQ(e.entity, "service/web");
  EXPECT_EQ(e.peer, "service/cart");
  EXPECT_TRUE(e.has_ts);
  EXPECT_EQ(unix_ms(e.ts), start + 10'000);
  EXPECT_EQ(unix_ms(e.arrived), start + 20'000);
  EXPECT_EQ(e.calls, 1U);
  EXPECT_EQ(e.failed, 1U);
  EXPECT_EQ(e.duration_us, 4'000U);
  EXPECT_EQ(e.body, calls.at(0).durations);
  EXPECT_NEAR(sketch_of(calls.at(0)).quantile(0.5), 4'000, 80);
}

}  // namespace
}  // namespace faultline
