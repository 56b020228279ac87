// SPDX-License-Identifier: Apache-2.0
#include "judgement/notifier_core.hpp"

#include <gmock/gmock.h>

#include <set>

namespace faultline {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t second = 1000;
constexpr std::int64_t minute = 60 * second;

arrival_time at(std::int64_t ms) { return arrival_time_of(1'750'000'000'000 + ms); }

notify_options two_receivers() {
  notify_options o;
  notify_receiver team;
  team.name = "team";
  notify_receiver pager;
  pager.name = "pager";
  pager.kind = receiver_kind::pagerduty;
  o.receivers = {team, pager};
  notify_route critical;
  critical.receiver = "pager";
  critical.matchers = {"severity=critical"};
  critical.go_on = true;
  notify_route rest;
  rest.receiver = "team";
  o.routes = {critical, rest};
  return o;
}

alert firing(const std::string& entity, std::uint32_t transition = 1) {
  alert a;
  a.id = "id-" + entity;
  a.transition = transition;
  a.entity = entity;
  a.explanation = entity + " deviates";
  a.labels = {{"alertname", "EntityDeviates"}, {"entity", entity}, {"severity", "warning"}};
  return a;
}
alert critical(const std::string& entity, std::uint32_t transition = 1) {
  alert a = firing(entity, transition);
  a.severity = alert_severity::critical;
  a.labels["severity"] = "critical";
  return a;
}
alert ended(const std::string& entity, std::uint32_t transition = 2) {
  alert a = firing(entity, transition);
  a.state = alert_state::resolved;
  a.ended = event_time_of(1);
  return a;
}
incident of(const std::string& id, std::vector<std::string> entities) {
  incident i;
  i.id = id;
  for (const std::string& e : entities) i.alerts.push_back("id-" + e);
  return i;
}

struct Notifier : ::testing::Test {
  explicit Notifier(const notify_options& o = two_receivers()) : core{*notifier_core::make(o)} {}
  /// What goes out at that time, every message with success.
  std::vector<notification> send(std::int64_t ms) {
    auto all = core.due(at(ms));
    for (const notification& n : all) core.done(n.receiver, delivery::sent, at(ms));
    return all;
  }
  std::vector<notification> fail(std::int64_t ms) {
    auto all = core.due(at(ms));
    for (const notification& n : all) core.done(n.receiver, delivery::failed, at(ms));
    return all;
  }
  static std::vector<std::string> entities(const notification& n) {
    std::vector<std::string> names;
    for (const alert& a : n.alerts)
      names.push_back((a.state == alert_state::firing ? "" : "-") + a.entity);
    return names;
  }
  /// Ends the core and begins another one with its rows.
  void restart(std::int64_t ms, const notify_options& o = two_receivers()) {
    for (auto& [name, bytes] : core.changes()) {
      if (bytes)
        rows[name] = *bytes;
      else
        rows.erase(name);
    }
    core = *notifier_core::make(o);
    const auto done = core.restore(rows, at(ms));
    EXPECT_TRUE(done) << done.error().what;
  }

  notifier_core core;
  std::map<std::string, std::string> rows;
};

TEST_F(Notifier, TellsOfAGroupOnceItHasWaitedAndThenOfItsEnd) {
  core.take(firing("a"), at(0));
  core.take(of("i1", {"a"}), at(0));
  core.take(firing("b"), at(second));
  core.take(of("i1", {"a", "b"}), at(second));
  EXPECT_EQ(core.next(), at(30 * second));
  EXPECT_THAT(send(30 * second - 1), IsEmpty());
  const auto first = send(30 * second);
  ASSERT_THAT(first, SizeIs(1));
  EXPECT_EQ(first[0].receiver, "team");
  EXPECT_EQ(first[0].group, R"(team:{incident="i1"})");
  EXPECT_EQ(first[0].about->id, "i1");
  EXPECT_THAT(entities(first[0]), ElementsAre("a", "b"));
  core.take(ended("a"), at(minute));
  EXPECT_THAT(send(5 * minute + 29 * second), IsEmpty()) << "group_interval";
  EXPECT_THAT(entities(send(5 * minute + 30 * second).at(0)), ElementsAre("b", "-a"));
  core.take(ended("b"), at(6 * minute));
  const auto last = send(20 * minute);
  ASSERT_THAT(last, SizeIs(1));
  EXPECT_EQ(last[0].firing, 0u);
  EXPECT_EQ(core.next(), std::nullopt) << "nothing is left";
  EXPECT_THAT(send(24 * 60 * minute), IsEmpty());
}

TEST_F(Notifier, WhatIsOverBeforeItWasToldIsNeverTold) {
  core.take(firing("a"), at(0));
  core.take(ended("a"), at(second));
  EXPECT_THAT(send(60 * minute), IsEmpty());
  EXPECT_EQ(core.next(), std::nullopt);
}

TEST_F(Notifier, RemindsUntilSomebodyLooksAfterIt) {
  core.take(firing("a"), at(0));
  send(30 * second);
  EXPECT_EQ(core.next(), at(30 * second + 240 * minute));
  EXPECT_THAT(send(30 * second + 240 * minute), SizeIs(1));
  alert known = firing("a", 2);
  known.acknowledged = true;
  core.take(known, at(250 * minute));
  EXPECT_EQ(core.next(), std::nullopt);
  core.take(ended("a", 3), at(260 * minute));
  EXPECT_THAT(send(260 * minute), SizeIs(1)) << "its end is told";
}

TEST_F(Notifier, WhatSomebodyLooksAfterAlreadyIsNotTold) {
  core.take(firing("a"), at(0));
  alert known = firing("a", 2);
  known.acknowledged = true;
  core.take(known, at(second));
  EXPECT_THAT(send(60 * minute), IsEmpty());
}

TEST_F(Notifier, WhatIsSuppressedIsNotToldButTheEndOfWhatWasTold) {
  alert quiet = firing("a");
  quiet.silenced = true;
  core.take(quiet, at(0));
  EXPECT_THAT(send(60 * minute), IsEmpty());
  core.take(firing("a", 2), at(60 * minute));
  EXPECT_THAT(send(61 * minute), SizeIs(1)) << "the silence has ended";
  quiet.transition = 3;
  core.take(quiet, at(62 * minute));
  EXPECT_THAT(send(24 * 60 * minute), IsEmpty()) << "nobody is reminded of it";
  alert over = ended("a", 4);
  over.silenced = true;
  core.take(over, at(24 * 60 * minute));
  EXPECT_THAT(send(24 * 60 * minute), SizeIs(1));
}

TEST_F(Notifier, AStormOfOneIncidentIsAtMostOneMessageAReceiverAndMinute) {
  notify_options o = two_receivers();
  for (notify_route& r : o.routes) r.group_wait = r.group_interval = milliseconds{0};
  core = *notifier_core::make(o);
  std::map<std::string, std::vector<std::int64_t>> sent;
  std::vector<std::string> names;
  for (int n = 0; n < 500; ++n) {
    const std::int64_t ms = n * 1200;
    names.push_back("e" + std::to_string(n));
    core.take(n % 2 == 0 ? firing(names.back()) : critical(names.back()), at(ms));
    core.take(of("i1", names), at(ms));
    for (const notification& m : send(ms)) sent[m.receiver].push_back(ms);
  }
  for (const auto& [receiver, times] : sent)
    for (std::size_t n = 1; n < times.size(); ++n)
      EXPECT_GE(times[n] - times[n - 1], minute) << receiver;
  EXPECT_EQ(sent["team"].size(), 10u);
  const auto last = send(500 * 1200 + minute);
  ASSERT_THAT(last, SizeIs(2));
  EXPECT_EQ(last[0].alerts.size() + last[0].left_out, last[0].firing);
  EXPECT_LE(last[0].alerts.size(), notifier_limits::named);
}

TEST_F(Notifier, AReceiverHearsNoMoreThanItsShareAMinuteAndNothingIsLost) {
  notify_options o = two_receivers();
  o.receivers[0].max_per_minute = 3;
  o.routes[1].group_by = {"entity"};
  core = *notifier_core::make(o);
  for (int n = 0; n < 10; ++n) core.take(firing("e" + std::to_string(n)), at(0));
  std::vector<std::int64_t> times;
  for (std::int64_t ms = 0; ms < 10 * minute; ms += second)
    for (const notification& n : send(ms)) {
      times.push_back(ms);
      EXPECT_EQ(n.receiver, "team");
    }
  ASSERT_THAT(times, SizeIs(10));
  for (std::size_t n = 3; n < times.size(); ++n) EXPECT_GE(times[n] - times[n - 3], minute);
}

TEST_F(Notifier, AFailureIsRepeatedEverLessOftenUnderTheSameId) {
  core.take(firing("a"), at(0));
  const auto first = fail(30 * second);
  ASSERT_THAT(first, SizeIs(1));
  EXPECT_EQ(core.next(), at(35 * second));
  EXPECT_EQ(fail(35 * second).at(0).id, first[0].id);
  EXPECT_EQ(core.next(), at(45 * second));
  std::int64_t ms = 45 * second;
  for (int n = 0; n < 20; ++n, ms += 5 * minute) EXPECT_THAT(fail(ms), SizeIs(1));
  const auto sent = send(ms);
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].id, first[0].id);
  EXPECT_EQ(core.counters().at("team").failed, 22u);
}

TEST_F(Notifier, OneThatFailsHoldsUpNobodyElse) {
  core.take(critical("a"), at(0));
  auto both = core.due(at(30 * second));
  ASSERT_THAT(both, SizeIs(2));
  core.done("pager", delivery::sent, at(30 * second));
  core.take(critical("b"), at(31 * second));
  const auto next = core.due(at(90 * second));
  ASSERT_THAT(next, SizeIs(1)) << "team has one under way";
  EXPECT_EQ(next[0].receiver, "pager");
}

TEST_F(Notifier, WhatRisesGoesOnToWhoWantsCriticalOnesAndIsToldAgain) {
  core.take(firing("a"), at(0));
  EXPECT_EQ(send(30 * second).at(0).receiver, "team");
  core.take(critical("a", 2), at(minute));
  std::set<std::string> told;
  for (std::int64_t ms = minute; ms < 10 * minute; ms += second)
    for (const notification& n : send(ms)) told.insert(n.receiver);
  EXPECT_THAT(told, ElementsAre("pager", "team"));
}

TEST_F(Notifier, IncidentsThatMergeAreNotToldTwice) {
  core.take(firing("a"), at(0));
  core.take(of("i1", {"a"}), at(0));
  core.take(firing("b"), at(0));
  core.take(of("i2", {"b"}), at(0));
  EXPECT_THAT(send(30 * second), SizeIs(1));
  EXPECT_THAT(send(30 * second), SizeIs(1));
  core.take(of("i1", {"a", "b"}), at(minute));
  EXPECT_THAT(send(200 * minute), IsEmpty());
  core.take(ended("b"), at(200 * minute));
  EXPECT_EQ(send(200 * minute).at(0).group, R"(team:{incident="i2"})")
      << "whoever was told of it hears of its end";
}

TEST_F(Notifier, WhatIsUnderWayWhileItsIncidentOpensIsToldOnce) {
  for (const bool sent : {true, false}) {
    core = *notifier_core::make(two_receivers());
    core.take(firing("a"), at(0));
    ASSERT_THAT(core.due(at(30 * second)), SizeIs(1));
    core.take(of("i1", {"a"}), at(31 * second));
    core.done("team", sent ? delivery::sent : delivery::failed, at(32 * second));
    std::size_t told = sent ? 1 : 0;
    for (std::int64_t ms = 32 * second; ms < 100 * minute; ms += second) told += send(ms).size();
    EXPECT_EQ(told, 1u) << (sent ? "" : "after a failure");
    core.take(ended("a"), at(100 * minute));
    const auto last = send(100 * minute);
    ASSERT_THAT(last, SizeIs(1));
    ASSERT_TRUE(last[0].about) << "the group is of that incident now";
    EXPECT_EQ(last[0].about->id, "i1");
  }
}

TEST_F(Notifier, KeepsNoRowOfWhatIsOver) {
  for (const char* name : {"a", "b"}) core.take(firing(name), at(0));
  core.take(of("i1", {"a"}), at(0));
  core.take(of("i2", {"b"}), at(0));
  send(30 * second);
  send(30 * second);
  core.take(of("i1", {"a", "b"}), at(minute));
  restart(minute);
  EXPECT_THAT(rows, ::testing::Contains(::testing::Key("incident/i1")));
  EXPECT_THAT(rows, ::testing::Not(::testing::Contains(::testing::Key("incident/i2"))));
  for (const char* name : {"a", "b"}) core.take(ended(name), at(2 * minute));
  for (std::int64_t ms = 2 * minute; ms < 20 * minute; ms += second) send(ms);
  restart(20 * minute);
  EXPECT_THAT(rows, IsEmpty());
}

TEST_F(Notifier, ARestartRepeatsNothingAndForgetsNothing) {
  for (int n = 0; n < 50; ++n) {
    core.take(critical("e" + std::to_string(n)), at(n));
    core.take(of("i" + std::to_string(n % 7), {"e" + std::to_string(n)}), at(n));
  }
  std::map<std::string, int> told;
  std::int64_t ms = 30 * second + 50;
  for (int n = 0; n < 8; ++n, ms += 100) {
    restart(ms);
    for (const notification& n2 : send(ms))
      for (const alert& a : n2.alerts) ++told[n2.receiver + a.id];
  }
  EXPECT_THAT(told, SizeIs(100));
  for (const auto& [what, count] : told) EXPECT_EQ(count, 1) << what;
  const auto next = core.next();
  restart(ms);
  EXPECT_EQ(core.next(), next) << "timers go on";
  for (int n = 0; n < 50; ++n) core.take(critical("e" + std::to_string(n)), at(ms));
  EXPECT_THAT(send(ms + minute), IsEmpty()) << "the same records again change nothing";
}

TEST_F(Notifier, WhoeverMayHaveHeardOfItHearsOfItsEnd) {
  for (const bool killed : {true, false}) {
    core = *notifier_core::make(two_receivers());
    rows.clear();
    core.take(firing("a"), at(0));
    ASSERT_THAT(core.due(at(30 * second)), SizeIs(1));
    if (killed)
      restart(31 * second);  // it is not known whether it came
    else
      core.done("team", delivery::failed, at(31 * second));
    core.take(ended("a"), at(32 * second));
    std::vector<notification> last;
    for (std::int64_t ms = 32 * second; ms < 10 * minute && last.empty(); ms += second)
      last = send(ms);
    ASSERT_THAT(last, SizeIs(1)) << killed;
    EXPECT_THAT(entities(last[0]), ElementsAre("-a"));
    restart(20 * minute);
    EXPECT_THAT(rows, IsEmpty());
  }
}

TEST_F(Notifier, AGroupThatWasEmptyHasNewIds) {
  core.take(firing("a"), at(0));
  core.take(of("i1", {"a"}), at(0));
  const auto first = send(30 * second);
  core.take(ended("a"), at(minute));
  const auto end = send(10 * minute);
  core.take(firing("b"), at(11 * minute));
  core.take(of("i1", {"a", "b"}), at(11 * minute));
  const auto again = send(20 * minute);
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].group, first.at(0).group);
  EXPECT_NE(again[0].id, first[0].id);
  EXPECT_NE(again[0].id, end.at(0).id);
}

TEST_F(Notifier, WhatIsRefusedForGoodIsNotRepeatedAndCounted) {
  core.take(firing("a"), at(0));
  ASSERT_THAT(core.due(at(30 * second)), SizeIs(1));
  core.done("team", delivery::refused, at(30 * second));
  EXPECT_THAT(send(60 * minute), IsEmpty());
  EXPECT_EQ(core.counters().at("team").refused, 1u);
  EXPECT_EQ(core.counters().at("team").sent, 0u);
}

TEST_F(Notifier, AReceiverThatFailsRestsAndSpendsNothingOfItsShare) {
  notify_options o = two_receivers();
  o.receivers[0].max_per_minute = 2;
  o.routes[1].group_by = {"entity"};
  core = *notifier_core::make(o);
  for (int n = 0; n < 5; ++n) core.take(firing("e" + std::to_string(n)), at(0));
  EXPECT_THAT(fail(30 * second), SizeIs(1));
  EXPECT_THAT(fail(34 * second), IsEmpty()) << "for another group, too";
  EXPECT_THAT(fail(35 * second), SizeIs(1));
  EXPECT_THAT(core.due(at(45 * second)), SizeIs(1));
  core.done("team", delivery::failed, at(45 * second), milliseconds{30 * minute});
  EXPECT_THAT(send(75 * second), IsEmpty());
  EXPECT_EQ(core.next(), at(45 * second + 30 * minute)) << "it has asked for that";
  std::size_t sent = 0;
  for (std::int64_t ms = 31 * minute; ms < 33 * minute; ms += second) sent += send(ms).size();
  EXPECT_EQ(sent, 4u) << "two a minute";
}

TEST_F(Notifier, RoutesOfOneReceiverKeepTheirIntervalsOverARestart) {
  notify_options o = two_receivers();
  o.receivers[1].kind = receiver_kind::webhook;
  o.routes[0].receiver = "team";
  o.routes[0].go_on = false;
  o.routes[0].repeat_interval = milliseconds{5 * minute};
  o.routes[1].repeat_interval = milliseconds{50 * minute};
  core = *notifier_core::make(o);
  core.take(firing("a"), at(0));
  core.take(critical("b"), at(0));
  core.take(of("i1", {"a", "b"}), at(0));
  EXPECT_THAT(send(30 * second), SizeIs(1));
  EXPECT_THAT(send(31 * second), SizeIs(1)) << "another route, another message";
  const auto next = core.next();
  restart(minute, o);
  EXPECT_EQ(core.next(), next);
  EXPECT_THAT(entities(send(6 * minute).at(0)), ElementsAre("b"));
  EXPECT_EQ(core.next(), at(11 * minute));
  restart(7 * minute, o);
  EXPECT_EQ(core.next(), at(11 * minute));
}

TEST_F(Notifier, AnOlderRecordThatIsReadAgainChangesNothing) {
  core.take(firing("a"), at(0));
  core.take(ended("a"), at(0));
  core.take(firing("b"), at(0));
  send(30 * second);
  core.take(ended("b", 3), at(minute));
  core.take(firing("b", 2), at(minute));
  core.take(firing("b", 1), at(minute));
  EXPECT_THAT(entities(send(20 * minute).at(0)), ElementsAre("-b"));
  EXPECT_EQ(core.next(), std::nullopt);
}

TEST_F(Notifier, AMessageAfterARestartHasAnIdOfItsOwn) {
  core.take(firing("a"), at(0));
  const auto first = send(30 * second);
  restart(minute);
  const auto reminder = send(300 * minute);
  EXPECT_NE(reminder.at(0).id, first.at(0).id);
}

TEST_F(Notifier, WhatWasSentAndNotWrittenDownGoesAgainUnderTheSameId) {
  core.take(firing("a"), at(0));
  restart(0);
  const auto sent = core.due(at(30 * second));
  core = *notifier_core::make(two_receivers());  // the process ended before done() was written
  ASSERT_TRUE(core.restore(rows, at(31 * second)));
  EXPECT_EQ(send(31 * second).at(0).id, sent.at(0).id);
}

TEST_F(Notifier, AnotherConfigurationFindsItsWay) {
  core.take(critical("a"), at(0));
  core.take(of("i1", {"a"}), at(0));
  send(30 * second);
  notify_options o = two_receivers();
  o.receivers[1].name = "other";
  o.routes[0].receiver = "other";
  restart(minute, o);
  const auto sent = send(2 * minute);
  ASSERT_THAT(sent, SizeIs(1)) << "team knows";
  EXPECT_EQ(sent[0].receiver, "other");
  core.take(ended("a"), at(3 * minute));
  EXPECT_THAT(send(20 * minute), SizeIs(2));
}

TEST_F(Notifier, WhatAnotherConfigurationGroupsAnewIsToldOnce) {
  alert quiet = firing("a");
  quiet.silenced = true;
  core.take(quiet, at(0));
  core.take(firing("b"), at(0));
  notify_options o = two_receivers();
  o.routes[1].group_by = {"entity"};
  restart(second, o);
  EXPECT_THAT(send(30 * second), SizeIs(1)) << "b has waited since it began";
  EXPECT_THAT(send(10 * minute), IsEmpty());
  core.take(firing("a", 2), at(10 * minute));
  EXPECT_THAT(send(11 * minute), SizeIs(1));
  EXPECT_THAT(send(20 * minute), IsEmpty());
}

TEST_F(Notifier, AClockThatWasAheadAndIsSetRightHoldsNobodyUp) {
  constexpr std::int64_t ahead = 24 * 60 * minute;
  core.take(firing("a"), at(ahead));
  core.take(of("i1", {"a"}), at(ahead));
  ASSERT_THAT(send(ahead + 30 * second), SizeIs(1));
  core.take(firing("b"), at(ahead + minute));
  core.take(of("i2", {"b"}), at(ahead + minute));
  core.take(ended("a"), at(ahead + minute));
  EXPECT_THAT(send(minute), IsEmpty()) << "nor are they told at once";
  const auto fresh = send(minute + 30 * second);
  ASSERT_THAT(fresh, SizeIs(1));
  EXPECT_THAT(entities(fresh[0]), ElementsAre("b"));
  EXPECT_EQ(core.next(), at(6 * minute)) << "the group's interval from now on";
  const auto end = send(6 * minute);
  ASSERT_THAT(end, SizeIs(1));
  EXPECT_THAT(entities(end[0]), ElementsAre("-a"));
}

TEST_F(Notifier, AClockThatIsSetRightOverARestartHoldsNobodyUp) {
  constexpr std::int64_t ahead = 24 * 60 * minute;
  core.take(firing("a"), at(ahead));
  core.take(of("i1", {"a"}), at(ahead));
  ASSERT_THAT(send(ahead + 30 * second), SizeIs(1));
  core.take(ended("a"), at(ahead + minute));
  restart(minute);
  EXPECT_EQ(core.next(), at(6 * minute));
  EXPECT_THAT(send(6 * minute), SizeIs(1));
}

TEST_F(Notifier, AfterAClockIsSetBackAFailureIsRepeatedAsSoonAsItWouldHaveBeen) {
  constexpr std::int64_t ahead = 24 * 60 * minute;
  core.take(firing("a"), at(ahead));
  core.take(of("i1", {"a"}), at(ahead));
  ASSERT_THAT(fail(ahead + 30 * second), SizeIs(1));
  EXPECT_THAT(send(30 * second), IsEmpty());
  EXPECT_THAT(send(35 * second), SizeIs(1));
}

TEST_F(Notifier, WhatAClockThatWasAheadHasSpentOfAShareIsSpentNow) {
  notify_options o = two_receivers();
  o.receivers[0].max_per_minute = 1;
  core = *notifier_core::make(o);
  constexpr std::int64_t ahead = 24 * 60 * minute;
  core.take(firing("a"), at(ahead));
  ASSERT_THAT(send(ahead + 30 * second), SizeIs(1));
  core.take(firing("b"), at(0));
  EXPECT_THAT(send(minute - 1), IsEmpty());
  EXPECT_THAT(send(minute), SizeIs(1));
}

TEST_F(Notifier, WhatComesAndGoesIsToldOfItsRiseAndThatSomebodyLooksAfterIt) {
  const auto episode = [](int n, alert a) {
    a.id = "id-" + std::to_string(n);
    a.flapping = true;
    return a;
  };
  core.take(episode(0, firing("a")), at(0));
  EXPECT_EQ(send(30 * second).at(0).receiver, "team");
  core.take(episode(0, ended("a")), at(minute));
  core.take(episode(1, critical("a")), at(2 * minute));
  std::map<std::string, int> told;
  for (std::int64_t ms = 2 * minute; ms < 20 * minute; ms += second)
    for (const notification& n : send(ms)) ++told[n.receiver];
  EXPECT_EQ(told["team"], 1) << "it is critical now";
  EXPECT_EQ(told["pager"], 1);
  alert known = episode(1, critical("a", 2));
  known.acknowledged = true;
  core.take(known, at(20 * minute));
  for (std::int64_t ms = 20 * minute; ms < 600 * minute; ms += 10 * second)
    for (const notification& n : send(ms)) {
      EXPECT_EQ(n.receiver, "pager");
      EXPECT_TRUE(n.acknowledged);
      ++told[n.receiver];
    }
  EXPECT_EQ(told["pager"], 2) << "nobody is reminded of what somebody looks after";
}

// Complaint: flapping
TEST_F(Notifier, WhatComesAndGoesIsToldOnceAndItsEndWhenItIsCalm) {
  std::vector<std::int64_t> times;
  const auto run = [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t ms = from; ms < to; ms += second)
      for (const notification& n : send(ms)) {
        EXPECT_EQ(n.labels.at("incident"), "flapping/a/EntityDeviates");
        times.push_back(ms);
      }
  };
  for (int n = 0; n < 10; ++n) {
    alert a = firing("a");
    a.id = "id-" + std::to_string(n);
    a.flapping = true;
    core.take(a, at(n * 4 * minute));
    run(n * 4 * minute, (n * 4 + 2) * minute);
    a.transition = 2;
    a.state = alert_state::resolved;
    a.ended = event_time_of(1);
    core.take(a, at((n * 4 + 2) * minute));
    run((n * 4 + 2) * minute, (n * 4 + 4) * minute);
  }
  EXPECT_THAT(times, ElementsAre(30 * second)) << "one page for all of it";
  run(40 * minute, 60 * minute);
  EXPECT_THAT(times, ElementsAre(30 * second, 58 * minute)) << "twenty minutes after the last end";
  EXPECT_EQ(core.next(), std::nullopt);
}

/// Ten episodes of two minutes, four apart. @returns when who was told, in minutes.
std::vector<std::pair<std::string, std::int64_t>> told_of_flapping(Notifier& t,
                                                                   bool with_restarts = false,
                                                                   const notify_options& o = {}) {
  std::vector<std::pair<std::string, std::int64_t>> all;
  alert a = firing("a");
  a.flapping = true;
  for (std::int64_t ms = 0; ms < 120 * minute; ms += second) {
    if (const auto n = ms / (4 * minute); n < 10 && ms % (2 * minute) == 0) {
      const bool ends = ms % (4 * minute) != 0;
      a.id = "id-" + std::to_string(n);
      a.transition = ends ? 2 : 1;
      a.state = ends ? alert_state::resolved : alert_state::firing;
      if (ends) a.ended = event_time_of(1);
      t.core.take(a, at(ms));
    }
    for (const notification& n : t.send(ms)) all.emplace_back(n.receiver, ms / minute);
    if (with_restarts && ms % (3 * minute) == 0) t.restart(ms, o);
  }
  return all;
}

using told_times = std::vector<std::pair<std::string, std::int64_t>>;

TEST_F(Notifier, WhatComesAndGoesIsTheSameWithRestartsInTheMiddle) {
  EXPECT_EQ(told_of_flapping(*this, true, two_receivers()),
            (told_times{{"team", 0}, {"team", 58}}));
}

TEST_F(Notifier, WhatComesAndGoesIsOneMessageForWhoeverHearsOfNoEnd) {
  notify_options o = two_receivers();
  o.receivers[0].send_resolved = false;
  core = *notifier_core::make(o);
  EXPECT_EQ(told_of_flapping(*this), (told_times{{"team", 0}}));
  EXPECT_EQ(core.next(), std::nullopt) << "nothing is kept of it";
}

TEST_F(Notifier, WhatComesAndGoesIsAGroupOfItsOwnHoweverRoutesGroup) {
  notify_options o = two_receivers();
  o.routes[1].group_by = {"alertname"};
  core = *notifier_core::make(o);
  EXPECT_EQ(told_of_flapping(*this), (told_times{{"team", 0}, {"team", 58}}));
}

TEST_F(Notifier, TheSlowestThatComesAndGoesIsOneMessageToo) {
  std::vector<std::int64_t> told;
  alert a = firing("a");
  a.flapping = true;
  for (std::int64_t ms = 0; ms < 230 * minute; ms += second) {
    const auto n = ms / (15 * minute);
    const auto late = n % 2 * 20 * second;  // nothing is regular to the second
    const auto since = ms % (15 * minute) - late;
    if (n < 10 && (since == 0 || since == 2 * minute)) {
      const bool ends = since != 0;
      a.id = "id-" + std::to_string(n);
      a.transition = ends ? 2 : 1;
      a.state = ends ? alert_state::resolved : alert_state::firing;
      core.take(a, at(ms));
    }
    for (std::size_t left = send(ms).size(); left > 0; --left) told.push_back(ms);
  }
  ASSERT_THAT(told, SizeIs(2)) << "its begin and its end";
  EXPECT_GT(told[1], 150 * minute);
}

TEST_F(Notifier, OfWhatCameAndWentAndThenStaysPeopleHear) {
  alert a = critical("a");  // it was critical before, too: it does not rise
  a.flapping = true;
  core.take(a, at(0));
  const auto first = send(30 * second);
  ASSERT_THAT(first, SizeIs(2));
  EXPECT_FALSE(first[0].anew);
  a.transition = 2;
  a.state = alert_state::resolved;
  core.take(a, at(minute));
  a = critical("a");
  a.id = "id-stays";
  a.flapping = true;
  core.take(a, at(3 * minute));
  std::map<std::string, std::vector<std::int64_t>> told;
  for (std::int64_t ms = 3 * minute; ms < 200 * minute; ms += second)
    for (const notification& n : send(ms)) {
      told[n.receiver].push_back(ms);
      EXPECT_TRUE(n.anew) << "it is a page, and no word on what is open there already";
    }
  EXPECT_THAT(told["pager"], ElementsAre(18 * minute)) << "seventeen minutes after the last end";
  EXPECT_THAT(told["team"], ElementsAre(18 * minute));
}

TEST_F(Notifier, WhatComesAndGoesHidesNothingElseOfItsEntity) {
  alert a = critical("a");
  a.flapping = true;
  a.labels["alertname"] = "CpuHot";
  core.take(a, at(0));
  EXPECT_THAT(send(30 * second), SizeIs(2));
  alert b = critical("a");
  b.id = "id-disk";
  b.flapping = true;
  b.labels["alertname"] = "DiskFull";
  core.take(b, at(minute));
  EXPECT_THAT(send(minute + 30 * second), SizeIs(2));
}

// Complaint: inhibited-at-restart
TEST_F(Notifier, WhatIsInhibitedIsToldByNoRestartAndOnceWhenItIsNotAnyMore) {
  alert a = firing("a");
  a.inhibited_by = {"id-b"};
  core.take(a, at(0));
  for (int n = 1; n < 4; ++n) {
    restart(n * minute);
    EXPECT_EQ(core.next(), std::nullopt);
    EXPECT_THAT(send(n * minute), IsEmpty());
  }
  a.transition = 2;
  a.inhibited_by.clear();
  core.take(a, at(5 * minute));
  restart(5 * minute + second);
  EXPECT_THAT(send(5 * minute + 29 * second), IsEmpty()) << "it may be about to end as well";
  EXPECT_THAT(send(5 * minute + 30 * second), SizeIs(1));
  restart(6 * minute);
  EXPECT_THAT(send(20 * minute), IsEmpty());
}

TEST_F(Notifier, APagerIsToldThatSomebodyLooksAfterIt) {
  core.take(critical("a"), at(0));
  send(30 * second);
  alert known = critical("a", 2);
  known.acknowledged = true;
  core.take(known, at(minute));
  const auto sent = send(10 * minute);
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].receiver, "pager");
  EXPECT_TRUE(sent[0].acknowledged);
  EXPECT_THAT(send(20 * minute), IsEmpty());
}

struct ToAlertmanager : Notifier {
  static notify_options one() {
    notify_options o = two_receivers();
    o.receivers[0].kind = receiver_kind::alertmanager;
    return o;
  }
  ToAlertmanager() : Notifier{one()} {}
};

TEST_F(ToAlertmanager, EverythingIsSentAgainEachMinuteAndWhatEndedForFive) {
  for (int n = 0; n < 300; ++n) core.take(firing("e" + std::to_string(n)), at(0));
  EXPECT_THAT(send(second).at(0).alerts, SizeIs(300)) << "nothing is left out";
  EXPECT_EQ(core.next(), at(61 * second));
  EXPECT_THAT(send(61 * second).at(0).alerts, SizeIs(300));
  for (int n = 0; n < 300; ++n) core.take(ended("e" + std::to_string(n)), at(62 * second));
  int times = 0;
  for (std::int64_t ms = 62 * second; ms < 30 * minute; ms += second)
    for (const notification& n : send(ms)) {
      ++times;
      EXPECT_EQ(n.firing, 0u);
    }
  EXPECT_GE(times, 5);
  EXPECT_LE(times, 7);
  EXPECT_EQ(core.next(), std::nullopt);
}

TEST_F(ToAlertmanager, IsTriedEachMinuteHoweverOftenItHasFailed) {
  core.take(firing("a"), at(0));
  std::int64_t last = 0;
  for (std::int64_t ms = second; ms < 60 * minute; ms += second)
    if (!fail(ms).empty()) {
      EXPECT_LE(ms - last, minute);
      last = ms;
    }
}

TEST_F(ToAlertmanager, WhatIsSuppressedIsNotSent) {
  alert quiet = firing("a");
  quiet.silenced = true;
  core.take(quiet, at(0));
  EXPECT_EQ(core.next(), std::nullopt);
}

TEST(NotifierRoutes, ThatNameNobodyOrCannotBeReadAreRefused) {
  notify_options o = two_receivers();
  o.routes[0].receiver = "nobody";
  EXPECT_EQ(notifier_core::make(o).error().code, ec::invalid);
  o = two_receivers();
  o.routes[0].matchers = {"severity=~("};
  EXPECT_FALSE(notifier_core::make(o));
  o.routes[0].matchers = {"severity"};
  EXPECT_FALSE(notifier_core::make(o));
}

TEST(NotifierRoutes, TheFirstThatFitsIsTakenUnlessItSaysGoOn) {
  const auto core = *notifier_core::make(two_receivers());
  EXPECT_THAT(core.receivers_of(critical("a")), ElementsAre("pager", "team"));
  EXPECT_THAT(core.receivers_of(firing("a")), ElementsAre("team"));
}

TEST(NotifierRows, ThatAreDamagedAreRefused) {
  auto core = *notifier_core::make(two_receivers());
  EXPECT_FALSE(core.restore({{"alert/a", "x"}}, at(0)));
  EXPECT_FALSE(core.restore({{"group/team:{}", ""}}, at(0)));
}

}  // namespace
}  // namespace faultline
