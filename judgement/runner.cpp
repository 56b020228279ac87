// SPDX-License-Identifier: Apache-2.0
#include "judgement/runner.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "judgement/lone_correlator.hpp"
#include "judgement/tick_feed.hpp"
#include "messages/identity.hpp"
#include "processing/span_joiner.hpp"

namespace faultline {
namespace {

constexpr std::int64_t calls_told_ms = 5'000;  // as at the doors

}  // namespace

struct runner::impl {
  impl(runner_options o, forecaster* m, cause_ranker* r, const runner& of)
      : rules{std::move(o.rules)},
        model{m},
        correlator{correlator_core{o.correlation},
                   o.root_cause,
                   std::move(o.runbooks),
                   r,
                   rules->roles,
                   [this](std::string_view id, event_time as_of) { return window_of(id, as_of); },
                   [&of](const feed_event& event) {
                     if (of.on_feed) of.on_feed(event);
                   }},
        on_score{of.on_score} {}

  fed_core& resident_of(std::string_view id);
  void take(const event_view& event);
  void observe(const event_view& event);
  void tell_calls(std::int64_t now);
  void pass_clock(std::int64_t now);
  void finish_by(std::int64_t until);
  void advance(fed_core& r, std::int64_t now);
  void tell_clock();
  void enqueue(fed_core& r);
  void flush();
  void finish(fed_core& r, const forecast_result* result);
  void decide_all();
  entity_window window_of(std::string_view id, event_time as_of) const;

  std::shared_ptr<const judgement_rules> rules;
  forecaster* model;
  lone_correlator correlator;
  span_joiner joiner;
  std::int64_t calls_told = 0;
  std::deque<fed_core> residents;  ///< in order of appearance; never moved
  std::map<std::string, fed_core*, std::less<>> by_id;
  tick_feed<fed_core> feed;
  std::vector<entity_decision> decided;
  std::int64_t newest_ms = 0;
  std::int64_t clock_ms = 0;
  partition_time time;
  log_position position = 0;
  bool alerting = true;
  const std::function<void(const tick_score&)>& on_score;
};

fed_core& runner::impl::resident_of(std::string_view id) {
  if (const auto found = by_id.find(id); found != by_id.end()) return *found->second;
  auto& r = residents.emplace_back(id, rules);
  r.core.set_deciding(alerting);
  by_id.emplace(std::string{id}, &r);
  if (clock_ms != 0) advance(r, clock_ms);
  return r;
}

void runner::impl::take(const event_view& event) {
  const std::int64_t ts = unix_ms(event.ts);
  const std::int64_t tick = std::max<std::int64_t>(rules->processing.tick.count(), 1);
  if (newest_ms != 0 && ts / tick > newest_ms / tick) pass_clock(newest_ms);
  newest_ms = std::max(newest_ms, ts);
  if (newest_ms - calls_told >= calls_told_ms || joiner.is_crowded()) tell_calls(newest_ms);
  observe(event);
  joiner.note(event);
}

void runner::impl::observe(const event_view& event) {
  auto& r = resident_of(event.entity);
  if (r.queued) flush();
  r.core.observe(event, {0, ++position, 0}, decided);
  decide_all();
  enqueue(r);
}

void runner::impl::tell_calls(std::int64_t now) {
  calls_told = now;
  if (!joiner.has_calls()) return;
  event_view told;
  for (const auto& calls : joiner.drain()) {
    fill_event(calls, arrival_time_of(now), told);
    observe(told);
  }
}

void runner::impl::enqueue(fed_core& r) {
  feed.add(
      r, [this](const fed_core&) { return model; },
      [this](fed_core& of, const forecast_result* result) { finish(of, result); });
}

void runner::impl::flush() {
  feed.flush([this](const fed_core&) { return model; },
             [this](fed_core& of, const forecast_result* result) { finish(of, result); });
}

void runner::impl::finish(fed_core& r, const forecast_result* result) {
  r.finish_tick(result, decided);
  if (on_score) {
    const auto verdict = r.core.last_verdict();
    on_score({r.core.id(), verdict.tick, verdict.score, verdict.soon});
  }
  decide_all();
}

// Time follows the newest event alone: when nobody sends, nobody is silent.
void runner::impl::pass_clock(std::int64_t now) {
  flush();
  clock_ms = std::max(clock_ms, now);
  time.follow({event_time_of(clock_ms), arrival_time_of(clock_ms)}, false, rules->processing);
  for (auto& r : residents) advance(r, clock_ms);
  flush();
  tell_clock();
}

void runner::impl::advance(fed_core& r, std::int64_t now) {
  partition_time clock = time;
  clock.event = event_time_of(now);
  clock.arrived = arrival_time_of(now);
  r.core.advance(clock, {0, ++position, 0}, decided);
  decide_all();
  enqueue(r);
}

// The end of the events is no silence: each entity is moved on as far as its open ticks need.
void runner::impl::finish_by(std::int64_t until) {
  tell_calls(newest_ms);
  pass_clock(std::min(newest_ms, until));
  for (auto& r : residents) {
    const std::int64_t enough = newest_ms + 4 * r.core.window(event_time{}).tick_ms;
    advance(r, std::min(until, enough));
  }
  flush();
  newest_ms = std::max(newest_ms, until);
  clock_ms = std::max(clock_ms, until);
  tell_clock();
}

void runner::impl::tell_clock() {
  if (correlator.core.wants_clock()) {
    decision d;
    d.kind = decision_kind::clock;
    d.clock = event_time_of(clock_ms);
    correlator.decide(std::move(d));
  }
}

void runner::impl::decide_all() {
  if (decided.empty()) return;
  const auto now = std::exchange(decided, {});
  for (const auto& d : now) {
    if (alerting || d.what.kind != decision_kind::alert) correlator.decide(d.what);
  }
}

entity_window runner::impl::window_of(std::string_view id, event_time as_of) const {
  const auto found = by_id.find(id);
  return found == by_id.end() ? entity_window{} : found->second->window(as_of);
}

runner::runner(runner_options options, forecaster* model, cause_ranker* ranker)
    : impl_{std::make_unique<impl>(std::move(options), model, ranker, *this)} {}
runner::~runner() = default;

void runner::take(const event_view& event) { impl_->take(event); }

void runner::advance_to(event_time until) { impl_->finish_by(unix_ms(until)); }

void runner::set_alerting(bool on) {
  impl_->flush();
  impl_->alerting = on;
  for (auto& r : impl_->residents) r.core.set_deciding(on);
}

void runner::set_rules(std::shared_ptr<const judgement_rules> rules) {
  impl_->flush();
  impl_->rules = std::move(rules);
  impl_->correlator.roles = impl_->rules->roles;
  for (auto& r : impl_->residents) r.core.set_rules(impl_->rules);
}

const correlator_core& runner::correlator() const noexcept { return impl_->correlator.core; }

entity_window runner::window_of(std::string_view entity, event_time as_of) const {
  return impl_->window_of(entity, as_of);
}

}  // namespace faultline
