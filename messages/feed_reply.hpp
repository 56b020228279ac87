// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messages/event_codec.hpp"
#include "messages/feed.hpp"

namespace faultline {

/// Replies on 7804, in the encoding of the request.
/// @p firing, @p open: payloads of the feed, msgpack.
std::string snapshot_reply(std::uint64_t as_of, const std::vector<std::string>& firing,
                           const std::vector<std::string>& open, wire_encoding e);
std::string replay_reply(const std::vector<feed_record>& records, std::uint64_t next,
                         std::uint64_t oldest, std::uint64_t last, wire_encoding e);

}  // namespace faultline
