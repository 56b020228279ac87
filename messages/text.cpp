// SPDX-License-Identifier: Apache-2.0
#include "messages/text.hpp"

namespace faultline {
namespace {

/// Length of the well-formed sequence at the start of @p s (Unicode 15, table 3-7), 0 if there is
/// none; @p code is its code point.
std::size_t sequence_length(std::string_view s, std::uint32_t& code) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) {
    code = lead;
    return 1;
  }
  std::size_t length = 0;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
    code = lead & 0x1f;
  } else if ((lead & 0xf0) == 0xe0) {
    length = 3;
    code = lead & 0x0f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    code = lead & 0x07;
  } else {
    return 0;
  }
  if (s.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  if (length == 3 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff))) return 0;
  if (length == 4 && (code < 0x10000 || code > 0x10ffff)) return 0;
  return length;
}

bool is_control(std::uint32_t code) noexcept {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) ||       // C0, DEL, C1
         code == 0x061c || code == 0x200e || code == 0x200f ||  // ALM, LRM, RLM
         (code >= 0x202a && code <= 0x202e) || code == 0x2028 || code == 0x2029 ||
         (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
  const char* p = text.data();
  const char* const end = p + text.size();
  while (p != end) {
    std::uint64_t word;
    if (end - p >= 8 && (std::memcpy(&word, p, 8), (word & 0x8080808080808080ULL) == 0)) {
      p += 8;
      continue;
    }
    std::uint32_t code = 0;
    const auto length = sequence_length({p, static_cast<std::size_t>(end - p)}, code);
    if (length == 0) return false;
    p += length;
  }
  return true;
}

text_fault check_name_slowly(std::string_view name) noexcept {
  bool control = false;
  while (!name.empty()) {
    std::uint32_t code = 0;
    const auto length = sequence_length(name, code);
    if (length == 0) return text_fault::not_utf8;
    control = control || is_control(code);
    name.remove_prefix(length);
  }
  return control ? text_fault::control : text_fault::none;
}

std::string_view cut_utf8(std::string_view text, std::size_t bytes) noexcept {
  if (text.size() <= bytes) return text;
  std::size_t end = bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace faultline
