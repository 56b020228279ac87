// SPDX-License-Identifier: Apache-2.0
#include "messages/request.hpp"

#include <algorithm>
#include <limits>

#include <msgpack.hpp>
#include <nlohmann/json.hpp>

#include "messages/internal/value.hpp"
#include "messages/text.hpp"

namespace faultline {
namespace {

using nlohmann::json;

constexpr std::size_t max_header_bytes = 2048;
constexpr std::size_t max_publisher_bytes = 128;
constexpr std::size_t max_epoch_bytes = 64;
constexpr std::uint32_t max_replay_limit = 1000;

/// A non-negative integer; false for anything else.
bool read_natural(const json& v, std::uint64_t& out) {
  if (v.is_number_unsigned()) {
    out = v.get<std::uint64_t>();
    return true;
  }
  if (!v.is_number_integer() || v.get<std::int64_t>() < 0) return false;
  out = static_cast<std::uint64_t>(v.get<std::int64_t>());
  return true;
}

/// An optional string of at most @p bytes. A sentence when it is wrong.
const char* read_text(const json& map, const char* key, std::size_t bytes, std::string& out) {
  const auto found = map.find(key);
  if (found == map.end()) return nullptr;
  if (!found->is_string()) return "is not a string";
  out = found->get_ref<const std::string&>();
  if (out.size() > bytes) return "is too long";
  if (check_name(out) != text_fault::none) return "is not UTF-8 or has control characters";
  return nullptr;
}

failure invalid(std::string key, const char* text) {
  return {ec::invalid, std::move(key) + " " + text};
}

std::uint64_t natural_or(const json& map, const char* key, std::uint64_t otherwise) {
  const auto found = map.find(key);
  std::uint64_t v = otherwise;
  if (found != map.end()) read_natural(*found, v);
  return v;
}

std::string string_or_empty(const json& map, const char* key) {
  const auto found = map.find(key);
  return found != map.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

reject_reason reason_named(std::string_view name) {
  for (std::size_t i = 1; i <= reject_reason_count; ++i) {
    const auto reason = static_cast<reject_reason>(i);
    if (name == to_string(reason)) return reason;
  }
  return {};
}

/// {index, error: "<reason>: <text>"}
rejected_event read_rejected(const json& item) {
  rejected_event r;
  if (!item.is_object()) return r;
  std::uint64_t index = 0;
  const auto found = item.find("index");
  if (found != item.end() && read_natural(*found, index)) r.index = index;
  const std::string error = string_or_empty(item, "error");
  const auto colon = error.find(": ");
  r.reason = reason_named(std::string_view{error}.substr(0, colon));
  r.text = colon == std::string::npos ? error : error.substr(colon + 2);
  return r;
}

struct string_stream {
  std::string& out;
  void write(const char* bytes, std::size_t size) { out.append(bytes, size); }
};

std::string msgpack_ack(std::uint64_t seq, std::size_t accepted,
                        const std::vector<rejected_event>& rejected) {
  std::string bytes;
  bytes.reserve(64 + 96 * rejected.size());
  string_stream to{bytes};
  msgpack::packer<string_stream> out{to};
  out.pack_map(3).pack("accepted").pack(accepted).pack("ack").pack(seq).pack("rejected");
  out.pack_array(static_cast<std::uint32_t>(rejected.size()));
  for (const auto& r : rejected) {
    const std::string_view reason = to_string(r.reason);
    out.pack_map(2).pack("error");
    out.pack_str(static_cast<std::uint32_t>(reason.size() + 2 + r.text.size()));
    bytes.append(reason).append(": ").append(r.text);
    out.pack("index");
    if (r.index)
      out.pack(*r.index);
    else
      out.pack_nil();
  }
  return bytes;
}

std::string json_ack(std::uint64_t seq, std::size_t accepted,
                     const std::vector<rejected_event>& rejected) {
  std::string text = "{\"accepted\":" + std::to_string(accepted) +
                     ",\"ack\":" + std::to_string(seq) + ",\"rejected\":[";
  text.reserve(text.size() + 96 * rejected.size());
  for (const auto& r : rejected) {
    if (&r != rejected.data()) text += ',';
    const json error = std::string{to_string(r.reason)} + ": " + r.text;
    text.append("{\"error\":").append(error.dump(-1, ' ', false, json::error_handler_t::replace));
    text.append(",\"index\":").append(r.index ? std::to_string(*r.index) : "null").append("}");
  }
  return text.append("]}");
}

}  // namespace

wire_encoding encoding_of(std::string_view frame) noexcept {
  if (frame.empty()) return wire_encoding::json;
  const auto first = static_cast<unsigned char>(frame[0]);
  const bool msgpack = (first >= 0x80 && first <= 0x9f) || (first >= 0xdc && first <= 0xdf);
  return msgpack ? wire_encoding::msgpack : wire_encoding::json;
}

outcome<publish_header> decode_publish_header(std::string_view frame) {
  if (frame.size() > max_header_bytes)
    return failure{ec::malformed, "the header is longer than 2048 bytes"};
  publish_header h;
  const auto read = read_map(frame, h.encoding);
  if (!read) return failure{ec::malformed, "the header is not a map: " + read.error().what};
  const json& map = *read;
  if (map.find("publisher") == map.end()) return invalid("publisher", "is missing");
  if (const char* text = read_text(map, "publisher", max_publisher_bytes, h.publisher))
    return invalid("publisher", text);
  if (h.publisher.empty()) return invalid("publisher", "is empty");
  if (const char* text = read_text(map, "epoch", max_epoch_bytes, h.epoch))
    return invalid("epoch", text);
  std::string op;
  if (const char* text = read_text(map, "op", max_epoch_bytes, op)) return invalid("op", text);
  if (!op.empty() && op != "last") return invalid("op", "is not known; there is only last");
  h.op_last = op == "last";
  if (h.op_last) return h;
  const auto seq = map.find("seq");
  if (seq == map.end()) return invalid("seq", "is missing");
  if (!read_natural(*seq, h.seq) || h.seq == 0)
    return invalid("seq", "is not an integer from 1 on");
  return h;
}

std::string encode_publish_header(const publish_header& h) {
  json map{{"publisher", h.publisher}};
  if (!h.epoch.empty()) map["epoch"] = h.epoch;
  if (h.op_last)
    map["op"] = "last";
  else
    map["seq"] = h.seq;
  return write_value(map, h.encoding);
}

// A flood that is refused gets thousands of these a second: written at once, without a tree of
// values.
std::string ack_reply(std::uint64_t seq, std::size_t accepted,
                      const std::vector<rejected_event>& rejected, wire_encoding e) {
  return e == wire_encoding::msgpack ? msgpack_ack(seq, accepted, rejected)
                                     : json_ack(seq, accepted, rejected);
}

std::string duplicate_reply(std::uint64_t seq, wire_encoding e) {
  return write_value({{"ack", seq}, {"duplicate", true}}, e);
}

std::string retry_reply(std::uint64_t seq, std::uint32_t after_ms, std::string_view reason,
                        wire_encoding e) {
  return write_value({{"retry", seq}, {"after_ms", after_ms}, {"reason", reason}}, e);
}

std::string error_reply(std::string_view code, std::string_view text, std::uint64_t seq,
                        wire_encoding e) {
  json map{{"error", text}, {"code", code}};
  if (seq != 0) map["seq"] = seq;
  return write_value(map, e);
}

std::string last_reply(std::uint64_t last, const std::vector<std::uint64_t>& missing,
                       wire_encoding e) {
  return write_value({{"last", last}, {"missing", missing}}, e);
}

outcome<publish_reply> decode_publish_reply(std::string_view frame) {
  wire_encoding encoding{};
  const auto read = read_map(frame, encoding);
  if (!read) return failure{ec::malformed, "the reply is not a map: " + read.error().what};
  const json& map = *read;
  publish_reply r;
  r.text = string_or_empty(map, "error");
  r.code = string_or_empty(map, "code");
  if (map.contains("error")) {
    r.what = publish_reply::kind::error;
    r.seq = natural_or(map, "seq", 0);
  } else if (map.contains("retry")) {
    r.what = publish_reply::kind::retry;
    r.seq = natural_or(map, "retry", 0);
    constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
    r.after_ms = static_cast<std::uint32_t>(std::min(natural_or(map, "after_ms", 0), most));
    r.text = string_or_empty(map, "reason");
  } else if (map.contains("last")) {
    r.what = publish_reply::kind::last;
    r.last = natural_or(map, "last", 0);
    for (const auto& seq : map.value("missing", json::array())) {
      if (seq.is_number_unsigned()) r.missing.push_back(seq.get<std::uint64_t>());
    }
  } else if (map.contains("ack")) {
    r.seq = natural_or(map, "ack", 0);
    const auto duplicate = map.find("duplicate");
    const bool twice = duplicate != map.end() && duplicate->is_boolean() && duplicate->get<bool>();
    r.what = twice ? publish_reply::kind::duplicate : publish_reply::kind::ack;
    r.accepted = natural_or(map, "accepted", 0);
    for (const auto& item : map.value("rejected", json::array()))
      r.rejected.push_back(read_rejected(item));
  } else {
    return failure{ec::malformed, "the reply has none of ack, retry, last, error"};
  }
  return r;
}

outcome<feed_request> decode_feed_request(std::string_view frame) {
  if (frame.size() > max_header_bytes)
    return failure{ec::malformed, "the request is longer than 2048 bytes"};
  feed_request r;
  const auto read = read_map(frame, r.encoding);
  if (!read) return failure{ec::malformed, "the request is not a map: " + read.error().what};
  const json& map = *read;
  const std::string op = string_or_empty(map, "op");
  if (op == "snapshot") return r;
  if (op != "replay") return invalid("op", "is neither snapshot nor replay");
  r.what = feed_request::op::replay;
  if (const auto from = map.find("from"); from != map.end() && !read_natural(*from, r.from))
    return invalid("from", "is not an integer from 0 on");
  std::uint64_t limit = max_replay_limit;
  if (const auto found = map.find("limit"); found != map.end()) {
    if (!read_natural(*found, limit) || limit == 0)
      return invalid("limit", "is not an integer from 1 on");
  }
  r.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(limit, max_replay_limit));
  if (const char* text = read_text(map, "prefix", max_header_bytes, r.prefix))
    return invalid("prefix", text);
  return r;
}

}  // namespace faultline
