// SPDX-License-Identifier: Apache-2.0
#include "judgement/alert_lifecycle.hpp"

#include <algorithm>

#include "messages/identity.hpp"

namespace faultline {
namespace {

constexpr std::int64_t quiet_ms = 600'000;  // and at least three ticks

int bits_of(unsigned value) noexcept {
  int n = 0;
  for (; value != 0; value &= value - 1) ++n;
  return n;
}

}  // namespace

const char* to_string(alert_reason reason) noexcept {
  switch (reason) {
    case alert_reason::deviation:
      return "deviation";
    case alert_reason::limit:
      return "limit";
    case alert_reason::silence:
      return "silence";
  }
  return "unknown";
}

alert_step alert_lifecycle::next(const tick_signs& signs, std::int64_t ts_ms,
                                 std::int64_t tick_ms) noexcept {
  const bool over = signs.over || signs.limit;
  over_ = static_cast<std::uint8_t>(over_ << 1 | (over ? 1 : 0));
  fault_run_ = signs.fault ? static_cast<std::uint8_t>(std::min(fault_run_ + 1, 250)) : 0;
  if (!signs.quiet || signs.limit) loud_ms_ = ts_ms;
  if (!firing_)
    return bits_of(over_ & 7u) >= 2 || (signs.extreme && over) ? alert_step::fire
                                                               : alert_step::none;
  if (signs.settled || reason_ == alert_reason::silence) return alert_step::resolve;
  if (ts_ms - loud_ms_ >= std::max(quiet_ms, 3 * tick_ms)) return alert_step::resolve;
  if (severity_ == alert_severity::warning && wants_critical()) return alert_step::rise;
  return alert_step::none;
}

void alert_lifecycle::apply(alert_step step, alert_severity severity, alert_reason reason,
                            std::int64_t ts_ms) {
  switch (step) {
    case alert_step::none:
      return;
    case alert_step::fire:
      ++episode_;
      transition_ = 1;
      firing_ = true;
      severity_ = severity;
      reason_ = reason;
      started_ms_ = ts_ms;
      loud_ms_ = ts_ms;
      return;
    case alert_step::rise:
      ++transition_;
      severity_ = alert_severity::critical;
      return;
    case alert_step::resolve:
      ++transition_;
      firing_ = false;
      over_ = 0;
      fault_run_ = 0;
      return;
  }
}

void alert_lifecycle::adopt(const alert& recorded, alert_reason reason) {
  episode_ = recorded.episode;
  transition_ = recorded.transition;
  severity_ = recorded.severity;
  reason_ = reason;
  started_ms_ = unix_ms(recorded.started);
  firing_ = recorded.state == alert_state::firing;
  if (firing_ && recorded.transition == 1) loud_ms_ = unix_ms(recorded.updated);
  if (!firing_) {
    over_ = 0;
    fault_run_ = 0;
  }
}

void alert_lifecycle::save(byte_writer& out) const {
  out.put(over_);
  out.put(fault_run_);
  out.put(static_cast<std::uint8_t>(firing_));
  out.put(static_cast<std::uint8_t>(severity_));
  out.put(static_cast<std::uint8_t>(reason_));
  out.put(episode_);
  out.put(transition_);
  out.put(started_ms_);
  out.put(loud_ms_);
}

bool alert_lifecycle::restore(byte_reader& in) {
  std::uint8_t firing = 0, severity = 0, reason = 0;
  in.get(over_);
  in.get(fault_run_);
  in.get(firing);
  in.get(severity);
  in.get(reason);
  in.get(episode_);
  in.get(transition_);
  in.get(started_ms_);
  if (!in.get(loud_ms_) || firing > 1 || severity < 1 || severity > 2 || reason > 2) return false;
  firing_ = firing != 0;
  severity_ = static_cast<alert_severity>(severity);
  reason_ = static_cast<alert_reason>(reason);
  return true;
}

std::string alert_id(std::string_view entity, alert_reason reason, std::int64_t started_ms,
                     std::uint32_t episode) {
  std::string text{entity};
  text += '\n';
  text += to_string(reason);
  text += '\n';
  text += std::to_string(started_ms);
  text += '\n';
  text += std::to_string(episode);
  return to_hex(stable_hash(text));
}

}  // namespace faultline
