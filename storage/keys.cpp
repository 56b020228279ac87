// SPDX-License-Identifier: Apache-2.0
#include "storage/internal/keys.hpp"

namespace faultline::keys {

builder& builder::text(std::string_view v) {
  bytes_.append(v);
  return *this;
}

builder& builder::sized_text(std::string_view v) {
  return u16(static_cast<std::uint16_t>(v.size())).text(v);
}

builder& builder::big_endian(std::uint64_t v, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    bytes_.push_back(static_cast<char>(v >> shift));
  }
  return *this;
}

std::uint64_t number_at(std::string_view key, std::size_t offset, int bytes) noexcept {
  const auto count = static_cast<std::size_t>(bytes);
  if (offset > key.size() || key.size() - offset < count) return 0;
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < count; ++i) {
    v = v << 8 | static_cast<unsigned char>(key[offset + i]);
  }
  return v;
}

std::string after_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) {
    prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  }
  return prefix;
}

std::string log_blob(std::uint64_t segment, partition_id partition, log_position position) {
  return builder{}.u64(segment).u16(partition).u64(position).take();
}

std::string entity(partition_id partition, std::string_view name) {
  return builder{}.u16(partition).text(name).take();
}

std::string block(std::string_view entity, std::uint32_t slot) {
  return builder{}.sized_text(entity).u32(slot).take();
}

std::string blocks_of(std::string_view entity) { return builder{}.sized_text(entity).take(); }

std::string outbox_entry(partition_id partition, std::uint64_t seq) {
  return builder{'e'}.u16(partition).u64(seq).take();
}

std::string outbox_index(partition_id partition, std::string_view entity, std::string_view key) {
  return builder{'k'}.u16(partition).sized_text(entity).text(key).take();
}

std::string sequence(std::uint64_t seq) { return builder{}.u64(seq).take(); }
std::string feed_message(std::uint64_t seq) { return builder{'f'}.u64(seq).take(); }
std::string feed_record(std::string_view key) { return builder{'r'}.text(key).take(); }

std::string publisher_row(std::string_view publisher) {
  return builder{'r'}.text(publisher).take();
}
std::string publisher_deltas(std::uint64_t number) { return builder{'d'}.u64(number).take(); }

std::string format() { return "format"; }
std::string upgrade() { return "upgrade"; }
std::string log_first(partition_id partition) { return builder{'F'}.u16(partition).take(); }
std::string log_segment(std::uint64_t segment) { return builder{'S'}.u64(segment).take(); }

std::string log_mark(std::int64_t unix_ms) {
  return builder{'T'}.u64(static_cast<std::uint64_t>(unix_ms)).take();
}
std::string feed_mark(std::int64_t unix_ms) {
  return builder{'M'}.u64(static_cast<std::uint64_t>(unix_ms)).take();
}

std::string counter(std::string_view name) { return builder{'C'}.text(name).take(); }
std::string letters_by_reason(std::string_view reason) { return builder{'L'}.text(reason).take(); }
std::string checkpoint(partition_id partition) { return builder{'P'}.u16(partition).take(); }
std::string outbox_consumed(partition_id partition) { return builder{'O'}.u16(partition).take(); }
std::string partition_rules(partition_id partition) { return builder{'R'}.u16(partition).take(); }
std::string controls_copied() { return "Y"; }
std::string controls() { return "Z"; }
std::string correlator_through() { return "H"; }
std::string correlator_state() { return "I"; }

std::string note(std::string_view name) { return builder{'N'}.text(name).take(); }

std::string poison(const record_address& where) {
  return builder{'X'}.u16(where.partition).u64(where.position).u32(where.index).take();
}
std::string poison_of(partition_id partition) { return builder{'X'}.u16(partition).take(); }

std::string partition_state(partition_id partition) { return builder{'Q'}.u16(partition).take(); }
std::string summaries_whole(partition_id partition) { return builder{'W'}.u16(partition).take(); }
std::string summary(partition_id partition, std::string_view entity) {
  return builder{'E'}.u16(partition).text(entity).take();
}
std::string quarantine(partition_id partition, std::string_view entity) {
  return builder{'U'}.u16(partition).text(entity).take();
}

}  // namespace faultline::keys
