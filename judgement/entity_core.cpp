// SPDX-License-Identifier: Apache-2.0
#include "judgement/entity_core.hpp"

#include <algorithm>
#include <utility>

#include "judgement/entity_state.hpp"
#include "messages/durations.hpp"
#include "processing/interval_means.hpp"
#include "processing/prefetch.hpp"
#include "processing/roles.hpp"

namespace faultline {
namespace {

constexpr std::size_t most_attributes = 32;  // and `ephemeral`: a snapshot holds no more

bool is_covered(const record_address& where, const record_address& covered) noexcept {
  if (where.position == 0) return false;  // not from a log
  return where.position < covered.position ||
         (where.position == covered.position && where.index <= covered.index);
}

}  // namespace

entity_core::impl::impl(std::string_view name, std::shared_ptr<const judgement_rules> with)
    : id{name}, rules{std::move(with)}, kind_class{entity_class_of(name)} {
  // What the allocator hands out next is 2,560: docs/performance.md, memory.
  static_assert(sizeof(impl) <= 2048);
  slot_channel.fill(-1);
}

applied_as entity_core::impl::observe(const event_view& event, const record_address& where,
                                      std::vector<entity_decision>& out) {
  if (is_covered(where, covered)) return applied_as::duplicate;
  covered = where;
  if (event.type == event_type::calls) return observe_calls(event, where, out);
  ++observations;
  const std::int64_t ts = unix_ms(event.ts);
  if (first_ms == 0) first_ms = ts;
  last_ms = std::max(last_ms, ts);
  last_heard_ms = std::max(last_heard_ms, heard_ms(event));
  if (!event.attributes.empty()) remember_attributes(event);
  if (life.firing() && life.reason() == alert_reason::silence)
    note_return(where.mark(), event.ts, out);
  switch (event.type) {
    case event_type::metric:
      return note_metrics(event, where);
    case event_type::log:
      return note_log(event, where);
    case event_type::span:
      if (!event.peer.empty() && event.peer != event.entity)
        note_edge({event.peer, edge_kind::calls, "span"}, event, where, out);
      return note_span(event, where);
    case event_type::edge:
      for (const auto to : event.depends_on)
        note_edge({to, event.edge, "event", event.remove}, event, where, out);
      return applied_as::kept;
    case event_type::change:
      note_change(event, where, out);
      return applied_as::kept;
    case event_type::calls:
      break;
  }
  return applied_as::kept;
}

// Buckets of histograms are no channels: they are of the tick that closes next, which may be by
// this very event.
applied_as entity_core::impl::note_metrics(const event_view& event, const record_address& where) {
  const event_view* metrics = &event;
  event_view others;
  if (histogram_quantiles::has_buckets(event)) {
    if (!histograms) histograms = std::make_unique<histogram_quantiles>();
    const auto newest = newest_told_ms();
    histograms->take(event, unix_ms(event.ts), others.metrics);
    if (others.metrics.empty()) return touch_tick(event, newest, where), applied_as::kept;
    others.ts = event.ts;
    metrics = &others;
  }
  builder.note_record(where);
  const auto waited = builder.waiting_ticks();
  const auto result = builder.add(*metrics, where.mark(), rules->processing);
  close_derived(waited);
  if (builder.channels().size() != traits.size()) open_channels();
  return result == tick_builder::result::late ? applied_as::late : applied_as::taken;
}

// One that is late is evidence of its own time and part of no tick.
applied_as entity_core::impl::note_log(const event_view& event, const record_address& where) {
  told_by().note_log(event.ts, event.severity);
  if (!logs) logs = std::make_unique<entity_logs>();
  const bool late = builder.is_late(event.ts, logs->newest_ms(), rules->processing);
  if (!late) {
    touch_tick(event, newest_told_ms(), where);
    logs->note_newest(builder.placed_ms(event.ts, rules->processing));
  }
  logs->take(event, !apart(event.ts), late);
  return late ? applied_as::late : applied_as::kept;
}

// A span is told when it ends, and may begin long before: its end must be behind the newest begin.
applied_as entity_core::impl::note_span(const event_view& event, const record_address& where) {
  told_by().note_span(event.ts, static_cast<double>(event.duration_us) / 1000,
                      event.status == span_status::error, event.peer);
  if (!spans) spans = std::make_unique<entity_spans>();
  const auto took = milliseconds{std::min<std::uint64_t>(event.duration_us / 1000, day_ms)};
  if (builder.is_late(event.ts + took, spans->newest_ms(), rules->processing))
    return applied_as::late;
  touch_tick(event, newest_told_ms(), where);
  spans->note_newest(builder.placed_ms(event.ts, rules->processing));
  spans->take(event);
  return applied_as::kept;
}

// Of what is no channel by itself, and opens ticks where no metric comes.
std::int64_t entity_core::impl::newest_told_ms() const noexcept {
  return std::max({logs ? logs->newest_ms() : 0, spans ? spans->newest_ms() : 0,
                   histograms ? histograms->newest_ms() : 0});
}

void entity_core::impl::touch_tick(const event_view& event, std::int64_t newest_ms,
                                   const record_address& where) {
  const auto waited = builder.waiting_ticks();
  builder.note_record(where);
  builder.touch(event.ts, newest_ms, where.mark(), rules->processing);
  close_derived(waited);
}

// Ticks behind the first @p waited have just closed: the first holds all lines, spans and buckets
// since the one before it. Where some of these may be of a maintenance window and the tick is not,
// it has no value of them: they say nothing of what follows.
void entity_core::impl::close_derived(std::size_t waited) {
  for (std::size_t n = waited; n < builder.waiting_ticks(); ++n) {
    derive_means(builder, n);
    if (!logs && !spans && !histograms) continue;
    const auto& tick = builder.waiting_tick(n);
    const auto ms = tick.gap_ms > 0 && !builder.only_derived() ? tick.gap_ms : tick.tick_ms;
    const double dt_s = static_cast<double>(ms) / 1000;
    const bool mixed = !apart(tick.ts) && was_apart(tick.ts - milliseconds{tick.gap_ms}, tick.ts);
    const auto set = [&](const auto& names, const auto& values) {
      if (mixed) return;
      for (std::size_t i = 0; i < values.size(); ++i)
        if (const auto c = builder.derive(names[i])) builder.set_derived(n, *c, values[i]);
    };
    if (histograms)
      for (const auto& q : histograms->close())
        if (const auto c = mixed ? std::nullopt : builder.derive(q.name, most_made_channels))
          builder.set_derived(n, *c, q.value);
    if (logs) set(entity_logs::names, logs->close(tick.ts, dt_s).all());
    if (spans)
      set(entity_spans::names, spans->close(tick.ts, dt_s, !mixed && !apart(tick.ts)).all());
  }
  if (builder.channels().size() != traits.size()) open_channels();
}

// What others' spans show of this entity's own: it has not been heard of by that.
applied_as entity_core::impl::observe_calls(const event_view& event, const record_address& where,
                                            std::vector<entity_decision>& out) {
  const bool own = event.peer == event.entity;
  latency_sketch took;
  byte_reader durations{event.body};
  if (event.body.empty() || !took.restore(durations) || took.count() > event.calls) took.clear();
  const auto failed = std::min(event.failed, event.calls);
  told_by().note_calls(event.ts, {event.calls, failed, event.duration_us, &took},
                       own ? std::string_view{} : event.peer);
  if (!own) note_edge({event.peer, edge_kind::calls, "span"}, event, where, out);
  return applied_as::kept;
}

told_series& entity_core::impl::told_by() {
  if (!told) told = std::make_unique<told_series>();
  return *told;
}

// What an event does not say stays as it was: one says ephemeral, the next only its topic. Ticks
// that wait keep the attributes they closed with.
void entity_core::impl::remember_attributes(const event_view& event) {
  const auto& before = attribute_changes.empty() ? attributes : attribute_changes.back().attributes;
  std::optional<attribute_list> now;
  for (std::size_t i = 0; i < event.attributes.size(); ++i) {
    const auto& said = event.attributes[i];
    const auto& known = now ? *now : before;
    auto at = known.begin() + static_cast<std::ptrdiff_t>(std::min(i, known.size()));
    if (at == known.end() || at->first != said.key)
      at = std::find_if(known.begin(), known.end(),
                        [&](const auto& a) { return a.first == said.key; });
    if (at != known.end() && at->second == said.value) continue;
    const auto place = at - known.begin();
    const bool fresh = at == known.end();
    if (!now) now = before;
    if (!fresh)
      (*now)[static_cast<std::size_t>(place)].second = said.value;
    else if (now->size() < most_attributes || said.key == "ephemeral")
      now->emplace_back(said.key, said.value);
    if (said.key == "ephemeral") ephemeral = said.value == "true";
  }
  if (!now) return;
  attribute_changes.push_back({builder.waiting_ticks(), std::move(*now)});
  if (!builder.waiting()) take_attributes();
}

// What a tick's alert carries is what was known when it closed, whichever record closed it.
void entity_core::impl::take_attributes() {
  std::size_t due = 0;
  while (due < attribute_changes.size() && attribute_changes[due].older_ticks == 0) ++due;
  if (due == 0) return;
  attributes = std::move(attribute_changes[due - 1].attributes);
  attribute_changes.erase(attribute_changes.begin(),
                          attribute_changes.begin() + static_cast<std::ptrdiff_t>(due));
}

bool entity_core::impl::learning() const noexcept {
  return last_tick_ms - first_ms < rules->detection.learning.count() || ticks < steady_ticks;
}

void entity_core::impl::advance(const partition_time& clock, const record_address& where,
                                std::vector<entity_decision>& out) {
  if (unix_ms(clock.event) <= clock_ms) return;
  clock_ms = unix_ms(clock.event);
  clock_arrived_ms = std::max(clock_arrived_ms, unix_ms(clock.arrived));
  note_deafness(clock.heard_since);
  const auto waited = builder.waiting_ticks();
  builder.advance(clock.event, where.mark(), rules->processing);
  close_derived(waited);
  // While a tick is open there is something to be said yet, and it comes first.
  if (!flying && builder.idle()) note_silence(where.mark(), clock.event, out);
}

entity_core::entity_core(std::string_view id, std::shared_ptr<const judgement_rules> rules)
    : impl_{std::make_unique<impl>(id, std::move(rules))} {}
entity_core::~entity_core() = default;
entity_core::entity_core(entity_core&&) noexcept = default;
entity_core& entity_core::operator=(entity_core&&) noexcept = default;

applied_as entity_core::observe(const event_view& event, const record_address& where,
                                std::vector<entity_decision>& out) {
  const bool full = left_out() != 0;
  const auto applied = impl_->observe(event, where, out);
  if (!full && left_out() != 0) impl_->note_full(&event, where, event.ts, out);
  return applied;
}

void entity_core::advance(const partition_time& clock, const record_address& where,
                          std::vector<entity_decision>& out) {
  const bool full = left_out() != 0;
  impl_->advance(clock, where, out);
  if (!full && left_out() != 0) impl_->note_full(nullptr, where, clock.event, out);
}

void entity_core::set_rules(std::shared_ptr<const judgement_rules> rules) {
  impl_->other_roles = impl_->other_roles || impl_->rules->roles != rules->roles;
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

void entity_core::set_degraded(bool on) noexcept { impl_->builder.set_degraded(on); }

bool entity_core::row_degraded() const noexcept { return impl_->builder.front().degraded; }
record_address entity_core::row_last() const noexcept { return impl_->builder.front().last; }

void entity_core::begin_tick(forecast_row& row) { impl_->begin_tick(row); }

void entity_core::finish_tick(const forecast_result* result, std::vector<entity_decision>& out) {
  impl_->finish_tick(result, out);
}

bool entity_core::expectant() const noexcept {
  return impl_->life.expectant() || impl_->beyond_limit();
}

float entity_core::loud_threshold() const noexcept {
  return impl_->tails.score_at_threshold(view::model,
                                         impl_->rules->detection.false_pages_per_entity_month) *
         3.5f;
}

std::vector<closed_block> entity_core::take_blocks() {
  const auto out = std::exchange(impl_->blocks_out, nullptr);
  return out ? std::move(*out) : std::vector<closed_block>{};
}

std::string entity_core::save() const { return impl_->save(); }

outcome<void> entity_core::restore(std::string_view bytes) {
  auto fresh = std::make_unique<impl>(impl_->id, impl_->rules);
  if (auto restored = fresh->restore(bytes); !restored) return restored;
  fresh->deciding = impl_->deciding;
  fresh->recorded = std::move(impl_->recorded);
  impl_ = std::move(fresh);
  return {};
}

entity_window entity_core::window(event_time as_of, window_detail detail) const {
  return impl_->window(as_of, detail);
}
entity_status entity_core::status() const { return impl_->status(); }
entity_outline entity_core::outline() const { return impl_->outline(); }
std::string_view entity_core::id() const noexcept { return impl_->id; }
std::uint64_t entity_core::observations() const noexcept { return impl_->observations; }
std::uint64_t entity_core::left_out() const noexcept { return impl_->left_out(); }
std::uint64_t entity_core::impl::left_out() const noexcept {
  return builder.ignored() + (histograms ? histograms->left_out() : 0);
}
std::uint32_t entity_core::idle_ticks() const noexcept { return impl_->idle_ticks(); }
tick_verdict entity_core::last_verdict() const noexcept {
  return {event_time_of(impl_->last_tick_ms), impl_->last_score, impl_->last_excess, impl_->soon()};
}

std::size_t entity_core::told_bytes() const noexcept {
  const auto& s = *impl_;
  return (s.told ? s.told->memory_bytes() : 0) + (s.logs ? s.logs->memory_bytes() : 0) +
         (s.spans ? s.spans->memory_bytes() : 0) +
         (s.histograms ? sizeof(histogram_quantiles) + s.histograms->memory_bytes() : 0);
}

void entity_core::prefetch_state() const noexcept { prefetch(impl_.get(), sizeof(impl)); }

void entity_core::prefetch_parts() const noexcept {
  const auto& s = *impl_;
  prefetch(s.blocks.data(), s.blocks.size() * sizeof(channel_block));
  s.builder.prefetch_next();
  s.ring.prefetch_next();
  prefetch(s.slots.data(), s.slots.size());
  prefetch(s.traits.data(), s.traits.size());
  if (s.model) prefetch(s.model.get(), sizeof(model_view));
}

std::size_t entity_core::memory_bytes() const noexcept {
  const auto& s = *impl_;
  std::size_t bytes = sizeof(entity_core) + sizeof(impl) + s.id.capacity() +
                      s.builder.memory_bytes() + s.blocks.capacity() * sizeof(channel_block) +
                      s.profile.memory_bytes() + s.ring.memory_bytes() + s.slots.capacity() +
                      s.traits.capacity() + s.limits.capacity() * sizeof(channel_limit) +
                      s.edges.capacity() * sizeof(known_edge) + (s.model ? sizeof(model_view) : 0) +
                      (s.open ? sizeof(alert) + 512 : 0) + told_bytes();
  if (s.blocks_out)
    for (const auto& b : *s.blocks_out) bytes += sizeof b + b.bytes.capacity();
  for (const auto& a : s.attributes) bytes += sizeof a + a.first.capacity() + a.second.capacity();
  return bytes;
}

}  // namespace faultline
