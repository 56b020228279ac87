// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "judgement/rules.hpp"
#include "tests/judgement/correlator_fold.hpp"

namespace faultline {
namespace {

using ::testing::ElementsAre;

correlator_output edge_word(fold& f, const std::string& from, const std::string& to,
                            const std::string& action) {
  return f.command("edge", from,
                   R"({"from":")" + from + R"(","to":")" + to + R"(","action":")" + action +
                       R"(","by":"ann","comment":"seen it"})");
}

TEST(OperatorWords, AnEdgeThatIsSetJoinsAlertsAndIsTold) {
  fold f;
  const auto out = edge_word(f, "a", "b", "add");
  ASSERT_EQ(out.feed.size(), 1u);
  EXPECT_EQ(out.feed[0].notice.what, "edge");
  EXPECT_EQ(out.feed[0].notice.subject, "a -> b");
  EXPECT_EQ(out.feed[0].notice.text, "set by ann: seen it");
  ASSERT_EQ(f.core.edges().size(), 1u);
  EXPECT_EQ(f.core.edges()[0].source, "operator");
  f.fire("a", noon);
  f.fire("b", noon);
  EXPECT_EQ(f.core.open().size(), 1u);
}

TEST(OperatorWords, AnEdgeThatIsTakenAwayNoLongerConnectsAndStaysAway) {
  fold f;
  f.edge("a", "b");
  edge_word(f, "a", "b", "remove");
  f.edge("a", "b");
  EXPECT_TRUE(f.core.edges().empty());
  EXPECT_EQ(f.core.taken_away().size(), 1u);
  f.fire("a", noon);
  f.fire("b", noon);
  EXPECT_EQ(f.core.open().size(), 2u);
  correlator_core again{{}};
  ASSERT_TRUE(again.restore(f.core.save()));
  EXPECT_EQ(again.taken_away().size(), 1u);
  edge_word(f, "a", "b", "reset");
  f.edge("a", "b");
  EXPECT_EQ(f.core.edges().size(), 1u);
}

TEST(OperatorWords, WhatCannotBeReadChangesNothing) {
  fold f;
  EXPECT_TRUE(f.command("edge", "a", "no JSON").feed.empty());
  f.command("edge", "a", R"({"from":"a","to":7,"action":"add"})");
  EXPECT_TRUE(f.core.edges().empty());
}

TEST(OperatorWords, EdgesOfTheConfigurationComeWithTheRulesAndGoWithThem) {
  fold f;
  f.edge("x", "y");
  rules_record r;
  r.correlation.edges = {{"a", "h", edge_kind::runs_on}};
  f.command("configuration", "", encode_rules(r));
  ASSERT_EQ(f.core.edges().size(), 2u);
  EXPECT_EQ(f.core.edges()[0].source, "configuration");
  EXPECT_EQ(f.core.edges()[0].kind, edge_kind::runs_on);
  r.correlation.edges.clear();
  f.command("configuration", "", encode_rules(r));
  ASSERT_EQ(f.core.edges().size(), 1u);
  EXPECT_EQ(f.core.edges()[0].from, "x");
}

TEST(OperatorWords, TheyAreDrawnAlsoWhenTheRulesHaveNothingElseNew) {
  correlation_options o;
  o.edges = {{"a", "b", edge_kind::calls}};
  fold f{o};  // as at the first start: the core begins with the options that the rules then name
  rules_record r;
  r.correlation = o;
  f.command("configuration", "", encode_rules(r));
  EXPECT_EQ(f.core.edges().size(), 1u);
}

/// Titles of the remedies of the first cause, with how often they helped.
std::vector<std::string> remedies(fold& f, const std::string& incident) {
  decision d;
  d.kind = decision_kind::root_cause;
  d.root_cause.incident = incident;
  d.root_cause.abstained = false;
  ranked_cause& c = d.root_cause.causes.emplace_back();
  c.entity = "a";
  c.probability = 0.9;
  for (const char* title : {"restart", "scale", "roll back"}) {
    c.remediation.emplace_back().title = title;
  }
  std::vector<std::string> told;
  const auto records = incidents_in(f.apply(d));
  for (const auto& r : records.at(0).causes.at(0).remediation)
    told.push_back(r.title + " " + std::to_string(r.worked) + "/" + std::to_string(r.tried));
  return told;
}

correlator_output remedy(fold& f, const std::string& incident, const char* title, bool worked) {
  return f.command("incident_feedback", incident,
                   std::string{R"({"verdict":"right","remediation":")"} + title + R"(","worked":)" +
                       (worked ? "true}" : "false}"));
}

TEST(OperatorWords, RemediesThatHelpedComeFirstAndThoseThatDidNotLast) {
  fold f;
  const std::string id = f.fire("a", noon).requests.at(0).incident;
  EXPECT_THAT(remedies(f, id), ElementsAre("restart 0/0", "scale 0/0", "roll back 0/0"));
  remedy(f, "i1", "restart", false);
  remedy(f, "i1", "roll back", true);
  remedy(f, "i2", "roll back", true);
  EXPECT_THAT(remedies(f, id), ElementsAre("roll back 2/2", "scale 0/0", "restart 0/1"));
  correlator_core again{{}};
  ASSERT_TRUE(again.restore(f.core.save()));
  EXPECT_EQ(again.save(), f.core.save());
}

TEST(OperatorWords, AnIncidentHasOneWordOnARemedyTheNewest) {
  fold f;
  const std::string id = f.fire("a", noon).requests.at(0).incident;
  remedy(f, "i1", "scale", true);
  remedy(f, "i1", "scale", true);
  remedy(f, "i1", "scale", false);
  EXPECT_THAT(remedies(f, id), ElementsAre("restart 0/0", "roll back 0/0", "scale 0/1"));
  f.command("incident_feedback", "i3", R"({"verdict":"right","remediation":"restart"})");
  f.command("incident_feedback", "i3", R"({"verdict":"right"})");
  EXPECT_THAT(remedies(f, id), ElementsAre("restart 0/0", "roll back 0/0", "scale 0/1"))
      << "who does not say whether it helped says nothing";
}

}  // namespace
}  // namespace faultline
