// SPDX-License-Identifier: Apache-2.0
#include "server/chronicle.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/quality_ledger.hpp"
#include "server/told_records.hpp"
#include "storage/memory_store.hpp"

namespace faultline {
namespace {

constexpr std::int64_t begin = 1'750'000'000'000;
constexpr std::int64_t minute = 60'000;

struct Chronicle : ::testing::Test {
  void decide(const decision& d) {
    decision_append batch;
    batch.decisions = {encode_decision(d)};
    ASSERT_TRUE(memory->decisions().append(batch));
  }
  void transition(const std::string& id, std::int64_t at, alert_severity severity,
                  alert_state state = alert_state::firing) {
    decision d;
    d.kind = decision_kind::alert;
    d.alert.id = id;
    d.alert.entity = "service/" + id;
    d.alert.severity = severity;
    d.alert.state = state;
    d.alert.started = event_time_of(begin);
    d.alert.updated = event_time_of(begin + at);
    d.alert.explanation = "latency of " + id;
    decide(d);
  }
  void change(const std::string& entity, std::int64_t at) {
    decision d;
    d.kind = decision_kind::change;
    d.change = {entity, change_kind::deploy, "version 2", event_time_of(begin + at)};
    decide(d);
  }
  void word(const std::string& name, const std::string& subject, const std::string& payload,
            std::int64_t at) {
    decision d;
    d.kind = decision_kind::command;
    d.command = {name, subject, payload, arrival_time_of(begin + at)};
    decide(d);
  }
  void cause(const std::string& incident, const std::string& entity, std::int64_t at) {
    decision d;
    d.kind = decision_kind::root_cause;
    d.root_cause.incident = incident;
    d.root_cause.as_of = event_time_of(begin + at);
    d.root_cause.abstained = false;
    ranked_cause first;
    first.entity = entity;
    first.metric = "disk";
    first.probability = 0.8;
    d.root_cause.causes = {first};
    decide(d);
  }
  void keep(const incident& i, const std::vector<alert>& alerts) {
    feed_append f;
    f.items.push_back(
        {topic_of(i), [i](std::uint64_t seq) { return feed_payload(i, seq, arrival_time_of(2)); }});
    f.records.push_back({"incident/" + i.id, encode_incident(i)});
    f.records.push_back({"incidents-by-time/" + i.id, encode_incident(i)});
    for (const auto& a : alerts) f.records.push_back({"alert/" + a.id, encode_alert(a)});
    ASSERT_TRUE(memory->feed().append(f));
  }
  static incident some_incident(const std::string& id, std::vector<std::string> alerts,
                                std::int64_t at = 0) {
    incident i;
    i.id = id;
    i.started = event_time_of(begin + at);
    for (const auto& a : alerts) i.entities.push_back("service/" + a);
    i.alerts = std::move(alerts);
    return i;
  }
  std::vector<std::string> told(const incident& i) {
    const auto story = story_of(*memory, i);
    EXPECT_TRUE(story);
    std::vector<std::string> lines;
    for (const auto& item : story->items)
      lines.push_back(item.kind + " " + item.subject + " " + item.state);
    return lines;
  }

  std::unique_ptr<store> memory = open_memory_store(4);
};

using lines = std::vector<std::string>;

TEST_F(Chronicle, NamesNoIncidentThatIsBeyondRetentionOrHasBegunAnewElsewhere) {
  keep(some_incident("kept", {"a"}, -minute), {});
  const auto gone = some_incident("gone", {"a"}, -2 * minute);
  auto before = some_incident("kept", {"a"}, -minute / 2);
  before.summary = "before it was merged";
  feed_append f;
  f.records = {{"incidents-by-time/0/gone", encode_incident(gone)},
               {"incidents-by-time/0/kept", encode_incident(before)}};
  ASSERT_TRUE(memory->feed().append(f));
  const auto of_entity = story_of_entity(*memory, "service/a");
  ASSERT_TRUE(of_entity);
  ASSERT_EQ(of_entity->incidents.size(), 1U);
  EXPECT_EQ(of_entity->incidents.front().id, "kept");
  EXPECT_NE(of_entity->incidents.front().summary, before.summary);
  const auto story = story_of(*memory, some_incident("now", {"a"}));
  ASSERT_TRUE(story);
  ASSERT_EQ(story->related.size(), 1U);
  EXPECT_EQ(story->related.front().id, "kept");
}

TEST_F(Chronicle, WhatChangesWhileAPageIsReadStandsThereAsItIsNow) {
  const auto read = some_incident("a", {"a"});
  auto now = read;
  now.summary = "what was told since";
  feed_append
      f;  // as a reader sees it who read the page before the change, and the record behind it
  f.records = {{time_key(read), encode_incident(read)}, {record_key(now), encode_incident(now)}};
  ASSERT_TRUE(memory->feed().append(f));
  const auto page = newest<incident>(
      *memory, {incidents_by_time, "", 10},
      [](std::string_view bytes) { return decode_incident(bytes); },
      [](const incident&) { return true; }, [] { return false; });
  ASSERT_TRUE(page);
  ASSERT_EQ(page->first.size(), 1U);
  EXPECT_EQ(page->first.front().record.summary, now.summary);
  const auto of_entity = story_of_entity(*memory, "service/a");
  ASSERT_TRUE(of_entity);
  ASSERT_EQ(of_entity->incidents.size(), 1U);
  EXPECT_EQ(of_entity->incidents.front().summary, now.summary);
}

TEST_F(Chronicle, APageEndsInTimeAlsoAmongRecordsThatAreGone) {
  feed_append f;
  for (int n = 0; n < 1000; ++n) {
    const auto gone = some_incident(std::to_string(n), {});
    f.records.push_back({"incidents-by-time/" + gone.id, encode_incident(gone)});
  }
  ASSERT_TRUE(memory->feed().append(f));
  int looks = 0;
  const auto page = newest<incident>(
      *memory, {incidents_by_time, "", 10},
      [](const std::string& bytes) { return decode_incident(bytes); },
      [](const incident&) { return true; }, [&] { return ++looks == 100; });
  ASSERT_TRUE(page);
  EXPECT_TRUE(page->first.empty());
  EXPECT_EQ(looks, 100);
  EXPECT_FALSE(page->second.empty()) << "where to go on";
}

TEST_F(Chronicle, APageEndsWithItsBytesAndHasOneRecordAtLeast) {
  feed_append f;
  constexpr std::size_t bound = feed_store::page_bytes;
  std::vector<std::string> in_order;
  for (const std::size_t size : {2 * bound, bound / 2, bound / 4, bound / 2, std::size_t{1}}) {
    auto i = some_incident(std::to_string(in_order.size()), {});
    i.started = event_time_of(begin - static_cast<std::int64_t>(in_order.size()) * minute);
    i.summary = std::string(size, 'x');
    in_order.push_back(i.id);
    f.records.push_back({time_key(i), encode_incident(i)});
    f.records.push_back({record_key(i), encode_incident(i)});
  }
  ASSERT_TRUE(memory->feed().append(f));
  std::vector<std::size_t> sizes;
  std::vector<std::string> ids;
  std::string after;
  do {
    const auto page = newest<incident>(
        *memory, {incidents_by_time, after, 10},
        [](const std::string& bytes) { return decode_incident(bytes); },
        [](const incident&) { return true; }, [] { return false; });
    ASSERT_TRUE(page);
    sizes.push_back(page->first.size());
    for (const auto& t : page->first) ids.push_back(t.record.id);
    after = page->second;
  } while (!after.empty());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{1, 2, 2}));
  EXPECT_EQ(ids, in_order);
}

TEST_F(Chronicle, OfAnEntityTellsItsChangesAndWordsAndNothingOfOthers) {
  change("service/b", 3 * minute);
  change("service/a", minute);
  change("service/a", -minute);
  word("posted_alerts", "", "[]", 4 * minute);
  word("retire", "service/a", R"({"by":"ann"})", 5 * minute);
  const auto story = story_of_entity(*memory, "service/a");
  ASSERT_TRUE(story);
  lines told;
  for (const auto& item : story->items)
    told.push_back(item.kind + " " + item.subject + " " + item.state);
  EXPECT_EQ(told,
            (lines{"change service/a deploy", "change service/a deploy", "word service/a retire"}));
  EXPECT_EQ(story->items.front().ts, begin - minute);
  EXPECT_FALSE(story->cut);
}

TEST_F(Chronicle, OfAnEntityTellsTheNewestAndSaysThatThereAreOlder) {
  for (int n = 0; n < 1500; ++n) change("service/a", n * 1000);
  const auto story = story_of_entity(*memory, "service/a");
  ASSERT_TRUE(story);
  EXPECT_EQ(story->items.size(), 200U);
  EXPECT_EQ(story->items.back().ts, begin + 1'499'000);
  EXPECT_EQ(story->items.front().ts, begin + 1'300'000);
  EXPECT_TRUE(story->cut);
}

TEST_F(Chronicle, OfAnEntityTellsTheIncidentsThatTouchIt) {
  auto caused = some_incident("i2", {"b"});
  ranked_cause first;
  first.entity = "service/a";
  caused.causes = {first};
  keep(some_incident("i1", {"a"}), {});
  keep(caused, {});
  keep(some_incident("i3", {"b"}), {});
  const auto story = story_of_entity(*memory, "service/a");
  ASSERT_TRUE(story);
  lines ids;
  for (const auto& i : story->incidents) ids.push_back(i.id);
  EXPECT_EQ(ids, (lines{"i1", "i2"}));
}

TEST_F(Chronicle, TellsChangesAlertsCausesAndWordsInTheOrderInWhichTheyHappened) {
  change("service/a", -30 * minute);
  transition("a", 0, alert_severity::warning);
  cause("i", "db/x", minute);
  transition("a", 2 * minute, alert_severity::critical);
  word("acknowledge", "i", R"({"by":"ann","comment":"mine"})", 3 * minute);
  transition("a", 4 * minute, alert_severity::critical, alert_state::resolved);
  word("incident_feedback", "i", R"({"by":"ann","verdict":"right","cause":"db/x"})", 5 * minute);
  const auto i = some_incident("i", {"a"});
  EXPECT_EQ(told(i), (lines{"change service/a deploy", "alert service/a warning",
                            "cause db/x named", "alert service/a critical", "word i acknowledge",
                            "alert service/a resolved", "word i right"}));
  const auto story = story_of(*memory, i);
  EXPECT_EQ(story->items[2].text, "likely cause, 80 %, seen in disk");
  EXPECT_EQ(story->items[4].by, "ann");
  EXPECT_EQ(story->items[6].text, "cause db/x");
}

TEST_F(Chronicle, TellsOfPostedAlertsThoughNoDecisionIsOfOneAlone) {
  alert a;
  a.id = "p";
  a.entity = "service/p";
  a.metric = "Slow";
  a.source = "alertmanager";
  a.explanation = "p is slow";
  a.severity = alert_severity::critical;
  a.started = event_time_of(begin);
  a.state = alert_state::resolved;
  a.ended = event_time_of(begin + 9 * minute);
  const auto i = some_incident("i", {"p"});
  keep(i, {a});
  cause("i", "db/x", -minute);  // asked as of a clock that was behind
  EXPECT_EQ(told(i),
            (lines{"alert service/p critical", "cause db/x named", "alert service/p resolved"}));
  EXPECT_EQ(story_of(*memory, i)->items[1].ts, begin) << "no cause before the incident";
}

TEST_F(Chronicle, LeavesOutWhatBelongsToOthersAndWhatChangesNothing) {
  transition("other", 0, alert_severity::warning);
  change("service/other", 0);
  transition("a", 0, alert_severity::warning);
  transition("a", minute, alert_severity::warning);
  cause("another", "db/x", minute);
  cause("i", "db/x", minute);
  cause("i", "db/x", 2 * minute);
  word("acknowledge", "another", "{}", minute);
  word("acknowledge", "i", "no JSON", minute);
  EXPECT_EQ(told(some_incident("i", {"a"})),
            (lines{"alert service/a warning", "cause db/x named", "word i acknowledge"}));
}

TEST_F(Chronicle, FindsTheBeginInALongLog) {
  for (int n = 0; n < 5000; ++n) change("service/a", (n - 5000) * minute);
  transition("a", 0, alert_severity::warning);
  const auto found = told(some_incident("i", {"a"}));
  EXPECT_EQ(found.size(), 61U);  // the hour before, and the alert
  EXPECT_EQ(found.back(), "alert service/a warning");
}

TEST_F(Chronicle, KeepsAStoryBounded) {
  for (int n = 0; n < 2000; ++n) change("service/a", n);
  const auto story = story_of(*memory, some_incident("i", {"a"}));
  ASSERT_TRUE(story);
  EXPECT_EQ(story->items.size(), 500U);
  EXPECT_TRUE(story->cut);
}

TEST_F(Chronicle, RelatedAreEarlierOnesWithTheSameEntitiesOrCauseTheLikestFirst) {
  alert a;
  a.id = "a";
  keep(some_incident("same", {"a", "b"}, -100 * minute), {a});
  keep(some_incident("half", {"a", "z", "y"}, -50 * minute), {});
  keep(some_incident("none", {"q"}, -60 * minute), {});
  keep(some_incident("later", {"a", "b"}, 60 * minute), {});
  const auto i = some_incident("i", {"a", "b"});
  keep(i, {});
  const auto story = story_of(*memory, i);
  ASSERT_TRUE(story);
  ASSERT_EQ(story->related.size(), 2U);
  EXPECT_EQ(story->related[0].id, "same");
  EXPECT_EQ(story->related[1].id, "half");
  ASSERT_EQ(story->alerts.size(), 1U);
  EXPECT_EQ(story->alerts[0].record.id, "a");
}

TEST_F(Chronicle, AnOutlineCountsWhatFiresAndHasTheNearestLimit) {
  auto i = some_incident("i", {"a", "b", "c"});
  alert a, b;
  a.updated = b.updated = event_time_of(begin);
  a.lead_time_s = 600;
  b.lead_time_s = 300;
  b.acknowledged = true;
  const auto o = outline_of(i, {{"a", &a}, {"b", &b}});
  EXPECT_EQ(o.alerts, 3U);
  EXPECT_EQ(o.firing, 2U);
  EXPECT_EQ(o.acknowledged, 1U);
  EXPECT_EQ(o.limit_at, begin + 300'000);
  EXPECT_FALSE(outline_of(i, {}).limit_at);
}

TEST_F(Chronicle, CountsEpisodesLeadsAndTheNewestVerdictOfEach) {
  quality_ledger ledger{memory->decisions(), memory->feed()};
  transition("a", 0, alert_severity::warning);
  transition("a", 5 * minute, alert_severity::critical);
  transition("a", 6 * minute, alert_severity::critical, alert_state::resolved);
  transition("b", 0, alert_severity::critical);
  transition("c", 0, alert_severity::warning);
  word("alert_feedback", "a", R"({"verdict":"false"})", 0);
  word("alert_feedback", "a", R"({"verdict":"true"})", 0);
  word("alert_feedback", "c", R"({"verdict":"false"})", 0);
  keep(some_incident("i", {"a"}), {});
  cause("i", "db/x", 0);
  cause("a suspicion", "db/x", 0);
  word("incident_feedback", "i", R"({"verdict":"partly"})", 0);
  word("incident_feedback", "i", "nonsense", 0);
  auto q = ledger.read();
  ASSERT_TRUE(q);
  EXPECT_EQ(q->episodes, 3U);
  EXPECT_EQ(q->critical, 2U);
  EXPECT_EQ(q->critical_at_once, 1U);
  EXPECT_EQ(q->lead_s, std::vector<double>{300});
  EXPECT_EQ(q->alert_verdicts, (std::map<std::string, std::uint64_t>{{"false", 1}, {"true", 1}}));
  EXPECT_EQ(q->incident_verdicts, (std::map<std::string, std::uint64_t>{{"partly", 1}}));
  EXPECT_EQ(q->incidents, 1U);
  ASSERT_EQ(q->days.size(), 1U);
  EXPECT_EQ(q->days[0].episodes, 3U);
  EXPECT_EQ(q->days[0].called_false, 1U);
  transition("d", 7 * minute, alert_severity::warning);
  q = ledger.read();
  ASSERT_TRUE(q);
  EXPECT_EQ(q->episodes, 4U);
  EXPECT_EQ(q->until, begin + 7 * minute);
}

/// A feed of which no record can be read while `broken`.
class breaking_feed final : public feed_store {
public:
  explicit breaking_feed(feed_store& whole) : whole_{whole} {}
  outcome<std::vector<feed_record>> append(const feed_append& batch, sync_when when) override {
    return whole_.append(batch, when);
  }
  outcome<page> read(std::uint64_t from, std::size_t limit, std::string_view prefix) override {
    return whole_.read(from, limit, prefix);
  }
  std::uint64_t last() const override { return whole_.last(); }
  std::uint64_t oldest() const override { return whole_.oldest(); }
  outcome<correlator_checkpoint> load_correlator() override { return whole_.load_correlator(); }
  outcome<std::vector<std::pair<std::string, std::string>>> records(std::string_view prefix,
                                                                    std::string_view after,
                                                                    std::size_t limit) override {
    return whole_.records(prefix, after, limit);
  }
  outcome<std::optional<std::string>> record(std::string_view key) override {
    if (broken) return failure{ec::store_unavailable, "the disk is gone"};
    return whole_.record(key);
  }
  outcome<std::uint64_t> record_seq(std::string_view key) override {
    return whole_.record_seq(key);
  }

  bool broken = true;

private:
  feed_store& whole_;
};

TEST_F(Chronicle, VerdictsOnWhatOthersPostedAreNoFiguresOfOurs) {
  quality_ledger ledger{memory->decisions(), memory->feed()};
  alert own, posted;
  own.id = "own";
  posted.id = "posted";
  posted.source = "alertmanager";
  keep(some_incident("i", {"own", "posted"}), {own, posted});
  transition("own", 0, alert_severity::warning);
  for (const char* id : {"own", "posted", "beyond retention"})
    word("alert_feedback", id, R"({"verdict":"false"})", minute);
  const auto q = ledger.read();
  ASSERT_TRUE(q);
  EXPECT_EQ(q->alert_verdicts, (std::map<std::string, std::uint64_t>{{"false", 2}}));
}

TEST_F(Chronicle, AFullLedgerForgetsTheOldestVerdictWhateverItsId) {
  quality_ledger ledger{memory->decisions(), memory->feed(), 2};
  word("alert_feedback", "z", R"({"verdict":"false"})", 0);
  word("alert_feedback", "b", R"({"verdict":"partly"})", 0);
  word("alert_feedback", "a", R"({"verdict":"true"})", 0);
  const auto q = ledger.read();
  ASSERT_TRUE(q);
  EXPECT_EQ(q->alert_verdicts, (std::map<std::string, std::uint64_t>{{"partly", 1}, {"true", 1}}));
}

TEST_F(Chronicle, AFullLedgerCountsEachFurtherIncidentOnce) {
  quality_ledger ledger{memory->decisions(), memory->feed(), 2};
  for (const char* id : {"c", "b", "a"}) {
    keep(some_incident(id, {"a"}), {});
    cause(id, "db/x", 0);
    cause(id, "db/x", minute);
  }
  cause("b", "db/x", 2 * minute);
  const auto q = ledger.read();
  ASSERT_TRUE(q);
  EXPECT_EQ(q->incidents, 3U);
}

TEST_F(Chronicle, AnIncidentThatCannotBeReadNowIsCountedWhenItCan) {
  breaking_feed feed{memory->feed()};
  quality_ledger ledger{memory->decisions(), feed};
  transition("a", 0, alert_severity::warning);
  keep(some_incident("i", {"a"}), {});
  cause("i", "db/x", 0);
  const auto failed = ledger.read();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ec::store_unavailable);
  feed.broken = false;
  const auto q = ledger.read();
  ASSERT_TRUE(q) << q.error().what;
  EXPECT_EQ(q->incidents, 1U);
  EXPECT_EQ(q->episodes, 1U) << "what came before it is counted once";
}

}  // namespace
}  // namespace faultline
