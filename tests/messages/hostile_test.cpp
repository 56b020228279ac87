// SPDX-License-Identifier: Apache-2.0
//
// Payloads made to do harm. Each is refused with its own reason, and the decoder serves on.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "tests/messages/payloads.hpp"

namespace faultline {
namespace {

using namespace payloads;
using r = reject_reason;

struct hostile {
  const char* name;
  std::string payload;
  r reason;
  bool whole = false;  ///< the payload is refused as a whole
};

std::string good() { return map({{"entity", str("e/1")}, {"values", map({{"a", f64(1)}})}}); }

/// A good metric event with one more key, or one key replaced (the last counts).
std::string with(const std::string& key, const std::string& value) {
  return map({{"entity", str("e/1")}, {"values", map({{"a", f64(1)}})}, {key, value}});
}

std::string typed(const char* type, std::vector<std::pair<std::string, std::string>> more) {
  more.insert(more.begin(), {{"type", str(type)}, {"entity", str("e/1")}});
  return map(more);
}

std::string span_with(const std::string& key, const std::string& value) {
  return typed("span", {{"trace", str("ab")},
                        {"span", str("cd")},
                        {"operation", str("op")},
                        {"duration_us", natural(1)},
                        {key, value}});
}

std::string values_of(std::size_t n) {
  std::vector<std::pair<std::string, std::string>> values;
  for (std::size_t i = 0; i < n; ++i) values.push_back({"m" + std::to_string(i), f64(1)});
  return map(values);
}

std::string strings_of(std::size_t n) {
  std::vector<std::pair<std::string, std::string>> entries;
  for (std::size_t i = 0; i < n; ++i) entries.push_back({"k" + std::to_string(i), str("v")});
  return map(entries);
}

std::string deep(std::size_t levels) {
  return map({{"entity", str("e/1")},
              {"values", map({{"a", f64(1)}})},
              {"x", std::string(levels, '\x91') + nil()}});
}

std::vector<hostile> whole_payloads() {
  constexpr bool whole = true;
  return {
      {"empty", "", r::empty_payload, whole},
      {"a letter", "hello", r::unknown_format, whole},
      {"a space before JSON", " {}", r::unknown_format, whole},
      {"a byte order mark", "\xef\xbb\xbf{}", r::unknown_format, whole},
      {"a NUL", std::string(1, '\0'), r::unknown_format, whole},
      {"a msgpack integer", natural(7), r::unknown_format, whole},
      {"a msgpack string", str("x"), r::unknown_format, whole},
      {"a byte of no meaning", "\xc1", r::unknown_format, whole},
      {"over 1 MiB of msgpack", good() + std::string(1 << 20, '\xc0'), r::payload_too_large, whole},
      {"over 1 MiB of JSON", "[" + std::string(1 << 20, ' ') + "]", r::payload_too_large, whole},
      {"array of 2^32-1", "\xdd\xff\xff\xff\xff", r::too_many_events, whole},
      {"array of 4097", byte(0xdc) + big_endian<std::uint16_t>(4097), r::too_many_events, whole},
      {"array of 4096 without any", byte(0xdc) + big_endian<std::uint16_t>(4096),
       r::malformed_msgpack, whole},
      {"map of 2^32-1", "\xdf\xff\xff\xff\xff", r::malformed_msgpack, whole},
      {"map header alone", "\xde", r::malformed_msgpack, whole},
      {"string of 2^32-1", "\x81\xdb\xff\xff\xff\xff", r::malformed_msgpack, whole},
      {"binary of 2^32-1", "\x81\xa1x\xc6\xff\xff\xff\xff", r::malformed_msgpack, whole},
      {"extension of 2^32-1", "\x81\xa1x\xc9\xff\xff\xff\xff\x01", r::malformed_msgpack, whole},
      {"extension as a value", with("x", ext("abcd")), r::malformed_msgpack, whole},
      {"fixext as an event", "\x91\xd4\x01\x02", r::malformed_msgpack, whole},
      {"timestamp extension as ts", with("ts", std::string("\xd6\xff\0\0\0\0", 6)),
       r::malformed_msgpack, whole},
      {"a byte of no meaning inside", "\x81\xa1x\xc1", r::malformed_msgpack, whole},
      {"bytes after the map", good() + nil(), r::malformed_msgpack, whole},
      {"two maps in a row", good() + good(), r::malformed_msgpack, whole},
      {"a map as a key", "\x81" + good() + nil(), r::malformed_msgpack, whole},
      {"an array as a key", "\x81\x91\x01\x01", r::malformed_msgpack, whole},
      {"depth 9", deep(8), r::malformed_msgpack, whole},
      {"depth 500,000", std::string(500'000, '\x91'), r::malformed_msgpack, whole},
      {"depth 500,000 in a map", "\x81\xa1x" + std::string(500'000, '\x91'), r::malformed_msgpack,
       whole},
      {"maps all the way down",
       [] {
         std::string s;
         for (int i = 0; i < 100'000; ++i) s += "\x81\xa1x";
         return s;
       }(),
       r::malformed_msgpack, whole},
      {"JSON cut", R"({"entity":"e/1","values":{"a":1})", r::malformed_json, whole},
      {"JSON with a comma too many", R"({"entity":"e/1",})", r::malformed_json, whole},
      {"JSON nan", R"({"entity":"e/1","values":{"a":nan}})", r::malformed_json, whole},
      {"JSON +Infinity", R"({"entity":"e/1","values":{"a":+Infinity}})", r::malformed_json, whole},
      {"JSON NaNs", R"({"entity":"e/1","values":{"a":NaNs}})", r::malformed_json, whole},
      {"JSON 1e9999e", R"({"entity":"e/1","values":{"a":1e9999e}})", r::malformed_json, whole},
      {"JSON NaN and a comma too many", R"({"entity":"e/1","values":{"a":NaN},})",
       r::malformed_json, whole},
      {"JSON NaN in a text that does not end", R"({"entity":"NaN)", r::malformed_json, whole},
      {"JSON single quotes", "{'entity':'e/1'}", r::malformed_json, whole},
      {"JSON comment", R"({/**/"entity":"e/1"})", r::malformed_json, whole},
      {"JSON with bytes after", R"({"entity":"e/1","values":{"a":1}} x)", r::malformed_json, whole},
      {"JSON two values", "{}{}", r::malformed_json, whole},
      {"JSON bad UTF-8", "{\"entity\":\"e/\xff\"}", r::malformed_json, whole},
      {"JSON lone surrogate", R"({"entity":"\ud800"})", r::malformed_json, whole},
      {"JSON raw control", "{\"entity\":\"a\x01\"}", r::malformed_json, whole},
      {"JSON NUL", std::string("{\"entity\":\"a\"}\0", 15), r::malformed_json, whole},
      {"JSON key without quotes", "{entity:1}", r::malformed_json, whole},
      {"JSON hex number", R"({"ts":0x10})", r::malformed_json, whole},
      {"JSON leading zero", R"({"ts":017})", r::malformed_json, whole},
      {"JSON depth 9", R"({"x":[[[[[[[[1]]]]]]]]})", r::malformed_json, whole},
      {"JSON depth 500,000", std::string(500'000, '['), r::malformed_json, whole},
      {"JSON 4097 events",
       [] {
         std::string s = "[1";
         for (int i = 0; i < 4096; ++i) s += ",1";
         return s + "]";
       }(),
       r::too_many_events, whole},
      {"syslog without a number", "<>1 - h - - - -", r::unknown_format, whole},
      {"syslog PRI 192", "<192>1 - h - - - -", r::malformed_syslog, whole},
      {"syslog PRI of four digits", "<0001>1 - h - - - -", r::malformed_syslog, whole},
      {"syslog PRI not closed", "<13", r::malformed_syslog, whole},
      {"syslog without a host", "<13>1 - - - - - -", r::malformed_syslog, whole},
      {"syslog without data", "<13>1 - h a p m", r::malformed_syslog, whole},
      {"syslog data not closed", "<13>1 - h a p m [x y=\"]", r::malformed_syslog, whole},
      {"syslog bad timestamp", "<13>1 2023-13-01T00:00:00Z h - - - -", r::malformed_syslog, whole},
      {"syslog of no day", "<13>1 2023-02-29T00:00:00Z h - - - -", r::malformed_syslog, whole},
      {"syslog with words only", "<13>hello world", r::malformed_syslog, whole},
      {"syslog month that is none", "<13>Foo 11 22:14:15 h x", r::malformed_syslog, whole},
  };
}

std::vector<hostile> single_events() {
  const std::string overlong("\xc0\xaf", 2);
  return {
      {"a number for an event", array({natural(1)}), r::event_not_a_map},
      {"nil for an event", array({nil()}), r::event_not_a_map},
      {"binary for an event", array({bin("x")}), r::event_not_a_map},
      {"an array for an event", array({array({good()})}), r::event_not_a_map},
      {"type nobody knows", with("type", str("trace")), r::unknown_type},
      {"type in capitals", with("type", str("METRIC")), r::unknown_type},
      {"type empty", with("type", str("")), r::unknown_type},
      {"type a number", with("type", natural(1)), r::wrong_field_type},
      {"type nil", with("type", nil()), r::wrong_field_type},
      {"empty map", map({}), r::missing_entity},
      {"no entity", map({{"values", map({{"a", f64(1)}})}}), r::missing_entity},
      {"entity empty", with("entity", str("")), r::bad_entity},
      {"entity of 257 bytes", with("entity", str(std::string(257, 'e'))), r::bad_entity},
      {"entity with a NUL", with("entity", str(std::string("a\0b", 3))), r::bad_entity},
      {"entity with a line feed", with("entity", str("a\nb")), r::bad_entity},
      {"entity with DEL", with("entity", str("a\x7f")), r::bad_entity},
      {"entity with C1", with("entity", str("a\xc2\x85")), r::bad_entity},
      {"entity written backwards",
       with("entity", str("a\xe2\x80\xae"
                          "b")),
       r::bad_entity},
      {"entity overlong", with("entity", str("a" + overlong)), r::bad_entity},
      {"entity surrogate", with("entity", str("\xed\xa0\x80")), r::bad_entity},
      {"entity above U+10FFFF", with("entity", str("\xf4\x90\x80\x80")), r::bad_entity},
      {"entity cut in a character", with("entity", str("abcdefgh\xe2\x82")), r::bad_entity},
      {"entity a number", with("entity", natural(1)), r::wrong_field_type},
      {"entity nil", with("entity", nil()), r::wrong_field_type},
      {"entity a map", with("entity", map({})), r::wrong_field_type},
      {"entity binary", with("entity", bin("e/1")), r::wrong_field_type},
      {"ts a string", with("ts", str("now")), r::bad_ts},
      {"ts a float", with("ts", f64(1.7e12)), r::bad_ts},
      {"ts NaN", with("ts", f64(std::nan(""))), r::bad_ts},
      {"ts true", with("ts", boolean(true)), r::bad_ts},
      {"ts nil", with("ts", nil()), r::bad_ts},
      {"ts a list", with("ts", array({natural(1)})), r::bad_ts},
      {"ts in seconds", with("ts", natural(1'700'000'000)), r::ts_unit},
      {"ts in microseconds", with("ts", natural(1'700'000'000'000'000)), r::ts_unit},
      {"ts in nanoseconds", with("ts", natural(1'700'000'000'000'000'000)), r::ts_unit},
      {"ts zero", with("ts", natural(0)), r::ts_unit},
      {"ts negative", with("ts", integer(-1)), r::ts_unit},
      {"ts 2^63", with("ts", natural(1ULL << 63)), r::ts_unit},
      {"ts 2^64-1", with("ts", natural(~0ULL)), r::ts_unit},
      {"ts -2^63", with("ts", integer(std::numeric_limits<std::int64_t>::min())), r::ts_unit},
      {"33 attributes", with("attrs", strings_of(33)), r::too_many_attributes},
      {"attribute a number", with("attrs", map({{"k", natural(1)}})), r::bad_attribute},
      {"attribute nil", with("attrs", map({{"k", nil()}})), r::bad_attribute},
      {"attribute a map", with("attrs", map({{"k", map({})}})), r::bad_attribute},
      {"attribute without a name", with("attrs", map({{"", str("v")}})), r::bad_attribute},
      {"attribute name a number", with("attrs", "\x81\x01" + str("v")), r::bad_attribute},
      {"attribute name of 257", with("attrs", map({{std::string(257, 'k'), str("v")}})),
       r::bad_attribute},
      {"attribute not UTF-8", with("attrs", map({{"k", str("\xff")}})), r::bad_utf8},
      {"attrs a list", with("attrs", array({})), r::wrong_field_type},
      {"no values", map({{"entity", str("e/1")}}), r::no_values},
      {"values empty", map({{"entity", str("e/1")}, {"values", map({})}}), r::no_values},
      {"values a list", with("values", array({f64(1)})), r::wrong_field_type},
      {"values a number", with("values", f64(1)), r::wrong_field_type},
      {"value a string", with("values", map({{"a", str("1")}})), r::wrong_field_type},
      {"value nil", with("values", map({{"a", nil()}})), r::wrong_field_type},
      {"value true", with("values", map({{"a", boolean(true)}})), r::wrong_field_type},
      {"value a map", with("values", map({{"a", map({})}})), r::wrong_field_type},
      {"counter a string", with("counters", map({{"a", str("1")}})), r::wrong_field_type},
      {"257 values", with("values", values_of(257)), r::too_many_values},
      {"200 values and 200 counters",
       [] {
         std::vector<std::pair<std::string, std::string>> counters;
         for (int i = 0; i < 200; ++i) counters.push_back({"c" + std::to_string(i), f64(1)});
         return map(
             {{"entity", str("e/1")}, {"values", values_of(200)}, {"counters", map(counters)}});
       }(),
       r::too_many_values},
      {"metric without a name", with("values", map({{"", f64(1)}})), r::bad_metric_name},
      {"metric name of 129", with("values", map({{std::string(129, 'm'), f64(1)}})),
       r::bad_metric_name},
      {"metric name a number", with("values", "\x81\x01\x01"), r::bad_metric_name},
      {"metric name with a tab", with("values", map({{"a\tb", f64(1)}})), r::bad_metric_name},
      {"metric name not UTF-8", with("values", map({{"a\x80", f64(1)}})), r::bad_metric_name},
      {"only NaN", with("values", map({{"a", f64(std::nan(""))}})), r::non_finite_value},
      {"only infinities",
       with("values", map({{"a", f64(std::numeric_limits<double>::infinity())},
                           {"b", f32(-std::numeric_limits<double>::infinity())}})),
       r::non_finite_value},
      {"log severity nobody knows", typed("log", {{"body", str("b")}, {"severity", str("notice")}}),
       r::bad_severity},
      {"log severity a number", typed("log", {{"body", str("b")}, {"severity", natural(3)}}),
       r::wrong_field_type},
      {"log without a body", typed("log", {}), r::wrong_field_type},
      {"log body a map", typed("log", {{"body", map({})}}), r::wrong_field_type},
      {"log body not UTF-8", typed("log", {{"body", str("\xff\xfe")}}), r::bad_utf8},
      {"span without a trace", typed("span", {{"span", str("cd")}, {"operation", str("op")}}),
       r::bad_span},
      {"span of nothing", typed("span", {}), r::bad_span},
      {"trace not hex", span_with("trace", str("xyz")), r::bad_span},
      {"trace empty", span_with("trace", str("")), r::bad_span},
      {"trace of 65 digits", span_with("trace", str(std::string(65, 'a'))), r::bad_span},
      {"parent not hex", span_with("parent", str("no")), r::bad_span},
      {"operation empty", span_with("operation", str("")), r::bad_span},
      {"operation not UTF-8", span_with("operation", str("\x80")), r::bad_utf8},
      {"duration negative", span_with("duration_us", integer(-5)), r::bad_span},
      {"duration a float", span_with("duration_us", f64(1)), r::wrong_field_type},
      {"peer with a control", span_with("peer", str("a\n")), r::bad_span},
      {"status nobody knows", span_with("status", str("fine")), r::bad_status},
      {"status a number", span_with("status", natural(2)), r::wrong_field_type},
      {"edge to nobody", typed("edge", {}), r::bad_edge},
      {"edge to an empty list", typed("edge", {{"depends_on", array({})}}), r::bad_edge},
      {"edge to an empty name", typed("edge", {{"depends_on", array({str("")})}}), r::bad_edge},
      {"edge to a string", typed("edge", {{"depends_on", str("b")}}), r::wrong_field_type},
      {"edge to a number", typed("edge", {{"depends_on", array({natural(1)})}}),
       r::wrong_field_type},
      {"edge of unknown kind",
       typed("edge", {{"depends_on", array({str("b")})}, {"kind", str("likes")}}), r::bad_edge},
      {"edge to 1025",
       typed("edge", {{"depends_on", array(std::vector<std::string>(1025, str("b")))}}),
       r::bad_edge},
      {"remove a string",
       typed("edge", {{"depends_on", array({str("b")})}, {"remove", str("yes")}}),
       r::wrong_field_type},
      {"change of unknown kind", typed("change", {{"kind", str("party")}}), r::bad_change},
      {"change of nothing", typed("change", {}), r::bad_change},
      {"summary a number", typed("change", {{"summary", natural(1)}}), r::wrong_field_type},
      {"summary not UTF-8", typed("change", {{"summary", str("\xff")}}), r::bad_utf8},
      {"JSON entity with NUL", R"({"entity":"a\u0000b","values":{"a":1}})", r::bad_entity},
      {"JSON ts a float", R"({"entity":"e","ts":1700000000000.0,"values":{"a":1}})", r::bad_ts},
      {"JSON ts in exponents", R"({"entity":"e","ts":1.7e12,"values":{"a":1}})", r::bad_ts},
      {"JSON ts huge", R"({"entity":"e","ts":99999999999999999999,"values":{"a":1}})", r::bad_ts},
      {"JSON ts in seconds", R"({"entity":"e","ts":1700000000,"values":{"a":1}})", r::ts_unit},
      {"JSON value null", R"({"entity":"e","values":{"a":null}})", r::wrong_field_type},
      {"JSON no values", R"({"entity":"e"})", r::no_values},
      {"JSON NaN", R"({"entity":"e/1","values":{"a":NaN}})", r::non_finite_value},
      {"JSON Infinity", R"({"entity":"e/1","values":{"a":Infinity}})", r::non_finite_value},
      {"JSON -Infinity", R"({"entity":"e/1","values":{"a":-Infinity}})", r::non_finite_value},
      {"JSON 1e999", R"({"entity":"e/1","values":{"a":1e999}})", r::non_finite_value},
      {"JSON NaN as a time", R"({"entity":"e/1","ts":NaN,"values":{"a":1}})", r::bad_ts},
      {"JSON metric name empty", R"({"entity":"e","values":{"":1}})", r::bad_metric_name},
      {"JSON parent empty",
       R"({"type":"span","entity":"e","trace":"a","span":"b",)"
       R"("operation":"o","parent":""})",
       r::bad_span},
      {"syslog not UTF-8", "<13>1 - h - - - - \xff", r::bad_utf8},
      {"syslog host of 300", "<13>1 - " + std::string(300, 'h') + " - - - -", r::bad_entity},
      {"syslog of 1980", "<13>1 1980-01-01T00:00:00Z h - - - -", r::ts_unit},
  };
}

TEST(HostilePayloads, AreRefusedAsAWholeWithTheirReason) {
  for (const auto& h : whole_payloads()) {
    const auto got = decoded(h.payload);
    EXPECT_FALSE(got.result.readable) << h.name;
    EXPECT_STREQ(to_string(got.result.reason), to_string(h.reason)) << h.name;
    EXPECT_FALSE(got.result.text.empty()) << h.name;
    EXPECT_TRUE(got.accepted.empty() && got.rejected.empty()) << h.name;
    EXPECT_EQ(decoded(good()).accepted.size(), 1U) << "after " << h.name;
  }
}

TEST(HostilePayloads, AreRefusedEventByEventWithTheirReason) {
  for (const auto& h : single_events()) {
    const auto got = decoded(h.payload);
    EXPECT_TRUE(got.result.readable) << h.name << ": " << got.result.text;
    EXPECT_TRUE(got.accepted.empty()) << h.name;
    ASSERT_EQ(got.rejected.size(), 1U) << h.name;
    EXPECT_STREQ(to_string(got.rejected[0].reason), to_string(h.reason)) << h.name;
    EXPECT_FALSE(got.rejected[0].text.empty()) << h.name;
  }
}

TEST(HostilePayloads, DoNotDisturbGoodEventsOfTheSameBatch) {
  for (const auto& h : single_events()) {
    const auto first = static_cast<unsigned char>(h.payload[0]);
    if (first < 0x80 || first == 0xdd) continue;  // JSON, syslog or a batch itself
    const auto got = decoded(array({good(), h.payload, good()}));
    ASSERT_EQ(got.accepted.size(), 2U) << h.name;
    EXPECT_EQ(got.accepted[0].gauges, got.accepted[1].gauges) << h.name;
    EXPECT_EQ(got.accepted[1].index, 2U) << h.name;
    ASSERT_EQ(got.rejected.size(), 1U) << h.name;
    EXPECT_EQ(got.rejected[0].index, 1U) << h.name;
  }
}

TEST(HostilePayloads, OfATypeThatDoesNotUseTheBrokenFieldAreTaken) {
  const auto got = decoded(typed("log", {{"body", str("b")},
                                         {"values", natural(1)},
                                         {"depends_on", nil()},
                                         {"kind", str("party")},
                                         {"trace", str("no hex")}}));
  EXPECT_EQ(got.accepted.size(), 1U) << got.reasons();
}

std::string valid_batch(wire_encoding encoding) {
  event_view e;
  std::string out = encoding == wire_encoding::json ? "[" : "";
  if (encoding == wire_encoding::msgpack) encode_batch_header(3, out);
  for (int i = 0; i < 3; ++i) {
    e.clear();
    e.type = static_cast<event_type>(i + 1);
    e.entity = "service/cart";
    e.has_ts = true;
    e.ts = event_time_of(1'700'000'000'000 + i);
    e.attributes = {{"az", "1"}};
    e.metrics = {{"cpu", 0.5, metric_kind::gauge}, {"req", 7, metric_kind::counter}};
    e.body = "b\xc3\xa4";
    e.trace = e.span = "ab";
    e.operation = "op";
    if (encoding == wire_encoding::json && i > 0) out += ",";
    encode_event(e, encoding, out);
  }
  if (encoding == wire_encoding::json) out += "]";
  return out;
}

TEST(TruncatedPayloads, YieldNothingAtAnyByte) {
  for (const auto encoding : {wire_encoding::msgpack, wire_encoding::json}) {
    const auto whole = valid_batch(encoding);
    ASSERT_EQ(decoded(whole).accepted.size(), 3U) << decoded(whole).reasons();
    for (std::size_t n = 0; n < whole.size(); ++n) {
      const auto got = decoded(whole.substr(0, n));
      EXPECT_FALSE(got.result.readable) << n;
      EXPECT_TRUE(got.accepted.empty() && got.rejected.empty() && got.dropped.empty()) << n;
    }
  }
}

/// splitmix64: the same numbers on every machine.
class numbers {
public:
  explicit numbers(std::uint64_t seed) : state_{seed} {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(next() % n); }

private:
  std::uint64_t state_;
};

std::string mutated(std::string s, numbers& random) {
  static const std::string bytes{"\xdd\xff\x81\xc0\xcb\xd9\xa0{}[]\":,<>0\\\x7f", 19};
  for (std::size_t n = 1 + random.below(4); n > 0 && !s.empty(); --n) {
    const auto at = random.below(s.size());
    switch (random.below(5)) {
      case 0:
        s[at] = static_cast<char>(random.next());
        break;
      case 1:
        s[at] = bytes[random.below(bytes.size())];
        break;
      case 2:
        s.erase(at, 1 + random.below(8));
        break;
      case 3:
        s.insert(at, 1 + random.below(3), bytes[random.below(bytes.size())]);
        break;
      default:
        s.insert(at, s.substr(random.below(s.size()), 1 + random.below(16)));
        break;
    }
  }
  return s;
}

TEST(MutatedPayloads, NeverBreakARuleOrTheDecoder) {
  numbers random{20240229};
  std::vector<std::string> seeds{valid_batch(wire_encoding::msgpack),
                                 valid_batch(wire_encoding::json),
                                 "<34>Oct 11 22:14:15 host su[12]: failed",
                                 "<165>1 2023-11-14T22:13:20Z h a p m [x y=\"z\"] text"};
  for (const auto& h : single_events()) {
    if (h.payload.size() < 2000) seeds.push_back(h.payload);
  }
  std::size_t accepted = 0;
  for (int i = 0; i < 100'000; ++i) {
    const auto got = decoded(mutated(seeds[random.below(seeds.size())], random));
    if (!got.result.readable) {
      ASSERT_TRUE(got.accepted.empty() && got.rejected.empty());
      continue;
    }
    ASSERT_EQ(got.accepted.size() + got.rejected.size(), got.result.events);
    for (const auto& e : got.accepted) {
      ++accepted;
      ASSERT_TRUE(!e.entity.empty() && e.entity.size() <= payload_limits::entity_bytes);
      for (const auto& [name, value] : e.gauges)
        ASSERT_TRUE(std::isfinite(value) && !name.empty() && name.size() <= 128);
    }
  }
  EXPECT_GT(accepted, 1000U);
}

}  // namespace
}  // namespace faultline
