// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <zmq.hpp>

#include "tests/transport/raw_peer.hpp"
#include "tests/transport/recording_handlers.hpp"
#include "transport/internal/feed_loop.hpp"

namespace faultline {
namespace {

using namespace std::chrono_literals;
using faultline::testing::memory_feed;
using faultline::testing::open_house;
using faultline::testing::raw_peer;

zmq::context_t& context() {
  static zmq::context_t one{1};
  return one;
}

/// A subscriber that waits until it is known, by a heartbeat it also subscribes to.
class subscriber {
public:
  subscriber(const std::string& endpoint, const std::vector<std::string>& prefixes,
             int hwm = 100000)
      : socket{context(), zmq::socket_type::sub} {
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::rcvhwm, hwm);
    socket.set(zmq::sockopt::rcvtimeo, 30000);
    for (const std::string& prefix : prefixes) socket.set(zmq::sockopt::subscribe, prefix);
    socket.set(zmq::sockopt::subscribe, "feed/heartbeat");
    socket.connect(endpoint);
    next(true);
  }
  /// The next message: topic and payload; heartbeats only when asked for.
  std::pair<std::string, std::string> next(bool heartbeats = false) {
    for (;;) {
      zmq::message_t topic;
      zmq::message_t payload;
      if (!socket.recv(topic) || !socket.recv(payload)) return {};
      const bool beat = topic.to_string().find("feed/heartbeat") != std::string::npos;
      if (!beat || heartbeats) return {topic.to_string(), payload.to_string()};
    }
  }
  zmq::socket_t socket;
};

TEST(DoorsFeed, PublishesARecordUnderEachOfItsTopicsOnce) {
  open_house h;
  h.start();
  subscriber all{h.publish, {"alert/"}};
  const feed_record record{7, "alert/critical/db", "payload"};
  h.house->publish(record, {"alert/critical/db", "alert/warning/db"});
  EXPECT_EQ(all.next(), (std::pair<std::string, std::string>{"alert/critical/db", "payload"}));
  EXPECT_EQ(all.next(), (std::pair<std::string, std::string>{"alert/warning/db", "payload"}));
  h.house->publish({8, "alert/end", "x"}, {});
  EXPECT_EQ(all.next().first, "alert/end");
  EXPECT_EQ(h.house->counters().published, 2U);
}

/// More than may be subscribed to at first, and less than after two cuts.
void want_a_little_too_much(zmq::socket_t& socket) {
  const std::string rest(1000, 'x');
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::sndhwm, 0);  // subscriptions beyond it are dropped
  socket.set(zmq::sockopt::rcvtimeo, 30000);
  for (std::size_t n = 0;
       n * rest.size() * subscriptions::byte_cost < feed_loop::most_subscribed_bytes * 5 / 4; ++n)
    socket.set(zmq::sockopt::subscribe, std::to_string(10'000 + n) + rest);
  socket.set(zmq::sockopt::subscribe, "feed/heartbeat");
}

TEST(DoorsFeed, WhoComesBackWithALittleTooManySubscriptionsIsLetBeAfterTwoCuts) {
  open_house h;
  h.start();
  zmq::socket_t greedy{context(), zmq::socket_type::sub};
  want_a_little_too_much(greedy);
  greedy.connect(h.publish);
  zmq::message_t part;
  for (int beats = 0; beats < 3;) {
    ASSERT_TRUE(greedy.recv(part)) << h.house->counters().feed_rebound << " cuts";
    if (part.to_string() == "feed/heartbeat" && h.house->counters().feed_rebound >= 2) ++beats;
    ASSERT_TRUE(greedy.recv(part));
  }
  EXPECT_EQ(h.house->counters().feed_rebound, 2U);
}

TEST(DoorsFeed, EndsWithItsSocketClosedWhereThatCannotBeBoundAgain) {
  zmq::context_t own{1};
  zmq::socket_t publisher{own, zmq::socket_type::xpub}, replay{own, zmq::socket_type::router};
  publisher.bind("inproc://feed");
  replay.bind("inproc://replay");
  std::atomic<bool> asked{false};
  feed_loop::guards guard;
  guard.bind_publisher = [&asked]() -> std::optional<zmq::socket_t> {
    asked = true;
    return {};
  };
  door_tally tally;
  memory_feed feed;
  zmq::socket_t greedy{own, zmq::socket_type::sub};
  {
    feed_loop loop{std::move(publisher), std::move(replay), 100, guard, tally};
    loop.start(feed);
    want_a_little_too_much(greedy);
    greedy.connect("inproc://feed");
    for (int n = 0; n < 3000 && !asked; ++n) std::this_thread::sleep_for(10ms);
    loop.publish({1, "n/waits", "payload"}, {"n/waits"});
    loop.stop();
  }
  EXPECT_TRUE(asked);
  EXPECT_EQ(tally.published.load(), 0U);
}

TEST(DoorsFeed, HeartbeatCarriesTheLastSeq) {
  open_house h;
  h.feed.add("overload", "server");
  h.start();
  subscriber s{h.publish, {}};
  const auto beat = read_feed_payload(s.next(true).second);
  ASSERT_TRUE(beat);
  EXPECT_EQ(beat->kind, "heartbeat");
  EXPECT_EQ(beat->seq, 1U);
}

TEST(DoorsFeed, TheHeartbeatNamesNoRecordThatIsStillToCome) {
  open_house h;
  h.feed.tells_published = true;
  h.start();
  subscriber s{h.publish, {"notice/"}};
  constexpr std::uint64_t count = 900;
  for (std::uint64_t seq = 1; seq <= count; ++seq) h.house->publish(h.feed.add("n", "x"), {});
  std::uint64_t seen = 0;
  for (bool beaten = false; !beaten || seen < count;) {
    const auto item = read_feed_payload(s.next(true).second);
    ASSERT_TRUE(item);
    if (item->kind == "heartbeat")
      EXPECT_EQ(item->seq, seen);
    else
      seen = item->seq;
    beaten = item->kind == "heartbeat" && seen == count;
  }
}

TEST(DoorsFeed, JsonTwinsGoOutOnlyWhileSomebodyWantsThem) {
  open_house h;
  h.start();
  subscriber everything{h.publish, {""}};
  const feed_record first = h.feed.add("overload", "one");
  h.house->publish(first, {});
  EXPECT_EQ(everything.next().first, "notice/overload/one");
  {
    subscriber json{h.publish, {"json/"}};
    // Its heartbeat in JSON shows that the doors know of it.
    while (json.next(true).first != "json/feed/heartbeat") continue;
    const feed_record second = h.feed.add("overload", "two");
    h.house->publish(second, {});
    const auto [topic, payload] = json.next();
    EXPECT_EQ(topic, "json/notice/overload/two");
    EXPECT_EQ(nlohmann::json::parse(payload)["seq"], 2);
    EXPECT_EQ(everything.next().first, "notice/overload/two");
    EXPECT_EQ(everything.next().first, "json/notice/overload/two");
  }
  // The subscription ends with the connection; then one heartbeat without a JSON twin shows it.
  for (std::string before, topic;; before = topic) {
    topic = everything.next(true).first;
    ASSERT_FALSE(topic.empty());
    if (before == "feed/heartbeat" && topic == "feed/heartbeat") break;
  }
  h.house->publish(h.feed.add("overload", "three"), {});
  h.house->publish(h.feed.add("overload", "four"), {});
  EXPECT_EQ(everything.next().first, "notice/overload/three");
  EXPECT_EQ(everything.next().first, "notice/overload/four");
}

TEST(DoorsFeed, ABurstAsLargeAsTheQueueReachesASubscriberThatReadsALittleLater) {
  open_house h;
  h.start();
  constexpr int count = 6000;
  const std::string padding(8192, 'x');
  subscriber late{h.publish, {"n/"}, 10};
  for (int i = 0; i < count; ++i)
    h.house->publish({static_cast<std::uint64_t>(i + 1), "n/" + std::to_string(i), padding}, {});
  for (int i = 0; i < count; ++i) ASSERT_EQ(late.next().first, "n/" + std::to_string(i));
  EXPECT_EQ(h.house->counters().publish_dropped, 0U);
}

TEST(DoorsFeed, ASlowSubscriberLosesAloneAndTheOthersGetEverything) {
  socket_options options;
  options.feed_high_water_mark = 100;
  options.publish_queue = 1000000;
  open_house h{options};
  h.start();
  subscriber slow{h.publish, {"n/"}, 10};
  subscriber quick{h.publish, {"n/"}};
  constexpr int count = 5000;
  const std::string padding(4096, 'x');
  int got = 0;
  for (int i = 0; i < count; ++i) {
    h.house->publish({static_cast<std::uint64_t>(i + 1), "n/" + std::to_string(i), padding}, {});
    // The quick one keeps up; the slow one does not read at all.
    ASSERT_EQ(quick.next().first, "n/" + std::to_string(i));
    ++got;
  }
  EXPECT_EQ(got, count);
  EXPECT_EQ(h.house->counters().publish_dropped, 0U);
  h.house->publish({count + 1, "n/last", "x"}, {});
  EXPECT_EQ(quick.next().first, "n/last");
  int slow_got = 0;
  slow.socket.set(zmq::sockopt::rcvtimeo, 500);
  while (!slow.next().first.empty()) ++slow_got;
  EXPECT_LT(slow_got, count);
}

TEST(DoorsFeed, AFullQueueDropsTheOldestAndCountsIt) {
  socket_options options;
  options.publish_queue = 4;
  open_house h{options};
  // Nobody takes from the queue before start().
  for (std::uint64_t seq = 1; seq <= 10; ++seq) h.house->publish({seq, "n/x", "p"}, {});
  EXPECT_EQ(h.house->counters().publish_dropped, 6U);
  h.start();
  h.house->stop();
  EXPECT_EQ(h.house->counters().published, 4U);
}

TEST(DoorsFeed, ReplaySocketServesDealerAndReqInTheirEncoding) {
  open_house h;
  h.feed.add("overload", "one");
  h.start();
  zmq::socket_t req{context(), zmq::socket_type::req};
  req.set(zmq::sockopt::linger, 0);
  req.set(zmq::sockopt::rcvtimeo, 30000);
  req.connect(h.replay);
  req.send(zmq::str_buffer(R"({"op":"replay","from":1,"limit":10})"), zmq::send_flags::none);
  zmq::message_t answer;
  ASSERT_TRUE(req.recv(answer));
  EXPECT_EQ(nlohmann::json::parse(answer.to_string())["records"][0]["topic"],
            "notice/overload/one");
  zmq::socket_t dealer{context(), zmq::socket_type::dealer};
  dealer.set(zmq::sockopt::linger, 0);
  dealer.set(zmq::sockopt::rcvtimeo, 30000);
  dealer.connect(h.replay);
  dealer.send(zmq::str_buffer("garbage"), zmq::send_flags::none);
  ASSERT_TRUE(dealer.recv(answer));
  EXPECT_FALSE(answer.more());
  dealer.send(zmq::str_buffer("two"), zmq::send_flags::sndmore);
  dealer.send(zmq::str_buffer("frames"), zmq::send_flags::none);
  ASSERT_TRUE(dealer.recv(answer));
  EXPECT_EQ(h.house->counters().feed_requests, 3U);
}

TEST(DoorsFeed, WhatProxiesAndNumberedRequestsPutInFrontComesBack) {
  open_house h;
  h.start();
  zmq::socket_t dealer{context(), zmq::socket_type::dealer};
  dealer.set(zmq::sockopt::linger, 0);
  dealer.set(zmq::sockopt::rcvtimeo, 30000);
  dealer.connect(h.replay);
  for (const char* frame : {"client", "number", ""})
    dealer.send(zmq::buffer(std::string{frame}), zmq::send_flags::sndmore);
  dealer.send(zmq::str_buffer(R"({"op":"replay"})"), zmq::send_flags::none);
  std::vector<std::string> answer(4);
  for (std::string& frame : answer) {
    zmq::message_t got;
    ASSERT_TRUE(dealer.recv(got));
    frame = got.to_string();
  }
  EXPECT_EQ(answer[0] + answer[1] + answer[2], "clientnumber");
  EXPECT_TRUE(nlohmann::json::parse(answer[3]).contains("records"));
  dealer.send(zmq::str_buffer(""), zmq::send_flags::none);
  zmq::message_t got;
  ASSERT_TRUE(dealer.recv(got));
  EXPECT_FALSE(got.more()) << "an empty request is no envelope";
  EXPECT_GT(got.size(), 0U);
}

struct asking_dealer {
  explicit asking_dealer(const std::string& replay) : socket{context(), zmq::socket_type::dealer} {
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::rcvtimeo, 30000);
    socket.connect(replay);
  }
  void ask(const std::string& request) { socket.send(zmq::buffer(request), zmq::send_flags::none); }
  nlohmann::json answer() {
    zmq::message_t got;
    if (!socket.recv(got)) return {};
    return nlohmann::json::parse(got.to_string());
  }
  zmq::socket_t socket;
};
const char* const for_snapshot = R"({"op":"snapshot"})";
const char* const for_replay = R"({"op":"replay","from":1,"limit":10})";

TEST(DoorsFeed, BeatsAndPublishesWhileARequestHasNoAnswerYetAndThenAnswersAllInOrder) {
  open_house h;
  h.feed.ready = false;
  h.start();
  asking_dealer one{h.replay};
  one.ask(for_snapshot);
  one.ask(for_replay);
  while (h.feed.asked < 2) std::this_thread::yield();  // the same again
  subscriber s{h.publish, {"notice/"}};                // by a heartbeat
  h.house->publish(h.feed.add("x", "y"), {});
  EXPECT_EQ(s.next().first, "notice/x/y");
  h.feed.ready = true;
  EXPECT_EQ(one.answer()["as_of"], 1);
  EXPECT_EQ(one.answer()["last"], 1);
  EXPECT_EQ(h.house->counters().feed_requests, 2U);
}

TEST(DoorsFeed, WhatOthersAskIsAnsweredWhileASnapshotIsNot) {
  open_house h;
  h.feed.ready = false;
  h.start();
  asking_dealer first{h.replay}, second{h.replay}, other{h.replay};
  first.ask(for_snapshot);
  while (h.feed.asked < 2) std::this_thread::yield();
  second.ask(for_snapshot);
  second.ask(for_replay);
  for (int n = 0; n < 3; ++n) {
    other.ask(for_replay);
    EXPECT_EQ(other.answer()["last"], 0);
  }
  h.feed.ready = true;
  EXPECT_EQ(first.answer()["as_of"], 0);
  EXPECT_EQ(second.answer()["as_of"], 0) << "its replay comes behind it";
  EXPECT_EQ(second.answer()["last"], 0);
}

TEST(DoorsFeed, HostileSubscriptionsDisturbNobody) {
  open_house h;
  h.start();
  zmq::socket_t hostile{context(), zmq::socket_type::xsub};
  hostile.set(zmq::sockopt::linger, 0);
  hostile.connect(h.publish);
  hostile.send(zmq::message_t{std::string(3000, '\1')}, zmq::send_flags::none);
  hostile.send(zmq::str_buffer("no subscription"), zmq::send_flags::none);
  hostile.send(zmq::message_t{}, zmq::send_flags::none);
  for (int i = 0; i < 6000; ++i)
    hostile.send(zmq::message_t{"\1json/" + std::to_string(i)}, zmq::send_flags::none);
  hostile.send(zmq::message_t{std::string(100000, '\1')}, zmq::send_flags::none);
  subscriber honest{h.publish, {"n/"}};
  h.house->publish(h.feed.add("x", "y"), {"n/1"});
  EXPECT_EQ(honest.next().first, "n/1");
}

/// A message of two frames, as no subscriber of ZeroMQ's sends it: libzmq takes the second for a
/// subscription.
void send_two(zmq::socket_t& socket, const std::string& second) {
  socket.send(zmq::str_buffer("x"), zmq::send_flags::sndmore);
  socket.send(zmq::message_t{second}, zmq::send_flags::none);
}

TEST(DoorsFeed, AMessageWhoseLastFrameLibzmqKeepsHoldsUpNobody) {
  open_house h;
  h.start();
  subscriber honest{h.publish, {"n/"}};
  zmq::socket_t hostile{context(), zmq::socket_type::xsub};
  hostile.set(zmq::sockopt::linger, 0);
  hostile.set(zmq::sockopt::rcvtimeo, 30000);
  hostile.connect(h.publish);
  hostile.send(zmq::str_buffer("\1topic"), zmq::send_flags::none);
  hostile.send(zmq::str_buffer("\1feed/heartbeat"), zmq::send_flags::none);
  zmq::message_t beat;
  ASSERT_TRUE(hostile.recv(beat));
  send_two(hostile, "\1topic");  // the last that comes: it is known already
  for (int beats = 0; beats < 3; ++beats) EXPECT_EQ(honest.next(true).first, "feed/heartbeat");
  h.house->publish(h.feed.add("x", "y"), {"n/1"});
  EXPECT_EQ(honest.next().first, "n/1");
}

TEST(DoorsFeed, IsAskedForNoJsonWhenAllHaveLeft) {
  open_house h;
  h.start();
  subscriber all{h.publish, {""}};
  const auto json_beats = [&](int beats) {
    int json = 0;
    while (beats > 0) (all.next(true).first == "feed/heartbeat" ? --beats : ++json);
    return json;
  };
  EXPECT_EQ(json_beats(2), 0);
  auto first = std::make_unique<subscriber>(h.publish, std::vector<std::string>{"json/"});
  auto second = std::make_unique<subscriber>(h.publish, std::vector<std::string>{"json/"});
  subscriber third{h.publish, {"json/"}};
  EXPECT_GT(json_beats(3), 0);
  first->socket.set(zmq::sockopt::unsubscribe, "json/");  // others go on
  second.reset();
  EXPECT_GT(json_beats(3), 0);
  third.socket.set(zmq::sockopt::unsubscribe, "json/");
  json_beats(2);  // by now it is known
  EXPECT_EQ(json_beats(2), 0);
}

TEST(DoorsFeed, SubscriptionsBehindAnotherFrameAreBoundedAsWell) {
  open_house h;
  h.start();
  zmq::socket_t greedy{context(), zmq::socket_type::xsub};
  greedy.set(zmq::sockopt::linger, 0);
  greedy.set(zmq::sockopt::sndhwm, 0);
  greedy.connect(h.publish);
  const std::string rest(1000, 'x');
  for (std::size_t n = 0;
       n * rest.size() * subscriptions::byte_cost < feed_loop::most_subscribed_bytes * 5 / 4; ++n)
    send_two(greedy, "\1" + std::to_string(10'000 + n) + rest);
  for (int n = 0; n < 3000 && h.house->counters().feed_rebound == 0; ++n)
    std::this_thread::sleep_for(10ms);
  EXPECT_NE(h.house->counters().feed_rebound, 0U);
}

// What libzmq does not bear by itself: see transport/internal/zmq_epoll.hpp.
TEST(DoorsFeed, WhoIsGoneWhileMoreOfTheirsWaitsThanHasRoomEndNothing) {
  open_house h;
  h.start();
  raw_peer asker{h.replay, "DEALER"}, reader{h.publish, "SUB"};
  ASSERT_TRUE(asker.ready() && reader.ready());
  {
    const std::lock_guard busy{h.feed.mutex};
    std::this_thread::sleep_for(1500ms);  // with the next heartbeat the feed's thread is busy
    ASSERT_TRUE(asker.send_many(50, {"x"}));
    ASSERT_TRUE(reader.send_many(10'000, {"\1x"}));
    std::this_thread::sleep_for(500ms);
    asker.reset();
    reader.reset();
    std::this_thread::sleep_for(2500ms);
  }
  subscriber another{h.publish, {"alert/"}};
  h.house->publish({7, "alert/x", "payload"}, {"alert/x"});
  EXPECT_EQ(another.next().second, "payload");
}

}  // namespace
}  // namespace faultline
