// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "judgement/entity_state.hpp"
#include "messages/units.hpp"
#include "processing/roles.hpp"

namespace faultline {

const char* to_string(forecaster_standing s) noexcept {
  switch (s) {
    case forecaster_standing::absent:
      return "absent";
    case forecaster_standing::listening:
      return "listening";
    case forecaster_standing::heard:
      return "heard";
    case forecaster_standing::unheard:
      return "unheard";
  }
  return "unknown";
}

namespace {

constexpr std::size_t width = channel_block::width;
constexpr float missing = std::numeric_limits<float>::quiet_NaN();

float finite_float(double v) noexcept {
  constexpr double most = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(v, -most, most));
}

entity_outline::standing standing_of(const alert_lifecycle& life, bool learning) noexcept {
  using standing = entity_outline::standing;
  if (life.firing() && life.reason() == alert_reason::silence) return standing::stale;
  if (life.firing())
    return life.severity() == alert_severity::critical ? standing::critical : standing::warning;
  return learning ? standing::learning : standing::ok;
}

/// Whether its name says that a metric is an amount, of which there is never less than nothing.
/// What has been below it all the same is not one.
bool names_an_amount(std::string_view name, metric_kind kind) {
  if (kind == metric_kind::counter || is_log_channel(name)) return true;
  const auto unit = unit_of(name);
  if (unit == "celsius" || unit == "volts") return false;
  return !unit.empty() || role_of(name) != metric_role::none;
}

/// Below that no band of a series begins. Its values are right to a part of @p scale.
double least_of(std::string_view name, metric_kind kind, const std::vector<float>& values,
                double scale) {
  const auto zero = static_cast<float>(-scale / 500);
  const bool below = std::any_of(values.begin(), values.end(), [&](float v) { return v < zero; });
  return !below && names_an_amount(name, kind) ? 0 : -std::numeric_limits<double>::infinity();
}

/// Adds the ticks @p wanted of a block's channel behind the @p known ones of a window.
void append(metric_window& to, std::size_t known, const packed_channel& from,
            const std::vector<std::size_t>& wanted, window_detail detail) {
  to.values.resize(known + wanted.size(), missing);
  for (std::size_t n = 0; n < wanted.size(); ++n) to.values[known + n] = from.values[wanted[n]];
  if (detail == window_detail::values) return;
  channel_block b{};
  b.center[0] = from.center;
  b.scale[0] = from.scale;
  for (auto* series : {&to.expected, &to.lower, &to.upper}) series->resize(known, missing);
  const double least = least_of(from.name, from.kind, from.values, static_cast<double>(from.scale));
  for (const std::size_t tick : wanted) {
    const double z = z_of(b, 0, from.expected[tick]);
    to.expected.push_back(from.expected[tick]);
    to.lower.push_back(finite_float(std::max(raw_of(b, 0, z - from.band), least)));
    to.upper.push_back(finite_float(raw_of(b, 0, z + from.band)));
  }
}

}  // namespace

entity_window entity_core::impl::window(event_time as_of, window_detail detail) const {
  entity_window w;
  w.entity = id;
  w.tick_ms = tick_ms();
  w.learning = learning();
  std::size_t newest = 0;  // the first tick, backwards, that began by as_of
  while (newest < ring.size() && ring.ts(newest) > as_of) ++newest;
  const auto& channels = builder.channels();
  w.metrics.resize(channels.size());
  for (std::size_t c = 0; c < channels.size(); ++c) {
    auto& m = w.metrics[c];
    const auto& b = blocks[c / width];
    const auto i = c % width;
    m.name = channels[c].name;
    m.kind = channels[c].kind;
    m.role = slots[c];
    const bool banded = detail != window_detail::values;
    const float band = banded ? band_of(b, i) : 0.0f;
    const double least = banded ? least_of(c) : 0.0;
    m.values.reserve(ring.size() - newest);
    for (std::size_t back = ring.size(); back-- > newest;) {
      m.values.push_back(value_of_code(b.center[i], b.scale[i], ring.code(back, c), detail));
      if (!banded) continue;
      const float z = ring.expected(back, c);
      m.expected.push_back(finite_float(raw_of(b, i, z)));
      m.lower.push_back(finite_float(std::max(raw_of(b, i, z - band), least)));
      m.upper.push_back(finite_float(raw_of(b, i, z + band)));
    }
  }
  for (std::size_t back = ring.size(); back-- > newest;) w.ts.push_back(ring.ts(back));
  if (told) {
    const auto said = told->window(as_of);
    if (said && logs) {
      said->words = logs->words();
      said->words_since = event_time_of(logs->first_ms());
    }
    w.told = said;
  }
  // Every tick that ended by then is in: the newest one's end, or the clock if nothing is open.
  w.watermark = event_time_of(builder.idle() ? std::max(clock_ms, last_tick_ms) : last_tick_ms);
  return w;
}

double entity_core::impl::least_of(std::size_t channel) const {
  const auto& b = blocks[channel / width];
  const auto i = channel % width;
  std::vector<float> lately;
  for (std::size_t back = 0; back < ring.size(); ++back) {
    const auto code = ring.code(back, channel);
    if (code != window_ring::missing)
      lately.push_back(finite_float(raw_of(b, i, window_ring::z(code))));
  }
  const auto& c = builder.channels()[channel];
  return faultline::least_of(c.name, c.kind, lately, static_cast<double>(b.scale[i]));
}

entity_status entity_core::impl::status() const {
  entity_status s;
  s.id = id;
  s.state = to_string(standing_of(life, learning()));
  s.observations = observations;
  s.first_ts = event_time_of(first_ms);
  s.last_ts = event_time_of(last_ms);
  const auto& channels = builder.channels();
  for (std::size_t c = 0; c < channels.size(); ++c) {
    const auto& b = blocks[c / width];
    const auto i = c % width;
    metric_status m;
    m.name = channels[c].name;
    m.role = role_of_channel(channels[c]);
    m.kind = channels[c].kind;
    if (b.seen(i) > 0 || b.last[i] != 0) {
      m.last = b.last[i];
      const float base = ring.size() != 0 ? ring.expected(0, c) : b.level[i];
      m.expected = raw_of(b, i, base);
      m.lower = std::max(raw_of(b, i, base - band_of(b, i)), least_of(c));
      m.upper = raw_of(b, i, base + band_of(b, i));
    } else {  // No tick with it has ended, so nothing is usual; a counter's rate takes two values.
      m.last = m.kind == metric_kind::counter ? missing : channels[c].last;
      m.expected = m.lower = m.upper = missing;
    }
    const auto& usual = b.usual[fast_profile];
    m.off = static_cast<double>(std::fabs(std::sinh(b.fast[i]))) /
            static_cast<double>(std::max(usual.spread[i], b.spread_floor(i)) * usual.tail[i]);
    m.profile_weight = b.shape_weight[i];
    s.metrics.push_back(std::move(m));
  }
  s.left_out = left_out();
  if (life.firing() && open) s.alerts.push_back(open->id);
  s.belief = belief();
  if (logs) s.words = logs->words();
  if (spans) s.operations = spans->operations();
  if (told) {
    for (auto& calls : told->calls(event_time_of(std::max(clock_ms, last_ms))))
      s.operations.push_back(std::move(calls));
    s.calls_left_out = told->calls_left_out();
  }
  return s;
}

std::optional<double> entity_core::impl::soon() const noexcept {
  if (!model || shadow_ticks != 0) return std::nullopt;
  const auto logit = model->fault_logit();
  if (!logit) return std::nullopt;
  return 1.0 / (1.0 + std::exp(-static_cast<double>(*logit)));
}

entity_belief entity_core::impl::belief() const {
  constexpr double month_ms = 30.0 * 86'400'000;
  entity_belief b;
  b.probability = last_score;
  b.excess = last_excess;
  b.soon = soon();
  b.false_pages_per_month = rules->detection.false_pages_per_entity_month;
  b.accepted_by_now = b.false_pages_per_month *
                      static_cast<double>(std::max<std::int64_t>(last_ms - first_ms, 0)) / month_ms;
  b.pages = life.episode();
  b.stricter = tails.stricter();
  b.half_hours = tails.blocks();
  const auto place = place_of(event_time_of(last_tick_ms), 0);
  b.weekdays = profile.days(false, place.bin);
  b.weekend_days = profile.days(true, place.bin);
  if (model)
    b.forecaster = shadow_ticks != 0    ? forecaster_standing::listening
                   : forecast_debt <= 0 ? forecaster_standing::heard
                                        : forecaster_standing::unheard;
  return b;
}

entity_outline entity_core::impl::outline() const {
  entity_outline o;
  o.state = standing_of(life, learning());
  o.observations = observations;
  o.first_ts = event_time_of(first_ms);
  o.last_ts = event_time_of(last_ms);
  o.last_arrived = arrival_time_of(last_heard_ms);
  o.silence_limit_ms = silence_limit_ms();
  o.ephemeral = ephemeral;
  o.silence_open = staleness_possible() && !life.firing();
  o.tick_open = !builder.idle();
  return o;
}

// Blocks overlap with each other and the tail only where a block was cut twice: later words win.
outcome<entity_window> join_window(const std::vector<closed_block>& blocks, entity_window tail,
                                   std::size_t ticks, event_time as_of, window_detail detail) {
  entity_window joined;
  joined.entity = tail.entity;
  joined.tick_ms = tail.tick_ms;
  joined.watermark = tail.watermark;
  joined.learning = tail.learning;
  joined.told = tail.told;
  const std::size_t room = blocks.size() * window_ring::ticks + tail.ts.size();
  joined.ts.reserve(room);
  for (const auto& m : tail.metrics) {
    joined.metrics.push_back({m.name, m.role, m.kind, {}, {}, {}, {}});
    joined.metrics.back().values.reserve(room);
  }
  std::map<std::string_view, std::size_t> place;
  for (std::size_t m = 0; m < tail.metrics.size(); ++m) place.emplace(tail.metrics[m].name, m);
  unpacked_block block;
  std::vector<std::size_t> wanted;
  for (const auto& packed : blocks) {
    if (auto done = unpack_block(packed.bytes, detail, block); !done) return done.error();
    const std::size_t known = joined.ts.size();
    wanted.clear();
    for (std::size_t t = 0; t < block.ts.size(); ++t) {
      if ((!joined.ts.empty() && block.ts[t] <= joined.ts.back()) ||
          (!tail.ts.empty() && block.ts[t] >= tail.ts.front()) || block.ts[t] > as_of)
        continue;
      wanted.push_back(t);
      joined.ts.push_back(block.ts[t]);
    }
    if (wanted.empty()) continue;
    for (const auto& channel : block.channels) {
      if (const auto at = place.find(channel.name); at != place.end())
        append(joined.metrics[at->second], known, channel, wanted, detail);
    }
  }
  const std::size_t own = joined.ts.size();
  joined.ts.insert(joined.ts.end(), tail.ts.begin(), tail.ts.end());
  const std::size_t drop = joined.ts.size() > ticks ? joined.ts.size() - ticks : 0;
  const auto first = static_cast<std::ptrdiff_t>(drop);
  joined.ts.erase(joined.ts.begin(), joined.ts.begin() + first);
  for (std::size_t m = 0; m < joined.metrics.size(); ++m) {
    const auto join = [&](std::vector<float>& to, const std::vector<float>& from) {
      to.resize(own, missing);
      to.insert(to.end(), from.begin(), from.end());
      to.erase(to.begin(), to.begin() + first);
    };
    join(joined.metrics[m].values, tail.metrics[m].values);
    if (detail == window_detail::values) continue;
    join(joined.metrics[m].expected, tail.metrics[m].expected);
    join(joined.metrics[m].lower, tail.metrics[m].lower);
    join(joined.metrics[m].upper, tail.metrics[m].upper);
  }
  return joined;
}

}  // namespace faultline
