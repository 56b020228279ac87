// SPDX-License-Identifier: Apache-2.0
#include "processing/held_clock.hpp"

#include <cstdlib>

namespace faultline {
namespace {

bool near(std::int64_t a, std::int64_t b) noexcept {
  return std::abs(a - b) <= held_clock::most.count();
}

}  // namespace

arrival_time held_clock::at(arrival_time wall, milliseconds running) const noexcept {
  if (!begun_.load(std::memory_order_acquire)) return wall;
  const auto offset = offset_.load(std::memory_order_relaxed);
  if (near(unix_ms(wall) - running.count(), offset)) return wall;
  return arrival_time_of(running.count() + offset);
}

held_clock::step held_clock::follow(arrival_time wall, milliseconds running) noexcept {
  const auto seen = unix_ms(wall) - running.count();
  const auto offset = offset_.load(std::memory_order_relaxed);
  const bool held = held_off_.load() != 0;
  if (!begun_.load() || near(seen, offset)) {
    offset_.store(seen, std::memory_order_relaxed);
    begun_.store(true, std::memory_order_release);
    held_off_.store(0);
    return held ? step::back : step::none;
  }
  if (!held || !near(seen, leapt_to_)) {
    leapt_to_ = seen;
    leapt_at_ = running;
    held_off_.store(seen - offset);
    return held ? step::none : step::held;
  }
  if (running - leapt_at_ < settled) return step::none;
  offset_.store(seen, std::memory_order_relaxed);
  held_off_.store(0);
  return step::followed;
}

}  // namespace faultline
