// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "messages/event.hpp"

namespace faultline {

/// Why an event or a payload was refused. Names are stable: they stand in counters, dead letters
/// and replies.
enum class reject_reason : std::uint8_t {
  unknown_format = 1,  ///< first byte is neither msgpack, JSON nor syslog
  malformed_msgpack,   ///< truncated, trailing bytes, ext types, too deep
  malformed_json,
  malformed_syslog,
  payload_too_large,  ///< over 1 MiB
  too_many_events,    ///< over 4,096 in one payload
  empty_payload,
  event_not_a_map,
  unknown_type,      ///< `type` is none of metric, log, span, edge, change
  wrong_field_type,  ///< a known key has a value of the wrong type
  missing_entity,
  bad_entity,  ///< empty, over 256 bytes, not UTF-8, control characters
  bad_utf8,    ///< any other text that is not UTF-8
  bad_ts,      ///< not an integer number of milliseconds
  ts_unit,     ///< looks like seconds, micro- or nanoseconds
  ts_in_future,
  ts_too_old,
  too_many_attributes,
  bad_attribute,
  no_values,         ///< a metric event without values and counters
  too_many_values,   ///< over 256 names
  bad_metric_name,   ///< empty, over 128 bytes, control characters
  non_finite_value,  ///< every value of the event was NaN or infinite
  bad_severity,
  bad_span,  ///< missing trace, span or operation, or not hex
  bad_status,
  bad_edge,  ///< no or empty depends_on, bad kind
  bad_change,
  bad_header,      ///< of an acknowledged request
  entity_limit,    ///< a new entity beyond a limit
  not_allowed,     ///< an entity that the sender's key may not speak of
  malformed_body,  ///< of a request by HTTP, or of another protocol: it cannot be read
};
/// Reasons are 1 .. reject_reason_count.
inline constexpr std::size_t reject_reason_count = 32;
/// Size of an array that is indexed by the reason.
inline constexpr std::size_t reject_reason_slots = reject_reason_count + 1;
const char* to_string(reject_reason) noexcept;

namespace payload_limits {
inline constexpr std::size_t bytes = 1024 * 1024;
inline constexpr std::size_t events = 4096;
inline constexpr std::size_t metrics = 256;
inline constexpr std::size_t attributes = 32;
inline constexpr std::size_t entity_bytes = 256;
inline constexpr std::size_t metric_name_bytes = 128;
inline constexpr std::size_t log_body_bytes = 16 * 1024;
inline constexpr std::size_t depth = 8;
}  // namespace payload_limits

enum class wire_encoding : std::uint8_t { msgpack, json, syslog };

/// Receives what a payload contains, in order.
class event_sink {
public:
  virtual ~event_sink() = default;
  /// @p index of the event in its payload. The view is valid during the call only.
  virtual void accept(std::size_t index, const event_view& event) = 0;
  /// One event breaks a rule; the others of the batch are not disturbed.
  virtual void reject(std::size_t index, reject_reason reason, std::string_view text) = 0;
  /// A single value of an accepted event was NaN or infinite and left out.
  virtual void drop_value(std::size_t index, std::string_view metric) = 0;
};

struct payload_result {
  bool readable = false;   ///< false: the payload as a whole is one dead letter
  reject_reason reason{};  ///< @pre !readable
  std::string text;        ///< @pre !readable: a sentence for the publisher
  std::size_t events = 0;  ///< events seen, accepted or not
  wire_encoding encoding = wire_encoding::msgpack;
};

/// Decodes event payloads (msgpack, JSON, one syslog line) without building an object tree. A
/// payload is read whole before any event is handed out, so one that breaks off in the middle
/// yields nothing. Knows structure only: rules about time and quotas are the caller's.
///
/// Lives:  one per thread; keeps its buffers.
/// Limits: payload_limits; duplicate keys: the last wins; unknown keys are ignored.
class payload_decoder {
public:
  payload_decoder();
  ~payload_decoder();
  payload_result decode(std::string_view payload, event_sink& sink);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// Writes one event as msgpack or JSON, for publishers (`faultline publish`, bench, tests).
/// Appends to @p out. `arrived` is not written; `ts` only when has_ts.
/// @pre encoding is msgpack or JSON
void encode_event(const event_view& event, wire_encoding encoding, std::string& out);
/// Header of a batch of @p count events (msgpack array); the events follow with encode_event.
void encode_batch_header(std::size_t count, std::string& out);

}  // namespace faultline
