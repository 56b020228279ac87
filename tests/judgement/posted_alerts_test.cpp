// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/judgement/correlator_fold.hpp"

namespace faultline {
namespace {

// Complaint: pair-doubles
TEST(PostedAlerts, FireOnceHoweverOftenTheyArePosted) {
  fold f;
  const auto out = alerts_in(f.post("Slow", "cart", noon, noon + 4 * minute));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].source, "alertmanager");
  EXPECT_EQ(out[0].severity, alert_severity::critical);
  EXPECT_EQ(out[0].explanation, "Slow of cart");
  EXPECT_EQ(out[0].labels.at("alertname"), "Slow");
  EXPECT_TRUE(alerts_in(f.post("Slow", "cart", noon, noon + 5 * minute)).empty());
  EXPECT_EQ(alerts_in(f.post("Slow", "pay", noon, noon + 5 * minute)).size(), 1u)
      << "other labels, another alert";
}

TEST(PostedAlerts, EndWhenNobodyPostsThemAnyMore) {
  fold f;
  f.post("Slow", "cart", noon, noon + 4 * minute);
  f.post("Slow", "cart", noon, noon + 5 * minute);
  EXPECT_TRUE(alerts_in(f.clock(noon + 4 * minute)).empty());
  EXPECT_TRUE(f.core.wants_clock(event_time_of(noon + 5 * minute)));
  const auto out = alerts_in(f.clock(noon + 5 * minute));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].state, alert_state::resolved);
  EXPECT_EQ(out[0].transition, 2u);
  EXPECT_EQ(out[0].ended, event_time_of(noon + 5 * minute));
  EXPECT_FALSE(f.core.wants_clock(event_time_of(noon + 50 * minute)) && f.core.open().empty());
}

TEST(PostedAlerts, SayWhatWasPostedLastAndNobodyIsToldOfThatAlone) {
  fold f;
  f.post("Slow", "cart", noon, noon + 4 * minute);
  posted_alert p;
  p.labels = {{"alertname", "Slow"}, {"severity", "critical"}, {"service", "cart"}};
  p.entity = "cart";
  p.starts = event_time_of(noon);
  p.ends = event_time_of(noon + 8 * minute);
  p.annotations = {{"summary", "slower still"}};
  p.generator = "http://there/2";
  const auto out = f.command("posted_alerts", "", posted_json({p}));
  EXPECT_TRUE(out.feed.empty());
  const auto firing = f.core.firing();
  ASSERT_EQ(firing.size(), 1u);
  EXPECT_EQ(firing[0].explanation, "slower still");
  EXPECT_EQ(firing[0].annotations.at("summary"), "slower still");
  EXPECT_EQ(firing[0].generator, "http://there/2");
}

// The clock of the decisions rests where nothing fires.
TEST(PostedAlerts, AreAskedAboutAsOfWhenTheyBegan) {
  fold f;
  decision d;
  d.kind = decision_kind::change;
  d.change = {"cart", change_kind::deploy, "2.1", event_time_of(noon - minute)};
  f.apply(d);
  const auto out = f.post("Slow", "cart", noon, noon + 4 * minute);
  ASSERT_EQ(out.requests.size(), 1u);
  EXPECT_EQ(out.requests[0].as_of, event_time_of(noon));
  ASSERT_EQ(out.requests[0].changes.size(), 1u);
}

TEST(PostedAlerts, GoOnByAShortRecordToo) {
  fold f;
  f.post("Slow", "cart", noon, noon + 4 * minute);
  const std::string print =
      label_fingerprint({{"alertname", "Slow"}, {"severity", "critical"}, {"service", "cart"}});
  f.command(
      "posted_again", "",
      posted_again_json({{print, event_time_of(noon + 6 * minute)}, {"00", event_time_of(noon)}}));
  EXPECT_TRUE(alerts_in(f.clock(noon + 5 * minute)).empty());
  EXPECT_EQ(alerts_in(f.clock(noon + 6 * minute)).size(), 1u);
  f.command("posted_again", "", posted_again_json({{print, event_time_of(noon + 9 * minute)}}));
  EXPECT_TRUE(f.core.firing().empty()) << "what has ended does not go on";
  EXPECT_TRUE(f.command("posted_again", "", "[7]").feed.empty());
}

TEST(PostedAlerts, EndAsTheyArePostedAndBeginAgainAsAnotherEpisode) {
  fold f;
  const auto first = alerts_in(f.post("Slow", "cart", noon, noon + 4 * minute));
  const auto end = f.post("Slow", "cart", noon, noon + minute, "critical", noon + 2 * minute);
  EXPECT_EQ(alerts_in(end).at(0).state, alert_state::resolved);
  EXPECT_EQ(alerts_in(end)[0].ended, event_time_of(noon + minute));
  EXPECT_TRUE(
      alerts_in(f.post("Slow", "cart", noon, noon + minute, "critical", noon + 2 * minute)).empty())
      << "an end of what does not fire is nothing";
  const auto again = alerts_in(f.post("Slow", "cart", noon + 3 * minute, noon + 9 * minute));
  ASSERT_EQ(again.size(), 1u);
  EXPECT_NE(again[0].id, first.at(0).id);
}

TEST(PostedAlerts, JoinTheIncidentOfTheirEntityAndOpenOneAlone) {
  fold f;
  f.edge("front", "cart");
  f.fire("cart", noon);
  f.post("Slow", "front", noon + minute, noon + 9 * minute);
  ASSERT_EQ(f.core.open().size(), 1u);
  EXPECT_EQ(f.core.open()[0].alerts.size(), 2u);
  f.post("Slow", "elsewhere", noon + minute, noon + 9 * minute);
  EXPECT_EQ(f.core.open().size(), 2u);
}

TEST(PostedAlerts, OpenAnIncidentThatIsToldNoEarlierThanItBegan) {
  fold f;
  f.clock(noon - 20 * minute);
  const auto out = f.post("Slow", "cart", noon, noon + 9 * minute);
  ASSERT_EQ(f.core.open().size(), 1u);
  EXPECT_EQ(f.core.open()[0].started, event_time_of(noon));
  EXPECT_GE(f.core.open()[0].updated, f.core.open()[0].started);
}

posted_alert about(const std::string& entity, std::int64_t starts, std::int64_t ends) {
  posted_alert p;
  p.labels = {{"alertname", "Down"}, {"severity", "critical"}, {"service", entity}};
  p.starts = event_time_of(starts);
  p.ends = event_time_of(ends);
  p.entity = entity;
  return p;
}

TEST(PostedAlerts, OfUnconnectedEntitiesInOnePostAreAnIncidentEach) {
  fold f;
  const auto out = f.command(
      "posted_alerts", "",
      posted_json({about("a", noon, noon + 9 * minute), about("b", noon, noon + 9 * minute),
                   about("c", noon, noon + 9 * minute)}),
      noon);
  const auto open = f.core.open();
  ASSERT_EQ(open.size(), 3u);
  for (const auto& i : open) {
    EXPECT_EQ(i.alerts.size(), 1u);
    EXPECT_EQ(i.transition, 1u);
  }
  EXPECT_EQ(std::count_if(out.feed.begin(), out.feed.end(),
                          [](const feed_event& e) { return e.what == feed_event::kind::incident; }),
            3);
  f.fire("d", noon);
  EXPECT_EQ(f.core.open().size(), 4u) << "the next decision takes none of their places";
  correlator_core back{correlation_options{}};
  ASSERT_TRUE(back.restore(f.core.save()));
  EXPECT_EQ(back.save(), f.core.save());
}

TEST(PostedAlerts, ThatOpenAnIncidentBehindTwoThatMergedInTheirPostStayApartFromThese) {
  correlation_options options;
  options.hops = 1;
  fold f{options};
  f.edge("a", "m");
  f.edge("m", "z");
  const auto ends = noon + 9 * minute;
  f.command("posted_alerts", "",
            posted_json({about("z", noon, ends), about("a", noon, ends), about("m", noon, ends),
                         about("q", noon, ends)}),
            noon);
  const auto open = f.core.open();
  ASSERT_EQ(open.size(), 2u);
  EXPECT_THAT(open[0].entities, ::testing::UnorderedElementsAre("a", "m", "z"));
  EXPECT_THAT(open[1].entities, ::testing::ElementsAre("q"));
}

TEST(PostedAlerts, AboutARetiredEntityFireAgainWhenTheyAreStillPosted) {
  fold f;
  f.post("Slow", "cart", noon, noon + 9 * minute);
  f.command("retire", "cart", "", noon + minute);
  EXPECT_TRUE(f.core.firing().empty());
  EXPECT_EQ(alerts_in(f.post("Slow", "cart", noon, noon + 12 * minute)).size(), 1u);
}

// The clock of the decisions rests where nothing else fires.
TEST(PostedAlerts, AboutARetiredEntityEndNoEarlierThanTheyBegan) {
  fold f;
  f.clock(noon - 60 * minute);
  f.post("Slow", "cart", noon, noon + 9 * minute);
  const auto out = alerts_in(f.command("retire", "cart", "", noon + minute));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].ended, event_time_of(noon));
}

TEST(PostedAlerts, WhoseIncidentsMergeEndTheYoungerNoEarlierThanItBegan) {
  correlation_options options;
  options.hops = 1;
  fold f{options};
  f.edge("a", "m");
  f.edge("m", "z");
  f.clock(noon - 60 * minute);
  f.post("Slow", "z", noon, noon + 9 * minute);
  f.post("Slow", "a", noon, noon + 9 * minute);
  const auto told = incidents_in(f.post("Slow", "m", noon, noon + 9 * minute));
  ASSERT_FALSE(told.empty());
  ASSERT_EQ(told[0].state, incident_state::resolved);
  EXPECT_EQ(told[0].ended, event_time_of(noon));
}

TEST(PostedAlerts, OfAClockThatIsAheadBeginNow) {
  fold f;
  const auto out =
      alerts_in(f.post("Slow", "cart", noon + 60 * minute, noon + 90 * minute, "critical", noon));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].started, event_time_of(noon));
}

TEST(PostedAlerts, AreExplainedByWholeCharacters) {
  fold f;
  posted_alert p = about("a", noon, noon + minute);
  p.annotations["summary"] = "x";
  for (int i = 0; i < 600; ++i) p.annotations["summary"] += "\u00e9";
  const auto out = alerts_in(f.command("posted_alerts", "", posted_json({p}), noon));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].explanation.size(), 1023u) << "1,024 would end in half of one";
}

TEST(PostedAlerts, ThatOnlyInformOpenNothing) {
  fold f;
  f.post("Watchdog", "always", noon, noon + 9 * minute, "none");
  EXPECT_EQ(f.core.firing().size(), 1u);
  EXPECT_TRUE(f.core.open().empty());
}

TEST(PostedAlerts, AreSilencedByTheirLabelsAndByTheirEntity) {
  fold f;
  f.silence("s1", {{"alertname", "Slow"}}, noon, noon + 9 * minute);
  f.silence("s2", {{"entity", "cart"}}, noon, noon + 9 * minute);
  const auto out = alerts_in(f.post("Slow", "cart", noon, noon + 9 * minute));
  EXPECT_EQ(out.at(0).silences.size(), 2u);
  EXPECT_EQ(out[0].labels.count("entity"), 0u) << "the labels are the identity: none is added";
}

TEST(PostedAlerts, GoOnAfterARestart) {
  fold f;
  f.post("Slow", "cart", noon, noon + 4 * minute);
  correlator_core again{{}};
  ASSERT_TRUE(again.restore(f.core.save()));
  EXPECT_EQ(again.save(), f.core.save());
  f.core = std::move(again);
  EXPECT_TRUE(alerts_in(f.post("Slow", "cart", noon, noon + 5 * minute)).empty());
  EXPECT_EQ(alerts_in(f.clock(noon + 5 * minute)).size(), 1u);
}

TEST(PostedAlerts, ThatCannotBeReadChangeNothing) {
  fold f;
  EXPECT_TRUE(f.command("posted_alerts", "", "[{}]").feed.empty());
  EXPECT_TRUE(f.command("posted_alerts", "", "no JSON").feed.empty());
}

}  // namespace
}  // namespace faultline
