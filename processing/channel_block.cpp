// SPDX-License-Identifier: Apache-2.0
#include "processing/channel_block.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "processing/fast_math.hpp"
#include "processing/wide.hpp"
#include "processing/wide_math.hpp"

namespace faultline {
namespace {

constexpr std::size_t width = channel_block::width;
constexpr float warm_after = 24;     // values before a channel is judged
constexpr float tail_share = 0.02f;  // beyond the 98th percentile
constexpr float first_tail = 3.0f;   // that percentile over the mean |.| of a normal law: 2.9
constexpr float percentile_decades = 1.69897f;  // of that percentile
constexpr float most_decades = 12;              // beyond, decades of one channel are words
constexpr float first_reach = 0.3f;
constexpr float least_reach = 0.05f;
constexpr float most_reaches = 3;    // times the mean that one disturbance may teach
constexpr float flat_share = 0.35f;  // of a shift that the last hours have not followed yet
constexpr float most_spread = 1e5f;
// Of what stands at zero: less than a step of any metric in any unit.
constexpr double least_scale = 1e-15;
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

// A deviation in z undone to robust standard deviations, as far as a polynomial goes: means are
// taken of z, where one outlier is little, and judged here, where far out is far out.
inline float stretched(float d) noexcept {
  const float x = clamped(d, -20.0f, 20.0f);
  const float x2 = x * x;
  return x * (1.0f + x2 * (1.0f / 6.0f) * (1.0f + x2 * 0.05f));
}

// Decades of rarity: a power law beyond the 98th percentile, an arc down to 0 before it.
inline float rarity_of(float ratio, float far, float reach) noexcept {
  const float a = smaller(std::fabs(ratio), 1.0f);
  const float r = percentile_decades * a * std::sqrt(a) + far / (2.302585f * reach);
  return smaller(r, most_decades);
}

}  // namespace

tick_weights weights_for(std::int64_t gap_ms) {
  const double gap = static_cast<double>(std::clamp<std::int64_t>(gap_ms, 1, 86'400'000));
  tick_weights w;
  w.slow = half_life(gap, 0.5 * hour_ms);
  w.slower = half_life(gap, 8 * hour_ms);
  w.y_short = half_life(gap, 0.25 * hour_ms);
  w.y_long = half_life(gap, 2 * hour_ms);
  w.level = half_life(gap, 48 * hour_ms);
  w.spread = half_life(gap, 24 * hour_ms);
  w.usual = half_life(gap, 7 * 24 * hour_ms);
  w.quantile = std::min(0.05f, 3.0f * half_life(gap, 7 * 24 * hour_ms));
  w.tail = std::min(0.05f, half_life(gap, 7 * 24 * hour_ms));
  w.reach = std::min(0.1f, 50.0f * half_life(gap, 14 * 24 * hour_ms));  // per exceedance
  w.hours = static_cast<float>(gap / hour_ms);
  w.cluster = static_cast<float>(std::max(0.5 * hour_ms / gap, 1.0));
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
  const double floor =
      std::max({static_cast<double>(b.step[i]), 1e-3 * std::fabs(center), least_scale});
  return std::min(floor, 1e30);
}

namespace {

void begin_channel(channel_block& b, std::size_t i, double value) {
  const double center = std::clamp(value, -1e300, 1e300);
  b.center[i] = center;
  b.last[i] = center;
  b.step[i] = 0;
  b.scale[i] = static_cast<float>(scale_floor(b, i, center));
  for (auto* lane : {&b.q05,         &b.q25,         &b.q50,       &b.q75,    &b.q95,
                     &b.q999,        &b.level,       &b.shape0,    &b.shape1, &b.shape_weight,
                     &b.error_level, &b.error_shape, &b.visit_sum, &b.fast,   &b.slow,
                     &b.slower,      &b.y_short,     &b.y_long,    &b.away,   &b.busy})
    (*lane)[i] = 0;
  for (auto& usual : b.usual)
    usual.spread[i] = 0, usual.tail[i] = first_tail, usual.reach[i] = first_reach;
  b.tally[i] = 0;
  b.set_grain(i, true);
  b.q25[i] = -0.6f, b.q75[i] = 0.6f, b.q05[i] = -1.2f, b.q95[i] = 1.2f, b.q999[i] = 2;
}

void note_step(channel_block& b, std::size_t i, double value) {
  const auto moved = static_cast<float>(std::min(std::fabs(value - b.last[i]), 1e30));
  if (!(moved > 0)) return;
  const bool first = b.step[i] == 0;
  b.step[i] = first ? moved : std::min(b.step[i], moved);
  if (first && b.seen(i) > 0 && moved > b.scale[i]) rebase_channel(b, i, b.center[i], moved);
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
    if (b.seen(i) == 0) begin_channel(b, i, value);
    note_step(b, i, value);
    b.last[i] = value;
  }
}

FAULTLINE_WIDE
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

namespace {

[[gnu::always_inline]] inline void judge_deviation(const channel_block& b,
                                                   const channel_block::usual_size& usual,
                                                   std::size_t d, block_scores& s) {
  for (std::size_t i = 0; i < width; ++i) {
    s.size[d][i] = stretched(s.size[d][i]);
    const float ratio =
        s.ready[i] * s.size[d][i] / (larger(usual.spread[i], b.spread_floor(i)) * usual.tail[i]);
    s.ratio[d][i] = ratio;
    s.far[d][i] = smaller(fast_ln(larger(std::fabs(ratio), 1.0f)), 10.0f);
    s.rare[d][i] = rarity_of(ratio, s.far[d][i], larger(usual.reach[i], least_reach));
  }
}

[[gnu::always_inline]] inline void learn_deviation(channel_block& b,
                                                   channel_block::usual_size& usual, std::size_t d,
                                                   const tick_weights& w, const block_scores& s) {
  for (std::size_t i = 0; i < width; ++i) {
    const float n = b.seen(i);
    const float on = s.mask[i];
    const float floor = b.spread_floor(i);
    const float clipped = smaller(std::fabs(s.size[d][i]), 4.0f * larger(usual.spread[i], floor));
    usual.spread[i] += on * rate_of(w.usual, n) * (clipped - usual.spread[i]);
    const bool beyond = s.far[d][i] > 0;
    const float up = beyond ? 1.0f - tail_share : -tail_share;
    const float w_tail = s.ready[i] * larger(w.tail, 2.0f / (n + 20.0f));
    usual.tail[i] = clamped(usual.tail[i] * (1.0f + w_tail * up), 2.0f, 30.0f);
    // What lasts is one disturbance and not as many as it has ticks.
    const float cluster = d >= slow_profile ? w.cluster : 1.0f + b.busy[i] * w.cluster;
    const float w_reach =
        beyond ? larger(w.reach, 1.0f / (20.0f + tail_share * n / cluster)) / cluster : 0.0f;
    const float most = most_reaches * larger(usual.reach[i], least_reach);
    usual.reach[i] += w_reach * (smaller(s.far[d][i], most) - usual.reach[i]);
  }
}

// One more value seen, and visited; branch-free.
inline void count_value(channel_block& b, std::size_t i, float mask) noexcept {
  const std::uint32_t on = mask > 0 ? 1U : 0U;
  const std::uint32_t word = b.tally[i];
  const std::uint32_t seen = (word & 0xfffffU) < channel_block::most_seen ? on : 0U;
  const std::uint32_t visit =
      (word >> 20 & channel_block::most_visits) < channel_block::most_visits ? on : 0U;
  b.tally[i] = word + seen + (visit << 20);
}

}  // namespace

FAULTLINE_WIDE
void observe_block(channel_block& b, const double* values, const tick_weights& w, block_scores& s) {
  for (std::size_t i = 0; i < width; ++i) {
    const double y = (values[i] - b.center[i]) / static_cast<double>(b.scale[i]);
    const float bounded =
        values[i] == values[i] ? static_cast<float>(y > 1e4 ? 1e4 : (y < -1e4 ? -1e4 : y)) : 0.0f;
    const float m = s.mask[i];
    b.y_short[i] += m * rate_of(w.y_short, b.seen(i)) * (bounded - b.y_short[i]);
    b.y_long[i] += m * rate_of(w.y_long, b.seen(i)) * (bounded - b.y_long[i]);
  }
  for (std::size_t i = 0; i < width; ++i) {
    const float m = s.mask[i];
    const float shape = b.shape0[i] + w.shape_at * (b.shape1[i] - b.shape0[i]);
    const float base = b.level[i] + b.shape_weight[i] * shape;
    const float d = m * (s.z[i] - base);
    s.expected[i] = base;
    s.ready[i] = b.seen(i) >= warm_after ? m : 0.0f;
    s.size[tick_profile][i] = d;
    s.size[tick_hours][i] = m * (d - b.slower[i]);
    s.size[tick_minutes][i] = m * (d - b.slow[i]);
    b.fast[i] += m * rate_of(w.fast, b.seen(i)) * (d - b.fast[i]);
    b.slow[i] += m * rate_of(w.slow, b.seen(i)) * (d - b.slow[i]);
    b.slower[i] += m * rate_of(w.slower, b.seen(i)) * (d - b.slower[i]);
    s.size[fast_profile][i] = m * b.fast[i];
    s.size[fast_hours][i] = m * (b.fast[i] - b.slower[i]);
    s.size[slow_profile][i] = m * b.slow[i];
    s.size[slow_hours][i] = m * (b.slow[i] - b.slower[i]);
  }
  for (std::size_t d = 0; d < deviation_count; ++d) judge_deviation(b, b.usual[d], d, s);
  for (std::size_t i = 0; i < width; ++i) {
    const float p = s.rare[tick_profile][i];
    const float h = s.rare[tick_hours][i];
    const float q = s.rare[tick_minutes][i];
    s.abrupt[i] = 0.5f * (p + h + q - larger(larger(p, h), q));
    s.lasting[i] = std::sqrt(s.rare[fast_profile][i] * s.rare[fast_hours][i]);
    s.drifting[i] = std::sqrt(s.rare[slow_profile][i] * s.rare[slow_hours][i]);
    const bool busy =
        std::fabs(s.ratio[fast_profile][i]) > 1.0f || std::fabs(s.ratio[fast_hours][i]) > 1.0f;
    b.busy[i] += s.mask[i] * w.slow * ((busy ? 1.0f : 0.0f) - b.busy[i]);
    const bool beyond = std::fabs(s.ratio[slow_profile][i]) > 1.0f;
    const float moved = b.y_long[i] - stretched(s.expected[i]);
    const bool flat = std::fabs(b.y_short[i] - b.y_long[i]) < flat_share * std::fabs(moved) &&
                      std::fabs(s.ratio[tick_minutes][i]) <= 1.0f;
    b.away[i] = larger(b.away[i] + s.mask[i] * (beyond && flat ? w.hours : -2.0f * w.hours), 0.0f);
  }
}

FAULTLINE_WIDE
void learn_block(channel_block& b, const tick_weights& w, const block_scores& s) {
  for (std::size_t i = 0; i < width; ++i) {
    const float m = s.mask[i];
    const float z = s.z[i];
    const float n = b.seen(i);
    const float shape = b.shape0[i] + w.shape_at * (b.shape1[i] - b.shape0[i]);
    const float d = m * (z - b.level[i] - b.shape_weight[i] * shape);
    const float wide = larger(3.0f * b.error_level[i], b.spread_floor(i));
    b.error_level[i] += m * rate_of(w.spread, n) *
                        (smaller(std::fabs(z - b.level[i]), 2 * wide) - b.error_level[i]);
    b.error_shape[i] += m * rate_of(w.spread, n) *
                        (smaller(std::fabs(z - b.level[i] - shape), 2 * wide) - b.error_shape[i]);
    b.level[i] += m * rate_of(w.level, n) * clamped(d, -wide, wide);
    const float room = b.visits(i) < channel_block::most_visits ? m : 0.0f;
    b.visit_sum[i] += room * clamped(z - b.level[i], -2 * wide, 2 * wide);

    const float eta = m * larger(w.quantile, 2.0f / (n + 10.0f));
    b.q05[i] = quantile_step(b.q05[i], z, 0.05f, eta);
    b.q25[i] = quantile_step(b.q25[i], z, 0.25f, eta);
    b.q50[i] = quantile_step(b.q50[i], z, 0.50f, eta);
    b.q75[i] = quantile_step(b.q75[i], z, 0.75f, eta);
    b.q95[i] = quantile_step(b.q95[i], z, 0.95f, eta);
    b.q999[i] = quantile_step(b.q999[i], z, 0.999f, 4.0f * eta);
  }
  for (std::size_t d = 0; d < deviation_count; ++d) learn_deviation(b, b.usual[d], d, w, s);
  for (std::size_t i = 0; i < width; ++i) count_value(b, i, s.mask[i]);
}

void quantile_base(const channel_block& b, std::size_t i, double& center, double& scale) {
  center = raw_of(b, i, b.q50[i]);
  const double iqr = raw_of(b, i, b.q75[i]) - raw_of(b, i, b.q25[i]);
  const double wide = raw_of(b, i, b.q95[i]) - raw_of(b, i, b.q05[i]);
  scale = std::max({iqr / 1.349, wide / 3.29, scale_floor(b, i, center)});
}

namespace {

/// Standardised values of one channel, noted and then moved together from one base to another.
class moved_values {
public:
  static constexpr std::size_t most = 32;
  /// @returns where the value stands in the list
  std::size_t note(float z) noexcept {
    z_[size_] = std::clamp<double>(z, -40.0, 40.0);
    return size_++;
  }
  void move(double old_center, double old_scale, double center, double scale) noexcept {
    sinh_all(z_.data(), z_.size());
    for (double& z : z_) z = std::clamp((old_center + z * old_scale - center) / scale, -1e15, 1e15);
    asinh_all(z_.data(), z_.size());
  }
  float operator[](std::size_t at) const noexcept { return static_cast<float>(z_[at]); }

private:
  std::array<double, most> z_{};
  std::size_t size_ = 0;
};

}  // namespace

void rebase_channel(channel_block& b, std::size_t i, double center, double scale) {
  const double old_center = b.center[i], old_scale = b.scale[i];
  b.center[i] = std::clamp(center, -1e300, 1e300);
  b.scale[i] = static_cast<float>(std::clamp(scale, least_scale, 1e30));
  const float level = b.level[i];
  const float visits = larger(b.visits(i), 1.0f);
  const std::array quantiles{&b.q05, &b.q25, &b.q50, &b.q75, &b.q95, &b.q999};
  const std::array shapes{&b.shape0, &b.shape1};
  const std::array deviations{&b.fast, &b.slow, &b.slower};
  const std::array errors{&b.error_level, &b.error_shape};

  // Deviations are undone to raw units and made anew, each from where it stood: far from the middle
  // a step in z is another step in raw units.
  static_assert(quantiles.size() + 1 + shapes.size() + deviations.size() + 1 + 2 * errors.size() +
                    2 * deviation_count <=
                moved_values::most);
  moved_values moved;
  for (auto* lane : quantiles) moved.note((*lane)[i]);
  moved.note(level);
  for (auto* lane : shapes) moved.note(level + (*lane)[i]);
  for (auto* lane : deviations) moved.note(level + (*lane)[i]);
  moved.note(level + b.visit_sum[i] / visits);
  const auto note_width = [&](float w) {
    moved.note(level + w);
    moved.note(level - w);
  };
  for (auto* lane : errors) note_width((*lane)[i]);
  for (auto& usual : b.usual) note_width(usual.spread[i]);
  moved.move(old_center, old_scale, b.center[i], static_cast<double>(b.scale[i]));

  std::size_t at = 0;
  for (auto* lane : quantiles) (*lane)[i] = moved[at++];
  b.level[i] = moved[at++];
  for (auto* lane : shapes) (*lane)[i] = moved[at++] - b.level[i];
  const auto next_deviation = [&] { return moved[at++] - b.level[i]; };
  for (auto* lane : deviations) (*lane)[i] = clamped(next_deviation(), -most_spread, most_spread);
  b.visit_sum[i] = clamped(next_deviation() * visits, -most_spread, most_spread);
  const auto next_width = [&] {
    const float up = next_deviation();
    return clamped(0.5f * (up - next_deviation()), 0, most_spread);
  };
  for (auto* lane : errors) (*lane)[i] = next_width();
  for (auto& usual : b.usual) usual.spread[i] = next_width();
  for (auto* lane : {&b.y_short, &b.y_long}) {
    const double y = (*lane)[i] * old_scale / b.scale[i] + (old_center - b.center[i]) / b.scale[i];
    (*lane)[i] = static_cast<float>(std::clamp(y, -1e4, 1e4));
  }
  b.set_grain(i, scale <= 1.05 * scale_floor(b, i, center));
}

}  // namespace faultline
