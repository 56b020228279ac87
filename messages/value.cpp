// SPDX-License-Identifier: Apache-2.0
#include "messages/internal/value.hpp"

#include <exception>
#include <msgpack.hpp>

#include "messages/request.hpp"

namespace faultline {
namespace {

/// Follows the structure only, without recursion.
class depth_visitor : public msgpack::null_visitor {
public:
  bool start_array(std::uint32_t) { return ++depth_ <= max_value_depth; }
  bool end_array() { return depth_-- > 0; }
  bool start_map(std::uint32_t) { return ++depth_ <= max_value_depth; }
  bool end_map() { return depth_-- > 0; }
  void parse_error(std::size_t, std::size_t) {}
  void insufficient_bytes(std::size_t, std::size_t) {}

private:
  std::size_t depth_ = 0;
};

bool is_one_shallow_msgpack_value(std::string_view bytes) {
  try {
    depth_visitor visitor;
    std::size_t used = 0;
    return msgpack::parse(bytes.data(), bytes.size(), used, visitor) && used == bytes.size();
  } catch (const msgpack::unpack_error&) {
    return false;
  }
}

bool is_shallow_json(std::string_view text) noexcept {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > max_value_depth) return false;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return true;
}

}  // namespace

outcome<nlohmann::json> read_msgpack(std::string_view bytes) {
  if (!is_one_shallow_msgpack_value(bytes))
    return failure{ec::malformed, "not one msgpack value of at most 32 levels"};
  auto value = nlohmann::json::from_msgpack(bytes.begin(), bytes.end(), /*strict=*/true,
                                            /*allow_exceptions=*/false);
  if (value.is_discarded()) return failure{ec::malformed, "msgpack: a key is not a string"};
  return value;
}

outcome<nlohmann::json> read_json(std::string_view bytes) {
  if (!is_shallow_json(bytes)) return failure{ec::malformed, "JSON nested deeper than 32 levels"};
  // The library takes a NUL for the end and would not look at what follows it.
  if (bytes.find('\0') != std::string_view::npos) return failure{ec::malformed, "not JSON"};
  auto value = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr,
                                     /*allow_exceptions=*/false);
  if (value.is_discarded()) return failure{ec::malformed, "not JSON"};
  return value;
}

outcome<nlohmann::json> read_map(std::string_view bytes, wire_encoding& encoding) {
  if (bytes.empty()) return failure{ec::malformed, "empty"};
  encoding = encoding_of(bytes);
  auto value = encoding == wire_encoding::msgpack ? read_msgpack(bytes) : read_json(bytes);
  if (value && !value->is_object()) return failure{ec::malformed, "not a map"};
  return value;
}

std::string write_value(const nlohmann::json& value, wire_encoding encoding) {
  if (encoding != wire_encoding::msgpack)
    return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string bytes;
  nlohmann::json::to_msgpack(value, bytes);
  return bytes;
}

}  // namespace faultline
