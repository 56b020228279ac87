// SPDX-License-Identifier: Apache-2.0
#include "messages/event_pieces.hpp"

namespace faultline {
namespace {

std::uint64_t big_endian(std::string_view bytes) noexcept {
  std::uint64_t v = 0;
  for (const char c : bytes) v = v << 8U | static_cast<unsigned char>(c);
  return v;
}

/// Steps over msgpack values without reading them.
class msgpack_steps {
public:
  explicit msgpack_steps(std::string_view bytes) noexcept : bytes_{bytes} {}

  std::size_t at() const noexcept { return at_; }
  /// Steps over the head of an array. @returns its length, 0 when there is none.
  std::uint64_t array() noexcept {
    const auto first = byte();
    if (first >= 0x90 && first <= 0x9f) return first & 0x0fU;
    if (first == 0xdc) return number(2);
    if (first == 0xdd) return number(4);
    ok_ = false;
    return 0;
  }
  /// Steps over one value with all that is in it.
  bool value() noexcept {
    for (std::uint64_t left = 1; left != 0 && ok_; --left) left += one();
    return ok_;
  }

private:
  unsigned byte() noexcept {
    if (at_ >= bytes_.size()) {
      ok_ = false;
      return 0;
    }
    return static_cast<unsigned char>(bytes_[at_++]);
  }
  void skip(std::uint64_t n) noexcept {
    if (n > bytes_.size() - at_) {
      ok_ = false;
      return;
    }
    at_ += n;
  }
  std::uint64_t number(std::size_t size) noexcept {
    const auto from = at_;
    skip(size);
    return ok_ ? big_endian(bytes_.substr(from, size)) : 0;
  }

  /// Steps over the head of a value and its own bytes. @returns how many values it holds.
  std::uint64_t one() noexcept {
    const auto first = byte();
    if (first <= 0x7f || first >= 0xe0) return 0;      // small integers
    if (first <= 0x8f) return 2 * (first & 0x0fU);     // fixmap
    if (first <= 0x9f) return first & 0x0fU;           // fixarray
    if (first <= 0xbf) return skip(first & 0x1fU), 0;  // fixstr
    switch (first) {
      case 0xc4:
      case 0xd9:
        return skip(number(1)), 0;  // bin8, str8
      case 0xc5:
      case 0xda:
        return skip(number(2)), 0;
      case 0xc6:
      case 0xdb:
        return skip(number(4)), 0;
      case 0xc7:
        return skip(number(1) + 1), 0;  // ext8 to ext32: a type byte too
      case 0xc8:
        return skip(number(2) + 1), 0;
      case 0xc9:
        return skip(number(4) + 1), 0;
      case 0xca:
      case 0xce:
      case 0xd2:
        return skip(4), 0;  // float32, uint32, int32
      case 0xcb:
      case 0xcf:
      case 0xd3:
        return skip(8), 0;
      case 0xcc:
      case 0xd0:
        return skip(1), 0;
      case 0xcd:
      case 0xd1:
        return skip(2), 0;
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return skip(1 + (std::uint64_t{1} << (first - 0xd4U))), 0;  // fixext
      case 0xdc:
        return number(2);
      case 0xdd:
        return number(4);
      case 0xde:
        return 2 * number(2);
      case 0xdf:
        return 2 * number(4);
      default:
        return 0;  // nil, false, true
    }
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

std::vector<std::string_view> msgpack_pieces(std::string_view payload) {
  std::vector<std::string_view> out;
  msgpack_steps steps{payload};
  const std::uint64_t count = steps.array();
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto from = steps.at();
    if (!steps.value()) break;
    out.push_back(payload.substr(from, steps.at() - from));
  }
  return out;
}

bool is_space(char c) noexcept { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// The elements of a JSON array: cut at the commas of the first level.
std::vector<std::string_view> json_pieces(std::string_view payload) {
  std::vector<std::string_view> out;
  std::size_t depth = 0;
  std::size_t from = 0;
  bool in_text = false;
  const auto piece = [&](std::size_t until) {
    const auto text = trimmed(payload.substr(from, until - from));
    if (!text.empty()) out.push_back(text);
    from = until + 1;
  };
  for (std::size_t i = 0; i < payload.size(); ++i) {
    const char c = payload[i];
    if (in_text) {
      if (c == '\\') ++i;
      if (c == '"') in_text = false;
      continue;
    }
    if (c == '"') in_text = true;
    if (c == ',' && depth == 1) piece(i);
    if (c == '[' || c == '{') {
      if (depth++ == 0) from = i + 1;
    }
    if ((c == ']' || c == '}') && depth != 0 && --depth == 0) {
      piece(i);
      break;
    }
  }
  return out;
}

void append_big_endian(std::string& out, std::uint64_t v, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(v >> static_cast<unsigned>(shift)));
}

std::string msgpack_with_ts(std::string_view event, std::int64_t unix_ms) {
  const auto first = static_cast<unsigned char>(event[0]);
  std::uint64_t pairs = first & 0x0fU;
  std::size_t head = 1;
  if (first == 0xde || first == 0xdf) {
    const std::size_t size = first == 0xde ? 2 : 4;
    if (event.size() <= size) return std::string{event};
    pairs = big_endian(event.substr(1, size));
    head = 1 + size;
  } else if (first < 0x80 || first > 0x8f) {
    return std::string{event};
  }
  std::string out;
  if (pairs + 1 <= 15) {
    out.push_back(static_cast<char>(0x80U | (pairs + 1)));
  } else if (pairs + 1 <= 0xffff) {
    out.push_back('\xde');
    append_big_endian(out, pairs + 1, 2);
  } else {
    out.push_back('\xdf');
    append_big_endian(out, pairs + 1, 4);
  }
  out.append("\xa2ts\xd3");
  append_big_endian(out, static_cast<std::uint64_t>(unix_ms), 8);
  return out.append(event.substr(head));
}

}  // namespace

std::vector<std::string_view> event_pieces(std::string_view payload) {
  if (payload.empty()) return {};
  const auto first = static_cast<unsigned char>(payload[0]);
  if ((first >= 0x90 && first <= 0x9f) || first == 0xdc || first == 0xdd)
    return msgpack_pieces(payload);
  if (first == '[') return json_pieces(payload);
  return {payload};
}

// The time goes in front: of a key that is there twice the last counts, which is the event's own.
std::string with_default_ts(std::string_view event, std::int64_t unix_ms) {
  if (event.empty()) return {};
  if (event[0] != '{') return msgpack_with_ts(event, unix_ms);
  const bool has_more = trimmed(event.substr(1)).substr(0, 1) != "}";
  return "{\"ts\":" + std::to_string(unix_ms) + (has_more ? "," : "") +
         std::string{event.substr(1)};
}

}  // namespace faultline
