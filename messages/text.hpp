// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace faultline {

enum class text_fault : std::uint8_t { none, not_utf8, control };

/// Whether @p text is UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF).
bool is_utf8(std::string_view text) noexcept;

/// The part of check_name() for names that are not plain ASCII.
text_fault check_name_slowly(std::string_view name) noexcept;

/// Names are UTF-8 without control characters: C0, DEL, C1 and the bidirectional controls, with
/// which one name can be made to look like another.
inline text_fault check_name(std::string_view name) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101ULL;
  constexpr std::uint64_t tops = 0x8080808080808080ULL;
  // Sets the top bit of some byte if a byte is >= 0x80, < 0x20 or 0x7f; never misses one.
  const auto odd = [](std::uint64_t w) {
    const std::uint64_t del = w ^ (0x7f * ones);
    return (w | (w - 0x20 * ones) | (del - ones)) & tops;
  };
  const char* p = name.data();
  std::size_t left = name.size();
  std::uint64_t found = 0;
  for (; left >= 8; p += 8, left -= 8) {
    std::uint64_t w;
    std::memcpy(&w, p, 8);
    found |= odd(w);
  }
  if (left > 0) {
    std::uint64_t w = 0x2020202020202020ULL;
    std::memcpy(&w, p, left);
    found |= odd(w);
  }
  return found == 0 ? text_fault::none : check_name_slowly(name);
}

/// The longest beginning of @p text of at most @p bytes that does not split a character.
std::string_view cut_utf8(std::string_view text, std::size_t bytes) noexcept;

}  // namespace faultline
