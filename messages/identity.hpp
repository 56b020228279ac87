// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace faultline {

/// A partition of the store: the unit of ordering, recovery and ownership (0 .. P-1).
using partition_id = std::uint16_t;
/// Number of a blob within its partition's log; the first is 1, 0 means "before everything".
using log_position = std::uint64_t;
/// A record's place in its partition's log: the position of its blob, its index in there.
using record_mark = std::pair<log_position, std::uint32_t>;

/// Index behind every record of a blob: {position, whole_blob} is the end of it.
inline constexpr std::uint32_t whole_blob = ~std::uint32_t{0};

/// Where one record stands: the unit of skipping.
struct record_address {
  partition_id partition = 0;
  log_position position = 0;
  std::uint32_t index = 0;

  record_mark mark() const noexcept { return {position, index}; }
};

/// Where what is skipped lies in no partition's log (rule 10); a store has at most 4,096
/// partitions.
inline constexpr partition_id decision_space = 0xffff;  ///< position: number of a decision
inline constexpr partition_id question_space =
    0xfffe;  ///< position: stable_hash of an incident's id

/// "record 7/0 of partition 3", "decision 12": as notices and dead letters speak of it.
std::string name_of(const record_address& where);

/// The partition an entity belongs to: xxh64(entity) mod count. A property of the store.
partition_id partition_of(std::string_view entity, std::uint16_t count) noexcept;

/// 64-bit hash used for payloads and ids (xxh64, fixed seed): same value on every machine.
std::uint64_t stable_hash(std::string_view bytes, std::uint64_t seed = 0) noexcept;

/// 16 lower-case hex digits.
std::string to_hex(std::uint64_t value);

}  // namespace faultline
