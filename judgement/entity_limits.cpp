// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <optional>

#include "judgement/entity_state.hpp"
#include "judgement/limit_forecast.hpp"
#include "messages/glob.hpp"

namespace faultline {
namespace {

constexpr std::size_t width = channel_block::width;
constexpr double near_s = 1800;     // an operator's limit met so soon is a warning
constexpr float trend_from = 1.0f;  // scaled trend that counts as one
constexpr float near_from = 2.0f;
constexpr double near_span_s = 600;  // of ticks on a line, before an operator is warned by it,
constexpr double near_ticks = 60;    // or so many of them

/// Scaled deviation of half an hour: a trend.
float drift_of(const tick_channels& t, std::size_t c) noexcept {
  const auto& s = t.scores[c / width];
  const auto i = c % width;
  return std::max(std::fabs(s.ratio[slow_hours][i]), std::fabs(s.ratio[slow_profile][i]));
}

/// The largest scaled deviation of any span.
float deviation_of(const tick_channels& t, std::size_t c) noexcept {
  float most = 0;
  for (const auto& ratio : t.scores[c / width].ratio)
    most = std::max(most, std::fabs(ratio[c % width]));
  return most;
}

}  // namespace

// Which of the operator's limits concern which channel: of each severity and side the last that
// matches.
void entity_core::impl::rules_changed() {
  limits.clear();
  const auto keep = [this](const channel_limit& found) {
    const auto same = std::find_if(limits.begin(), limits.end(), [&](const channel_limit& l) {
      return l.channel == found.channel && l.above == found.above && l.critical == found.critical;
    });
    if (same == limits.end())
      limits.push_back(found);
    else
      same->bound = found.bound;
  };
  for (std::size_t c = 0; c < builder.channels().size(); ++c) {
    const auto channel = static_cast<std::uint16_t>(c);
    for (const auto& limit : rules->detection.limits) {
      if (!glob_matches(limit.entity, id) ||
          !glob_matches(limit.metric, builder.channels()[c].name))
        continue;
      const bool critical = limit.severity != "warning";
      if (limit.above) keep({channel, true, critical, *limit.above});
      if (limit.below) keep({channel, false, critical, *limit.below});
    }
  }
}

bool entity_core::impl::beyond_limit() const noexcept {
  if (!flying) return false;
  const auto& values = builder.front().values;
  return std::any_of(limits.begin(), limits.end(), [&](const channel_limit& l) {
    return l.channel < values.size() && l.is_beyond(values[l.channel]);
  });
}

// The limit that is met first is kept, of what is as far off as anything.
void entity_core::impl::keep_lead(tick_judgement& t, std::size_t c,
                                  const limit_forecast& left) const {
  if (t.lead && t.lead->seconds <= left.seconds) return;
  float most = 0;
  for (std::size_t other = 0; other < traits.size(); ++other)
    most = std::max(most, deviation_of(*t.channels, other));
  if (deviation_of(*t.channels, c) < 0.5f * most) return;
  t.lead = left;
  t.lead_channel = c;
}

// A share meets its whole, anything else the edge of what was ever normal, twice as far out. The
// whole of a percentage is 100 though it may never have come to 1.
double entity_core::impl::capacity_of(std::size_t c) const {
  const auto& b = blocks[c / width];
  const auto i = c % width;
  const double level = raw_of(b, i, b.level[i]);
  const double edge = raw_of(b, i, b.q999[i]);
  if ((traits[c] & channel_trait::share) != 0 && level >= 0 && edge <= 100)
    return edge <= 1.0 && (traits[c] & channel_trait::percent) == 0 ? std::max(0.95, edge)
                                                                    : std::max(95.0, edge);
  return edge + 2 * (edge - level);
}

// Where a channel that deviates is going: to an operator's limit, or to its capacity.
void entity_core::impl::look_ahead(tick_judgement& t, std::size_t c) const {
  const bool has_capacity = (traits[c] & channel_trait::capacity) != 0;
  const auto on_it = [&](const channel_limit& l) { return l.channel == c; };
  if (!has_capacity && std::none_of(limits.begin(), limits.end(), on_it)) return;
  const auto& b = blocks[c / width];
  const auto i = c % width;
  const double tick_s = static_cast<double>(t.tick_ms) / 1000.0;
  const float drift = drift_of(*t.channels, c);
  const auto course = course_of(b, ring, c, t.ts, tick_s, drift >= trend_from);
  if (course.standing()) return;
  if (has_capacity) {
    if (const auto left = forecast_limit(course, b, i, capacity_of(c), true))
      keep_lead(t, c, *left);
  }
  for (const channel_limit& limit : limits) {
    if (!on_it(limit) || limit.is_beyond(t.channels->values[c])) continue;
    auto left = forecast_limit(course, b, i, limit.bound, limit.above);
    if (!left) continue;
    left->is_set = true;
    keep_lead(t, c, *left);
    // A page beside the budget: what rose for some minutes is no trend yet.
    const double least_s = std::min(near_span_s, near_ticks * tick_s);
    const bool trend =
        drift > near_from && (course.span_s == 0 ? course.sure() : course.span_s >= least_s);
    t.near_limit = t.near_limit || (trend && left->seconds <= near_s);
  }
}

// Operator's limits: crossing one is a fault, being about to is a warning.
void entity_core::impl::look_at_limits(tick_judgement& t) const {
  for (const auto& limit : limits) {
    const double value = t.channels->values[limit.channel];
    if (value != value) {
      const auto& b = blocks[limit.channel / width];
      t.limit_unknown = t.limit_unknown || b.seen(limit.channel % width) > 0;
      continue;
    }
    const bool over = limit.is_beyond(value);
    t.over_limit = t.over_limit || over;
    t.over_critical_limit = t.over_critical_limit || (over && limit.critical);
  }
  for (std::size_t c = 0; c < traits.size(); ++c) {
    if (deviation_of(*t.channels, c) >= trend_from) look_ahead(t, c);
  }
}

}  // namespace faultline
