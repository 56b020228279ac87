// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace faultline {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// The publisher's clock: when something happened. Decides ticks, windows and alerts.
struct event_clock {
  using duration = std::chrono::milliseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<event_clock, duration>;
  static constexpr bool is_steady = false;
};

/// Our wall clock at the door: when a record arrived. It stands in the log and decides staleness.
struct arrival_clock {
  using duration = std::chrono::milliseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<arrival_clock, duration>;
  static constexpr bool is_steady = false;
};

/// Unix milliseconds of the publisher. There is no now(): time is handed in.
using event_time = event_clock::time_point;
/// Unix milliseconds at the door. There is no now(): time is handed in.
using arrival_time = arrival_clock::time_point;

constexpr event_time event_time_of(std::int64_t unix_ms) noexcept {
  return event_time{milliseconds{unix_ms}};
}
constexpr arrival_time arrival_time_of(std::int64_t unix_ms) noexcept {
  return arrival_time{milliseconds{unix_ms}};
}
constexpr std::int64_t unix_ms(event_time t) noexcept { return t.time_since_epoch().count(); }
constexpr std::int64_t unix_ms(arrival_time t) noexcept { return t.time_since_epoch().count(); }

}  // namespace faultline
