// SPDX-License-Identifier: Apache-2.0
//
// The doors with keys: who is let in, what becomes of sessions whose key is taken away, and that
// everybody else is refused and counted.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <zmq.hpp>

#include "tests/transport/key_folder.hpp"
#include "tests/transport/raw_http.hpp"
#include "tests/transport/recording_handlers.hpp"
#include "tests/transport/reload_now.hpp"
#include "transport/feed_client.hpp"
#include "transport/internal/authenticator.hpp"
#include "transport/internal/curve.hpp"
#include "transport/publisher_client.hpp"

namespace faultline {
namespace {

using namespace std::chrono_literals;
using faultline::testing::in_force;
using ::testing::HasSubstr;
using testing::key_folder;
using testing::open_house;

/// Doors that ask for keys, and a client "probe" that may do everything.
struct guarded_house {
  guarded_house() {
    folder.pair("server");
    folder.add("probe", true, true);
    socket_options options;
    options.security = security();
    house.emplace(options);
    house->ingest.answer = [this](const reply_address& to, std::string_view header,
                                  std::string_view) {
      const auto head = decode_publish_header(header);
      house->house->reply(to, head ? ack_reply(head->seq, 1, {}, head->encoding)
                                   : error_reply("bad_header", "", 0, wire_encoding::json));
    };
  }
  security_options security() const {
    return {(folder.path / "server.secret").string(), folder.clients().string(),
            curve_mode::always};
  }
  std::uint64_t count(int domain, handshake outcome) const {
    return house->house->counters().handshakes[domain][static_cast<std::size_t>(outcome)];
  }
  /// Waits until the count is at least @p n.
  bool counted(int domain, handshake outcome, std::uint64_t n = 1) const {
    const auto until = std::chrono::steady_clock::now() + testing::patience;
    while (count(domain, outcome) < n) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(10ms);
    }
    return true;
  }
  std::unique_ptr<publisher_client> publisher(std::shared_ptr<const curve_keys> keys) const {
    publisher_options o;
    o.endpoint = house->router;
    o.keys = std::move(keys);
    return std::move(*publisher_client::connect(o));
  }
  std::unique_ptr<feed_client> subscriber(std::shared_ptr<const curve_keys> keys) const {
    feed_client_options o;
    o.publish = house->publish;
    o.replay = house->replay;
    o.request_deadline = 20s;
    o.keys = std::move(keys);
    return std::move(*feed_client::connect(o));
  }
  void take_away(const std::string& name) {
    std::filesystem::remove(folder.clients() / (name + ".pub"));
  }

  key_folder folder;
  std::optional<open_house> house;
};

/// The greeting of a ZMTP client that speaks @p mechanism.
std::string greeting(const std::string& mechanism) {
  return std::string{"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0", 12} + mechanism +
         std::string(64 - 12 - mechanism.size(), '\0');
}

TEST(Curve, AClientThatIsKnownPublishesAndSubscribes) {
  guarded_house g;
  ASSERT_TRUE(g.house->house);
  g.house->start();
  const auto publisher = g.publisher(g.folder.keys("probe"));
  ASSERT_TRUE(publisher->send("payload", 20s));
  ASSERT_TRUE(publisher->flush(20s));
  EXPECT_EQ(g.house->ingest.requests_so_far().at(0).client, "probe");
  const auto feed = g.subscriber(g.folder.keys("probe"));
  EXPECT_TRUE(feed->wait_until_live(20s));
  EXPECT_TRUE(feed->snapshot());
  push_options push;
  push.endpoint = g.house->pull;
  push.keys = g.folder.keys("probe");
  const auto pushing = push_client::connect(push);
  ASSERT_TRUE((*pushing)->push("event", 20s));
  ASSERT_TRUE(g.house->ingest.wait([&] { return g.house->ingest.events.size() == 1; }));
  EXPECT_EQ(g.house->ingest.events.at(0).client, "probe");
  EXPECT_TRUE(g.counted(0, handshake::accepted, 2));
  EXPECT_TRUE(g.counted(1, handshake::accepted, 2));
}

TEST(Curve, TheCanaryIsRefusedByEverySocketBeforeTheStartIsDone) {
  const guarded_house g;
  ASSERT_TRUE(g.house->house);
  EXPECT_EQ(g.count(0, handshake::canary), 2U);
  EXPECT_EQ(g.count(1, handshake::canary), 2U);
}

TEST(Curve, StrangersAreRefusedAndCountedByReason) {
  guarded_house g;
  g.folder.pair("stranger");
  g.folder.pair("other-server");
  g.house->start();
  const auto unknown = g.publisher(g.folder.keys("stranger"));
  const auto elsewhere = g.publisher(g.folder.keys("probe", "other-server"));
  const auto without = g.publisher(nullptr);
  // It goes as soon as it has seen what is spoken here, so that we may see no more than that. This
  // one says what it speaks and stays.
  testing::raw_http null{"127.0.0.1:" + g.house->router.substr(g.house->router.rfind(':') + 1)};
  null.send(greeting("NULL"));
  for (const auto& client : {unknown.get(), elsewhere.get(), without.get()})
    ASSERT_TRUE(client->send("payload", 20s));
  // Pumped until each has been refused: their sockets work only while they are used.
  const auto pump = [&](handshake outcome) {
    for (int i = 0; i < 3000 && g.count(0, outcome) == 0; ++i)
      for (const auto& client : {unknown.get(), elsewhere.get(), without.get()})
        EXPECT_TRUE(client->poll(5ms));
    return g.count(0, outcome) > 0;
  };
  EXPECT_TRUE(pump(handshake::unknown_key));
  EXPECT_TRUE(pump(handshake::wrong_server_key));
  EXPECT_TRUE(pump(handshake::no_keys));
  EXPECT_EQ(g.count(0, handshake::accepted), 0U);
  EXPECT_TRUE(g.house->ingest.requests_so_far().empty());
}

TEST(Curve, GarbageIsCounted) {
  guarded_house g;
  g.house->start();
  const auto port = g.house->router.substr(g.house->router.rfind(':') + 1);
  testing::raw_http http{"127.0.0.1:" + port};
  http.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  testing::raw_http broken{"127.0.0.1:" + port};
  broken.send(greeting("CURVE") + std::string(60, '\0'));
  testing::raw_http silent{"127.0.0.1:" + port};
  EXPECT_TRUE(g.counted(0, handshake::not_zmtp));
  EXPECT_TRUE(g.counted(0, handshake::malformed));
  EXPECT_TRUE(g.counted(0, handshake::broken_off));
  EXPECT_EQ(g.count(0, handshake::accepted), 0U);
}

TEST(Curve, AKeyWithoutTheRightToADomainIsRefusedThere) {
  guarded_house g;
  g.folder.add("listener", false, true);
  ASSERT_TRUE(in_force(g.house->house->read_clients_again()));
  g.house->start();
  const auto feed = g.subscriber(g.folder.keys("listener"));
  EXPECT_TRUE(feed->wait_until_live(20s));
  const auto publisher = g.publisher(g.folder.keys("listener"));
  ASSERT_TRUE(publisher->send("payload", 20s));
  for (int i = 0; i < 3000 && g.count(0, handshake::not_allowed) == 0; ++i)
    ASSERT_TRUE(publisher->poll(5ms));
  EXPECT_GT(g.count(0, handshake::not_allowed), 0U);
  EXPECT_TRUE(g.house->ingest.requests_so_far().empty());
}

TEST(Curve, AnExpiredKeyIsRefused) {
  guarded_house g;
  client_rights old;
  old.name = "old";
  old.ingest = true;
  old.expiry = arrival_time_of(1000);
  g.folder.add(old);
  ASSERT_TRUE(in_force(g.house->house->read_clients_again()));
  const auto publisher = g.publisher(g.folder.keys("old"));
  for (int i = 0; i < 3000 && g.count(0, handshake::expired) == 0; ++i)
    ASSERT_TRUE(publisher->poll(5ms));
  EXPECT_GT(g.count(0, handshake::expired), 0U);
}

TEST(Curve, AReloadEndsTheServiceOfASessionThatIsOpen) {
  guarded_house g;
  g.house->start();
  const auto publisher = g.publisher(g.folder.keys("probe"));
  ASSERT_TRUE(publisher->send("before", 20s));
  ASSERT_TRUE(publisher->flush(20s));
  g.take_away("probe");
  const auto changes = in_force(g.house->house->read_clients_again());
  ASSERT_TRUE(changes);
  EXPECT_THAT(changes->removed, ::testing::ElementsAre("probe"));
  ASSERT_TRUE(publisher->send("after", 20s));
  ASSERT_TRUE(publisher->flush(20s));  // of this handler, which acknowledges everybody
  EXPECT_EQ(g.house->ingest.requests_so_far().back().client, "-");
}

TEST(Curve, WhatHasTooManyFramesNamesItsSenderToo) {
  guarded_house g;
  g.house->start();
  const auto keys = g.folder.keys("probe");
  zmq::context_t context;
  std::size_t told = 0;
  for (const auto& [kind, endpoint] : {std::pair{zmq::socket_type::dealer, g.house->router},
                                       std::pair{zmq::socket_type::push, g.house->pull}}) {
    zmq::socket_t s{context, kind};
    s.set(zmq::sockopt::linger, 0);
    prove_keys(s, keys->own, keys->server_key);
    s.connect(endpoint);
    s.send(zmq::str_buffer("a"), zmq::send_flags::sndmore);
    s.send(zmq::str_buffer("b"), zmq::send_flags::sndmore);
    s.send(zmq::str_buffer("c"), zmq::send_flags::none);
    ++told;
    ASSERT_TRUE(g.house->ingest.wait([&] { return g.house->ingest.bad_requests.size() == told; }));
  }
  const std::lock_guard lock{g.house->ingest.mutex};
  for (const auto& bad : g.house->ingest.bad_requests) EXPECT_EQ(bad.client, "probe");
}

TEST(Curve, AKeyThatIsReplacedUnderItsNameIsServedNoMore) {
  guarded_house g;
  g.house->start();
  const auto publisher = g.publisher(g.folder.keys("probe"));
  ASSERT_TRUE(publisher->send("before", 20s));
  ASSERT_TRUE(publisher->flush(20s));
  g.take_away("probe");
  std::filesystem::remove(g.folder.path / "probe.secret");
  g.folder.add("probe", true, true);
  ASSERT_TRUE(in_force(g.house->house->read_clients_again()));
  ASSERT_TRUE(publisher->send("after", 20s));
  ASSERT_TRUE(publisher->flush(20s));
  EXPECT_EQ(g.house->ingest.requests_so_far().back().client, "-");
}

TEST(Curve, AReloadTakesTheFeedFromASubscriberAndTheOthersLoseNothing) {
  guarded_house g;
  g.folder.add("stays", false, true);
  ASSERT_TRUE(in_force(g.house->house->read_clients_again()));
  g.house->start();
  const auto goes = g.subscriber(g.folder.keys("probe"));
  const auto stays = g.subscriber(g.folder.keys("stays"));
  ASSERT_TRUE(goes->wait_until_live(20s));
  ASSERT_TRUE(stays->wait_until_live(20s));
  g.take_away("probe");
  ASSERT_TRUE(in_force(g.house->house->read_clients_again()));
  EXPECT_TRUE(g.counted(1, handshake::unknown_key));  // it comes again, and is refused
  g.house->house->publish(g.house->feed.add("regime_changed", "host/a"), {});
  const auto record = stays->next(20s);
  ASSERT_TRUE(record);
  ASSERT_TRUE(*record);
  EXPECT_EQ((*record)->seq, 1U);
  EXPECT_EQ(g.house->house->counters().feed_rebound, 1U);
  const auto none = goes->next(0ms);
  EXPECT_TRUE(!none || !*none);
}

TEST(Curve, AFeedBoundByTheNameOfALocalInterfaceStillAsksForKeysWhenAllHaveComeAnew) {
  key_folder folder;
  folder.pair("server");
  folder.add("goes", false, true);
  folder.add("stays", false, true);
  socket_options options;
  options.security = {(folder.path / "server.secret").string(), folder.clients().string(),
                      curve_mode::network};
  open_house h{options, "tcp://lo:*"};
  ASSERT_TRUE(h.house);
  h.start();
  feed_client_options o;
  o.publish = h.publish;
  o.replay = h.replay;
  o.keys = folder.keys("stays");
  const auto stays = feed_client::connect(o);
  ASSERT_TRUE((*stays)->wait_until_live(20s));
  std::filesystem::remove(folder.clients() / "goes.pub");
  ASSERT_TRUE(in_force(h.house->read_clients_again()));
  const auto until = std::chrono::steady_clock::now() + testing::patience;
  while (h.house->counters().feed_rebound == 0 && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(10ms);
  ASSERT_EQ(h.house->counters().feed_rebound, 1U);
  const auto again = feed_client::connect(o);
  EXPECT_TRUE((*again)->wait_until_live(20s));
  o.keys = nullptr;
  const auto stranger = feed_client::connect(o);
  EXPECT_FALSE((*stranger)->wait_until_live(2s));
}

TEST(Curve, WhoIsRefusedAtFirstIsServedWhenItsKeyIsKnown) {
  guarded_house g;
  g.folder.pair("late");
  g.house->start();
  const auto publisher = g.publisher(g.folder.keys("late"));
  const auto feed = g.subscriber(g.folder.keys("late"));
  ASSERT_TRUE(publisher->send("payload", 20s));
  ASSERT_TRUE(g.counted(0, handshake::unknown_key));
  ASSERT_TRUE(g.counted(1, handshake::unknown_key));
  client_rights rights;
  rights.name = "late";
  rights.ingest = rights.feed = true;
  rights.public_key = g.folder.keys("late")->own.public_key;
  std::ofstream{g.folder.clients() / "late.pub"} << client_text(rights);
  ASSERT_TRUE(in_force(g.house->house->read_clients_again()));
  EXPECT_TRUE(publisher->flush(20s));
  EXPECT_TRUE(feed->wait_until_live(20s));
}

TEST(Curve, AReplayForAKeyThatWasTakenAwayIsRefused) {
  guarded_house g;
  g.house->start();
  const auto feed = g.subscriber(g.folder.keys("probe"));
  ASSERT_TRUE(feed->snapshot());
  g.take_away("probe");
  ASSERT_TRUE(in_force(g.house->house->read_clients_again()));
  const auto refused = feed->snapshot();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("no right to the feed"));
  EXPECT_EQ(g.house->house->counters().feed_refused, 1U);
}

TEST(Curve, AFileThatCannotBeReadRefusesTheReloadAndTheListStays) {
  guarded_house g;
  g.house->start();
  g.take_away("probe");
  ASSERT_EQ(::chmod(g.folder.add("other", true, false).c_str(), 0600), 0);
  ASSERT_EQ(::chmod((g.folder.clients() / "other.pub").c_str(), 0666), 0);
  EXPECT_FALSE(in_force(g.house->house->read_clients_again()));
  const auto publisher = g.publisher(g.folder.keys("probe"));
  ASSERT_TRUE(publisher->send("payload", 20s));
  EXPECT_TRUE(publisher->flush(20s));
  EXPECT_EQ(g.house->ingest.requests_so_far().at(0).client, "probe");
}

TEST(Curve, ASocketOfANetworkWithoutAKeyOfTheServerIsNotOpened) {
  socket_options options;
  options.pull = {"tcp://127.0.0.1:*"};
  options.router = {"tcp://0.0.0.0:*"};
  options.publish = options.replay = "tcp://127.0.0.1:*";
  const auto opened = open_doors(options);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().what, HasSubstr("ingest.router tcp://0.0.0.0:* is open to a network"));
  EXPECT_THAT(opened.error().what, HasSubstr("faultline keygen"));
}

TEST(Curve, ASubscriptionOverANetworkWithoutAKeyOfThePublisherIsNotOpened) {
  socket_options options;
  options.pull = options.router = {};
  options.publish = options.replay = "tcp://127.0.0.1:*";
  options.subscribe = {"tcp://192.0.2.7:5556"};
  const auto opened = open_doors(options);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().what, HasSubstr("tcp://192.0.2.7:5556"));
}

/// Doors that subscribe to @p pub, whose key they know.
socket_options listening_to(zmq::socket_t& pub, const curve_identity& own,
                            const key_folder& folder) {
  client_rights hub;
  hub.name = "hub";
  hub.ingest = true;
  hub.endpoint = pub.get(zmq::sockopt::last_endpoint);
  hub.public_key = own.public_key;
  std::ofstream{folder.clients() / "hub.pub"} << client_text(hub);
  socket_options options;
  options.subscribe = {hub.endpoint};
  options.security = {(folder.path / "server.secret").string(), folder.clients().string(),
                      curve_mode::network};
  return options;
}

TEST(Curve, APublisherThatWeConnectToProvesItsKey) {
  key_folder folder;
  folder.pair("server");
  const auto context = std::make_unique<zmq::context_t>(1);
  zmq::socket_t pub{*context, zmq::socket_type::pub};
  pub.set(zmq::sockopt::linger, 0);
  const auto own = new_identity();
  pub.set(zmq::sockopt::curve_server, true);
  pub.set(zmq::sockopt::curve_secretkey, std::string{own.secret_key.reveal()});
  pub.bind("tcp://127.0.0.1:*");
  open_house h{listening_to(pub, own, folder)};
  ASSERT_TRUE(h.house);
  h.start();
  // A PUB sends to nobody until the subscription is there: again, until one has arrived.
  for (int i = 0; i < 3000 && h.ingest.event_count() == 0; ++i) {
    pub.send(zmq::str_buffer("event"), zmq::send_flags::none);
    std::this_thread::sleep_for(10ms);
  }
  ASSERT_GT(h.ingest.event_count(), 0U);
  EXPECT_EQ(h.ingest.events.at(0).client, "hub");
}

/// What a publisher's authenticator answers to the first who ask, and then.
void answer_for(zmq::socket_t& zap, int refused) {
  for (bool more = true; more; --refused) {
    std::vector<zmq::message_t> question;
    do {
      question.emplace_back();
      if (!zap.recv(question.back())) return;
    } while (question.back().more());
    zap.send(question[0], zmq::send_flags::sndmore);
    zap.send(question[1], zmq::send_flags::sndmore);
    more = refused > 0;
    for (const std::string text : {more ? "400" : "200", "", "us"})
      zap.send(zmq::buffer(text), zmq::send_flags::sndmore);
    zap.send(zmq::message_t{}, zmq::send_flags::none);
  }
}

TEST(Curve, APublisherThatRefusesUsAtFirstIsAskedAgain) {
  zmq::context_t context{1};
  zmq::socket_t zap{context, zmq::socket_type::rep};
  zap.set(zmq::sockopt::linger, 1000);
  zap.set(zmq::sockopt::rcvtimeo, 20000);
  zap.bind("inproc://zeromq.zap.01");
  zmq::socket_t pub{context, zmq::socket_type::pub};
  const auto own = new_identity();
  pub.set(zmq::sockopt::linger, 0);
  ask_for_keys(pub, own, curve_domain::ingest);
  pub.bind("tcp://127.0.0.1:*");
  key_folder folder;
  folder.pair("server");
  open_house h{listening_to(pub, own, folder)};
  ASSERT_TRUE(h.house);
  h.start();
  answer_for(zap, 2);
  for (int i = 0; i < 2000 && h.ingest.event_count() == 0; ++i) {
    pub.send(zmq::str_buffer("event"), zmq::send_flags::none);
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_GT(h.ingest.event_count(), 0U);
}

TEST(Curve, SocketsOfThisMachineAskForNothingUnlessTold) {
  for (const char* local : {"tcp://127.0.0.1:1", "tcp://127.8.0.1:1", "tcp://[::1]:1",
                            "tcp://localhost:1", "ipc:///run/x", "inproc://x"})
    EXPECT_TRUE(is_local(local)) << local;
  for (const char* far : {"tcp://0.0.0.0:1", "tcp://*:1", "tcp://10.0.0.7:1", "tcp://eth0:1",
                          "tcp://127.example.org:1", "tcp://[::]:1", "tcp://localhost.org:1"})
    EXPECT_FALSE(is_local(far)) << far;
}

/// What the canary says of a ROUTER that nobody guards, made ready by @p prepare.
template <class Prepare>
auto canary_of_unguarded(Prepare prepare) {
  zmq::context_t context{1};
  zmq::socket_t router{context, zmq::socket_type::router};
  router.set(zmq::sockopt::linger, 0);
  const auto own = new_identity();
  prepare(router, own);
  router.bind("tcp://127.0.0.1:*");
  return send_canary(context, zmq::socket_type::router, router.get(zmq::sockopt::last_endpoint),
                     new_identity(), own.public_key);
}

TEST(Curve, TheCanarySeesASocketThatLetsStrangersIn) {
  const auto sent = canary_of_unguarded([](zmq::socket_t& router, const auto& own) {
    router.set(zmq::sockopt::curve_server, true);
    router.set(zmq::sockopt::curve_secretkey, std::string{own.secret_key.reveal()});
  });
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ec::invalid);
}

TEST(Curve, ASocketThatAsksForKeysLetsNobodyInWithoutAnAuthenticator) {
  const auto sent = canary_of_unguarded([](zmq::socket_t& router, const auto& own) {
    ask_for_keys(router, own, curve_domain::ingest);
  });
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ec::deadline_passed);
}

TEST(Curve, TheEndOfTheAuthenticatorIsTold) {
  zmq::context_t context{1};
  const current_access access{std::make_shared<access_list>()};
  std::promise<std::string> told;
  authenticator guard{context, access, [&](const std::string& why) { told.set_value(why); }};
  guard.open();
  context.shutdown();  // what it waits on fails
  auto why = told.get_future();
  ASSERT_EQ(why.wait_for(testing::patience), std::future_status::ready);
  EXPECT_THAT(why.get(), HasSubstr("authenticator"));
}

}  // namespace
}  // namespace faultline
