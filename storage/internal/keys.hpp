// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "messages/identity.hpp"

// Keys of the store. Numbers are big-endian, so that the order of bytes is the order of numbers.

namespace faultline::keys {

/// Builds one key: keys::builder{'e'}.u16(partition).u64(seq).take().
class builder {
public:
  builder() = default;
  explicit builder(char family) : bytes_(1, family) {}
  builder& u16(std::uint16_t v) { return big_endian(v, 2); }
  builder& u32(std::uint32_t v) { return big_endian(v, 4); }
  builder& u64(std::uint64_t v) { return big_endian(v, 8); }
  /// As it is: only as the last part of a key.
  builder& text(std::string_view v);
  /// Length first, so that "db-1" is no prefix of "db-10". @pre v.size() < 65536
  builder& sized_text(std::string_view v);
  std::string take() { return std::move(bytes_); }

private:
  builder& big_endian(std::uint64_t v, int bytes);
  std::string bytes_;
};

/// The number of @p bytes bytes that begins at @p offset; 0 when the key is too short.
std::uint64_t number_at(std::string_view key, std::size_t offset, int bytes) noexcept;

/// The smallest key greater than every key that begins with @p prefix.
std::string after_prefix(std::string prefix);

// Log: segment, partition, position. A segment is a stretch of time, so that the log's files do not
// overlap, are hardly ever rewritten, and go from the front as whole files.
std::string log_blob(std::uint64_t segment, partition_id partition, log_position position);
inline constexpr std::size_t log_position_offset = 10;

std::string entity(partition_id partition, std::string_view name);
inline constexpr std::size_t entity_name_offset = 2;

std::string block(std::string_view entity, std::uint32_t slot);
std::string blocks_of(std::string_view entity);

std::string outbox_entry(partition_id partition, std::uint64_t seq);
inline constexpr std::size_t outbox_seq_offset = 3;
std::string outbox_index(partition_id partition, std::string_view entity, std::string_view key);

/// Decisions, feed messages and dead letters: their number alone.
std::string sequence(std::uint64_t seq);
std::string feed_message(std::uint64_t seq);
inline constexpr std::size_t feed_seq_offset = 1;
std::string feed_record(std::string_view key);
inline constexpr std::size_t feed_record_offset = 1;

std::string publisher_row(std::string_view publisher);
std::string publisher_deltas(std::uint64_t number);
inline constexpr std::size_t publisher_offset = 1;

// Meta: small facts, one letter for the subject.
std::string format();
/// How far an upgrade to the next format came; there only while one is under way.
std::string upgrade();
std::string log_first(partition_id partition);
std::string log_segment(std::uint64_t segment);
/// @pre unix_ms >= 0
std::string log_mark(std::int64_t unix_ms);
std::string feed_mark(std::int64_t unix_ms);
std::string counter(std::string_view name);
std::string letters_by_reason(std::string_view reason);
std::string checkpoint(partition_id partition);
std::string outbox_consumed(partition_id partition);
std::string partition_rules(partition_id partition);
std::string controls_copied();
std::string controls();
std::string correlator_through();
std::string correlator_state();
std::string note(std::string_view name);
std::string poison(const record_address& where);
std::string poison_of(partition_id partition);
std::string partition_state(partition_id partition);
/// Stands when every snapshot of the partition has its summary.
std::string summaries_whole(partition_id partition);
std::string summary(partition_id partition, std::string_view entity);
std::string quarantine(partition_id partition, std::string_view entity);
inline constexpr std::size_t named_offset = 3;  ///< of the entity in the two above
inline constexpr std::size_t meta_offset = 1;

}  // namespace faultline::keys
