// SPDX-License-Identifier: Apache-2.0
//
// How much of a body is taken, by path, and by what is being received already.
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "tests/transport/raw_http.hpp"
#include "transport/http_server.hpp"

namespace faultline {
namespace {

using faultline::testing::raw_http;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A server whose path /events takes events. It says how long each body was; /events?hold waits.
class HttpBodies : public ::testing::Test {
protected:
  void open(web_options options = {}) {
    options.listen_address = "127.0.0.1:0";
    auto opened = open_http_server(options);
    ASSERT_TRUE(opened) << opened.error().what;
    server = std::move(*opened);
    server->start(
        [this](http_request request, http_responder respond) {
          if (!request.query.empty()) {
            const std::lock_guard lock{mutex};
            held.push_back(std::move(respond));
            changed.notify_all();
            return;
          }
          http_response r;
          r.body = std::to_string(request.body.size());
          respond(std::move(r));
        },
        [](std::string_view path) { return path == "/events"; });
  }
  static std::string head(const std::string& target, std::size_t length) {
    return "POST " + target +
           " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
  }
  std::string post(const std::string& target, std::size_t length) {
    raw_http client{server->bound_address()};
    client.send(head(target, length));
    client.send(std::string(length, 'x'));
    return client.answer();
  }
  http_responder wait_for_held(std::size_t index) {
    std::unique_lock lock{mutex};
    changed.wait_for(lock, std::chrono::seconds{15}, [&] { return held.size() > index; });
    return held.at(index);
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<http_responder> held;
  std::unique_ptr<http_server> server;
};

TEST_F(HttpBodies, APathThatTakesEventsTakesMoreThanTheOthers) {
  open();
  const std::size_t small = std::size_t{64} * 1024, large = std::size_t{4} * 1024 * 1024;
  EXPECT_THAT(post("/", small), HasSubstr("\r\n\r\n65536"));
  EXPECT_THAT(post("/", small + 1), StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(post("/events", large), HasSubstr("\r\n\r\n4194304"));
  EXPECT_THAT(post("/events", large + 1), StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(post("/events/", small + 1), StartsWith("HTTP/1.1 413"));
}

TEST_F(HttpBodies, WhoSendsAllOfABodyThatIsNotWantedBeforeItReadsIsToldSo) {
  open();
  const std::size_t large = std::size_t{32} * 1024 * 1024;
  raw_http with_length{server->bound_address()};
  with_length.send(head("/events", large));
  EXPECT_TRUE(with_length.send(std::string(large, 'x'))) << "the connection was reset";
  EXPECT_THAT(with_length.answer(), StartsWith("HTTP/1.1 413"));
  raw_http in_chunks{server->bound_address()};
  in_chunks.send(
      "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n2000000\r\n");
  EXPECT_TRUE(in_chunks.send(std::string(large, 'x') + "\r\n0\r\n\r\n"))
      << "the connection was reset";
  EXPECT_THAT(in_chunks.answer(), StartsWith("HTTP/1.1 413"));
}

TEST_F(HttpBodies, WhoSendsWithoutEndAfterARefusalIsCutOff) {
  open();
  raw_http client{server->bound_address()};
  client.send(head("/events", std::size_t{1} << 40U));
  const std::string part(std::size_t{1} << 20U, 'x');
  int sent = 0;
  while (sent < 1024 && client.send(part)) ++sent;
  EXPECT_LT(sent, 1024);
}

TEST_F(HttpBodies, ChunksAreHeldToTheLimitOfTheirPath) {
  open();
  const std::string chunk = "8000\r\n" + std::string(0x8000, 'x') + "\r\n";
  for (const auto& [path, status] :
       {std::pair<std::string, std::string>{"/", "413"}, {"/events", "200"}}) {
    raw_http client{server->bound_address()};
    client.send("POST " + path +
                " HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3; ++i) client.send(chunk);
    client.send("0\r\n\r\n");
    EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 " + status)) << path;
  }
}

TEST_F(HttpBodies, BeyondWhatMayBeReceivedAtOnceASenderIsToldToComeAgainBeforeItsBodyIsRead) {
  web_options options;
  options.event_body_bytes = 1000;
  options.event_bodies_bytes = 5000;  // half of it is one sender's
  open(options);
  raw_http first{server->bound_address()}, second{server->bound_address()},
      third{server->bound_address()};
  first.send(head("/events?hold=1", 1000) + std::string(1000, 'x'));
  const auto answer_first = wait_for_held(0);
  second.send(head("/events?hold=1", 1000) + std::string(1000, 'x'));
  const auto answer_second = wait_for_held(1);
  third.send(head("/events", 1000));  // no byte of its body
  const auto told = third.answer();
  EXPECT_THAT(told, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(told, HasSubstr("Retry-After: 1"));
  EXPECT_THAT(post("/", 1000), StartsWith("HTTP/1.1 200"));  // others are not disturbed
  EXPECT_THAT(post("/events", 500), StartsWith("HTTP/1.1 200"));
  answer_first({});
  EXPECT_THAT(first.answer(), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(post("/events", 1000), StartsWith("HTTP/1.1 200"));
  answer_second({});
  EXPECT_EQ(server->counters().refused_bodies, 1U);
}

TEST_F(HttpBodies, OneThatIsLargerThanAllTogetherMayBeIsNotToldToComeAgain) {
  web_options options;
  options.event_body_bytes = 4000;
  options.event_bodies_bytes = 2000;
  open(options);
  raw_http client{server->bound_address()};
  client.send("POST /events HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.send("5\r\nhello\r\n0\r\n\r\n");
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(post("/events", 2000), StartsWith("HTTP/1.1 200"));
  raw_http large{server->bound_address()};
  large.send(head("/events", 3000));
  EXPECT_THAT(large.answer(), StartsWith("HTTP/1.1 413"));
}

TEST_F(HttpBodies, WhoAnnouncesBodiesAndSendsNoneKeepsNobodyElseOut) {
  open();
  std::vector<std::unique_ptr<raw_http>> silent;
  for (int i = 0; i < 16; ++i) {
    silent.push_back(std::make_unique<raw_http>(server->bound_address()));
    silent.back()->send(head("/events", std::size_t{4} * 1024 * 1024));
  }
  for (int i = 0; i < 1500 && server->counters().refused_bodies < 8; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  EXPECT_EQ(server->counters().refused_bodies, 8U) << "eight have half of it";
  raw_http other{server->bound_address(), "127.0.0.2"};
  other.send(head("/events", 1024) + std::string(1024, 'x'));
  EXPECT_THAT(other.answer(), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpBodies, WhoGoesAwayInTheMiddleGivesItsRoomBack) {
  web_options options;
  options.event_body_bytes = 1000;
  options.event_bodies_bytes = 1000;
  open(options);
  for (int i = 0; i < 5; ++i) {
    raw_http gone{server->bound_address()};
    gone.send(head("/events", 1000) + "x");
  }
  for (int i = 0; i < 1000; ++i)
    if (post("/events", 1000).substr(0, 12) == "HTTP/1.1 200") return;
  FAIL() << "the room is lost";
}

}  // namespace
}  // namespace faultline
