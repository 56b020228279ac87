// SPDX-License-Identifier: Apache-2.0
#include "judgement/alert_lifecycle.hpp"

#include <algorithm>

#include "messages/identity.hpp"

namespace faultline {
namespace {

constexpr std::int64_t quiet_ms = 180'000;  // and at least three ticks, see quiet_time()
constexpr std::int64_t quiet_ticks_ms = 900'000;
constexpr std::int64_t echo_ms = 600'000;  // and at least three ticks, of a limit that was crossed
constexpr std::uint8_t within_ticks = 3;   // in a row: a limit is no longer crossed
constexpr std::uint8_t unknown_most = 8;   // ticks without a value: it will not say any more
constexpr std::uint8_t run_most = 250;

// To wait for three calm rows of an hour hides the end for two hours: where rows are rare, one that
// is calm is the end. A limit is as it says: the third within it.
std::int64_t quiet_time(alert_reason reason, std::int64_t tick_ms) noexcept {
  const std::int64_t ticks = 3 * tick_ms;
  if (reason == alert_reason::limit) return std::max(quiet_ms, ticks);
  return std::max({quiet_ms, tick_ms, std::min(ticks, quiet_ticks_ms)});
}

int bits_of(unsigned value) noexcept {
  int n = 0;
  for (; value != 0; value &= value - 1) ++n;
  return n;
}

}  // namespace

const char* alert_name(alert_reason reason) noexcept {
  switch (reason) {
    case alert_reason::deviation:
      return "EntityDeviates";
    case alert_reason::limit:
      return "LimitCrossed";
    case alert_reason::silence:
      return "EntitySilent";
  }
  return "EntityDeviates";
}

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

void alert_lifecycle::follow_limit(const tick_signs& signs) noexcept {
  if (signs.crossed) {
    // One tick beyond a limit that is near is noise on the way to it, unless it fires alone.
    if (within_run_ <= 1 || (!firing_ && signs.extreme)) crossed_ = true;
    within_run_ = unknown_run_ = 0;
  } else if (signs.limit_unknown && unknown_run_ < unknown_most) {
    ++unknown_run_;
  } else {
    within_run_ = static_cast<std::uint8_t>(std::min(within_run_ + 1, int{run_most}));
  }
}

alert_step alert_lifecycle::next(const tick_signs& signs, std::int64_t ts_ms,
                                 std::int64_t tick_ms) noexcept {
  const bool signs_over = signs.over || signs.limit;
  const std::int64_t echo_time = std::max(echo_ms, 3 * tick_ms);
  if (after_limit_ && (!signs_over || ts_ms - loud_ms_ >= echo_time)) after_limit_ = false;
  follow_limit(signs);
  const bool over = signs.crossed || (signs_over && !after_limit_);
  over_ = static_cast<std::uint8_t>(over_ << 1 | (over ? 1 : 0));
  fault_run_ = signs.fault ? static_cast<std::uint8_t>(std::min(fault_run_ + 1, int{run_most})) : 0;
  if (!firing_) {
    const bool fires = bits_of(over_ & 7u) >= 2 || (signs.extreme && over);
    if (!fires && within_run_ >= within_ticks) crossed_ = false;
    return fires ? alert_step::fire : alert_step::none;
  }
  if (!signs.quiet || signs.limit) loud_ms_ = ts_ms;
  if (reason_ == alert_reason::silence) return alert_step::none;
  if (signs.settled) return alert_step::resolve;
  if (reason_ == alert_reason::limit && crossed_ && within_run_ >= within_ticks)
    return alert_step::resolve;
  // Rows come a little early and a little late: a quarter of a tick makes none of them another row.
  if (ts_ms - loud_ms_ + tick_ms / 4 >= quiet_time(reason_, tick_ms)) return alert_step::resolve;
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
      after_limit_ = false;
      return;
    case alert_step::tell:
      ++transition_;
      return;
    case alert_step::rise:
      ++transition_;
      severity_ = alert_severity::critical;
      return;
    case alert_step::resolve:
      ++transition_;
      end(ts_ms);
      return;
  }
}

void alert_lifecycle::end(std::int64_t ts_ms) noexcept {
  firing_ = false;
  over_ = 0;
  fault_run_ = 0;
  after_limit_ = reason_ == alert_reason::limit && crossed_;
  crossed_ = false;
  if (after_limit_) loud_ms_ = ts_ms;
}

void alert_lifecycle::adopt(const alert& recorded, alert_reason reason) {
  episode_ = recorded.episode;
  transition_ = recorded.transition;
  severity_ = recorded.severity;
  reason_ = reason;
  started_ms_ = unix_ms(recorded.started);
  firing_ = recorded.state == alert_state::firing;
  if (firing_ && recorded.transition == 1) {
    loud_ms_ = unix_ms(recorded.updated);
    after_limit_ = false;
  }
  if (!firing_) end(unix_ms(recorded.updated));
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
  out.put(within_run_);
  out.put(unknown_run_);
  out.put(static_cast<std::uint8_t>((crossed_ ? 1 : 0) | (after_limit_ ? 2 : 0)));
}

bool alert_lifecycle::restore(byte_reader& in, std::uint8_t version) {
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
  if (version == 1) return true;
  std::uint8_t flags = 0;
  in.get(within_run_);
  in.get(unknown_run_);
  if (!in.get(flags) || flags > 3) return false;
  crossed_ = (flags & 1) != 0;
  after_limit_ = (flags & 2) != 0;
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
