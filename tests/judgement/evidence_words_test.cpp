// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>

#include "judgement/evidence.hpp"
#include "judgement/posterior.hpp"
#include "tests/judgement/entity_fixture.hpp"

namespace faultline {
namespace {

constexpr std::int64_t minute = 60'000;
constexpr std::int64_t onset = test_start + 24 * 60 * minute;
const evidence_weights weights{};

/// A log that is a day old at the onset, looked at ten minutes later.
class log_of_a_day {
public:
  log_of_a_day() {
    told.words_since = event_time_of(test_start);
    told.tick_ms = 30'000;
  }
  /// A template with a line every @p every_ms in [from, to).
  void word(std::string text, log_severity severity, std::int64_t from, std::int64_t to,
            std::int64_t every_ms) {
    log_word w;
    w.id = told.words.size() + 1;
    for (auto at = from; at < to; at += every_ms, ++w.lines)
      w.habit.note(at, severity, text + " 17");
    w.text = std::move(text);
    told.words.push_back(std::move(w));
  }
  std::optional<word_evidence> seen() const {
    return words_of(told, event_time_of(onset), event_time_of(onset + 10 * minute), weights);
  }
  entity_window told;
};

TEST(WordsOfLogs, ATemplateThatWasNeverWrittenBeforeIsEvidenceWithinItsBound) {
  log_of_a_day log;
  log.word("GET <*>", log_severity::info, test_start, onset + 10 * minute, 5'000);
  log.word("disk is full", log_severity::error, onset, onset + 10 * minute, 20'000);
  const auto e = log.seen();
  ASSERT_TRUE(e);
  EXPECT_EQ(e->word->text, "disk is full");
  EXPECT_TRUE(e->fresh);
  EXPECT_EQ(e->lines, 30);
  EXPECT_GT(e->lr, 2);
  EXPECT_LE(e->lr, weights.words_most);
}

TEST(WordsOfLogs, AKnownErrorThatComesMuchMoreOftenIsEvidenceAndAKnownLineOfWorkIsNone) {
  log_of_a_day log;
  log.word("request failed", log_severity::error, test_start, onset, 20 * minute);
  auto& rare = log.told.words.back().habit;
  for (auto at = onset; at < onset + 10 * minute; at += 10'000)
    rare.note(at, log_severity::error, "request failed");
  const auto e = log.seen();
  ASSERT_TRUE(e);
  EXPECT_FALSE(e->fresh);
  EXPECT_NEAR(e->usual, 0.5, 0.2);
  log_of_a_day work;
  work.word("GET <*>", log_severity::info, test_start, onset, minute);
  for (auto at = onset; at < onset + 10 * minute; at += 1'000)
    work.told.words.back().habit.note(at, log_severity::info, "GET 7");
  EXPECT_FALSE(work.seen());
}

TEST(WordsOfLogs, ANewLineThatIsNoTroubleIsWorthLittle) {
  log_of_a_day log;
  log.word("started a new job", log_severity::info, onset, onset + 10 * minute, 10'000);
  const auto e = log.seen();
  ASSERT_TRUE(e);
  EXPECT_LE(e->lr, weights.little_most);
}

TEST(WordsOfLogs, UsualLinesALogOfMinutesAndWhatCameLaterAreNoEvidence) {
  log_of_a_day usual;
  noise n{3};
  for (int w = 0; w < 20; ++w) {
    log_word word;
    for (auto at = test_start; at < onset + 10 * minute;
         at += 1 + static_cast<std::int64_t>(-std::log(n.uniform() + 1e-12) * minute * (w + 1)))
      word.habit.note(at, log_severity::error, "x");
    usual.told.words.push_back(word);
  }
  EXPECT_FALSE(usual.seen());
  log_of_a_day young;
  young.told.words_since = event_time_of(onset - 6 * minute);
  young.word("disk is full", log_severity::error, onset, onset + 10 * minute, 20'000);
  EXPECT_FALSE(young.seen());
  log_of_a_day later;
  later.word("disk is full", log_severity::error, onset + 16 * minute, onset + 20 * minute, 10'000);
  EXPECT_FALSE(later.seen());
  EXPECT_FALSE(log_of_a_day{}.seen());
}

TEST(WordsOfLogs, AYoungLogMustSayItMorePlainly) {
  const auto said = [](std::int64_t known, std::int64_t every) {
    log_of_a_day log;
    log.told.words_since = event_time_of(onset - known);
    log.word("disk is full", log_severity::error, onset, onset + 10 * minute, every);
    const auto e = log.seen();
    return e ? e->lr : 0;
  };
  EXPECT_GT(said(20 * minute, minute), 0);
  EXPECT_LT(said(20 * minute, minute), said(24 * 60 * minute, minute));
  EXPECT_GT(said(12 * minute, 2'000), 2);
  EXPECT_EQ(said(12 * minute, 3 * minute), 0);
}

TEST(WordsOfLogs, TheEntityThatWritesWhatItNeverWroteIsTheCauseAndItsLineIsQuoted) {
  rca_question q;
  q.onset = event_time_of(onset);
  q.as_of = event_time_of(onset + 10 * minute);
  q.edges = {{"service/web", "service/cart", edge_kind::calls},
             {"service/web", "db/x", edge_kind::calls}};
  for (const char* id : {"service/web", "service/cart", "db/x"}) {
    noise n{5};
    rca_node node;
    node.entity = node.window.entity = id;
    node.window.tick_ms = minute;
    for (int i = 0; i < 130; ++i)
      node.window.ts.push_back(event_time_of(onset - (120 - i) * minute));
    for (const auto& [name, value] : calm_row(onset, n)) {
      metric_window m;
      m.name = name;
      for (int i = 0; i < 130; ++i)
        m.values.push_back(static_cast<float>(value * (1 + 0.01 * n.normal())));
      node.window.metrics.push_back(std::move(m));
    }
    log_of_a_day log;
    log.word("GET <*>", log_severity::info, test_start, onset + 10 * minute, 5'000);
    if (node.entity == "service/cart")
      log.word("cannot parse the rates", log_severity::error, onset, onset + 10 * minute, 15'000);
    node.window.told = std::make_shared<const entity_window>(log.told);
    q.nodes.push_back(std::move(node));
  }
  const auto r = find_root_cause(q, {}, {}, nullptr);
  ASSERT_FALSE(r.causes.empty());
  EXPECT_EQ(r.causes.front().entity, "service/cart");
  bool quoted = false;
  for (const auto& e : r.causes.front().evidence)
    quoted = quoted ||
             (e.kind == "log" && e.text.find("cannot parse the rates 17") != std::string::npos);
  EXPECT_TRUE(quoted);
  for (auto& node : q.nodes) node.window.told.reset();
  const auto blind = find_root_cause(q, {}, {}, nullptr);
  for (const auto& c : blind.causes)
    if (c.entity == "service/cart") {
      EXPECT_LT(c.probability, r.causes.front().probability);
    }
}

}  // namespace
}  // namespace faultline
