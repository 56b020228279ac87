// SPDX-License-Identifier: Apache-2.0
#include "judgement/entity_outline.hpp"

#include "messages/error.hpp"
#include "messages/version.hpp"
#include "processing/byte_io.hpp"

// outline := version(u8 = 1) state(u8) flags(u8) observations(u64) first(i64) last(i64)
//            last_arrived(i64) silence_limit(i64) heard_event(i64) heard_arrived(i64)

namespace faultline {
namespace {

constexpr std::uint8_t outline_version = 1;

}  // namespace

const char* to_string(entity_outline::standing state) noexcept {
  switch (state) {
    case entity_outline::standing::learning:
      return "learning";
    case entity_outline::standing::ok:
      return "ok";
    case entity_outline::standing::warning:
      return "warning";
    case entity_outline::standing::critical:
      return "critical";
    case entity_outline::standing::stale:
      return "stale";
  }
  return "unknown";
}

std::string encode_outline(const entity_outline& o) {
  std::string bytes;
  byte_writer out{bytes};
  out.put(outline_version);
  out.put(static_cast<std::uint8_t>(o.state));
  out.put(static_cast<std::uint8_t>((o.ephemeral ? 1 : 0) | (o.silence_open ? 2 : 0) |
                                    (o.tick_open ? 4 : 0)));
  out.put(o.observations);
  out.put(unix_ms(o.first_ts));
  out.put(unix_ms(o.last_ts));
  out.put(unix_ms(o.last_arrived));
  out.put(o.silence_limit_ms);
  out.put(unix_ms(o.heard_event));
  out.put(unix_ms(o.heard_arrived));
  return bytes;
}

outcome<entity_outline> decode_outline(std::string_view bytes) {
  const failure broken{ec::malformed, "entity outline"};
  byte_reader in{bytes};
  std::uint8_t version = 0, state = 0, flags = 0;
  std::int64_t first = 0, last = 0, arrived = 0, heard_event = 0, heard_arrived = 0;
  entity_outline o;
  if (!in.get(version)) return broken;
  if (auto known = check_version("entity outline", version, outline_version); !known)
    return known.error();
  in.get(state);
  in.get(flags);
  in.get(o.observations);
  in.get(first);
  in.get(last);
  in.get(arrived);
  in.get(o.silence_limit_ms);
  in.get(heard_event);
  if (!in.get(heard_arrived) || !in.at_end() || flags > 7 ||
      state > static_cast<std::uint8_t>(entity_outline::standing::stale))
    return broken;
  o.state = static_cast<entity_outline::standing>(state);
  o.first_ts = event_time_of(first);
  o.last_ts = event_time_of(last);
  o.last_arrived = arrival_time_of(arrived);
  o.heard_event = event_time_of(heard_event);
  o.heard_arrived = arrival_time_of(heard_arrived);
  o.ephemeral = (flags & 1) != 0;
  o.silence_open = (flags & 2) != 0;
  o.tick_open = (flags & 4) != 0;
  return o;
}

}  // namespace faultline
