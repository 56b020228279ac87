// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "judgement/inhibition.hpp"
#include "judgement/rules.hpp"
#include "tests/judgement/correlator_fold.hpp"

namespace faultline {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

struct Inhibition : ::testing::Test {
  Inhibition() {
    rules_record r;
    r.correlation.inhibit = {{{"severity=critical"}, {"severity=warning"}, {"service"}}};
    rules(r);
  }
  void rules(const rules_record& r) { f.command("configuration", "", encode_rules(r)); }
  void inhibit_consequences() {
    rules_record r;
    r.correlation.inhibit_consequences = true;
    rules(r);
  }
  alert told(const correlator_output& out, std::size_t n = 0) { return alerts_in(out).at(n); }
  fold f;
};

TEST_F(Inhibition, ByARuleLastsAsLongAsTheOtherAlertFires) {
  const auto warning = f.post("Slow", "cart", noon, noon + 60 * minute, "warning");
  EXPECT_THAT(told(warning).inhibited_by, IsEmpty());
  const auto critical = alerts_in(f.post("Down", "cart", noon, noon + 5 * minute, "critical"));
  ASSERT_EQ(critical.size(), 2u);
  EXPECT_THAT(critical[1].inhibited_by, ElementsAre(critical[0].id));
  EXPECT_TRUE(suppressed(critical[1]));
  EXPECT_THAT(
      told(f.post("Late", "cart", noon + minute, noon + 60 * minute, "warning")).inhibited_by,
      ElementsAre(critical[0].id))
      << "what begins later, too";
  EXPECT_THAT(
      told(f.post("Slow", "pay", noon + minute, noon + 60 * minute, "warning")).inhibited_by,
      IsEmpty())
      << "another service";
  const auto after = alerts_in(f.clock(noon + 5 * minute));
  ASSERT_EQ(after.size(), 3u) << "the end, and two that are told again";
  EXPECT_THAT(after[1].inhibited_by, IsEmpty());
  EXPECT_THAT(after[2].inhibited_by, IsEmpty());
}

TEST_F(Inhibition, OneThatRisesIsNoTargetAnyMoreAndASource) {
  rules_record r;
  r.correlation.inhibit = {{{"severity=critical"}, {"severity=warning"}, {}}};
  rules(r);
  alert a;
  a.id = "own";
  a.entity = "a";
  a.labels = {{"severity", "warning"}};
  a.started = a.updated = event_time_of(noon);
  decision d;
  d.kind = decision_kind::alert;
  d.alert = a;
  const auto give = [&] { return alerts_in(f.apply(d)); };
  EXPECT_THAT(give().at(0).inhibited_by, IsEmpty());
  const auto other = told(f.post("Slow", "cart", noon, noon + 60 * minute, "warning"));
  EXPECT_THAT(other.inhibited_by, IsEmpty());
  d.alert.transition = 2;
  d.alert.severity = alert_severity::critical;
  d.alert.labels["severity"] = "critical";
  const auto risen = give();
  ASSERT_EQ(risen.size(), 2u);
  EXPECT_THAT(risen[0].inhibited_by, IsEmpty());
  EXPECT_THAT(risen[1].inhibited_by, ElementsAre("own"));
  d.alert.transition = 3;
  d.alert.state = alert_state::resolved;
  d.alert.ended = event_time_of(noon + minute);
  EXPECT_THAT(give().at(1).inhibited_by, IsEmpty());
}

TEST_F(Inhibition, TwoThatAreBothDoNotInhibitOneAnother) {
  rules_record r;
  r.correlation.inhibit = {{{"alertname=~.+"}, {"alertname=~.+"}, {"service"}}};
  rules(r);
  f.post("A", "cart", noon, noon + 60 * minute);
  EXPECT_THAT(told(f.post("B", "cart", noon, noon + 60 * minute)).inhibited_by, IsEmpty());
}

TEST_F(Inhibition, OfASourceThatGoesAnotherTakesItsPlace) {
  const auto first = told(f.post("Down", "cart", noon, noon + 5 * minute));
  const auto second = told(f.post("Gone", "cart", noon, noon + 9 * minute));
  const auto warning = told(f.post("Slow", "cart", noon, noon + 60 * minute, "warning"));
  ASSERT_EQ(warning.inhibited_by.size(), 1u);
  f.clock(noon + 5 * minute);
  for (const alert& a : f.core.firing()) {
    if (a.id == warning.id) {
      EXPECT_THAT(a.inhibited_by, ElementsAre(second.id));
    }
  }
  f.clock(noon + 9 * minute);
  for (const alert& a : f.core.firing()) EXPECT_THAT(a.inhibited_by, IsEmpty());
}

// Complaint: inhibited-at-restart
TEST_F(Inhibition, IsTheSameAfterARestart) {
  const auto restart = [&] {
    correlator_core again{{}};
    ASSERT_TRUE(again.restore(f.core.save()));
    EXPECT_EQ(again.save(), f.core.save());
    f.core = std::move(again);
  };
  f.post("Slow", "cart", noon, noon + 60 * minute, "warning");
  f.post("Down", "cart", noon, noon + 5 * minute);
  restart();
  rules_record same;
  same.correlation.inhibit = {{{"severity=critical"}, {"severity=warning"}, {"service"}}};
  rules(same);
  EXPECT_TRUE(alerts_in(f.clock(noon + minute)).empty()) << "nothing is told anew";
  EXPECT_THAT(
      told(f.post("Late", "cart", noon + 2 * minute, noon + 60 * minute, "warning")).inhibited_by,
      ::testing::SizeIs(1))
      << "what fired before the restart inhibits what begins after it";
  restart();
  EXPECT_EQ(alerts_in(f.clock(noon + 5 * minute)).size(), 3u) << "both are told when it has ended";
}

TEST_F(Inhibition, EveryDecisionMakesTheSameWithARestartBehindIt) {
  rules_record r;
  r.correlation.inhibit = {{{"severity=critical"}, {"severity=~.+"}, {"service"}},
                           {{"alertname=Down"}, {"alertname!=Down"}, {}}};
  r.correlation.inhibit_consequences = true;
  rules(r);
  f.edge("front", "db");
  const std::string incident = f.fire("front", noon).requests.at(0).incident;
  f.fire("db", noon + 1000);
  f.answer(incident, "db", 0.9);
  for (int n = 0; n < 40; ++n)
    f.post(n % 3 == 0 ? "Down" : "Slow", "s" + std::to_string(n % 4), noon + n * 1000,
           noon + (60 - n) * 1000, n % 2 == 0 ? "critical" : "warning");
  for (int n = 0; n < 70; n += 7) f.clock(noon + n * 1000);
  f.end("db", noon + 1000, noon + minute);
  correlator_core other{{}};
  std::size_t told = 0;
  for (const decision& d : f.log) {
    const auto out = other.apply(d);
    told += out.feed.size();
    const std::string bytes = other.save();
    correlator_core again{{}};
    ASSERT_TRUE(again.restore(bytes));
    ASSERT_EQ(again.save(), bytes) << d.seq;
    other = std::move(again);
  }
  EXPECT_EQ(told, f.feed.size());
  EXPECT_EQ(other.save(), f.core.save());
}

TEST_F(Inhibition, OneThatIsBothIsInhibitedByOneThatIsOnlyASource) {
  rules_record r;
  r.correlation.inhibit = {{{"alertname=~A|B|Z"}, {"alertname=~A|B"}, {"service"}}};
  rules(r);
  const auto a = told(f.post("A", "cart", noon, noon + 60 * minute));
  const auto b = told(f.post("B", "cart", noon, noon + 60 * minute));
  EXPECT_THAT(a.inhibited_by, IsEmpty());
  EXPECT_THAT(b.inhibited_by, IsEmpty());
  const auto out = alerts_in(f.post("Z", "cart", noon, noon + 5 * minute));
  ASSERT_EQ(out.size(), 3u) << "itself, and both of them again";
  EXPECT_THAT(out[0].inhibited_by, IsEmpty());
  for (const std::size_t n : {1, 2}) EXPECT_THAT(out[n].inhibited_by, ElementsAre(out[0].id));
  for (const alert& freed : alerts_in(f.clock(noon + 5 * minute)))
    EXPECT_THAT(freed.inhibited_by, IsEmpty());
}

TEST_F(Inhibition, ARingOfRulesLeavesSomebodyLoud) {
  for (const int length : {2, 3}) {
    rules_record r;
    const std::vector<std::string> names{"A", "B", "C"};
    for (int n = 0; n < length; ++n)
      r.correlation.inhibit.push_back(
          {{"alertname=" + names[n]}, {"alertname=" + names[(n + 1) % length]}, {"service"}});
    rules(r);
    const std::string service = "s" + std::to_string(length);
    for (int n = 0; n < length; ++n) f.post(names[n], service, noon, noon + 60 * minute);
    const auto loud = [&] {
      std::vector<std::string> all;
      for (const alert& a : f.core.firing())
        if (a.labels.at("service") == service && !suppressed(a))
          all.push_back(a.labels.at("alertname"));
      return all;
    };
    EXPECT_THAT(loud(), ElementsAre("A")) << length;
    f.silence("of " + service, {{"alertname", "A"}}, noon + minute, noon + 60 * minute);
    EXPECT_EQ(loud().size(), 1u) << "whoever is next speaks";
    f.command("unsilence", "of " + service, "{}", noon + 2 * minute);
    EXPECT_GE(loud().size(), 1u);
  }
}

TEST_F(Inhibition, OneThatEndsRightBehindWhatInhibitedItOpensNoIncident) {
  rules_record r;
  r.correlation.inhibit = {{{"severity=critical"}, {"severity=warning"}, {}}};
  rules(r);
  posted_alert down, slow;
  down.labels = {{"alertname", "Down"}, {"severity", "critical"}};
  down.entity = "cart";
  slow.labels = {{"alertname", "Slow"}, {"severity", "warning"}};
  slow.entity = "pay";
  const auto post = [&](std::int64_t ends) {
    for (posted_alert* p : {&down, &slow}) {
      p->starts = event_time_of(noon);
      p->ends = event_time_of(ends);
    }
    return alerts_in(
        f.command("posted_alerts", "", posted_json({down, slow}), std::min(ends, noon + minute)));
  };
  ASSERT_EQ(post(noon + 60 * minute).size(), 2u);
  ASSERT_EQ(f.core.open().size(), 1u) << "of the one that inhibits";
  post(noon + minute);
  EXPECT_TRUE(f.core.firing().empty());
  EXPECT_EQ(f.core.open().size(), 1u);
}

TEST_F(Inhibition, OfSourcesThatEndTogetherOthersAreToldOnce) {
  rules_record r;
  r.correlation.inhibit = {{{"severity=critical"}, {"severity=warning"}, {}}};
  rules(r);
  for (int n = 0; n < 8; ++n)
    f.post("Down", "cart-" + std::to_string(n), noon, noon + 5 * minute, "critical");
  const auto slow = told(f.post("Slow", "pay", noon, noon + 60 * minute, "warning"));
  ASSERT_EQ(slow.inhibited_by.size(), 1u);
  std::vector<alert> again;
  for (const alert& a : alerts_in(f.clock(noon + 5 * minute)))
    if (a.id == slow.id) again.push_back(a);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_THAT(again[0].inhibited_by, IsEmpty());
}

TEST_F(Inhibition, ASilenceThatEndsOverBothOpensNoIncidentOfTheInhibitedOne) {
  rules_record r;
  r.correlation.inhibit = {{{"severity=critical"}, {"severity=warning"}, {}}};
  rules(r);
  f.silence("s1", {{"entity", "a|b", true}}, noon, noon + minute);
  for (const char* entity : {"a", "b"}) {  // marks are looked at in order of their names
    auto d =
        fold::alert_decision(entity, noon, noon, 1, alert_state::firing, alert_severity::warning);
    d.alert.labels["severity"] = *entity == 'a' ? "warning" : "critical";
    f.apply(d);
  }
  f.clock(noon + minute);
  ASSERT_EQ(f.core.open().size(), 1u);
  EXPECT_THAT(f.core.open()[0].entities, ElementsAre("b"));
}

TEST_F(Inhibition, OneThatNobodyWantsToHearOfInhibitsNothing) {
  f.post("Down", "cart", noon, noon + 60 * minute);
  const auto slow = told(f.post("Slow", "cart", noon, noon + 60 * minute, "warning"));
  ASSERT_EQ(slow.inhibited_by.size(), 1u);
  const auto silenced =
      alerts_in(f.silence("s", {{"alertname", "Down"}}, noon + minute, noon + 5 * minute));
  ASSERT_EQ(silenced.size(), 2u);
  EXPECT_EQ(silenced[1].id, slow.id);
  EXPECT_THAT(silenced[1].inhibited_by, IsEmpty());
  EXPECT_THAT(
      told(f.post("Late", "cart", noon + 2 * minute, noon + 60 * minute, "warning")).inhibited_by,
      IsEmpty());
  const auto over = alerts_in(f.clock(noon + 5 * minute));
  ASSERT_EQ(over.size(), 3u) << "it is heard again, and both are inhibited";
  EXPECT_FALSE(suppressed(over[0]));
  for (const std::size_t n : {1, 2}) EXPECT_THAT(over[n].inhibited_by, ElementsAre(over[0].id));
}

TEST_F(Inhibition, OneUnderMaintenanceInhibitsNothing) {
  rules_record r;
  r.correlation.inhibit = {{{"alertname=Down"}, {"alertname=Slow"}, {}}};
  maintenance_window w;
  w.name = "work";
  w.entities = {"cart"};
  w.starts = event_time_of(noon + minute);
  w.ends = event_time_of(noon + 5 * minute);
  w.by = "ann";
  r.rules.maintenance = {w};
  rules(r);
  f.post("Down", "cart", noon, noon + 60 * minute);
  ASSERT_EQ(told(f.post("Slow", "pay", noon, noon + 60 * minute)).inhibited_by.size(), 1u);
  const auto slow = [&] {
    for (const alert& a : f.core.firing())
      if (a.entity == "pay") return a.inhibited_by.size();
    return std::size_t{9};
  };
  f.clock(noon + 2 * minute);
  EXPECT_EQ(slow(), 0u);
  f.clock(noon + 5 * minute);
  EXPECT_EQ(slow(), 1u);
}

TEST_F(Inhibition, WhatFlapsInhibitsNothing) {
  for (int n = 0; n < 6; ++n) {
    f.post("Down", "cart", noon + n * minute, noon + n * minute + 30'000);
    const auto slow = alerts_in(f.post("Slow" + std::to_string(n), "cart", noon + n * minute,
                                       noon + 60 * minute, "warning"));
    EXPECT_EQ(slow.at(0).inhibited_by.size(), n < 4 ? 1u : 0u) << n;
    f.clock(noon + n * minute + 30'000);
  }
}

TEST_F(Inhibition, ADependencyTakenAwayFreesAlsoInAnIncidentThatIsClosedToNewcomers) {
  inhibit_consequences();
  f.edge("front", "db");
  const auto out = f.fire("front", noon);
  f.fire("db", noon + 1000);
  ASSERT_EQ(alerts_in(f.answer(out.requests.at(0).incident, "db", 0.8)).size(), 1u);
  f.clock(noon + 90 * minute);
  const auto freed = alerts_in(f.edge("front", "db", true));
  ASSERT_EQ(freed.size(), 1u);
  EXPECT_THAT(freed[0].inhibited_by, IsEmpty());
}

TEST_F(Inhibition, RulesOfOneRecordAreInForceTogether) {
  f.post("Up", "web", noon, noon + 60 * minute, "warning");
  rules_record r;
  r.correlation.inhibit = {{{"alertname=Down"}, {"alertname=Slow"}, {}}};
  r.correlation.inhibit_consequences = true;
  r.correlation.edges = {{"front", "db", edge_kind::calls}};
  maintenance_window w;
  w.name = "work";
  w.entities = {"pay"};
  w.starts = event_time_of(noon - minute);
  w.ends = event_time_of(noon + 50 * minute);
  w.by = "ann";
  rules_record before;
  before.rules.maintenance = {w};
  rules(before);
  f.post("Down", "cart", noon, noon + 60 * minute);
  f.post("Slow", "pay", noon, noon + 60 * minute);
  const auto out = f.command("configuration", "", encode_rules(r));
  std::vector<alert> pay;
  for (const alert& a : alerts_in(out))
    if (a.entity == "pay") pay.push_back(a);
  ASSERT_EQ(pay.size(), 1u) << "never free in between";
  EXPECT_EQ(pay[0].inhibited_by.size(), 1u);
  EXPECT_THAT(pay[0].maintenance, IsEmpty());
  for (const incident& i : incidents_in(out))
    EXPECT_NE(i.entities, std::vector<std::string>{"pay"});
}

TEST_F(Inhibition, AnEdgeOfTheSameRecordCountsForConsequences) {
  const auto out = f.fire("front", noon);
  rules_record r;
  r.correlation.inhibit_consequences = true;
  rules(r);
  f.edge("db", "front");  // the other way round: in reach, and no consequence
  f.fire("db", noon + 1000);
  EXPECT_TRUE(alerts_in(f.answer(out.requests.at(0).incident, "db", 0.8)).empty());
  r.correlation.edges = {{"front", "db", edge_kind::calls}};
  const auto told = alerts_in(f.command("configuration", "", encode_rules(r)));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].entity, "front");
}

TEST_F(Inhibition, ManyAlertsOfTheCauseLookThroughTheIncidentOnce) {
  inhibit_consequences();
  constexpr int many = 2000;
  std::string id;
  for (int n = 0; n < many; ++n) {
    const std::string entity = "s" + std::to_string(n);
    f.edge(entity, "db");
    const auto out = f.fire(entity, noon);
    if (n == 0) id = out.requests.at(0).incident;
  }
  f.answer(id, "db", 0.9);
  for (int n = 0; n < many; ++n) f.post("Db" + std::to_string(n), "db", noon, noon + minute + n);
  for (int n = 0; n < many; ++n) f.clock(noon + minute + n);
  std::size_t told = 0;
  for (const alert& a : f.core.firing()) told += a.inhibited_by.empty() ? 1 : 0;
  EXPECT_EQ(told, std::size_t{many});
}

TEST_F(Inhibition, ALabelThatIsMissingIsNotEqual) {
  rules_record r;
  r.correlation.inhibit = {{{"severity=critical"}, {"severity=warning"}, {"datacenter"}}};
  rules(r);
  f.post("Down", "cart", noon, noon + 60 * minute);
  EXPECT_THAT(told(f.post("Slow", "cart", noon, noon + 60 * minute, "warning")).inhibited_by,
              IsEmpty());
}

TEST_F(Inhibition, AWarningOfTheCauseDoesNotSpeakForACriticalConsequence) {
  inhibit_consequences();
  f.edge("front", "db");
  const auto out = f.fire("front", noon);
  f.fire("db", noon + 1000);
  ASSERT_EQ(alerts_in(f.answer(out.requests.at(0).incident, "db", 0.8)).size(), 1u);
  const auto quiet = [&] {
    std::vector<std::string> all;
    for (const alert& a : f.core.firing())
      if (suppressed(a)) all.push_back(a.entity);
    return all;
  };
  EXPECT_THAT(quiet(), ElementsAre("front"));
  f.fire("front", noon, 2, alert_severity::critical);
  EXPECT_THAT(quiet(), IsEmpty());
  f.fire("db", noon + 1000, 2, alert_severity::critical);
  EXPECT_THAT(quiet(), ElementsAre("front")) << "now it does";
}

TEST_F(Inhibition, WhatComesUnderACauseByAnEdgeIsInhibitedAtOnce) {
  inhibit_consequences();
  f.edge("front", "db");
  const auto out = f.fire("front", noon);
  f.fire("db", noon + 1000);
  f.answer(out.requests.at(0).incident, "db", 0.8);
  f.fire("web", noon + 2000);
  const auto told = alerts_in(f.edge("web", "db"));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].entity, "web");
  EXPECT_TRUE(suppressed(told[0]));
}

TEST_F(Inhibition, AMemberThatComesNearerToTheCauseByAnEdgeIsInhibitedAtOnce) {
  inhibit_consequences();
  f.edge("front", "db");
  f.edge("mid", "front");
  f.edge("far", "mid");
  f.edge("off", "far");
  const auto out = f.fire("db", noon);
  for (const char* entity : {"front", "mid", "far", "off"}) f.fire(entity, noon + 1000);
  f.answer(out.requests.at(0).incident, "db", 0.8);
  ASSERT_EQ(f.core.open().size(), 1u);
  const auto told = alerts_in(f.edge("off", "db"));
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told[0].entity, "off");
  EXPECT_TRUE(suppressed(told[0]));
}

TEST_F(Inhibition, WhatComesUnderACauseByAnEdgeBetweenOthersIsInhibitedAtOnce) {
  inhibit_consequences();
  f.edge("front", "cart");
  f.edge("front", "db");
  f.fire("front", noon);
  f.fire("cart", noon);
  f.fire("db", noon);
  f.edge("front", "db", true);
  f.answer(f.core.open().at(0).id, "db", 0.9);
  EXPECT_THAT(alerts_in(f.edge("cart", "db")), SizeIs(2)) << "front depends on cart";
  for (const alert& a : f.core.firing())
    EXPECT_EQ(a.inhibited_by.empty(), a.entity == "db") << a.entity;
}

/// front depends on db, which is the likely cause of its incident and has no alert in it.
struct CauseWithoutAlert : Inhibition {
  CauseWithoutAlert() {
    inhibit_consequences();
    f.edge("front", "db");
    f.fire("front", noon);
    f.answer(f.core.open().at(0).id, "db", 0.9);
  }
  /// Beyond what was near to it when it began.
  void grow() {
    for (int n = 1; n < 4; ++n) {
      f.edge("late" + std::to_string(n), "front");
      f.fire("late" + std::to_string(n), noon + n * 10 * minute);
    }
  }
  bool front_is_inhibited() const {
    for (const alert& a : f.core.firing())
      if (a.entity == "front") return !a.inhibited_by.empty();
    return false;
  }
};

TEST_F(CauseWithoutAlert, ItsAlertThatComesAsASilenceEndsInhibits) {
  f.edge("front", "db", true);
  const auto begun = noon - 10 * minute;
  f.silence("s1", {{"entity", "db"}}, begun, noon + 40 * minute);
  f.fire("db", begun);
  grow();
  f.edge("front", "db");
  ASSERT_EQ(f.core.open().size(), 1u);
  ASSERT_THAT(f.core.open()[0].alerts, Not(Contains(fold::id_of("db", begun))));
  f.command("unsilence", "s1", "{}", noon);
  ASSERT_THAT(f.core.open().at(0).alerts, Contains(fold::id_of("db", begun)));
  EXPECT_TRUE(front_is_inhibited());
}

TEST_F(CauseWithoutAlert, ItsAlertThatComesWithAnotherIncidentInhibits) {
  f.edge("late", "front");
  f.fire("db", noon + 15 * minute);
  ASSERT_EQ(f.core.open().size(), 2u);
  EXPECT_FALSE(front_is_inhibited());
  f.fire("late", noon + 8 * minute);
  ASSERT_EQ(f.core.open().size(), 1u);
  EXPECT_TRUE(front_is_inhibited());
}

TEST_F(CauseWithoutAlert, AConsequenceThatComesByItsSecondWordIsInhibited) {
  decision back = fold::alert_decision("back", noon - 10 * minute, noon, 1, alert_state::firing,
                                       alert_severity::warning);
  back.alert.learning = true;
  f.apply(back);
  f.fire("db", noon);
  grow();
  f.edge("back", "db");
  ASSERT_THAT(f.core.open().at(0).alerts, Not(Contains(back.alert.id)));
  back.alert.transition = 2;
  back.alert.learning = false;
  const auto out = alerts_in(f.apply(back));
  ASSERT_THAT(f.core.open().at(0).alerts, Contains(back.alert.id));
  EXPECT_THAT(out.back().inhibited_by, SizeIs(1));
}

TEST_F(Inhibition, AnEdgeThatGoesFarFromACauseLeavesItsConsequencesAndOneOfTheirsDoesNot) {
  inhibit_consequences();
  f.edge("front", "db");
  f.edge("far", "away");
  const auto out = f.fire("front", noon);
  f.fire("db", noon + 1000);
  ASSERT_EQ(alerts_in(f.answer(out.requests.at(0).incident, "db", 0.8)).size(), 1u);
  EXPECT_THAT(alerts_in(f.edge("far", "away", true)), IsEmpty());
  const auto free = alerts_in(f.edge("front", "db", true));
  ASSERT_EQ(free.size(), 1u);
  EXPECT_FALSE(suppressed(free[0]));
}

TEST_F(Inhibition, WhatIsSplitOffIsNotInhibitedByTheOldCause) {
  inhibit_consequences();
  f.edge("front", "db");
  f.edge("front", "cache");
  f.edge("api", "front");
  const auto opened = f.fire("db", noon);
  const std::string id = opened.requests.at(0).incident;
  f.fire("api", noon + 1000);
  f.answer(id, "db", 0.9);
  const std::int64_t later = noon + 7 * minute;
  const auto burst = f.fire("front", later);
  EXPECT_EQ(alerts_in(burst).back().inhibited_by.size(), 1u) << "so it seems";
  ASSERT_FALSE(burst.requests.empty());
  const auto split = f.answer(id, "cache", 0.9, burst.requests[0].as_of);
  ASSERT_EQ(incidents_in(split).size(), 2u) << "split";
  ASSERT_EQ(alerts_in(split).size(), 1u);
  EXPECT_EQ(alerts_in(split)[0].entity, "front");
  EXPECT_THAT(alerts_in(split)[0].inhibited_by, IsEmpty());
}

TEST_F(Inhibition, ThousandsOfConsequencesCostEachItsOwnLookUp) {
  inhibit_consequences();
  constexpr int many = 5000;
  std::string id;
  for (int n = 0; n < many; ++n) {
    const std::string entity = "s" + std::to_string(n);
    f.edge(entity, "db");
    const auto out = f.fire(entity, noon);
    if (n == 0) id = out.requests.at(0).incident;
  }
  f.answer(id, "db", 0.9);
  f.fire("db", noon);
  f.end("db", noon, noon + minute);
  for (int n = 0; n < many; ++n) f.end("s" + std::to_string(n), noon, noon + minute);
  std::size_t told = 0;
  for (const feed_event& e : f.feed) told += e.what == feed_event::kind::alert ? 1 : 0;
  EXPECT_EQ(told, 4u * many + 2) << "its begin, inhibited, not any more, its end";
}

TEST_F(Inhibition, AnotherSourceIsNoNews) {
  const auto first = told(f.post("Down", "cart", noon, noon + 9 * minute));
  f.post("Slow", "cart", noon, noon + 60 * minute, "warning");
  for (const char* name : {"A", "B", "C"}) {
    EXPECT_EQ(alerts_in(f.post(name, "cart", noon, noon + 5 * minute)).size(), 1u);
    EXPECT_TRUE(alerts_in(f.silence(name, {{"alertname", "X"}}, noon, noon + minute)).empty());
  }
  EXPECT_EQ(alerts_in(f.clock(noon + 5 * minute)).size(), 3u) << "three ends and nothing else";
}

TEST_F(Inhibition, WhatNoLongerDependsOnTheCauseIsTold) {
  inhibit_consequences();
  f.edge("front", "db");
  const auto out = f.fire("front", noon);
  f.fire("db", noon + 1000);
  ASSERT_EQ(alerts_in(f.answer(out.requests.at(0).incident, "db", 0.8)).size(), 1u);
  const auto freed = alerts_in(f.edge("front", "db", true));
  ASSERT_EQ(freed.size(), 1u);
  EXPECT_THAT(freed[0].inhibited_by, IsEmpty());
}

TEST_F(Inhibition, TheAlertOfACauseThatComesLateInhibits) {
  inhibit_consequences();
  f.edge("front", "db");
  const auto out = f.fire("front", noon);
  EXPECT_TRUE(alerts_in(f.answer(out.requests.at(0).incident, "db", 0.8)).empty())
      << "of the cause nothing fires yet: somebody has to hear of it";
  const auto db = alerts_in(f.fire("db", noon + 1000));
  ASSERT_EQ(db.size(), 2u);
  EXPECT_EQ(db[1].entity, "front");
  EXPECT_THAT(db[1].inhibited_by, ElementsAre(db[0].id));
}

TEST_F(Inhibition, AStormCostsEachAlertItsOwnLookUp) {
  rules_record r;
  r.correlation.inhibit_consequences = true;
  r.correlation.inhibit = {{{"severity=critical"}, {"severity=warning"}, {}}};
  rules(r);
  constexpr int many = 3000;
  for (int n = 0; n < many; ++n) {
    f.edge("s" + std::to_string(n), "db");
    f.post("Down", "s" + std::to_string(n), noon, noon + (5 + n % 7) * minute);
    f.post("Slow", "s" + std::to_string(n), noon, noon + 60 * minute, "warning");
  }
  for (int n = 5; n < 13; ++n) f.clock(noon + n * minute);
  EXPECT_LT(f.feed.size(), 40u * many) << "not of each with each";
}

TEST_F(Inhibition, AConsequenceOfTheLikelyCauseIsInhibitedWhereThatIsWanted) {
  inhibit_consequences();
  f.edge("front", "db");
  f.edge("other", "front");
  const auto out = f.fire("front", noon);
  const std::string cause = told(f.fire("db", noon + 1000)).id;
  const std::string incident = out.requests.at(0).incident;
  const auto found = alerts_in(f.answer(incident, "db", 0.8));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].entity, "front");
  EXPECT_THAT(found[0].inhibited_by, ElementsAre(cause));
  const auto late = alerts_in(f.fire("other", noon + 2000));
  ASSERT_EQ(late.size(), 2u) << "it is in no incident yet when it is told first";
  EXPECT_THAT(late[0].inhibited_by, IsEmpty());
  EXPECT_THAT(late[1].inhibited_by, ElementsAre(cause));
  const auto end = alerts_in(f.end("db", noon + 1000, noon + minute));
  ASSERT_GE(end.size(), 2u);
  EXPECT_THAT(end.back().inhibited_by, IsEmpty());
}

TEST_F(Inhibition, OfACauseThatNobodyIsToldOfTheConsequencesAreTold) {
  rules_record r;
  r.correlation.inhibit_consequences = true;
  r.correlation.inhibit = {{{"entity=front"}, {"entity=db"}, {}}};
  rules(r);
  f.edge("front", "db");
  const auto out = f.fire("front", noon);
  f.fire("db", noon + 1000);
  f.answer(out.requests.at(0).incident, "db", 0.8);
  std::size_t loud = 0;
  for (const alert& a : f.core.firing()) loud += suppressed(a) ? 0 : 1;
  EXPECT_GE(loud, 1u) << "two that inhibit one another would page nobody";
  r.correlation.inhibit.clear();
  rules(r);
  for (const alert& a : f.core.firing()) EXPECT_EQ(suppressed(a), a.entity == "front") << a.entity;
  f.silence("s", {{"entity", "db"}}, noon + minute, noon + 60 * minute);
  for (const alert& a : f.core.firing()) EXPECT_EQ(suppressed(a), a.entity == "db") << a.entity;
}

TEST_F(Inhibition, ACauseThatIsNotLikelyInhibitsNothing) {
  inhibit_consequences();
  f.edge("front", "db");
  const auto out = f.fire("front", noon);
  f.fire("db", noon + 1000);
  EXPECT_TRUE(alerts_in(f.answer(out.requests.at(0).incident, "db", 0.45)).empty());
}

TEST(InhibitRules, ThatCannotBeReadOrAskForNothingAreNamed) {
  EXPECT_TRUE(check_inhibit({{{"a=b"}, {"c!=d"}, {"zone"}}, {{"a=~.+"}, {"c=d", "e=f"}, {}}}));
  const std::vector<std::string> good{"a=b"};
  const auto why = [](const inhibit_rule& bad) {
    const auto said = check_inhibit({{{"a=b"}, {"c=d"}, {}}, bad});
    return said ? std::string{} : said.error().what;
  };
  EXPECT_THAT(why({{"a=~("}, good, {}}), ::testing::StartsWith("inhibit[1].source: "));
  EXPECT_THAT(why({good, {"x"}, {}}), ::testing::StartsWith("inhibit[1].target: "));
  for (const std::vector<std::string>& nothing : {std::vector<std::string>{}, {""}, {"{}"}})
    EXPECT_THAT(why({nothing, good, {}}), ::testing::StartsWith("inhibit[1].source: "));
  EXPECT_THAT(why({good, good, {" "}}), ::testing::StartsWith("inhibit[1].equal: "));
}

TEST(Flapping, ManyPostedAlertsOfOneEntityAtOnceAreNone) {
  fold f;
  for (const char* name : {"A", "B", "C", "D", "E", "F"})
    EXPECT_FALSE(alerts_in(f.post(name, "cart", noon, noon + 5 * minute)).at(0).flapping) << name;
  std::vector<posted_alert> many;
  for (int n = 0; n < 6; ++n) {
    posted_alert p;
    p.labels = {{"alertname", "Slow"}, {"service", "pay"}, {"path", std::to_string(n)}};
    p.starts = event_time_of(noon);
    p.ends = event_time_of(noon + 60 * minute);
    p.entity = "pay";
    many.push_back(p);
  }
  const auto out = alerts_in(f.command("posted_alerts", "", posted_json(many), noon));
  ASSERT_EQ(out.size(), 6u);
  for (const alert& a : out) EXPECT_FALSE(a.flapping);
}

// Complaint: flapping
TEST(Flapping, IsSaidOfTheFifthEpisodeWithinAnHourAndNotOfRareOnes) {
  fold f;
  for (int n = 0; n < 8; ++n) {
    const std::int64_t at = noon + n * 5 * minute;
    EXPECT_EQ(alerts_in(f.fire("a", at)).at(0).flapping, n >= 4) << n;
    EXPECT_EQ(alerts_in(f.end("a", at, at + minute)).at(0).flapping, n >= 4) << n;
    EXPECT_FALSE(alerts_in(f.fire("b" + std::to_string(n), at)).at(0).flapping);
  }
  correlator_core again{{}};
  ASSERT_TRUE(again.restore(f.core.save()));
  EXPECT_EQ(again.save(), f.core.save());
  EXPECT_FALSE(alerts_in(f.fire("a", noon + 180 * minute)).at(0).flapping) << "it was calm";
}

TEST(Flapping, CountsWhatComesOutOfOrderAndForgetsTheRetired) {
  fold f;
  for (const int n : {5, 1, 4, 2}) {
    f.fire("a", noon + n * minute);
    f.end("a", noon + n * minute, noon + n * minute + 1);
  }
  EXPECT_FALSE(alerts_in(f.fire("a", noon - 90 * minute)).at(0).flapping) << "long before";
  EXPECT_TRUE(alerts_in(f.fire("a", noon + 3 * minute)).at(0).flapping);
  f.command("retire", "a", "{}");
  EXPECT_FALSE(alerts_in(f.fire("a", noon + 6 * minute)).at(0).flapping) << "it is a new one";
}

TEST(Flapping, WhatIsRememberedOfItHasABound) {
  fold f;
  const auto size = [&] { return f.core.save().size(); };
  const std::size_t before = size();
  for (int n = 0; n < 500; ++n) {
    f.fire("e" + std::to_string(n), noon);
    f.end("e" + std::to_string(n), noon, noon + 1);
  }
  const std::size_t full = size();
  f.clock(noon + 200 * minute);
  f.fire("e0", noon + 200 * minute);
  EXPECT_LT(size() - before, (full - before) * 2 / 3) << "begins older than an hour are let go";
}

TEST_F(Inhibition, WhoWaitsBehindTheCauseIsToldAgainWhenTheCausesEndIsSkipped) {
  inhibit_consequences();
  f.edge("front", "db");
  const auto out = f.fire("front", noon);
  f.fire("db", noon + 1000);
  const auto waits = told(f.answer(out.requests.at(0).incident, "db", 0.8));
  ASSERT_EQ(waits.entity, "front");
  ASSERT_THAT(waits.inhibited_by, SizeIs(1));
  auto end = fold::alert_decision("db", noon + 1000, noon + 2 * minute, 2, alert_state::resolved,
                                  alert_severity::warning);
  end.seq = ++f.seq;
  const auto after = alerts_in(f.core.pass_over(end));
  ASSERT_EQ(after.size(), 2u) << "the end, and who waited for it";
  EXPECT_EQ(after[1].entity, "front");
  EXPECT_THAT(after[1].inhibited_by, IsEmpty());
}

}  // namespace
}  // namespace faultline
