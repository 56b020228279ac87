// SPDX-License-Identifier: Apache-2.0
#include "messages/record.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "messages/bytes.hpp"
#include "messages/version.hpp"

// blob    := version(u8 = 4) record*
// record  := length(u32, of what follows) kind(u8) body            -- numbers are little-endian
// event   := type(u8) flags(u8: bit 0 has_ts) ts(i64) arrived(i64) entity(str16)
//            attributes(u8, (key(str16) value(str16))*) by-type
// metric  := count(u16) (kind(u8) name(str8) value(f64))*           -- kind 2 (rate) from version 3
// on log     := severity(u8) body(str32) span    := status(u8) duration_us(u64) trace(str8)
// span(str8) parent(str8) operation(str16)
//            peer(str16)
// edge    := kind(u8) remove(u8) count(u16) depends_on(str16)*
// change  := kind(u8) summary(str16)
// calls   := calls(u32) failed(u32) duration_us(u64) peer(str16)    -- not in version 1
//            durations(str16)  -- from version 4 on: a latency_sketch, or nothing
// clock   := event(i64) arrived(i64)
// degrade := on(u8) reason(str16)
// control := sequence(u64) name(str8) payload(str32)
//
// A reader refuses what it does not know. A published version never changes.

namespace faultline {
namespace {

constexpr std::uint8_t blob_version = 4;
constexpr std::size_t length_bytes = 4;
constexpr std::uint8_t flag_has_ts = 1;

constexpr std::size_t max_str8 = 0xff;
constexpr std::size_t max_str16 = 0xffff;
constexpr std::size_t max_str32 = 0x0fffffff;

/// Writes into memory that is known to be large enough.
struct cursor {
  char* at;

  template <class T>
  void number(T v) noexcept {
    std::memcpy(at, &v, sizeof v);
    at += sizeof v;
  }
  void u8(std::uint8_t v) noexcept { *at++ = static_cast<char>(v); }
  void bytes(std::string_view s) noexcept {
    if (s.size() <= 16) {  // names are short: a loop beats the call
      for (const char c : s) *at++ = c;
      return;
    }
    std::memcpy(at, s.data(), s.size());
    at += s.size();
  }
  void str8(std::string_view s) noexcept {
    s = s.substr(0, max_str8);
    u8(static_cast<std::uint8_t>(s.size()));
    bytes(s);
  }
  void str16(std::string_view s) noexcept {
    s = s.substr(0, max_str16);
    number(static_cast<std::uint16_t>(s.size()));
    bytes(s);
  }
  void str32(std::string_view s) noexcept {
    s = s.substr(0, max_str32);
    number(static_cast<std::uint32_t>(s.size()));
    bytes(s);
  }
};

/// At least as many bytes as the event takes.
std::size_t room_for(const event_view& e) noexcept {
  std::size_t n = 64 + e.entity.size();
  for (const auto& a : e.attributes) n += 4 + a.key.size() + a.value.size();
  switch (e.type) {
    case event_type::metric:
      for (const auto& m : e.metrics) n += 10 + m.name.size();
      break;
    case event_type::log:
      n += e.body.size();
      break;
    case event_type::span:
      n += e.trace.size() + e.span.size() + e.parent.size() + e.operation.size() + e.peer.size();
      break;
    case event_type::edge:
      for (const auto d : e.depends_on) n += 2 + d.size();
      break;
    case event_type::change:
      n += e.summary.size();
      break;
    case event_type::calls:
      n += e.peer.size() + e.body.size();
      break;
  }
  return n;
}

void write_metrics(cursor& out, const event_view& e) noexcept {
  char* const count_at = out.at;
  out.at += sizeof(std::uint16_t);
  std::uint16_t count = 0;
  for (const auto& m : e.metrics) {
    if (!std::isfinite(m.value) || count == max_str16) continue;
    out.u8(static_cast<std::uint8_t>(m.kind));
    out.str8(m.name);
    out.number(m.value);
    ++count;
  }
  std::memcpy(count_at, &count, sizeof count);
}

void write_span(cursor& out, const event_view& e) noexcept {
  out.u8(static_cast<std::uint8_t>(e.status));
  out.number(e.duration_us);
  out.str8(e.trace);
  out.str8(e.span);
  out.str8(e.parent);
  out.str16(e.operation);
  out.str16(e.peer);
}

void write_edge(cursor& out, const event_view& e) noexcept {
  out.u8(static_cast<std::uint8_t>(e.edge));
  out.u8(e.remove ? 1 : 0);
  const auto count = std::min(e.depends_on.size(), max_str16);
  out.number(static_cast<std::uint16_t>(count));
  for (std::size_t i = 0; i < count; ++i) out.str16(e.depends_on[i]);
}

void write_event(cursor& out, const event_view& e) noexcept {
  out.u8(static_cast<std::uint8_t>(e.type));
  out.u8(e.has_ts ? flag_has_ts : 0);
  out.number(unix_ms(e.ts));
  out.number(unix_ms(e.arrived));
  out.str16(e.entity);
  const auto attributes = std::min(e.attributes.size(), max_str8);
  out.u8(static_cast<std::uint8_t>(attributes));
  for (std::size_t i = 0; i < attributes; ++i) {
    out.str16(e.attributes[i].key);
    out.str16(e.attributes[i].value);
  }
  switch (e.type) {
    case event_type::metric:
      write_metrics(out, e);
      break;
    case event_type::log:
      out.u8(static_cast<std::uint8_t>(e.severity));
      out.str32(e.body);
      break;
    case event_type::span:
      write_span(out, e);
      break;
    case event_type::edge:
      write_edge(out, e);
      break;
    case event_type::change:
      out.u8(static_cast<std::uint8_t>(e.change));
      out.str16(e.summary);
      break;
    case event_type::calls:
      out.number(e.calls);
      out.number(e.failed);
      out.number(e.duration_us);
      out.str16(e.peer);
      out.str16(e.body);
      break;
  }
}

void read_metrics(field_reader& in, event_view& e) {
  const std::size_t count = in.u16();
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    metric_point& m = e.metrics.emplace_back();
    m.kind = in.enumeration(metric_kind::gauge, metric_kind::rate);
    m.name = in.str8();
    m.value = in.f64();
  }
}

void read_span(field_reader& in, event_view& e) noexcept {
  e.status = in.enumeration(span_status::unset, span_status::error);
  e.duration_us = in.u64();
  e.trace = in.str8();
  e.span = in.str8();
  e.parent = in.str8();
  e.operation = in.str16();
  e.peer = in.str16();
}

void read_edge(field_reader& in, event_view& e) {
  e.edge = in.enumeration(edge_kind::calls, edge_kind::runs_on);
  e.remove = in.boolean();
  const std::size_t count = in.u16();
  for (std::size_t i = 0; i < count && in.ok(); ++i) e.depends_on.push_back(in.str16());
}

void read_event(field_reader& in, std::uint8_t version, event_view& e) {
  e.clear();
  e.type = in.enumeration(event_type::metric, event_type::calls);
  const std::uint8_t flags = in.u8();
  if (flags > flag_has_ts) in.fail();
  e.has_ts = flags == flag_has_ts;
  e.ts = event_time_of(in.i64());
  e.arrived = arrival_time_of(in.i64());
  e.entity = in.str16();
  const std::size_t attributes = in.u8();
  for (std::size_t i = 0; i < attributes && in.ok(); ++i) {
    attribute& a = e.attributes.emplace_back();
    a.key = in.str16();
    a.value = in.str16();
  }
  switch (e.type) {
    case event_type::metric:
      read_metrics(in, e);
      break;
    case event_type::log:
      e.severity = in.enumeration(log_severity::trace, log_severity::fatal);
      e.body = in.str();
      break;
    case event_type::span:
      read_span(in, e);
      break;
    case event_type::edge:
      read_edge(in, e);
      break;
    case event_type::change:
      e.change = in.enumeration(change_kind::other, change_kind::flag);
      e.summary = in.str16();
      break;
    case event_type::calls:
      e.calls = in.u32();
      e.failed = in.u32();
      e.duration_us = in.u64();
      e.peer = in.str16();
      if (version > 3) e.body = in.str16();
      break;
  }
}

/// Reads one record at @p offset and gives the offset after it.
outcome<std::size_t> read_one(std::string_view blob, std::size_t offset, record_view& out) {
  if (offset >= blob.size()) return failure{ec::malformed, "blob: offset past the end"};
  field_reader head{blob.substr(offset)};
  const std::uint32_t length = head.u32();
  field_reader in{head.bytes(length)};
  if (!head.ok() || length == 0) return failure{ec::malformed, "blob: record length does not fit"};
  const std::uint8_t kind = in.u8();
  switch (static_cast<record_kind>(kind)) {
    case record_kind::event:
      read_event(in, static_cast<std::uint8_t>(blob[0]), out.event);
      break;
    case record_kind::clock:
      out.clock.event = event_time_of(in.i64());
      out.clock.arrived = arrival_time_of(in.i64());
      break;
    case record_kind::degrade:
      out.degrade.on = in.boolean();
      out.degrade.reason = in.str16();
      break;
    case record_kind::control:
      out.control.sequence = in.u64();
      out.control.name = in.str8();
      out.control.payload = in.str();
      break;
    default:
      return failure{ec::malformed, "blob: unknown record kind"};
  }
  if (!in.ok()) return failure{ec::malformed, "blob: record is cut off or has a wrong value"};
  if (!in.at_end()) return failure{ec::malformed, "blob: bytes after a record"};
  out.kind = static_cast<record_kind>(kind);
  return offset + length_bytes + length;
}

outcome<void> check_blob_version(std::string_view blob) {
  if (blob.empty()) return failure{ec::malformed, "blob: empty"};
  return check_version("blob", static_cast<std::uint8_t>(blob[0]), blob_version);
}

}  // namespace

char* blob_writer::begin(std::size_t room) {
  if (used_ == 0) room += 1;
  room += length_bytes + 1;
  if (bytes_.size() - used_ < room) {
    bytes_.resize(std::max({used_ + room, bytes_.size() * 2, last_size_ + last_size_ / 8}));
  }
  if (used_ == 0) bytes_[used_++] = static_cast<char>(blob_version);
  return bytes_.data() + used_;
}

void blob_writer::end(const char* at) noexcept {
  char* const start = bytes_.data() + used_;
  const auto total = static_cast<std::size_t>(at - start);
  const auto length = static_cast<std::uint32_t>(total - length_bytes);
  std::memcpy(start, &length, sizeof length);
  used_ += total;
  ++records_;
}

void blob_writer::add(const event_view& event) {
  cursor out{begin(room_for(event)) + length_bytes};
  out.u8(static_cast<std::uint8_t>(record_kind::event));
  write_event(out, event);
  end(out.at);
}

void blob_writer::add(const clock_record& clock) {
  cursor out{begin(16) + length_bytes};
  out.u8(static_cast<std::uint8_t>(record_kind::clock));
  out.number(unix_ms(clock.event));
  out.number(unix_ms(clock.arrived));
  end(out.at);
}

void blob_writer::add(const degrade_record& degrade) {
  cursor out{begin(3 + degrade.reason.size()) + length_bytes};
  out.u8(static_cast<std::uint8_t>(record_kind::degrade));
  out.u8(degrade.on ? 1 : 0);
  out.str16(degrade.reason);
  end(out.at);
}

void blob_writer::add(const control_record& control) {
  cursor out{begin(13 + control.name.size() + control.payload.size()) + length_bytes};
  out.u8(static_cast<std::uint8_t>(record_kind::control));
  out.number(control.sequence);
  out.str8(control.name);
  out.str32(control.payload);
  end(out.at);
}

std::string blob_writer::take() {
  if (used_ == 0) begin(0);
  bytes_.resize(used_);
  last_size_ = used_;
  used_ = 0;
  records_ = 0;
  return std::exchange(bytes_, {});
}

blob_reader::blob_reader(std::string_view blob) : blob_{blob} {}

outcome<bool> blob_reader::next(record_view& out) {
  if (!version_read_) {
    if (auto checked = check_blob_version(blob_); !checked) return checked.error();
    version_read_ = true;
    offset_ = 1;
  }
  if (offset_ == blob_.size()) return false;
  auto after = read_one(blob_, offset_, out);
  if (!after) return after.error();
  offset_ = *after;
  ++index_;
  return true;
}

outcome<void> read_record_at(std::string_view blob, std::size_t offset, record_view& out) {
  if (auto checked = check_blob_version(blob); !checked) return checked.error();
  if (offset == 0) offset = 1;  // what blob_reader::offset() says before its first next()
  auto after = read_one(blob, offset, out);
  if (!after) return after.error();
  return {};
}

outcome<record_extent> extent_at(std::string_view blob, std::size_t offset) {
  if (offset == 0) {
    if (auto checked = check_blob_version(blob); !checked) return checked.error();
    offset = 1;
  }
  if (offset + 5 > blob.size()) return failure{ec::malformed, "a record is cut off"};
  field_reader head{blob.substr(offset)};
  const std::size_t length = head.u32();
  const auto kind = head.u8();
  if (length == 0 || length > blob.size() - offset - 4)
    return failure{ec::malformed, "a record's length does not fit its blob"};
  if (kind < 1 || kind > 4) return failure{ec::malformed, "unknown kind of record"};
  return record_extent{static_cast<record_kind>(kind), offset, offset + 4 + length};
}

std::string_view peek_entity(std::string_view blob, std::size_t offset) noexcept {
  if (offset == 0) offset = 1;
  if (offset >= blob.size()) return {};
  field_reader head{blob.substr(offset)};
  field_reader in{head.bytes(head.u32())};
  if (in.u8() != static_cast<std::uint8_t>(record_kind::event)) return {};
  in.bytes(2 + 8 + 8);
  return in.str16();
}

}  // namespace faultline
