// SPDX-License-Identifier: Apache-2.0
#include "transport/internal/feed_requests.hpp"

#include <exception>
#include <utility>

#include <msgpack.hpp>

namespace faultline {

namespace {

/// A page has at most 1,000 records; a record at most a few hundred parts, not nested deeply.
const msgpack::unpack_limit reply_limit{65536, 4096, 16 << 20, 16 << 20, 0, 32};

struct read_map {
  msgpack::object_handle handle;
  const msgpack::object* find(std::string_view key) const { return find_in(handle.get(), key); }
  static const msgpack::object* find_in(const msgpack::object& map, std::string_view key) {
    if (map.type != msgpack::type::MAP) return nullptr;
    for (std::uint32_t i = 0; i < map.via.map.size; ++i) {
      const msgpack::object& name = map.via.map.ptr[i].key;
      if (name.type == msgpack::type::STR &&
          std::string_view{name.via.str.ptr, name.via.str.size} == key)
        return &map.via.map.ptr[i].val;
    }
    return nullptr;
  }
};

outcome<read_map> parse(std::string_view bytes) {
  try {
    std::size_t used = 0;
    read_map map{msgpack::unpack(bytes.data(), bytes.size(), used, nullptr, nullptr, reply_limit)};
    if (used != bytes.size() || map.handle.get().type != msgpack::type::MAP)
      return failure{ec::malformed, "not one msgpack map"};
    return map;
  } catch (const std::exception& why) {
    return failure{ec::malformed, std::string{"msgpack: "} + why.what()};
  }
}

std::uint64_t natural(const msgpack::object* value) {
  return value != nullptr && value->type == msgpack::type::POSITIVE_INTEGER ? value->via.u64 : 0;
}

std::string text(const msgpack::object* value) {
  if (value == nullptr || value->type != msgpack::type::STR) return {};
  return {value->via.str.ptr, value->via.str.size};
}

/// A record stands in a reply as the map itself or as its msgpack bytes.
std::string bytes_of(const msgpack::object& value) {
  if (value.type == msgpack::type::BIN) return {value.via.bin.ptr, value.via.bin.size};
  msgpack::sbuffer out;
  msgpack::pack(out, value);
  return {out.data(), out.size()};
}

std::vector<std::string> maps(const msgpack::object* list) {
  std::vector<std::string> out;
  if (list == nullptr || list->type != msgpack::type::ARRAY) return out;
  for (std::uint32_t i = 0; i < list->via.array.size; ++i)
    out.push_back(bytes_of(list->via.array.ptr[i]));
  return out;
}

outcome<feed_message> message_of(const msgpack::object& item) {
  const msgpack::object* payload = read_map::find_in(item, "payload");
  if (payload == nullptr) return failure{ec::malformed, "a replayed record has no payload"};
  feed_message m;
  m.topic = text(read_map::find_in(item, "topic"));
  m.payload = bytes_of(*payload);
  m.replayed = true;
  const auto stamp = read_stamp(m.payload);
  if (!stamp) return stamp.error();
  m.seq = stamp->seq;
  return m;
}

}  // namespace

outcome<feed_stamp> read_stamp(std::string_view payload) {
  const auto map = parse(payload);
  if (!map) return failure{map.error().code, "feed payload: " + map.error().what};
  feed_stamp stamp;
  stamp.seq = natural(map->find("seq"));
  stamp.heartbeat = text(map->find("kind")) == "heartbeat";
  if (stamp.seq == 0 && !stamp.heartbeat)
    return failure{ec::malformed, "a feed payload has no seq"};
  return stamp;
}

feed_requests::feed_requests(std::shared_ptr<zmq::context_t> context, std::string endpoint,
                             std::chrono::milliseconds deadline,
                             std::shared_ptr<const curve_keys> keys)
    : context_{std::move(context)},
      endpoint_{std::move(endpoint)},
      deadline_{deadline},
      keys_{std::move(keys)} {}

outcome<std::string> feed_requests::ask(std::string_view request) {
  if (!socket_) {
    auto opened = open_client_socket(
        *context_, {zmq::socket_type::dealer, "feed replay", endpoint_, {16, -1, 0}, keys_.get()});
    if (!opened) return opened.error();
    socket_.emplace(std::move(*opened));
  }
  const auto until = client_clock::now() + deadline_;
  frame_list answer;
  for (bool sent = false;;) {
    sent = sent || try_send(*socket_, request);
    if (sent && receive(*socket_, answer)) return std::string{answer[0]};
    if (client_clock::now() >= until) break;
    const short events = sent ? ZMQ_POLLIN : ZMQ_POLLOUT;
    zmq_pollitem_t item{socket_->handle(), 0, events, 0};
    wait_for(&item, 1, poll_ms_until(until));
  }
  socket_.reset();
  return failure{ec::deadline_passed, "no answer from " + endpoint_};
}

outcome<feed_snapshot> feed_requests::snapshot() {
  msgpack::sbuffer request;
  msgpack::packer<msgpack::sbuffer> packer{request};
  packer.pack_map(1);
  packer.pack("op");
  packer.pack("snapshot");
  const auto answer = ask({request.data(), request.size()});
  if (!answer) return answer.error();
  const auto map = parse(*answer);
  if (!map) return failure{map.error().code, "snapshot: " + map.error().what};
  if (map->find("error") != nullptr) return failure{ec::invalid, text(map->find("error"))};
  feed_snapshot s;
  s.as_of = natural(map->find("as_of"));
  s.alerts = maps(map->find("alerts"));
  s.incidents = maps(map->find("incidents"));
  return s;
}

outcome<replay_page> feed_requests::replay(std::uint64_t from, std::size_t limit,
                                           std::string_view prefix) {
  msgpack::sbuffer request;
  msgpack::packer<msgpack::sbuffer> packer{request};
  packer.pack_map(prefix.empty() ? 3 : 4);
  packer.pack("op");
  packer.pack("replay");
  packer.pack("from");
  packer.pack(from);
  packer.pack("limit");
  packer.pack(limit);
  if (!prefix.empty()) {
    packer.pack("prefix");
    packer.pack(std::string{prefix});
  }
  const auto answer = ask({request.data(), request.size()});
  if (!answer) return answer.error();
  const auto map = parse(*answer);
  if (!map) return failure{map.error().code, "replay: " + map.error().what};
  if (map->find("error") != nullptr) return failure{ec::invalid, text(map->find("error"))};
  replay_page page;
  page.next = natural(map->find("next"));
  page.oldest = natural(map->find("oldest"));
  page.last = natural(map->find("last"));
  const msgpack::object* records = map->find("records");
  if (records == nullptr || records->type != msgpack::type::ARRAY)
    return failure{ec::malformed, "replay: no records"};
  for (std::uint32_t i = 0; i < records->via.array.size; ++i) {
    auto message = message_of(records->via.array.ptr[i]);
    if (!message) return message.error();
    page.records.push_back(std::move(*message));
  }
  return page;
}

}  // namespace faultline
