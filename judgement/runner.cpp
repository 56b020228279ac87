// SPDX-License-Identifier: Apache-2.0
#include "judgement/runner.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "judgement/cause_question.hpp"
#include "judgement/tick_feed.hpp"
#include "messages/identity.hpp"
#include "processing/span_joiner.hpp"

namespace faultline {
namespace {

constexpr std::size_t window_ticks = 512;
constexpr std::size_t blocks_kept = 8;
constexpr std::int64_t calls_told_ms = 5'000;  // as at the doors

/// One entity and what stands for its mailbox, its lane slot and its disk.
struct resident : fed_core {
  resident(std::string_view id, const std::shared_ptr<const judgement_rules>& rules)
      : fed_core{id, rules} {}
  std::vector<closed_block> blocks;
};

}  // namespace

struct runner::impl {
  impl(runner_options o, forecaster* m, cause_ranker* r)
      : options{std::move(o)}, model{m}, ranker{r}, correlator{options.correlation} {}

  resident& resident_of(std::string_view id);
  void take(const event_view& event);
  void observe(const event_view& event);
  void tell_calls(std::int64_t now);
  void pass_clock(std::int64_t now);
  void finish_by(std::int64_t until);
  void advance(resident& r, std::int64_t now);
  void tell_clock();
  void enqueue(resident& r);
  void flush();
  void finish(resident& r, const forecast_result* result);
  void decide(decision d);
  void decide_all(std::vector<entity_decision>& decided);
  void explain(const rca_request& request);
  entity_window window_of(std::string_view id, event_time as_of) const;

  runner_options options;
  forecaster* model;
  cause_ranker* ranker;
  correlator_core correlator;
  span_joiner joiner;
  std::int64_t calls_told = 0;
  std::deque<resident> residents;  ///< in order of appearance; never moved
  std::map<std::string, resident*, std::less<>> by_id;
  tick_feed<resident> feed;
  std::vector<entity_decision> decided;
  std::int64_t newest_ms = 0;
  std::int64_t clock_ms = 0;
  partition_time time;
  log_position position = 0;
  std::uint64_t seq = 0;
  bool alerting = true;
  std::function<void(const feed_event&)>* on_feed = nullptr;
  std::function<void(const tick_score&)>* on_score = nullptr;
};

resident& runner::impl::resident_of(std::string_view id) {
  if (const auto found = by_id.find(id); found != by_id.end()) return *found->second;
  auto& r = residents.emplace_back(id, options.rules);
  r.core.set_deciding(alerting);
  by_id.emplace(std::string{id}, &r);
  if (clock_ms != 0) advance(r, clock_ms);
  return r;
}

void runner::impl::take(const event_view& event) {
  const std::int64_t ts = unix_ms(event.ts);
  const std::int64_t tick = std::max<std::int64_t>(options.rules->processing.tick.count(), 1);
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
  decide_all(decided);
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

void runner::impl::enqueue(resident& r) {
  feed.add(
      r, [this](const resident&) { return model; },
      [this](resident& of, const forecast_result* result) { finish(of, result); });
}

void runner::impl::flush() {
  feed.flush([this](const resident&) { return model; },
             [this](resident& of, const forecast_result* result) { finish(of, result); });
}

void runner::impl::finish(resident& r, const forecast_result* result) {
  r.core.finish_tick(result, decided);
  for (auto& block : r.core.take_blocks()) {
    r.blocks.push_back(std::move(block));
    if (r.blocks.size() > blocks_kept) r.blocks.erase(r.blocks.begin());
  }
  if (on_score != nullptr && *on_score) {
    const auto verdict = r.core.last_verdict();
    (*on_score)({r.core.id(), verdict.tick, verdict.score});
  }
  decide_all(decided);
}

// Time follows the newest event alone: when nobody sends, nobody is silent.
void runner::impl::pass_clock(std::int64_t now) {
  flush();
  clock_ms = std::max(clock_ms, now);
  time.follow({event_time_of(clock_ms), arrival_time_of(clock_ms)}, false,
              options.rules->processing);
  for (auto& r : residents) advance(r, clock_ms);
  flush();
  tell_clock();
}

void runner::impl::advance(resident& r, std::int64_t now) {
  partition_time clock = time;
  clock.event = event_time_of(now);
  clock.arrived = arrival_time_of(now);
  r.core.advance(clock, {0, ++position, 0}, decided);
  decide_all(decided);
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
  if (correlator.wants_clock()) {
    decision d;
    d.kind = decision_kind::clock;
    d.clock = event_time_of(clock_ms);
    decide(std::move(d));
  }
}

void runner::impl::decide_all(std::vector<entity_decision>& from) {
  if (from.empty()) return;
  const auto now = std::exchange(from, {});
  for (const auto& d : now) {
    if (alerting || d.what.kind != decision_kind::alert) decide(d.what);
  }
}

void runner::impl::decide(decision d) {
  d.seq = ++seq;
  const auto said = correlator.apply(d);
  for (const auto& event : said.feed) {
    if (on_feed != nullptr && *on_feed) (*on_feed)(event);
  }
  for (const auto& request : said.requests) explain(request);
}

void runner::impl::explain(const rca_request& request) {
  auto q = question_of(request, options.rules->roles);
  for (auto& node : q.nodes) node.window = window_of(node.entity, request.as_of);
  decision d;
  d.kind = decision_kind::root_cause;
  d.root_cause = find_root_cause(q, options.root_cause, options.runbooks, ranker);
  decide(std::move(d));
}

entity_window runner::impl::window_of(std::string_view id, event_time as_of) const {
  const auto found = by_id.find(id);
  if (found == by_id.end()) return {};
  const auto& r = *found->second;
  auto tail = r.core.window(as_of, window_detail::values);
  auto joined = join_window(r.blocks, tail, window_ticks, as_of, window_detail::values);
  return joined ? std::move(*joined) : tail;
}

runner::runner(runner_options options, forecaster* model, cause_ranker* ranker)
    : impl_{std::make_unique<impl>(std::move(options), model, ranker)} {
  impl_->on_feed = &on_feed;
  impl_->on_score = &on_score;
}
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
  impl_->options.rules = std::move(rules);
  for (auto& r : impl_->residents) r.core.set_rules(impl_->options.rules);
}

const correlator_core& runner::correlator() const noexcept { return impl_->correlator; }

entity_window runner::window_of(std::string_view entity, event_time as_of) const {
  return impl_->window_of(entity, as_of);
}

}  // namespace faultline
