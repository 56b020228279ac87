// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "judgement/entity_state.hpp"
#include "messages/durations.hpp"

namespace faultline {
namespace {

constexpr double gap_memory_ms = 20.0 * day_ms;  // in which the longest gap fades
constexpr std::uint32_t passivation_ticks = 12;
constexpr std::int64_t learning_patience = 5;  // times as long: its pace is not known well

}  // namespace

// When an event was heard. Where time is the events' own, an old one is a sign of life as well.
std::int64_t entity_core::impl::heard_ms(const event_view& event) const noexcept {
  if (rules->processing.accept_past) return std::max(unix_ms(event.ts), clock_ms);
  return unix_ms(event.arrived);
}

std::int64_t entity_core::impl::now_ms() const noexcept {
  return rules->processing.accept_past ? clock_ms : clock_arrived_ms;
}

// What nobody could hear is no silence of the entity, and no pace of its either.
void entity_core::impl::note_deafness(arrival_time heard_since) noexcept {
  if (rules->processing.accept_past || last_heard_ms == 0) return;
  if (unix_ms(heard_since) <= last_heard_ms) return;
  last_heard_ms = unix_ms(heard_since);
  builder.note_deafness(partition_time::longest_pause(rules->processing).count());
}

// Six of its own intervals; ten seconds where they are short.
std::int64_t entity_core::impl::least_silence_ms() const noexcept {
  constexpr std::int64_t least = 10'000;
  return std::max(6 * tick_ms(), least);
}

// One long silence, an outage, must not excuse all that come after it.
void entity_core::impl::note_gap(double gap_ms) noexcept {
  const double most = 4.0 * std::max(2.5 * longest_gap_ms, static_cast<double>(least_silence_ms()));
  const double kept = longest_gap_ms * (1.0 - std::min(gap_ms / gap_memory_ms, 0.5));
  longest_gap_ms = std::max(std::min(gap_ms, most), kept);
}

std::int64_t entity_core::impl::silence_limit_ms() const noexcept {
  const auto usual = static_cast<std::int64_t>(2.5 * longest_gap_ms);
  const auto limit = std::max(least_silence_ms(), std::min(usual, day_ms));
  return learning() ? learning_patience * limit : limit;
}

bool entity_core::impl::staleness_possible() const noexcept {
  return !ephemeral && deciding && ticks >= steady_ticks && !builder.only_derived();
}

// Silence is decided by clock records alone: there is no tick to judge.
void entity_core::impl::note_silence(const record_mark& cause, event_time tick,
                                     std::vector<entity_decision>& out) {
  decision_mark here{cause, decision_phase::look, tick};
  if (const auto* before = recorded_look(tick)) here.cause = before->cause;
  if (adopting(here)) {
    adopt_through(here);
    return;
  }
  adopt_rest(here);
  if (life.firing() || !staleness_possible() || silent_ms() <= silence_limit_ms()) return;
  emit(alert_step::fire, nullptr, cause, tick, out);
}

// Whoever speaks again is not silent, whatever it says.
void entity_core::impl::note_return(const record_mark& cause, event_time tick,
                                    std::vector<entity_decision>& out) {
  tick = std::max(tick, event_time_of(life.started_ms()));
  const decision_mark here{cause, decision_phase::event, tick};
  if (adopting(here)) {
    adopt_through(here);
    return;
  }
  adopt_rest(here);
  if (life.firing()) emit(alert_step::resolve, nullptr, cause, tick, out);
}

std::uint32_t entity_core::impl::idle_ticks() const noexcept {
  if (last_heard_ms == 0 || silent_ms() <= 0 || !builder.idle() || flying) return 0;
  const std::int64_t idle = std::min<std::int64_t>(silent_ms() / tick_ms(), 1'000'000);
  const bool waiting = staleness_possible() && !life.firing();
  return static_cast<std::uint32_t>(waiting ? std::min<std::int64_t>(idle, passivation_ticks - 1)
                                            : idle);
}

bool entity_core::may_fall_silent(const partition_time& clock) const noexcept {
  const bool past = impl_->rules->processing.accept_past;
  if (unix_ms(clock.event) <= impl_->clock_ms) return false;
  const auto now = past ? unix_ms(clock.event) : unix_ms(clock.arrived);
  const auto heard =
      past ? impl_->last_heard_ms : std::max(impl_->last_heard_ms, unix_ms(clock.heard_since));
  return now - heard > impl_->least_silence_ms();
}

}  // namespace faultline
