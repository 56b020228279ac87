// SPDX-License-Identifier: Apache-2.0
#include "messages/feed.hpp"
#include "messages/feed_reply.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/messages/records.hpp"

namespace faultline {
namespace {

using nlohmann::json;

json as_json(const std::string& msgpack) {
  const auto text = msgpack_to_json(msgpack);
  EXPECT_TRUE(text);
  return text ? json::parse(*text) : json{};
}

std::vector<std::string> keys_of(const json& value) {
  std::vector<std::string> keys;
  for (const auto& [key, ignored] : value.items()) keys.push_back(key);
  return keys;
}

TEST(FeedTopics, OfAResolveAreAllThatTheEpisodeUsed) {
  EXPECT_EQ(topics_of(firing_alert()), (std::vector<std::string>{"alert/critical/service/cart"}));
  EXPECT_EQ(topics_of(resolved_alert()), (std::vector<std::string>{"alert/critical/service/cart",
                                                                   "alert/warning/service/cart"}));
  auto mild = resolved_alert();
  mild.severity = alert_severity::warning;
  mild.was_critical = false;
  EXPECT_EQ(topics_of(mild), (std::vector<std::string>{"alert/warning/service/cart"}));
  EXPECT_EQ(topic_of(sample_incident()), "incident/inc-1");
  EXPECT_EQ(topic_of(notice{"quarantine", "host/x", "", {}}), "notice/quarantine/host/x");
}

TEST(FeedPayload, OfAnAlertHasTheKeysOfTheContract) {
  const auto firing = as_json(feed_payload(firing_alert(), 7, arrival_time_of(99)));
  EXPECT_EQ(
      keys_of(firing),
      (std::vector<std::string>{
          "acknowledged", "contributors", "degraded", "detectors",   "entity",   "explanation",
          "id",           "kind",         "labels",   "lead_time_s", "learning", "metric",
          "model",        "published",    "score",    "seq",         "severity", "silenced",
          "source",       "started",      "state",    "transition",  "ts",       "updated"}));
  EXPECT_EQ(firing["seq"], 7);
  EXPECT_EQ(firing["published"], 99);
  EXPECT_EQ(firing["ts"], firing["updated"]);
  EXPECT_EQ(firing["acknowledged"], false);
  EXPECT_EQ(firing["lead_time_s"], 340.5);
  EXPECT_EQ(keys_of(firing["contributors"][0]),
            (std::vector<std::string>{"actual", "expected", "lower", "metric", "score", "unit",
                                      "upper"}));
  EXPECT_EQ(firing["contributors"][0]["unit"], "");  // latency_p99 does not say
  const auto resolved = as_json(feed_payload(resolved_alert(), 8, arrival_time_of(99)));
  EXPECT_EQ(resolved["state"], "resolved");
  EXPECT_EQ(resolved["ended"], 1'700'000'120'000);
  EXPECT_TRUE(resolved["lead_time_s"].is_null());
  EXPECT_EQ(resolved["acknowledged"], true);
  EXPECT_EQ(resolved["acknowledged_by"], "ada");
  EXPECT_EQ(resolved["silenced_by"], "bob");
}

TEST(FeedPayload, OfAnIncidentHasTheKeysOfTheContract) {
  const auto open = as_json(feed_payload(sample_incident(), 7, arrival_time_of(99)));
  EXPECT_EQ(keys_of(open),
            (std::vector<std::string>{"abstained", "alerts", "causes", "entities", "id", "kind",
                                      "published", "seq", "severity", "started", "state", "summary",
                                      "transition", "ts", "unobserved", "updated"}));
  EXPECT_EQ(keys_of(open["causes"][0]),
            (std::vector<std::string>{"counter_evidence", "entity", "evidence", "fault_class",
                                      "metric", "probability", "remediation"}));
  EXPECT_EQ(keys_of(open["causes"][0]["remediation"][0]),
            (std::vector<std::string>{"runbook", "steps", "title", "tried", "worked"}));
  EXPECT_DOUBLE_EQ(
      open["causes"][0]["probability"].get<double>() + open["unobserved"].get<double>(), 1);
}

TEST(FeedPayload, IsReadBack) {
  const auto a = read_feed_payload(feed_payload(resolved_alert(), 7, arrival_time_of(1)));
  ASSERT_TRUE(a) << a.error().what;
  EXPECT_EQ(a->kind, "alert");
  EXPECT_EQ(a->seq, 7U);
  auto expected = resolved_alert();
  expected.episode = 0;  // these are not on the wire
  expected.was_warning = expected.was_critical = false;
  EXPECT_EQ(encode_alert(a->alert), encode_alert(expected));
  const auto i = read_feed_payload(feed_payload(sample_incident(), 8, arrival_time_of(1)));
  ASSERT_TRUE(i) << i.error().what;
  EXPECT_EQ(encode_incident(i->incident), encode_incident(sample_incident()));
  const auto n = read_feed_payload(feed_payload(
      notice{"recovered", "node", "after 3 s", event_time_of(4)}, 9, arrival_time_of(1)));
  ASSERT_TRUE(n);
  EXPECT_EQ(n->notice.text, "after 3 s");
  const auto h = read_feed_payload(heartbeat_payload(12, event_time_of(4), arrival_time_of(5)));
  ASSERT_TRUE(h);
  EXPECT_EQ(h->kind, "heartbeat");
  EXPECT_EQ(h->seq, 12U);
}

TEST(FeedPayload, ThatIsNotOneIsRefused) {
  EXPECT_FALSE(read_feed_payload(""));
  EXPECT_FALSE(read_feed_payload("\x80"));
  EXPECT_FALSE(read_feed_payload("\x90"));
  EXPECT_FALSE(read_feed_payload(*json_to_msgpack(R"({"kind":"alert","seq":1})")));
  EXPECT_FALSE(read_feed_payload(*json_to_msgpack(R"({"kind":7,"seq":1})")));
  EXPECT_FALSE(read_feed_payload(*json_to_msgpack(R"({"kind":"song","seq":1})")));
}

TEST(FeedJson, IsTheRecordWithoutSeqWhereThereIsNone) {
  const auto with = json::parse(to_json(firing_alert(), 3));
  EXPECT_EQ(with["seq"], 3);
  EXPECT_FALSE(json::parse(to_json(firing_alert())).contains("seq"));
  EXPECT_FALSE(json::parse(to_json(sample_incident())).contains("seq"));
  auto odd = firing_alert();
  odd.explanation = "not \xff UTF-8";
  EXPECT_FALSE(json::parse(to_json(odd))["explanation"].get<std::string>().empty());
}

TEST(ReplayReply, IsTheSameInBothEncodings) {
  std::vector<feed_record> records;
  for (std::uint64_t seq = 7; seq < 40; ++seq)
    records.push_back(
        {seq, std::string(seq * 3, 't'), feed_payload(firing_alert(), seq, arrival_time_of(5))});
  const auto text = json::parse(replay_reply(records, 40, 7, 1'000'000, wire_encoding::json));
  EXPECT_EQ(as_json(replay_reply(records, 40, 7, 1'000'000, wire_encoding::msgpack)), text);
  EXPECT_EQ(text["records"].size(), records.size());
  EXPECT_EQ(text["records"][1]["payload"]["seq"], 8);
  EXPECT_EQ(as_json(replay_reply({}, 1, 1, 0, wire_encoding::msgpack)),
            json::parse(R"({"records":[],"next":1,"oldest":1,"last":0})"));
}

TEST(ConvertedValues, AreTheSameInBothEncodings) {
  const std::string text = R"({"a":[1,-2,2.5,null,true,"x\u00e4"],"b":{"c":18446744073709551615}})";
  const auto packed = json_to_msgpack(text);
  ASSERT_TRUE(packed);
  const auto back = msgpack_to_json(*packed);
  ASSERT_TRUE(back);
  EXPECT_EQ(json::parse(*back), json::parse(text));
}

TEST(ConvertedValues, ThatAreDamagedOrTooDeepAreMalformed) {
  for (const std::string& bytes :
       {std::string{}, std::string{"\xc1"}, std::string{"\xdd\xff\xff\xff\xff"},
        std::string(100'000, '\x91'), std::string{"\xc0\xc0"}, std::string{"\x81\x01\x01"},
        std::string(40, '\x91') + '\xc0'})
    EXPECT_FALSE(msgpack_to_json(bytes));
  for (const std::string& text :
       {std::string{}, std::string{"{"}, std::string{"NaN"}, std::string(100'000, '['),
        std::string(33, '[') + std::string(33, ']')})
    EXPECT_FALSE(json_to_msgpack(text));
  EXPECT_TRUE(json_to_msgpack(std::string(32, '[') + std::string(32, ']')));
}

}  // namespace
}  // namespace faultline
