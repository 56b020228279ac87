// SPDX-License-Identifier: Apache-2.0
#include "messages/payload_count.hpp"

#include <cstdint>

#include "messages/event_codec.hpp"

namespace faultline {

namespace {

std::size_t big_endian(std::string_view bytes, std::size_t at, std::size_t width) noexcept {
  if (bytes.size() < at + width) return 0;
  std::size_t value = 0;
  for (std::size_t i = 0; i < width; ++i)
    value = value << 8U | static_cast<std::uint8_t>(bytes[at + i]);
  return value;
}

bool is_blank(char c) noexcept { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// Values of the array that begins @p json: commas outside of strings and of inner values, and one.
std::size_t outer_values(std::string_view json) noexcept {
  std::size_t depth = 0;
  std::size_t commas = 0;
  bool in_string = false;
  bool any = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else
        in_string = c != '"';
      continue;
    }
    if (depth == 1 && c != ']' && !is_blank(c)) any = true;
    if (c == '"') in_string = true;
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && --depth == 0) break;
    if (c == ',' && depth == 1) ++commas;
  }
  return any ? commas + 1 : 0;
}

}  // namespace

std::size_t claimed_events(std::string_view payload) noexcept {
  if (payload.empty() || payload.size() > payload_limits::bytes) return 0;
  const auto first = static_cast<std::uint8_t>(payload.front());
  std::size_t count = 0;
  if ((first & 0xf0U) == 0x80 || first == 0xde || first == 0xdf)
    count = 1;
  else if ((first & 0xf0U) == 0x90)
    count = first & 0x0fU;
  else if (first == 0xdc)
    count = big_endian(payload, 1, 2);
  else if (first == 0xdd)
    count = big_endian(payload, 1, 4);
  else if (first == '{' || first == '<')
    count = 1;
  else if (first == '[')
    count = outer_values(payload);
  return count <= payload_limits::events ? count : 0;
}

}  // namespace faultline
