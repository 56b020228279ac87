// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "judgement/entity_state.hpp"
#include "messages/glob.hpp"

namespace faultline {
namespace {

constexpr std::size_t width = channel_block::width;
constexpr double ln2 = 0.693147;
constexpr double short_s = 900 / ln2;  // time constants of y_short and y_long
constexpr double long_s = 7200 / ln2;
constexpr double near_s = 1800;          // an operator's limit met so soon is a warning
constexpr double farthest_s = 4 * 3600;  // beyond it a line is no forecast
constexpr float trend_from = 1.0f;       // scaled trend that counts as one
constexpr float near_from = 2.0f;

/// Where a channel is going, in its own scale units per second.
struct course {
  double now = 0;
  double slope = 0;
};

// Two means of a ramp lag it by their time constants: their difference is its slope.
course course_of(const channel_block& b, std::size_t i, double tick_s) {
  const double age = b.seen(i) * tick_s;
  const double lag_short = std::min(short_s, age / 2);
  const double lag_long = std::min(long_s, age / 2);
  if (lag_long - lag_short < 300) return {};
  course c;
  c.slope = static_cast<double>(b.y_short[i] - b.y_long[i]) / (lag_long - lag_short);
  c.now = b.y_short[i] + c.slope * lag_short;
  return c;
}

// Seconds until @p raw is met, or nothing when the course leads elsewhere or takes too long.
std::optional<double> seconds_to(const course& c, const channel_block& b, std::size_t i,
                                 double raw) {
  const double way = (raw - b.center[i]) / static_cast<double>(b.scale[i]) - c.now;
  if (c.slope == 0 || way * c.slope <= 0) return std::nullopt;
  const double seconds = way / c.slope;
  return seconds > farthest_s ? std::nullopt : std::optional{seconds};
}

}  // namespace

// Which of the operator's limits concern which channel; the last that matches wins.
void entity_core::impl::rules_changed() {
  limits.clear();
  for (std::size_t c = 0; c < builder.channels().size(); ++c) {
    channel_limit found;
    found.channel = static_cast<std::uint16_t>(c);
    for (const auto& limit : rules->detection.limits) {
      if (!glob_matches(limit.entity, id) ||
          !glob_matches(limit.metric, builder.channels()[c].name))
        continue;
      if (limit.above) found.above = limit.above;
      if (limit.below) found.below = limit.below;
      found.critical = limit.severity != "warning";
    }
    if (found.above || found.below) limits.push_back(found);
  }
}

bool entity_core::impl::beyond_limit() const noexcept {
  if (!flying) return false;
  const auto& values = builder.front().values;
  return std::any_of(limits.begin(), limits.end(), [&](const channel_limit& l) {
    if (l.channel >= values.size()) return false;
    const double value = values[l.channel];  // NaN is beyond nothing
    return (l.above && value > *l.above) || (l.below && value < *l.below);
  });
}

// Operator's limits: crossing one is a fault, being about to is a warning. Capacities without a
// limit: a share meets its whole, anything else the edge of what was ever normal, twice as far out.
void entity_core::impl::look_ahead(tick_judgement& t) {
  auto& space = *t.channels;
  const double tick_s = static_cast<double>(t.tick_ms) / 1000.0;
  const auto drift_of = [&](std::size_t c) {
    const auto& s = space.scores[c / width];
    const auto i = c % width;
    return std::max(std::fabs(s.ratio[slow_hours][i]), std::fabs(s.ratio[slow_profile][i]));
  };
  float most = 0;
  for (std::size_t c = 0; c < traits.size(); ++c) most = std::max(most, drift_of(c));
  const auto consider = [&](std::size_t c, double raw) -> std::optional<double> {
    const auto& b = blocks[c / width];
    const auto i = c % width;
    const float drift = drift_of(c);
    if (drift < trend_from) return std::nullopt;
    const auto left = seconds_to(course_of(b, i, tick_s), b, i, raw);
    // Only what drifts as much as anything does tells how long there is.
    if (left && drift >= 0.5f * most && (!t.lead_s || *left < *t.lead_s)) {
      t.lead_s = left;
      t.lead_channel = c;
    }
    return left;
  };
  for (std::size_t c = 0; c < traits.size(); ++c) {
    if ((traits[c] & channel_trait::capacity) == 0 || drift_of(c) < trend_from) continue;
    const auto& b = blocks[c / width];
    const auto i = c % width;
    const double level = raw_of(b, i, b.level[i]);
    const double edge = raw_of(b, i, b.q999[i]);
    double limit = edge + 2 * (edge - level);
    if ((traits[c] & channel_trait::share) != 0 && level >= 0 && edge <= 100)
      limit = edge <= 1.0 ? std::max(0.95, edge) : std::max(95.0, edge);
    consider(c, limit);
  }
  for (const auto& limit : limits) {
    const double value = space.values[limit.channel];
    if (value != value) {
      const auto& b = blocks[limit.channel / width];
      t.limit_unknown = t.limit_unknown || b.seen(limit.channel % width) > 0;
      continue;
    }
    const bool over =
        (limit.above && value > *limit.above) || (limit.below && value < *limit.below);
    t.over_limit = t.over_limit || over;
    t.over_critical_limit = t.over_critical_limit || (over && limit.critical);
    const bool certain = drift_of(limit.channel) > near_from;
    for (const auto& side : {limit.above, limit.below}) {
      if (!side || over) continue;
      const auto left = consider(limit.channel, *side);
      t.near_limit = t.near_limit || (certain && left && *left <= near_s);
    }
  }
}

}  // namespace faultline
