// SPDX-License-Identifier: Apache-2.0
#include "actors/feed_door.hpp"

#include <nlohmann/json.hpp>

#include <caf/event_based_actor.hpp>

#include <chrono>
#include <optional>
#include <string>

#include "actors/caf_bridge.hpp"
#include "actors/keeper.hpp"
#include "storage/memory_store.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/later_correlator.hpp"

namespace faultline {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

class FeedDoor : public actor_fixture {
protected:
  /// Three messages, of which the first is beyond retention.
  FeedDoor() {
    const auto begin = arrival_time_of(1'700'000'000'000);
    const auto append = [this] {
      feed_append f;
      f.items.push_back({"notice/overload/ingest", [](std::uint64_t seq) {
                           return feed_payload(notice{"overload", "ingest", "text", {}}, seq, {});
                         }});
      EXPECT_TRUE(memory->feed().append(f));
    };
    append();
    append();
    EXPECT_TRUE(memory->sweep_retention(begin));
    append();
    EXPECT_TRUE(memory->sweep_retention(begin + std::chrono::hours{24 * 31}));
  }
  json ask_replay(int from) {
    feed_door door{system, *memory, correlator_actor{}, [] { return arrival_time{}; }};
    return json::parse(*door.on_feed_request(
        json{{"op", "replay"}, {"from", from}, {"limit", 10}}.dump(), false, 0ms));
  }

  std::unique_ptr<store> memory = open_memory_store(4);
};

TEST_F(FeedDoor, AReplayFromBelowTheOldestMessageShowsTheGap) {
  const json reply = ask_replay(1);
  EXPECT_EQ(reply["oldest"], 2);
  EXPECT_EQ(reply["last"], 3);
  ASSERT_EQ(reply["records"].size(), 2U);
  EXPECT_EQ(reply["records"][0]["payload"]["seq"], 2) << "the reader sees that 1 is gone";
  EXPECT_EQ(reply["next"], 4);
}

TEST_F(FeedDoor, AReplayFromAboveItHasNoGap) {
  const json reply = ask_replay(3);
  EXPECT_EQ(reply["oldest"], 2);
  ASSERT_EQ(reply["records"].size(), 1U);
  EXPECT_EQ(reply["records"][0]["payload"]["seq"], 3);
}

/// A correlator that answers when it is told to.
struct FeedDoorSnapshot : FeedDoor {
  caf::actor answers_later() {
    return spawn([this](caf::event_based_actor* self) { return asked.behavior_of(self); });
  }
  std::optional<std::string> ask_snapshot(bool again = true,
                                          std::chrono::milliseconds waited = 0ms) {
    auto reply = door.on_feed_request(R"({"op": "snapshot"})", again, waited);
    run();
    return reply;
  }

  later_correlator asked{ec::store_unavailable};
  caf::actor correlator = answers_later();
  feed_door door{system, *memory, caf::actor_cast<correlator_actor>(correlator),
                 [] { return arrival_time{}; }};
};

TEST_F(FeedDoorSnapshot, IsNotWaitedForOnTheFeedThread) {
  EXPECT_FALSE(ask_snapshot(false));
  EXPECT_FALSE(ask_snapshot());
  EXPECT_EQ(asked.questions, 1) << "it is asked once";
  caf::anon_send(correlator, std::uint64_t{3});
  run();
  const auto reply = ask_snapshot();
  ASSERT_TRUE(reply);
  EXPECT_EQ(json::parse(*reply),
            (json{{"as_of", 3}, {"alerts", json::array()}, {"incidents", json::array()}}));
  EXPECT_FALSE(ask_snapshot(false)) << "the next one asks anew";
  EXPECT_EQ(asked.questions, 2);
  caf::anon_send(correlator, std::uint64_t{4});  // who asks lives until then
  run();
}

struct FeedDoorToldSnapshot : FeedDoorSnapshot {
  alert tell(const std::string& id, alert_state state) {
    alert a;
    a.id = id;
    a.entity = "db/orders";
    a.state = state;
    feed_append f;
    f.items.push_back(
        {"alert/warning/db/orders", [a](std::uint64_t seq) { return feed_payload(a, seq, {}); }});
    f.records.push_back({record_key(a), encode_alert(a), 0});
    EXPECT_TRUE(memory->feed().append(f));
    return a;
  }
};

TEST_F(FeedDoorToldSnapshot, HasNoAlertWhoseEndWasToldThoughItsDecisionIsSkippedSince) {
  correlator_view view;
  view.firing = {tell("ended", alert_state::firing), tell("stays", alert_state::firing)};
  tell("ended", alert_state::resolved);
  view.feed_seq = memory->feed().last();
  EXPECT_FALSE(ask_snapshot(false));
  caf::anon_send(correlator, view);
  run();
  const auto reply = json::parse(*ask_snapshot());
  ASSERT_EQ(reply["alerts"].size(), 1U);
  EXPECT_EQ(reply["alerts"][0]["id"], "stays");
}

TEST_F(FeedDoorToldSnapshot, IsAsOfOneMessageWhateverIsToldWhileItIsMade) {
  correlator_view view;
  view.firing = {tell("ends", alert_state::firing), tell("stays", alert_state::firing)};
  view.feed_seq = memory->feed().last();
  EXPECT_FALSE(ask_snapshot(false));
  tell("ends", alert_state::resolved);
  tell("begins", alert_state::firing);
  caf::anon_send(correlator, view);
  run();
  const auto reply = json::parse(*ask_snapshot());
  EXPECT_EQ(reply["as_of"], view.feed_seq + 2);
  ASSERT_EQ(reply["alerts"].size(), 2U);
  EXPECT_EQ(reply["alerts"][0]["id"], "begins");
  EXPECT_EQ(reply["alerts"][1]["id"], "stays");
  EXPECT_EQ(reply["alerts"][1]["seq"], view.feed_seq);
}

TEST_F(FeedDoorSnapshot, AllWhoWaitHaveOneAnswer) {
  for (int n = 0; n < 3; ++n) EXPECT_FALSE(ask_snapshot(false));
  EXPECT_EQ(asked.questions, 1);
  caf::anon_send(correlator, std::uint64_t{3});
  run();
  for (int n = 0; n < 3; ++n) EXPECT_EQ(json::parse(*ask_snapshot())["as_of"], 3);
  EXPECT_FALSE(ask_snapshot(false)) << "and that is of nobody else";
  EXPECT_EQ(asked.questions, 2);
  caf::anon_send(correlator, std::uint64_t{4});
  run();
}

TEST_F(FeedDoorSnapshot, AllWhoWaitHearThatItFailed) {
  for (int n = 0; n < 2; ++n) EXPECT_FALSE(ask_snapshot(false));
  caf::anon_send(correlator, std::string{"no disk"});
  run();
  for (int n = 0; n < 2; ++n) EXPECT_EQ(json::parse(*ask_snapshot())["code"], "store_unavailable");
}

TEST_F(FeedDoorSnapshot, WithoutAnAnswerInTimeIsAnError) {
  EXPECT_FALSE(ask_snapshot(false));
  EXPECT_FALSE(ask_snapshot(true, 4999ms));
  const auto reply = ask_snapshot(true, 5s);
  ASSERT_TRUE(reply);
  EXPECT_EQ(json::parse(*reply)["code"], "deadline_passed");
  caf::anon_send(correlator, std::uint64_t{4});
  run();
}

TEST_F(FeedDoorSnapshot, ThatCameWhenNobodyWaitedForItAnyMoreIsToldToNobody) {
  EXPECT_FALSE(ask_snapshot(false));
  EXPECT_EQ(json::parse(*ask_snapshot(true, 5s))["code"], "deadline_passed");
  caf::anon_send(correlator, std::uint64_t{7});
  run();
  EXPECT_FALSE(ask_snapshot(false));
  EXPECT_EQ(asked.questions, 2);
  caf::anon_send(correlator, std::uint64_t{8});
  run();
  EXPECT_EQ(json::parse(*ask_snapshot())["as_of"], 8);
}

TEST_F(FeedDoorSnapshot, WhoJoinsOneThatIsWaitedForHasFiveSecondsOfHisOwn) {
  EXPECT_FALSE(ask_snapshot(false));
  advance(4900ms);
  EXPECT_FALSE(ask_snapshot(false));
  advance(100ms);
  EXPECT_EQ(json::parse(*ask_snapshot(true, 5s))["code"], "deadline_passed");
  EXPECT_FALSE(ask_snapshot(true, 100ms)) << "he has just asked";
  caf::anon_send(correlator, std::uint64_t{7});
  run();
  EXPECT_EQ(json::parse(*ask_snapshot(true, 200ms))["as_of"], 7);
  EXPECT_EQ(asked.questions, 1);
}

}  // namespace
}  // namespace faultline
