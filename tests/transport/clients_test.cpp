// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <optional>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <zmq.hpp>

#include "messages/request.hpp"
#include "tests/transport/recording_handlers.hpp"
#include "transport/feed_client.hpp"
#include "transport/http_client.hpp"
#include "transport/publisher_client.hpp"

namespace faultline {
namespace {

using namespace std::chrono_literals;
using faultline::testing::open_house;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Answers as the server would, by a function of (seq, how often this seq was seen before).
using seq_answer = std::function<std::string(std::uint64_t seq, int seen)>;
void answer_by_seq(open_house& h, seq_answer answer, std::map<std::uint64_t, int> seen = {}) {
  h.ingest.answer = [&h, seen = std::move(seen), answer = std::move(answer)](
                        const reply_address& to, std::string_view header,
                        std::string_view) mutable {
    const auto read = decode_publish_header(header);
    if (!read) return h.house->reply(to, error_reply("bad_header", read.error().what, 0, {}));
    if (read->op_last)
      return h.house->reply(to, last_reply(seen.empty() ? 0 : seen.rbegin()->first, {3}, {}));
    std::string reply = answer(read->seq, seen[read->seq]++);
    if (!reply.empty()) h.house->reply(to, std::move(reply));
  };
}

/// The code of a failure; nothing when it succeeded.
template <class T>
std::optional<ec> code_of(const outcome<T>& result) {
  if (result) return std::nullopt;
  return result.error().code;
}

publisher_options options_of(const open_house& h) {
  publisher_options o;
  o.endpoint = h.router;
  o.publisher = "test";
  o.window = 8;
  o.resend_after = 200ms;
  return o;
}

std::unique_ptr<publisher_client> connected(const publisher_options& o) {
  auto client = publisher_client::connect(o);
  EXPECT_TRUE(client);
  return client ? std::move(*client) : nullptr;
}

TEST(PublisherClient, PipelinesUpToItsWindowAndCountsWhatIsAcknowledged) {
  open_house h;
  answer_by_seq(h, [](std::uint64_t seq, int) { return ack_reply(seq, 2, {}, {}); });
  h.start();
  const auto client = connected(options_of(h));
  std::vector<std::uint64_t> order;
  client->observe(
      [&](const publish_reply& r, std::chrono::nanoseconds) { order.push_back(r.seq); });
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(client->send("payload", 30s));
  ASSERT_TRUE(client->flush(30s));
  EXPECT_EQ(client->counters().answered, 1000U);
  EXPECT_EQ(client->counters().accepted, 2000U);
  EXPECT_EQ(client->unanswered(), 0U);
  EXPECT_EQ(client->next_seq(), 1001U);
  EXPECT_EQ(order.size(), 1000U);
}

TEST(PublisherClient, SendsAgainWhatIsNotAnsweredOldestFirst) {
  open_house h;
  answer_by_seq(h, [](std::uint64_t seq, int before) {
    if (before == 0 && seq <= 4) return std::string{};  // lost
    return before == 0 ? ack_reply(seq, 1, {}, {}) : duplicate_reply(seq, {});
  });
  h.start();
  const auto client = connected(options_of(h));
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(client->send("p", 30s));
  ASSERT_TRUE(client->flush(30s));
  EXPECT_EQ(client->counters().duplicates, 4U);
  EXPECT_GE(client->counters().resent, 4U);
  std::vector<std::uint64_t> again;
  for (const auto& request : h.ingest.requests_so_far()) {
    const auto seq = decode_publish_header(request.header)->seq;
    if (seq <= 4) again.push_back(seq);
  }
  EXPECT_THAT((std::vector<std::uint64_t>{again.begin() + 4, again.begin() + 8}),
              ElementsAre(1, 2, 3, 4));
}

TEST(PublisherClient, HoldsBackWhileTheServerSaysRetry) {
  open_house h;
  answer_by_seq(h, [](std::uint64_t seq, int before) {
    return before < 3 ? retry_reply(seq, 20, "overload", {}) : ack_reply(seq, 1, {}, {});
  });
  h.start();
  const auto client = connected(options_of(h));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(client->send("p", 30s));
  ASSERT_TRUE(client->flush(30s));
  EXPECT_EQ(client->counters().retries, 60U);
  EXPECT_EQ(client->counters().answered, 20U);
}

TEST(PublisherClient, ThatDoesNotHeedRetryGivesUpWhatIsRefusedAndGoesOn) {
  open_house h;
  answer_by_seq(h, [](std::uint64_t seq, int) {
    return seq % 2 == 0 ? retry_reply(seq, 20'000, "overload", {}) : ack_reply(seq, 1, {}, {});
  });
  h.start();
  auto o = options_of(h);
  o.heed_retry = false;
  o.resend_after = 10min;  // an answer that comes late is no reason to send again
  const auto client = connected(o);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(client->send("p", 30s));
  ASSERT_TRUE(client->flush(30s));
  EXPECT_EQ(client->counters().retries, 10U);
  EXPECT_EQ(client->counters().given_up, 10U);
  EXPECT_EQ(client->counters().answered, 10U);
  EXPECT_EQ(client->counters().resent, 0U);
}

TEST(PublisherClient, AFullWindowIsRefusedAtItsDeadlineAndNothingIsForgotten) {
  std::atomic<bool> silent{true};
  open_house h;
  answer_by_seq(h, [&](std::uint64_t seq, int) {
    return silent ? std::string{} : ack_reply(seq, 1, {}, {});
  });
  h.start();
  const auto client = connected(options_of(h));
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(client->send("p", 30s));
  const auto refused = client->send("one more", 50ms);
  ASSERT_FALSE(refused);
  EXPECT_EQ(code_of(refused), ec::deadline_passed);
  EXPECT_EQ(code_of(client->flush(50ms)), ec::deadline_passed);
  EXPECT_EQ(client->unanswered(), 8U);
  silent = false;
  ASSERT_TRUE(client->flush(30s));
  EXPECT_EQ(client->counters().answered, 8U);
}

TEST(PublisherClient, AServerThatComesBackGetsEverythingThatWasNotAnswered) {
  socket_options fixed;
  auto first = std::make_unique<open_house>();
  answer_by_seq(*first, [](std::uint64_t, int) { return std::string{}; });
  first->start();
  publisher_options o = options_of(*first);
  o.resend_after = 10min;  // only the reconnect makes it send again
  const auto client = connected(o);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(client->send("p", 30s));
  while (first->ingest.requests_so_far().size() < 8) ASSERT_TRUE(client->poll(10ms));
  fixed.router = {o.endpoint};
  fixed.pull.clear();
  fixed.publish = fixed.replay = "tcp://127.0.0.1:*";
  first.reset();
  auto again = open_doors(fixed);
  for (int i = 0; i < 3000 && !again; ++i) {  // a connection of somebody else may have the port
    std::this_thread::sleep_for(10ms);
    again = open_doors(fixed);
  }
  ASSERT_TRUE(again) << again.error().what;
  faultline::testing::recording_ingest ingest;
  faultline::testing::memory_feed feed;
  ingest.answer = [&](const reply_address& to, std::string_view header, std::string_view) {
    (*again)->reply(to, ack_reply(decode_publish_header(header)->seq, 1, {}, {}));
  };
  (*again)->start(ingest, feed);
  ASSERT_TRUE(client->flush(30s));
  EXPECT_EQ(client->counters().answered, 8U);
  EXPECT_EQ(client->counters().reconnects, 1U);
  (*again)->stop();
}

TEST(PublisherClient, ErrorsAreFinalAndAHeaderTheServerCannotReadIsAFailure) {
  open_house h;
  answer_by_seq(h, [](std::uint64_t seq, int) {
    return error_reply(seq == 1 ? "conflict" : "bad_header", "no", seq == 1 ? 1 : 0, {});
  });
  h.start();
  const auto client = connected(options_of(h));
  std::string code;
  client->observe([&](const publish_reply& r, std::chrono::nanoseconds) { code = r.code; });
  ASSERT_TRUE(client->send("p", 30s));
  ASSERT_TRUE(client->flush(30s));
  EXPECT_EQ(code, "conflict");
  EXPECT_EQ(client->counters().refused, 1U);
  ASSERT_TRUE(client->send("p", 30s));
  EXPECT_EQ(code_of(client->flush(30s)), ec::invalid);
  EXPECT_EQ(code_of(client->send("p", 30s)), ec::invalid);
}

TEST(PublisherClient, AsksForTheLastSeqTaken) {
  open_house h;
  answer_by_seq(h, [](std::uint64_t seq, int) { return ack_reply(seq, 1, {}, {}); }, {{41, 1}});
  h.start();
  const auto client = connected(options_of(h));
  const auto last = client->last(30s);
  ASSERT_TRUE(last) << last.error().what;
  EXPECT_EQ(last->last, 41U);
  EXPECT_THAT(last->missing, ElementsAre(3));
}

TEST(PublisherClient, WithoutAServerItsCallsEndAtTheirDeadline) {
  publisher_options o;
  o.endpoint = "tcp://127.0.0.1:1";
  o.window = 1;
  const auto client = connected(o);
  ASSERT_TRUE(client->send("kept", 10ms));
  EXPECT_EQ(code_of(client->send("no room", 50ms)), ec::deadline_passed);
  EXPECT_EQ(code_of(client->flush(50ms)), ec::deadline_passed);
  EXPECT_EQ(code_of(client->last(50ms)), ec::deadline_passed);
  o.endpoint = "nonsense";
  EXPECT_EQ(code_of(publisher_client::connect(o)), ec::io_failed);
  o.window = 0;
  EXPECT_EQ(code_of(publisher_client::connect(o)), ec::invalid);
}

TEST(PushClient, PushesWithAndWithoutTopic) {
  open_house h;
  h.start();
  push_options o;
  o.endpoint = h.pull;
  auto client = push_client::connect(o);
  ASSERT_TRUE(client);
  ASSERT_TRUE((*client)->push("one", 30s));
  ASSERT_TRUE((*client)->push("two", 30s, "cart"));
  ASSERT_TRUE(h.ingest.wait([&] { return h.ingest.events.size() == 2; }));
  EXPECT_EQ(h.ingest.events[1].topic, "cart");
  o.endpoint = "tcp://127.0.0.1:1";
  auto nobody = push_client::connect(o);
  ASSERT_TRUE(nobody);
  EXPECT_EQ(code_of((*nobody)->push("x", 20ms)), ec::deadline_passed);
}

TEST(PubClient, PublishesToAServerThatSubscribesAndLosesNothing) {
  push_options o;
  o.endpoint = "tcp://127.0.0.1:*";
  o.high_water_mark = 2;  // it waits where a bare PUB socket would drop
  auto client = pub_client::bind(o);
  ASSERT_TRUE(client);
  EXPECT_EQ(code_of((*client)->wait_for_subscriber(20ms)), ec::deadline_passed);
  socket_options sockets;
  sockets.subscribe = {(*client)->endpoint()};
  open_house h{sockets};
  h.start();
  ASSERT_TRUE((*client)->wait_for_subscriber(30s));
  constexpr std::size_t count = 500;
  for (std::size_t i = 0; i < count; ++i) ASSERT_TRUE((*client)->push(std::to_string(i), 30s));
  ASSERT_TRUE(h.ingest.wait([&] { return h.ingest.events.size() == count; }));
  EXPECT_EQ(h.ingest.events.back().payload, std::to_string(count - 1));
}

TEST(PubClient, WithoutAPortOrAPlaceForMessagesIsRefused) {
  push_options o;
  o.endpoint = "tcp://127.0.0.1:*";
  auto first = pub_client::bind(o);
  ASSERT_TRUE(first);
  o.endpoint = (*first)->endpoint();
  EXPECT_EQ(code_of(pub_client::bind(o)), ec::io_failed);
  o.high_water_mark = 0;
  EXPECT_EQ(code_of(pub_client::bind(o)), ec::invalid);
}

std::unique_ptr<feed_client> following(const open_house& h, feed_client_options o = {}) {
  o.publish = h.publish;
  o.replay = h.replay;
  auto client = feed_client::connect(o);
  EXPECT_TRUE(client);
  return client ? std::move(*client) : nullptr;
}

/// Seqs of the next @p count records, in the order they were handed out.
std::vector<std::uint64_t> seqs(feed_client& client, std::size_t count) {
  std::vector<std::uint64_t> out;
  while (out.size() < count) {
    auto got = client.next(30s);
    if (!got || !*got) break;
    out.push_back((*got)->seq);
  }
  return out;
}

TEST(FeedClient, HandsOutEachRecordOnceThoughItHasSeveralTopics) {
  open_house h;
  h.feed.tells_published = true;  // a heartbeat between storing and publishing is no gap
  h.start();
  const auto client = following(h);
  ASSERT_TRUE(client->wait_until_live(30s));
  h.house->publish(h.feed.add("a", "1"), {"alert/critical/x", "alert/warning/x"});
  h.house->publish(h.feed.add("a", "2"), {});
  EXPECT_THAT(seqs(*client, 2), ElementsAre(1, 2));
  EXPECT_EQ(client->counters().duplicates, 2U);
  EXPECT_EQ(client->counters().gaps, 0U);
  EXPECT_EQ(h.feed.asked, 0);
}

TEST(FeedClient, IsLiveByRecordsTooThoughThereAreManyBeforeTheFirstHeartbeat) {
  zmq::context_t context;
  zmq::socket_t server{context, zmq::socket_type::xpub};
  server.set(zmq::sockopt::sndhwm, 0);  // nothing is left out, however busy the machine
  server.bind("tcp://127.0.0.1:*");
  feed_client_options o;
  o.publish = server.get(zmq::sockopt::last_endpoint);
  o.replay = "inproc://nobody";
  const auto client = feed_client::connect(o);
  ASSERT_TRUE(client);
  for (int subscriptions = 0; subscriptions < 2; ++subscriptions) {
    zmq::message_t subscription;
    ASSERT_TRUE(server.recv(subscription));
  }
  constexpr std::uint64_t many = 3000;
  for (std::uint64_t seq = 1; seq <= many; ++seq) {
    server.send(zmq::str_buffer("notice/a/b"), zmq::send_flags::sndmore);
    const std::string payload = feed_payload(notice{"a", "b", "text", {}}, seq, {});
    server.send(zmq::buffer(payload), zmq::send_flags::none);
  }
  EXPECT_FALSE(code_of((*client)->wait_until_live(30s)));
  const auto got = seqs(**client, many);
  ASSERT_EQ(got.size(), many);
  EXPECT_EQ(got.back(), many);
}

TEST(FeedClient, AGapIsFilledByReplayInOrder) {
  open_house h;
  h.feed.tells_published = true;
  h.start();
  const auto client = following(h);
  ASSERT_TRUE(client->wait_until_live(30s));
  h.house->publish(h.feed.add("a", "1"), {});
  for (int i = 2; i <= 5; ++i) h.feed.add("a", std::to_string(i));  // never published
  h.house->publish(h.feed.add("a", "6"), {});
  EXPECT_THAT(seqs(*client, 6), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(client->counters().gaps, 1U);
  EXPECT_EQ(client->counters().replayed, 4U);
  EXPECT_EQ(client->counters().received, 2U);
}

TEST(FeedClient, AGapAtTheEndIsSeenByTheHeartbeat) {
  open_house h;
  h.start();
  const auto client = following(h);
  ASSERT_TRUE(client->wait_until_live(30s));
  h.feed.add("a", "1");
  h.feed.add("a", "2");
  EXPECT_THAT(seqs(*client, 2), ElementsAre(1, 2));
  EXPECT_EQ(client->counters().replayed, 2U);
}

TEST(FeedClient, ASubscriberToOneTopicMissesNothingOfIt) {
  open_house h;
  h.start();
  feed_client_options o;
  o.prefixes = {"notice/wanted/", "notice/also/"};
  const auto client = following(h, o);
  ASSERT_TRUE(client->wait_until_live(30s));
  h.house->publish(h.feed.add("wanted", "1"), {});
  h.house->publish(h.feed.add("other", "2"), {});
  h.feed.add("wanted", "3");  // lost on the way
  h.feed.add("also", "4");    // lost on the way
  h.house->publish(h.feed.add("wanted", "5"), {});
  const auto got = seqs(*client, 4);
  EXPECT_EQ((std::set<std::uint64_t>{got.begin(), got.end()}),
            (std::set<std::uint64_t>{1, 3, 4, 5}));
  EXPECT_EQ(client->counters().replayed, 2U);
}

TEST(FeedClient, BeginsWithOlderRecordsWhenAsked) {
  open_house h;
  for (int i = 1; i <= 2500; ++i) h.feed.add("a", std::to_string(i));
  h.start();
  feed_client_options o;
  o.from = 11;
  const auto client = following(h, o);
  auto got = seqs(*client, 1);
  EXPECT_EQ(h.feed.asked, 1) << "the past is not fetched as a whole";
  const auto others = seqs(*client, 2489);
  got.insert(got.end(), others.begin(), others.end());
  ASSERT_EQ(got.size(), 2490U);
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], i + 11);
  h.house->publish(h.feed.add("a", "live"), {});
  EXPECT_THAT(seqs(*client, 1), ElementsAre(2501));
}

TEST(FeedClient, WhatTheServerNoLongerHasIsCounted) {
  open_house h;
  h.feed.first_seq = 101;
  for (int i = 0; i < 3; ++i) h.feed.add("a", std::to_string(i));
  h.start();
  feed_client_options o;
  o.from = 1;
  const auto client = following(h, o);
  EXPECT_THAT(seqs(*client, 3), ElementsAre(101, 102, 103));
  EXPECT_EQ(client->counters().expired, 100U);
}

TEST(FeedClient, SnapshotReplayAndTheirErrors) {
  open_house h;
  for (int i = 1; i <= 5; ++i) h.feed.add(i % 2 ? "odd" : "even", std::to_string(i));
  h.start();
  feed_client_options o;
  o.request_deadline = 30s;
  const auto client = following(h, o);
  const auto snapshot = client->snapshot();
  ASSERT_TRUE(snapshot) << snapshot.error().what;
  EXPECT_EQ(snapshot->as_of, 5U);
  EXPECT_EQ(snapshot->alerts.size(), 1U);
  const auto page = client->replay(2, 2, "notice/even/");
  ASSERT_TRUE(page);
  ASSERT_EQ(page->records.size(), 2U);
  EXPECT_EQ(page->records[1].topic, "notice/even/4");
  EXPECT_EQ(read_feed_payload(page->records[1].payload)->notice.subject, "4");
  EXPECT_EQ(code_of(client->replay(1, 0)), ec::invalid);
  feed_client_options nobody;
  nobody.publish = nobody.replay = "tcp://127.0.0.1:1";
  nobody.request_deadline = 50ms;
  auto alone = feed_client::connect(nobody);
  ASSERT_TRUE(alone);
  EXPECT_EQ(code_of((*alone)->snapshot()), ec::deadline_passed);
  EXPECT_EQ(code_of((*alone)->wait_until_live(50ms)), ec::deadline_passed);
  const auto nothing = (*alone)->next(20ms);
  ASSERT_TRUE(nothing);
  EXPECT_FALSE(*nothing);
}

TEST(HttpClient, CallsTheServerAndReportsWhatFails) {
  web_options web;
  web.listen_address = "127.0.0.1:0";
  web.answer_timeout = 30s;
  auto server = open_http_server(web);
  ASSERT_TRUE(server);
  std::vector<http_responder> kept;
  (*server)->start([&](http_request request, http_responder respond) {
    if (request.path == "/silent") return kept.push_back(std::move(respond));
    respond({request.method == "POST" ? 202 : 200,
             "text/plain",
             request.method + request.body,
             {{"X-Path", request.path}}});
  });
  http_client_options o;
  o.address = "http://" + (*server)->bound_address();
  const auto got = http_get(o, "/api/v1/entities/" + percent_encode("service/cart"));
  ASSERT_TRUE(got) << got.error().what;
  EXPECT_EQ(got->status, 200);
  EXPECT_EQ(got->body, "GET");
  EXPECT_THAT(got->headers,
              ::testing::Contains(::testing::Pair("X-Path", "/api/v1/entities/service%2Fcart")));
  EXPECT_EQ(http_post(o, "/x", "{}")->body, "POST{}");
  EXPECT_EQ(http_post(o, "/x", "{}")->status, 202);
  EXPECT_EQ(http_delete(o, "/x")->body, "DELETE");
  EXPECT_EQ(http_post(o, "/x", std::string(100000, ' '))->status, 413);
  o.deadline = 100ms;
  EXPECT_EQ(code_of(http_get(o, "/silent")), ec::deadline_passed);
  o.deadline = 10s;
  o.body_bytes = 2;
  EXPECT_EQ(code_of(http_get(o, "/x")), ec::too_large);
  EXPECT_EQ(code_of(http_get(o, "x")), ec::invalid);
  EXPECT_EQ(code_of(http_get(o, "/a b")), ec::invalid);
  EXPECT_EQ(code_of(http_call(o, "G ET", "/")), ec::invalid);
  o.address = "127.0.0.1:1";
  EXPECT_EQ(code_of(http_get(o, "/")), ec::io_failed);
  o.address = "nowhere";
  EXPECT_EQ(code_of(http_get(o, "/")), ec::invalid);
  (*server)->stop();
}

}  // namespace
}  // namespace faultline
