// SPDX-License-Identifier: Apache-2.0
#include "judgement/entity_logs.hpp"

#include <gtest/gtest.h>

#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

constexpr std::int64_t e_tick = ticking_entity::tick;

/// An entity that sends a row and some lines every tick.
class writing_entity : public ticking_entity {
public:
  using ticking_entity::ticking_entity;

  void log(std::string_view body, log_severity severity = log_severity::info) {
    log_at(at - tick / 4, body, severity);
  }
  applied_as log_at(std::int64_t ts, std::string_view body,
                    log_severity severity = log_severity::info) {
    event_view e;
    e.type = event_type::log;
    e.body = body;
    e.severity = severity;
    return d.give(e, ts);
  }
  std::size_t words() const { return d.core.status().words.size(); }
  /// The largest value in the last @p ticks.
  double most(const std::string& name, std::size_t ticks) const {
    const auto w = d.core.window(event_time::max());
    double best = 0;
    for (const auto& m : w.metrics)
      for (std::size_t i = m.values.size() - std::min(ticks, m.values.size());
           m.name == name && i < m.values.size(); ++i)
        best = std::max(best, static_cast<double>(m.values[i]));
    return best;
  }
  /// Errors in its evidence.
  double told_errors() const {
    const auto w = d.core.window(event_time_of(at + 60'000));
    double sum = 0;
    for (const auto& m : w.told->metrics)
      for (const float v : m.values) sum += m.name == "log.errors" ? v : 0;
    return sum - errors_;
  }
  /// A tick of what it writes every day.
  void calm() {
    for (double left = 1 + 6 * n.uniform(); left > 0; --left)
      log("GET /cart/" + std::to_string(static_cast<int>(1e6 * n.uniform())) + " 200 in 3 ms");
    if (n.uniform() < 0.3) log("checkpoint complete: wrote 17 buffers");
    if (n.uniform() < 0.02) {
      log("request 7f failed: upstream error", log_severity::error);
      ++errors_;
    }
    close();
  }

private:
  int errors_ = 0;
};

TEST(EntityLogs, WhoWritesNoneHasNoChannelsOfThem) {
  writing_entity e;
  for (int i = 0; i < 50; ++i) e.close();
  EXPECT_EQ(e.last_values().size(), 8U);
  EXPECT_LT(e.d.core.memory_bytes(), 12U * 1024);
}

TEST(EntityLogs, RateErrorsNewAndSurprisingTemplatesOfATickAreChannels) {
  writing_entity e;
  for (int i = 0; i < 40; ++i) e.calm();
  e.log("disk sda1 has bad sectors", log_severity::error);
  e.log("GET /cart/1 200 in 3 ms");
  e.close();
  const auto values = e.last_values();
  ASSERT_EQ(values.size(), 12U);
  EXPECT_NEAR(values.at("log.lines_rate"), 0.2, 0.02);
  EXPECT_NEAR(values.at("log.error_share"), 1.0 / 3, 0.02);
  EXPECT_NEAR(values.at("log.new_templates"), 1, 0.05);
  EXPECT_GT(values.at("log.surprise"), 3);
  e.close();
  EXPECT_NEAR(e.last_values().at("log.lines_rate"), 0, 0.02);
}

TEST(EntityLogs, ABurstOfErrorsPagesAndSaysWhichLine) {
  writing_entity e;
  for (int i = 0; i < 3000; ++i) e.calm();
  const auto before = e.d.alerts().size();
  for (int i = 0; i < 20; ++i) {
    for (int k = 0; k < 15; ++k)
      e.log("write failed: no space left on device", log_severity::error);
    e.calm();
  }
  const auto alerts = e.d.alerts();
  ASSERT_GT(alerts.size(), before);
  const auto& a = alerts[before];
  EXPECT_EQ(a.state, alert_state::firing);
  EXPECT_EQ(a.metric.substr(0, 4), "log.") << a.metric;
  EXPECT_NE(a.explanation.find("no space left on device"), std::string::npos) << a.explanation;
}

TEST(EntityLogs, ANewTemplateThatKeepsComingPagesThoughItIsNoError) {
  writing_entity e;
  for (int i = 0; i < 3000; ++i) e.calm();
  const auto before = e.d.alerts().size();
  for (int i = 0; i < 20; ++i) {
    for (int k = 0; k < 8; ++k) e.log("collector ran for 900 ms, heap is tight");
    e.calm();
  }
  ASSERT_GT(e.d.alerts().size(), before);
  EXPECT_NE(e.d.alerts()[before].explanation.find("heap is tight"), std::string::npos);
}

/// A service of few metrics and a dull log; after @p calm_minutes it writes @p body so many times
/// in 30 minutes, evenly.
std::vector<alert> dull_service(int calm_minutes, int times, std::string_view body,
                                log_severity severity, int already = 0) {
  writing_entity e{false};
  const int onset = 6 * calm_minutes, ends = onset + 180;
  int written = 0;
  for (int i = 0; i < ends + 60; ++i) {
    e.d.row(e.at, {{"latency_ms", 40 + 10 * e.n.uniform()}});
    if (e.n.uniform() < 0.3) e.log("GET /cart/" + std::to_string(i) + " 200 in 3 ms");
    if (i % 30 == 0) e.log("checkpoint complete: wrote 17 buffers");
    if (i < already) e.log(body, severity);
    for (; i >= onset && i < ends && written * 180 < times * (i - onset); ++written)
      e.log(body, severity);
    e.at += e_tick;
  }
  return e.d.alerts();
}

TEST(EntityLogs, ANewErrorThatKeepsComingPagesOnceTheLogIsKnownForAnHour) {
  constexpr auto line = "unhandled exception in the worker loop";
  const auto alerts = dull_service(75, 120, line, log_severity::error);
  ASSERT_FALSE(alerts.empty());
  const auto onset = event_time_of(test_start + 75 * 60'000);
  EXPECT_GE(alerts[0].started, onset);
  EXPECT_LE(alerts[0].started, onset + milliseconds{7 * 60'000});
  EXPECT_FALSE(alerts[0].learning);
  EXPECT_EQ(alerts[0].explanation.rfind(std::string{"service/cart: its log has \""} + line, 0), 0U)
      << alerts[0].explanation;
  EXPECT_NE(alerts[0].explanation.find(" minutes, never before"), std::string::npos)
      << alerts[0].explanation;
  EXPECT_GE(alerts.back().ended, onset + milliseconds{29 * 60'000}) << "it lasts as long";

  EXPECT_TRUE(dull_service(45, 120, line, log_severity::error).empty());
}

TEST(EntityLogs, WhatIsKnownOrSeldomOrNoErrorIsJudgedAsAllElse) {
  constexpr auto line = "unhandled exception in the worker loop";
  EXPECT_TRUE(dull_service(75, 120, line, log_severity::error, 3).empty());
  EXPECT_TRUE(dull_service(75, 20, line, log_severity::error).empty());
  EXPECT_TRUE(dull_service(75, 120, line, log_severity::warn).empty());
}

TEST(EntityLogs, WhoseNewErrorsHavePagedThreeTimesIsNotToldOfEachThatFollows) {
  const std::vector<std::string> bodies{"alpha failed",  "beta is gone",  "no more gamma",
                                        "delta refused", "epsilon broke", "zeta is not there"};
  writing_entity e{false};
  for (int i = 0; i < 6 * 60 * 8; ++i) {
    e.d.row(e.at, {{"latency_ms", 40 + 10 * e.n.uniform()}});
    if (e.n.uniform() < 0.3) e.log("GET /cart/" + std::to_string(i) + " 200 in 3 ms");
    const int hour = i / 360;
    if (hour >= 2 && i % 360 < 120 && i % 2 == 0)
      e.log(bodies[static_cast<std::size_t>(hour - 2)], log_severity::error);
    e.at += e_tick;
  }
  std::size_t episodes = 0;
  for (const auto& a : e.d.alerts()) episodes += a.transition == 1 ? 1 : 0;
  EXPECT_GE(episodes, 2U);
  EXPECT_LE(episodes, 3U);
}

TEST(EntityLogs, UsualLinesPageNobody) {
  writing_entity e;
  for (int i = 0; i < 4000; ++i) e.calm();
  EXPECT_TRUE(e.d.alerts().empty());
}

TEST(EntityLogs, AnEntityOfLogsAloneHasTicksIsJudgedAndNeverSilent) {
  writing_entity e{false};
  for (int i = 0; i < 3000; ++i) e.calm();
  EXPECT_EQ(e.last_values().size(), 4U);
  EXPECT_TRUE(e.d.alerts().empty());
  for (int i = 0; i < 20; ++i) {
    for (int k = 0; k < 40; ++k) e.log("connection refused", log_severity::error);
    e.calm();
  }
  EXPECT_FALSE(e.d.alerts().empty());
  const auto told = e.d.alerts().size();
  e.at += 3'600'000;
  e.d.clock(e.at);
  for (const auto& a : e.d.alerts()) EXPECT_NE(a.metric, "silence_s");
  EXPECT_GE(e.d.alerts().size(), told);
}

TEST(EntityLogs, DecideTheSameWhereverTheEntityWasSavedAndRestored) {
  writing_entity straight, broken;
  for (int i = 0; i < 300; ++i) {
    for (auto* e : {&straight, &broken}) {
      if (i % 7 == 0) e->log("session opened for user w" + std::string(1 + i % 11, 'a'));
      if (i > 200) e->log("disk is broken " + std::string(1 + i % 5, 'b'), log_severity::error);
      e->calm();
    }
    auto fresh = entity_core{"service/cart", test_rules()};
    ASSERT_TRUE(fresh.restore(broken.d.core.save()));
    broken.d.core = std::move(fresh);
  }
  EXPECT_EQ(straight.d.core.save(), broken.d.core.save());
  ASSERT_EQ(straight.d.alerts().size(), broken.d.alerts().size());
}

TEST(EntityLogs, ALineBehindItsStreamIsLateIsPartOfNoTickAndOfItsOwnTimeAsEvidence) {
  for (const bool rows : {true, false}) {
    writing_entity e{rows};
    for (int i = 0; i < 40; ++i) e.calm();
    for (int i = 0; i < 6; ++i) e.close();
    EXPECT_EQ(e.log_at(e.at - e.tick / 4, "GET /cart/1 200 in 3 ms"), applied_as::kept);
    const auto before = e.words();
    for (int i = 0; i < 9; ++i)
      EXPECT_EQ(e.log_at(e.at - 6 * e.tick, "disk is broken", log_severity::error),
                applied_as::late);
    e.log("GET /cart/2 200 in 3 ms");
    e.close();
    e.close();
    if (!rows) e.close(), e.close();  // what only writes waits for its lateness
    const std::size_t ticks = rows ? 4 : 2;
    EXPECT_NEAR(e.most("log.lines_rate", ticks), 0.2, 0.02) << rows;
    EXPECT_NEAR(e.most("log.error_share", ticks), 0, 0.02) << rows;
    EXPECT_NEAR(e.most("log.new_templates", ticks), 0, 0.02) << rows;
    EXPECT_LT(e.most("log.surprise", ticks), 3) << rows;
    EXPECT_EQ(e.words(), before + 1) << rows;
    EXPECT_EQ(e.told_errors(), 9) << rows;
  }
}

TEST(EntityLogs, LinesThatComeInOrderAreInTimeHoweverMuchLaterThanTheRowsOfTheirTicks) {
  writing_entity e;
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(e.log_at(e.at - 9 * e.tick, "GET /cart/1 200 in 3 ms"), applied_as::kept);
    // Within the lateness of its own stream.
    EXPECT_EQ(e.log_at(e.at - 10 * e.tick, "GET /cart/1 200 in 3 ms"), applied_as::kept);
    e.close();
  }
  EXPECT_NEAR(e.last_values().at("log.lines_rate"), 0.2, 0.02);
}

TEST(EntityLogs, ALineOfTheFutureMakesNoneOfThePresentLate) {
  judgement_rules live = *test_rules();
  live.processing.accept_past = false;
  entity_driver d{std::make_shared<const judgement_rules>(live)};
  std::int64_t at = test_start;
  event_view e;
  e.type = event_type::log;
  e.body = "GET /cart/1 200 in 3 ms";
  d.clock(at);
  EXPECT_EQ(d.give(e, at + 240'000, at), applied_as::kept);
  for (int i = 0; i < 10; ++i) {
    d.clock(at += 10'000);
    EXPECT_EQ(d.give(e, at, at), applied_as::kept) << i;
  }
  EXPECT_EQ(d.give(e, at - 60'000, at), applied_as::late);
}

TEST(EntityLogs, AreLateWhereverTheEntityWasSavedAndRestored) {
  writing_entity straight, broken;
  for (int i = 0; i < 60; ++i) {
    for (auto* e : {&straight, &broken}) e->calm();
    const auto behind = (i % 5) * e_tick;
    auto fresh = entity_core{"service/cart", test_rules()};
    ASSERT_TRUE(fresh.restore(broken.d.core.save()));
    broken.d.core = std::move(fresh);
    const auto line = [&](writing_entity& e) {
      return e.log_at(e.at - behind, "behind", log_severity::error);
    };
    const auto was = line(straight);
    EXPECT_EQ(was, behind > 2 * e_tick ? applied_as::late : applied_as::kept) << i;
    EXPECT_EQ(line(broken), was) << i;
    ASSERT_EQ(straight.d.core.save(), broken.d.core.save()) << i;
  }
}

TEST(EntityLogs, LinesThatNeverRepeatTakeBoundedMemory) {
  writing_entity e;
  std::size_t most = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string line;
    for (int w = 0; w < 3 + i % 9; ++w) {
      for (int c = 0; c < 8; ++c) line += static_cast<char>('a' + 25 * e.n.uniform());
      line += ' ';
    }
    e.log(line + std::string(16'000, 'x'));
    if (i % 10 == 0) e.close();
    most = std::max(most, e.d.core.memory_bytes());
  }
  EXPECT_LT(most, 320U * 1024);
}

TEST(EntityLogs, GoOnBeingJudgedWhenItsMetricsStop) {
  writing_entity e;
  for (int i = 0; i < 2000; ++i) e.calm();
  ASSERT_TRUE(e.d.alerts().empty());
  const auto stopped = e.at;
  const auto only_lines = [&](int ticks, bool failing) {
    for (int i = 0; i < ticks; ++i) {
      for (int k = 0; k < 4; ++k) e.log("GET /cart/1 200 in 3 ms");
      for (int k = 0; failing && k < 4; ++k) e.log("write failed", log_severity::error);
      e.d.clock(e.at);
      e.at += e.tick;
    }
  };
  only_lines(60, false);
  EXPECT_GT(unix_ms(e.d.core.last_verdict().tick), stopped + 500'000);
  EXPECT_EQ(e.last_values().count("cpu_util_percent"), 1U);
  only_lines(120, true);
  EXPECT_GT(unix_ms(e.d.core.last_verdict().tick), stopped + 1'700'000);
  ASSERT_FALSE(e.d.alerts().empty());
  EXPECT_EQ(e.d.alerts().back().metric.substr(0, 4), "log.");
  EXPECT_GE(e.d.alerts().back().started, event_time_of(stopped + 600'000 - e.tick));
  // They come again: each row is a tick at once, as before.
  for (int i = 0; i < 5; ++i) e.d.clock(e.at), e.close();
  for (int i = 0; i < 5; ++i) {
    e.d.clock(e.at);
    e.close();
    EXPECT_EQ(unix_ms(e.d.core.last_verdict().tick), e.at - e.tick);
  }
}

TEST(EntityLogs, OneMetricOnceDoesNotKeepItsLinesFromBeingJudged) {
  writing_entity e{false};
  e.d.row(e.at, {{"started", 1.0}});
  const auto began = e.at;
  for (int i = 0; i < 500; ++i) e.calm();
  EXPECT_GT(unix_ms(e.d.core.last_verdict().tick), began + 4'900'000);
}

// Lines are told at once, metrics ten minutes after their time: none of them is late, also where
// they stay away for longer.
TEST(EntityLogs, MetricsThatComeLongAfterTheLinesOfTheirTimeAreNotGone) {
  writing_entity e;
  const auto behind = [&](std::int64_t i) { return e.at + 600'000 + i * e_tick; };
  std::int64_t i = 0;
  const auto line = [&] { e.log_at(behind(i), "GET /cart/1 200 in 3 ms"); };
  const auto row = [&] { return e.d.row(e.at + i * e_tick, calm_row(e.at + i * e_tick, e.n)); };
  for (; i < 500; ++i) {
    ASSERT_EQ(row(), applied_as::taken) << i;
    line();
  }
  for (; i < 600; ++i) line();
  EXPECT_GT(unix_ms(e.d.core.last_verdict().tick), e.at + 5'000'000);
  int late = 0;
  for (; i < 800; ++i) {
    line();
    late += row() == applied_as::late ? 1 : 0;
  }
  EXPECT_EQ(late, 0);
  EXPECT_GE(unix_ms(e.d.core.last_verdict().tick), e.at + 799 * e_tick);
}

TEST(EntityLogs, MetricsThatComeEveryTwoHoursAreNeverTakenForLate) {
  writing_entity e{false};
  for (int hours = 0; hours < 24; hours += 2) {
    const auto of = e.at;
    for (int i = 0; i < 6; ++i) e.calm();
    EXPECT_EQ(e.d.row(of, calm_row(of, e.n)), applied_as::taken) << hours;
    for (int i = 6; i < 720; ++i) e.calm();
  }
  EXPECT_GE(unix_ms(e.d.core.last_verdict().tick), e.at - 4 * e_tick);
}

TEST(EntityLogs, WithoutMetricsAreJudgedTheSameWhereverTheEntityWasSavedAndRestored) {
  writing_entity straight, broken;
  for (int i = 0; i < 150; ++i) {
    for (auto* e : {&straight, &broken}) {
      const bool metrics = i < 40 || i > 110;
      e->log("GET /cart/1 200 in 3 ms", i % 3 == 0 ? log_severity::error : log_severity::info);
      e->d.clock(e->at);
      if (metrics)
        e->close();
      else
        e->at += e->tick;
    }
    auto fresh = entity_core{"service/cart", test_rules()};
    ASSERT_TRUE(fresh.restore(broken.d.core.save()));
    broken.d.core = std::move(fresh);
    ASSERT_EQ(straight.d.core.save(), broken.d.core.save()) << i;
  }
  ASSERT_EQ(straight.d.alerts().size(), broken.d.alerts().size());
}

}  // namespace
}  // namespace faultline
