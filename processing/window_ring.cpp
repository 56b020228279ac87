// SPDX-License-Identifier: Apache-2.0
#include "processing/window_ring.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "messages/version.hpp"
#include "processing/fast_math.hpp"
#include "processing/prefetch.hpp"
#include "processing/wide_math.hpp"

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

/// z codes of one channel around another middle and scale: what value_code(z_of(now, raw_of(old,
/// z))) says, to the last bit.
class recoder {
public:
  recoder(const channel_block& old, const channel_block& now, std::size_t lane) noexcept
      : old_{old},
        now_{now},
        lane_{lane},
        factor_{static_cast<double>(old.scale[lane]) / now.scale[lane]},
        shift_{(old.center[lane] - now.center[lane]) / now.scale[lane]},
        usual_{factor_ < 1e3 && std::fabs(shift_) < 1e3 &&
               // beyond that the raw value between the two is rounded by more than we may be off
               std::max(std::fabs(old.center[lane]), std::fabs(now.center[lane])) <
                   1e7 * static_cast<double>(now.scale[lane])} {}

  /// Codes of values, all but the missing ones, in place.
  template <class CodeAt>
  void values(std::size_t count, CodeAt code_at) const noexcept {
    std::array<double, window_ring::ticks> far{};
    for (std::size_t n = 0; n < count; ++n)
      if (code_at(n) != window_ring::missing) far[n] = along(window_ring::sinh_z(code_at(n)));
    asinh_all(far.data(), count);
    for (std::size_t n = 0; n < count; ++n) {
      auto& code = code_at(n);
      if (code == window_ring::missing) continue;
      const float z = window_ring::z(code);
      const auto sure = nearest(z, far[n], value_unit);
      code = sure ? static_cast<std::int16_t>(*sure) : value_code(moved(z));
    }
  }
  /// Most are as the one before.
  std::int8_t expected(std::int8_t code) noexcept {
    if (code != last_ || !known_) {
      const float z = code / expected_unit;
      const auto sure = nearest(z, quick_asinh(along(quick_sinh(z))), expected_unit);
      answer_ = sure ? static_cast<std::int8_t>(std::clamp(*sure, -127.0, 127.0))
                     : expected_code(moved(z));
      last_ = code;
      known_ = true;
    }
    return answer_;
  }

private:
  double along(double sinh_z) const noexcept { return sinh_z * factor_ + shift_; }
  /// Where @p z comes to, which is @p far, times @p unit and rounded. Off by less than 1e-8 before
  /// it is rounded; a float's own rounding comes to 1e-3 of a code. Near the middle between two
  /// codes that is not enough to know which it is: nothing.
  std::optional<double> nearest(float z, double far, float unit) const noexcept {
    if (!usual_ || !(std::fabs(z) < 8.0f)) return std::nullopt;
    const double at = far * static_cast<double>(unit);
    const double rounded = std::nearbyint(at);
    if (!(std::fabs(far) < 15.9 && std::fabs(at - rounded) < 0.49)) return std::nullopt;
    return rounded;
  }
  float moved(double z) const noexcept {
    return static_cast<float>(z_of(now_, lane_, raw_of(old_, lane_, z)));
  }
  const channel_block& old_;
  const channel_block& now_;
  std::size_t lane_;
  double factor_, shift_;
  bool usual_;
  bool known_ = false;
  std::int8_t last_ = 0, answer_ = 0;
};

std::uint32_t gap_between(std::int64_t before, std::int64_t now) noexcept {
  constexpr std::int64_t longest = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(now - before, 0, longest));
}

}  // namespace

float spread_of(const channel_block& b, std::size_t lane) noexcept {
  const float w = b.shape_weight[lane];
  const float spread = w * b.error_shape[lane] + (1.0f - w) * b.error_level[lane];
  return std::max(spread, 0.5f * b.spread_floor(lane));
}

float band_of(const channel_block& b, std::size_t lane) noexcept {
  // The scale knows at once of a young channel what its quantiles are still on their way to.
  const double scaled =
      b.seen(lane) < window_ring::ticks ? static_cast<double>(b.scale[lane]) : 0.0;
  const double low =
      std::min(raw_of(b, lane, std::min(b.q05[lane], b.level[lane])), b.center[lane] - scaled);
  const double high =
      std::max(raw_of(b, lane, std::max(b.q95[lane], b.level[lane])), b.center[lane] + scaled);
  const double beyond = 0.5 * (high - low);
  const float up = static_cast<float>(z_of(b, lane, high + beyond)) - b.level[lane];
  const float down = b.level[lane] - static_cast<float>(z_of(b, lane, low - beyond));
  const float narrowest = 0.5f * b.spread_floor(lane);
  return std::max(std::min(3.5f * spread_of(b, lane), std::max(up, down)), 3.5f * narrowest);
}

namespace {

float raw_at(double center, double scale, double sinh_z) noexcept {
  return static_cast<float>(std::clamp(center + sinh_z * scale, -3.4e38, 3.4e38));
}

/// quick_sinh() of each code, by code + 32768: half a MiB instead of an exponential for every value
/// that is read.
const double* sinh_of_codes() {
  static const auto table = [] {
    std::vector<double> sinh(std::size_t{1} << 16);
    for (std::size_t n = 0; n < sinh.size(); ++n)
      sinh[n] = quick_sinh(window_ring::z(static_cast<std::int16_t>(static_cast<int>(n) - 32768)));
    return sinh;
  }();
  return table.data() + 32768;
}

}  // namespace

double window_ring::sinh_z(std::int16_t code) noexcept { return sinh_of_codes()[code]; }

float value_of_code(double center, double scale, std::int16_t code, window_detail detail) noexcept {
  if (code == window_ring::missing) return std::numeric_limits<float>::quiet_NaN();
  if (detail == window_detail::bands) return shown_value(center, scale, window_ring::z(code));
  return raw_at(center, scale, window_ring::sinh_z(code));
}

float shown_value(double center, double scale, double z) noexcept {
  const float value = raw_at(center, scale, quick_sinh(z));
  if (std::fabs(z) >= 15.99) return value;
  const double size = std::fabs(static_cast<double>(value));
  // A float has no more digits than this either.
  const double off = std::max(scale * std::cosh(z) / static_cast<double>(value_unit), size * 1e-7);
  if (!(off > 0) || !std::isfinite(off) || off > 1e37) return value;
  for (double grain = std::pow(10.0, std::ceil(std::log10(std::max(size, off)))); grain > off;
       grain /= 10) {
    const double rounded = std::nearbyint(value / grain) * grain;
    if (std::fabs(rounded - static_cast<double>(value)) <= off)
      return static_cast<float>(rounded + 0.0);  // and not -0
  }
  const double grain = std::pow(10.0, std::floor(std::log10(off)));
  return static_cast<float>(std::nearbyint(value / grain) * grain);
}

window_ring::row window_ring::empty_row() noexcept {
  row r{};
  r.values.fill(missing);
  return r;
}

window_ring::row& window_ring::row_at(std::size_t back, std::size_t channel) noexcept {
  return rows_[slot(back) * width_ + channel / channel_block::width];
}

const window_ring::row& window_ring::row_at(std::size_t back, std::size_t channel) const noexcept {
  return rows_[slot(back) * width_ + channel / channel_block::width];
}

event_time window_ring::ts(std::size_t back) const noexcept {
  std::int64_t ms = newest_ms_;
  for (std::size_t later = 0; later < back; ++later) ms -= gaps_[slot(later)];
  return event_time_of(ms);
}

void window_ring::prefetch_next() const noexcept {
  if (rows_.empty()) return;
  prefetch(&rows_[next_ * width_], width_ * sizeof(row));
  prefetch(&gaps_[next_], sizeof gaps_[0]);
  if (pushed_ != 0) prefetch(&row_at(0, 0), width_ * sizeof(row));
}

void window_ring::push(event_time ts, const block_scores* scores, std::size_t blocks) {
  if (blocks != width_) {  // a new block of channels: spread the rows
    std::vector<row> wider(ticks * blocks, empty_row());
    for (std::size_t s = 0; s < ticks && width_ != 0; ++s)
      std::copy_n(rows_.begin() + static_cast<std::ptrdiff_t>(s * width_), width_,
                  wider.begin() + static_cast<std::ptrdiff_t>(s * blocks));
    rows_.swap(wider);
    width_ = static_cast<std::uint16_t>(blocks);
  }
  gaps_.resize(ticks);
  gaps_[next_] = size_ == 0 ? 0 : gap_between(newest_ms_, unix_ms(ts));
  newest_ms_ = unix_ms(ts);
  for (std::size_t b = 0; b < blocks; ++b) {
    auto& to = rows_[next_ * blocks + b];
    for (std::size_t i = 0; i < channel_block::width; ++i) {
      to.values[i] = scores[b].mask[i] > 0 ? value_code(scores[b].z[i]) : missing;
      to.expected[i] = expected_code(scores[b].expected[i]);
    }
  }
  next_ = static_cast<std::uint8_t>((next_ + 1U) % ticks);
  size_ = static_cast<std::uint8_t>(std::min<std::size_t>(size_ + 1U, ticks));
  ++pushed_;
}

std::int16_t window_ring::code(std::size_t back, std::size_t channel) const noexcept {
  if (channel >= width_ * channel_block::width) return missing;
  return row_at(back, channel).values[channel % channel_block::width];
}

float window_ring::expected(std::size_t back, std::size_t channel) const noexcept {
  if (channel >= width_ * channel_block::width) return 0.0f;
  return row_at(back, channel).expected[channel % channel_block::width] / expected_unit;
}

void window_ring::forget(std::size_t channel) noexcept {
  if (channel >= width_ * channel_block::width) return;
  const auto i = channel % channel_block::width;
  for (std::size_t back = 0; back < size_; ++back) {
    row_at(back, channel).values[i] = missing;
    row_at(back, channel).expected[i] = 0;
  }
}

void window_ring::rebase(std::size_t channel, const channel_block& old, const channel_block& now) {
  if (channel >= width_ * channel_block::width) return;
  const auto i = channel % channel_block::width;
  recoder recode{old, now, i};
  recode.values(
      size_, [&](std::size_t back) -> auto& { return row_at(back, channel).values[i]; });
  for (std::size_t back = 0; back < size_; ++back) {
    auto& expected = row_at(back, channel).expected[i];
    expected = recode.expected(expected);
  }
}

// ring := channels(u16) ticks(u8) pushed(u64) oldest(i64, ms) gap(u32, ms)* value(i16)*
// expected(i8)*, oldest tick first
void window_ring::save(byte_writer& out) const {
  out.put(static_cast<std::uint16_t>(width_ * channel_block::width));
  out.put(size_);
  out.put(pushed_);
  out.put(size_ == 0 ? std::int64_t{0} : unix_ms(ts(size_ - 1U)));
  for (std::size_t back = size_; back-- > 0;)
    out.put(back + 1 == size_ ? std::uint32_t{0} : gaps_[slot(back)]);
  for (std::size_t back = size_; back-- > 0;)
    for (std::size_t b = 0; b < width_; ++b) out.put(row_at(back, b * channel_block::width).values);
  for (std::size_t back = size_; back-- > 0;)
    for (std::size_t b = 0; b < width_; ++b)
      out.put(row_at(back, b * channel_block::width).expected);
}

bool window_ring::restore(byte_reader& in, std::size_t channels) {
  std::uint16_t width = 0;
  in.get(width);
  in.get(size_);
  in.get(pushed_);
  if (!in.get(newest_ms_) || width > channels || width % channel_block::width != 0 || size_ > ticks)
    return false;
  width_ = static_cast<std::uint16_t>(width / channel_block::width);
  next_ = static_cast<std::uint8_t>(size_ % ticks);
  gaps_.assign(ticks, 0);
  for (std::size_t i = 0; i < size_; ++i) {
    in.get(gaps_[i]);
    newest_ms_ += gaps_[i];
  }
  rows_.assign(ticks * width_, empty_row());
  for (std::size_t i = 0; i < std::size_t{size_} * width_; ++i) in.get(rows_[i].values);
  for (std::size_t i = 0; i < std::size_t{size_} * width_; ++i) in.get(rows_[i].expected);
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

bool read_channel(byte_reader& in, std::size_t ticks, window_detail detail, packed_channel& c) {
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
  std::array<std::int16_t, window_ring::ticks> codes{};
  in.get_bytes(codes.data(), ticks * sizeof codes[0]);
  c.values.resize(ticks);
  c.expected.clear();
  const double* sinh = sinh_of_codes();
  for (std::size_t t = 0; t < ticks; ++t)
    c.values[t] = detail == window_detail::values && codes[t] != window_ring::missing
                      ? raw_at(c.center, c.scale, sinh[codes[t]])
                      : value_of_code(c.center, c.scale, codes[t], detail);
  std::array<std::int8_t, window_ring::ticks> expected{};
  in.get_bytes(expected.data(), ticks);
  for (std::size_t t = 0; t < ticks && detail == window_detail::bands; ++t) {
    c.expected.push_back(static_cast<float>(raw_of(b, 0, expected[t] / expected_unit)));
  }
  return in.ok();
}

}  // namespace

outcome<unpacked_block> unpack_block(std::string_view bytes, window_detail detail) {
  unpacked_block block;
  if (auto done = unpack_block(bytes, detail, block); !done) return done.error();
  return block;
}

outcome<void> unpack_block(std::string_view bytes, window_detail detail, unpacked_block& block) {
  byte_reader in{bytes};
  std::uint8_t version = 0, ticks = 0;
  std::uint16_t channels = 0;
  if (!in.get(version)) return failure{ec::malformed, "window block: empty"};
  if (auto known = check_version("window block", version, block_version); !known)
    return known.error();
  in.get(block.tick_ms);
  in.get(ticks);
  if (!in.get(channels) || ticks > window_ring::ticks || channels > tick_builder::max_channels)
    return failure{ec::malformed, "window block: header"};
  block.ts.clear();
  block.ts.reserve(ticks);
  for (std::uint8_t t = 0; t < ticks; ++t) {
    std::int64_t ms = 0;
    in.get(ms);
    block.ts.push_back(event_time_of(ms));
  }
  block.channels.resize(std::min<std::size_t>(channels, bytes.size()));
  for (auto& c : block.channels)
    if (!read_channel(in, ticks, detail, c)) return failure{ec::malformed, "window block: channel"};
  if (!in.at_end()) return failure{ec::malformed, "window block: length"};
  return {};
}

}  // namespace faultline
