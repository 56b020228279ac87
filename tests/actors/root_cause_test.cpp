// SPDX-License-Identifier: Apache-2.0
#include "actors/root_cause.hpp"

#include <gtest/gtest.h>

#include <caf/event_based_actor.hpp>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "actors/caf_bridge.hpp"
#include "actors/keeper.hpp"
#include "actors/librarian.hpp"
#include "storage/memory_store.hpp"
#include "tests/support/actor_fixture.hpp"

namespace faultline {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t noon = 1'750'000'000'000;

/// Whose windows there are, up to when, and who never answers.
struct neighbourhood {
  std::map<std::string, std::int64_t> watermarks;
  std::set<std::string> mute;
  bool starting = false;  ///< the partition does not know yet whom it knows
  std::map<std::string, int> asked;
};

/// Stands for every partition: knows of windows, and of nothing else.
caf::behavior answering(caf::event_based_actor* self, std::shared_ptr<neighbourhood> n) {
  return {[self, n](const window_question& q) -> caf::result<window_answer> {
    ++n->asked[q.entity];
    if (n->starting) return to_caf_error({ec::overloaded, "a partition is starting"});
    if (n->mute.count(q.entity) != 0) return self->make_response_promise<window_answer>();
    window_answer a;
    const auto known = n->watermarks.find(q.entity);
    a.known = known != n->watermarks.end();
    if (a.known) a.tail.watermark = event_time_of(known->second);
    a.tail.entity = q.entity;
    return a;
  }};
}

struct RootCause : actor_fixture {
  RootCause() {
    memory = open_memory_store(1);
    keeper_hooks hooks;
    hooks.decided = [](std::uint64_t) {};
    hooks.now = [] { return arrival_time_of(noon); };
    directory.set(0, caf::actor_cast<partition_actor>(spawn(answering, around)));
    auto worker = spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const cause_question& q) {
        questions.push_back(q.question);
        cause_found found;
        found.result.incident = q.question->incident;
        found.result.as_of = q.question->as_of;
        for (const auto& node : q.question->nodes)
          if (node.incomplete) found.result.incomplete.push_back(node.entity);
        return found;
      }};
    });
    rca_peers peers;
    peers.librarian = spawn(librarian, memory.get());
    peers.keeper = spawn(keeper, memory.get(), hooks);
    peers.worker = caf::actor_cast<rca_worker_actor>(worker);
    peers.directory = &directory;
    under_test = spawn(root_cause, root_cause_options{}, role_table{}, peers);
  }
  void find(const std::string& incident, std::vector<std::string> candidates) {
    rca_request r;
    r.incident = incident;
    r.as_of = event_time_of(noon);
    r.candidates = std::move(candidates);
    caf::anon_send(under_test, find_cause{std::move(r)});
    run();
  }
  std::vector<root_cause_result> recorded() const {
    std::vector<root_cause_result> all;
    const auto decisions = memory->decisions().read(1, 100);
    for (const auto& d : *decisions) all.push_back(d.root_cause);
    return all;
  }
  /// Lets the deadlines pass, one after the other.
  void wait() {
    for (int i = 0; i < 100 && recorded().empty(); ++i) advance(100ms);
  }

  std::unique_ptr<store> memory;
  partition_directory directory{1};
  std::shared_ptr<neighbourhood> around = std::make_shared<neighbourhood>();
  std::vector<std::shared_ptr<const rca_question>> questions;
  rca_actor under_test;
};

TEST_F(RootCause, AsksNobodyTwiceWhoseWatermarkHasPassed) {
  around->watermarks = {{"a", noon}, {"b", noon + 1}};
  find("i", {"a", "b"});
  ASSERT_EQ(recorded().size(), 1U);
  EXPECT_TRUE(recorded()[0].incomplete.empty());
  EXPECT_EQ(around->asked["a"], 1);
}

TEST_F(RootCause, ANeighbourThatNeverAnswersIsMarkedIncompleteAfterTheDeadline) {
  around->watermarks = {{"a", noon}};
  around->mute = {"b"};
  find("i", {"a", "b"});
  advance(1500ms);
  EXPECT_TRUE(recorded().empty()) << "the deadline is two seconds";
  wait();
  ASSERT_EQ(recorded().size(), 1U);
  EXPECT_EQ(recorded()[0].incomplete, std::vector<std::string>{"b"});
}

TEST_F(RootCause, ANeighbourBehindIsAskedAgainAndMarkedIncompleteAfterTheDeadline) {
  around->watermarks = {{"late", noon - 1}};
  find("i", {"late"});
  wait();
  ASSERT_EQ(recorded().size(), 1U);
  EXPECT_EQ(recorded()[0].incomplete, std::vector<std::string>{"late"});
  EXPECT_GE(around->asked["late"], 20);
}

TEST_F(RootCause, ANeighbourThatCatchesUpInTimeIsWhole) {
  around->watermarks = {{"late", noon - 1}};
  find("i", {"late"});
  advance(100ms);
  around->watermarks["late"] = noon;
  advance(100ms);
  ASSERT_EQ(recorded().size(), 1U);
  EXPECT_TRUE(recorded()[0].incomplete.empty());
}

TEST_F(RootCause, WhoIsOnlyInTheGraphHasNothingToWaitFor) {
  find("i", {"nobody"});
  ASSERT_EQ(recorded().size(), 1U);
  EXPECT_TRUE(recorded()[0].incomplete.empty());
}

TEST_F(RootCause, APartitionWithoutAnOwnerIsIncompleteAtOnce) {
  directory.set(0, partition_actor{});
  find("i", {"a"});
  ASSERT_EQ(recorded().size(), 1U);
  EXPECT_EQ(recorded()[0].incomplete, std::vector<std::string>{"a"});
}

TEST_F(RootCause, OfAPartitionThatStartsItIsAskedAgainUntilItKnowsWhomItKnows) {
  around->starting = true;
  around->watermarks = {{"a", noon}};
  find("i", {"a"});
  EXPECT_TRUE(recorded().empty());
  around->starting = false;
  advance(100ms);
  ASSERT_EQ(recorded().size(), 1U);
  EXPECT_TRUE(recorded()[0].incomplete.empty());
}

TEST_F(RootCause, APartitionThatDoesNotStartInTimeIsIncomplete) {
  around->starting = true;
  find("i", {"a"});
  wait();
  ASSERT_EQ(recorded().size(), 1U);
  EXPECT_EQ(recorded()[0].incomplete, std::vector<std::string>{"a"});
}

TEST_F(RootCause, TheNewestQuestionOfAnIncidentTakesThePlaceOfTheOneThatWaits) {
  around->mute = {"m1", "m2", "m3", "m4"};
  for (const char* busy : {"m1", "m2", "m3", "m4"}) find(std::string{"of "} + busy, {busy});
  find("i", {"first"});
  find("i", {"second"});
  wait();
  for (int i = 0; i < 30; ++i) advance(100ms);
  std::size_t of_i = 0;
  for (const auto& q : questions) {
    if (q->incident != "i") continue;
    ++of_i;
    EXPECT_EQ(q->nodes.at(0).entity, "second");
  }
  EXPECT_EQ(of_i, 1U);
}

}  // namespace
}  // namespace faultline
