// SPDX-License-Identifier: Apache-2.0
#include "messages/identity.hpp"

#include <xxhash.h>

namespace faultline {

partition_id partition_of(std::string_view entity, std::uint16_t count) noexcept {
  if (count == 0) return 0;
  return static_cast<partition_id>(stable_hash(entity) % count);
}

std::uint64_t stable_hash(std::string_view bytes, std::uint64_t seed) noexcept {
  return XXH64(bytes.data(), bytes.size(), seed);
}

std::string name_of(const record_address& where) {
  const auto position = std::to_string(where.position);
  if (where.partition == decision_space) return "decision " + position;
  if (where.partition == question_space)
    return "the question for the cause of the incident with the hash " + position;
  return "record " + position + "/" + std::to_string(where.index) + " of partition " +
         std::to_string(where.partition);
}

std::string to_hex(std::uint64_t value) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; value >>= 4) text[i] = digits[value & 15];
  return text;
}

}  // namespace faultline
