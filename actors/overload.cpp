// SPDX-License-Identifier: Apache-2.0
#include "actors/overload.hpp"

#include <utility>

namespace faultline {

const char* to_string(overload_step s) noexcept {
  switch (s) {
    case overload_step::none:
      return "none";
    case overload_step::lagging:
      return "lagging";
    case overload_step::degraded:
      return "degraded";
    case overload_step::shedding:
      return "shedding";
    case overload_step::no_space:
      return "no_space";
  }
  return "unknown";
}

overload_ladder::overload_ladder(const intake_options& limits, bool live)
    : limits_{limits}, live_{live} {}

std::vector<notice> overload_ladder::look(const overload_reading& seen, arrival_time now) {
  std::vector<notice> told;
  const auto limit = limits_.max_lag_records;
  judge(overload_step::no_space, !seen.has_space, seen.has_space, seen, now, told);
  judge(overload_step::lagging, seen.lag >= (limit + 1) / 2, seen.lag <= limit / 4, seen, now,
        told);
  const auto mark = limits_.degrade_lag_records;
  judge(overload_step::degraded, live_ && mark != 0 && seen.lag >= mark, seen.lag <= mark / 2, seen,
        now, told);
  // What is refused for want of space is another step's.
  const bool refused = seen.refused != refused_ && seen.has_space;
  refused_ = seen.refused;
  judge(overload_step::shedding, refused, !refused, seen, now, told);
  return told;
}

void overload_ladder::judge(overload_step s, bool begins, bool is_calm,
                            const overload_reading& seen, arrival_time now,
                            std::vector<notice>& out) {
  auto& state = states_[static_cast<std::size_t>(s)];
  const bool on = state.on.load(std::memory_order_relaxed);
  // A clock that is set right, by an hour perhaps, begins the wait anew.
  if (is_calm && (!state.was_calm || now < state.calm_since)) state.calm_since = now;
  state.was_calm = is_calm;
  const auto say = [&](std::string text) {
    out.push_back(notice{"overload", to_string(s), std::move(text), event_time_of(unix_ms(now))});
  };
  if (!on && begins) {
    state.on.store(true, std::memory_order_relaxed);
    state.begun.fetch_add(1, std::memory_order_relaxed);
    state.began = now;
    state.shed_at_begin = seen.shed;
    say("begin: " + begin_text(s, seen));
  } else if (on && is_calm && now - state.calm_since >= calm) {
    state.on.store(false, std::memory_order_relaxed);
    say("end: " + end_text(s, seen, now));
  }
}

std::string overload_ladder::begin_text(overload_step s, const overload_reading& seen) const {
  const auto lag = std::to_string(seen.lag) + " records wait for their entities";
  switch (s) {
    case overload_step::none:
      break;
    case overload_step::lagging:
      return lag + "; at " + std::to_string(limits_.max_lag_records) +
             " publishers are told to wait";
    case overload_step::degraded:
      return lag + "; ticks are scored without the forecaster until they are fewer";
    case overload_step::shedding:
      return "more comes in than can be applied (" + lag +
             "): acknowledged publishers are told to send again, events of others are shed";
    case overload_step::no_space:
      return "less than storage.min_free is free: nothing is taken until space returns";
  }
  return lag;
}

std::string overload_ladder::end_text(overload_step s, const overload_reading& seen,
                                      arrival_time now) const {
  const auto& state = states_[static_cast<std::size_t>(s)];
  // From a clock that was ahead nothing is known but that it is over.
  const auto lasted = std::max<std::int64_t>(
      0, std::chrono::duration_cast<milliseconds>(now - state.began).count());
  std::string text = "after " + std::to_string((lasted + 500) / 1000) + " s";
  if (s == overload_step::shedding)
    text += "; " + std::to_string(seen.shed - state.shed_at_begin) + " events were shed";
  if (s == overload_step::degraded) text += "; the forecaster scores again";
  return text;
}

overload_step overload_ladder::step() const noexcept {
  for (std::size_t i = overload_steps; --i > 0;)
    if (states_[i].on.load(std::memory_order_relaxed)) return static_cast<overload_step>(i);
  return overload_step::none;
}

}  // namespace faultline
