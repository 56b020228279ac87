// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messages/alert.hpp"
#include "messages/decision.hpp"
#include "messages/incident.hpp"

namespace faultline {

/// One numbered message of the feed. `payload` is msgpack exactly as it goes out; its `seq`,
/// `published` and content never change.
struct feed_record {
  std::uint64_t seq = 0;
  std::string topic;
  std::string payload;
};

/// Topics a record is published under: alert/<severity>/<entity> (all severities the episode used
/// when it resolves), incident/<id>, notice/<what>/<subject>. The first is the record's own.
std::vector<std::string> topics_of(const alert& a);
std::string topic_of(const incident& i);
std::string topic_of(const notice& n);

/// The wire payloads (see docs/wire-protocol.md), msgpack.
std::string feed_payload(const alert& a, std::uint64_t seq, arrival_time published);
std::string feed_payload(const incident& i, std::uint64_t seq, arrival_time published);
std::string feed_payload(const notice& n, std::uint64_t seq, arrival_time published);
std::string heartbeat_payload(std::uint64_t last_seq, event_time ts, arrival_time published);

/// The same value in the other encoding. ec::malformed when @p msgpack is not one msgpack value.
outcome<std::string> msgpack_to_json(std::string_view msgpack);
outcome<std::string> json_to_msgpack(std::string_view json);

/// JSON objects of the HTTP API: the records of the feed (without seq, published when 0).
std::string to_json(const alert& a, std::uint64_t seq = 0, std::int64_t published_ms = 0);
std::string to_json(const incident& i, std::uint64_t seq = 0, std::int64_t published_ms = 0);

/// Reads a feed payload's (msgpack) kind, seq and, by kind, its record. For the command line and
/// tests.
struct feed_item {
  std::string kind;  ///< alert, incident, notice, heartbeat
  std::uint64_t seq = 0;
  std::int64_t published_ms = 0;
  faultline::alert alert;
  faultline::incident incident;
  faultline::notice notice;
};
outcome<feed_item> read_feed_payload(std::string_view msgpack);

}  // namespace faultline
