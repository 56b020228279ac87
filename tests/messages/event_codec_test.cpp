// SPDX-License-Identifier: Apache-2.0
#include "messages/event_codec.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "tests/messages/payloads.hpp"

namespace faultline {
namespace {

using namespace payloads;

TEST(RejectReasons, HaveDistinctNamesAndTheRightCount) {
  std::set<std::string> names;
  for (std::size_t i = 1; i <= reject_reason_count; ++i)
    names.insert(to_string(static_cast<reject_reason>(i)));
  EXPECT_EQ(names.size(), reject_reason_count);
  EXPECT_EQ(names.count("unknown"), 0U);
  EXPECT_STREQ(to_string(static_cast<reject_reason>(0)), "unknown");
  EXPECT_STREQ(to_string(static_cast<reject_reason>(reject_reason_slots)), "unknown");
}

TEST(PayloadDecoder, ReadsAMetricEventInJson) {
  const auto got =
      decoded(R"({"entity":"host/web-1","ts":1700000000000,"values":{"cpu":0.5,"mem":12},)"
              R"("counters":{"requests":18446744073709551615},"attrs":{"az":"eu\u002d1"}})");
  ASSERT_TRUE(got.result.readable) << got.result.text;
  EXPECT_EQ(got.result.encoding, wire_encoding::json);
  ASSERT_EQ(got.accepted.size(), 1U);
  const auto& e = got.accepted[0];
  EXPECT_EQ(e.type, event_type::metric);
  EXPECT_EQ(e.entity, "host/web-1");
  EXPECT_EQ(e.ts, 1'700'000'000'000);
  EXPECT_EQ(e.attributes.at("az"), "eu-1");
  EXPECT_EQ(e.gauges.at("cpu"), 0.5);
  EXPECT_EQ(e.gauges.at("mem"), 12);
  EXPECT_EQ(e.counters.at("requests"), 18446744073709551615.0);
}

TEST(PayloadDecoder, TakesKeysInAnyOrder) {
  const auto json = decoded(R"({"values":{"a":1},"summary":7,"depends_on":"x","entity":"e/1"})");
  ASSERT_EQ(json.accepted.size(), 1U) << json.reasons();
  const auto late_type = decoded(R"({"body":"b","values":3,"entity":"e/1","type":"log"})");
  ASSERT_EQ(late_type.accepted.size(), 1U) << late_type.reasons();
  EXPECT_EQ(late_type.accepted[0].type, event_type::log);
}

TEST(PayloadDecoder, ReadsEveryTypeOfEvent) {
  const auto got = decoded(R"([
    {"type":"log","entity":"service/a","body":"x\ny","severity":"warn"},
    {"type":"span","entity":"service/a","trace":"0aF","span":"01","parent":null,
     "operation":"GET /","duration_us":1500,"status":"error","peer":"db/b"},
    {"type":"edge","entity":"service/a","depends_on":["db/b","db/c"],"kind":"runs_on",
     "remove":true},
    {"type":"change","entity":"service/a","kind":"deploy","summary":"v2"}])");
  ASSERT_EQ(got.accepted.size(), 4U) << got.reasons();
  EXPECT_EQ(got.accepted[0].body, "x\ny");
  EXPECT_EQ(got.accepted[0].severity, log_severity::warn);
  const auto& span = got.accepted[1];
  EXPECT_EQ(span.trace + "|" + span.span + "|" + span.parent + "|" + span.peer, "0aF|01||db/b");
  EXPECT_EQ(span.duration_us, 1500U);
  EXPECT_EQ(span.status, span_status::error);
  EXPECT_EQ(got.accepted[2].depends_on, (std::vector<std::string>{"db/b", "db/c"}));
  EXPECT_EQ(got.accepted[2].edge, edge_kind::runs_on);
  EXPECT_TRUE(got.accepted[2].remove);
  EXPECT_EQ(got.accepted[3].change, change_kind::deploy);
  EXPECT_EQ(got.accepted[3].summary, "v2");
}

TEST(PayloadDecoder, TheLastOfADoubledKeyCounts) {
  const auto got =
      decoded(R"([{"entity":"e/1","entity":"e/2","values":{"a":1,"b":2,"a":3}},)"
              R"({"entity":"e/1","values":{"a":1,"b":2},"counters":{"c":5},"values":{"b":9}},)"
              R"({"entity":"e/1","attrs":{"k":"1"},"attrs":{"j":"2","j":"3"},"values":{"a":1}}])");
  ASSERT_EQ(got.accepted.size(), 3U) << got.reasons();
  EXPECT_EQ(got.accepted[0].entity, "e/2");
  EXPECT_EQ(got.accepted[0].gauges, (std::map<std::string, double>{{"a", 3}, {"b", 2}}));
  EXPECT_EQ(got.accepted[1].gauges, (std::map<std::string, double>{{"b", 9}}));
  EXPECT_EQ(got.accepted[1].counters, (std::map<std::string, double>{{"c", 5}}));
  EXPECT_EQ(got.accepted[2].attributes, (std::map<std::string, std::string>{{"j", "3"}}));
}

TEST(PayloadDecoder, TheLastOfADoubledMetricCountsWhereverItStands) {
  const double nan = std::nan("");
  const auto values =
      map({{"a", f64(1)}, {"b", f64(2)}, {"a", f64(nan)}, {"c", f64(nan)}, {"c", f64(3)}});
  const auto got = decoded(map({{"entity", str("e/1")}, {"values", values}}));
  ASSERT_EQ(got.accepted.size(), 1U) << got.reasons();
  EXPECT_EQ(got.accepted[0].gauges, (std::map<std::string, double>{{"b", 2}, {"c", 3}}));
  const auto both = decoded(R"({"entity":"e","values":{"a":1},"counters":{"a":2}})");
  ASSERT_EQ(both.accepted.size(), 1U);
  EXPECT_TRUE(both.accepted[0].gauges.empty());
  EXPECT_EQ(both.accepted[0].counters.at("a"), 2);
  const auto taken_back = decoded(R"({"entity":"e","values":{"a":1},"values":{}})");
  EXPECT_EQ(taken_back.reasons(), "0:no_values ");
}

TEST(PayloadDecoder, WhatTheFirstOfADoubledKeyBrokeDoesNotCount) {
  const auto good = decoded(R"([
    {"entity":"","entity":"host/a","values":{"x":1}},
    {"entity":"e","ts":1,"ts":1700000000000,"values":{"x":1}},
    {"entity":"e","values":{"x":"a","":2},"values":{"x":1}},
    {"entity":"e","values":[],"values":{"x":1}},
    {"entity":"e","attrs":{"k":1},"attrs":{"k":"v"},"values":{"x":1}},
    {"type":"sum","entity":"e","type":"metric","values":{"x":1}},
    {"type":"edge","entity":"e","depends_on":["",7],"kind":"is","depends_on":["f"],"kind":"calls"},
    {"type":"change","entity":"e","kind":"calls","kind":"deploy"}])");
  EXPECT_EQ(good.reasons(), "");
  ASSERT_EQ(good.accepted.size(), 8U);
  EXPECT_EQ(good.accepted[0].entity, "host/a");
  EXPECT_EQ(good.accepted[1].ts, 1'700'000'000'000);
  EXPECT_EQ(good.accepted[2].gauges, (std::map<std::string, double>{{"x", 1}}));
  EXPECT_EQ(good.accepted[6].depends_on, (std::vector<std::string>{"f"}));
  EXPECT_EQ(good.accepted[7].change, change_kind::deploy);
}

TEST(PayloadDecoder, WhatTheLastOfADoubledKeyBreaksCountsAndSoDoOtherKeys) {
  const auto bad = decoded(R"([
    {"entity":"host/a","entity":"","values":{"x":1}},
    {"entity":"","ts":1,"entity":"e","values":{"x":1}},
    {"entity":"e","values":{"x":1},"values":{"x":"a"}},
    {"entity":"e","counters":{"x":"a"},"values":{"x":1},"values":{"x":2}},
    {"type":"edge","entity":"e","depends_on":["f"],"kind":"calls","kind":"deploy"}])");
  EXPECT_EQ(bad.reasons(),
            "0:bad_entity 1:ts_unit 2:wrong_field_type 3:wrong_field_type 4:bad_edge ");
}

/// `"a0":0,"a1":1, ...`
std::string numbered(const std::string& prefix, int names) {
  std::string text;
  for (int i = 0; i < names; ++i)
    text += (i == 0 ? "\"" : ",\"") + prefix + std::to_string(i) + "\":" + std::to_string(i);
  return text;
}

TEST(PayloadDecoder, ADoubledMapOfMetricsLeavesRoomForThoseOfTheLast) {
  std::string event = R"({"entity":"e","counters":{)" + numbered("c", 100) + "}";
  for (const char* round : {"a", "b", "a", "g", "d", "e"})
    event += R"(,"values":{)" + numbered(round, 156) + "}";
  const auto got = decoded(event + R"(,"values":{"a1":7}})");
  ASSERT_EQ(got.accepted.size(), 1U) << got.reasons();
  EXPECT_EQ(got.accepted[0].gauges, (std::map<std::string, double>{{"a1", 7}}));
  EXPECT_EQ(got.accepted[0].counters.size(), 100U);
  EXPECT_EQ(got.accepted[0].counters.at("c99"), 99);
  EXPECT_EQ(decoded(event + "}").accepted.at(0).gauges.at("e155"), 155);
  EXPECT_EQ(decoded(event + R"(,"values":{)" + numbered("f", 157) + "}}").reasons(),
            "0:too_many_values ");
  const auto less =
      decoded(R"({"entity":"e","values":{)" + numbered("a", 300) + R"(},"values":{"one":1}})");
  ASSERT_EQ(less.accepted.size(), 1U) << less.reasons();
  EXPECT_EQ(less.accepted[0].gauges.size(), 1U);
}

TEST(PayloadDecoder, NamesOfValuesThatAreNotFiniteAreAmongTheMostAnEventHas) {
  const auto with_nan = [](int finite) {
    return decoded(R"({"entity":"e","values":{)" + numbered("a", finite) +
                   R"(,"n":NaN,"n":Infinity,"a0":NaN,"a0":3}})");
  };
  const auto most = with_nan(255);
  ASSERT_EQ(most.accepted.size(), 1U) << most.reasons();
  EXPECT_EQ(most.accepted[0].gauges.size(), 255U);
  EXPECT_EQ(most.accepted[0].gauges.at("a0"), 3);
  EXPECT_EQ(most.dropped, (std::vector<std::string>{"0:n"})) << "each name once, as it came last";
  EXPECT_EQ(with_nan(256).reasons(), "0:too_many_values ");
}

TEST(PayloadDecoder, DropsSingleValuesThatAreNotFinite) {
  const double nan = std::nan("");
  const double inf = std::numeric_limits<double>::infinity();
  const auto got =
      decoded(array({map({{"entity", str("e/1")},
                          {"values", map({{"a", f64(nan)}, {"b", f64(1)}})},
                          {"counters", map({{"c", f32(-inf)}})}}),
                     map({{"entity", str("e/2")}, {"values", map({{"a", f64(inf)}})}})}));
  ASSERT_EQ(got.accepted.size(), 1U) << got.reasons();
  EXPECT_EQ(got.accepted[0].gauges, (std::map<std::string, double>{{"b", 1}}));
  EXPECT_EQ(got.dropped, (std::vector<std::string>{"0:a", "0:c"}));
  EXPECT_EQ(got.reasons(), "1:non_finite_value ");
}

TEST(PayloadDecoder, DropsWhatPythonWritesForNumbersThatAreNotFinite) {
  const auto got = decoded(
      R"([{"entity":"e/1","values":{"a":NaN,"b":1.5,"NaN":2},"counters":{"c":-Infinity,"d":1e999}},)"
      R"({"entity":"Infinity \" NaN","values":{"a":Infinity,"b":-1e-999,"0.00e-00":3}},)"
      R"({"entity":"e/3","values":{"a":NaN}},{"entity":"e/4","values":{"a":4}}])");
  ASSERT_EQ(got.accepted.size(), 3U) << got.reasons();
  EXPECT_EQ(got.accepted[0].gauges, (std::map<std::string, double>{{"NaN", 2}, {"b", 1.5}}));
  EXPECT_EQ(got.accepted[1].entity, "Infinity \" NaN");
  EXPECT_EQ(got.accepted[1].gauges, (std::map<std::string, double>{{"0.00e-00", 3}, {"b", 0}}));
  EXPECT_EQ(got.accepted[2].entity, "e/4");
  EXPECT_EQ(got.dropped, (std::vector<std::string>{"0:a", "0:c", "0:d", "1:a"}));
  EXPECT_EQ(got.reasons(), "2:non_finite_value ");
}

TEST(PayloadDecoder, OneBadEventDoesNotDisturbTheOthers) {
  const auto got = decoded(R"([{"entity":"e/1","values":{"a":1}},7,[[{}]],{"values":{"a":1}},)"
                           R"({"entity":"e/2","values":{"a":"x"}},null,)"
                           R"({"entity":"e/3","values":{"a":1}}])");
  EXPECT_EQ(got.result.events, 7U);
  ASSERT_EQ(got.accepted.size(), 2U);
  EXPECT_EQ(got.accepted[1].index, 6U);
  EXPECT_EQ(got.reasons(),
            "1:event_not_a_map 2:event_not_a_map 3:missing_entity 4:wrong_field_type "
            "5:event_not_a_map ");
}

TEST(PayloadDecoder, IgnoresUnknownKeysOfAnyShape) {
  const auto got = decoded(map({{"x", array({map({{"y", bin("z")}})})},
                                {"entity", str("e/1")},
                                {"z", nil()},
                                {"values", map({{"a", f64(1)}})}}));
  EXPECT_EQ(got.accepted.size(), 1U) << got.reasons();
  std::string number_as_key = "\x83" + str("entity") + str("e/1") + natural(7) + natural(8) +
                              str("values") + map({{"a", f64(1)}});
  EXPECT_EQ(decoded(number_as_key).accepted.size(), 1U);
}

TEST(PayloadDecoder, CutsALongBodyBetweenCharacters) {
  std::string body(payload_limits::log_body_bytes - 1, 'a');
  body += "\xc3\xa4 and more";
  const auto got =
      decoded(map({{"type", str("log")}, {"entity", str("e/1")}, {"body", str(body)}}));
  ASSERT_EQ(got.accepted.size(), 1U);
  EXPECT_EQ(got.accepted[0].body, std::string(payload_limits::log_body_bytes - 1, 'a'));
}

TEST(PayloadDecoder, TakesExactlyTheLimits) {
  std::vector<std::pair<std::string, std::string>> values;
  for (int i = 0; i < 256; ++i) values.push_back({"m" + std::to_string(i), f64(i)});
  const auto wide = map({{"entity", str(std::string(256, 'e'))}, {"values", map(values)}});
  const auto got = decoded(wide);
  ASSERT_EQ(got.accepted.size(), 1U) << got.reasons();
  EXPECT_EQ(got.accepted[0].gauges.size(), 256U);
  const auto small = map({{"entity", str("e")}, {"values", map({{"a", f64(1)}})}});
  EXPECT_EQ(decoded(array(std::vector<std::string>(4096, small))).accepted.size(), 4096U);
}

TEST(PayloadDecoder, ReadsAnEmptyBatchAsNoEvents) {
  for (const char* payload : {"\x90", "[]"}) {
    const auto got = decoded(payload);
    EXPECT_TRUE(got.result.readable);
    EXPECT_EQ(got.result.events, 0U);
  }
}

TEST(PayloadDecoder, NamesTheUnitOfAWrongTimestamp) {
  const auto text_for = [](const std::string& ts) {
    const auto got = decoded(R"({"entity":"e/1","values":{"a":1},"ts":)" + ts + "}");
    return got.rejected.empty() ? std::string{"accepted"} : got.rejected[0].text;
  };
  EXPECT_NE(text_for("1700000000").find("looks like seconds"), std::string::npos);
  EXPECT_NE(text_for("1700000000000000").find("looks like microseconds"), std::string::npos);
  EXPECT_NE(text_for("1700000000000000000").find("looks like nanoseconds"), std::string::npos);
  EXPECT_NE(text_for("-1").find("outside 1990..2100"), std::string::npos);
  EXPECT_EQ(text_for("631152000000"), "accepted");
  EXPECT_EQ(text_for("4102444799999"), "accepted");
  EXPECT_NE(text_for("4102444800000"), "accepted");
}

TEST(PayloadDecoder, ReadsSyslogOfBothKinds) {
  const auto modern = decoded(
      "<165>1 2023-11-14T22:13:20.003Z web-1 nginx 88 ID47 [a@1 k=\"v]\\\"\"][b] "
      "\xef\xbb\xbfmessage");
  ASSERT_EQ(modern.accepted.size(), 1U) << modern.reasons() << modern.result.text;
  EXPECT_EQ(modern.accepted[0].entity, "host/web-1");
  EXPECT_EQ(modern.accepted[0].ts, 1'700'000'000'003);
  EXPECT_EQ(modern.accepted[0].severity, log_severity::info);
  EXPECT_EQ(modern.accepted[0].body, "message");
  EXPECT_EQ(modern.accepted[0].attributes.at("app"), "nginx");
  EXPECT_EQ(modern.accepted[0].attributes.at("procid"), "88");
  const auto old = decoded("<34>Oct 11 22:14:15 mymachine su[12]: 'su root' failed\n");
  ASSERT_EQ(old.accepted.size(), 1U) << old.reasons() << old.result.text;
  EXPECT_EQ(old.accepted[0].entity, "host/mymachine");
  EXPECT_EQ(old.accepted[0].ts, -1);
  EXPECT_EQ(old.accepted[0].severity, log_severity::fatal);
  EXPECT_EQ(old.accepted[0].attributes.at("app"), "su");
  EXPECT_EQ(old.accepted[0].attributes.at("procid"), "12");
  EXPECT_EQ(old.accepted[0].body, "'su root' failed");
  // As rsyslog forwards by default: the head of RFC 3164 with a precise time.
  const auto precise = decoded("<13>2023-11-14T22:13:20.250000+00:00 web-2 cron[7]: ran");
  ASSERT_EQ(precise.accepted.size(), 1U) << precise.reasons() << precise.result.text;
  EXPECT_EQ(precise.accepted[0].entity, "host/web-2");
  EXPECT_EQ(precise.accepted[0].ts, 1'700'000'000'250);
  EXPECT_EQ(precise.accepted[0].body, "ran");
  const auto brief = decoded(R"(<165>1 - router mgd 3046 LOGOUT [junos@2636 user="ann"][b])");
  ASSERT_EQ(brief.accepted.size(), 1U) << brief.reasons() << brief.result.text;
  EXPECT_EQ(brief.accepted[0].body, R"([junos@2636 user="ann"][b])") << "no MSG: the data";
  const auto zone = decoded("<11>1 2023-11-14T23:43:20+01:30 h - - - -");
  ASSERT_EQ(zone.accepted.size(), 1U) << zone.result.text;
  EXPECT_EQ(zone.accepted[0].ts, 1'700'000'000'000);
  EXPECT_EQ(zone.accepted[0].severity, log_severity::error);
  const auto nano = decoded("<11>1 2023-11-14T22:13:20.250987654Z h - - - - text");
  ASSERT_EQ(nano.accepted.size(), 1U) << nano.result.text;
  EXPECT_EQ(nano.accepted[0].ts, 1'700'000'000'250);
}

event_view sample(event_type type) {
  event_view e;
  e.type = type;
  e.entity = "service/c\xc3\xa4rt";
  e.has_ts = true;
  e.ts = event_time_of(1'700'000'000'123);
  e.attributes = {{"k", "v \"quoted\" \\ \n \x01"}};
  e.metrics = {{"cpu", 0.1, metric_kind::gauge},
               {"req", 1e300, metric_kind::counter},
               {"calls", 2.5, metric_kind::rate}};
  e.body = "line\ttwo";
  e.severity = log_severity::fatal;
  e.trace = "ab";
  e.span = "cd";
  e.operation = "op";
  e.peer = "db/x";
  e.duration_us = 7;
  e.status = span_status::ok;
  e.depends_on = {"db/x", "db/y"};
  e.edge = edge_kind::runs_on;
  e.remove = true;
  e.change = change_kind::flag;
  e.summary = "s";
  return e;
}

TEST(EncodeEvent, IsReadBackInBothEncodings) {
  for (const auto encoding : {wire_encoding::msgpack, wire_encoding::json}) {
    for (const auto type : {event_type::metric, event_type::log, event_type::span, event_type::edge,
                            event_type::change}) {
      std::string bytes;
      const auto e = sample(type);
      encode_event(e, encoding, bytes);
      const auto got = decoded(bytes);
      ASSERT_EQ(got.accepted.size(), 1U) << bytes << got.reasons() << got.result.text;
      const auto& back = got.accepted[0];
      EXPECT_EQ(back.type, type);
      EXPECT_EQ(back.entity, e.entity);
      EXPECT_EQ(back.ts, 1'700'000'000'123);
      EXPECT_EQ(back.attributes.at("k"), e.attributes[0].value);
      if (type == event_type::metric) {
        EXPECT_EQ(back.gauges.at("cpu"), 0.1);
      }
      if (type == event_type::metric) {
        EXPECT_EQ(back.counters.at("req"), 1e300);
      }
      if (type == event_type::log) {
        EXPECT_EQ(back.body, e.body);
      }
      if (type == event_type::span) {
        EXPECT_EQ(back.trace + back.span + back.peer, "abcddb/x");
      }
      if (type == event_type::edge) {
        EXPECT_EQ(back.depends_on.size(), 2U);
      }
      if (type == event_type::edge) {
        EXPECT_TRUE(back.remove);
      }
      if (type == event_type::change) {
        EXPECT_EQ(back.change, change_kind::flag);
      }
    }
  }
}

TEST(EncodeEvent, LeavesOutWhatIsNotFinite) {
  auto e = sample(event_type::metric);
  e.metrics[0].value = std::nan("");
  std::string bytes;
  encode_event(e, wire_encoding::json, bytes);
  EXPECT_EQ(bytes.find("cpu"), std::string::npos);
  EXPECT_EQ(decoded(bytes).accepted.size(), 1U);
}

}  // namespace
}  // namespace faultline
