// SPDX-License-Identifier: Apache-2.0
#include "processing/channel_block.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "processing/fast_math.hpp"

namespace faultline {
namespace {

constexpr std::size_t width = channel_block::width;
constexpr float most_count = 1e6f;
constexpr float warm_after = 24;     // values before a channel is judged
constexpr float tail_share = 0.02f;  // beyond the 98th percentile
constexpr float first_tail = 3.0f;   // that percentile over the mean |.| of a normal law: 2.9
constexpr float most_spread = 1e5f;
constexpr double hour_ms = 3'600'000;

float half_life(double gap_ms, double half_life_ms) {
  return static_cast<float>(1.0 - std::exp2(-gap_ms / half_life_ms));
}

// By value: the compiler turns these into vector instructions, std::max keeps references.
inline float larger(float a, float b) noexcept { return a > b ? a : b; }
inline float smaller(float a, float b) noexcept { return a < b ? a : b; }

// Mean with weight @p w, or that of plain averaging while fewer values were seen.
inline float rate_of(float w, float count) noexcept { return larger(w, 1.0f / (count + 1.0f)); }

// Streaming quantile by stochastic approximation (Robbins and Monro 1951).
inline float quantile_step(float q, float z, float p, float eta) noexcept {
  return q + eta * (z < q ? p - 1.0f : p);
}

inline void learn_spread(float& spread, float& tail, float value, float scaled, float on, float w,
                         float w_tail, float floor) noexcept {
  const float a = std::fabs(value);
  const float clipped = smaller(a, 4.0f * larger(spread, floor));
  spread += on * w * (clipped - spread);
  const float up = std::fabs(scaled) > 1.0f ? 1.0f - tail_share : -tail_share;
  tail = clamped(tail * (1.0f + on * w_tail * up), 2.0f, 30.0f);
}

// A deviation in z undone to robust standard deviations, as far as a polynomial goes: means are
// taken of z, where one outlier is little, and judged here, where far out is far out.
inline float stretched(float d) noexcept {
  const float x = clamped(d, -20.0f, 20.0f);
  const float x2 = x * x;
  return x * (1.0f + x2 * (1.0f / 6.0f) * (1.0f + x2 * 0.05f));
}

inline float scaled_by(float value, float spread, float tail, float floor) noexcept {
  return value / (larger(spread, floor) * tail);
}

}  // namespace

tick_weights weights_for(std::int64_t gap_ms) {
  const double gap = static_cast<double>(std::clamp<std::int64_t>(gap_ms, 1, 86'400'000));
  tick_weights w;
  w.slow = half_life(gap, 0.5 * hour_ms);
  w.slower = half_life(gap, 4 * hour_ms);
  w.y_short = half_life(gap, 0.25 * hour_ms);
  w.y_long = half_life(gap, 2 * hour_ms);
  w.level = half_life(gap, 48 * hour_ms);
  w.spread = half_life(gap, 24 * hour_ms);
  w.quantile = std::min(0.05f, 3.0f * half_life(gap, 7 * 24 * hour_ms));
  w.tail = std::min(0.05f, half_life(gap, 48 * hour_ms));
  w.fast = 0.2063f;  // half-life of three ticks
  return w;
}

double raw_of(const channel_block& b, std::size_t i, double z) noexcept {
  return b.center[i] + std::sinh(std::clamp(z, -40.0, 40.0)) * b.scale[i];
}

double z_of(const channel_block& b, std::size_t i, double raw) noexcept {
  return std::asinh(std::clamp((raw - b.center[i]) / b.scale[i], -1e15, 1e15));
}

double scale_floor(const channel_block& b, std::size_t i, double center) {
  const double floor = std::max({static_cast<double>(b.step[i]), 1e-3 * std::fabs(center), 1e-9});
  return std::min(floor, 1e30);
}

namespace {

void begin_channel(channel_block& b, std::size_t i, double value) {
  const double center = std::clamp(value, -1e300, 1e300);
  b.center[i] = center;
  b.last[i] = center;
  b.step[i] = 0;
  b.scale[i] = static_cast<float>(scale_floor(b, i, center));
  for (auto* lane : {&b.count,        &b.missed,
                     &b.last_z,       &b.q05,
                     &b.q25,          &b.q50,
                     &b.q75,          &b.q95,
                     &b.q999,         &b.level,
                     &b.shape0,       &b.shape1,
                     &b.shape_weight, &b.error_level,
                     &b.error_shape,  &b.visit_sum,
                     &b.visit_count,  &b.previous,
                     &b.product0,     &b.product1,
                     &b.fast,         &b.slow,
                     &b.slower,       &b.y_short,
                     &b.y_long,       &b.residual_spread,
                     &b.fast_spread,  &b.slow_spread,
                     &b.trend_spread})
    (*lane)[i] = 0;
  for (auto* lane : {&b.residual_tail, &b.fast_tail, &b.slow_tail, &b.trend_tail})
    (*lane)[i] = first_tail;
  b.spread_floor[i] = 0.3f;
  b.q25[i] = -0.6f, b.q75[i] = 0.6f, b.q05[i] = -1.2f, b.q95[i] = 1.2f, b.q999[i] = 2;
}

void note_step(channel_block& b, std::size_t i, double value) {
  const auto moved = static_cast<float>(std::min(std::fabs(value - b.last[i]), 1e30));
  if (!(moved > 0)) return;
  const bool first = b.step[i] == 0;
  b.step[i] = first ? moved : std::min(b.step[i], moved);
  if (first && b.count[i] > 0 && moved > b.scale[i]) rebase_channel(b, i, b.center[i], moved);
}

}  // namespace

void clear_block(channel_block& b) {
  std::memset(&b, 0, sizeof b);
  for (std::size_t i = 0; i < width; ++i) begin_channel(b, i, 0);
}

void prepare_block(channel_block& b, const double* values) {
  for (std::size_t i = 0; i < width; ++i) {
    if (values[i] != values[i]) continue;
    const double value = std::clamp(values[i], -1e300, 1e300);
    if (b.count[i] == 0) begin_channel(b, i, value);
    note_step(b, i, value);
    b.last[i] = value;
  }
}

void standardise(const channel_block& b, const double* values, block_scores& out) {
  for (std::size_t i = 0; i < width; ++i) {
    const double y = (values[i] - b.center[i]) / static_cast<double>(b.scale[i]);
    const bool there = values[i] == values[i];
    const double bounded = y > 1e15 ? 1e15 : (y < -1e15 ? -1e15 : y);
    out.z[i] = there ? static_cast<float>(bounded) : 0.0f;
    out.mask[i] = there ? 1.0f : 0.0f;
  }
  for (std::size_t i = 0; i < width; ++i) out.z[i] = fast_asinh(out.z[i]);
}

void observe_block(channel_block& b, const double* values, const tick_weights& w, block_scores& s) {
  for (std::size_t i = 0; i < width; ++i) {
    const double y = (values[i] - b.center[i]) / static_cast<double>(b.scale[i]);
    const float bounded =
        values[i] == values[i] ? static_cast<float>(y > 1e4 ? 1e4 : (y < -1e4 ? -1e4 : y)) : 0.0f;
    const float m = s.mask[i];
    b.y_short[i] += m * rate_of(w.y_short, b.count[i]) * (bounded - b.y_short[i]);
    b.y_long[i] += m * rate_of(w.y_long, b.count[i]) * (bounded - b.y_long[i]);
  }
  const float adjacent = w.adjacent ? 1.0f : 0.0f;
  for (std::size_t i = 0; i < width; ++i) {
    const float m = s.mask[i];
    const float shape = b.shape0[i] + w.shape_at * (b.shape1[i] - b.shape0[i]);
    const float base = b.level[i] + b.shape_weight[i] * shape;
    const float d = m * (s.z[i] - base);
    const float phi = clamped(b.product1[i] / (b.product0[i] + 1e-6f), 0.0f, 0.98f) * adjacent *
                      (b.missed[i] < 0.5f ? 1.0f : 0.0f);
    s.expected[i] = base;
    s.change[i] = m * (d - phi * b.previous[i]);
    b.fast[i] += m * rate_of(w.fast, b.count[i]) * (d - b.fast[i]);
    b.slow[i] += m * rate_of(w.slow, b.count[i]) * (d - b.slow[i]);
    b.slower[i] += m * rate_of(w.slower, b.count[i]) * (d - b.slower[i]);
    s.before[i] = b.previous[i];
    b.previous[i] = m > 0 ? d : b.previous[i];
    const float ready = b.count[i] >= warm_after ? m : 0.0f;
    s.ready[i] = ready;
    const float floor = b.spread_floor[i];
    s.residual[i] =
        ready * scaled_by(stretched(s.change[i]), b.residual_spread[i], b.residual_tail[i], floor);
    s.fast[i] = ready * scaled_by(stretched(b.fast[i]), b.fast_spread[i], b.fast_tail[i], floor);
    s.slow[i] = ready * scaled_by(stretched(b.slow[i]), b.slow_spread[i], b.slow_tail[i], floor);
    s.trend[i] = ready * scaled_by(stretched(b.slow[i] - b.slower[i]), b.trend_spread[i],
                                   b.trend_tail[i], floor);
    b.last_z[i] = m > 0 ? s.z[i] : b.last_z[i];
    b.missed[i] = m > 0 || b.count[i] == 0 ? 0.0f : smaller(b.missed[i] + 1.0f, most_count);
  }
}

void learn_block(channel_block& b, const tick_weights& w, const block_scores& s) {
  for (std::size_t i = 0; i < width; ++i) {
    const float m = s.mask[i];
    const float z = s.z[i];
    const float n = b.count[i];
    const float shape = b.shape0[i] + w.shape_at * (b.shape1[i] - b.shape0[i]);
    const float d = m * (z - b.level[i] - b.shape_weight[i] * shape);
    const float wide = larger(3.0f * b.error_level[i], b.spread_floor[i]);
    b.error_level[i] += m * rate_of(w.spread, n) *
                        (smaller(std::fabs(z - b.level[i]), 2 * wide) - b.error_level[i]);
    b.error_shape[i] += m * rate_of(w.spread, n) *
                        (smaller(std::fabs(z - b.level[i] - shape), 2 * wide) - b.error_shape[i]);
    b.level[i] += m * rate_of(w.level, n) * clamped(d, -wide, wide);
    b.visit_sum[i] += m * clamped(z - b.level[i], -2 * wide, 2 * wide);
    b.visit_count[i] += m;

    const float bounded = clamped(d, -wide, wide);
    const float rate = rate_of(w.spread, n);
    b.product0[i] += m * rate * (bounded * bounded - b.product0[i]);
    b.product1[i] += m * rate * (bounded * clamped(s.before[i], -wide, wide) - b.product1[i]);

    const float eta = m * larger(w.quantile, 2.0f / (n + 10.0f));
    b.q05[i] = quantile_step(b.q05[i], z, 0.05f, eta);
    b.q25[i] = quantile_step(b.q25[i], z, 0.25f, eta);
    b.q50[i] = quantile_step(b.q50[i], z, 0.50f, eta);
    b.q75[i] = quantile_step(b.q75[i], z, 0.75f, eta);
    b.q95[i] = quantile_step(b.q95[i], z, 0.95f, eta);
    b.q999[i] = quantile_step(b.q999[i], z, 0.999f, 4.0f * eta);
  }
  for (std::size_t i = 0; i < width; ++i) {
    const float n = b.count[i];
    const float on = s.mask[i];
    const float ready = s.ready[i];
    const float rate = rate_of(w.spread, n);
    const float tail = larger(w.tail, 2.0f / (n + 20.0f));
    const float floor = b.spread_floor[i];
    learn_spread(b.residual_spread[i], b.residual_tail[i], stretched(s.change[i]), s.residual[i],
                 on, rate, ready * tail, floor);
    learn_spread(b.fast_spread[i], b.fast_tail[i], stretched(b.fast[i]), s.fast[i], on, rate,
                 ready * tail, floor);
    learn_spread(b.slow_spread[i], b.slow_tail[i], stretched(b.slow[i]), s.slow[i], on, rate,
                 ready * tail, floor);
    learn_spread(b.trend_spread[i], b.trend_tail[i], stretched(b.slow[i] - b.slower[i]), s.trend[i],
                 on, rate, ready * tail, floor);
    b.count[i] = smaller(n + on, most_count);
  }
}

void quantile_base(const channel_block& b, std::size_t i, double& center, double& scale) {
  center = raw_of(b, i, b.q50[i]);
  const double iqr = raw_of(b, i, b.q75[i]) - raw_of(b, i, b.q25[i]);
  const double wide = raw_of(b, i, b.q95[i]) - raw_of(b, i, b.q05[i]);
  scale = std::max({iqr / 1.349, wide / 3.29, scale_floor(b, i, center)});
}

void rebase_channel(channel_block& b, std::size_t i, double center, double scale) {
  channel_block old = b;
  b.center[i] = std::clamp(center, -1e300, 1e300);
  b.scale[i] = static_cast<float>(std::clamp(scale, 1e-9, 1e30));
  const auto moved = [&](float z) { return static_cast<float>(z_of(b, i, raw_of(old, i, z))); };
  for (auto* lane : {&b.q05, &b.q25, &b.q50, &b.q75, &b.q95, &b.q999, &b.last_z})
    (*lane)[i] = moved((*lane)[i]);
  const float level = moved(old.level[i]);
  for (auto* lane : {&b.shape0, &b.shape1}) (*lane)[i] = moved(old.level[i] + (*lane)[i]) - level;
  b.level[i] = level;
  // How much a small step in z grows or shrinks around the level.
  const double before = old.scale[i] * std::cosh(std::clamp<double>(old.level[i], -20, 20));
  const double after = b.scale[i] * std::cosh(std::clamp<double>(level, -20, 20));
  const auto ratio = static_cast<float>(std::clamp(before / after, 1e-3, 1e3));
  for (auto* lane :
       {&b.error_level, &b.error_shape, &b.visit_sum, &b.previous, &b.fast, &b.slow, &b.slower,
        &b.residual_spread, &b.fast_spread, &b.slow_spread, &b.trend_spread})
    (*lane)[i] = clamped((*lane)[i] * ratio, -most_spread, most_spread);
  for (auto* lane : {&b.product0, &b.product1})
    (*lane)[i] = clamped((*lane)[i] * ratio * ratio, -most_spread, most_spread);
  for (auto* lane : {&b.y_short, &b.y_long}) {
    const double y = (*lane)[i] * static_cast<double>(old.scale[i]) / b.scale[i] +
                     (old.center[i] - b.center[i]) / b.scale[i];
    (*lane)[i] = static_cast<float>(std::clamp(y, -1e4, 1e4));
  }
  const bool grain = scale <= 1.05 * scale_floor(b, i, center);
  b.spread_floor[i] = grain ? 0.3f : 0.08f;
}

}  // namespace faultline
