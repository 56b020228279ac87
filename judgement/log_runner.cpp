// SPDX-License-Identifier: Apache-2.0
#include "judgement/log_runner.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "judgement/lone_correlator.hpp"
#include "judgement/tick_feed.hpp"
#include "processing/partition_time.hpp"

namespace faultline {
namespace {

/// Event time between clock decisions, as in actors/correlator.cpp.
constexpr milliseconds clock_step{10'000};

struct partition_side;

/// One entity, of one partition.
struct log_resident : fed_core {
  log_resident(std::string_view id, partition_side& of,
               std::shared_ptr<const judgement_rules> rules)
      : fed_core{id, std::move(rules)}, side{&of} {}
  partition_side* side;
  event_time clock{};
  bool event_since_clock = false;
};

struct partition_side {
  std::shared_ptr<const judgement_rules> rules;
  forecaster* model = nullptr;
  partition_time clock;
  bool degraded = false;
  std::map<std::string, std::unique_ptr<log_resident>, std::less<>> residents;
};

}  // namespace

struct log_runner::impl {
  impl(options o, const log_runner& of)
      : model_of{std::move(o.model)},
        correlator{correlator_core{o.correlation},
                   o.root_cause,
                   std::move(o.runbooks),
                   o.ranker,
                   {},
                   [this](std::string_view id, event_time as_of) { return window_of(id, as_of); },
                   [&of](const feed_event& event) {
                     if (of.on_feed) of.on_feed(event);
                   }} {}

  void take_event(const event_view& event, const record_address& where);
  void take_clock(const clock_record& clock, const record_address& where);
  void take_control(const control_record& control, partition_id partition);
  void follow_clock(log_resident& r, const partition_time& clock, const record_address& where);
  void enqueue(log_resident& r);
  void flush();
  void finish(log_resident& r, const forecast_result* result);
  void decide_all();
  entity_window window_of(std::string_view id, event_time as_of) const;

  std::function<forecaster*(const std::string& sha256)> model_of;
  lone_correlator correlator;
  std::map<partition_id, partition_side> sides;
  std::map<std::string, log_resident*, std::less<>> by_id;
  tick_feed<log_resident> feed;
  std::vector<entity_decision> decided;
  event_time clock_told{};
};

void log_runner::impl::take_event(const event_view& event, const record_address& where) {
  auto& side = sides[where.partition];
  auto at = side.residents.find(event.entity);
  if (at == side.residents.end()) {
    auto fresh = std::make_unique<log_resident>(event.entity, side, side.rules);
    at = side.residents.emplace(std::string{event.entity}, std::move(fresh)).first;
    by_id[at->first] = at->second.get();
  }
  auto& r = *at->second;
  if (r.queued) flush();
  r.event_since_clock = true;
  follow_clock(r, side.clock, where);
  r.core.set_degraded(side.degraded);
  r.core.observe(event, where, decided);
  decide_all();
  enqueue(r);
}

void log_runner::impl::take_clock(const clock_record& clock, const record_address& where) {
  auto& side = sides[where.partition];
  side.clock.follow(clock, side.degraded, side.rules->processing);
  flush();
  for (auto& [id, r] : side.residents) {
    if (!r->event_since_clock) {
      follow_clock(*r, side.clock, where);
      decide_all();
      enqueue(*r);
    }
    r->event_since_clock = false;
  }
  flush();
  if (clock.event < clock_told + clock_step || !correlator.core.wants_clock(clock.event)) return;
  clock_told = clock.event;
  decision d;
  d.kind = decision_kind::clock;
  d.clock = clock.event;
  correlator.decide(std::move(d));
}

void log_runner::impl::follow_clock(log_resident& r, const partition_time& clock,
                                    const record_address& where) {
  if (clock.event <= r.clock) return;
  r.clock = clock.event;
  r.core.set_degraded(clock.degraded);
  r.core.advance(clock, where, decided);
}

void log_runner::impl::take_control(const control_record& control, partition_id partition) {
  if (control.name != "retire") return;
  flush();
  by_id.erase(std::string{control.payload});
  auto& residents = sides[partition].residents;
  if (const auto at = residents.find(control.payload); at != residents.end()) residents.erase(at);
  decision d;
  d.kind = decision_kind::command;
  d.command.name = "retire";
  d.command.subject = control.payload;
  correlator.decide(std::move(d));
}

void log_runner::impl::enqueue(log_resident& r) {
  feed.add(
      r, [](const log_resident& of) { return of.side->model; },
      [this](log_resident& of, const forecast_result* result) { finish(of, result); });
}

void log_runner::impl::flush() {
  feed.flush([](const log_resident& of) { return of.side->model; },
             [this](log_resident& of, const forecast_result* result) { finish(of, result); });
}

void log_runner::impl::finish(log_resident& r, const forecast_result* result) {
  r.finish_tick(result, decided);
  decide_all();
}

void log_runner::impl::decide_all() {
  const auto now = std::exchange(decided, {});
  for (const auto& d : now) correlator.decide(d.what);
}

entity_window log_runner::impl::window_of(std::string_view id, event_time as_of) const {
  const auto found = by_id.find(id);
  return found == by_id.end() ? entity_window{} : found->second->window(as_of);
}

log_runner::log_runner(options o) : impl_{std::make_unique<impl>(std::move(o), *this)} {}
log_runner::~log_runner() = default;

void log_runner::set_rules(partition_id partition, std::shared_ptr<const judgement_rules> rules) {
  impl_->flush();
  auto& side = impl_->sides[partition];
  for (auto& [id, r] : side.residents) {  // what the clock has closed is judged by the rules before
    impl_->follow_clock(*r, side.clock, {});
    impl_->decide_all();
    impl_->enqueue(*r);
  }
  impl_->flush();
  side.rules = std::move(rules);
  side.model = impl_->model_of ? impl_->model_of(side.rules->model.sha256) : nullptr;
  for (auto& [id, r] : side.residents) r->core.set_rules(side.rules);
}

void log_runner::set_correlation(const rules_record& rules) {
  impl_->correlator.root_cause = rules.root_cause;
  impl_->correlator.roles = rules.rules.roles;
  decision d;
  d.kind = decision_kind::command;
  d.command.name = "configuration";
  d.command.payload = encode_rules(rules);
  impl_->correlator.decide(std::move(d));
}

void log_runner::take(const record_view& record, const record_address& where) {
  switch (record.kind) {
    case record_kind::event:
      impl_->take_event(record.event, where);
      break;
    case record_kind::clock:
      impl_->take_clock(record.clock, where);
      break;
    case record_kind::degrade:
      impl_->sides[where.partition].degraded = record.degrade.on;
      break;
    case record_kind::control:
      impl_->take_control(record.control, where.partition);
      break;
  }
}

void log_runner::finish() { impl_->flush(); }

std::size_t log_runner::entities() const { return impl_->by_id.size(); }

}  // namespace faultline
