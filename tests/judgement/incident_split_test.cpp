// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/judgement/correlator_fold.hpp"

namespace faultline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// a, b and c hang together. a alerts at noon and its cause is found there; b alerts eight minutes
/// later.
struct IncidentSplit : ::testing::Test {
  static constexpr std::int64_t later = noon + 8 * minute;

  IncidentSplit() {
    f.edge("c", "a");
    f.edge("c", "b");
    const auto first = f.fire("a", noon);
    id = first.requests.at(0).incident;
    f.answer(id, "a", 0.9, first.requests[0].as_of);
    f.clock(noon + 6 * minute);
    f.answer(id, "a", 0.9, event_time_of(noon + 6 * minute));
    second = f.fire("b", later);
  }

  correlator_output answer(const std::string& cause, double probability) {
    return f.answer(id, cause, probability, second.requests.at(0).as_of);
  }

  fold f;
  std::string id;
  correlator_output second;
};

TEST_F(IncidentSplit, WhatBeginsLongAfterTheRestIsAskedForByItself) {
  ASSERT_EQ(second.requests.size(), 1u);
  EXPECT_EQ(unix_ms(second.requests[0].onset), later);
  ASSERT_EQ(second.requests[0].alerts.size(), 1u);
  EXPECT_EQ(second.requests[0].alerts[0].entity, "b");
}

// Others post what has begun since anything was heard of.
TEST_F(IncidentSplit, NothingIsAskedForAsOfBeforeItsOnset) {
  fold g;
  g.edge("c", "a");
  g.edge("c", "b");
  const auto first = g.fire("a", noon);
  g.answer(first.requests.at(0).incident, "a", 0.9, first.requests[0].as_of);
  std::vector<posted_alert> both;
  for (const auto& [entity, at] : {std::pair{"b", noon + minute}, std::pair{"c", later}}) {
    posted_alert p;
    p.labels = {{"alertname", "Slow"}, {"service", entity}};
    p.entity = entity;
    p.starts = event_time_of(at);
    p.ends = event_time_of(later + 60 * minute);
    both.push_back(p);
  }
  const auto out = g.command("posted_alerts", "", posted_json(both), later);
  ASSERT_EQ(out.requests.size(), 1u);
  EXPECT_EQ(unix_ms(out.requests[0].onset), later);
  EXPECT_GE(out.requests[0].as_of, out.requests[0].onset);
  correlator_core again{{}};
  ASSERT_TRUE(again.restore(g.core.save()));
  EXPECT_EQ(again.outstanding().at(0).as_of, out.requests[0].as_of);
}

TEST_F(IncidentSplit, WhatFollowsSoonIsAskedForWithTheRest) {
  fold g;
  g.edge("c", "a");
  const auto first = g.fire("a", noon);
  g.answer(first.requests.at(0).incident, "a", 0.9, first.requests[0].as_of);
  const auto out = g.fire("c", noon + 5 * minute);
  ASSERT_EQ(out.requests.size(), 1u);
  EXPECT_EQ(unix_ms(out.requests[0].onset), noon);
  EXPECT_EQ(out.requests[0].alerts.size(), 2u);
}

TEST_F(IncidentSplit, AnotherCauseMakesItAnIncidentOfItsOwnWithATrace) {
  const auto told = answer("b", 0.8);
  const auto records = incidents_in(told);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].id, id);
  EXPECT_THAT(records[0].entities, ElementsAre("a"));
  EXPECT_EQ(records[0].causes.at(0).entity, "a");
  EXPECT_NE(records[1].id, id);
  EXPECT_EQ(records[1].transition, 1u);
  EXPECT_THAT(records[1].entities, ElementsAre("b"));
  EXPECT_EQ(unix_ms(records[1].started), later);
  EXPECT_EQ(records[1].causes.at(0).entity, "b");
  EXPECT_THAT(records[1].summary, HasSubstr("(split from " + id + ")"));
  const notice& n = told.feed.back().notice;
  EXPECT_EQ(n.what, "split");
  EXPECT_EQ(n.subject, records[1].id);
  EXPECT_EQ(n.text, "split from " + id + ": b explains what began at 12:08, a does not");
}

TEST_F(IncidentSplit, NewcomersBelongToWhatWasSplitOffAndTheTwoStayApart) {
  const std::string fresh = incidents_in(answer("b", 0.8)).at(1).id;
  f.fire("c", later + minute);
  f.edge("a", "b");
  const auto open = f.core.open();
  ASSERT_EQ(open.size(), 2u);
  for (const incident& i : open) {
    EXPECT_EQ(i.alerts.size(), i.id == fresh ? 2u : 1u) << i.summary;
  }
}

TEST_F(IncidentSplit, EachResolvesWithItsOwnAlerts) {
  const std::string fresh = incidents_in(answer("b", 0.8)).at(1).id;
  f.end("a", noon, later + 2 * minute);
  const auto told = incidents_in(f.clock(later + 5 * minute));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].id, id);
  EXPECT_EQ(told[0].state, incident_state::resolved);
  f.end("b", later, later + 6 * minute);
  f.clock(later + 9 * minute);
  EXPECT_TRUE(f.core.open().empty());
}

TEST_F(IncidentSplit, TheSameCauseKeepsItTogether) {
  answer("a", 0.8);
  ASSERT_EQ(f.core.open().size(), 1u);
  EXPECT_THAT(f.core.open()[0].entities, ElementsAre("a", "b"));
}

TEST_F(IncidentSplit, TheSameCauseIsOfTheKindThatWasSeenFromTheBeginning) {
  decision d;
  d.kind = decision_kind::root_cause;
  d.root_cause.incident = id;
  d.root_cause.as_of = second.requests.at(0).as_of;
  ranked_cause c;
  c.entity = "a";
  c.probability = 0.8;
  c.metric = "errors";
  c.fault_class = "error_burst";
  d.root_cause.causes = {c};
  d.root_cause.abstained = false;
  f.apply(d);
  EXPECT_EQ(f.core.open().at(0).causes.at(0).fault_class, "memory_leak");
}

TEST_F(IncidentSplit, ACauseThatIsNotLikelyEnoughKeepsItTogether) {
  answer("b", 0.45);
  ASSERT_EQ(f.core.open().size(), 1u);
  EXPECT_EQ(f.core.open()[0].causes.at(0).entity, "a") << "and what was found stands";
}

TEST_F(IncidentSplit, ACauseThatStillExplainsPartOfItKeepsItTogether) {
  decision d;
  d.kind = decision_kind::root_cause;
  d.root_cause.incident = id;
  d.root_cause.as_of = second.requests.at(0).as_of;
  d.root_cause.causes.resize(2);
  d.root_cause.causes[0].entity = "b";
  d.root_cause.causes[0].probability = 0.7;
  d.root_cause.causes[1].entity = "a";
  d.root_cause.causes[1].probability = 0.2;
  d.root_cause.abstained = false;
  f.apply(d);
  EXPECT_EQ(f.core.open().size(), 1u);
}

TEST_F(IncidentSplit, WhatSaysNothingAloneIsAskedForWithTheRest) {
  const auto out = answer("b", 0.2);
  ASSERT_EQ(f.core.open().size(), 1u);
  ASSERT_EQ(out.requests.size(), 1u);
  EXPECT_EQ(unix_ms(out.requests[0].onset), noon);
  EXPECT_EQ(out.requests[0].alerts.size(), 2u);
}

TEST_F(IncidentSplit, RestoredBeforeAndAfterItGoesOnAlike) {
  for (const bool after : {false, true}) {
    if (after) answer("b", 0.8);
    correlator_core again{{}};
    ASSERT_TRUE(again.restore(f.core.save()));
    EXPECT_EQ(again.save(), f.core.save());
    EXPECT_EQ(again.outstanding().size(), f.core.outstanding().size());
    for (const auto& r : again.outstanding()) EXPECT_EQ(unix_ms(r.onset), later);
  }
}

}  // namespace
}  // namespace faultline
