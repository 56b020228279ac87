// SPDX-License-Identifier: Apache-2.0
//
// What the holder of a key may send.
#include <gtest/gtest.h>

#include <array>
#include <utility>

#include "tests/actors/intake_support.hpp"

namespace faultline {
namespace {

client_rights client(const std::string& name) {
  client_rights c;
  c.name = name;
  c.ingest = true;
  return c;
}

/// The reply to a request of @p who.
publish_reply ask(intake_rig& rig, const sender& who, std::uint64_t seq, const std::string& payload,
                  const std::string& publisher = "p") {
  return rig.request(rig.header(seq, publisher), payload, who);
}

std::uint64_t count(const intake_rig& rig, request_fate fate) {
  return rig.counters.doors.requests[static_cast<std::size_t>(fate)];
}

std::string list(std::initializer_list<std::string> events) {
  std::string all;
  for (const auto& e : events) all += (all.empty() ? "[" : ",") + e;
  return all + "]";
}

TEST(IngressRights, WhereNoKeyIsAskedForEverybodyMaySend) {
  intake_rig rig;
  EXPECT_EQ(ask(rig, {}, 1, rig.event("host/a")).accepted, 1U);
}

TEST(IngressRights, AKeyThatIsNotKnownAnyMoreIsToldNoAndNothingIsKept) {
  intake_rig rig;
  const auto reply = ask(rig, {true, nullptr}, 1, rig.event("host/a"));
  EXPECT_EQ(reply.what, publish_reply::kind::error);
  EXPECT_EQ(reply.code, "not_allowed");
  EXPECT_EQ(reply.seq, 1U);
  EXPECT_EQ(rig.request("no header", "x", {true, nullptr}).code, "not_allowed");
  EXPECT_EQ(count(rig, request_fate::not_allowed), 2U);
  EXPECT_EQ(count(rig, request_fate::bad_header), 0U);
  EXPECT_EQ(ask(rig, {}, 1, rig.event("host/a")).accepted, 1U);  // the seq was not taken
}

TEST(IngressRights, AKeyWithoutTheRightOrAfterItsEndIsToldNo) {
  intake_rig rig;
  auto c = client("c");
  c.ingest = false;
  EXPECT_EQ(ask(rig, {true, &c}, 1, rig.event("host/a")).code, "not_allowed");
  c.ingest = true;
  c.expiry = rig.now + milliseconds{1};
  EXPECT_EQ(ask(rig, {true, &c}, 1, rig.event("host/a")).accepted, 1U);
  rig.now += milliseconds{1};
  EXPECT_EQ(ask(rig, {true, &c}, 2, rig.event("host/a")).code, "not_allowed");
}

TEST(IngressRights, WithoutTheRightAMessageOfTooManyFramesIsRefusedAndNothingIsKept) {
  intake_rig rig;
  auto gone = client("gone"), never = client("never");
  gone.expiry = rig.now;
  never.ingest = false;
  const std::array<sender, 3> nobody{sender{true, &gone}, {true, &never}, {true, nullptr}};
  for (const auto& who : nobody) {
    rig.door.on_bad_request({0, "r", {}}, who, rig.header(7), "bad_frames", "text");
    const auto reply = decode_publish_reply(rig.replies.back().second);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->code, "not_allowed");
    EXPECT_EQ(reply->seq, 7U);
    rig.door.on_bad_event({"pull", "10.0.0.7:1", who}, "x", "bad_frames", "text");
  }
  EXPECT_EQ(count(rig, request_fate::not_allowed), 3U);
  EXPECT_EQ(count(rig, request_fate::bad_frames), 0U);
  const auto& messages = rig.counters.doors.messages;
  EXPECT_EQ(messages[static_cast<std::size_t>(message_fate::not_allowed)], 3U);
  EXPECT_EQ(messages[static_cast<std::size_t>(message_fate::bad_frames)], 0U);
  rig.commit.stop();
  EXPECT_EQ(rig.memory->dead_letters().total(), 0U);
}

/// Letters that were kept, and refusals that were only counted, once everything is written.
std::pair<std::uint64_t, std::uint64_t> letters_and_counts(intake_rig& rig, const char* reason) {
  ask(rig, {}, 1, rig.event("host/a"));
  rig.commit.stop();
  return {rig.memory->dead_letters().total(),
          rig.memory->events().counters()[unlettered_prefix + reason]};
}

TEST(IngressRights, AThousandLettersAtOnceAreLeftOfBadRequestsOfOneKey) {
  intake_rig rig;
  auto c = client("c");
  for (int i = 0; i < 1500; ++i) rig.door.on_request({0, "r", {}}, {true, &c}, "no header", "x");
  const auto [kept, counted] = letters_and_counts(rig, "bad_header");
  EXPECT_EQ(kept, 1000U);
  EXPECT_EQ(counted, 500U);
  EXPECT_EQ(count(rig, request_fate::bad_header), 1500U);
  const auto letters = rig.memory->dead_letters().newest(1);
  ASSERT_TRUE(letters);
  EXPECT_EQ(letters->at(0).source, "router c");
}

TEST(IngressRights, BeyondItsRateNothingIsKeptOfBadRequestsOfAKey) {
  const auto kept_of = [](const char* reason, auto send) {
    intake_rig rig;
    auto c = client("c");
    c.events_per_second = 1;  // so two at once
    for (int i = 0; i < 5; ++i) send(rig, sender{true, &c});
    EXPECT_EQ(ask(rig, {true, &c}, 9, rig.event("host/a")).what, publish_reply::kind::retry);
    const auto [kept, counted] = letters_and_counts(rig, reason);
    EXPECT_EQ(kept + counted, 5U) << reason;
    return kept;
  };
  EXPECT_EQ(kept_of("bad_header",
                    [](intake_rig& rig, const sender& who) { rig.request("no header", "x", who); }),
            2U);
  EXPECT_EQ(kept_of("payload_too_large",
                    [](intake_rig& rig, const sender& who) {
                      EXPECT_EQ(ask(rig, who, 1, std::string((1U << 20U) + 1, 'x')).code,
                                "too_large");
                    }),
            2U);
  EXPECT_EQ(kept_of("bad_frames",
                    [](intake_rig& rig, const sender& who) {
                      rig.door.on_bad_event({"pull", "10.0.0.7:1", who}, "x", "bad_frames", "text");
                    }),
            2U);
}

TEST(IngressRights, EventsOfOtherEntitiesAreRefusedOneByOne) {
  intake_rig rig;
  auto c = client("c");
  c.entities = {"host/", "service/cart"};
  const auto reply = ask(rig, {true, &c}, 1,
                         list({rig.event("host/a"), rig.event("db/a"), rig.event("service/cart"),
                               rig.event("service/auth")}));
  EXPECT_EQ(reply.accepted, 2U);
  ASSERT_EQ(reply.rejected.size(), 2U);
  EXPECT_EQ(reply.rejected[0].index, 1U);
  EXPECT_EQ(reply.rejected[0].reason, reject_reason::not_allowed);
  EXPECT_EQ(reply.rejected[1].index, 3U);
}

TEST(IngressRights, AnotherNameGivesNoRightToWhomItStandsFor) {
  intake_rig rig{{}, {}, {}, entity_aliases{{{"host/a", "db/a"}, {"old/b", "host/b"}}}};
  auto c = client("c");
  c.entities = {"host/"};
  const auto reply = ask(rig, {true, &c}, 1, list({rig.event("host/a"), rig.event("old/b")}));
  EXPECT_EQ(reply.accepted, 1U);
  ASSERT_EQ(reply.rejected.size(), 1U);
  EXPECT_EQ(reply.rejected[0].index, 0U);
  EXPECT_EQ(reply.rejected[0].reason, reject_reason::not_allowed);
}

TEST(IngressRights, BeyondItsRateAKeyIsToldToWait) {
  intake_rig rig;
  auto c = client("c");
  c.events_per_second = 2;  // so four at once
  EXPECT_EQ(
      ask(rig, {true, &c}, 1, list({rig.event("host/a"), rig.event("host/b"), rig.event("host/c")}))
          .accepted,
      3U);
  EXPECT_EQ(ask(rig, {true, &c}, 2, list({rig.event("host/a"), rig.event("host/b")})).accepted, 2U);
  const auto reply = ask(rig, {true, &c}, 3, rig.event("host/a"));
  EXPECT_EQ(reply.what, publish_reply::kind::retry);
  EXPECT_EQ(reply.text, "over the rate of this key");
  EXPECT_EQ(rig.door.no_room(), 0U) << "that is no overload of the server";
  auto other = client("other");
  EXPECT_EQ(ask(rig, {true, &other}, 1, rig.event("host/a")).accepted, 1U);
  rig.now += milliseconds{1000};
  EXPECT_EQ(ask(rig, {true, &c}, 3, rig.event("host/a")).accepted, 1U);
}

TEST(IngressRights, BeyondItsRateWhatNeedsNoAnswerIsShed) {
  intake_rig rig;
  auto c = client("c");
  c.events_per_second = 1;
  const sender who{true, &c};
  rig.door.on_event_payload({"pull", "10.0.0.7:1", who}, "",
                            list({rig.event("host/a"), rig.event("host/b")}));
  rig.door.on_event_payload({"pull", "10.0.0.7:2", who}, "", rig.event("host/a"));
  EXPECT_EQ(rig.counters.doors.shed[static_cast<std::size_t>(event_door::pull)], 1U);
  EXPECT_EQ(rig.door.no_room(), 0U) << "that is no overload of the server";
  rig.door.on_event_payload({"pull", "10.0.0.7:2", {true, nullptr}}, "", rig.event("host/a"));
  EXPECT_EQ(rig.counters.doors.messages[static_cast<std::size_t>(message_fate::not_allowed)], 1U);
  EXPECT_EQ(rig.counters.doors.offered[static_cast<std::size_t>(event_door::pull)], 3U);
}

TEST(IngressRights, AKeyBringsInAsManyNewEntitiesAsItMayByAllDoorsAndNames) {
  intake_rig rig;
  auto c = client("c");
  c.max_entities = 2;
  const sender who{true, &c};
  EXPECT_EQ(ask(rig, who, 1, rig.event("host/a"), "p").accepted, 1U);
  rig.door.on_event_payload({"pull", "10.0.0.7:1", who}, "", rig.event("host/b"));
  const auto reply = ask(rig, who, 1, rig.event("host/c"), "q");
  ASSERT_EQ(reply.rejected.size(), 1U);
  EXPECT_EQ(reply.rejected[0].reason, reject_reason::entity_limit);
  EXPECT_EQ(ask(rig, who, 2, rig.event("host/b"), "q").accepted, 1U);
  auto other = client("other");
  EXPECT_EQ(ask(rig, {true, &other}, 1, rig.event("host/c")).accepted, 1U);
}

TEST(IngressRights, TwoKeysDoNotShareTheSeqsOfAPublisher) {
  intake_rig rig;
  auto c = client("c"), d = client("d");
  EXPECT_EQ(ask(rig, {true, &c}, 1, rig.event("host/a")).accepted, 1U);
  EXPECT_EQ(ask(rig, {true, &d}, 1, rig.event("host/b")).accepted, 1U);
  EXPECT_EQ(ask(rig, {true, &c}, 1, rig.event("host/a")).what, publish_reply::kind::duplicate);
}

TEST(IngressRights, OneKeyIsOnePublisherWhateverItCallsItself) {
  intake_rig rig;
  auto c = client("c");
  for (const char* name : {"p", "q", "r"})
    EXPECT_EQ(ask(rig, {true, &c}, 1, rig.event("host/a"), name).accepted, 1U);
  const std::lock_guard<std::mutex> lock{rig.door.publishers().mutex()};
  EXPECT_EQ(rig.door.publishers().size(), 1U);
}

}  // namespace
}  // namespace faultline
