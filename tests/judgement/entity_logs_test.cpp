// SPDX-License-Identifier: Apache-2.0
#include "judgement/entity_logs.hpp"

#include <gtest/gtest.h>

#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

/// An entity that sends a row and some lines every tick.
class writing_entity : public ticking_entity {
public:
  using ticking_entity::ticking_entity;

  void log(std::string_view body, log_severity severity = log_severity::info) {
    event_view e;
    e.type = event_type::log;
    e.body = body;
    e.severity = severity;
    d.give(e, at - tick / 4);
  }
  /// A tick of what it writes every day.
  void calm() {
    for (double left = 1 + 6 * n.uniform(); left > 0; --left)
      log("GET /cart/" + std::to_string(static_cast<int>(1e6 * n.uniform())) + " 200 in 3 ms");
    if (n.uniform() < 0.3) log("checkpoint complete: wrote 17 buffers");
    if (n.uniform() < 0.02) log("request 7f failed: upstream error", log_severity::error);
    close();
  }
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

}  // namespace
}  // namespace faultline
