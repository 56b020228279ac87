// SPDX-License-Identifier: Apache-2.0
#include "processing/topology.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>
#include <set>

namespace faultline {
namespace {

using ::testing::ElementsAre;

topology_change edge(std::string from, std::string to, edge_kind kind = edge_kind::calls,
                     std::int64_t at = 1000, std::string source = "event") {
  return {std::move(from), std::move(to), kind, false, std::move(source), event_time_of(at)};
}

topology_change gone(std::string from, std::string to, edge_kind kind = edge_kind::calls) {
  return {std::move(from), std::move(to), kind, true, "event", event_time_of(2000)};
}

std::vector<std::string> told(const std::vector<near_entity>& found) {
  std::vector<std::string> text;
  for (const auto& n : found) text.push_back(n.id + ":" + std::to_string(n.steps));
  return text;
}

dependency_graph chain() {
  dependency_graph g;
  g.observe(edge("a", "b"));
  g.observe(edge("b", "c"));
  g.observe(edge("c", "d"));
  g.observe(edge("b", "h", edge_kind::runs_on));
  return g;
}

TEST(Topology, NeighbourhoodGoesBothWaysInOrderOfStepsAndName) {
  const auto g = chain();
  EXPECT_THAT(told(g.neighbourhood({"b"}, 1, 100)), ElementsAre("b:0", "a:1", "c:1", "h:1"));
  EXPECT_THAT(told(g.neighbourhood({"a"}, 2, 100)), ElementsAre("a:0", "b:1", "c:2", "h:2"));
}

TEST(Topology, NeighbourhoodKeepsStrangersAndStopsAtTheLimit) {
  const auto g = chain();
  EXPECT_THAT(told(g.neighbourhood({"stranger"}, 3, 100)), ElementsAre("stranger:0"));
  EXPECT_THAT(told(g.neighbourhood({"b", "b"}, 3, 2)), ElementsAre("b:0", "a:1"));
}

TEST(Topology, DistanceFollowsDependenciesDownOnly) {
  const auto g = chain();
  EXPECT_EQ(g.distance("a", "d", 10), 3u);
  EXPECT_EQ(g.distance("a", "h", 10), 2u);
  EXPECT_EQ(g.distance("a", "a", 10), 0u);
  EXPECT_FALSE(g.distance("d", "a", 10));
  EXPECT_FALSE(g.distance("a", "d", 2));
  EXPECT_FALSE(g.distance("a", "stranger", 10));
}

TEST(Topology, CyclesEnd) {
  dependency_graph g;
  g.observe(edge("a", "b"));
  g.observe(edge("b", "a"));
  EXPECT_EQ(g.distance("a", "b", 10), 1u);
  EXPECT_EQ(g.distance("b", "a", 10), 1u);
  EXPECT_THAT(told(g.neighbourhood({"a"}, 9, 100)), ElementsAre("a:0", "b:1"));
}

TEST(Topology, RefusesWhatIsNoEdgeAndWhatExceedsTheLimits) {
  dependency_graph g{{3, 2}};
  EXPECT_EQ(g.observe(edge("a", "a")), dependency_graph::change::refused);
  EXPECT_EQ(g.observe(edge("", "a")), dependency_graph::change::refused);
  EXPECT_EQ(g.observe(edge("a", "b")), dependency_graph::change::added);
  EXPECT_EQ(g.observe(edge("c", "d")), dependency_graph::change::refused);
  EXPECT_FALSE(g.knows("c"));
  EXPECT_EQ(g.observe(edge("a", "c")), dependency_graph::change::added);
  EXPECT_EQ(g.observe(edge("b", "c")), dependency_graph::change::refused);
  EXPECT_EQ(g.node_count(), 3u);
  EXPECT_EQ(g.edge_count(), 2u);
  EXPECT_EQ(g.refused(), 4u);
}

TEST(Topology, SightingsRaiseConfidenceOfSpanEdgesAndKeepTheNewestTime) {
  dependency_graph g;
  g.observe(edge("a", "b", edge_kind::calls, 5000, "span"));
  EXPECT_DOUBLE_EQ(g.edges()[0].confidence, 0.5);
  EXPECT_EQ(g.observe(edge("a", "b", edge_kind::calls, 3000, "span")),
            dependency_graph::change::none);
  EXPECT_DOUBLE_EQ(g.edges()[0].confidence, 0.75);
  EXPECT_EQ(unix_ms(g.edges()[0].last_seen), 5000);
  g.observe(edge("a", "b", edge_kind::calls, 6000, "configuration"));
  EXPECT_DOUBLE_EQ(g.edges()[0].confidence, 1.0);
  EXPECT_EQ(g.edges()[0].source, "configuration");
}

TEST(Topology, RemovingAnEdgeForgetsNodesWithoutAny) {
  auto g = chain();
  EXPECT_EQ(g.observe(gone("c", "d")), dependency_graph::change::removed);
  EXPECT_EQ(g.observe(gone("c", "d")), dependency_graph::change::none);
  EXPECT_EQ(g.observe(gone("b", "h")), dependency_graph::change::none);  // it is a runs_on
  EXPECT_FALSE(g.knows("d"));
  EXPECT_THAT(g.nodes(), ElementsAre("a", "b", "c", "h"));
}

TEST(Topology, ForgetsAnEntityWithItsEdges) {
  auto g = chain();
  EXPECT_TRUE(g.forget("b"));
  EXPECT_FALSE(g.forget("b"));
  EXPECT_THAT(g.nodes(), ElementsAre("c", "d"));
  EXPECT_EQ(g.edge_count(), 1u);
  g.observe(edge("x", "y"));
  EXPECT_THAT(g.neighbours("x"), ElementsAre("y"));
}

TEST(Topology, ExpiresSpanEdgesAlone) {
  dependency_graph g;
  g.observe(edge("a", "b", edge_kind::calls, 10, "span"));
  g.observe(edge("a", "c", edge_kind::calls, 10, "event"));
  g.observe(edge("a", "d", edge_kind::calls, 90, "span"));
  EXPECT_EQ(g.expire(event_time_of(50)), 1u);
  EXPECT_THAT(g.neighbours("a"), ElementsAre("c", "d"));
}

TEST(Topology, EdgesAmongSomeAreThoseWithBothEndsThere) {
  const auto g = chain();
  const auto among = g.edges_among({"h", "b", "c", "stranger", "b"});
  ASSERT_EQ(among.size(), 2u);
  EXPECT_EQ(among[0].from + among[0].to, "bc");
  EXPECT_EQ(among[1].kind, edge_kind::runs_on);
}

std::vector<std::string> resolved(const dependency_graph& g, const std::string& caller) {
  std::vector<std::string> text;
  for (const topology_change& t : g.resolved_addresses(caller, event_time_of(1000))) {
    text.push_back(t.from + ">" + t.to + " by " + t.source);
  }
  return text;
}

TEST(Topology, AnAddressStandsForTheOneEntityItNamesAmongWhatItsCallerDependsOn) {
  dependency_graph g;
  for (const char* callee : {"service/search", "service/notify", "remote/lb-searc.eu.example.org",
                             "remote/lb-notif.eu.example.org", "remote/www.example.org"}) {
    g.observe(edge("service/web", callee));
  }
  g.observe(edge("service/other", "remote/lb-searc.eu.example.org"));
  EXPECT_THAT(resolved(g, "service/web"),
              ElementsAre("remote/lb-notif.eu.example.org>service/notify by name",
                          "remote/lb-searc.eu.example.org>service/search by name"));
  EXPECT_THAT(resolved(g, "service/other"), ElementsAre()) << "it does not depend on the entity";
  EXPECT_THAT(resolved(g, "stranger"), ElementsAre());
}

TEST(Topology, AnAddressThatNamesTwoStandsForNeitherAndSharedWordsNameNobody) {
  dependency_graph g;
  for (const char* callee : {"db/orders", "service/orders", "remote/orders.shop.svc.local"}) {
    g.observe(edge("service/web", callee));
  }
  EXPECT_THAT(resolved(g, "service/web"), ElementsAre());
  dependency_graph places;
  for (const char* callee : {"service/servicebus", "service/cart", "remote/service-cart.a.b",
                             "remote/service-geo.a.b"}) {
    places.observe(edge("service/web", callee));
  }
  EXPECT_THAT(resolved(places, "service/web"),
              ElementsAre("remote/service-cart.a.b>service/cart by name"));
}

TEST(Topology, WhatIsKnownByNameGoesWithWhatItRestedOn) {
  dependency_graph g;
  g.observe(edge("web", "remote/cart.shop.svc"));
  g.observe(edge("web", "service/cart"));
  g.observe(edge("remote/cart.shop.svc", "service/cart", edge_kind::calls, 1000, "name"));
  ASSERT_EQ(g.edges()[0].confidence, 0.7);
  dependency_graph said{g};
  said.observe(edge("remote/cart.shop.svc", "service/cart"));
  g.observe(gone("web", "remote/cart.shop.svc"));
  EXPECT_EQ(g.edge_count(), 1u);
  said.observe(gone("web", "remote/cart.shop.svc"));
  EXPECT_EQ(said.edge_count(), 2u) << "an edge that somebody sent rests on itself";
  EXPECT_EQ(said.edges()[0].source, "event");
}

// Whatever comes and goes: a name is there as long as somebody depends on both, and no longer.
TEST(Topology, NamesRestOnWhatIsThereWhateverComesAndGoes) {
  std::mt19937 dice{7};
  const std::vector<std::string> all{
      "service/front",         "service/back",       "host/cart",
      "host/orders",           "cart.prod.svc:8080", "orders.prod.svc:80",
      "host/orders.lab.svc:1", "service/middle"};
  const auto any = [&] { return all[dice() % all.size()]; };
  dependency_graph g;
  int names = 0;
  for (int n = 0; n < 20'000; ++n) {
    const event_time at = event_time_of(n);
    const topology_change t{
        any(), any(), edge_kind::calls, dice() % 3 == 0, dice() % 2 == 0 ? "event" : "span", at};
    if (dice() % 40 == 0) {
      g.forget(any());
    } else if (dice() % 40 == 0) {
      g.expire(event_time_of(n - 20));
    } else if (g.observe(t) == dependency_graph::change::added) {
      for (const auto& same : g.resolved_addresses(t.from, at)) g.observe(same);
    }
    std::set<std::pair<std::string, std::string>> pairs;
    for (const auto& e : g.edges()) pairs.emplace(e.from, e.to);
    for (const auto& e : g.edges()) {
      if (e.source != "name") continue;
      ++names;
      ASSERT_TRUE(std::any_of(
          all.begin(), all.end(),
          [&](const std::string& caller) {
            return pairs.count({caller, e.from}) != 0 && pairs.count({caller, e.to}) != 0;
          }))
          << e.from << " " << e.to << " after " << n;
    }
  }
  EXPECT_GT(names, 1000);
}

// One that goes looks at the names that rested on it, and not at all there are.
TEST(Topology, AMultitudeOfNamesCostsARemovalNothing) {
  dependency_graph g;
  const auto change = [&](const std::string& from, const std::string& to, bool removed) {
    g.observe({from, to, edge_kind::calls, removed, "event", event_time_of(1)});
    if (removed) return;
    for (const auto& same : g.resolved_addresses(from, event_time_of(1))) g.observe(same);
  };
  constexpr int callers = 20'000;
  const auto caller = [](int n) { return "service/c" + std::to_string(n); };
  const auto named = [](int n) {
    std::string word;
    for (int k = 0; k < 5; ++k, n /= 26) word += static_cast<char>('a' + n % 26);
    return "host/" + word;
  };
  for (int n = 0; n < callers; ++n) {
    change(caller(n), named(n), false);
    change(caller(n), named(n) + ".prod.svc:80", false);
  }
  ASSERT_EQ(g.edge_count(), 3U * callers);
  for (int n = 0; n < callers; ++n) change(caller(n), named(n), true);
  EXPECT_EQ(g.edge_count(), 1U * callers);
}

TEST(Topology, SameEdgesInAnyOrderAreTheSameBytes) {
  dependency_graph one, other;
  one.observe(edge("a", "b"));
  one.observe(edge("b", "c"));
  other.observe(edge("x", "y"));
  other.observe(edge("b", "c"));
  other.observe(gone("x", "y"));
  other.observe(edge("a", "b"));
  EXPECT_EQ(one.save(), other.save());
}

TEST(Topology, RestoresWhatItSavedAndNothingFromDamagedBytes) {
  const auto g = chain();
  const std::string bytes = g.save();
  dependency_graph back;
  ASSERT_TRUE(back.restore(bytes));
  EXPECT_EQ(back.save(), bytes);
  EXPECT_EQ(back.distance("a", "d", 9), 3u);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(back.restore(std::string_view{bytes}.substr(0, cut))) << cut;
  }
  EXPECT_FALSE(back.restore(bytes + "x"));
  EXPECT_EQ(back.save(), bytes);
  dependency_graph small{{2, 2}};
  EXPECT_EQ(small.restore(bytes).error().code, ec::too_large);
}

topology_change said(std::string from, std::string to, bool removed, std::string source) {
  return {std::move(from), std::move(to),     edge_kind::calls,
          removed,         std::move(source), event_time_of(3000)};
}

TEST(Topology, WhatAnOperatorTookAwayStaysAwayWhateverIsSeenUntilHeTakesItBack) {
  using change = dependency_graph::change;
  dependency_graph g;
  g.observe(edge("a", "b"));
  EXPECT_EQ(g.observe(said("a", "b", true, "operator")), change::removed);
  EXPECT_EQ(g.observe(edge("a", "b", edge_kind::calls, 4000, "span")), change::none);
  EXPECT_EQ(g.observe(said("a", "b", false, "configuration")), change::none);
  EXPECT_EQ(g.edge_count(), 0u);
  EXPECT_THAT(g.taken_away(), ElementsAre(configured_edge{"a", "b", edge_kind::calls}));
  dependency_graph again;
  ASSERT_TRUE(again.restore(g.save()));
  EXPECT_EQ(again.save(), g.save());
  EXPECT_EQ(again.observe(edge("a", "b")), change::none);
  EXPECT_EQ(again.reset("a", "b", edge_kind::calls), change::none);
  EXPECT_EQ(again.observe(edge("a", "b")), change::added);
}

TEST(Topology, AnEdgeSetByHandKeepsItsProvenanceAndIsNotTakenAwayByWhatIsSeen) {
  using change = dependency_graph::change;
  for (const char* source : {"operator", "configuration"}) {
    dependency_graph g;
    g.observe(said("a", "b", false, source));
    g.observe(edge("a", "b", edge_kind::calls, 9000, "span"));
    g.observe(edge("a", "b"));
    EXPECT_EQ(g.observe(gone("a", "b")), change::none);
    ASSERT_EQ(g.edge_count(), 1u);
    EXPECT_EQ(g.edges()[0].source, source);
    EXPECT_EQ(unix_ms(g.edges()[0].last_seen), 9000);
    EXPECT_EQ(g.expire(event_time_of(99'999)), 0u);
  }
}

TEST(Topology, TakingBackAnOperatorsWordDropsOnlyWhatHeAloneKnew) {
  using change = dependency_graph::change;
  dependency_graph g;
  g.observe(said("a", "b", false, "operator"));
  EXPECT_EQ(g.reset("a", "b", edge_kind::calls), change::removed);
  g.observe(edge("a", "b"));
  EXPECT_EQ(g.reset("a", "b", edge_kind::calls), change::none);
  EXPECT_EQ(g.reset("x", "y", edge_kind::calls), change::none);
  EXPECT_EQ(g.edge_count(), 1u);
}

TEST(Topology, ConfiguredEdgesComeAndGoWithTheConfigurationAndNothingElseDoes) {
  dependency_graph g;
  g.observe(edge("x", "y"));
  const auto follow = [&](const std::vector<configured_edge>& edges) {
    for (const auto& t : g.configured(edges, event_time_of(1))) g.observe(t);
    return g.edge_count();
  };
  EXPECT_EQ(follow({{"a", "b", edge_kind::calls}, {"a", "h", edge_kind::runs_on}}), 3u);
  EXPECT_EQ(follow({{"a", "h", edge_kind::runs_on}, {"c", "d", edge_kind::calls}}), 3u);
  EXPECT_EQ(g.edges()[0].kind, edge_kind::runs_on);
  EXPECT_TRUE(
      g.configured({{"a", "h", edge_kind::runs_on}, {"c", "d", edge_kind::calls}}, {}).empty());
  EXPECT_EQ(follow({}), 1u);
}

}  // namespace
}  // namespace faultline
