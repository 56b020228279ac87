// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace faultline::testing {

// Messages of Protocol Buffers, written field by field.

inline std::string varint(std::uint64_t v) {
  std::string out;
  for (; v >= 0x80; v >>= 7U) out.push_back(static_cast<char>((v & 0x7fU) | 0x80U));
  out.push_back(static_cast<char>(v));
  return out;
}
inline std::string number_field(int field, std::uint64_t v) {
  return varint(static_cast<std::uint64_t>(field) << 3U) + varint(v);
}
inline std::string text_field(int field, std::string_view text) {
  return varint(static_cast<std::uint64_t>(field) << 3U | 2U) + varint(text.size()) +
         std::string{text};
}
inline std::string fixed_field(int field, std::uint64_t v) {
  std::string out = varint(static_cast<std::uint64_t>(field) << 3U | 1U);
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>(v >> (8 * i)));
  return out;
}
inline std::string real_field(int field, double v) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &v, sizeof bits);
  return fixed_field(field, bits);
}
/// KeyValue with a text.
inline std::string pair_of(std::string_view key, std::string_view value) {
  return text_field(1, key) + text_field(2, text_field(1, value));
}

}  // namespace faultline::testing
