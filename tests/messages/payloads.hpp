// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/event_codec.hpp"

/// Hand-made msgpack, and a sink that copies what a payload contained.
namespace faultline::payloads {

template <class T>
std::string big_endian(T v) {
  std::string out;
  for (std::size_t i = sizeof v; i-- > 0;) out.push_back(static_cast<char>(v >> (i * 8)));
  return out;
}

inline std::string byte(unsigned v) { return std::string(1, static_cast<char>(v)); }
inline std::string nil() { return byte(0xc0); }
inline std::string boolean(bool v) { return byte(v ? 0xc3 : 0xc2); }
inline std::string natural(std::uint64_t v) { return byte(0xcf) + big_endian(v); }
inline std::string integer(std::int64_t v) {
  return byte(0xd3) + big_endian(static_cast<std::uint64_t>(v));
}
inline std::string f64(double v) {
  std::uint64_t bits;
  std::memcpy(&bits, &v, sizeof bits);
  return byte(0xcb) + big_endian(bits);
}
inline std::string f32(double v) {
  const auto narrow = static_cast<float>(v);
  std::uint32_t bits;
  std::memcpy(&bits, &narrow, sizeof bits);
  return byte(0xca) + big_endian(bits);
}
inline std::string str(std::string_view s) {
  return byte(0xdb) + big_endian(static_cast<std::uint32_t>(s.size())) + std::string{s};
}
inline std::string bin(std::string_view s) {
  return byte(0xc6) + big_endian(static_cast<std::uint32_t>(s.size())) + std::string{s};
}
inline std::string ext(std::string_view s) {
  return byte(0xc9) + big_endian(static_cast<std::uint32_t>(s.size())) + byte(1) + std::string{s};
}
inline std::string map(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string out = byte(0xdf) + big_endian(static_cast<std::uint32_t>(entries.size()));
  for (const auto& [key, value] : entries) out += str(key) + value;
  return out;
}
inline std::string array(const std::vector<std::string>& items) {
  std::string out = byte(0xdd) + big_endian(static_cast<std::uint32_t>(items.size()));
  for (const auto& item : items) out += item;
  return out;
}

struct seen_event {
  std::size_t index = 0;
  event_type type = event_type::metric;
  std::string entity;
  std::int64_t ts = -1;  ///< -1: none
  std::map<std::string, std::string> attributes;
  std::map<std::string, double> gauges, counters;
  std::string body, trace, span, parent, operation, peer, summary;
  log_severity severity = log_severity::info;
  span_status status = span_status::unset;
  std::uint64_t duration_us = 0;
  std::vector<std::string> depends_on;
  edge_kind edge = edge_kind::calls;
  bool remove = false;
  change_kind change = change_kind::other;
};

inline seen_event copy_of(std::size_t index, const event_view& e) {
  seen_event s;
  s.index = index;
  s.type = e.type;
  s.entity = e.entity;
  if (e.has_ts) s.ts = unix_ms(e.ts);
  for (const auto& a : e.attributes) s.attributes[std::string{a.key}] = a.value;
  for (const auto& m : e.metrics)
    (m.kind == metric_kind::gauge ? s.gauges : s.counters)[std::string{m.name}] = m.value;
  s.body = e.body;
  s.trace = e.trace;
  s.span = e.span;
  s.parent = e.parent;
  s.operation = e.operation;
  s.peer = e.peer;
  s.summary = e.summary;
  s.severity = e.severity;
  s.status = e.status;
  s.duration_us = e.duration_us;
  for (const auto d : e.depends_on) s.depends_on.emplace_back(d);
  s.edge = e.edge;
  s.remove = e.remove;
  s.change = e.change;
  return s;
}

struct rejection {
  std::size_t index = 0;
  reject_reason reason{};
  std::string text;
};

struct contents : event_sink {
  payload_result result;
  std::vector<seen_event> accepted;
  std::vector<rejection> rejected;
  std::vector<std::string> dropped;  ///< "index:metric"

  void accept(std::size_t index, const event_view& event) override {
    accepted.push_back(copy_of(index, event));
  }
  void reject(std::size_t index, reject_reason reason, std::string_view text) override {
    rejected.push_back({index, reason, std::string{text}});
  }
  void drop_value(std::size_t index, std::string_view metric) override {
    dropped.push_back(std::to_string(index) + ":" + std::string{metric});
  }
  /// "index:reason " for every refused event.
  std::string reasons() const {
    std::string out;
    for (const auto& r : rejected) out += std::to_string(r.index) + ":" + to_string(r.reason) + " ";
    return out;
  }
};

/// What @p payload contains. Handed to the decoder in a block of exactly its size, so that a
/// sanitizer sees a read past its end.
inline contents decoded(std::string_view payload) {
  static payload_decoder decoder;
  const std::vector<char> block(payload.begin(), payload.end());
  contents c;
  c.result = decoder.decode({block.data(), block.size()}, c);
  return c;
}

}  // namespace faultline::payloads
