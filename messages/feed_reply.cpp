// SPDX-License-Identifier: Apache-2.0
#include "messages/feed_reply.hpp"

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

std::string replay_reply(const std::vector<feed_record>& records, std::uint64_t next,
                         std::uint64_t oldest, std::uint64_t last, wire_encoding e) {
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
