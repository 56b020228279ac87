// SPDX-License-Identifier: Apache-2.0
#include "messages/feed_reply.hpp"

#include <msgpack.hpp>

#include <utility>

#include "messages/internal/feed_value.hpp"
#include "messages/internal/value.hpp"

namespace faultline {

using nlohmann::json;

namespace {

/// Appends what a packer writes.
struct text_sink {
  std::string& to;
  void write(const char* bytes, std::size_t count) { to.append(bytes, count); }
};
using text_packer = msgpack::packer<text_sink>;

void pack_text(text_packer& pack, std::string_view s) {
  pack.pack_str(static_cast<std::uint32_t>(s.size()));
  pack.pack_str_body(s.data(), static_cast<std::uint32_t>(s.size()));
}

/// A stored payload is one the feed wrote itself; one that does not parse would be a damaged store.
json payload_value(const std::string& payload) {
  auto value = read_msgpack(payload);
  return value ? std::move(*value) : json{};
}

/// The same reply with the payloads as they stand in the store: they are msgpack already, and a
/// subscriber that catches up asks for many.
std::string packed_reply(const std::vector<feed_record>& records, std::uint64_t next,
                         std::uint64_t oldest, std::uint64_t last) {
  std::string reply;
  std::size_t bytes = 64;
  for (const auto& r : records) bytes += r.topic.size() + r.payload.size() + 32;
  reply.reserve(bytes);
  text_sink out{reply};
  text_packer pack{out};
  const auto text = [&pack](std::string_view s) { pack_text(pack, s); };
  pack.pack_map(4);
  text("records");
  pack.pack_array(static_cast<std::uint32_t>(records.size()));
  for (const auto& r : records) {
    pack.pack_map(2);
    text("topic");
    text(r.topic);
    text("payload");
    reply.append(r.payload);
  }
  for (const auto& [key, n] : {std::pair{"next", next}, {"oldest", oldest}, {"last", last}}) {
    text(key);
    pack.pack_uint64(n);
  }
  return reply;
}

}  // namespace

std::string snapshot_reply(std::uint64_t as_of, const std::vector<std::string>& firing,
                           const std::vector<std::string>& open, wire_encoding e) {
  const auto lists = {std::pair{"alerts", &firing}, {"incidents", &open}};
  if (e != wire_encoding::msgpack) {
    json value{{"as_of", as_of}, {"alerts", json::array()}, {"incidents", json::array()}};
    for (const auto& [key, payloads] : lists)
      for (const auto& payload : *payloads) value[key].push_back(payload_value(payload));
    return write_value(value, e);
  }
  std::string reply;
  text_sink out{reply};
  text_packer pack{out};
  pack.pack_map(3);
  pack_text(pack, "as_of");
  pack.pack_uint64(as_of);
  for (const auto& [key, payloads] : lists) {
    pack_text(pack, key);
    pack.pack_array(static_cast<std::uint32_t>(payloads->size()));
    for (const auto& payload : *payloads) reply.append(payload);
  }
  return reply;
}

std::string replay_reply(const std::vector<feed_record>& records, std::uint64_t next,
                         std::uint64_t oldest, std::uint64_t last, wire_encoding e) {
  if (e == wire_encoding::msgpack) return packed_reply(records, next, oldest, last);
  json value{{"records", json::array()}, {"next", next}, {"oldest", oldest}, {"last", last}};
  for (const auto& r : records)
    value["records"].push_back(json{{"topic", r.topic}, {"payload", payload_value(r.payload)}});
  return write_value(value, e);
}

}  // namespace faultline
