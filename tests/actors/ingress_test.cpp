// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "messages/identity.hpp"
#include "tests/actors/intake_support.hpp"

namespace faultline {
namespace {

TEST(Ingress, AcknowledgesWhatTheStoreHas) {
  intake_rig rig;
  const auto reply = rig.request(rig.header(1), rig.event("host/a"));
  EXPECT_EQ(reply.what, publish_reply::kind::ack);
  EXPECT_EQ(reply.accepted, 1U);
  EXPECT_EQ(rig.memory->events().counters().at("accepted"), 1U);
}

TEST(Ingress, TakesARepeatedRequestOnce) {
  intake_rig rig;
  rig.request(rig.header(1), rig.event("host/a"));
  const auto again = rig.request(rig.header(1), rig.event("host/a"));
  EXPECT_EQ(again.what, publish_reply::kind::duplicate);
  EXPECT_EQ(rig.memory->events().counters().at("accepted"), 1U);
}

TEST(Ingress, RefusesOtherContentUnderATakenSeq) {
  intake_rig rig;
  rig.request(rig.header(1), rig.event("host/a", 1));
  const auto other = rig.request(rig.header(1), rig.event("host/a", 2));
  EXPECT_EQ(other.what, publish_reply::kind::error);
  EXPECT_EQ(other.code, "conflict");
}

TEST(Ingress, KeepsPublishersAndEpochsApart) {
  intake_rig rig;
  rig.request(rig.header(1, "p"), rig.event("host/a"));
  EXPECT_EQ(rig.request(rig.header(1, "q"), rig.event("host/a")).what, publish_reply::kind::ack);
  const auto epoch = nlohmann::json{{"publisher", "p"}, {"seq", 1}, {"epoch", "2"}}.dump();
  EXPECT_EQ(rig.request(epoch, rig.event("host/a")).what, publish_reply::kind::ack);
}

TEST(Ingress, NamesTheEventThatBreaksARuleAndTakesTheRest) {
  intake_rig rig;
  const auto payload = "[" + rig.event("host/a") + ",{\"entity\":\"\",\"values\":{\"x\":1}}," +
                       rig.event("host/b") + "]";
  const auto reply = rig.request(rig.header(1), payload);
  EXPECT_EQ(reply.accepted, 2U);
  ASSERT_EQ(reply.rejected.size(), 1U);
  EXPECT_EQ(reply.rejected[0].index, 1U);
  EXPECT_EQ(rig.memory->dead_letters().total(), 1U);
}

TEST(Ingress, CountsAnUndecodablePayloadAsTaken) {
  intake_rig rig;
  const auto reply = rig.request(rig.header(1), "\xff\xff");
  EXPECT_EQ(reply.what, publish_reply::kind::ack);
  EXPECT_EQ(reply.accepted, 0U);
  ASSERT_EQ(reply.rejected.size(), 1U);
  EXPECT_FALSE(reply.rejected[0].index.has_value());
  EXPECT_EQ(rig.request(rig.header(1), "\xff\xff").what, publish_reply::kind::duplicate);
}

TEST(Ingress, AnswersRetryAndTakesNothingWhileApplyingLagsBehind) {
  intake_rig rig;
  rig.counters.appended = 1'000'000;
  const auto reply = rig.request(rig.header(1), rig.event("host/a"));
  EXPECT_EQ(reply.what, publish_reply::kind::retry);
  EXPECT_EQ(reply.after_ms, 100U);
  rig.counters.finished = 1'000'000;
  EXPECT_EQ(rig.request(rig.header(1), rig.event("host/a")).what, publish_reply::kind::ack);
}

TEST(Ingress, TellsTheHighestSeqTakenAndWhatIsMissing) {
  intake_rig rig;
  rig.request(rig.header(1), rig.event("host/a"));
  rig.request(rig.header(4), rig.event("host/a"));
  const auto reply =
      rig.request(nlohmann::json{{"publisher", "p"}, {"op", "last"}}.dump(), std::string{});
  EXPECT_EQ(reply.what, publish_reply::kind::last);
  EXPECT_EQ(reply.last, 4U);
  EXPECT_EQ(reply.missing, (std::vector<std::uint64_t>{2, 3}));
}

TEST(Ingress, RefusesWhatIsTooLateUnlessThePastIsAccepted) {
  const std::int64_t two_hours = 7'200'000;
  intake_rig live;
  const auto old = unix_ms(live.now) - two_hours;
  EXPECT_EQ(live.request(live.header(1), live.event("host/a", 1, old)).rejected.size(), 1U);
  processing_options past;
  past.accept_past = true;
  intake_rig replay{past};
  EXPECT_EQ(replay.request(replay.header(1), replay.event("host/a", 1, old)).accepted, 1U);
}

TEST(Ingress, RefusesNewEntitiesBeyondTheLimitAndKeepsKnownOnes) {
  entity_options few;
  few.max_active = 1;
  intake_rig rig{{}, few};
  EXPECT_EQ(rig.request(rig.header(1), rig.event("host/a")).accepted, 1U);
  EXPECT_EQ(rig.request(rig.header(2), rig.event("host/b")).rejected.size(), 1U) << "on its way";
  rig.counters.entities = 1;
  rig.counters.entities_active = 1;
  EXPECT_EQ(rig.request(rig.header(4), rig.event("host/b")).rejected.size(), 1U);
  rig.counters.entities_active = 0;  // it went to disk: there is room for another
  EXPECT_EQ(rig.request(rig.header(5), rig.event("host/b")).accepted, 1U);
  EXPECT_EQ(rig.request(rig.header(3), rig.event("host/a")).accepted, 1U);
}

TEST(Ingress, LinesAndSpansTakeTheRoomOfEntities) {
  entity_options few;
  few.max_active = 100;
  intake_rig rig{{}, few};
  rig.counters.entities = rig.counters.entities_active = 10;
  rig.counters.told_bytes = 89 * active_entity_bytes;
  EXPECT_EQ(rig.request(rig.header(1), rig.event("host/a")).accepted, 1U);
  rig.counters.told_bytes = 90 * active_entity_bytes;
  EXPECT_EQ(rig.request(rig.header(2), rig.event("host/b")).rejected.size(), 1U);
}

TEST(Ingress, AnswersTooLargeAboveOneMebibyte) {
  intake_rig rig;
  const auto reply = rig.request(rig.header(1), std::string(1024 * 1024 + 1, '['));
  EXPECT_EQ(reply.what, publish_reply::kind::error);
  EXPECT_EQ(reply.code, "too_large");
}

std::uint64_t requests(const intake_rig& rig, request_fate f) {
  return rig.counters.doors.requests[static_cast<std::size_t>(f)].load();
}

template <std::size_t N>
std::uint64_t sum(const std::array<std::atomic<std::uint64_t>, N>& counts) {
  std::uint64_t all = 0;
  for (const auto& n : counts) all += n.load();
  return all;
}

// A full disk, or the end: what waits for the disk would pile up without a bound.
TEST(Ingress, AnswersAtOnceWhenNothingMoreMayWait) {
  intake_rig rig;
  using kind = publish_reply::kind;
  ASSERT_EQ(rig.request(rig.header(1), rig.event("host/a")).what, kind::ack);
  rig.commit.stop();
  EXPECT_EQ(rig.request(rig.header(1), rig.event("host/a")).what, kind::retry)
      << "a duplicate, but that is a promise";
  const auto last = nlohmann::json{{"publisher", "p"}, {"op", "last"}}.dump();
  EXPECT_EQ(rig.request(last, "").what, kind::retry);
  EXPECT_EQ(rig.request(rig.header(1), rig.event("host/b")).code, "conflict");
  EXPECT_EQ(rig.request(rig.header(0), rig.event("host/b")).code, "bad_header");
  EXPECT_EQ(rig.request(rig.header(2), std::string(2U << 20U, 'x')).code, "too_large");
  std::uint64_t requests = 0;
  for (const auto& n : rig.counters.doors.requests) requests += n.load();
  EXPECT_EQ(requests, 6U) << "each under one fate";
}

TEST(Ingress, ALetterOfTooManyFramesNamesTheirDoor) {
  intake_rig rig;
  rig.door.on_bad_event({"pull", "10.0.0.7:1"}, "x", "bad_frames", "text");
  rig.door.on_bad_request(reply_address{0, "route", {}}, {}, "x", "bad_frames", "text");
  rig.request(rig.header(1), rig.event("host/a"));
  for (int i = 0; i < 20'000 && rig.memory->dead_letters().total() < 2; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  const auto letters = rig.memory->dead_letters().read({});
  ASSERT_TRUE(letters);
  ASSERT_EQ(letters->letters.size(), 2U);
  EXPECT_EQ(letters->letters[0].source, "router");
  EXPECT_EQ(letters->letters[1].source, "pull");
}

TEST(Ingress, CountsEveryRequestUnderOneFate) {
  intake_rig rig;
  rig.request(rig.header(1), rig.event("host/a"));
  rig.request(rig.header(1), rig.event("host/a"));
  rig.request(rig.header(1), rig.event("host/a", 2));
  rig.request(rig.header(2000), rig.event("host/a"));
  rig.request(rig.header(2), rig.event("host/a"));
  rig.request(rig.header(2001), std::string(1024 * 1024 + 1, '['));
  rig.request("{}", rig.event("host/a"));
  rig.request(nlohmann::json{{"publisher", "p"}, {"op", "last"}}.dump(), std::string{});
  rig.door.on_bad_request(reply_address{0, "r", {}}, {}, "x", "bad_frames", "text");
  rig.counters.appended = 1'000'000'000;
  rig.request(rig.header(2002), rig.event("host/a"));
  EXPECT_EQ(requests(rig, request_fate::taken), 2U);
  for (const auto f : {request_fate::retry, request_fate::duplicate, request_fate::conflict,
                       request_fate::too_old, request_fate::too_large, request_fate::bad_header,
                       request_fate::bad_frames, request_fate::last})
    EXPECT_EQ(requests(rig, f), 1U) << to_string(f);
  EXPECT_EQ(sum(rig.counters.doors.requests), 10U);
}

TEST(Ingress, CountsEveryEventOfferedAsAdmittedOrRejected) {
  intake_rig rig;
  rig.request(rig.header(1), "[" + rig.event("host/a") + R"(,{"entity":"","values":{"x":1}},)" +
                                 rig.event("host/b") + "," +
                                 rig.event("host/a", 1, unix_ms(rig.now) + 3'600'000) + "]");
  rig.door.on_event_payload({"pull", "127.0.0.1:1"}, {}, rig.event("host/c"));
  rig.door.on_event_payload({"subscribe", "tcp://a:1"}, {}, "\xff\xff");
  const auto& d = rig.counters.doors;
  EXPECT_EQ(sum(d.offered), 5U);
  EXPECT_EQ(sum(d.admitted), 3U);
  EXPECT_EQ(sum(d.rejected), 2U);
  EXPECT_EQ(d.rejected[static_cast<std::size_t>(reject_reason::bad_entity)], 1U);
  EXPECT_EQ(d.rejected[static_cast<std::size_t>(reject_reason::ts_in_future)], 1U);
  EXPECT_EQ(sum(d.undecodable), 1U);
  EXPECT_EQ(d.messages[static_cast<std::size_t>(message_fate::taken)], 2U);
}

TEST(Ingress, ARequestThatWasNotTakenOffersNothing) {
  intake_rig rig;
  rig.request(rig.header(1), rig.event("host/a"));
  rig.request(rig.header(1), rig.event("host/a"));
  rig.counters.appended = 1'000'000'000;
  rig.request(rig.header(2), rig.event("host/a"));
  EXPECT_EQ(sum(rig.counters.doors.offered), 1U);
  EXPECT_EQ(sum(rig.counters.doors.admitted), 1U);
}

TEST(Ingress, AtTheLimitHearsAQuietPublisherAndTellsANoisyOneToWait) {
  intake_options small;
  small.max_lag_records = 100;
  intake_rig rig{{}, {}, small};
  const auto batch = [&](int events) {
    std::string payload = "[";
    for (int i = 0; i < events; ++i) payload += (i == 0 ? "" : ",") + rig.event("host/a");
    return payload + "]";
  };
  std::uint64_t seq = 0;
  EXPECT_EQ(rig.request(rig.header(++seq, "noisy"), batch(100)).what, publish_reply::kind::ack);
  rig.counters.finished = 20;
  rig.now += milliseconds{200};  // 20 were applied: both publishers' share is known with the second
  EXPECT_EQ(rig.request(rig.header(1, "quiet"), batch(1)).what, publish_reply::kind::ack);
  EXPECT_EQ(rig.request(rig.header(++seq, "noisy"), batch(20)).what, publish_reply::kind::ack);
  EXPECT_EQ(rig.door.no_room(), 0U);
  EXPECT_EQ(rig.request(rig.header(++seq, "noisy"), batch(1)).what, publish_reply::kind::retry);
  EXPECT_EQ(rig.door.no_room(), 1U);
  rig.now += publisher_accounts::interval;
  EXPECT_EQ(rig.request(rig.header(2, "quiet"), batch(1)).what, publish_reply::kind::ack);
}

TEST(Ingress, ShedsWhoSendsMostAndCountsExactlyWhat) {
  intake_options small;
  small.max_lag_records = 100;
  intake_rig rig{{}, {}, small};
  const event_source noisy{"pull", "127.0.0.1:1"};
  const event_source quiet{"pull", "127.0.0.1:2"};
  const auto three =
      "[" + rig.event("host/a") + "," + rig.event("host/a") + "," + rig.event("host/a") + "]";
  rig.counters.appended = 100;
  for (int i = 0; i < 50; ++i) rig.door.on_event_payload(noisy, {}, three);
  rig.door.on_event_payload(quiet, {}, three);
  const auto& d = rig.counters.doors;
  const auto pull = static_cast<std::size_t>(event_door::pull);
  EXPECT_EQ(d.offered[pull], 153U);
  EXPECT_EQ(d.admitted[pull], 6U) << "the first of each in an interval";
  EXPECT_EQ(d.shed[pull], 147U);
  EXPECT_EQ(d.messages[static_cast<std::size_t>(message_fate::shed)], 49U);
  const std::lock_guard<std::mutex> guard{rig.door.publishers().mutex()};
  EXPECT_EQ(rig.door.publishers().of(event_door::pull, "127.0.0.1:2", rig.now).shed, 0U);
  EXPECT_EQ(rig.door.publishers().of(event_door::pull, "127.0.0.1:1", rig.now).shed, 147U);
}

TEST(Ingress, KeepsReadingWhileItSheds) {
  intake_rig rig;
  rig.counters.appended = 1'000'000'000;
  EXPECT_TRUE(rig.door.may_read_events());
  rig.door.on_event_payload({"subscribe", "tcp://a:1"}, {}, rig.event("host/a"));
  EXPECT_EQ(sum(rig.counters.doors.shed), 1U);
  EXPECT_EQ(sum(rig.counters.doors.admitted), 0U);
}

TEST(Ingress, BoundsTheEntitiesThatOnePublisherBringsIn) {
  entity_options few;
  few.max_per_publisher = 2;
  intake_rig rig{{}, few};
  EXPECT_EQ(rig.request(rig.header(1), rig.event("host/a")).accepted, 1U);
  EXPECT_EQ(rig.request(rig.header(2), rig.event("host/b")).accepted, 1U);
  const auto third = rig.request(rig.header(3), rig.event("host/c"));
  ASSERT_EQ(third.rejected.size(), 1U);
  EXPECT_NE(third.rejected[0].text.find("max_per_publisher"), std::string::npos);
  EXPECT_EQ(rig.request(rig.header(4), rig.event("host/a")).accepted, 1U);
  EXPECT_EQ(rig.request(rig.header(1, "other"), rig.event("host/c")).accepted, 1U);
  rig.registry.remove(stable_hash("host/a"));
  EXPECT_EQ(rig.request(rig.header(5), rig.event("host/d")).accepted, 1U) << "one was retired";
}

TEST(Ingress, CountsEveryRefusalThoughFewGetALetter) {
  entity_options few;
  few.max_per_publisher = 1;
  intake_rig rig{{}, few};
  rig.request(rig.header(1), rig.event("host/a"));
  for (std::uint64_t seq = 2; seq < 12; ++seq) {
    std::string payload = "[";
    for (int i = 0; i < 100; ++i)
      payload += (i == 0 ? "" : ",") + rig.event("new/" + std::to_string(seq * 1000 + i));
    rig.request(rig.header(seq), payload + "]");
  }
  const auto durable = rig.memory->events().counters();
  EXPECT_EQ(rig.counters.doors.rejected[static_cast<std::size_t>(reject_reason::entity_limit)],
            1000U);
  EXPECT_EQ(durable.at("rejected"), 1000U);
  EXPECT_EQ(rig.memory->dead_letters().total(), 100U);
  EXPECT_EQ(durable.at(unlettered_prefix + "entity_limit"), 900U);
}

TEST(Ingress, CountsWhatGetsNoLetterAlsoWhenNothingElseIsWritten) {
  intake_rig rig;
  std::string payload = "[{}";
  for (int i = 1; i < 1000; ++i) payload += ",{}";
  rig.door.on_event_payload({"pull", "host:1"}, "", payload + "]");
  EXPECT_EQ(rig.durable("rejected", 1000), 1000U);
  const auto letters = rig.memory->dead_letters().total();
  rig.door.on_event_payload({"pull", "host:1"}, "", "[{},{},{}]");
  EXPECT_EQ(rig.durable("rejected", 1003), 1003U);
  rig.door.on_unreadable(event_door::pull, "host:1", reject_reason::malformed_syslog, "no line",
                         "x");
  EXPECT_EQ(rig.durable(unlettered_prefix + std::string{"malformed_syslog"}, 1), 1U);
  rig.door.on_event_payload({"pull", "host:1"}, "", "[{},{}]");
  rig.commit.stop();
  EXPECT_EQ(rig.memory->events().counters().at("rejected"), 1005U) << "also at the end";
  EXPECT_EQ(rig.memory->dead_letters().total(), letters);
}

TEST(Ingress, KnowsHowFarAPublishersClockIsOff) {
  intake_rig rig;
  rig.request(rig.header(1), "[" + rig.event("host/a", 1, unix_ms(rig.now) - 90'000) + "," +
                                 rig.event("host/a", 1, unix_ms(rig.now) - 60'000) + "]");
  rig.request(rig.header(1, "no ts"), R"({"entity":"host/b","values":{"x":1}})");
  const std::lock_guard<std::mutex> guard{rig.door.publishers().mutex()};
  auto& all = rig.door.publishers();
  EXPECT_EQ(all.of(event_door::router, "p", rig.now).skew.median(), milliseconds{60'000});
  EXPECT_FALSE(all.of(event_door::router, "no ts", rig.now).skew.known());
}

TEST(Ingress, WhilePartitionsCatchUpANoisyPublisherWaitsAndAQuietOneIsHeard) {
  intake_options small;
  small.max_lag_records = 8000;  // 1000 at once, 1000 a second
  intake_rig rig{{}, {}, small};
  rig.counters.partitions = rig.counters.partitions_loaded = 2;
  rig.counters.partitions_ready = 1;
  const auto batch = [&](int events) {
    std::string payload = "[";
    for (int i = 0; i < events; ++i) payload += (i == 0 ? "" : ",") + rig.event("host/a");
    return payload + "]";
  };
  EXPECT_EQ(rig.request(rig.header(1, "noisy"), batch(1000)).what, publish_reply::kind::ack);
  rig.now += milliseconds{100};
  const auto told = rig.request(rig.header(2, "noisy"), batch(10));
  EXPECT_EQ(told.what, publish_reply::kind::retry);
  EXPECT_NE(told.text.find("catching up"), std::string::npos) << told.text;
  EXPECT_EQ(rig.request(rig.header(1, "quiet"), batch(1)).what, publish_reply::kind::ack);
  rig.door.on_event_payload({"pull", "127.0.0.1:1"}, {}, batch(10));
  EXPECT_EQ(rig.counters.doors.messages[static_cast<std::size_t>(message_fate::taken)].load(), 1U)
      << "what needs no answer would be lost";
  rig.now += milliseconds{2000};
  EXPECT_EQ(rig.request(rig.header(3, "noisy"), batch(10)).what, publish_reply::kind::ack);
  EXPECT_EQ(rig.request(rig.header(5, "noisy"), batch(10)).what, publish_reply::kind::retry);
  rig.counters.partitions_ready = 2;
  EXPECT_EQ(rig.request(rig.header(6, "noisy"), batch(1000)).what, publish_reply::kind::ack);
}

/// Whom events of the log are about, and whom they name.
std::vector<std::string> names_in(intake_rig& rig) {
  const std::lock_guard<std::mutex> lock{rig.mutex};
  std::vector<std::string> found;
  for (const auto& blob : rig.blobs) {
    blob_reader in{blob->bytes};
    record_view r;
    for (auto more = in.next(r); more && *more; more = in.next(r)) {
      if (r.kind != record_kind::event) continue;
      std::string all{r.event.entity};
      for (const auto& d : r.event.depends_on) all.append(" ").append(d);
      found.push_back(r.event.peer.empty() ? all : all.append(" ").append(r.event.peer));
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

TEST(Ingress, LogsEventsByTheNamesThatCountWhateverTheirPublisherCallsThem) {
  intake_rig rig{{},
                 {},
                 {},
                 entity_aliases{{{"host/10.0.0.7", "host/web-1"}, {"remote/ledger", "db/orders"}}}};
  const auto ts = unix_ms(rig.now);
  const auto reply = rig.request(
      rig.header(1),
      nlohmann::json{{{"entity", "host/10.0.0.7"}, {"ts", ts}, {"values", {{"cpu", 1}}}},
                     {{"type", "edge"},
                      {"entity", "service/cart"},
                      {"ts", ts},
                      {"depends_on", {"host/10.0.0.7", "db/x"}}},
                     {{"type", "span"},
                      {"entity", "service/cart"},
                      {"ts", ts},
                      {"trace", "0a"},
                      {"span", "0b"},
                      {"operation", "GET"},
                      {"peer", "remote/ledger"}}}
          .dump());
  ASSERT_EQ(reply.accepted, 3U);
  ASSERT_EQ(rig.request(rig.header(2), "<11>1 - 10.0.0.7 app - - - failed").accepted, 1U);
  const std::vector<std::string> names{"host/web-1", "host/web-1", "service/cart db/orders",
                                       "service/cart host/web-1 db/x"};
  EXPECT_EQ(names_in(rig), names);
  EXPECT_FALSE(rig.registry.knows(stable_hash("host/10.0.0.7")));
}

std::string two_spans(std::int64_t ts) {
  const auto span = [&](const char* entity, const char* id, const char* parent, int took) {
    return nlohmann::json{{"type", "span"},     {"entity", entity},   {"ts", ts},
                          {"trace", "0af7"},    {"span", id},         {"parent", parent},
                          {"operation", "GET"}, {"duration_us", took}};
  };
  auto outer = span("service/web", "01", "", 9000);
  outer.erase("parent");
  return nlohmann::json{span("service/cart", "02", "01", 4000), outer}.dump();
}

/// Calls in the log, as "caller>callee calls us".
std::vector<std::string> calls_in(intake_rig& rig) {
  const std::lock_guard<std::mutex> lock{rig.mutex};
  std::vector<std::string> found;
  for (const auto& blob : rig.blobs) {
    blob_reader in{blob->bytes};
    record_view r;
    for (auto more = in.next(r); more && *more; more = in.next(r))
      if (r.kind == record_kind::event && r.event.type == event_type::calls)
        found.push_back(std::string{r.event.entity} + ">" + std::string{r.event.peer} + " " +
                        std::to_string(r.event.calls) + " " + std::to_string(r.event.duration_us));
  }
  return found;
}

TEST(Ingress, AddsUpTheCallsThatSpansShowAndLogsThemForTheCaller) {
  intake_rig rig;
  const auto send = [&](std::uint64_t seq) {
    EXPECT_EQ(rig.request(rig.header(seq), two_spans(unix_ms(rig.now))).accepted, 2U);
  };
  send(1);
  const std::vector<std::string> first{"service/web>service/cart 1 4000"};
  EXPECT_EQ(calls_in(rig), first);
  EXPECT_EQ(rig.request(rig.header(1), two_spans(unix_ms(rig.now))).what,
            publish_reply::kind::duplicate);
  EXPECT_EQ(rig.counters.doors.derived.load(), 1U);
  EXPECT_EQ(rig.counters.doors.spans_joined.load(), 1U);
  EXPECT_EQ(rig.counters.doors.admitted[static_cast<std::size_t>(event_door::router)].load(), 2U)
      << "nobody sent the calls";
}

TEST(Ingress, CallsThatWaitAreToldAlsoWhenNothingMoreComes) {
  intake_rig rig;
  rig.request(rig.header(1), two_spans(unix_ms(rig.now)));
  auto more = nlohmann::json::parse(two_spans(unix_ms(rig.now)));
  for (auto& span : more) span["trace"] = "0af8";
  rig.request(rig.header(2), more.dump());
  rig.door.may_read_events();
  EXPECT_EQ(rig.counters.doors.derived.load(), 1U) << "five seconds have not passed";
  rig.now += milliseconds{5'000};
  rig.door.may_read_events();
  EXPECT_EQ(rig.counters.doors.derived.load(), 2U);
  for (int i = 0; i < 5000 && calls_in(rig).size() < 2; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  EXPECT_EQ(calls_in(rig).size(), 2U);
  rig.door.may_read_events();
  EXPECT_EQ(rig.counters.doors.derived.load(), 2U);
}

TEST(Ingress, RefusesNobodyAsNewBeforeThePartitionsKnowWhomTheyHave) {
  entity_options few;
  few.max_active = 1;
  intake_rig rig{{}, few};
  rig.counters.partitions = 2;
  rig.counters.partitions_loaded = 1;
  rig.counters.entities_active = 1;
  EXPECT_EQ(rig.request(rig.header(1), rig.event("host/known")).accepted, 1U);
  EXPECT_EQ(rig.registry.size(), 0U) << "its partition says whether it knows it";
  rig.counters.partitions_loaded = 2;
  EXPECT_EQ(rig.request(rig.header(2), rig.event("host/new")).rejected.size(), 1U);
}

}  // namespace
}  // namespace faultline
