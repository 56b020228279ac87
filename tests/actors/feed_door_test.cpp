// SPDX-License-Identifier: Apache-2.0
#include "actors/feed_door.hpp"

#include <nlohmann/json.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <optional>

#include "storage/memory_store.hpp"
#include "tests/support/actor_fixture.hpp"

namespace faultline {
namespace {

using nlohmann::json;

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
    return json::parse(
        *door.on_feed_request(json{{"op", "replay"}, {"from", from}, {"limit", 10}}.dump(), false));
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
    return spawn([this](caf::event_based_actor* self) -> caf::behavior {
      return {[this, self](const correlator_question&) {
                ++questions;
                promise = self->make_response_promise<correlator_view>();
                return promise;
              },
              [this](std::uint64_t as_of) {
                correlator_view view;
                view.feed_seq = as_of;
                promise.deliver(view);
              }};
    });
  }
  std::optional<std::string> ask_snapshot(bool again = true) {
    auto reply = door.on_feed_request(R"({"op": "snapshot"})", again);
    run();
    return reply;
  }

  int questions = 0;
  caf::typed_response_promise<correlator_view> promise;
  caf::actor correlator = answers_later();
  feed_door door{system, *memory, caf::actor_cast<correlator_actor>(correlator),
                 [] { return arrival_time{}; }};
};

TEST_F(FeedDoorSnapshot, IsNotWaitedForOnTheFeedThread) {
  EXPECT_FALSE(ask_snapshot(false));
  EXPECT_FALSE(ask_snapshot());
  EXPECT_EQ(questions, 1) << "it is asked once";
  caf::anon_send(correlator, std::uint64_t{3});
  run();
  const auto reply = ask_snapshot();
  ASSERT_TRUE(reply);
  EXPECT_EQ(json::parse(*reply),
            (json{{"as_of", 3}, {"alerts", json::array()}, {"incidents", json::array()}}));
  EXPECT_FALSE(ask_snapshot(false)) << "the next one asks anew";
  EXPECT_EQ(questions, 2);
  caf::anon_send(correlator, std::uint64_t{4});  // who asks lives until then
  run();
}

TEST_F(FeedDoorSnapshot, AllWhoWaitHaveOneAnswerAndItsFailure) {
  for (int n = 0; n < 3; ++n) EXPECT_FALSE(ask_snapshot(false));
  EXPECT_EQ(questions, 1);
  caf::anon_send(correlator, std::uint64_t{3});
  run();
  for (int n = 0; n < 3; ++n) EXPECT_EQ(json::parse(*ask_snapshot())["as_of"], 3);
  for (int n = 0; n < 2; ++n) EXPECT_FALSE(ask_snapshot(false));
  EXPECT_EQ(questions, 2);
  advance(std::chrono::seconds{5});
  for (int n = 0; n < 2; ++n) EXPECT_EQ(json::parse(*ask_snapshot())["code"], "deadline_passed");
  EXPECT_FALSE(ask_snapshot(false)) << "and that is of nobody else";
  EXPECT_EQ(questions, 3);
  caf::anon_send(correlator, std::uint64_t{4});
  run();
}

TEST_F(FeedDoorSnapshot, WithoutAnAnswerInTimeIsAnError) {
  EXPECT_FALSE(ask_snapshot(false));
  advance(std::chrono::seconds{5});
  const auto reply = ask_snapshot();
  ASSERT_TRUE(reply);
  EXPECT_EQ(json::parse(*reply)["code"], "deadline_passed");
}

}  // namespace
}  // namespace faultline
