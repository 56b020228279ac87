// SPDX-License-Identifier: Apache-2.0
#include "judgement/entity_core.hpp"

#include <algorithm>
#include <utility>

#include "judgement/entity_state.hpp"
#include "processing/roles.hpp"

namespace faultline {
namespace {

constexpr std::int64_t minute_ms = 60'000;
constexpr std::int64_t day_ms = 86'400'000;
constexpr std::uint64_t steady_ticks = 30;  // before silence means anything
constexpr std::uint32_t passivation_ticks = 12;
constexpr std::size_t most_attributes = 32;  // a snapshot holds no more

bool is_covered(const record_address& where, const record_address& covered) noexcept {
  if (where.position == 0) return false;  // not from a log
  return where.position < covered.position ||
         (where.position == covered.position && where.index <= covered.index);
}

}  // namespace

std::int64_t absence_ms(const processing_options& options) noexcept {
  constexpr std::int64_t least = 10'000;
  return std::max<std::int64_t>(3 * options.tick.count(), least);
}

entity_core::impl::impl(std::string_view name, std::shared_ptr<const judgement_rules> with)
    : id{name}, rules{std::move(with)}, kind_class{entity_class_of(name)} {
  slot_channel.fill(-1);
}

applied_as entity_core::impl::observe(const event_view& event, const record_address& where,
                                      std::vector<entity_decision>& out) {
  if (is_covered(where, covered)) return applied_as::duplicate;
  covered = where;
  ++observations;
  const std::int64_t ts = unix_ms(event.ts);
  if (first_ms == 0) first_ms = ts;
  last_ms = std::max(last_ms, ts);
  note_hole(unix_ms(event.arrived));
  last_arrived_ms = std::max(last_arrived_ms, unix_ms(event.arrived));
  if (!event.attributes.empty()) remember_attributes(event);
  switch (event.type) {
    case event_type::metric: {
      const auto result = builder.add(event, where.position, rules->processing);
      if (builder.channels().size() != traits.size()) open_channels();
      return result == tick_builder::result::late ? applied_as::late : applied_as::taken;
    }
    case event_type::log:
      return applied_as::kept;
    case event_type::span:
      if (!event.peer.empty() && event.peer != event.entity)
        note_edge(event.peer, edge_kind::calls, false, "span", event, where, out);
      return applied_as::kept;
    case event_type::edge:
      for (const auto to : event.depends_on)
        note_edge(to, event.edge, event.remove, "event", event, where, out);
      return applied_as::kept;
    case event_type::change:
      note_change(event, where, out);
      return applied_as::kept;
  }
  return applied_as::kept;
}

void entity_core::impl::remember_attributes(const event_view& event) {
  // What an event does not say stays as it was: one says ephemeral, the next only its topic.
  for (std::size_t i = 0; i < event.attributes.size(); ++i) {
    const auto& said = event.attributes[i];
    auto at = attributes.begin() + static_cast<std::ptrdiff_t>(std::min(i, attributes.size()));
    if (at == attributes.end() || at->first != said.key)
      at = std::find_if(attributes.begin(), attributes.end(),
                        [&](const auto& a) { return a.first == said.key; });
    if (at != attributes.end() && at->second == said.value) continue;
    if (at != attributes.end())
      at->second = said.value;
    else if (attributes.size() < most_attributes)
      attributes.emplace_back(said.key, said.value);
    if (said.key == "ephemeral") ephemeral = said.value == "true";
  }
}

bool entity_core::impl::learning() const noexcept {
  return last_tick_ms - first_ms < rules->detection.learning.count() || ticks < steady_ticks;
}

void entity_core::impl::advance(const clock_record& clock, const record_address& where,
                                std::vector<entity_decision>& out) {
  if (unix_ms(clock.event) < clock_ms) return;
  clock_ms = unix_ms(clock.event);
  note_hole(unix_ms(clock.arrived));
  clock_arrived_ms = std::max(clock_arrived_ms, unix_ms(clock.arrived));
  builder.advance(clock.event, where.position, rules->processing);
  if (!flying && !builder.waiting()) note_silence(where.position, clock.event, out);
}

// With live data a clock record comes every tick while somebody listens. A hole in them is our own
// absence: what nobody could hear is no silence of the entity, and no pace of its either.
void entity_core::impl::note_hole(std::int64_t arrived_ms) {
  if (rules->processing.accept_past || clock_arrived_ms == 0) return;
  if (arrived_ms - clock_arrived_ms <= hole_ms()) return;
  clock_arrived_ms = arrived_ms;
  last_arrived_ms = std::max(last_arrived_ms, arrived_ms);
  hole_seen = true;
}

std::int64_t entity_core::impl::hole_ms() const noexcept { return absence_ms(rules->processing); }

// How long the entity has been silent: by arrival where the clocks are live, else by event time.
std::int64_t entity_core::impl::silent_ms() const noexcept {
  const std::int64_t by_event = clock_ms - last_ms;
  if (rules->processing.accept_past) return by_event;
  return std::min(by_event, clock_arrived_ms - last_arrived_ms);
}

std::int64_t entity_core::impl::silence_limit_ms() const noexcept {
  const auto usual = static_cast<std::int64_t>(2.5 * longest_gap_ms);
  return std::min(std::max({6 * tick_ms(), usual, minute_ms}), day_ms);
}

bool entity_core::impl::staleness_possible() const noexcept {
  return !ephemeral && deciding && ticks >= steady_ticks && !learning();
}

std::uint32_t entity_core::impl::idle_ticks() const noexcept {
  if (clock_ms <= last_ms || last_ms == 0) return 0;
  const std::int64_t idle = std::min<std::int64_t>((clock_ms - last_ms) / tick_ms(), 1'000'000);
  const bool waiting = staleness_possible() && !life.firing();
  return static_cast<std::uint32_t>(waiting ? std::min<std::int64_t>(idle, passivation_ticks - 1)
                                            : idle);
}

entity_core::entity_core(std::string_view id, std::shared_ptr<const judgement_rules> rules)
    : impl_{std::make_unique<impl>(id, std::move(rules))} {}
entity_core::~entity_core() = default;
entity_core::entity_core(entity_core&&) noexcept = default;
entity_core& entity_core::operator=(entity_core&&) noexcept = default;

applied_as entity_core::observe(const event_view& event, const record_address& where,
                                std::vector<entity_decision>& out) {
  return impl_->observe(event, where, out);
}

void entity_core::advance(const clock_record& clock, const record_address& where,
                          std::vector<entity_decision>& out) {
  impl_->advance(clock, where, out);
}

void entity_core::set_rules(std::shared_ptr<const judgement_rules> rules) {
  impl_->rules = std::move(rules);
  impl_->rules_changed();
}

void entity_core::set_deciding(bool on) noexcept { impl_->deciding = on; }

bool entity_core::row_waiting() const noexcept {
  return !impl_->flying && impl_->builder.waiting();
}

std::size_t entity_core::waiting_ticks() const noexcept {
  // The one in flight stays in the builder until it is finished.
  return impl_->builder.waiting_ticks() - (impl_->flying ? 1 : 0);
}

bool entity_core::in_flight() const noexcept { return impl_->flying; }

void entity_core::begin_tick(forecast_row& row) { impl_->begin_tick(row); }

void entity_core::finish_tick(const forecast_result* result, std::vector<entity_decision>& out) {
  impl_->finish_tick(result, out);
}

float entity_core::loud_threshold() const noexcept {
  return impl_->tails.score_at_threshold(view::model,
                                         impl_->rules->detection.false_pages_per_entity_month) *
         3.5f;
}

std::vector<closed_block> entity_core::take_blocks() {
  return std::exchange(impl_->blocks_out, {});
}

std::string entity_core::save() const { return impl_->save(); }

outcome<void> entity_core::restore(std::string_view bytes) {
  auto fresh = std::make_unique<impl>(impl_->id, impl_->rules);
  if (auto restored = fresh->restore(bytes); !restored) return restored;
  fresh->deciding = impl_->deciding;
  fresh->recorded = std::move(impl_->recorded);
  fresh->next_recorded = impl_->next_recorded;
  fresh->decided_through = impl_->decided_through;
  impl_ = std::move(fresh);
  return {};
}

void entity_core::adopt(std::vector<entity_decision> recorded, log_position decided_through) {
  impl_->recorded = std::move(recorded);
  impl_->next_recorded = 0;
  impl_->decided_through = decided_through;
}

entity_window entity_core::window(event_time as_of) const { return impl_->window(as_of); }
entity_status entity_core::status() const { return impl_->status(); }
entity_outline entity_core::outline() const { return impl_->outline(); }
void entity_core::heard_until(arrival_time until) noexcept {
  impl_->clock_arrived_ms = std::max(impl_->clock_arrived_ms, unix_ms(until));
}
std::string_view entity_core::id() const noexcept { return impl_->id; }
std::uint64_t entity_core::observations() const noexcept { return impl_->observations; }
std::uint32_t entity_core::idle_ticks() const noexcept { return impl_->idle_ticks(); }
tick_verdict entity_core::last_verdict() const noexcept {
  return {event_time_of(impl_->last_tick_ms), impl_->last_score, impl_->last_excess};
}

std::size_t entity_core::memory_bytes() const noexcept {
  const auto& s = *impl_;
  std::size_t bytes = sizeof(entity_core) + sizeof(impl) + s.builder.memory_bytes() +
                      s.blocks.capacity() * sizeof(channel_block) + s.profile.memory_bytes() +
                      s.ring.memory_bytes() + s.slots.capacity() + s.traits.capacity() +
                      s.limits.capacity() * sizeof(channel_limit) +
                      s.edges.capacity() * sizeof(known_edge) + (s.model ? sizeof(model_view) : 0) +
                      (s.open ? sizeof(alert) + 512 : 0);
  for (const auto& b : s.blocks_out) bytes += sizeof b + b.bytes.capacity();
  for (const auto& a : s.attributes) bytes += sizeof a + a.first.capacity() + a.second.capacity();
  return bytes;
}

}  // namespace faultline
