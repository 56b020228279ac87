// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <zmq.hpp>

#include "transport/internal/zmq_tools.hpp"

namespace faultline {
namespace {

using std::chrono::steady_clock;
constexpr std::chrono::seconds patience{20};

struct pull_door {
  pull_door() {
    socket.set(zmq::sockopt::linger, 0);
    socket.bind("tcp://127.0.0.1:*");
  }
  zmq::socket_t publisher() {
    zmq::socket_t p{context, zmq::socket_type::push};
    p.connect(socket.get(zmq::sockopt::last_endpoint));
    return p;
  }
  zmq::message_t next() {
    zmq::message_t m;
    socket.set(zmq::sockopt::rcvtimeo, 20'000);
    EXPECT_TRUE(socket.recv(m));
    return m;
  }
  zmq::context_t context{1};
  zmq::socket_t socket{context, zmq::socket_type::pull};
};

/// Waits until the connection that @p message came by is closed at this end as well.
bool is_closed(zmq::message_t& message) {
  const auto end = steady_clock::now() + patience;
  while (steady_clock::now() < end) {
    if (peer_names{}.of(message) == "127.0.0.1") return true;
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  return false;
}

TEST(PeerNames, AreKeptForMessagesThatAreReadAfterTheirConnectionHasClosed) {
  pull_door door;
  peer_names names;
  auto publisher = door.publisher();
  for (const auto* text : {"one", "two"}) publisher.send(zmq::buffer(std::string{text}));
  auto first = door.next();
  const auto begin = steady_clock::now();
  const std::string name{names.of(first, begin)};
  EXPECT_EQ(name.rfind("127.0.0.1:", 0), 0U) << name;
  publisher.close();
  auto second = door.next();
  ASSERT_TRUE(is_closed(second));
  EXPECT_EQ(names.of(second, begin + std::chrono::hours{1}), name);
}

TEST(PeerNames, OfAnotherConnectionIsAnotherThoughItHasTheDescriptorOfOneThatClosed) {
  pull_door door;
  peer_names names;
  auto one = door.publisher();
  one.send(zmq::buffer(std::string{"one"}));
  auto first = door.next();
  const std::string name{names.of(first)};
  one.close();
  ASSERT_TRUE(is_closed(first));
  auto other = door.publisher();
  other.send(zmq::buffer(std::string{"two"}));
  auto second = door.next();
  EXPECT_NE(names.of(second), name);
  EXPECT_EQ(names.of(second).rfind("127.0.0.1:", 0), 0U) << names.of(second);
  EXPECT_EQ(names.of(first), name);
}

TEST(PeerNames, IsTheHostAloneWhereTheConnectionHadClosedBeforeItWasAskedFor) {
  pull_door door;
  auto publisher = door.publisher();
  publisher.send(zmq::buffer(std::string{"one"}));
  publisher.close();
  auto message = door.next();
  EXPECT_TRUE(is_closed(message));
}

}  // namespace
}  // namespace faultline
