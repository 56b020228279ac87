// SPDX-License-Identifier: Apache-2.0
//
// What we rely on in libzmq and what no document of it promises. Red here on another version of
// the library: read docs/decisions/0016 before anything else.
#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <zmq.hpp>

#include "transport/internal/curve.hpp"
#include "transport/internal/zmq_tools.hpp"

namespace faultline {
namespace {

constexpr int enforce_domain = 93;
constexpr int patience_ms = 20'000;

/// A ROUTER that asks for keys, and a stranger who comes with one of its own.
struct door_and_stranger {
  /// @param handshake_ms a question to one who is going has no answer: how long that is waited for.
  explicit door_and_stranger(bool enforced, int handshake_ms = patience_ms) {
    const int on = 1;
    if (enforced) zmq_setsockopt(router.handle(), enforce_domain, &on, sizeof on);
    zmq_setsockopt(router.handle(), ZMQ_ZAP_DOMAIN, "ingest", 6);
    zmq_setsockopt(router.handle(), ZMQ_CURVE_SERVER, &on, sizeof on);
    const auto hidden = own.secret_key.reveal();
    zmq_setsockopt(router.handle(), ZMQ_CURVE_SECRETKEY, hidden.data(), hidden.size());
    router.set(zmq::sockopt::linger, 0);
    router.set(zmq::sockopt::handshake_ivl, handshake_ms);
    events.set(zmq::sockopt::linger, 0);
    zmq_socket_monitor(router.handle(), "inproc://events",
                       ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                           ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL);
    events.connect("inproc://events");
    router.bind("tcp://127.0.0.1:*");
    prove_keys(stranger, client, own.public_key);
    stranger.set(zmq::sockopt::linger, 0);
  }
  ~door_and_stranger() { zmq_socket_monitor(router.handle(), nullptr, 0); }

  /// What becomes of the stranger's handshake, as the router tells it.
  int knock() {
    stranger.connect(router.get(zmq::sockopt::last_endpoint));
    zmq_pollitem_t item{events.handle(), 0, ZMQ_POLLIN, 0};
    wait_for(&item, 1, patience_ms);
    frame_list event;
    std::uint16_t what = 0;
    if (receive(events, event)) std::memcpy(&what, event[0].data(), sizeof what);
    return what;
  }

  zmq::context_t context{1};
  curve_identity own = new_identity(), client = new_identity();
  zmq::socket_t router{context, zmq::socket_type::router};
  zmq::socket_t stranger{context, zmq::socket_type::dealer};
  zmq::socket_t events{context, zmq::socket_type::pair};
};

/// Answers questions of ZAP with @p status until it ends.
struct handler {
  handler(zmq::context_t& context, std::string with)
      : socket{context, zmq::socket_type::rep}, status{std::move(with)} {
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::rcvtimeo, 20);
    socket.bind("inproc://zeromq.zap.01");
    thread = std::thread{[this] { run(); }};
  }
  ~handler() {
    stopping = true;
    thread.join();
  }
  void run() {
    while (!stopping) {
      std::vector<std::string> frames;
      zmq::message_t frame;
      do {
        if (!socket.recv(frame)) break;
        frames.push_back(frame.to_string());
      } while (frame.more());
      if (frames.size() < 6) continue;
      const std::vector<std::string> reply{frames[0], frames[1], status, "", "who it is", ""};
      for (std::size_t i = 0; i < reply.size(); ++i)
        socket.send(zmq::buffer(reply[i]),
                    i + 1 < reply.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  }
  zmq::socket_t socket;
  std::string status;
  std::atomic<bool> stopping{false};
  std::thread thread;
};

TEST(ZmqAssumption, CurveWithoutAnAuthenticatorLetsEverybodyIn) {
  door_and_stranger d{false};
  EXPECT_EQ(d.knock(), ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
}

TEST(ZmqAssumption, Option93RefusesEverybodyWithoutAnAuthenticator) {
  door_and_stranger d{true, 1000};
  EXPECT_EQ(d.knock(), ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL);
}

TEST(ZmqAssumption, Option93RefusesEverybodyAfterTheAuthenticatorHasGone) {
  door_and_stranger d{true, 1000};
  { const handler gone{d.context, "200"}; }
  EXPECT_EQ(d.knock(), ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL);
}

TEST(ZmqAssumption, AnAuthenticatorThatSaysNoIsHeard) {
  door_and_stranger d{true};
  const handler no{d.context, "400"};
  EXPECT_EQ(d.knock(), ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
}

TEST(ZmqAssumption, UserIdStandsAtThePayloadFrameAndNotAtTheRoutingId) {
  door_and_stranger d{true};
  const handler yes{d.context, "200"};
  ASSERT_EQ(d.knock(), ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
  d.stranger.send(zmq::buffer(std::string_view{"header"}), zmq::send_flags::sndmore);
  d.stranger.send(zmq::buffer(std::string_view{"payload"}), zmq::send_flags::none);
  zmq_pollitem_t item{d.router.handle(), 0, ZMQ_POLLIN, 0};
  wait_for(&item, 1, patience_ms);
  frame_list message;
  ASSERT_TRUE(receive(d.router, message));
  ASSERT_EQ(message.count, 3U);
  EXPECT_EQ(zmq_msg_gets(message.frames[0].handle(), "User-Id"), nullptr);
  EXPECT_STREQ(zmq_msg_gets(message.frames[2].handle(), "User-Id"), "who it is");
}

}  // namespace
}  // namespace faultline
