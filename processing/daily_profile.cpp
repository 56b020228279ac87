// SPDX-License-Identifier: Apache-2.0
#include "processing/daily_profile.hpp"

#include <algorithm>
#include <cmath>

#include "processing/fast_math.hpp"

namespace faultline {
namespace {

constexpr std::int64_t half_hour_ms = 1'800'000;
constexpr float unit = 1024.0f;
constexpr float newest_weight = 0.15f;  // of one day's mean once many were seen

std::int16_t packed(float z) noexcept {
  return static_cast<std::int16_t>(std::lrint(clamped(z, -31.9f, 31.9f) * unit));
}

}  // namespace

profile_place place_of(event_time t, std::int64_t tick_ms) noexcept {
  const std::int64_t ms = std::max<std::int64_t>(unix_ms(t), 0);
  const std::int64_t halves = ms / half_hour_ms;
  const std::int64_t day = halves / daily_profile::bins;
  const float inside = static_cast<float>(ms % half_hour_ms) / static_cast<float>(half_hour_ms);
  profile_place p;
  p.bin = static_cast<int>(halves % daily_profile::bins);
  p.weekend = (day + 3) % 7 >= 5;  // 1970-01-01 was a Thursday
  p.left = p.bin;
  if (tick_ms > half_hour_ms) return p;
  if (inside < 0.5f) p.left = (p.bin + daily_profile::bins - 1) % daily_profile::bins;
  p.at = inside < 0.5f ? inside + 0.5f : inside - 0.5f;
  return p;
}

float daily_profile::value(std::size_t channel, bool weekend, int bin) const noexcept {
  const float weekday = seen_at(channel, 0, bin) / unit;
  const auto seen = static_cast<float>(days_[0][bin]);
  const float own = weekday * (seen / (seen + 1.0f));
  if (!weekend) return own;
  const auto seen_weekend = static_cast<float>(days_[1][bin]);
  return (seen_at(channel, 1, bin) / unit * seen_weekend + own) / (seen_weekend + 1.0f);
}

std::int16_t& daily_profile::bin_of(std::size_t channel, int kind, int bin) {
  auto& values = values_[kind];
  if (!values) values = std::make_unique<day[]>(channels_);
  return values[channel][bin];
}

void daily_profile::grow(std::size_t channels) {
  for (auto& kind : values_) {
    if (!kind) continue;
    auto wider = std::make_unique<day[]>(channels);
    std::copy_n(kind.get(), channels_, wider.get());
    kind = std::move(wider);
  }
  channels_ = static_cast<std::uint16_t>(channels);
}

void daily_profile::enter(event_time now, std::int64_t tick_ms, bool learning,
                          std::vector<channel_block>& blocks) {
  if (channels_ < blocks.size() * channel_block::width) grow(blocks.size() * channel_block::width);
  const auto half_hour = static_cast<std::int32_t>(unix_ms(now) / half_hour_ms);
  const bool ended = half_hour != half_hour_;
  if (ended) {
    if (half_hour_ >= 0 && learning) fold(blocks);
    half_hour_ = half_hour;
    for (auto& b : blocks) {
      std::fill(std::begin(b.visit_sum), std::end(b.visit_sum), 0.0f);
      for (std::size_t i = 0; i < channel_block::width; ++i) b.set_visits(i, 0);
    }
  }
  const auto place = place_of(now, tick_ms);
  if (ended || aimed_ != place.left || aimed_weekend_ != (place.weekend ? 1 : 0)) {
    aim(place, blocks);
    aimed_ = static_cast<std::int16_t>(place.left);
    aimed_weekend_ = place.weekend ? 1 : 0;
  }
}

// The half hour that has ended becomes one more day of its bin.
void daily_profile::fold(std::vector<channel_block>& blocks) {
  const auto place = place_of(event_time_of(half_hour_ * half_hour_ms), 0);
  const int kind = place.weekend ? 1 : 0;
  auto& days = days_[kind][place.bin];
  const float weight = std::max(newest_weight, 1.0f / (static_cast<float>(days) + 1.0f));
  bool any = false;
  for (std::size_t c = 0; c < blocks.size() * channel_block::width; ++c) {
    auto& b = blocks[c / channel_block::width];
    const auto i = c % channel_block::width;
    if (b.visits(i) == 0) continue;
    any = true;
    const float mean = b.visit_sum[i] / b.visits(i);
    auto& value = bin_of(c, kind, place.bin);
    const float old = value / unit;
    value = packed(old + weight * (mean - old));
    // The profile counts as far as it explains what the level alone does not.
    const float gain = 1.0f - (b.error_shape[i] + 1e-3f) / (b.error_level[i] + 1e-3f);
    b.shape_weight[i] = clamped(gain * 6.0f, 0.0f, 1.0f);
  }
  if (any && days < 255) ++days;
}

void daily_profile::aim(const profile_place& place, std::vector<channel_block>& blocks) const {
  const int right = (place.left + 1) % bins;
  for (std::size_t c = 0; c < blocks.size() * channel_block::width; ++c) {
    auto& b = blocks[c / channel_block::width];
    b.shape0[c % channel_block::width] = value(c, place.weekend, place.left);
    b.shape1[c % channel_block::width] = value(c, place.weekend, right);
  }
}

void daily_profile::forget(std::size_t channel) noexcept {
  if (channel >= channels_) return;
  for (auto& kind : values_)
    if (kind) kind[channel].fill(0);
}

void daily_profile::rebase(std::size_t channel, const channel_block& old,
                           const channel_block& now) {
  if (channel >= channels_) return;
  const auto i = channel % channel_block::width;
  for (auto& kind : values_) {
    if (!kind) continue;
    for (auto& bin : kind[channel]) {
      if (bin == 0) continue;
      const double raw = raw_of(old, i, old.level[i] + bin / unit);
      bin = packed(static_cast<float>(z_of(now, i, raw)) - now.level[i]);
    }
  }
}

void daily_profile::save(byte_writer& out) const {
  out.put(days_);
  out.put(half_hour_);
  out.put(aimed_);
  out.put(aimed_weekend_);
  out.put(channels_);
  for (std::size_t c = 0; c < channels_; ++c)
    for (const auto& kind : values_) out.put(kind ? kind[c] : day{});
}

bool daily_profile::restore(byte_reader& in, std::size_t channels) {
  std::uint16_t count = 0;
  in.get(days_);
  in.get(half_hour_);
  in.get(aimed_);
  in.get(aimed_weekend_);
  if (!in.get(count) || count > channels || aimed_ >= bins || aimed_ < -1) return false;
  channels_ = count;
  values_ = {};
  for (std::size_t c = 0; c < channels_; ++c) {
    for (auto& kind : values_) {
      day read;
      if (!in.get(read)) return false;
      if (!kind && std::all_of(read.begin(), read.end(), [](auto bin) { return bin == 0; }))
        continue;
      if (!kind) kind = std::make_unique<day[]>(channels_);
      kind[c] = read;
    }
  }
  return in.ok();
}

}  // namespace faultline
