// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <optional>
#include <thread>

#include <gmock/gmock.h>
#include <zmq.hpp>

#include "tests/transport/raw_peer.hpp"
#include "tests/transport/recording_handlers.hpp"
#include "transport/internal/ingest_loop.hpp"

namespace faultline {
namespace {

using namespace std::chrono_literals;
using faultline::testing::open_house;
using faultline::testing::raw_peer;
using faultline::testing::recording_ingest;

/// A bare peer, as a program in any language would be one.
class peer {
public:
  peer(zmq::socket_type type, const std::string& endpoint) : socket{context(), type} {
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::sndtimeo, 30000);
    socket.set(zmq::sockopt::rcvtimeo, 30000);
    socket.connect(endpoint);
  }
  bool send(const std::vector<std::string>& frames) {
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const auto flags = i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
      if (!socket.send(zmq::buffer(frames[i]), flags)) return false;
    }
    return true;
  }
  std::vector<std::string> receive() {
    std::vector<std::string> frames;
    zmq::message_t frame;
    do {
      if (!socket.recv(frame)) return frames;
      frames.push_back(frame.to_string());
    } while (frame.more());
    return frames;
  }
  static zmq::context_t& context() {
    static zmq::context_t one{1};
    return one;
  }
  zmq::socket_t socket;
};

void answer_with_payload(open_house& h) {
  h.ingest.answer = [&h](const reply_address& to, std::string_view header,
                         std::string_view payload) {
    h.house->reply(to, std::string{header} + "|" + std::string{payload});
  };
}

TEST(DoorsIngest, PullHandsOverPayloadsWithAndWithoutTopic) {
  open_house h;
  h.start();
  peer push{zmq::socket_type::push, h.pull};
  push.send({"one"});
  push.send({"cart", "two"});
  push.send({"", "three"});
  ASSERT_TRUE(h.ingest.wait([&] { return h.ingest.events.size() == 3; }));
  EXPECT_EQ(h.ingest.events[0].payload, "one");
  EXPECT_EQ(h.ingest.events[0].topic, "");
  EXPECT_EQ(h.ingest.events[0].source, "pull");
  EXPECT_EQ(h.ingest.events[1].topic, "cart");
  EXPECT_EQ(h.ingest.events[1].payload, "two");
  EXPECT_EQ(h.ingest.events[2].payload, "three");
}

TEST(DoorsIngest, TellsPushPublishersApartByTheirConnections) {
  open_house h;
  h.start();
  peer first{zmq::socket_type::push, h.pull};
  peer second{zmq::socket_type::push, h.pull};
  first.send({"one"});
  ASSERT_TRUE(h.ingest.wait([&] { return h.ingest.events.size() == 1; }));
  second.send({"topic", "two"});
  ASSERT_TRUE(h.ingest.wait([&] { return h.ingest.events.size() == 2; }));
  first.send({"three"});
  ASSERT_TRUE(h.ingest.wait([&] { return h.ingest.events.size() == 3; }));
  const auto& e = h.ingest.events;
  EXPECT_EQ(e[0].peer.rfind("127.0.0.1:", 0), 0U) << e[0].peer;
  EXPECT_EQ(e[2].peer, e[0].peer);
  EXPECT_NE(e[1].peer, e[0].peer);
}

TEST(DoorsIngest, SubscribesToAPublisherThatBinds) {
  zmq::socket_t publisher{peer::context(), zmq::socket_type::xpub};
  publisher.bind("tcp://127.0.0.1:*");
  socket_options options;
  options.subscribe = {publisher.get(zmq::sockopt::last_endpoint)};
  open_house h{options};
  h.start();
  zmq::message_t subscription;
  publisher.set(zmq::sockopt::rcvtimeo, 30000);
  ASSERT_TRUE(publisher.recv(subscription));
  publisher.send(zmq::str_buffer("metrics"), zmq::send_flags::sndmore);
  publisher.send(zmq::str_buffer("x"), zmq::send_flags::none);
  ASSERT_TRUE(h.ingest.wait([&] { return h.ingest.events.size() == 1; }));
  EXPECT_EQ(h.ingest.events[0].source, "subscribe");
  EXPECT_EQ(h.ingest.events[0].peer, options.subscribe[0]);
  EXPECT_EQ(h.ingest.events[0].topic, "metrics");
  publisher.set(zmq::sockopt::linger, 0);
}

TEST(DoorsIngest, DealerPipelinesAndIsAnsweredWithoutDelimiter) {
  open_house h;
  answer_with_payload(h);
  h.start();
  peer dealer{zmq::socket_type::dealer, h.router};
  for (int i = 0; i < 500; ++i) dealer.send({"h" + std::to_string(i), "p"});
  for (int i = 0; i < 500; ++i)
    EXPECT_EQ(dealer.receive(), (std::vector<std::string>{"h" + std::to_string(i) + "|p"}));
  EXPECT_EQ(h.house->counters().requests, 500U);
}

TEST(DoorsIngest, ReqGetsItsDelimiterBack) {
  open_house h;
  answer_with_payload(h);
  h.start();
  peer req{zmq::socket_type::req, h.router};
  req.send({"header", "payload"});
  EXPECT_EQ(req.receive(), (std::vector<std::string>{"header|payload"}));
  req.send({"op last"});
  EXPECT_EQ(req.receive(), (std::vector<std::string>{"op last|"}));
  const auto requests = h.ingest.requests_so_far();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].from.envelope, std::vector<std::string>{""});
}

TEST(DoorsIngest, WhatProxiesAndNumberedRequestsPutInFrontComesBack) {
  open_house h;
  answer_with_payload(h);
  h.start();
  peer dealer{zmq::socket_type::dealer, h.router};
  const auto answered = [&](const std::vector<std::string>& frames) {
    EXPECT_TRUE(dealer.send(frames));
    return dealer.receive();
  };
  using frames = std::vector<std::string>;
  EXPECT_EQ(answered({"number", "", "h", "p"}), (frames{"number", "", "h|p"}));
  EXPECT_EQ(answered({"a", "b", "c", "number", "", "h", ""}),
            (frames{"a", "b", "c", "number", "", "h|"}));
  EXPECT_EQ(answered({"number", "", "op last"}), (frames{"number", "", "op last|"}));
  EXPECT_EQ(answered({"op last", ""}), (frames{"op last|"}));
  EXPECT_EQ(h.house->counters().bad_requests, 0U);
  dealer.send({std::string(256, 'x'), "", "h", "p"});
  dealer.send({"a", "b", "c", "d", "e", "", "h", "p"});
  ASSERT_TRUE(h.ingest.wait([&] { return h.ingest.bad_requests.size() == 2; }));
}

TEST(DoorsIngest, AReqClientWhoseRequestsAreNumberedIsAnswered) {
  open_house h;
  answer_with_payload(h);
  h.start();
  peer req{zmq::socket_type::req, h.router};
  req.socket.set(zmq::sockopt::req_correlate, true);
  req.send({"header", "payload"});
  EXPECT_EQ(req.receive(), (std::vector<std::string>{"header|payload"}));
}

TEST(DoorsIngest, RepliesComeFromAnyThreadAndLater) {
  open_house h;
  h.start();
  peer dealer{zmq::socket_type::dealer, h.router};
  dealer.send({"a", "1"});
  dealer.send({"b", "2"});
  ASSERT_TRUE(h.ingest.wait([&] { return h.ingest.requests.size() == 2; }));
  std::thread{[&] {
    h.house->reply(h.ingest.requests[1].from, "second first");
    h.house->reply(h.ingest.requests[0].from, "then the first");
  }}.join();
  EXPECT_EQ(dealer.receive().at(0), "second first");
  EXPECT_EQ(dealer.receive().at(0), "then the first");
}

TEST(DoorsIngest, WrongFrameCountsAreBadRequestsOnEverySocket) {
  open_house h;
  h.start();
  peer dealer{zmq::socket_type::dealer, h.router};
  dealer.send({"a", "b", "c"});
  dealer.send({""});
  dealer.send({"", "h", "p", "x", "y", "z"});
  peer push{zmq::socket_type::push, h.pull};
  push.send({"a", "b", "c"});
  dealer.send({"good", "one"});
  ASSERT_TRUE(h.ingest.wait(
      [&] { return h.ingest.bad_requests.size() == 4 && h.ingest.requests.size() == 1; }));
  std::map<std::string, int> headers;
  for (const auto& bad : h.ingest.bad_requests) {
    EXPECT_EQ(bad.code, "bad_frames");
    ++headers[bad.header];
    h.house->reply(bad.from, "refused");
  }
  EXPECT_EQ(headers, (std::map<std::string, int>{{"", 1}, {"a", 2}, {"h", 1}}));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(dealer.receive().back(), "refused");
  EXPECT_EQ(h.house->counters().bad_requests, 4U);
  EXPECT_EQ(h.house->counters().replies_unroutable, 0U);
}

TEST(DoorsIngest, ARequestDoesNotWaitForAWholeTurnOfMessagesThatTakeLong) {
  constexpr std::size_t messages = ingest_loop::messages_per_turn;
  open_house h;
  peer push{zmq::socket_type::push, h.pull};
  peer dealer{zmq::socket_type::dealer, h.router};
  std::size_t done = 0;
  std::atomic<std::size_t> before{messages};
  h.ingest.each_event = [&] {
    if (++done == 1) dealer.send({"header", "payload"});
    std::this_thread::sleep_for(std::chrono::milliseconds{done == 1 ? 200 : 5});
  };
  h.ingest.answer = [&](const reply_address&, std::string_view, std::string_view) {
    before = done;
  };
  for (std::size_t i = 0; i < messages; ++i) push.send({"event"});
  h.start();
  ASSERT_TRUE(h.ingest.wait(
      [&] { return h.ingest.requests.size() == 1 && h.ingest.events.size() == messages; }));
  EXPECT_LT(before, messages);
}

TEST(DoorsIngest, APayloadOverOneMebibyteArrivesAndOverFourCutsThePeer) {
  open_house h;
  answer_with_payload(h);
  h.start();
  peer large{zmq::socket_type::dealer, h.router};
  large.send({"h", std::string(2 * 1024 * 1024, 'x')});
  EXPECT_EQ(large.receive().at(0).size(), 2 * 1024 * 1024 + 2U);
  peer hostile{zmq::socket_type::dealer, h.router};
  hostile.send({"h", std::string(5 * 1024 * 1024, 'x')});
  peer honest{zmq::socket_type::dealer, h.router};
  for (int i = 0; i < 50; ++i) {
    honest.send({"h", "p"});
    EXPECT_EQ(honest.receive().at(0), "h|p");
  }
  EXPECT_EQ(h.house->counters().requests, 51U);
}

TEST(DoorsIngest, BytesThatAreNoZmtpDisturbNobody) {
  open_house h;
  answer_with_payload(h);
  h.start();
  std::vector<std::unique_ptr<faultline::testing::raw_http>> strangers;
  const std::string garbage[] = {"GET / HTTP/1.1\r\n\r\n", std::string(64, '\xff'),
                                 std::string{"\xff\0\0\0\0\0\0\0\x01\x7f", 10}, ""};
  for (const std::string& endpoint : {h.pull, h.router, h.publish, h.replay})
    for (const std::string& bytes : garbage) {
      strangers.push_back(
          std::make_unique<faultline::testing::raw_http>(endpoint.substr(std::strlen("tcp://"))));
      ASSERT_TRUE(strangers.back()->connected());
      strangers.back()->send(bytes);
    }
  peer dealer{zmq::socket_type::dealer, h.router};
  dealer.send({"h", "p"});
  EXPECT_EQ(dealer.receive().at(0), "h|p");
}

TEST(DoorsIngest, AReplyToAPeerThatHasGoneIsCountedAndDropped) {
  open_house h;
  h.start();
  {
    peer gone{zmq::socket_type::dealer, h.router};
    gone.send({"h", "p"});
    ASSERT_TRUE(h.ingest.wait([&] { return h.ingest.requests.size() == 1; }));
  }
  const reply_address to = h.ingest.requests[0].from;
  const auto end = std::chrono::steady_clock::now() + faultline::testing::patience;
  while (h.house->counters().replies_unroutable == 0 && std::chrono::steady_clock::now() < end) {
    h.house->reply(to, "anybody there?");
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_GT(h.house->counters().replies_unroutable, 0U);
}

TEST(DoorsIngest, WithoutCreditEventsStayOutsideAndRequestsAreStillServed) {
  open_house h;
  answer_with_payload(h);
  h.ingest.open = false;
  h.start();
  peer push{zmq::socket_type::push, h.pull};
  for (int i = 0; i < 200; ++i) push.send({std::to_string(i)});
  peer dealer{zmq::socket_type::dealer, h.router};
  for (int i = 0; i < 50; ++i) {
    dealer.send({"h", "p"});
    EXPECT_EQ(dealer.receive().at(0), "h|p");
  }
  EXPECT_EQ(h.ingest.event_count(), 0U);
  h.ingest.open = true;
  ASSERT_TRUE(h.ingest.wait([&] { return h.ingest.events.size() == 200; }));
  for (int i = 0; i < 200; ++i) EXPECT_EQ(h.ingest.events[i].payload, std::to_string(i));
}

/// A publisher by raw bytes, whose events stay outside.
struct house_with_one_outside : open_house {
  house_with_one_outside() {
    ingest.open = false;
    start();
    one.emplace(pull, "PUSH");
  }
  /// More than the high-water mark.
  bool sends_many() { return one->ready() && one->send_many(1200, {std::string(200, 'x')}); }
  std::optional<raw_peer> one;
};

// What libzmq does not bear by itself: see transport/internal/zmq_epoll.hpp.
TEST(DoorsIngest, APublisherThatIsGoneWhileItsEventsStayOutsideEndsNothing) {
  house_with_one_outside h;
  ASSERT_TRUE(h.sends_many());
  std::this_thread::sleep_for(500ms);
  h.one->reset();
  std::this_thread::sleep_for(2500ms);  // heartbeats come every two seconds
  peer push{zmq::socket_type::push, h.pull};
  push.send({"another"});
  h.ingest.open = true;
  EXPECT_TRUE(h.ingest.wait([&] {
    return std::any_of(h.ingest.events.begin(), h.ingest.events.end(),
                       [](const auto& e) { return e.payload == "another"; });
  }));
}

TEST(DoorsIngest, APublisherThatAskedWhetherWeAreThereAndIsGoneEndsNothing) {
  house_with_one_outside h;
  ASSERT_TRUE(h.one->ready());
  // The question stands behind the message that does not fit any more, in what was read with it.
  ASSERT_TRUE(h.one->send_many(1001, {""}, raw_peer::ping()));
  std::this_thread::sleep_for(500ms);
  h.one->reset();
  std::this_thread::sleep_for(200ms);
  h.ingest.open = true;
  EXPECT_TRUE(h.ingest.wait([&] { return h.ingest.events.size() == 1001; }));
  peer push{zmq::socket_type::push, h.pull};
  push.send({"another"});
  EXPECT_TRUE(h.ingest.wait([&] { return h.ingest.events.back().payload == "another"; }));
}

TEST(DoorsIngest, ARequesterThatIsGoneWhileItsRequestsWaitEndsNothing) {
  open_house h;
  std::atomic<bool> busy{true};
  h.ingest.answer = [&](const reply_address& to, std::string_view header, std::string_view) {
    while (busy) std::this_thread::sleep_for(1ms);
    h.house->reply(to, std::string{header});
  };
  h.start();
  raw_peer gone{h.router, "DEALER"};
  ASSERT_TRUE(gone.ready());
  ASSERT_TRUE(gone.send_many(1200, {"h", std::string(200, 'x')}));
  std::this_thread::sleep_for(500ms);
  gone.reset();
  std::this_thread::sleep_for(2500ms);
  busy = false;
  peer dealer{zmq::socket_type::dealer, h.router};
  dealer.send({"another", "p"});
  EXPECT_EQ(dealer.receive().at(0), "another");
}

TEST(DoorsIngest, EverySocketAsksWhetherItsPeerIsThere) {
  open_house h;
  h.start();
  for (const auto& [endpoint, type] : std::map<std::string, std::string>{
           {h.pull, "PUSH"}, {h.router, "DEALER"}, {h.publish, "SUB"}, {h.replay, "DEALER"}}) {
    raw_peer one{endpoint, type};
    ASSERT_TRUE(one.ready());
    EXPECT_TRUE(one.hears("\4PING")) << endpoint;
  }
}

TEST(DoorsIngest, APublisherThatWaitsForUsIsNotTakenForGone) {
  house_with_one_outside h;
  ASSERT_TRUE(h.sends_many());
  // Its answers to our heartbeats would stand behind what is not read.
  std::this_thread::sleep_for(9s);
  h.ingest.open = true;
  EXPECT_TRUE(h.ingest.wait([&] { return h.ingest.events.size() == 1200; }));
}

TEST(DoorsIngest, AMessageThatIsTooLargeEndsNoSubscriptionForGood) {
  zmq::socket_t publisher{peer::context(), zmq::socket_type::pub};
  publisher.set(zmq::sockopt::linger, 0);
  publisher.bind("tcp://127.0.0.1:*");
  socket_options options;
  options.max_message_bytes = 1024;
  options.subscribe = {publisher.get(zmq::sockopt::last_endpoint)};
  open_house h{options};
  h.start();
  const auto heard_again = [&](std::size_t before) {
    for (int i = 0; i < 3000 && h.ingest.event_count() == before; ++i) {
      publisher.send(zmq::str_buffer("event"), zmq::send_flags::none);
      std::this_thread::sleep_for(10ms);
    }
    return h.ingest.event_count() > before;
  };
  ASSERT_TRUE(heard_again(0));
  publisher.send(zmq::message_t{2000}, zmq::send_flags::none);
  for (int i = 0; i < 3000 && h.house->counters().subscriptions_broken == 0; ++i)
    std::this_thread::sleep_for(10ms);
  EXPECT_EQ(h.house->counters().subscriptions_broken, 1U);
  EXPECT_TRUE(heard_again(h.ingest.event_count()));
}

TEST(DoorsIngest, APublisherThatEndsAndComesBackHasBrokenNothing) {
  zmq::context_t own{1};
  auto publisher = std::make_unique<zmq::socket_t>(own, zmq::socket_type::pub);
  publisher->set(zmq::sockopt::linger, 0);
  publisher->bind("tcp://127.0.0.1:*");
  socket_options options;
  options.subscribe = {publisher->get(zmq::sockopt::last_endpoint)};
  open_house h{options};
  h.start();
  const auto heard_again = [&](std::size_t before) {
    for (int i = 0; i < 3000 && h.ingest.event_count() == before; ++i) {
      publisher->send(zmq::str_buffer("event"), zmq::send_flags::none);
      std::this_thread::sleep_for(10ms);
    }
    return h.ingest.event_count() > before;
  };
  ASSERT_TRUE(heard_again(0));
  publisher->close();
  std::this_thread::sleep_for(2500ms);
  publisher = std::make_unique<zmq::socket_t>(own, zmq::socket_type::pub);
  publisher->set(zmq::sockopt::linger, 0);
  publisher->bind(options.subscribe[0]);
  EXPECT_TRUE(heard_again(h.ingest.event_count()));
  EXPECT_EQ(h.house->counters().subscriptions_broken, 0U);
}

TEST(DoorsIngest, ClosedCreditIsLookedAtWithoutSpinning) {
  open_house h;
  h.ingest.open = false;
  h.start();
  peer push{zmq::socket_type::push, h.pull};
  push.send({"x"});
  const auto before = std::chrono::steady_clock::now();
  const std::uint64_t first = h.ingest.asked;
  for (int i = 0; i < 300 || (i < 20'000 && h.ingest.asked <= first + 1); ++i)
    std::this_thread::sleep_for(1ms);
  const std::uint64_t asked = h.ingest.asked - first;
  const std::chrono::milliseconds passed = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - before);
  // Two milliseconds between looks; a loop that spins asks a thousand times as often.
  EXPECT_LE(asked, static_cast<std::uint64_t>(passed.count()));
  EXPECT_GT(h.ingest.asked, 1U);
}

TEST(DoorsIngest, AFloodOnOneSocketDoesNotStarveTheOther) {
  open_house h;
  answer_with_payload(h);
  h.start();
  std::atomic<bool> flooding{true};
  std::thread flood{[&] {
    peer push{zmq::socket_type::push, h.pull};
    while (flooding) push.send({"flood"});
  }};
  peer dealer{zmq::socket_type::dealer, h.router};
  for (int i = 0; i < 200; ++i) {
    dealer.send({"h", "p"});
    EXPECT_EQ(dealer.receive().at(0), "h|p");
  }
  flooding = false;
  h.ingest.wait([&] { return !h.ingest.events.empty(); });
  flood.join();
}

TEST(DoorsIngest, StopReadingLeavesRequestsOutsideButRepliesStillGoOut) {
  open_house h;
  h.start();
  peer dealer{zmq::socket_type::dealer, h.router};
  dealer.send({"before", "p"});
  ASSERT_TRUE(h.ingest.wait([&] { return h.ingest.requests.size() == 1; }));
  h.house->stop_reading();
  // The turn under way may still take one: what comes after an answer has gone out stays outside.
  h.house->reply(h.ingest.requests[0].from, "first");
  EXPECT_EQ(dealer.receive().at(0), "first");
  dealer.send({"after", "p"});
  h.house->reply(h.ingest.requests[0].from, "second");
  EXPECT_EQ(dealer.receive().at(0), "second");
  h.house->stop();
  EXPECT_EQ(h.ingest.requests.size(), 1U);
}

TEST(DoorsIngest, EventsThatHaveComeAreReadBeforeTheEndAndOthersWaitWithTheirPublisher) {
  open_house h;
  std::promise<void> go_on;
  auto may_go_on = go_on.get_future().share();
  h.ingest.each_event = [may_go_on] { may_go_on.wait(); };
  h.start();
  peer push{zmq::socket_type::push, h.pull};
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(push.send({"before"}));
  ASSERT_TRUE(h.ingest.wait([&] { return h.ingest.events.size() == 1; }));
  std::this_thread::sleep_for(500ms);  // they are here
  auto stopped = std::async(std::launch::async, [&] { h.house->stop_reading(); });
  go_on.set_value();
  stopped.get();
  EXPECT_EQ(h.ingest.event_count(), 500U);
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(push.send({"after"}));
  std::this_thread::sleep_for(500ms);
  h.house->stop();
  EXPECT_EQ(h.ingest.event_count(), 500U);
  h.house.reset();
  socket_options again;
  again.pull = {h.pull};
  again.router = {"tcp://127.0.0.1:*"};
  again.publish = again.replay = "tcp://127.0.0.1:*";
  auto later = open_doors(again);
  ASSERT_TRUE(later) << later.error().what;
  (*later)->start(h.ingest, h.feed);
  EXPECT_TRUE(h.ingest.wait([&] { return h.ingest.events.size() == 1000; }));
  (*later)->stop();
}

// More than libzmq takes ahead: the rest lies with the kernel when the end begins.
TEST(DoorsIngest, EventsThatTheKernelHasAreReadBeforeTheEnd) {
  open_house h;
  std::promise<void> go_on;
  auto may_go_on = go_on.get_future().share();
  h.ingest.each_event = [may_go_on] { may_go_on.wait(); };
  h.start();
  peer push{zmq::socket_type::push, h.pull};
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(push.send({std::string(100, 'x')}));
  ASSERT_TRUE(h.ingest.wait([&] { return h.ingest.events.size() == 1; }));
  std::this_thread::sleep_for(500ms);  // they have left their publisher
  auto stopped = std::async(std::launch::async, [&] { h.house->stop_reading(); });
  go_on.set_value();
  stopped.get();
  EXPECT_EQ(h.ingest.event_count(), 5000U);
}

TEST(DoorsIngest, StopSendsTheRepliesThatWait) {
  open_house h;
  h.start();
  peer dealer{zmq::socket_type::dealer, h.router};
  dealer.send({"h", "p"});
  ASSERT_TRUE(h.ingest.wait([&] { return h.ingest.requests.size() == 1; }));
  for (int i = 0; i < 100; ++i) h.house->reply(h.ingest.requests[0].from, std::to_string(i));
  h.house->stop();
  h.house.reset();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(dealer.receive().at(0), std::to_string(i));
}

TEST(HeldReplies, WhatGoesInFrontOfAnAnswerTakesRoomAsWell) {
  zmq::context_t own{1};
  zmq::socket_t router{own, zmq::socket_type::router}, mute{own, zmq::socket_type::dealer};
  for (auto* socket : {&router, &mute}) {
    socket->set(zmq::sockopt::linger, 0);
    socket->set(zmq::sockopt::sndhwm, 1);
    socket->set(zmq::sockopt::rcvhwm, 1);
  }
  router.set(zmq::sockopt::router_mandatory, true);
  router.bind("inproc://answers");
  mute.set(zmq::sockopt::routing_id, "mute");
  mute.connect("inproc://answers");
  mute.send(zmq::str_buffer("asks"), zmq::send_flags::none);
  zmq::message_t route;
  ASSERT_TRUE(router.recv(route));
  door_tally tally;
  held_replies held{tally};
  const std::vector<std::string> envelope(4, std::string(250, 'e'));
  for (std::size_t n = 0; n < held_replies::most_bytes / 1000 + 100; ++n)
    held.send(router, 0, "mute", envelope, "x");
  EXPECT_GT(tally.replies_unroutable, 0U);
}

TEST(DoorsIngest, NamesTheEndpointThatIsTaken) {
  open_house h;
  socket_options same;
  same.pull = {h.pull};
  const auto second = open_doors(same);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ec::io_failed);
  EXPECT_THAT(second.error().what, ::testing::HasSubstr(h.pull));
  socket_options endless;
  endless.high_water_mark = 0;
  EXPECT_EQ(open_doors(endless).error().code, ec::invalid);
  socket_options boundless_feed;
  boundless_feed.feed_high_water_mark = 0;
  EXPECT_EQ(open_doors(boundless_feed).error().code, ec::invalid);
}

}  // namespace
}  // namespace faultline
