// SPDX-License-Identifier: Apache-2.0
#include "transport/line_doors.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>

#include "tests/transport/raw_http.hpp"
#include "transport/decode/frames.hpp"

namespace faultline {
namespace {

using faultline::testing::raw_http;

/// Doors on free ports and what they handed over.
struct rig {
  explicit rig(std::vector<line_listener> listeners, line_door_limits limits = {}) {
    auto opened = open_line_doors(listeners, limits);
    EXPECT_TRUE(opened) << opened.error().what;
    doors = std::move(*opened);
    doors->start([this](const std::string& name, std::string& frames) {
      const std::lock_guard<std::mutex> lock{mutex};
      ++asked;
      largest = std::max(largest, frames.size());
      changed.notify_all();
      if (!room) return false;
      std::string_view rest{frames}, sender, bytes;
      while (take_frame(rest, sender, bytes)) got.push_back(name + ":" + std::string{bytes});
      changed.notify_all();
      return true;
    });
  }
  std::string address(std::size_t index) const {
    return doors->bound_endpoints().at(index).substr(6);
  }
  bool wait_for(std::size_t count) {
    std::unique_lock<std::mutex> lock{mutex};
    return changed.wait_for(lock, std::chrono::seconds{20}, [&] { return got.size() >= count; });
  }
  void make_room(bool is) {
    const std::lock_guard<std::mutex> lock{mutex};
    room = is;
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> got;
  bool room = true;
  std::size_t asked = 0, largest = 0;  ///< how often somebody asked for room, and for how much
  std::unique_ptr<line_doors> doors;
};

void send_datagram(const std::string& address, std::string_view bytes) {
  const auto colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::atoi(address.c_str() + colon + 1)));
  ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ::sendto(fd, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
  ::close(fd);
}

TEST(LineDoors, DatagramsAndLinesComeInUnderTheNameOfTheirListener) {
  rig r{{{"statsd", "udp://127.0.0.1:0"}, {"syslog", "tcp://127.0.0.1:0"}}};
  send_datagram(r.address(0), "hits:1|c");
  {
    raw_http client{r.address(1)};
    client.send("<1>first\n7 <2>a\nbc<3>last");
  }
  ASSERT_TRUE(r.wait_for(4));
  EXPECT_THAT(r.got, ::testing::UnorderedElementsAre("statsd:hits:1|c", "syslog:<1>first",
                                                     "syslog:<2>a\nbc", "syslog:<3>last"));
  EXPECT_EQ(r.doors->counters().datagrams, 1U);
  EXPECT_EQ(r.doors->counters().messages, 3U);
}

TEST(LineDoors, WithoutRoomStreamsAreNotReadAndNothingOfThemIsLost) {
  rig r{{{"syslog", "tcp://127.0.0.1:0"}}};
  r.make_room(false);
  constexpr std::size_t lines = 40'000;  // with 100 bytes each more than may wait
  std::thread sender{[&] {
    raw_http client{r.address(0)};
    const std::string line = "<1>" + std::string(96, 'x') + "\n";
    for (std::size_t i = 0; i < lines; ++i) client.send(line);
  }};
  constexpr std::size_t full = std::size_t{1024} * 1024;
  {
    std::unique_lock<std::mutex> lock{r.mutex};
    const auto told = [&](auto what) {
      return r.changed.wait_for(lock, std::chrono::seconds{20}, what);
    };
    EXPECT_TRUE(told([&] { return r.largest >= full; }));
    const auto then = r.asked;
    EXPECT_TRUE(told([&] { return r.asked >= then + 3; }));
    EXPECT_LT(r.largest, full + 64 * 1024) << "of what the sender has sent meanwhile";
  }
  r.make_room(true);
  EXPECT_TRUE(r.wait_for(lines));
  sender.join();
}

TEST(LineDoors, WithoutRoomDatagramsAreDroppedAndCounted) {
  rig r{{{"statsd", "udp://127.0.0.1:0"}}};
  r.make_room(false);
  const std::string big(60'000, 'x');
  std::uint64_t sent = 0;
  while (sent < 4000 && r.doors->counters().dropped == 0) {
    send_datagram(r.address(0), big);
    ++sent;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  EXPECT_GT(r.doors->counters().dropped, 0U);
  r.make_room(true);
  EXPECT_TRUE(r.wait_for(10));
  r.doors->stop();
  const auto c = r.doors->counters();
  EXPECT_LE(c.datagrams + c.dropped + c.kernel_drops, sent) << "each is counted once";
}

TEST(LineDoors, AStreamThatCannotBeFollowedIsClosed) {
  rig r{{{"syslog", "tcp://127.0.0.1:0"}}};
  raw_http client{r.address(0)};
  client.send("<1>ok\n99999999 <1>x");
  EXPECT_TRUE(client.closed_within(std::chrono::seconds{15}));
  EXPECT_TRUE(r.wait_for(1));
  EXPECT_EQ(r.doors->counters().broken, 1U);
}

TEST(LineDoors, WhatCameIsHandedOverAtTheEnd) {
  rig r{{{"syslog", "tcp://127.0.0.1:0"}}};
  raw_http client{r.address(0)};
  client.send("<1>a\n");
  for (int i = 0; i < 10'000 && r.doors->counters().messages == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  r.doors->stop();
  EXPECT_EQ(r.got.size(), 1U);
}

TEST(LineDoors, WhatFindsRoomALittleLaterIsHandedOverAtTheEnd) {
  rig r{{{"syslog", "tcp://127.0.0.1:0"}}};
  r.make_room(false);
  raw_http client{r.address(0)};
  client.send("<1>a\n");
  for (int i = 0; i < 10'000 && r.doors->counters().messages == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  std::thread later{[&] {
    std::this_thread::sleep_for(std::chrono::milliseconds{200});
    r.make_room(true);
  }};
  r.doors->stop();
  later.join();
  EXPECT_EQ(r.got.size(), 1U);
  EXPECT_EQ(r.doors->counters().left, 0U);
}

TEST(LineDoors, WhatFindsNoRoomAtTheEndIsCounted) {
  line_door_limits limits;
  limits.last_wait = std::chrono::milliseconds{50};
  rig r{{{"syslog", "tcp://127.0.0.1:0"}}, limits};
  r.make_room(false);
  raw_http client{r.address(0)};
  client.send("<1>a\n<1>b\n");
  for (int i = 0; i < 10'000 && r.doors->counters().messages < 2; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  r.doors->stop();
  EXPECT_TRUE(r.got.empty());
  EXPECT_EQ(r.doors->counters().left, 2U);
}

TEST(LineDoors, WhatLiesInAConnectionAtTheEndIsHandedOver) {
  rig r{{{"syslog", "tcp://127.0.0.1:0"}}};
  raw_http client{r.address(0)};
  std::thread ending;
  {
    std::unique_lock<std::mutex> lock{r.mutex};
    client.send("<1>first\n");
    // The doors' thread waits for the lock from its next hand-over on.
    while (r.doors->counters().messages == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    std::this_thread::sleep_for(std::chrono::milliseconds{300});
    for (int i = 0; i < 2000; ++i) client.send("<1>a line of some words\n");
    ending = std::thread{[&] { r.doors->stop(); }};
    std::this_thread::sleep_for(std::chrono::milliseconds{300});
  }
  ending.join();
  EXPECT_EQ(r.got.size(), 2001U);
}

TEST(LineDoors, DatagramsThatLieInTheSocketAtTheEndAreHandedOver) {
  rig r{{{"syslog", "udp://127.0.0.1:0"}}};
  constexpr std::size_t more_than_a_turn = 270, first = 1;
  std::thread ending;
  {
    std::unique_lock<std::mutex> lock{r.mutex};
    send_datagram(r.address(0), "<1>first");
    // The doors' thread waits for the lock from its next hand-over on.
    while (r.doors->counters().datagrams < first)
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    std::this_thread::sleep_for(std::chrono::milliseconds{300});
    for (std::size_t i = 0; i < more_than_a_turn; ++i) send_datagram(r.address(0), "<1>more");
    ending = std::thread{[&] { r.doors->stop(); }};
    std::this_thread::sleep_for(std::chrono::milliseconds{300});
  }
  ending.join();
  const auto c = r.doors->counters();
  EXPECT_EQ(r.got.size() + c.kernel_drops, first + more_than_a_turn);
  EXPECT_EQ(c.datagrams + c.kernel_drops, first + more_than_a_turn);
}

TEST(LineDoors, AreNotOpenedToNetworksUnlessThatIsSaid) {
  for (const char* endpoint : {"udp://0.0.0.0:0", "tcp://0.0.0.0:0"}) {
    const auto opened = open_line_doors({{"syslog", endpoint}}, {});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ec::invalid);
    EXPECT_TRUE(open_line_doors({{"syslog", endpoint}}, {true})) << endpoint;
  }
  EXPECT_FALSE(open_line_doors({{"syslog", "ipc://x"}}, {true}));
}

TEST(LineDoors, BeyondTheConnectionsThatMayBeOpenOneIsClosedUnlessAnotherWasSilentForLong) {
  line_door_limits two;
  two.connections = 2;
  {
    rig r{{{"syslog", "tcp://127.0.0.1:0"}}, two};
    raw_http first{r.address(0)}, second{r.address(0)}, third{r.address(0)};
    EXPECT_TRUE(third.closed_within(std::chrono::seconds{15}));
    first.send("<1>a\n");
    EXPECT_TRUE(r.wait_for(1));
    EXPECT_EQ(r.doors->counters().refused, 1U);
  }
  two.silent = std::chrono::milliseconds{0};
  rig r{{{"syslog", "tcp://127.0.0.1:0"}}, two};
  raw_http first{r.address(0)};
  first.send("<1>begun");
  raw_http second{r.address(0)}, third{r.address(0)};
  EXPECT_TRUE(first.closed_within(std::chrono::seconds{15}));
  third.send("<1>third\n");
  ASSERT_TRUE(r.wait_for(2));
  EXPECT_THAT(r.got, ::testing::UnorderedElementsAre("syslog:<1>begun", "syslog:<1>third"));
}

}  // namespace
}  // namespace faultline
