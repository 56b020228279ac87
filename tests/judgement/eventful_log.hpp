// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "judgement/entity_core.hpp"
#include "tests/judgement/entity_fixture.hpp"

namespace faultline {

/// What reaches an entity: an event, with the partition's clock as of it, or the clock alone.
struct message {
  partition_time clock;
  bool degraded = false;
  event_view event;
  bool is_event = false;
  record_address where;
};

/// The entity actor's order of things (actors/entity.cpp), with a lane that answers when it
/// pleases.
class lagging_entity {
public:
  explicit lagging_entity(std::shared_ptr<const judgement_rules> rules)
      : core{"service/cart", rules} {}

  void take(const message& m) {
    if (held_.empty() && !must_wait(m))
      apply(m);
    else
      held_.push_back(&m);
    begin();
  }
  void result() {
    if (!core.in_flight()) return;
    core.finish_tick(degraded_ ? nullptr : &answer_, decisions);
    begin();
    while (!held_.empty() && !must_wait(*held_.front())) {
      apply(*held_.front());
      held_.pop_front();
      begin();
    }
  }
  bool busy() const { return core.in_flight() || !held_.empty(); }

  entity_core core;
  std::vector<entity_decision> decisions;

private:
  bool must_wait(const message& m) const {
    return (core.in_flight() || core.row_waiting()) && core.may_fall_silent(m.clock);
  }
  void apply(const message& m) {
    if (m.clock.event != event_time{}) {
      core.set_degraded(m.clock.degraded);
      core.advance(m.clock, m.where, decisions);
    }
    core.set_degraded(m.degraded);
    if (m.is_event) core.observe(m.event, m.where, decisions);
  }
  void begin() {
    while (core.row_waiting()) {
      degraded_ = core.row_degraded();
      core.begin_tick(row_);
      answer_ = {};
      for (auto& horizon : answer_.mu)
        std::copy_n(row_.input.begin(), forecast_shape::slots, horizon.begin());
      if (!degraded_) return;
      core.finish_tick(nullptr, decisions);
    }
  }

  forecast_row row_;
  forecast_result answer_;
  bool degraded_ = false;
  std::deque<const message*> held_;
};

/// A log with everything in it that may depend on when a row comes back: single values, metrics
/// that appear, attributes that change, a changing pace, gaps, late events, degraded times,
/// silences. @p names keeps its texts.
inline std::deque<message> eventful_log(std::uint64_t seed, std::deque<std::string>& names,
                                        bool past) {
  noise n{seed};
  processing_options options;
  options.accept_past = past;
  for (int i = 0; i < 12; ++i) names.push_back("metric_" + std::to_string(i) + "_percent");
  std::deque<message> log;
  partition_time clock;
  bool degraded = false, since_clock = false;
  constexpr std::int64_t tick = 10'000;
  std::int64_t now = test_start, pace = tick, next_clock = test_start;
  log_position position = 0;
  for (int i = 0; i < 3000; ++i) {
    if (n.uniform() < 0.005) pace = n.uniform() < 0.5 ? tick : 4 * tick;
    if (n.uniform() < 0.01) degraded = !degraded;
    now += pace + static_cast<std::int64_t>(n.normal() * 700);
    if (n.uniform() < 0.004) now += static_cast<std::int64_t>(n.uniform() * 300 * tick);
    while (next_clock <= now) {
      clock.follow({event_time_of(next_clock), arrival_time_of(next_clock + 20)}, degraded,
                   options);
      ++position;
      if (!since_clock) log.push_back({clock, degraded, {}, false, {0, position, 0}});
      since_clock = false;
      next_clock += tick;
    }
    const auto known = 3 + static_cast<std::size_t>(i / 300);
    const bool fault = i % 700 > 640;
    const bool row = n.uniform() < 0.7;
    for (std::size_t part = 0; part < (row ? 1 : known); ++part) {
      message m;
      m.clock = clock;
      m.degraded = degraded;
      m.is_event = true;
      m.where = {0, ++position, 0};
      m.event.entity = "service/cart";
      m.event.has_ts = true;
      const bool late = n.uniform() < 0.02;
      m.event.ts =
          event_time_of(now - (late ? static_cast<std::int64_t>(n.uniform() * 400'000) : 0));
      m.event.arrived = arrival_time_of(now + 30);
      for (std::size_t k = row ? 0 : part; k < (row ? known : part + 1); ++k)
        m.event.metrics.push_back(
            {names[k], 50 + n.normal() + (fault ? 40.0 : 0.0), metric_kind::gauge});
      if (n.uniform() < 0.05) m.event.attributes = {{"zone", n.uniform() < 0.5 ? "a" : "b"}};
      log.push_back(std::move(m));
      since_clock = true;
    }
  }
  return log;
}

}  // namespace faultline
