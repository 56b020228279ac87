// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/event_codec.hpp"
#include "messages/outcome.hpp"

namespace faultline {

/// Header of an acknowledged request (port 7802), msgpack or JSON.
struct publish_header {
  std::string publisher;  ///< 1..128 bytes
  std::string epoch;      ///< up to 64 bytes, may be empty
  std::uint64_t seq = 0;  ///< >= 1 unless `op_last`
  bool op_last = false;   ///< {op: "last"}
  wire_encoding encoding = wire_encoding::msgpack;
};
/// The encoding in which to answer @p frame, from its first byte; JSON where that is not known.
wire_encoding encoding_of(std::string_view frame) noexcept;
/// @returns ec::malformed (not readable) or ec::invalid (breaks a rule), with a sentence.
outcome<publish_header> decode_publish_header(std::string_view frame);
std::string encode_publish_header(const publish_header& h);

struct rejected_event {
  std::optional<std::size_t> index;  ///< nothing: the whole payload
  reject_reason reason{};
  std::string text;
};

/// Replies on 7802, in the encoding of the header. `error` of a rejected event is "reason: text".
std::string ack_reply(std::uint64_t seq, std::size_t accepted,
                      const std::vector<rejected_event>& rejected, wire_encoding e);
std::string duplicate_reply(std::uint64_t seq, wire_encoding e);
std::string retry_reply(std::uint64_t seq, std::uint32_t after_ms, std::string_view reason,
                        wire_encoding e);
/// @p code: conflict, too_old, too_large, bad_header, not_allowed. seq 0 = left out.
std::string error_reply(std::string_view code, std::string_view text, std::uint64_t seq,
                        wire_encoding e);
std::string last_reply(std::uint64_t last, const std::vector<std::uint64_t>& missing,
                       wire_encoding e);

/// A reply as a publisher reads it (for the command line, bench and tests).
struct publish_reply {
  enum class kind : std::uint8_t { ack, duplicate, retry, error, last } what = kind::error;
  std::uint64_t seq = 0;
  std::uint64_t accepted = 0;
  std::vector<rejected_event> rejected;
  std::uint32_t after_ms = 0;
  std::string code;
  std::string text;
  std::uint64_t last = 0;
  std::vector<std::uint64_t> missing;
};
outcome<publish_reply> decode_publish_reply(std::string_view frame);

/// Requests on 7804. A `limit` above 1000 counts as 1000.
struct feed_request {
  enum class op : std::uint8_t { snapshot, replay } what = op::snapshot;
  std::uint64_t from = 1;
  std::uint32_t limit = 1000;  ///< at most 1000
  std::string prefix;
  wire_encoding encoding = wire_encoding::msgpack;
};
outcome<feed_request> decode_feed_request(std::string_view frame);

}  // namespace faultline
