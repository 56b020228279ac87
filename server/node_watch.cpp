// SPDX-License-Identifier: Apache-2.0
// The node's clock thread: ticks, overload, space, clocks of publishers, retention.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "server/node_impl.hpp"

namespace faultline {

/// Records applied per second of time in which there was always something to apply.
void node::impl::measure_replay(double passed_s) {
  constexpr std::uint64_t always_something = 512;
  const auto& n = counters;
  replay_meter::sample s;
  s.seconds = passed_s;
  const auto cpu = process_cpu_seconds();
  s.cpu_seconds = cpu - std::exchange(cpu_before, cpu);
  s.applied = n.events_taken + n.events_late + n.events_kept + n.events_replayed;
  s.recovering = n.partitions_ready.load() < directory->size();
  s.busy = s.recovering || n.lag() >= always_something;
  meter.take(s, std::thread::hardware_concurrency());
  counters.replay_rate.store(meter.rate(), std::memory_order_relaxed);
}

// From any thread of ours that is no actor.
void node::impl::tell(notice n) {
  spdlog::info("notice what={} subject=\"{}\" text=\"{}\"", n.what, n.subject, n.text);
  decision d;
  d.kind = decision_kind::notice;
  d.notice = std::move(n);
  caf::anon_send(actors.keeper, append_decisions{{std::move(d)}});
}

void node::impl::watch_load() {
  const auto& doors = counters.doors;
  overload_reading seen;
  seen.lag = counters.lag();
  seen.has_space = commit->has_space();
  for (const auto& events : doors.shed) seen.shed += events.load();
  seen.refused = intake->no_room();
  for (auto& n : ladder->look(seen, time_now())) tell(std::move(n));
  const bool caught_up = counters.partitions_ready.load() == directory->size();
  if (caught_up && !options.processing.accept_past)
    commit->set_degraded(ladder->holds(overload_step::degraded));
}

void node::impl::watch_skew() {
  if (options.processing.accept_past) return;
  std::vector<notice> told;
  {
    auto& publishers = intake->publishers();
    const std::lock_guard<std::mutex> guard{publishers.mutex()};
    told = skew_notices(publishers, options.intake.skew_limit, time_now());
  }
  for (auto& n : told) tell(std::move(n));
}

/// A leap of the machine's clock is no time that has passed.
void node::impl::watch_clock() {
  const auto step = clock.follow(wall_clock(), running_clock());
  const auto off = clock.held_off();
  counters.clock_held_off_ms.store(off.count());
  if (step == held_clock::step::none) return;
  std::string text = "end: the machine's clock is back where it was";
  if (step == held_clock::step::followed)
    text = "end: the machine's clock has stayed where it leapt to, and is followed";
  if (step == held_clock::step::held) {
    counters.clock_leaps.fetch_add(1);
    text = "begin: the machine's clock has leapt by " + std::to_string(off.count() / 1000) +
           " s; it is not followed unless it stays there for a minute";
  }
  spdlog::warn("clock {}", text);
  tell(notice{"clock_leap", "node", text, event_time_of(unix_ms(time_now()))});
}

/// Silences and the like end by event time, also while nobody sends anything. A little late: what
/// has come until then is judged before.
void node::impl::tell_time() {
  if (options.processing.accept_past) return;
  const auto behind = std::max<milliseconds>(2 * options.processing.tick, seconds{10});
  caf::anon_send(actors.correlator, event_clock_at{event_time_of(unix_ms(time_now())) - behind});
}

void node::impl::watch_space() {
  const auto found = memory->tend_space();
  if (!found.problem.empty()) spdlog::warn("ballast not built reason=\"{}\"", found.problem);
}

/// Once after a restart, when every partition and the correlator have caught up: subscribers know
/// that what they see is whole again.
void node::impl::tell_recovered() {
  if (recovered_told || !answers->ready()) return;
  recovered_told = true;
  step_done("recovered");
  if (!had_records) return;
  const auto passed = std::chrono::steady_clock::now() - started;
  const auto ms = std::chrono::duration_cast<milliseconds>(passed).count();
  tell(notice{"recovered", "node", "ready " + std::to_string(ms) + " ms after the start",
              event_time_of(unix_ms(time_now()))});
}

void node::impl::run_clock() {
  constexpr std::chrono::seconds retention_interval{60};
  constexpr std::chrono::seconds space_interval{1};
  constexpr std::chrono::seconds skew_interval{5};
  auto swept = std::chrono::steady_clock::now();
  auto sampled = swept;
  auto looked = swept;
  auto tended = swept - space_interval;
  std::unique_lock<std::mutex> lock{clock_mutex};
  while (!clock_wake.wait_for(lock, std::chrono::milliseconds{200}, [&] { return clock_stop; })) {
    watch_clock();
    commit->tick(time_now());
    watch_load();
    tell_recovered();
    const auto now = std::chrono::steady_clock::now();
    listeners.tick(now);
    measure_replay(std::chrono::duration<double>(now - std::exchange(sampled, now)).count());
    if (now - tended >= space_interval) {
      tended = now;
      watch_space();
      tell_time();
      cycle->tend_posts();
      refusals.tend();
    }
    if (now - looked >= skew_interval) {
      looked = now;
      watch_skew();
    }
    if (std::chrono::steady_clock::now() - swept < retention_interval) continue;
    swept = std::chrono::steady_clock::now();
    if (auto done = memory->sweep_retention(time_now()); !done)
      spdlog::warn("retention sweep failed reason=\"{}\"", done.error().what);
  }
}

}  // namespace faultline
