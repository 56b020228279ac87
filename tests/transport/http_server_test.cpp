// SPDX-License-Identifier: Apache-2.0
#include "transport/http_server.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "tests/support/heard_log.hpp"
#include "tests/transport/raw_http.hpp"

namespace faultline {
namespace {

using namespace std::chrono_literals;
using faultline::testing::heard_log;
using faultline::testing::raw_http;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// A server on a free port that says what it was asked; /hold keeps its responder for later.
class HttpServer : public ::testing::Test {
protected:
  void open(web_options options = {}) {
    options.listen_address = "127.0.0.1:0";
    options.hosts.emplace_back("h");
    auto opened = open_http_server(options);
    ASSERT_TRUE(opened) << opened.error().what;
    server = std::move(*opened);
    server->start([this](http_request request, http_responder respond) {
      handle(std::move(request), std::move(respond));
    });
  }
  void handle(http_request request, http_responder respond) {
    if (request.path == "/hold") {
      const std::lock_guard lock{mutex};
      held.push_back(std::move(respond));
      changed.notify_all();
      return;
    }
    if (request.path == "/throw") throw std::runtime_error{"a handler broke"};
    http_response r;
    r.content_type = "text/plain";
    r.body = request.method + " " + request.path;
    for (const auto& [key, value] : request.query) r.body += " " + key + "=" + value;
    r.body += " " + std::to_string(request.body.size());
    if (request.path == "/nothing") r.status = 204;
    if (request.path == "/injected") r.headers.emplace_back("X-A", "b\r\nX-Evil: 1");
    respond(std::move(r));
  }
  http_responder wait_for_held(std::size_t index) {
    std::unique_lock lock{mutex};
    changed.wait_for(lock, 15s, [&] { return held.size() > index; });
    return held.at(index);
  }
  std::string ask(std::string_view request, bool head = false) {
    raw_http client{server->bound_address()};
    client.send(request);
    return client.answer(head);
  }
  static nlohmann::json error_of(const std::string& answer) {
    const std::size_t body = answer.find("\r\n\r\n");
    if (body == std::string::npos) return {};
    return nlohmann::json::parse(answer.substr(body + 4), nullptr, false);
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<http_responder> held;
  std::unique_ptr<http_server> server;
};

TEST_F(HttpServer, AnswersWithSecurityHeadersAndWithoutCors) {
  open();
  const std::string got = ask("GET /a%2Fb?x=1%2B1&y=a+b&z HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(got, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(got, HasSubstr("GET /a%2Fb x=1+1 y=a b z= 0"));
  EXPECT_THAT(got, HasSubstr("X-Content-Type-Options: nosniff\r\n"));
  EXPECT_THAT(got, HasSubstr("Content-Security-Policy: default-src 'none'"));
  EXPECT_THAT(got, Not(HasSubstr("Access-Control")));
}

TEST_F(HttpServer, HeadSendsTheLengthButNoBody) {
  open();
  raw_http client{server->bound_address()};
  client.send("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\nGET /y HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string head = client.answer(true);
  EXPECT_THAT(head, HasSubstr("Content-Length: 8\r\n"));
  EXPECT_THAT(client.answer(), HasSubstr("GET /y 0"));
}

TEST_F(HttpServer, AnAnswerWithoutABodyHasNoLengthAndNoTypeAndTheNextOneFollows) {
  open();
  raw_http client{server->bound_address()};
  client.send(
      "POST /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
      "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string nothing = client.answer();
  EXPECT_THAT(nothing, StartsWith("HTTP/1.1 204"));
  EXPECT_THAT(nothing, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(nothing, Not(HasSubstr("Content-Type:")));
  EXPECT_THAT(client.answer(), HasSubstr("GET /next 0"));
}

TEST_F(HttpServer, AnswersPipelinedRequestsInOrder) {
  open();
  raw_http client{server->bound_address()};
  std::string all;
  for (int i = 0; i < 50; ++i) all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  ASSERT_TRUE(client.send(all));
  for (int i = 0; i < 50; ++i)
    EXPECT_THAT(client.answer(), HasSubstr("GET /" + std::to_string(i) + " 0")) << i;
}

TEST_F(HttpServer, AnEmptyLineBehindABodyBreaksNoRequestThatFollows) {
  open();
  raw_http client{server->bound_address()};
  client.send(
      "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok\r\n"
      "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.answer(), HasSubstr("POST /p 2"));
  EXPECT_THAT(client.answer(), HasSubstr("GET /next 0"));
  client.send("\r\nGET /later HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.answer(), HasSubstr("GET /later 0"));
  client.send("\r\n\r\nGET /two HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 400")) << "one line is behind a body, not two";
}

TEST_F(HttpServer, ReadsBodiesWithLengthChunkedAndAfterContinue) {
  open();
  EXPECT_THAT(ask("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"),
              HasSubstr("POST /p 5"));
  EXPECT_THAT(ask("POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"),
              HasSubstr("POST /p 7"));
  raw_http client{server->bound_address()};
  client.send("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 100"));
  client.send("ok");
  EXPECT_THAT(client.answer(), HasSubstr("POST /p 2"));
  EXPECT_THAT(ask("POST /p HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nok"),
              StartsWith("HTTP/1.1 200"))
      << "HTTP/1.0 knows no 100";
}

struct hostile_request {
  const char* name;
  std::string bytes;
  std::string status;
  std::string code;
};

TEST_F(HttpServer, RefusesWhatBreaksARuleWithItsOwnStatus) {
  open();
  const std::string host = "Host: h\r\n";
  const std::vector<hostile_request> rows{
      {"no host", "GET / HTTP/1.1\r\n\r\n", "400", "bad_request"},
      {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400", "bad_request"},
      {"no target", "GET h/ HTTP/1.1\r\n" + host + "\r\n", "400", "bad_request"},
      {"another scheme", "GET ftp://h/ HTTP/1.1\r\n" + host + "\r\n", "400", "bad_request"},
      {"nobody asked", "GET http:///x HTTP/1.1\r\n" + host + "\r\n", "400", "bad_request"},
      {"a user", "GET http://a@h/x HTTP/1.1\r\n" + host + "\r\n", "400", "bad_request"},
      {"absolute, no host", "GET http://h/ HTTP/1.1\r\n\r\n", "400", "bad_request"},
      {"bad escape", "GET /?a=%zz HTTP/1.1\r\n" + host + "\r\n", "400", "bad_request"},
      {"not http", "\x16\x03\x01 hello\r\n\r\n", "400", "bad_request"},
      {"version", "GET / HTTP/9.9\r\n" + host + "\r\n", "400", "bad_request"},
      {"both lengths",
       "POST / HTTP/1.1\r\n" + host +
           "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "400", "bad_request"},
      {"both lengths, other order",
       "POST / HTTP/1.1\r\n" + host +
           "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
       "400", "bad_request"},
      {"two lengths",
       "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", "400",
       "bad_request"},
      {"odd coding",
       "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
       "400", "bad_request"},
      {"chunked twice",
       "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "400",
       "bad_request"},
      {"bad length", "POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n", "400",
       "bad_request"},
      {"bad chunk", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
       "400", "bad_request"},
      {"long header", "GET / HTTP/1.1\r\n" + host + "X: " + std::string(9000, 'a') + "\r\n\r\n",
       "431", "header_too_large"},
      {"endless target", "GET /" + std::string(200000, 'a'), "431", "header_too_large"},
      {"many headers",
       [&] {
         std::string s = "GET / HTTP/1.1\r\n" + host;
         for (int i = 0; i < 3000; ++i) s += "a:b\r\n";
         return s + "\r\n";
       }(),
       "431", "header_too_large"},
      {"long body", "POST / HTTP/1.1\r\n" + host + "Content-Length: 70000\r\n\r\n", "413",
       "too_large"},
      {"huge body", "POST / HTTP/1.1\r\n" + host + "Content-Length: 9000000000000000000\r\n\r\n",
       "413", "too_large"},
      {"endless chunks",
       "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n" +
           [] {
             std::string s;
             for (int i = 0; i < 100; ++i) s += "400\r\n" + std::string(1024, 'x') + "\r\n";
             return s;
           }(),
       "413", "too_large"},
  };
  for (const hostile_request& row : rows) {
    raw_http client{server->bound_address()};
    client.send(row.bytes);
    const std::string got = client.answer();
    EXPECT_THAT(got, StartsWith("HTTP/1.1 " + row.status)) << row.name;
    EXPECT_EQ(error_of(got)["error"]["code"], row.code) << row.name << got;
    EXPECT_TRUE(client.closed_within(10s)) << row.name;
  }
  EXPECT_THAT(ask("GET /still HTTP/1.1\r\nHost: h\r\n\r\n"), HasSubstr("GET /still 0"));
}

// RFC 9112, section 3.2.2: of a target in absolute form the rest of the server is told as of any.
TEST_F(HttpServer, TakesTargetsInAbsoluteForm) {
  open();
  const std::pair<const char*, const char*> rows[] = {
      {"http://h/a/b?c=d", "GET /a/b c=d 0"},
      {"HTTP://h:7800", "GET / 0"},
      {"https://h?c=d", "GET / c=d 0"},
      {"http://h/a?u=http://x/", "GET /a u=http://x/ 0"},
      {"/a?u=http://x/", "GET /a u=http://x/ 0"}};
  for (const auto& [target, told] : rows)
    EXPECT_THAT(ask("GET " + std::string{target} + " HTTP/1.1\r\nHost: h\r\n\r\n"), HasSubstr(told))
        << target;
  // Whom it asks, and not whom Host names.
  EXPECT_THAT(ask("GET http://other/ HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 421"));
}

TEST_F(HttpServer, TakesABodyOfExactlyTheLimit) {
  open();
  EXPECT_THAT(
      ask("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 65536\r\n\r\n" + std::string(65536, 'x')),
      HasSubstr("POST /p 65536"));
}

TEST_F(HttpServer, SlowSocketsDoNotLockOutAnHonestRequest) {
  open();
  std::vector<std::unique_ptr<raw_http>> slow;
  for (int i = 0; i < 64; ++i) {
    slow.push_back(std::make_unique<raw_http>(server->bound_address()));
    ASSERT_TRUE(slow.back()->send("GET / HTTP/1.1\r\nX-"));
  }
  EXPECT_THAT(ask("GET /honest HTTP/1.1\r\nHost: h\r\n\r\n"), HasSubstr("GET /honest 0"));
}

TEST_F(HttpServer, MoreSlowSocketsThanConnectionsAreAllowedMakeRoomOldestFirst) {
  web_options options;
  options.max_connections = 8;
  open(options);
  std::vector<std::unique_ptr<raw_http>> slow;
  for (int i = 0; i < 8; ++i) {
    slow.push_back(std::make_unique<raw_http>(server->bound_address()));
    ASSERT_TRUE(slow.back()->send("GET / HTTP/1.1\r\nX-"));
  }
  EXPECT_THAT(ask("GET /honest HTTP/1.1\r\nHost: h\r\n\r\n"), HasSubstr("GET /honest 0"));
  EXPECT_TRUE(slow.front()->closed_within(10s));
  EXPECT_EQ(server->counters().refused_full, 0u);
}

TEST_F(HttpServer, NobodyYoungIsClosedOrRefusedWhereOnlyTheYoungHaveAPlace) {
  web_options options;
  options.max_connections = 8;
  options.first_word = 1h;
  open(options);
  std::vector<std::unique_ptr<raw_http>> young;
  for (int i = 0; i < 8; ++i) young.push_back(std::make_unique<raw_http>(server->bound_address()));
  raw_http ninth{server->bound_address()};
  ASSERT_TRUE(ninth.send("GET /ninth HTTP/1.1\r\nHost: h\r\n\r\n"));
  // Answered twice behind it, so the server has seen the ninth.
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(young.front()->send("GET /late HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT_THAT(young.front()->answer(), HasSubstr("GET /late 0"));
  }
  young.pop_back();  // it goes by itself
  EXPECT_THAT(ninth.answer(), HasSubstr("GET /ninth 0"));
  const http_counters counted = server->counters();
  EXPECT_EQ(counted.evicted, 0u);
  EXPECT_EQ(counted.refused_full, 0u);
}

TEST_F(HttpServer, StopsWhileAConnectionWaitsForAPlace) {
  web_options options;
  options.max_connections = 1;
  options.first_word = 1h;
  open(options);
  raw_http first{server->bound_address()};
  raw_http second{server->bound_address()};
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(first.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT_THAT(first.answer(), HasSubstr("GET /x 0"));
  }
  server->stop();
  server.reset();
  EXPECT_TRUE(second.closed_within(10s));
}

TEST_F(HttpServer, RefusesAConnectionWhenAllAreBeingAnswered) {
  web_options options;
  options.max_connections = 2;
  open(options);
  raw_http first{server->bound_address()};
  raw_http second{server->bound_address()};
  first.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  second.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  wait_for_held(1);
  raw_http third{server->bound_address()};
  const std::string refused = third.answer();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503"));
  EXPECT_EQ(error_of(refused)["error"]["code"], "too_many_connections");
  EXPECT_TRUE(third.closed_within(10s));
  wait_for_held(0)({200, "text/plain", "one", {}});
  wait_for_held(1)({200, "text/plain", "two", {}});
  EXPECT_THAT(first.answer(), HasSubstr("one"));
  EXPECT_THAT(second.answer(), HasSubstr("two"));
}

TEST_F(HttpServer, ClosesASlowHeaderAtItsDeadlineThoughBytesKeepComing) {
  web_options options;
  options.header_timeout = 1s;
  open(options);
  raw_http client{server->bound_address()};
  client.send("GET / HTTP/1.1\r\nX-A: ");
  bool closed = false;
  for (int i = 0; i < 100 && !closed; ++i) {
    client.send("a");
    closed = client.closed_within(100ms);
  }
  EXPECT_TRUE(closed);
}

TEST_F(HttpServer, ClosesAConnectionThatIsIdle) {
  web_options options;
  options.idle_timeout = 1s;
  open(options);
  raw_http client{server->bound_address()};
  client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_FALSE(client.answer().empty());
  EXPECT_TRUE(client.closed_within(10s));
}

TEST_F(HttpServer, Says504WhenNobodyAnswersAndIgnoresTheLateAnswer) {
  web_options options;
  options.answer_timeout = 1s;
  open(options);
  raw_http client{server->bound_address()};
  client.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string got = client.answer();
  EXPECT_THAT(got, StartsWith("HTTP/1.1 504"));
  EXPECT_EQ(error_of(got)["error"]["code"], "deadline_passed");
  wait_for_held(0)({200, "text/plain", "late", {}});
  EXPECT_THAT(client.answer(), HasSubstr("GET /next 0"));
}

TEST_F(HttpServer, TakesAnswersFromAnyThreadAlsoAfterTheClientOrTheServerHasGone) {
  open();
  {
    raw_http gone{server->bound_address()};
    gone.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_for_held(0);
  }
  http_responder respond = wait_for_held(0);
  std::thread{[&] { respond({200, "text/plain", "to nobody", {}}); }}.join();
  respond({200, "text/plain", "twice", {}});
  raw_http waiting{server->bound_address()};
  waiting.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  http_responder after_the_end = wait_for_held(1);
  server->stop();
  server.reset();
  after_the_end({200, "text/plain", "too late", {}});
}

TEST_F(HttpServer, StopLetsAnAnswerUnderWayGoOut) {
  open();
  raw_http client{server->bound_address()};
  client.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  http_responder respond = wait_for_held(0);
  std::thread later{[&] { respond({200, "text/plain", "last words", {}}); }};
  later.join();
  server->stop();
  EXPECT_THAT(client.answer(), HasSubstr("last words"));
}

TEST_F(HttpServer, AHandlerThatThrowsIsA500AndTheLogAloneSaysWhy) {
  const heard_log log;
  open();
  const std::string got = ask("GET /throw HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(got, StartsWith("HTTP/1.1 500"));
  EXPECT_EQ(error_of(got)["error"]["code"], "internal");
  EXPECT_THAT(got, Not(HasSubstr("a handler broke")));
  EXPECT_THAT(log.text(),
              HasSubstr("error request failed path=\"/throw\" what=\"a handler broke\""));
}

TEST_F(HttpServer, AHeaderValueCannotSmuggleAnotherHeader) {
  open();
  EXPECT_THAT(ask("GET /injected HTTP/1.1\r\nHost: h\r\n\r\n"), Not(HasSubstr("Evil")));
}

TEST_F(HttpServer, NamesTheAddressItCannotListenOn) {
  open();
  web_options same;
  same.listen_address = server->bound_address();
  const auto second = open_http_server(same);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ec::io_failed);
  EXPECT_THAT(second.error().what, HasSubstr(same.listen_address));
  for (const char* bad :
       {"", "7800", "localhost", "127.0.0.1:x", "127.0.0.1:70000", "::1:80", "127.0.0.1:0/page"}) {
    web_options odd;
    odd.listen_address = bad;
    const auto opened = open_http_server(odd);
    ASSERT_FALSE(opened) << bad;
    EXPECT_EQ(opened.error().code, ec::invalid) << bad;
  }
}

TEST(PercentDecode, DecodesAndRefuses) {
  EXPECT_EQ(*percent_decode("service%2Fcart%20%c3%A9"), "service/cart é");
  EXPECT_EQ(*percent_decode(percent_encode(std::string{"a/b c%\0\xff", 8})),
            (std::string{"a/b c%\0\xff", 8}));
  for (const char* bad : {"%", "%2", "a%zz", "%g0"}) EXPECT_FALSE(percent_decode(bad)) << bad;
}

}  // namespace
}  // namespace faultline
