// SPDX-License-Identifier: Apache-2.0
#include "messages/event_codec.hpp"

namespace faultline {

const char* to_string(reject_reason reason) noexcept {
  switch (reason) {
    case reject_reason::unknown_format:
      return "unknown_format";
    case reject_reason::malformed_msgpack:
      return "malformed_msgpack";
    case reject_reason::malformed_json:
      return "malformed_json";
    case reject_reason::malformed_syslog:
      return "malformed_syslog";
    case reject_reason::payload_too_large:
      return "payload_too_large";
    case reject_reason::too_many_events:
      return "too_many_events";
    case reject_reason::empty_payload:
      return "empty_payload";
    case reject_reason::event_not_a_map:
      return "event_not_a_map";
    case reject_reason::unknown_type:
      return "unknown_type";
    case reject_reason::wrong_field_type:
      return "wrong_field_type";
    case reject_reason::missing_entity:
      return "missing_entity";
    case reject_reason::bad_entity:
      return "bad_entity";
    case reject_reason::bad_utf8:
      return "bad_utf8";
    case reject_reason::bad_ts:
      return "bad_ts";
    case reject_reason::ts_unit:
      return "ts_unit";
    case reject_reason::ts_in_future:
      return "ts_in_future";
    case reject_reason::ts_too_old:
      return "ts_too_old";
    case reject_reason::too_many_attributes:
      return "too_many_attributes";
    case reject_reason::bad_attribute:
      return "bad_attribute";
    case reject_reason::no_values:
      return "no_values";
    case reject_reason::too_many_values:
      return "too_many_values";
    case reject_reason::bad_metric_name:
      return "bad_metric_name";
    case reject_reason::non_finite_value:
      return "non_finite_value";
    case reject_reason::bad_severity:
      return "bad_severity";
    case reject_reason::bad_span:
      return "bad_span";
    case reject_reason::bad_status:
      return "bad_status";
    case reject_reason::bad_edge:
      return "bad_edge";
    case reject_reason::bad_change:
      return "bad_change";
    case reject_reason::bad_header:
      return "bad_header";
    case reject_reason::entity_limit:
      return "entity_limit";
    case reject_reason::not_allowed:
      return "not_allowed";
    case reject_reason::malformed_body:
      return "malformed_body";
  }
  return "unknown";
}

}  // namespace faultline
