// SPDX-License-Identifier: Apache-2.0
#include "lab/injection_look_alikes.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "messages/durations.hpp"

namespace faultline {

namespace {

constexpr std::int64_t minute_ms = 60'000;

milliseconds ms(double x) { return milliseconds{static_cast<std::int64_t>(x)}; }

}  // namespace

const busy_span* first_overlap(const std::vector<busy_span>& busy, const busy_span& span) {
  for (const auto& b : busy)
    if (b.from <= span.to && b.to >= span.from) return &b;
  return nullptr;
}

event_time behind_long_gap(const std::vector<event_time>& rows, event_time at) {
  constexpr milliseconds long_gap{7 * day_ms};
  const auto next = std::upper_bound(rows.begin(), rows.end(), at);
  if (next == rows.begin() || next == rows.end() || *std::prev(next) == at) return at;
  return *next - *std::prev(next) > long_gap ? *next : at;
}

void insert_busy(std::vector<busy_span>& busy, const busy_span& span) {
  const auto at =
      std::upper_bound(busy.begin(), busy.end(), span,
                       [](const busy_span& a, const busy_span& b) { return a.from < b.from; });
  busy.insert(at, span);
}

// Moves metrics towards the end of their usual range, with five minutes up and down.
void look_alike_source::lift(const std::vector<reacting_metric>& who, const busy_span& span,
                             double share) {
  const auto first = std::lower_bound(series_.ts.begin(), series_.ts.end(), span.from);
  for (auto row = static_cast<std::size_t>(first - series_.ts.begin());
       row < series_.rows() && series_.ts[row] <= span.to; ++row) {
    const auto edge = std::min(series_.ts[row] - span.from, span.to - series_.ts[row]).count();
    const double part = share * std::min(1.0, static_cast<double>(edge + interval_ms_) /
                                                  static_cast<double>(5 * minute_ms));
    for (const auto& r : who) {
      double& value = series_.values[row * series_.metrics.size() + r.column];
      if (std::isnan(value)) continue;
      const metric_habit& h = habits_[r.column];
      const double room = r.weight > 0 ? h.high - h.median : h.low - h.median;
      const double moved = value + part * std::fabs(r.weight) * room;
      const double was = value;
      value = six_digits(std::clamp(moved, std::min(h.low, was), std::max(h.high, was)));
    }
  }
}

// A gap of two rows, then metrics come back from the low end of their range.
void look_alike_source::restart(const std::vector<reacting_metric>& who, const busy_span& span) {
  const auto first = std::lower_bound(series_.ts.begin(), series_.ts.end(), span.from);
  const auto from = static_cast<std::size_t>(first - series_.ts.begin());
  const std::size_t width = series_.metrics.size();
  for (std::size_t row = from; row < series_.rows() && series_.ts[row] <= span.to; ++row) {
    if (row < from + 2) {
      for (std::size_t c = 0; c < width; ++c)
        series_.values[row * width + c] = std::numeric_limits<double>::quiet_NaN();
      continue;
    }
    const double since = static_cast<double>((series_.ts[row] - span.from).count());
    const double part = portable_exp(-since / static_cast<double>(4 * minute_ms));
    for (const auto& r : who) {
      double& value = series_.values[row * width + r.column];
      if (std::isnan(value)) continue;
      value = six_digits(value + part * (std::min<double>(habits_[r.column].low, value) - value));
    }
  }
}

void look_alike_source::nightly_backups(const std::vector<busy_span>& busy, labels& truth) {
  const auto who = correlated_reaction(series_, habits_, scored_from_, rng_);
  if (who.empty()) return;
  const double minute = rng_.uniform(30, 240);
  const double minutes = rng_.uniform(20, 40);
  const event_time last = series_.ts.back();
  event_time midnight = event_time_of(unix_ms(series_.ts.front()) / day_ms * day_ms);
  for (; midnight < last; midnight += milliseconds{day_ms}) {
    if (const auto seen = behind_long_gap(series_.ts, midnight); seen != midnight)
      midnight = event_time_of(unix_ms(seen) / day_ms * day_ms);
    const event_time from = midnight + ms((minute + rng_.uniform(-1, 1)) * minute_ms);
    const busy_span span{from, from + ms(minutes * minute_ms)};
    if (from < series_.ts.front() || span.to > last || first_overlap(busy, span)) continue;
    lift(who, span, 0.8);
    if (from >= scored_from_) truth.benign.push_back({"backup", span.from, span.to, {series_.id}});
  }
}

void look_alike_source::scatter(std::size_t count, std::vector<busy_span>& busy, labels& truth,
                                std::vector<change_row>& changes) {
  const event_time begin = std::max(scored_from_, series_.ts.front());
  const double length = static_cast<double>((series_.ts.back() - begin).count());
  std::size_t placed = 0;
  for (std::size_t tries = 0; placed < count && tries < 20 * count; ++tries) {
    const event_time from = begin + ms(rng_.uniform() * length);
    const double u = rng_.uniform();
    const auto longest = std::max<std::int64_t>(20 * minute_ms, 4 * interval_ms_);
    const busy_span span{from, from + ms(rng_.uniform(0.75, 2) * static_cast<double>(longest))};
    const auto who = correlated_reaction(series_, habits_, scored_from_, rng_);
    if (span.to > series_.ts.back() || first_overlap(busy, span)) continue;
    const char* type = u < 0.4 ? "deploy" : u < 0.8 ? "load_peak" : "failover_drill";
    if (u < 0.4) {
      restart(who, span);
      changes.push_back({span.from, series_.id, change_kind::deploy, "new version rolled out"});
    } else {
      lift(who, span, u < 0.8 ? rng_.uniform(0.4, 0.8) : -rng_.uniform(0.4, 0.8));
    }
    truth.benign.push_back({type, span.from, span.to, {series_.id}});
    insert_busy(busy,
                {span.from - milliseconds{10 * minute_ms}, span.to + milliseconds{10 * minute_ms}});
    ++placed;
  }
}

}  // namespace faultline
