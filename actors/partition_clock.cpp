// SPDX-License-Identifier: Apache-2.0
#include "actors/partition_clock.hpp"

#include "messages/bytes.hpp"

// point := version(u8 = 1) clock before(i64) clock absent(i64) degraded(u8) clock_degraded(u8)
// clock := position(u64) index(u32) event(i64) arrived(i64)

namespace faultline {
namespace {

constexpr std::uint8_t point_version = 1;

void put(byte_writer& out, const record_address& where, const clock_record& clock) {
  out.u64(where.position);
  out.u32(where.index);
  out.i64(unix_ms(clock.event));
  out.i64(unix_ms(clock.arrived));
}

void get(byte_reader& in, record_address& where, clock_record& clock) {
  where.position = in.u64();
  where.index = in.u32();
  clock.event = event_time_of(in.i64());
  clock.arrived = arrival_time_of(in.i64());
}

}  // namespace

std::string encode_clock_point(const clock_point& p) {
  std::string bytes;
  byte_writer out{bytes};
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
  byte_reader in{bytes};
  if (in.u8() != point_version) return failure{ec::unknown_version, "clock of a partition"};
  get(in, p.where, p.clock);
  p.before = arrival_time_of(in.i64());
  get(in, p.hole_where, p.hole);
  p.absent_ms = in.i64();
  p.degraded = in.boolean();
  p.clock_degraded = in.boolean();
  if (!in.ok() || !in.at_end()) return failure{ec::malformed, "clock of a partition"};
  return p;
}

void partition_clock::pass(const clock_record& clock, const record_address& where) {
  auto next = points_.back();
  next.before = next.clock.arrived;
  next.clock = clock;
  next.clock_degraded = next.degraded;
  next.where = where;
  const bool first = unix_ms(next.before) == 0;
  if (absence_ms_ != 0 && !first && unix_ms(clock.arrived) - unix_ms(next.before) > absence_ms_) {
    next.hole = clock;
    next.hole_where = where;
    next.absent_ms += unix_ms(clock.arrived) - unix_ms(next.before);
  }
  points_.push_back(next);
  since_.push_back(where.position);
}

void partition_clock::degrade(bool on, const record_address& where) {
  auto next = points_.back();
  next.degraded = on;
  points_.push_back(next);
  since_.push_back(where.position);
}

const clock_point& partition_clock::after(log_position position) const noexcept {
  std::size_t at = points_.size() - 1;
  while (at != 0 && since_[at] > position) --at;
  return points_[at];
}

void partition_clock::forget_before(log_position position) {
  while (points_.size() > 1 && since_[1] <= position) {
    points_.pop_front();
    since_.pop_front();
  }
}

}  // namespace faultline
