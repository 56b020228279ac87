// SPDX-License-Identifier: Apache-2.0
#include "processing/window_ring.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "messages/version.hpp"
#include "processing/fast_math.hpp"

namespace faultline {
namespace {

constexpr float value_unit = 2047.0f;
constexpr float expected_unit = 16.0f;
constexpr std::uint8_t block_version = 1;

std::int16_t value_code(float z) noexcept {
  return static_cast<std::int16_t>(std::lrint(clamped(z, -16.0f, 16.0f) * value_unit));
}

std::int8_t expected_code(float z) noexcept {
  return static_cast<std::int8_t>(std::lrint(clamped(z * expected_unit, -127.0f, 127.0f)));
}

}  // namespace

float band_of(const channel_block& b, std::size_t lane) noexcept {
  const float w = b.shape_weight[lane];
  const float spread = w * b.error_shape[lane] + (1.0f - w) * b.error_level[lane];
  return 3.5f * std::max(spread, 0.5f * b.spread_floor[lane]);
}

void window_ring::push(event_time ts, const block_scores* scores, std::size_t blocks) {
  const std::size_t wanted = blocks * channel_block::width;
  if (wanted != width_) {  // a new block of channels: spread the rows
    std::vector<std::int16_t> values(ticks * wanted, missing);
    std::vector<std::int8_t> expected(ticks * wanted, 0);
    for (std::size_t s = 0; s < ticks && width_ != 0; ++s) {
      std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(s * width_), width_,
                  values.begin() + static_cast<std::ptrdiff_t>(s * wanted));
      std::copy_n(expected_.begin() + static_cast<std::ptrdiff_t>(s * width_), width_,
                  expected.begin() + static_cast<std::ptrdiff_t>(s * wanted));
    }
    values_.swap(values);
    expected_.swap(expected);
    width_ = wanted;
  }
  ts_[next_] = unix_ms(ts);
  auto* value = values_.data() + next_ * width_;
  auto* expect = expected_.data() + next_ * width_;
  for (std::size_t b = 0; b < blocks; ++b) {
    for (std::size_t i = 0; i < channel_block::width; ++i) {
      *value++ = scores[b].mask[i] > 0 ? value_code(scores[b].z[i]) : missing;
      *expect++ = expected_code(scores[b].expected[i]);
    }
  }
  next_ = (next_ + 1) % ticks;
  size_ = std::min(size_ + 1, ticks);
  ++pushed_;
}

std::int16_t window_ring::code(std::size_t back, std::size_t channel) const noexcept {
  return channel < width_ ? values_[slot(back) * width_ + channel] : missing;
}

float window_ring::expected(std::size_t back, std::size_t channel) const noexcept {
  return channel < width_ ? expected_[slot(back) * width_ + channel] / expected_unit : 0.0f;
}

void window_ring::rebase(std::size_t channel, const channel_block& old, const channel_block& now) {
  if (channel >= width_) return;
  const auto i = channel % channel_block::width;
  for (std::size_t back = 0; back < size_; ++back) {
    auto& value = values_[slot(back) * width_ + channel];
    auto& expect = expected_[slot(back) * width_ + channel];
    if (value != missing)
      value = value_code(static_cast<float>(z_of(now, i, raw_of(old, i, z(value)))));
    expect =
        expected_code(static_cast<float>(z_of(now, i, raw_of(old, i, expect / expected_unit))));
  }
}

void window_ring::save(byte_writer& out) const {
  out.put(static_cast<std::uint16_t>(width_));
  out.put(static_cast<std::uint8_t>(size_));
  out.put(pushed_);
  std::int64_t before = size_ == 0 ? 0 : unix_ms(ts(size_ - 1));
  out.put(before);
  for (std::size_t back = size_; back-- > 0;) {
    const std::int64_t now = unix_ms(ts(back));
    out.put(static_cast<std::uint32_t>(
        std::min<std::int64_t>(now - before, std::numeric_limits<std::uint32_t>::max())));
    before = now;
  }
  for (std::size_t back = size_; back-- > 0;)
    out.put_bytes(values_.data() + slot(back) * width_, width_ * sizeof(std::int16_t));
  for (std::size_t back = size_; back-- > 0;)
    out.put_bytes(expected_.data() + slot(back) * width_, width_);
}

bool window_ring::restore(byte_reader& in, std::size_t channels) {
  std::uint16_t width = 0;
  std::uint8_t size = 0;
  std::int64_t at = 0;
  in.get(width);
  in.get(size);
  in.get(pushed_);
  if (!in.get(at) || width > channels || width % channel_block::width != 0 || size > ticks)
    return false;
  width_ = width;
  size_ = size;
  next_ = size_ % ticks;
  ts_.fill(0);
  for (std::size_t i = 0; i < size_; ++i) {
    std::uint32_t delta = 0;
    in.get(delta);
    at += delta;
    ts_[i] = at;
  }
  values_.assign(ticks * width_, missing);
  expected_.assign(ticks * width_, 0);
  in.get_bytes(values_.data(), size_ * width_ * sizeof(std::int16_t));
  in.get_bytes(expected_.data(), size_ * width_);
  return in.ok();
}

// block := version(u8) tick_ms(i64) ticks(u8) channels(u16) ts(i64)* channel*
// channel := name(u8 length) kind(u8) role(u8) center(f64) scale(f32) band(f32)
//            value(i16)* expected(i8)*
std::string pack_block(const window_ring& ring, std::size_t count,
                       const std::vector<channel_info>& channels,
                       const std::vector<channel_block>& blocks,
                       const std::vector<std::uint8_t>& roles, std::int64_t tick_ms) {
  std::string bytes;
  byte_writer out{bytes};
  count = std::min(count, ring.size());
  bytes.reserve(16 + count * 8 + channels.size() * (40 + count * 3));
  out.put(block_version);
  out.put(tick_ms);
  out.put(static_cast<std::uint8_t>(count));
  out.put(static_cast<std::uint16_t>(channels.size()));
  for (std::size_t back = count; back-- > 0;) out.put(unix_ms(ring.ts(back)));
  for (std::size_t c = 0; c < channels.size(); ++c) {
    const auto& b = blocks[c / channel_block::width];
    const auto i = c % channel_block::width;
    out.put(static_cast<std::uint8_t>(channels[c].name.size()));
    out.put_bytes(channels[c].name.data(), channels[c].name.size());
    out.put(static_cast<std::uint8_t>(channels[c].kind));
    out.put(c < roles.size() ? roles[c] : std::uint8_t{255});
    out.put(b.center[i]);
    out.put(b.scale[i]);
    out.put(band_of(b, i));
    for (std::size_t back = count; back-- > 0;) out.put(ring.code(back, c));
    for (std::size_t back = count; back-- > 0;) out.put(expected_code(ring.expected(back, c)));
  }
  return bytes;
}

namespace {

bool read_channel(byte_reader& in, std::size_t ticks, packed_channel& c) {
  std::uint8_t size = 0, kind = 0;
  if (!in.get(size)) return false;
  c.name.resize(size);
  in.get_bytes(c.name.data(), size);
  in.get(kind);
  in.get(c.role);
  in.get(c.center);
  in.get(c.scale);
  if (!in.get(c.band) || kind > 1 || !std::isfinite(c.center) || !std::isfinite(c.scale) ||
      !(c.scale > 0) || !std::isfinite(c.band))
    return false;
  c.kind = static_cast<metric_kind>(kind);
  channel_block b{};
  b.center[0] = c.center;
  b.scale[0] = c.scale;
  for (std::size_t t = 0; t < ticks; ++t) {
    std::int16_t code = 0;
    in.get(code);
    c.values.push_back(code == window_ring::missing
                           ? std::numeric_limits<float>::quiet_NaN()
                           : static_cast<float>(raw_of(b, 0, window_ring::z(code))));
  }
  for (std::size_t t = 0; t < ticks; ++t) {
    std::int8_t code = 0;
    in.get(code);
    c.expected.push_back(static_cast<float>(raw_of(b, 0, code / expected_unit)));
  }
  return in.ok();
}

}  // namespace

outcome<unpacked_block> unpack_block(std::string_view bytes) {
  byte_reader in{bytes};
  std::uint8_t version = 0, ticks = 0;
  std::uint16_t channels = 0;
  unpacked_block block;
  if (!in.get(version)) return failure{ec::malformed, "window block: empty"};
  if (auto known = check_version("window block", version, block_version); !known)
    return known.error();
  in.get(block.tick_ms);
  in.get(ticks);
  if (!in.get(channels) || ticks > window_ring::ticks || channels > tick_builder::max_channels)
    return failure{ec::malformed, "window block: header"};
  for (std::uint8_t t = 0; t < ticks; ++t) {
    std::int64_t ms = 0;
    in.get(ms);
    block.ts.push_back(event_time_of(ms));
  }
  for (std::uint16_t c = 0; c < channels; ++c) {
    if (!read_channel(in, ticks, block.channels.emplace_back()))
      return failure{ec::malformed, "window block: channel"};
  }
  if (!in.at_end()) return failure{ec::malformed, "window block: length"};
  return block;
}

}  // namespace faultline
