// SPDX-License-Identifier: Apache-2.0
#include "processing/clock_point.hpp"

#include "messages/bytes.hpp"
#include "messages/version.hpp"

// point := version(u8 = 1) clock before(i64) clock absent(i64) degraded(u8) clock_degraded(u8)
// clock := position(u64) index(u32) event(i64) arrived(i64)

namespace faultline {
namespace {

constexpr std::uint8_t point_version = 1;

void put(field_writer& out, const record_address& where, const clock_record& clock) {
  out.u64(where.position);
  out.u32(where.index);
  out.i64(unix_ms(clock.event));
  out.i64(unix_ms(clock.arrived));
}

void get(field_reader& in, record_address& where, clock_record& clock) {
  where.position = in.u64();
  where.index = in.u32();
  clock.event = event_time_of(in.i64());
  clock.arrived = arrival_time_of(in.i64());
}

}  // namespace

std::string encode_clock_point(const clock_point& p) {
  std::string bytes;
  field_writer out{bytes};
  out.u8(point_version);
  put(out, p.where, p.clock);
  out.i64(unix_ms(p.before));
  put(out, p.hole_where, p.hole);
  out.i64(p.absent_ms);
  out.boolean(p.degraded);
  out.boolean(p.clock_degraded);
  return bytes;
}

outcome<clock_point> decode_clock_point(std::string_view bytes) {
  clock_point p;
  if (bytes.empty()) return p;
  field_reader in{bytes};
  if (auto known = check_version("clock of a partition", in.u8(), point_version); !known)
    return known.error();
  get(in, p.where, p.clock);
  p.before = arrival_time_of(in.i64());
  get(in, p.hole_where, p.hole);
  p.absent_ms = in.i64();
  p.degraded = in.boolean();
  p.clock_degraded = in.boolean();
  if (!in.ok() || !in.at_end()) return failure{ec::malformed, "clock of a partition"};
  return p;
}

}  // namespace faultline
