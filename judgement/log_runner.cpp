// SPDX-License-Identifier: Apache-2.0
#include "judgement/log_runner.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "judgement/cause_question.hpp"
#include "judgement/tick_feed.hpp"
#include "processing/partition_time.hpp"

namespace faultline {
namespace {

constexpr std::size_t window_ticks = 512;
constexpr std::size_t blocks_kept = 8;
/// Event time between clock decisions, as in actors/correlator.cpp.
constexpr milliseconds clock_step{10'000};

struct partition_side;

/// One entity and what stands for its mailbox, its lane slot and its disk.
struct log_resident : fed_core {
  log_resident(std::string_view id, partition_side& of,
               std::shared_ptr<const judgement_rules> rules)
      : fed_core{id, std::move(rules)}, side{&of} {}
  partition_side* side;
  event_time clock{};
  bool event_since_clock = false;
  std::vector<closed_block> blocks;
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
  explicit impl(options o) : settings{std::move(o)}, correlator{settings.correlation} {}

  void take_event(const event_view& event, const record_address& where);
  void take_clock(const clock_record& clock, const record_address& where);
  void take_control(const control_record& control, partition_id partition);
  void follow_clock(log_resident& r, const partition_time& clock, const record_address& where);
  void enqueue(log_resident& r);
  void flush();
  void finish(log_resident& r, const forecast_result* result);
  void decide(decision d);
  void decide_all();
  void explain(const rca_request& request);
  entity_window window_of(std::string_view id, event_time as_of);

  options settings;
  correlator_core correlator;
  role_table roles;
  std::map<partition_id, partition_side> sides;
  std::map<std::string, log_resident*, std::less<>> by_id;
  tick_feed<log_resident> feed;
  std::vector<entity_decision> decided;
  std::uint64_t seq = 0;
  event_time clock_told{};
  std::function<void(const feed_event&)>* on_feed = nullptr;
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
  if (clock.event < clock_told + clock_step || !correlator.wants_clock(clock.event)) return;
  clock_told = clock.event;
  decision d;
  d.kind = decision_kind::clock;
  d.clock = clock.event;
  decide(std::move(d));
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
  decide(std::move(d));
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
  r.core.finish_tick(result, decided);
  for (auto& block : r.core.take_blocks()) {
    r.blocks.push_back(std::move(block));
    if (r.blocks.size() > blocks_kept) r.blocks.erase(r.blocks.begin());
  }
  decide_all();
}

void log_runner::impl::decide_all() {
  const auto now = std::exchange(decided, {});
  for (const auto& d : now) decide(d.what);
}

void log_runner::impl::decide(decision d) {
  d.seq = ++seq;
  const auto said = correlator.apply(d);
  for (const auto& event : said.feed)
    if (on_feed != nullptr && *on_feed) (*on_feed)(event);
  for (const auto& request : said.requests) explain(request);
}

void log_runner::impl::explain(const rca_request& request) {
  auto q = question_of(request, roles);
  for (auto& node : q.nodes) node.window = window_of(node.entity, request.as_of);
  decision d;
  d.kind = decision_kind::root_cause;
  d.root_cause = find_root_cause(q, settings.root_cause, settings.runbooks, settings.ranker);
  decide(std::move(d));
}

entity_window log_runner::impl::window_of(std::string_view id, event_time as_of) {
  const auto found = by_id.find(id);
  if (found == by_id.end()) return {};
  const auto& r = *found->second;
  auto tail = r.core.window(as_of, window_detail::values);
  auto joined = join_window(r.blocks, tail, window_ticks, as_of, window_detail::values);
  return joined ? std::move(*joined) : tail;
}

log_runner::log_runner(options o) : impl_{std::make_unique<impl>(std::move(o))} {
  impl_->on_feed = &on_feed;
}
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
  side.model = impl_->settings.model ? impl_->settings.model(side.rules->model.sha256) : nullptr;
  for (auto& [id, r] : side.residents) r->core.set_rules(side.rules);
}

void log_runner::set_correlation(const rules_record& rules) {
  impl_->settings.root_cause = rules.root_cause;
  impl_->roles = rules.rules.roles;
  decision d;
  d.kind = decision_kind::command;
  d.command.name = "configuration";
  d.command.payload = encode_rules(rules);
  impl_->decide(std::move(d));
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
