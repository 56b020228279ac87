// SPDX-License-Identifier: Apache-2.0
#include "messages/feed_reply.hpp"

#include <msgpack.hpp>

#include <utility>

#include "messages/internal/feed_value.hpp"
#include "messages/internal/value.hpp"

namespace faultline {

using nlohmann::json;

std::string snapshot_reply(std::uint64_t as_of, const std::vector<alert>& firing,
                           const std::vector<incident>& open, wire_encoding e) {
  json value{{"as_of", as_of}, {"alerts", json::array()}, {"incidents", json::array()}};
  for (const auto& a : firing) value["alerts"].push_back(value_of(a));
  for (const auto& i : open) value["incidents"].push_back(value_of(i));
  return write_value(value, e);
}

namespace {

/// The same reply with the payloads as they stand in the store: they are msgpack already, and a
/// subscriber that catches up asks for many.
std::string packed_reply(const std::vector<feed_record>& records, std::uint64_t next,
                         std::uint64_t oldest, std::uint64_t last) {
  struct sink {
    std::string& to;
    void write(const char* bytes, std::size_t count) { to.append(bytes, count); }
  };
  std::string reply;
  std::size_t bytes = 64;
  for (const auto& r : records) bytes += r.topic.size() + r.payload.size() + 32;
  reply.reserve(bytes);
  sink out{reply};
  msgpack::packer<sink> pack{out};
  const auto text = [&pack](std::string_view s) {
    pack.pack_str(static_cast<std::uint32_t>(s.size()));
    pack.pack_str_body(s.data(), static_cast<std::uint32_t>(s.size()));
  };
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

std::string replay_reply(const std::vector<feed_record>& records, std::uint64_t next,
                         std::uint64_t oldest, std::uint64_t last, wire_encoding e) {
  if (e == wire_encoding::msgpack) return packed_reply(records, next, oldest, last);
  json value{{"records", json::array()}, {"next", next}, {"oldest", oldest}, {"last", last}};
  for (const auto& r : records) {
    // A stored payload is one the feed wrote itself; one that does not parse would be a damaged
    // store.
    auto payload = read_msgpack(r.payload);
    value["records"].push_back(
        json{{"topic", r.topic}, {"payload", payload ? std::move(*payload) : json{}}});
  }
  return write_value(value, e);
}

}  // namespace faultline
