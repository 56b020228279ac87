// SPDX-License-Identifier: Apache-2.0
#include "messages/record.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

namespace faultline {
namespace {

std::string from_hex(std::string_view hex) {
  std::string bytes;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string clean;
  for (const char c : hex) {
    if (c != ' ') clean.push_back(c);
  }
  for (std::size_t i = 0; i + 1 < clean.size(); i += 2)
    bytes.push_back(static_cast<char>(digit(clean[i]) * 16 + digit(clean[i + 1])));
  return bytes;
}

event_view metric_event() {
  event_view e;
  e.entity = "host/a";
  e.has_ts = true;
  e.ts = event_time_of(1'700'000'000'000);
  e.arrived = arrival_time_of(1'700'000'000'005);
  e.attributes.push_back({"az", "1"});
  e.metrics.push_back({"cpu", 0.5, metric_kind::gauge});
  e.metrics.push_back({"reqs", 7, metric_kind::counter});
  return e;
}

std::string blob_of_every_kind() {
  blob_writer w;
  w.add(metric_event());
  event_view e;
  e.type = event_type::log;
  e.entity = "service/cart";
  e.body = "connection refused";
  e.severity = log_severity::error;
  w.add(e);
  e.clear();
  e.type = event_type::span;
  e.entity = "service/cart";
  e.trace = "ab";
  e.span = "01";
  e.parent = "02";
  e.operation = "GET /";
  e.peer = "db/orders";
  e.duration_us = 1234;
  e.status = span_status::error;
  w.add(e);
  e.clear();
  e.type = event_type::edge;
  e.entity = "service/cart";
  e.depends_on = {"db/orders", "cache/c1"};
  e.edge = edge_kind::runs_on;
  e.remove = true;
  w.add(e);
  e.clear();
  e.type = event_type::change;
  e.entity = "service/cart";
  e.change = change_kind::deploy;
  e.summary = "v2";
  w.add(e);
  e.clear();
  e.type = event_type::calls;
  e.entity = "service/cart";
  e.peer = "db/orders";
  e.calls = 7, e.failed = 2, e.duration_us = 1234567;
  e.body = "durations";
  w.add(e);
  w.add(clock_record{event_time_of(11), arrival_time_of(12)});
  w.add(degrade_record{true, "lag"});
  w.add(control_record{9, "silence", "{}"});
  return w.take();
}

TEST(BlobWriter, WritesTheBytesOfVersionFour) {
  blob_writer w;
  w.add(metric_event());
  w.add(clock_record{event_time_of(1), arrival_time_of(2)});
  EXPECT_EQ(w.records(), 2U);
  const std::string expected = from_hex(
      "04"
      "40000000 01 01 01 0068e5cf8b010000 0568e5cf8b010000 0600 686f73742f61"
      "01 0200 617a 0100 31"
      "0200 00 03 637075 000000000000e03f 01 04 72657173 0000000000001c40"
      "11000000 02 0100000000000000 0200000000000000");
  EXPECT_EQ(w.bytes(), expected.size());
  EXPECT_EQ(w.take(), expected);
  EXPECT_TRUE(w.empty());
}

TEST(BlobWriter, OfNothingIsABlobWithoutRecords) {
  blob_writer w;
  const auto blob = w.take();
  blob_reader r{blob};
  record_view v;
  auto more = r.next(v);
  ASSERT_TRUE(more);
  EXPECT_FALSE(*more);
}

TEST(BlobWriter, LeavesOutWhatIsNotFiniteAndCutsWhatDoesNotFit) {
  event_view e = metric_event();
  e.metrics[0].value = std::numeric_limits<double>::infinity();
  const std::string long_name(300, 'n');
  e.metrics[1].name = long_name;
  blob_writer w;
  w.add(e);
  const auto blob = w.take();
  blob_reader r{blob};
  record_view v;
  ASSERT_TRUE(r.next(v));
  ASSERT_EQ(v.event.metrics.size(), 1U);
  EXPECT_EQ(v.event.metrics[0].name.size(), 255U);
}

TEST(BlobReader, GivesBackEveryKindOfRecord) {
  const auto blob = blob_of_every_kind();
  blob_reader r{blob};
  record_view v;
  ASSERT_TRUE(*r.next(v));
  EXPECT_EQ(v.event.entity, "host/a");
  EXPECT_TRUE(v.event.has_ts);
  EXPECT_EQ(unix_ms(v.event.ts), 1'700'000'000'000);
  EXPECT_EQ(unix_ms(v.event.arrived), 1'700'000'000'005);
  ASSERT_EQ(v.event.attributes.size(), 1U);
  EXPECT_EQ(v.event.attributes[0].value, "1");
  ASSERT_EQ(v.event.metrics.size(), 2U);
  EXPECT_EQ(v.event.metrics[1].kind, metric_kind::counter);
  EXPECT_EQ(v.event.metrics[1].value, 7);
  ASSERT_TRUE(*r.next(v));
  EXPECT_EQ(v.event.severity, log_severity::error);
  EXPECT_EQ(v.event.body, "connection refused");
  EXPECT_TRUE(v.event.metrics.empty());
  EXPECT_FALSE(v.event.has_ts);
  ASSERT_TRUE(*r.next(v));
  EXPECT_EQ(v.event.peer, "db/orders");
  EXPECT_EQ(v.event.duration_us, 1234U);
  EXPECT_EQ(v.event.status, span_status::error);
  EXPECT_EQ(v.event.operation, "GET /");
  ASSERT_TRUE(*r.next(v));
  EXPECT_EQ(v.event.depends_on.size(), 2U);
  EXPECT_EQ(v.event.edge, edge_kind::runs_on);
  EXPECT_TRUE(v.event.remove);
  ASSERT_TRUE(*r.next(v));
  EXPECT_EQ(v.event.change, change_kind::deploy);
  EXPECT_EQ(v.event.summary, "v2");
  ASSERT_TRUE(*r.next(v));
  EXPECT_EQ(v.event.type, event_type::calls);
  EXPECT_EQ(v.event.peer, "db/orders");
  EXPECT_EQ(v.event.calls, 7U);
  EXPECT_EQ(v.event.failed, 2U);
  EXPECT_EQ(v.event.duration_us, 1234567U);
  EXPECT_EQ(v.event.body, "durations");
  ASSERT_TRUE(*r.next(v));
  EXPECT_EQ(v.kind, record_kind::clock);
  EXPECT_EQ(unix_ms(v.clock.event), 11);
  EXPECT_EQ(unix_ms(v.clock.arrived), 12);
  ASSERT_TRUE(*r.next(v));
  EXPECT_EQ(v.kind, record_kind::degrade);
  EXPECT_TRUE(v.degrade.on);
  EXPECT_EQ(v.degrade.reason, "lag");
  ASSERT_TRUE(*r.next(v));
  EXPECT_EQ(v.kind, record_kind::control);
  EXPECT_EQ(v.control.sequence, 9U);
  EXPECT_EQ(v.control.name, "silence");
  EXPECT_EQ(r.index(), 9U);
  auto more = r.next(v);
  ASSERT_TRUE(more);
  EXPECT_FALSE(*more);
}

TEST(BlobReader, OffsetsLeadBackToTheirRecords) {
  const auto blob = blob_of_every_kind();
  blob_reader r{blob};
  record_view v;
  record_view again;
  for (;;) {
    const auto offset = r.offset();
    auto more = r.next(v);
    ASSERT_TRUE(more);
    if (!*more) break;
    ASSERT_TRUE(read_record_at(blob, offset, again));
    const auto extent = extent_at(blob, offset);
    ASSERT_TRUE(extent);
    EXPECT_EQ(extent->kind, v.kind);
    EXPECT_EQ(extent->begin, offset == 0 ? 1 : offset);
    EXPECT_EQ(extent->end, r.offset());
    EXPECT_EQ(again.kind, v.kind);
    if (v.kind == record_kind::event) {
      EXPECT_EQ(peek_entity(blob, offset), v.event.entity);
    } else {
      EXPECT_EQ(peek_entity(blob, offset), "");
    }
  }
}

TEST(BlobReader, RefusesEveryTruncation) {
  const auto blob = blob_of_every_kind();
  std::vector<std::size_t> ends{1};
  {
    blob_reader r{blob};
    record_view v;
    while (*r.next(v)) ends.push_back(r.offset());
  }
  for (std::size_t n = 0; n < blob.size(); ++n) {
    const std::string cut = blob.substr(0, n);
    blob_reader r{cut};
    record_view v;
    bool failed = false;
    for (;;) {
      auto more = r.next(v);
      failed = !more;
      if (failed || !*more) break;
    }
    const bool whole = std::find(ends.begin(), ends.end(), n) != ends.end();
    EXPECT_EQ(failed, !whole) << "cut after " << n << " bytes";
  }
}

TEST(BlobReader, FindsNoExtentWhereNoRecordIs) {
  EXPECT_FALSE(extent_at("", 0));
  EXPECT_FALSE(extent_at("\x01", 0));
  EXPECT_FALSE(extent_at("\x04", 0));
  EXPECT_FALSE(extent_at(from_hex("01 02000000 02"), 1));
  EXPECT_FALSE(extent_at(from_hex("01 00000000 02"), 1));
  EXPECT_FALSE(extent_at(from_hex("01 01000000 05"), 1));
  EXPECT_TRUE(extent_at(from_hex("01 01000000 02"), 1));
  EXPECT_FALSE(extent_at(from_hex("01 01000000 02"), 6));
}

TEST(BlobReader, RefusesANewerVersionAndAnUnknownKind) {
  record_view v;
  auto newer = blob_reader{std::string_view{"\x05", 1}}.next(v);
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().code, ec::unknown_version);
  const auto unknown_kind = from_hex("01 01000000 09");
  auto unknown = blob_reader{unknown_kind}.next(v);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ec::malformed);
  const auto trailing = from_hex("01 12000000 02 01000000000000000200000000000000 ff");
  EXPECT_FALSE(blob_reader{trailing}.next(v));
}

TEST(BlobReader, SurvivesEveryFlippedBit) {
  const auto blob = blob_of_every_kind();
  for (std::size_t bit = 0; bit < blob.size() * 8; ++bit) {
    std::string damaged = blob;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    blob_reader r{damaged};
    record_view v;
    std::size_t records = 0;
    for (;;) {
      auto more = r.next(v);
      if (!more || !*more) break;
      ++records;
    }
    EXPECT_LE(records, damaged.size());
  }
}

}  // namespace
}  // namespace faultline
