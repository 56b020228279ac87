// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "messages/event_codec.hpp"
#include "messages/outcome.hpp"

namespace faultline {

/// Small maps that are not on the hot path (headers, replies, feed records) as object trees. Only
/// for .cpp files of this room.
///
/// The library's msgpack reader and writer recurse, so that depth is checked before: at most
/// max_value_depth.
inline constexpr std::size_t max_value_depth = 32;

/// One value, nothing after it. ec::malformed otherwise.
outcome<nlohmann::json> read_msgpack(std::string_view bytes);
outcome<nlohmann::json> read_json(std::string_view bytes);
/// By the first byte, as for events: a map in msgpack or JSON. ec::malformed for anything else.
outcome<nlohmann::json> read_map(std::string_view bytes, wire_encoding& encoding);

/// Text that is not UTF-8 comes out with replacement characters in JSON.
std::string write_value(const nlohmann::json& value, wire_encoding encoding);

}  // namespace faultline
