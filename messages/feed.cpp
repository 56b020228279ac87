// SPDX-License-Identifier: Apache-2.0
#include "messages/feed.hpp"

#include "messages/internal/feed_value.hpp"
#include "messages/internal/value.hpp"

namespace faultline {
namespace {

using nlohmann::json;

void stamp(json& value, std::uint64_t seq, arrival_time published) {
  value["seq"] = seq;
  value["published"] = unix_ms(published);
}

}  // namespace

std::vector<std::string> topics_of(const alert& a) {
  const auto topic = [&a](alert_severity s) {
    return std::string{"alert/"} + to_string(s) + "/" + a.entity;
  };
  std::vector<std::string> topics{topic(a.severity)};
  if (a.state != alert_state::resolved) return topics;
  if (a.was_warning && a.severity != alert_severity::warning)
    topics.push_back(topic(alert_severity::warning));
  if (a.was_critical && a.severity != alert_severity::critical)
    topics.push_back(topic(alert_severity::critical));
  return topics;
}

std::string topic_of(const incident& i) { return "incident/" + i.id; }
std::string topic_of(const notice& n) { return "notice/" + n.what + "/" + n.subject; }

std::string feed_payload(const alert& a, std::uint64_t seq, arrival_time published) {
  json value = value_of(a);
  stamp(value, seq, published);
  return write_value(value, wire_encoding::msgpack);
}

std::string feed_payload(const incident& i, std::uint64_t seq, arrival_time published) {
  json value = value_of(i);
  stamp(value, seq, published);
  return write_value(value, wire_encoding::msgpack);
}

std::string feed_payload(const notice& n, std::uint64_t seq, arrival_time published) {
  json value = value_of(n);
  stamp(value, seq, published);
  return write_value(value, wire_encoding::msgpack);
}

std::string heartbeat_payload(std::uint64_t last_seq, event_time ts, arrival_time published) {
  json value{{"kind", "heartbeat"}, {"ts", unix_ms(ts)}};
  stamp(value, last_seq, published);
  return write_value(value, wire_encoding::msgpack);
}

outcome<std::string> msgpack_to_json(std::string_view msgpack) {
  const auto value = read_msgpack(msgpack);
  if (!value) return value.error();
  return write_value(*value, wire_encoding::json);
}

outcome<std::string> json_to_msgpack(std::string_view text) {
  const auto value = read_json(text);
  if (!value) return value.error();
  return write_value(*value, wire_encoding::msgpack);
}

std::string to_json(const alert& a, std::uint64_t seq, std::int64_t published_ms) {
  json value = value_of(a);
  if (seq != 0) value["seq"] = seq;
  if (published_ms != 0) value["published"] = published_ms;
  return write_value(value, wire_encoding::json);
}

std::string to_json(const incident& i, std::uint64_t seq, std::int64_t published_ms) {
  json value = value_of(i);
  if (seq != 0) value["seq"] = seq;
  if (published_ms != 0) value["published"] = published_ms;
  return write_value(value, wire_encoding::json);
}

outcome<feed_item> read_feed_payload(std::string_view msgpack) {
  const auto read = read_msgpack(msgpack);
  if (!read) return read.error();
  const json& value = *read;
  if (!value.is_object()) return failure{ec::malformed, "feed: not a map"};
  feed_item item;
  try {  // the library throws where a value has another type than asked for
    item.kind = value.at("kind").get<std::string>();
    item.seq = value.at("seq").get<std::uint64_t>();
    item.published_ms = value.at("published").get<std::int64_t>();
    if (item.kind == "alert")
      read_value(value, item.alert);
    else if (item.kind == "incident")
      read_value(value, item.incident);
    else if (item.kind == "notice")
      read_value(value, item.notice);
    else if (item.kind != "heartbeat")
      return failure{ec::unsupported, "feed: unknown kind " + item.kind};
  } catch (const json::exception& e) {
    return failure{ec::malformed, std::string{"feed: "} + e.what()};
  }
  return item;
}

}  // namespace faultline
