// SPDX-License-Identifier: Apache-2.0
#include "actors/feed_door.hpp"

#include <nlohmann/json.hpp>

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
        door.on_feed_request(json{{"op", "replay"}, {"from", from}, {"limit", 10}}.dump()));
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

}  // namespace
}  // namespace faultline
