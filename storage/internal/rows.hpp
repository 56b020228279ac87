// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messages/outcome.hpp"
#include "storage/store.hpp"

// Values of the store as bytes. Every row begins with a version. Readers are strict: a row of a
// newer version is ec::unknown_version, one that does not fit its layout is ec::store_corrupt.

namespace faultline::rows {

inline constexpr std::uint8_t version = 1;

/// Head of a log row; the blob's bytes follow.   log := version(u8) records(u32) blob
std::string log_head(std::uint32_t records);
struct log_row {
  std::uint32_t records = 0;
  std::string_view blob;
};
outcome<log_row> read_log(std::string_view bytes);

// number := version(u8) u64*
std::string number(std::uint64_t value);
outcome<std::uint64_t> read_number(std::string_view bytes);
std::string numbers(const std::vector<std::uint64_t>& values);
outcome<std::vector<std::uint64_t>> read_numbers(std::string_view bytes);

// text := version(u8) bytes
std::string text(std::string_view value);
outcome<std::string> read_text(std::string_view bytes);

inline constexpr std::uint8_t snapshot_version = 2;
// snapshot := version(u8 = 2) position(u64) index(u32) size(u32) LZ4 block of so many bytes
// version 1 has the bytes themselves behind the index.
std::string snapshot(const entity_snapshot& s);
outcome<entity_snapshot> read_snapshot(std::string_view entity, std::string_view bytes);

// summary := version(u8) position(u64) index(u32) bytes
std::string summary(log_position position, std::uint32_t index, std::string_view bytes);
outcome<entity_summary> read_summary(std::string_view entity, std::string_view bytes);

// quarantine := version(u8) from(u64) from_index(u32) until(u64) until_index(u32)
std::string quarantine(const quarantine_row& q);
outcome<quarantine_row> read_quarantine(std::string_view entity, std::string_view bytes);

// block := version(u8) number(u32) bytes
std::string block(const window_block& b);
outcome<window_block> read_block(std::string_view entity, std::string_view bytes);

inline constexpr std::uint8_t outbox_version = 2;
// outbox := version(u8 = 2) cause(u64) cause_index(u32) tick(i64) entity(str) key(str) decision
// version 1 has no cause_index: it is whole_blob.
std::string outbox(const outbox_entry& e);
outcome<outbox_entry> read_outbox(std::uint64_t seq, std::string_view bytes);

// publisher := version(u8) through(u64) bytes
std::string publisher(std::uint64_t through, std::string_view bytes);
outcome<publisher_row> read_publisher(std::string_view key, std::string_view bytes);

// deltas := version(u8) count(u32) (key(str) seq(u64) payload_hash(u64))*
std::string deltas(const std::vector<publisher_delta>& list);
outcome<std::vector<publisher_delta>> read_deltas(std::string_view bytes);

/// A dead letter, with the bytes of all letters ever written before it: so the bytes of those that
/// are kept are known without reading them.
struct letter_row {
  dead_letter letter;
  std::uint64_t bytes_before = 0;
};
inline constexpr std::uint8_t letter_version = 2;
// letter := version(u8 = 2) bytes_before(u64) content(u8) payload_bytes(u64) arrived(i64)
//           reason(str) source(str) text(str) payload(str)
// version 1: arrived(i64) reason(str) source(str) text(str) payload(str)
std::string letter(const dead_letter& l, std::size_t payload_limit, std::uint64_t bytes_before);
/// Of version 1 it is not known what the payload is: it is `other`. bytes_before is 0.
outcome<letter_row> read_letter(std::string_view bytes);

// message := version(u8) topic(str) payload
std::string message(std::string_view topic, std::string_view payload);
outcome<feed_record> read_message(std::uint64_t seq, std::string_view bytes);

// rules := version(u8) sequence(u64) payload
std::string rules(const partition_rules& r);
outcome<partition_rules> read_rules(std::string_view bytes);

// controls := version(u8) last(u64) rules(u64) rules_record
std::string controls(const control_mark& c);
outcome<control_mark> read_controls(std::string_view bytes);

/// A record of the feed's queries, with the last feed seq when it was written.
struct current_record {
  std::uint64_t feed_seq = 0;
  std::string bytes;
};
// record := version(u8) feed_seq(u64) bytes
std::string record(std::uint64_t feed_seq, std::string_view bytes);
outcome<current_record> read_record(std::string_view bytes);

}  // namespace faultline::rows
