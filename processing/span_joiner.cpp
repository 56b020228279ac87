// SPDX-License-Identifier: Apache-2.0
#include "processing/span_joiner.hpp"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "messages/identity.hpp"
#include "processing/internal/hash_joined.hpp"

namespace faultline {
namespace {

constexpr std::size_t first_buckets = 512;
constexpr std::int64_t stamp_ms = 2'000;
constexpr std::uint32_t stamps = 256;  // eight minutes: see follow()
constexpr std::uint32_t memory_stamps = span_joiner::memory_ms / stamp_ms + 1;
constexpr std::int64_t sweep_every_ms = 100;
constexpr std::int64_t round_ms = 6'000;  // in which the hands come to every bucket
constexpr std::uint32_t most_names = 1U << 24;
constexpr std::size_t node_bytes = 96;  // of a sketch of those that wait, besides its counts
constexpr std::size_t sparse = 10;      // one in so many places: a full bucket is an accident

/// Of an id in hex: senders write its letters small or large, and mean the same.
std::uint64_t hash_of_id(std::string_view id, std::uint64_t seed) {
  const auto is_capital = [](char c) { return c >= 'A' && c <= 'F'; };
  if (std::none_of(id.begin(), id.end(), is_capital)) return stable_hash(id, seed);
  std::string small{id};
  for (char& c : small)
    if (is_capital(c)) c = static_cast<char>(c - 'A' + 'a');
  return stable_hash(small, seed);
}

std::uint64_t key_of(std::string_view trace, std::string_view span) {
  const auto key = hash_of_id(span, hash_of_id(trace, 0));
  return key == 0 ? 1 : key;
}

std::uint32_t step_of(event_time ts) {
  const std::int64_t ms = unix_ms(ts);
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(ms / span_joiner::step_ms, 0, 0x7fffffff));
}

std::uint32_t stamp_of(std::int64_t ms) noexcept {
  return static_cast<std::uint32_t>(ms / stamp_ms) % stamps;
}

}  // namespace

void fill_event(const joined_calls& calls, arrival_time now, event_view& out) {
  out.clear();
  out.type = event_type::calls;
  out.entity = calls.caller;
  out.has_ts = true;
  out.ts = calls.step;
  out.arrived = now;
  out.peer = calls.callee;
  out.calls = calls.calls;
  out.failed = calls.failed;
  out.duration_us = calls.duration_us;
  out.body = calls.durations;
}

std::uint32_t span_joiner::use_name(std::string_view entity) {
  const auto hash = stable_hash(entity);
  const auto found = name_of_.find(hash);
  if (found != name_of_.end()) {
    ++names_[found->second].uses;
    return found->second;
  }
  std::uint32_t at = 0;
  if (!free_names_.empty()) {
    at = free_names_.back();
    free_names_.pop_back();
  } else if (names_.size() < most_names) {
    at = static_cast<std::uint32_t>(names_.size());
    names_.emplace_back();
  } else {
    return most_names;
  }
  names_[at].text = entity, names_[at].hash = hash, names_[at].uses = 1;
  name_of_.emplace(hash, at);
  return at;
}

void span_joiner::drop_name(std::uint32_t entity) noexcept {
  known_name& n = names_[entity];
  if (--n.uses != 0) return;
  name_of_.erase(n.hash);
  free_names_.push_back(entity);
}

std::uint32_t span_joiner::age_of(const mark& m) const noexcept {
  return (stamp_of(now_ms_) + stamps - m.came) % stamps;
}

// While there is memory nothing leaves early, but where one bucket alone is full.
template <class Value>
typename span_table<Value>::place span_joiner::room_for(span_table<Value>& table, std::uint64_t key,
                                                        std::size_t used) {
  const auto age = [&](const Value& v) { return age_of(v.who); };
  if (table.buckets() == 0) table.grow(first_buckets);
  auto at = table.place_for(key, age);
  while (*at.key != 0 && *at.key != key && age(*at.value) < memory_stamps &&
         sparse * used > table.places() && memory_bytes() + table.bytes() <= most_bytes_) {
    const auto before = table.buckets();
    table.grow(first_buckets);
    if (table.buckets() == before) break;
    at = table.place_for(key, age);
  }
  if (*at.key != 0) {
    if (age(*at.value) < memory_stamps) counts_.left_early += spans_of(*at.value);
    forget(at);
  }
  return at;
}

void span_joiner::forget(span_table<outer_span>::place p) noexcept {
  drop_name(p.value->who.entity);
  --remembered_;
  *p.key = 0;
}

void span_joiner::forget(span_table<inner_spans>::place p) noexcept {
  counts_.orphans += p.value->calls;
  waits_ -= p.value->calls;
  end_wait(*p.key, *p.value, nullptr);
  drop_name(p.value->who.entity);
  *p.key = 0;
}

// The hands pass every bucket in six seconds: nothing gets much older than it is to be remembered.
void span_joiner::follow(std::int64_t now_ms) {
  if (now_ms_ == 0) now_ms_ = swept_ms_ = now_ms;
  now_ms_ = std::max(now_ms_, now_ms);
  const auto passed = now_ms_ - swept_ms_;
  if (passed < sweep_every_ms) return;
  swept_ms_ = now_ms_;
  const double share = static_cast<double>(passed) / static_cast<double>(round_ms);
  const bool all_old = passed >= 4 * memory_ms;  // stamps may have come round
  if (all_old) outer_hand_ = inner_hand_ = 0;
  forget_all_ = all_old;
  sweep(outer_, outer_hand_, share);
  sweep(inner_, inner_hand_, share);
  forget_all_ = false;
}

template <class Value>
void span_joiner::sweep(span_table<Value>& table, std::size_t& hand, double share) {
  const auto buckets = table.buckets();
  if (buckets == 0) return;
  const auto due = share * static_cast<double>(buckets) + 1;
  const auto count = due >= static_cast<double>(buckets) ? buckets : static_cast<std::size_t>(due);
  for (std::size_t n = 0; n < count; ++n) {
    hand = hand + 1 >= buckets ? 0 : hand + 1;
    table.visit_bucket(hand, [&](auto place) {
      if (forget_all_ || age_of(place.value->who) >= memory_stamps) forget(place);
    });
  }
}

void span_joiner::note(const event_view& span, std::int64_t now_ms) {
  if (span.type != event_type::span) return;
  follow(now_ms);
  const auto key = key_of(span.trace, span.span);
  if (outer_.find(key) != nullptr) return;
  remember(key, span);
  find_inner(key, span);
  if (span.parent.empty()) return;
  const auto outer = key_of(span.trace, span.parent);
  const auto* found = outer_.find(outer);
  if (found == nullptr) return wait(outer, span);
  ++counts_.joined;
  inner_spans one{};
  one.calls = 1, one.failed = span.status == span_status::error ? 1 : 0;
  one.duration_us = static_cast<float>(span.duration_us);
  add(names_[found->who.entity].text, *found, span.entity, one, {});
}

void span_joiner::remember(std::uint64_t key, const event_view& span) {
  const auto entity = use_name(span.entity);
  if (entity == most_names) return;
  const auto at = room_for(outer_, key, remembered_);
  *at.key = key;
  *at.value = {{entity, stamp_of(now_ms_)}, span.peer.empty() ? 0U : 1U, step_of(span.ts)};
  ++remembered_;
}

void span_joiner::wait(std::uint64_t outer, const event_view& span) {
  const auto entity = use_name(span.entity);
  if (entity == most_names) return;
  inner_spans* known = nullptr;
  inner_.visit(outer, [&](auto place) {
    if (place.value->who.entity == entity &&
        place.value->calls < std::numeric_limits<std::uint16_t>::max())
      known = place.value;
  });
  if (known != nullptr) {
    drop_name(entity);
  } else {
    const auto at = room_for(inner_, outer, waits_);
    *at.key = outer;
    *at.value = {{entity, stamp_of(now_ms_)}, 0, 0, 0};
    known = at.value;
  }
  known->who.came = stamp_of(now_ms_) & 0xffU;
  if (known->calls != 0) note_wait(outer, *known, static_cast<double>(span.duration_us));
  ++known->calls;
  known->failed = static_cast<std::uint16_t>(known->failed + (span.status == span_status::error));
  known->duration_us += static_cast<float>(span.duration_us);
  ++waits_;
}

// What came before the span that it lies in.
void span_joiner::find_inner(std::uint64_t key, const event_view& outer) {
  const outer_span self{{0, 0}, outer.peer.empty() ? 0U : 1U, step_of(outer.ts)};
  inner_.visit(key, [&](auto place) {
    const inner_spans inner = *place.value;
    latency_sketch took;
    end_wait(key, inner, &took);
    add(outer.entity, self, names_[inner.who.entity].text, inner, took);
    counts_.joined += inner.calls;
    waits_ -= inner.calls;
    drop_name(inner.who.entity);
    *place.key = 0;
  });
}

// The duration of a single one stands in its place; from the second on they are in a sketch.
void span_joiner::note_wait(std::uint64_t outer, const inner_spans& waits, double us) {
  const auto key = hash_joined(outer, waits.who.entity);
  auto at = waits_took_.find(key);
  if (wait_bytes_ >= most_bytes_ / 8 || memory_bytes() + node_bytes > most_bytes_) return;
  if (at == waits_took_.end()) {
    at = waits_took_.try_emplace(key).first;
    wait_bytes_ += node_bytes;
  }
  const auto before = at->second.memory_bytes();
  if (waits.calls == 1) at->second.add(static_cast<double>(waits.duration_us));
  at->second.add(us);
  wait_bytes_ += at->second.memory_bytes() - before;
}

void span_joiner::end_wait(std::uint64_t outer, const inner_spans& waits,
                           latency_sketch* took) noexcept {
  if (waits.calls < 2) return;
  const auto at = waits_took_.find(hash_joined(outer, waits.who.entity));
  if (at == waits_took_.end()) return;
  wait_bytes_ -= node_bytes + at->second.memory_bytes();
  if (took != nullptr) *took = std::move(at->second);
  waits_took_.erase(at);
}

void span_joiner::add(std::string_view caller, const outer_span& outer, std::string_view callee,
                      const inner_spans& inner, const latency_sketch& took) {
  if (outer.told_peer != 0) callee = caller;
  const auto key = stable_hash(callee, stable_hash(caller, outer.step));
  auto at = sums_.find(key);
  if (at == sums_.end()) {
    if (sums_.size() >= most_sums) {
      counts_.dropped += inner.calls;
      return;
    }
    at = sums_.try_emplace(key).first;
    at->second.told.caller = caller, at->second.told.callee = callee;
    at->second.told.step = event_time_of(static_cast<std::int64_t>(outer.step) * step_ms);
  }
  auto& sum = at->second.told;
  sum.calls += inner.calls;
  sum.failed += inner.failed;
  sum.duration_us += static_cast<std::uint64_t>(std::min(inner.duration_us, 1.8e19F));
  if (sketch_bytes_ >= most_sketch_bytes || callee == caller) return;
  auto& durations = at->second.took;
  const auto before = durations.memory_bytes();
  if (inner.calls == 1) durations.add(static_cast<double>(inner.duration_us));
  durations.merge(took);
  sketch_bytes_ += durations.memory_bytes() - before;
}

std::vector<joined_calls> span_joiner::drain() {
  std::vector<joined_calls> all;
  all.reserve(sums_.size());
  for (auto& [key, sum] : sums_) {
    byte_writer durations{sum.told.durations};
    if (sum.took.count() != 0) sum.took.save(durations);
    all.push_back(std::move(sum.told));
  }
  sums_.clear();
  sketch_bytes_ = 0;
  std::sort(all.begin(), all.end(), [](const joined_calls& a, const joined_calls& b) {
    return std::tie(a.caller, a.callee, a.step) < std::tie(b.caller, b.callee, b.step);
  });
  return all;
}

}  // namespace faultline
