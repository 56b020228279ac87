// SPDX-License-Identifier: Apache-2.0
//
// Answers without an end.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>

#include "tests/transport/raw_http.hpp"
#include "tests/transport/reload_now.hpp"
#include "transport/http_server.hpp"

namespace faultline {
namespace {

using namespace std::chrono_literals;
using faultline::testing::in_force;
using faultline::testing::raw_http;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto patience = 20s;

/// A server whose every answer goes on; the test says what its pieces are.
class HttpLive : public ::testing::Test {
protected:
  using piece_wanted = std::function<void(std::optional<std::string>)>;

  void open(web_options options = {}) {
    options.listen_address = "127.0.0.1:0";
    auto opened = open_http_server(options);
    ASSERT_TRUE(opened) << opened.error().what;
    server = std::move(*opened);
    server->start([this](const http_request& request, const http_responder& respond) {
      http_response r;
      r.content_type = "text/plain";
      if (request.path == "/plain") {
        r.body = "plain";
        return respond(std::move(r));
      }
      r.body = "first.";
      r.live = [this](piece_wanted done) {
        const std::lock_guard lock{mutex};
        if (flood) return done(std::string(64 * 1024, 'x'));
        wanted.push_back(std::move(done));
        changed.notify_all();
      };
      respond(std::move(r));
    });
  }
  /// The next piece that is asked for; waits for it.
  piece_wanted next() {
    std::unique_lock lock{mutex};
    if (!changed.wait_for(lock, patience, [&] { return !wanted.empty(); })) return {};
    piece_wanted one = std::move(wanted.front());
    wanted.pop_front();
    return one;
  }
  template <class Holds>
  bool counted(Holds holds) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!holds(server->counters())) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(5ms);
    }
    return true;
  }
  std::string address() const { return server->bound_address(); }

  static constexpr const char* live_request = "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<piece_wanted> wanted;
  bool flood = false;
  std::unique_ptr<http_server> server;
};

TEST_F(HttpLive, SendsAPieceWhenTheOneBeforeWasTakenAndEndsWithTheLast) {
  open();
  raw_http client{address()};
  ASSERT_TRUE(client.send(live_request));
  auto done = next();
  ASSERT_TRUE(done);
  done("second.");
  done = next();
  ASSERT_TRUE(done);
  done(std::nullopt);
  ASSERT_TRUE(client.closed_within(10s));
  const std::string got = client.rest();
  EXPECT_THAT(got, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(got, HasSubstr("X-Content-Type-Options: nosniff"));
  EXPECT_THAT(got, HasSubstr("Connection: close"));
  EXPECT_THAT(got, ::testing::EndsWith("\r\n\r\nfirst.second."));
}

TEST_F(HttpLive, HaveTheirOwnPlacesAndBeyondThemAreTold503) {
  web_options options;
  options.max_connections = 2;
  options.max_streams = 2;
  open(options);
  raw_http one{address()};
  ASSERT_TRUE(one.send(live_request));
  ASSERT_TRUE(next());
  raw_http two{address()};
  ASSERT_TRUE(two.send(live_request));
  ASSERT_TRUE(next());
  raw_http three{address()};
  ASSERT_TRUE(three.send(live_request));
  EXPECT_THAT(three.answer(), HasSubstr("503"));
  EXPECT_EQ(server->counters().streams, 2U);
  EXPECT_EQ(server->counters().streams_refused, 1U);
  raw_http plain{address()};
  ASSERT_TRUE(plain.send("GET /plain HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  EXPECT_THAT(plain.answer(), HasSubstr("plain"));
}

TEST_F(HttpLive, AReaderThatHasGoneGivesItsPlaceBackThoughNothingHappens) {
  web_options options;
  options.max_streams = 1;
  open(options);
  {
    raw_http client{address()};
    ASSERT_TRUE(client.send(live_request));
    ASSERT_TRUE(next());
  }
  EXPECT_TRUE(counted([](const http_counters& c) { return c.streams == 0; }));
}

TEST_F(HttpLive, AReaderThatTakesNothingIsCut) {
  web_options options;
  options.idle_timeout = 1s;
  flood = true;
  open(options);
  raw_http client{address()};
  ASSERT_TRUE(client.send(live_request));
  EXPECT_TRUE(counted([](const http_counters& c) { return c.streams_cut == 1; }));
  EXPECT_TRUE(counted([](const http_counters& c) { return c.streams == 0; }));
}

TEST_F(HttpLive, WhatComesAfterTheReaderOrTheServerHasGoneIsDropped) {
  open();
  piece_wanted late;
  {
    raw_http client{address()};
    ASSERT_TRUE(client.send(live_request));
    late = next();
    ASSERT_TRUE(late);
  }
  EXPECT_TRUE(counted([](const http_counters& c) { return c.streams == 0; }));
  late("for nobody");
  raw_http another{address()};
  ASSERT_TRUE(another.send(live_request));
  late = next();
  ASSERT_TRUE(late);
  server->stop();
  EXPECT_TRUE(another.closed_within(10s));
  late("for nobody");
}

TEST_F(HttpLive, AReloadEndsThemSoThatWhoMayNotReadAnyMoreIsOut) {
  open();
  raw_http client{address()};
  ASSERT_TRUE(client.send(live_request));
  ASSERT_TRUE(next());
  ASSERT_TRUE(in_force(server->read_again()));
  EXPECT_TRUE(client.closed_within(10s));
}

}  // namespace
}  // namespace faultline
