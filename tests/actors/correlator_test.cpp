// SPDX-License-Identifier: Apache-2.0
#include "actors/correlator.hpp"

#include <gtest/gtest.h>

#include <caf/event_based_actor.hpp>

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/caf_bridge.hpp"
#include "actors/keeper.hpp"
#include "actors/librarian.hpp"
#include "judgement/rules.hpp"
#include "storage/memory_store.hpp"
#include "tests/support/actor_fixture.hpp"

namespace faultline {
namespace {

constexpr std::int64_t noon = 1'750'000'000'000;

decision fires(const std::string& entity, std::int64_t at, std::uint32_t transition = 1) {
  decision d;
  d.kind = decision_kind::alert;
  d.alert.id = entity + "@noon";
  d.alert.entity = entity;
  d.alert.transition = transition;
  d.alert.started = event_time_of(noon);
  d.alert.updated = event_time_of(at);
  d.alert.severity = transition == 1 ? alert_severity::warning : alert_severity::critical;
  return d;
}

decision ends(const std::string& entity, std::int64_t at, std::uint32_t transition) {
  auto d = fires(entity, at, transition);
  d.alert.state = alert_state::resolved;
  d.alert.ended = event_time_of(at);
  return d;
}

decision command(const std::string& name, const std::string& subject, const std::string& payload) {
  decision d;
  d.kind = decision_kind::command;
  d.command = {name, subject, payload, arrival_time_of(noon)};
  return d;
}

decision clock_at(std::int64_t at) {
  decision d;
  d.kind = decision_kind::clock;
  d.clock = event_time_of(at);
  return d;
}

/// One house with a correlator in it; its causes are never found but by the test.
struct Correlation : actor_fixture {
  struct room {
    std::unique_ptr<store> memory = open_memory_store(1);
    correlator_actor reader;
    keeper_actor writer;
    std::vector<rca_request> asked;
    std::atomic<bool> whole{false};
    caf::actor gate;  ///< of decisions, where they are held back: any message opens it
    bool writes_late = false;
    caf::actor pen;  ///< then: each message has the feed written that waits
  };
  /// Somebody who has asked what is wrong now.
  struct asker {
    std::optional<correlator_view> got;
    std::optional<failure> why;
  };

  /// Reads for the correlator, but no decisions before it is told to.
  static caf::behavior reads_late(caf::event_based_actor* self, librarian_actor books) {
    using held = std::pair<caf::typed_response_promise<decision_page>, read_decisions>;
    auto waiting = std::make_shared<std::vector<held>>();
    auto open = std::make_shared<bool>(false);
    return {[self, books](const load_correlator& q) { return self->delegate(books, q); },
            [self, waiting, open, books](const read_decisions& q) {
              auto promise = self->make_response_promise<decision_page>();
              if (!*open)
                waiting->emplace_back(promise, q);
              else
                promise.delegate(books, q);
              return promise;
            },
            [waiting, open, books](bool now_open) {
              *open = now_open;
              if (!now_open) return;
              for (auto& [promise, q] : *waiting) promise.delegate(books, q);
              waiting->clear();
            }};
  }
  /// Writes the feed when it is told to.
  static caf::behavior writes_late(caf::event_based_actor* self, keeper_actor writer) {
    using held = std::pair<caf::typed_response_promise<feed_written>, write_feed>;
    auto waiting = std::make_shared<std::vector<held>>();
    return {[self, waiting](const write_feed& w) {
              waiting->emplace_back(self->make_response_promise<feed_written>(), w);
              return waiting->back().first;
            },
            [waiting, writer](bool) {
              for (auto& [promise, w] : std::exchange(*waiting, {})) promise.delegate(writer, w);
            }};
  }
  void ask_view(room& r, asker& by, std::uint64_t from = 0) {
    correlator_question what;
    what.from = from;
    spawn([&by, what, whom = r.reader](caf::event_based_actor* self) {
      self->request(whom, std::chrono::seconds{10}, what)
          .then([&by](const correlator_view& v) { by.got = v; },
                [&by](const caf::error& why) { by.why = from_caf_error(why); });
    });
  }

  void begin(room& r, bool held_back = false) {
    keeper_hooks hooks;
    hooks.decided = [](std::uint64_t) {};
    hooks.publish = [](const feed_record&, const std::vector<std::string>&) {};
    hooks.now = [] { return arrival_time_of(noon); };
    correlator_peers peers;
    peers.librarian = spawn(librarian, r.memory.get());
    peers.whole = &r.whole;
    if (held_back) {
      r.gate = spawn(reads_late, peers.librarian);
      peers.librarian = caf::actor_cast<librarian_actor>(r.gate);
    }
    peers.keeper = r.writer = spawn(keeper, r.memory.get(), hooks);
    if (r.writes_late) {
      r.pen = spawn(writes_late, r.writer);
      peers.keeper = caf::actor_cast<keeper_actor>(r.pen);
    }
    peers.rca = caf::actor_cast<rca_actor>(spawn([&r](caf::event_based_actor*) -> caf::behavior {
      return {[&r](const find_cause& f) { r.asked.push_back(f.request); }};
    }));
    r.reader = spawn(correlator, correlation_options{}, actor_options{}, peers);
  }
  void end(room& r) {
    caf::anon_send_exit(r.reader, caf::exit_reason::kill);
    run();
  }
  void append(room& r, const decision& d) {
    decision_append batch;
    batch.decisions = {encode_decision(d)};
    ASSERT_TRUE(r.memory->decisions().append(batch));
    if (r.reader) caf::anon_send(r.reader, decisions_available{r.memory->decisions().last()});
    run();
  }
  static std::vector<std::pair<std::string, std::string>> feed_of(const room& r) {
    std::vector<std::pair<std::string, std::string>> all;
    const auto page = r.memory->feed().read(1, 100'000, "");
    for (const auto& record : page->records) all.emplace_back(record.topic, record.payload);
    return all;
  }
};

TEST_F(Correlation, AsksForTheCauseOfAnIncidentThatItHasTold) {
  room r;
  begin(r);
  append(r, fires("a", noon));
  ASSERT_EQ(r.asked.size(), 1U);
  EXPECT_EQ(r.asked[0].candidates, std::vector<std::string>{"a"});
}

TEST_F(Correlation, WhileItIsBehindInAStormKeepsTheNewestQuestionsOnly) {
  room r;
  begin(r);
  decision_append storm;
  for (int n = 0; n < 1100; ++n)
    storm.decisions.push_back(encode_decision(fires("e" + std::to_string(n), noon)));
  ASSERT_TRUE(r.memory->decisions().append(storm));
  caf::anon_send(r.reader, decisions_available{r.memory->decisions().last()});
  run();
  ASSERT_EQ(r.asked.size(), 1024U);
  EXPECT_EQ(r.asked.front().candidates, std::vector<std::string>{"e76"});
  EXPECT_EQ(r.asked.back().candidates, std::vector<std::string>{"e1099"});
}

TEST_F(Correlation, AfterARestartReadsTheCauseThatIsOnRecordAndAsksNothing) {
  room r;
  begin(r);
  append(r, fires("a", noon));
  decision found;
  found.kind = decision_kind::root_cause;
  found.root_cause.incident = r.asked.at(0).incident;
  found.root_cause.causes.resize(1);
  found.root_cause.causes[0].entity = "a";
  found.root_cause.abstained = false;
  append(r, found);
  const auto told = feed_of(r);
  end(r);
  r.asked.clear();
  begin(r);
  EXPECT_TRUE(r.asked.empty());
  const auto view = ask<correlator_view>(r.reader, correlator_question{});
  ASSERT_EQ(view.open.size(), 1U);
  EXPECT_EQ(view.open[0].causes.at(0).entity, "a");
  EXPECT_EQ(feed_of(r), told) << "nothing is told twice";
}

TEST_F(Correlation, AfterARestartAsksAgainWhatWasNotAnswered) {
  room r;
  begin(r);
  append(r, fires("a", noon));
  ASSERT_EQ(r.asked.size(), 1U);
  end(r);
  r.asked.clear();
  begin(r);
  EXPECT_EQ(r.asked.size(), 1U);
}

TEST_F(Correlation, AnAlertWhoseEndIsNeverFoldedEndsAllTheSame) {
  room r;
  begin(r);
  append(r, fires("a", noon));
  append(r, fires("b", noon));
  end(r);
  append(r, ends("a", noon + 1000, 2));
  ASSERT_TRUE(r.memory->poison().skip({decision_space, 3, 0}, {}));
  begin(r);
  asker by;
  ask_view(r, by);
  run();
  ASSERT_TRUE(by.got);
  ASSERT_EQ(by.got->firing.size(), 1U);
  EXPECT_EQ(by.got->firing[0].entity, "b");
  const auto told = feed_of(r).back();
  EXPECT_EQ(told.first.rfind("alert/", 0), 0U);
  EXPECT_NE(told.second.find("resolved"), std::string::npos);
}

TEST_F(Correlation, WhatCannotEvenEndIsPassedOver) {
  room r;
  append(r, fires("a", noon));
  append(r, ends("a", noon + 1000, 2));
  for (const std::uint32_t way : {0, 1})
    ASSERT_TRUE(r.memory->poison().skip({decision_space, 2, way}, {}));
  begin(r);
  asker by;
  ask_view(r, by);
  run();
  ASSERT_TRUE(by.got);
  EXPECT_EQ(by.got->firing.size(), 1U);
}

TEST_F(Correlation, AsksAgainAlsoWhenNothingFollowsItsSavedState) {
  room r;
  begin(r);
  append(r, fires("a", noon));
  // Its state is saved every 64 decisions: with this one.
  for (int n = 0; n < 63; ++n) append(r, clock_at(noon));
  end(r);
  ASSERT_EQ(r.memory->feed().load_correlator()->state_through, 64U);
  r.asked.clear();
  begin(r);
  EXPECT_EQ(r.asked.size(), 1U);
}

TEST_F(Correlation, AfterARestartAQuestionWaitsUntilWhatWasToldIsKnownAgain) {
  room r;
  begin(r);
  append(r, fires("a", noon));
  append(r, fires("b", noon));
  EXPECT_TRUE(r.whole);
  end(r);
  ASSERT_EQ(r.memory->feed().load_correlator()->state_through, 0U) << "nothing is saved yet";
  begin(r, true);
  asker first, second;
  ask_view(r, first);
  ask_view(r, second);
  EXPECT_FALSE(first.got) << first.got->firing.size() << " firing as of " << first.got->feed_seq;
  EXPECT_FALSE(r.whole);
  caf::anon_send(r.gate, true);
  run();
  for (const asker* by : {&first, &second}) {
    ASSERT_TRUE(by->got);
    EXPECT_EQ(by->got->firing.size(), 2U);
    EXPECT_EQ(by->got->open.size(), 2U);
    EXPECT_EQ(by->got->feed_seq, r.memory->feed().last());
  }
  EXPECT_TRUE(r.whole);
  EXPECT_EQ(ask<correlator_view>(r.reader, correlator_question{}).firing.size(), 2U);
}

TEST_F(Correlation, AlertsAndIncidentsAreAsOfTheFeedWhileMoreIsBeingWritten) {
  room r;
  r.writes_late = true;
  begin(r);
  append(r, fires("a", noon));
  asker early, again;
  ask_view(r, early);
  EXPECT_FALSE(early.got) << early.got->firing.size() << " firing as of " << early.got->feed_seq;
  append(r, ends("a", noon + 10, 2));
  caf::anon_send(r.pen, true);
  run();
  ASSERT_TRUE(early.got);
  EXPECT_EQ(early.got->firing.size(), 1U) << "its end is folded, and not told";
  EXPECT_EQ(early.got->feed_seq, r.memory->feed().last());
  ask_view(r, again);
  EXPECT_FALSE(again.got);
  caf::anon_send(r.pen, true);
  run();
  ASSERT_TRUE(again.got);
  EXPECT_TRUE(again.got->firing.empty());
}

TEST_F(Correlation, WhoAsksForADecisionIsAnsweredWhenItIsFoldedAndOthersAtOnce) {
  room r;
  begin(r);
  asker second, first, other;
  ask_view(r, second, 2);
  ask_view(r, first, 1);
  ask_view(r, other);
  EXPECT_TRUE(other.got);
  EXPECT_FALSE(first.got || second.got);
  append(r, fires("a", noon));
  ASSERT_TRUE(first.got);
  EXPECT_EQ(first.got->firing.size(), 1U);
  EXPECT_FALSE(second.got);
  append(r, fires("b", noon));
  ASSERT_TRUE(second.got);
  EXPECT_EQ(second.got->firing.size(), 2U);
}

TEST_F(Correlation, OtherWorkGoesOnBetweenTheAnswersToThoseWhoWaited) {
  room r;
  begin(r);
  append(r, fires("a", noon));
  end(r);
  begin(r, true);
  std::deque<asker> many(100);
  for (auto& by : many) ask_view(r, by);
  const auto answered = [&] {
    return std::count_if(many.begin(), many.end(), [](const asker& by) { return by.got; });
  };
  std::ptrdiff_t before = -1;  // the other's turn
  const auto other = spawn([&, whom = r.reader](caf::event_based_actor* self) -> caf::behavior {
    return {[&, self, whom](bool) {
      self->request(whom, std::chrono::seconds{10}, pulse_question{})
          .then([&](const pulse&) { before = answered(); },
                [](const caf::error& why) { ADD_FAILURE() << to_string(why); });
    }};
  });
  caf::anon_send(r.gate, true);
  sched.try_run_once();  // it hands on the question
  caf::anon_send(other, true);
  run();  // the page comes, then the other's question
  EXPECT_EQ(answered(), 100);
  EXPECT_EQ(before, 0);
}

TEST_F(Correlation, WhoHasWaitedLongestIsToldToComeAgainWhenManyWaitAndAllHearOfItsEnd) {
  room r;
  begin(r);
  append(r, fires("a", noon));
  end(r);
  begin(r, true);
  std::deque<asker> many(130);
  for (auto& by : many) ask_view(r, by);
  for (std::size_t n = 0; n < many.size(); ++n) {
    ASSERT_EQ(many[n].why.has_value(), n < 2) << n;
    EXPECT_TRUE(n >= 2 || many[n].why->code == ec::overloaded) << n;
  }
  end(r);
  for (std::size_t n = 2; n < many.size(); ++n) {
    ASSERT_TRUE(many[n].why) << n;
    EXPECT_EQ(many[n].why->code, ec::shutting_down);
  }
}

/// Alerts of ten entities with operators' words between them, three hundred decisions.
std::vector<decision> a_busy_hour() {
  std::vector<decision> log;
  rules_record rules;
  rules.correlation.settle = milliseconds{60'000};
  log.push_back(command("configuration", "", encode_rules(rules)));
  for (int n = 0; n < 10; ++n) {
    const std::string entity = "e" + std::to_string(n);
    const std::string id = entity + "@noon";
    for (int k = 0; k < 20; ++k) log.push_back(clock_at(noon + 600 * n + k));
    log.push_back(fires(entity, noon + n * 1000));
    log.push_back(command("acknowledge", id, R"({"by": "ann", "comment": "on it"})"));
    log.push_back(fires(entity, noon + n * 1000 + 10, 2));
    log.push_back(command("alert_feedback", id, R"({"verdict": "true"})"));
    if (n % 3 == 0) log.push_back(command("acknowledge", id, R"({"off": true})"));
    if (n % 4 == 1) log.push_back(command("retire", entity, "{}"));
    log.push_back(ends(entity, noon + n * 1000 + 20, 3));
    log.push_back(command("acknowledge", id, R"({"by": "too late"})"));
    if (n == 5) {
      rules.correlation.hops = 0;
      log.push_back(command("configuration", "", encode_rules(rules)));
    }
  }
  log.push_back(clock_at(noon + 3'600'000));
  return log;
}

TEST_F(Correlation, TheSameLogWithOperatorsInItGivesTheSameFeedWhereverItIsCut) {
  room straight;
  begin(straight);
  for (const auto& d : a_busy_hour()) append(straight, d);
  const auto told = feed_of(straight);
  EXPECT_GT(told.size(), 40U);
  for (const std::size_t every : {7U, 31U, 100U}) {
    room cut;
    begin(cut);
    std::size_t n = 0;
    for (const auto& d : a_busy_hour()) {
      append(cut, d);
      if (++n % every != 0) continue;
      end(cut);
      begin(cut);
    }
    EXPECT_EQ(feed_of(cut), told) << "killed after every " << every;
    end(cut);
  }
  room late;  // all of it is there before anybody reads
  late.reader = nullptr;
  for (const auto& d : a_busy_hour()) append(late, d);
  begin(late);
  EXPECT_EQ(feed_of(late), told);
}

}  // namespace
}  // namespace faultline
