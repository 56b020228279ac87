// SPDX-License-Identifier: Apache-2.0
#include "processing/instance_rounds.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace faultline {
namespace {

constexpr std::int64_t usual_at_first_ms = 60'000;  // of OpenTelemetry's exporters
constexpr std::int64_t longest_usual_ms = 300'000;
constexpr std::int64_t least_patience_ms = 5'000;
constexpr std::int64_t settled_after_ms = 120'000;
constexpr std::int64_t most_away_ms = 3'600'000;  // of what belongs to a round of now
constexpr std::int64_t swept_every_ms = 60'000;
constexpr std::int64_t set_back_ms = 10'000;  // bodies come out of order by less
constexpr double part = 0.75;                 // of an interval: what is shorter is more than jitter
constexpr std::uint8_t known_from_round = 2;  // a body may hold half of what an instance has

}  // namespace

void instance_rounds::begin(std::int64_t now_ms) {
  for (auto& [series, old] : before_) {
    if (const auto at = series_.find(series); at != series_.end()) {
      tellers_ -= at->second.tellers.size();
      if (!old) series_.erase(at);
    }
    if (!old) continue;
    tellers_ += old->tellers.size();
    series_[series] = std::move(*old);
  }
  before_.clear();
  if (now_ms < now_ms_ - set_back_ms) {  // the clock was ahead: nobody was heard in times to come
    swept_ms_ = std::min(swept_ms_, now_ms);
    for (auto& [series, s] : series_) {
      s.since_ms = std::min(s.since_ms, now_ms);
      for (teller& t : s.tellers) t.heard_ms = std::min(t.heard_ms, now_ms);
    }
  }
  now_ms_ = now_ms;
  ++body_;
  if (tellers_ >= most_tellers && now_ms - swept_ms_ >= swept_every_ms) sweep();
}

void instance_rounds::sweep() {
  swept_ms_ = now_ms_;
  for (auto at = series_.begin(); at != series_.end();) {
    forget_silent(at->second);
    at = at->second.tellers.empty() ? series_.erase(at) : std::next(at);
  }
}

void instance_rounds::forget_silent(series_state& s) {
  const auto silent = [this](const teller& t) { return now_ms_ - t.heard_ms > silent_ms; };
  const auto gone = std::remove_if(s.tellers.begin(), s.tellers.end(), silent);
  tellers_ -= static_cast<std::size_t>(s.tellers.end() - gone);
  s.tellers.erase(gone, s.tellers.end());
}

/// Of many that come and go: the one that has been silent for longest, unless it may come yet.
void instance_rounds::forget_one_that_ended(series_state& s) {
  const auto oldest =
      std::min_element(s.tellers.begin(), s.tellers.end(), [](const teller& a, const teller& b) {
        return std::make_pair(a.told, a.heard_ms) < std::make_pair(b.told, b.heard_ms);
      });
  if (oldest->told || now_ms_ - oldest->heard_ms <= patience_ms(*oldest)) return;
  s.tellers.erase(oldest);
  --tellers_;
}

/// @returns null: there is no room.
instance_rounds::teller* instance_rounds::teller_of(series_state& s, std::uint64_t instance) {
  const auto is = [instance](const teller& t) { return t.instance == instance; };
  const auto known = std::find_if(s.tellers.begin(), s.tellers.end(), is);
  if (known != s.tellers.end()) return &*known;
  forget_silent(s);
  if (s.tellers.size() >= most_of_one) forget_one_that_ended(s);
  if (s.tellers.size() >= most_of_one || tellers_ >= most_tellers) return nullptr;
  if (!s.tellers.empty() && !s.several) {
    s.several = true;
    s.since_ms = now_ms_;
  }
  ++tellers_;
  auto& t = s.tellers.emplace_back();
  t.instance = instance;
  return &t;
}

instance_rounds::place instance_rounds::add(std::uint64_t series, std::uint64_t instance,
                                            const metric_sample& value, bool several) {
  const auto ts_ms = value.ts_ms != 0 ? value.ts_ms : now_ms_;
  auto at = series_.find(series);
  // What is neither of now nor of the time the others tell of, where the past is sent, is the
  // door's to refuse or to take as it is, and moves no round.
  if (at != series_.end() && std::abs(ts_ms - now_ms_) > most_away_ms &&
      std::none_of(at->second.tellers.begin(), at->second.tellers.end(),
                   [&](const teller& t) { return std::abs(ts_ms - t.ts_ms) <= most_away_ms; }))
    return place::alone;
  if (at == series_.end()) {
    if (tellers_ >= most_tellers) return place::alone;
    before_.emplace(series, std::nullopt);
    at = series_.emplace(series, series_state{}).first;
    at->second.since_ms = now_ms_;
    at->second.several = several;
    at->second.settled = !several;
  } else if (before_.count(series) == 0) {
    before_.emplace(series, at->second);
  }
  auto& s = at->second;
  auto* const t = teller_of(s, instance);
  if (t == nullptr) return place::too_many;
  s.kind = value.kind;
  s.join = value.join;
  if (t->ts_ms != 0 && ts_ms <= t->ts_ms) {
    // Sent again; but what grew in another time than the last comes from a queue out of order.
    if (s.several && value.kind == metric_kind::rate && value.start_ms > 0 && ts_ms != t->ts_ms)
      tell(*t, value, ts_ms);
    return s.several ? place::joined : place::alone;
  }
  if (t->body != 0 && t->body != body_) {
    const auto since = std::min(now_ms_ - t->heard_ms, longest_usual_ms);
    t->usual_ms = std::max(since, t->usual_ms - t->usual_ms / 8);
    s.settled = true;
  }
  t->body = body_;
  t->heard_ms = now_ms_;
  if (s.several) tell(*t, value, ts_ms);
  t->last = value.value;
  t->ts_ms = ts_ms;
  return s.several ? place::joined : place::alone;
}

/// What it counted since it was last heard, and in which time.
void instance_rounds::tell(teller& t, const metric_sample& value, std::int64_t ts_ms) const {
  t.told = true;
  if (value.kind == metric_kind::gauge) return;
  const bool has_start = value.start_ms > 0 && value.start_ms < ts_ms;
  auto from = has_start ? value.start_ms : t.ts_ms;
  double grown = value.value;
  if (value.kind == metric_kind::rate) {
    grown *= static_cast<double>(ts_ms - from) / 1000;
  } else if (t.ts_ms == 0) {
    if (!has_start || ts_ms - from > fresh_ms) return;
  } else if (value.value >= t.last && (!has_start || from <= t.ts_ms)) {
    grown -= t.last;
    from = t.ts_ms;
  } else {  // it began anew
    from = std::max(from, t.ts_ms);
  }
  if (from == 0) return;
  t.grown += grown;
  t.passed_ms += static_cast<double>(ts_ms - from);
}

/// How long it is waited for, since it was heard.
std::int64_t instance_rounds::patience_ms(const teller& t) noexcept {
  const auto usual = t.usual_ms != 0 ? t.usual_ms : usual_at_first_ms;
  return std::max(usual + usual / 2, least_patience_ms);
}

// Who is waited for was heard before the round began, so no round lasts longer than one's patience,
// however many end and begin within it.
bool instance_rounds::is_over(series_state& s) const {
  if (!s.settled && now_ms_ - s.since_ms > settled_after_ms) s.settled = true;
  if (!s.settled) return false;
  bool any = false;
  for (const auto& t : s.tellers) {
    any = any || t.told;
    if (!t.told && now_ms_ - t.heard_ms <= patience_ms(t)) return false;
  }
  return any;
}

/// Whether somebody's counts are not known yet: the round says nothing, and what the others counted
/// is told with the next.
bool instance_rounds::carry_over(series_state& s) {
  const bool known = std::none_of(s.tellers.begin(), s.tellers.end(), [](const teller& t) {
    return t.told && t.passed_ms <= 0 && t.rounds < known_from_round;
  });
  if (known) return false;
  for (auto& t : s.tellers) {
    if (t.told && t.rounds < known_from_round) ++t.rounds;
    t.told = false;
  }
  return true;
}

// Each counts over its own time, but one that began or ended within a round was there for a part of
// it: what is clearly shorter than the round counts over that.
// The value is of now where a clock is ahead: one of them must not take the others into the future.
std::optional<instance_rounds::joined_value> instance_rounds::close(std::uint64_t series) {
  const auto at = series_.find(series);
  if (at == series_.end() || !at->second.several || !is_over(at->second)) return std::nullopt;
  auto& s = at->second;
  const bool gauge = s.kind == metric_kind::gauge;
  joined_value all;
  for (const auto& t : s.tellers) {
    if (!t.told) continue;
    all.ts_ms = std::max(all.ts_ms, std::min(t.ts_ms, now_ms_));
  }
  const auto round_ms =
      static_cast<double>(s.ts_ms != 0 ? all.ts_ms - s.ts_ms : now_ms_ - s.since_ms);
  s.since_ms = now_ms_;
  if (!gauge && carry_over(s)) return std::nullopt;
  s.ts_ms = all.ts_ms;
  double sum = 0, largest = 0;
  for (auto& t : s.tellers) {
    if (!t.told) continue;
    const bool counted = gauge || t.passed_ms > 0;
    const double over_ms = t.passed_ms < part * round_ms ? round_ms : t.passed_ms;
    const double value = gauge ? t.last : counted ? t.grown * 1000 / over_ms : 0;
    largest = all.instances == 0 ? value : std::max(largest, value);
    sum += value;
    all.instances += counted ? 1 : 0;
    t.told = false;
    t.grown = t.passed_ms = 0;
    if (t.rounds < known_from_round) ++t.rounds;
  }
  if (all.instances == 0 || !std::isfinite(sum)) return std::nullopt;
  all.kind = gauge ? metric_kind::gauge : metric_kind::rate;
  const bool mean = gauge && s.join == instances_join::mean;
  all.value = gauge && s.join == instances_join::largest ? largest
              : mean                                     ? sum / static_cast<double>(all.instances)
                                                         : sum;
  return all;
}

}  // namespace faultline
