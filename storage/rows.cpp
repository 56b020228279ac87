// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/rows.hpp"

#include <algorithm>
#include <utility>

#include <lz4.h>

#include "messages/bytes.hpp"
#include "messages/version.hpp"

namespace faultline::rows {
namespace {

constexpr std::uint32_t most_unpacked = 64u << 20;
constexpr std::uint32_t most_ratio = 256;  ///< an LZ4 block is never smaller by more

/// The reader behind a row's version byte; the failure is why it cannot be read.
struct opened {
  field_reader reader;
  outcome<void> fault;
};

opened open_row(std::string_view bytes, const char* what, std::uint8_t newest = version) {
  field_reader reader{bytes};
  const std::uint8_t found = reader.u8();
  if (!reader.ok() || found == 0) {
    return {reader, failure{ec::store_corrupt, std::string{"a "} + what + " row has no version"}};
  }
  if (found > newest) return {reader, newer_version(std::string{what} + " row", found, newest)};
  return {reader, {}};
}

failure damaged(const char* what) {
  return {ec::store_corrupt, std::string{"a "} + what + " row does not fit its layout"};
}

/// @p bytes behind @p head, as an LZ4 block.
std::string pack(std::string_view bytes, std::string head) {
  const std::size_t at = head.size();
  const int most = LZ4_compressBound(static_cast<int>(bytes.size()));
  head.resize(at + static_cast<std::size_t>(most));
  const int packed =
      LZ4_compress_default(bytes.data(), head.data() + at, static_cast<int>(bytes.size()), most);
  head.resize(at + static_cast<std::size_t>(packed));
  return head;
}

/// False where @p packed is no LZ4 block of @p size bytes.
bool unpack(std::string_view packed, std::uint32_t size, std::string& out) {
  if (size > most_unpacked || size / most_ratio > packed.size()) return false;
  out.resize(size);
  return LZ4_decompress_safe(packed.data(), out.data(), static_cast<int>(packed.size()),
                             static_cast<int>(size)) == static_cast<int>(size);
}

std::string rest(field_reader& reader) { return std::string{reader.bytes(reader.left())}; }

}  // namespace

std::string log_head(std::uint32_t records) {
  std::string out;
  field_writer w{out};
  w.u8(version);
  w.u32(records);
  return out;
}

outcome<log_row> read_log(std::string_view bytes) {
  auto row = open_row(bytes, "log");
  if (!row.fault) return row.fault.error();
  log_row out;
  out.records = row.reader.u32();
  out.blob = row.reader.bytes(row.reader.left());
  if (!row.reader.ok()) return damaged("log");
  return out;
}

std::string number(std::uint64_t value) { return numbers({value}); }

outcome<std::uint64_t> read_number(std::string_view bytes) {
  auto list = read_numbers(bytes);
  if (!list) return list.error();
  if (list->size() != 1) return damaged("number");
  return list->front();
}

std::string numbers(const std::vector<std::uint64_t>& values) {
  std::string out;
  field_writer w{out};
  w.u8(version);
  for (const std::uint64_t v : values) w.u64(v);
  return out;
}

outcome<std::vector<std::uint64_t>> read_numbers(std::string_view bytes) {
  auto row = open_row(bytes, "number");
  if (!row.fault) return row.fault.error();
  std::vector<std::uint64_t> out;
  while (row.reader.ok() && !row.reader.at_end()) out.push_back(row.reader.u64());
  if (!row.reader.ok()) return damaged("number");
  return out;
}

std::string text(std::string_view value) {
  std::string out(1, static_cast<char>(version));
  return out.append(value);
}

outcome<std::string> read_text(std::string_view bytes) {
  auto row = open_row(bytes, "text");
  if (!row.fault) return row.fault.error();
  return rest(row.reader);
}

std::string snapshot(const entity_snapshot& s) {
  std::string out;
  field_writer w{out};
  const bool packed = s.bytes.size() <= most_unpacked;
  w.u8(packed ? snapshot_version : std::uint8_t{1});
  w.u64(s.position);
  w.u32(s.index);
  if (!packed) return out.append(s.bytes);
  w.u32(static_cast<std::uint32_t>(s.bytes.size()));
  return pack(s.bytes, std::move(out));
}

outcome<entity_snapshot> read_snapshot(std::string_view entity, std::string_view bytes) {
  auto row = open_row(bytes, "snapshot", snapshot_version);
  if (!row.fault) return row.fault.error();
  entity_snapshot s;
  s.entity = entity;
  s.position = row.reader.u64();
  s.index = row.reader.u32();
  if (bytes.front() == 1) {
    s.bytes = rest(row.reader);
    return row.reader.ok() ? outcome<entity_snapshot>{std::move(s)} : damaged("snapshot");
  }
  const std::uint32_t size = row.reader.u32();
  if (!row.reader.ok() || !unpack(row.reader.bytes(row.reader.left()), size, s.bytes))
    return damaged("snapshot");
  return s;
}

std::string summary(log_position position, std::uint32_t index, std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + 13);
  field_writer w{out};
  w.u8(version);
  w.u64(position);
  w.u32(index);
  return out.append(bytes);
}

outcome<entity_summary> read_summary(std::string_view entity, std::string_view bytes) {
  auto row = open_row(bytes, "summary");
  if (!row.fault) return row.fault.error();
  entity_summary s;
  s.entity = entity;
  s.position = row.reader.u64();
  s.index = row.reader.u32();
  s.bytes = rest(row.reader);
  if (!row.reader.ok()) return damaged("summary");
  return s;
}

std::string quarantine(const quarantine_row& q) {
  std::string out;
  field_writer w{out};
  w.u8(version);
  w.u64(q.from);
  w.u32(q.from_index);
  w.u64(q.until);
  w.u32(q.until_index);
  return out;
}

outcome<quarantine_row> read_quarantine(std::string_view entity, std::string_view bytes) {
  auto row = open_row(bytes, "quarantine");
  if (!row.fault) return row.fault.error();
  quarantine_row q;
  q.entity = entity;
  q.from = row.reader.u64();
  q.from_index = row.reader.u32();
  q.until = row.reader.u64();
  q.until_index = row.reader.u32();
  if (!row.reader.ok() || !row.reader.at_end()) return damaged("quarantine");
  return q;
}

std::string block(const window_block& b) {
  std::string out;
  out.reserve(b.bytes.size() + 5);
  field_writer w{out};
  w.u8(version);
  w.u32(b.number);
  return out.append(b.bytes);
}

outcome<window_block> read_block(std::string_view entity, std::string_view bytes) {
  auto row = open_row(bytes, "block");
  if (!row.fault) return row.fault.error();
  window_block b;
  b.entity = entity;
  b.number = row.reader.u32();
  b.bytes = rest(row.reader);
  if (!row.reader.ok()) return damaged("block");
  return b;
}

std::string outbox(const outbox_entry& e) {
  std::string out;
  field_writer w{out};
  w.u8(outbox_version);
  w.u64(e.cause.first);
  w.u32(e.cause.second);
  w.i64(unix_ms(e.tick));
  w.str(e.entity);
  w.str(e.key);
  return out.append(e.decision);
}

outcome<outbox_entry> read_outbox(std::uint64_t seq, std::string_view bytes) {
  auto row = open_row(bytes, "outbox", outbox_version);
  if (!row.fault) return row.fault.error();
  outbox_entry e;
  e.seq = seq;
  e.cause.first = row.reader.u64();
  e.cause.second = bytes.front() == 1 ? whole_blob : row.reader.u32();
  e.tick = event_time_of(row.reader.i64());
  e.entity = row.reader.str();
  e.key = row.reader.str();
  e.decision = rest(row.reader);
  if (!row.reader.ok()) return damaged("outbox");
  return e;
}

std::string publisher(std::uint64_t through, std::string_view bytes) {
  std::string out;
  field_writer w{out};
  w.u8(version);
  w.u64(through);
  return out.append(bytes);
}

outcome<publisher_row> read_publisher(std::string_view key, std::string_view bytes) {
  auto row = open_row(bytes, "publisher");
  if (!row.fault) return row.fault.error();
  publisher_row p;
  p.key = key;
  p.through = row.reader.u64();
  p.bytes = rest(row.reader);
  if (!row.reader.ok()) return damaged("publisher");
  return p;
}

std::string deltas(const std::vector<publisher_delta>& list) {
  std::string out;
  field_writer w{out};
  w.u8(version);
  w.u32(static_cast<std::uint32_t>(list.size()));
  for (const auto& d : list) {
    w.str(d.key);
    w.u64(d.seq);
    w.u64(d.payload_hash);
  }
  return out;
}

outcome<std::vector<publisher_delta>> read_deltas(std::string_view bytes) {
  auto row = open_row(bytes, "delta");
  if (!row.fault) return row.fault.error();
  std::vector<publisher_delta> list(row.reader.count(20));
  for (auto& d : list) {
    d.key = row.reader.str();
    d.seq = row.reader.u64();
    d.payload_hash = row.reader.u64();
  }
  if (!row.reader.ok() || !row.reader.at_end()) return damaged("delta");
  return list;
}

std::string letter(const dead_letter& l, std::size_t payload_limit, std::uint64_t bytes_before) {
  std::string out;
  field_writer w{out};
  w.u8(letter_version);
  w.u64(bytes_before);
  w.u8(static_cast<std::uint8_t>(l.content));
  w.u64(std::max<std::uint64_t>(l.payload_bytes, l.payload.size()));
  w.i64(unix_ms(l.arrived));
  w.str(l.reason);
  w.str(l.source);
  w.str(l.text);
  w.str(std::string_view{l.payload}.substr(0, payload_limit));
  return out;
}

outcome<letter_row> read_letter(std::string_view bytes) {
  auto row = open_row(bytes, "dead letter", letter_version);
  if (!row.fault) return row.fault.error();
  letter_row out;
  auto& l = out.letter;
  const bool first_version = bytes.front() == 1;
  if (!first_version) {
    out.bytes_before = row.reader.u64();
    l.content = row.reader.enumeration(letter_content::other, letter_content::payload);
    l.payload_bytes = row.reader.u64();
  }
  l.arrived = arrival_time_of(row.reader.i64());
  l.reason = row.reader.str();
  l.source = row.reader.str();
  l.text = row.reader.str();
  l.payload = row.reader.str();
  if (first_version) l.payload_bytes = l.payload.size();
  const bool sound = row.reader.ok() && row.reader.at_end() && l.payload.size() <= l.payload_bytes;
  if (!sound) return damaged("dead letter");
  return out;
}

std::string message(std::string_view topic, std::string_view payload) {
  std::string out;
  field_writer w{out};
  w.u8(version);
  w.str(topic);
  return out.append(payload);
}

outcome<feed_record> read_message(std::uint64_t seq, std::string_view bytes) {
  auto row = open_row(bytes, "feed");
  if (!row.fault) return row.fault.error();
  feed_record r;
  r.seq = seq;
  r.topic = row.reader.str();
  r.payload = rest(row.reader);
  if (!row.reader.ok()) return damaged("feed");
  return r;
}

std::string rules(const partition_rules& r) {
  std::string out;
  field_writer w{out};
  w.u8(version);
  w.u64(r.sequence);
  return out.append(r.payload);
}

outcome<partition_rules> read_rules(std::string_view bytes) {
  auto row = open_row(bytes, "rules");
  if (!row.fault) return row.fault.error();
  partition_rules r;
  r.sequence = row.reader.u64();
  r.payload = rest(row.reader);
  if (!row.reader.ok()) return damaged("rules");
  return r;
}

std::string controls(const control_mark& c) {
  std::string out;
  field_writer w{out};
  w.u8(version);
  w.u64(c.last);
  w.u64(c.rules);
  return out.append(c.rules_record);
}

outcome<control_mark> read_controls(std::string_view bytes) {
  auto row = open_row(bytes, "controls");
  if (!row.fault) return row.fault.error();
  control_mark c;
  c.last = row.reader.u64();
  c.rules = row.reader.u64();
  c.rules_record = rest(row.reader);
  if (!row.reader.ok()) return damaged("controls");
  return c;
}

std::string record(std::uint64_t feed_seq, std::string_view bytes) {
  std::string out;
  field_writer w{out};
  w.u8(version);
  w.u64(feed_seq);
  return out.append(bytes);
}

outcome<current_record> read_record(std::string_view bytes) {
  auto row = open_row(bytes, "record");
  if (!row.fault) return row.fault.error();
  current_record r;
  r.feed_seq = row.reader.u64();
  r.bytes = rest(row.reader);
  if (!row.reader.ok()) return damaged("record");
  return r;
}

}  // namespace faultline::rows

namespace faultline {

const char* to_string(letter_content content) noexcept {
  switch (content) {
    case letter_content::other:
      return "other";
    case letter_content::event:
      return "event";
    case letter_content::payload:
      return "payload";
  }
  return "unknown";
}

}  // namespace faultline
