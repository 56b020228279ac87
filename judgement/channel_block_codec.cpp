// SPDX-License-Identifier: Apache-2.0
#include "judgement/channel_block_codec.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <type_traits>

namespace faultline {
namespace {

constexpr std::size_t width = channel_block::width;
using lane = channel_block::lane;

static_assert(std::is_trivially_copyable_v<channel_block>);

/// Pieces of a block between which others stand in a snapshot.
struct piece {
  std::size_t begin, end;
};
constexpr piece values{0, offsetof(channel_block, q05)};
constexpr piece levels{offsetof(channel_block, q05), offsetof(channel_block, fast)};
constexpr piece means{offsetof(channel_block, fast), offsetof(channel_block, usual)};
constexpr piece deviations{offsetof(channel_block, usual), offsetof(channel_block, away)};
constexpr piece ends{offsetof(channel_block, away), offsetof(channel_block, tally)};

bool get(byte_reader& in, channel_block& b, piece p) {
  return in.get_bytes(reinterpret_cast<char*>(&b) + p.begin, p.end - p.begin);
}

void put(byte_writer& out, const channel_block& b, piece p) {
  out.put_bytes(reinterpret_cast<const char*>(&b) + p.begin, p.end - p.begin);
}

/// What a block keeps in its tally.
struct loose_lanes {
  lane seen, visits, floor;
};

bool pack(const loose_lanes& from, channel_block& b) {
  if (!all_finite(from.seen, width) || !all_finite(from.visits, width)) return false;
  for (std::size_t i = 0; i < width; ++i) {
    const auto whole = [](float n, std::uint32_t most) {
      return static_cast<std::uint32_t>(std::clamp(n, 0.0f, static_cast<float>(most)));
    };
    b.set_seen(i, whole(from.seen[i], channel_block::most_seen));
    b.set_visits(i, whole(from.visits[i], channel_block::most_visits));
    b.set_grain(i, from.floor[i] > 0.2f);
  }
  return true;
}

bool is_sound(const channel_block& b) {
  if (!all_finite(b.center, width) || !all_finite(b.last, width)) return false;
  constexpr std::size_t doubles = sizeof b.center + sizeof b.last;
  std::array<float, (offsetof(channel_block, tally) - doubles) / sizeof(float)> floats;
  std::memcpy(floats.data(), reinterpret_cast<const char*>(&b) + doubles, sizeof floats);
  return all_finite(floats.data(), floats.size()) &&
         std::all_of(std::begin(b.scale), std::end(b.scale), [](float scale) { return scale > 0; });
}

/// Up to `fast`. Versions 1 to 4 have two lanes behind `seen` that nothing read.
bool read_head(std::uint8_t version, byte_reader& in, channel_block& b, loose_lanes& loose) {
  std::array<lane, 2> unread;
  return get(in, b, values) && in.get(loose.seen) && (version > 4 || in.get(unread)) &&
         get(in, b, levels) && in.get(loose.visits);
}

bool read_block(std::uint8_t version, byte_reader& in, channel_block& b) {
  loose_lanes loose;
  return read_head(version, in, b, loose) && get(in, b, means) && get(in, b, deviations) &&
         in.get(loose.floor) && get(in, b, ends) && pack(loose, b) && is_sound(b);
}

/// The part of a block of versions 1 to 3 that this one has not.
struct block_rest_3 {
  lane previous, product0, product1;
  lane fast, slow, slower, y_short, y_long;
  lane spread_and_tail[8];  ///< residual, fast, slow, trend
  lane spread_floor;
};

void take_rest_3(const block_rest_3& old, channel_block& b) {
  static_assert(means.end - means.begin == 5 * sizeof b.fast);
  std::memcpy(b.fast, old.fast, 5 * sizeof b.fast);  // to y_long
  for (std::size_t i = 0; i < width; ++i) {
    const auto take = [&](deviation d, std::size_t from) {
      b.usual[d].spread[i] = old.spread_and_tail[from][i];
      b.usual[d].tail[i] = old.spread_and_tail[from + 1][i];
    };
    take(tick_minutes, 0);
    take(fast_profile, 2), take(fast_hours, 2);
    take(slow_profile, 4), take(slow_hours, 6);
    for (const auto d : {tick_profile, tick_hours}) b.usual[d].spread[i] = b.error_level[i];
  }
}

bool read_block_3(std::uint8_t version, byte_reader& in, channel_block& b) {
  clear_block(b);
  loose_lanes loose;
  block_rest_3 rest{};
  if (!read_head(version, in, b, loose) || !in.get(rest)) return false;
  std::memcpy(loose.floor, rest.spread_floor, sizeof loose.floor);
  take_rest_3(rest, b);
  return pack(loose, b) && is_sound(b);
}

}  // namespace

void write_blocks(byte_writer& out, const std::vector<channel_block>& blocks) {
  out.put(static_cast<std::uint8_t>(blocks.size()));
  for (const auto& b : blocks) {
    loose_lanes loose;
    for (std::size_t i = 0; i < width; ++i)
      loose.seen[i] = b.seen(i), loose.visits[i] = b.visits(i), loose.floor[i] = b.spread_floor(i);
    put(out, b, values);
    out.put(loose.seen);
    put(out, b, levels);
    out.put(loose.visits);
    put(out, b, means);
    put(out, b, deviations);
    out.put(loose.floor);
    put(out, b, ends);
  }
}

bool read_blocks(std::uint8_t version, byte_reader& in, std::size_t channels,
                 std::vector<channel_block>& blocks) {
  std::uint8_t count = 0;
  if (!in.get(count) || count != (channels + width - 1) / width) return false;
  blocks.resize(count);
  return std::all_of(blocks.begin(), blocks.end(), [&](channel_block& b) {
    return version < 4 ? read_block_3(version, in, b) : read_block(version, in, b);
  });
}

}  // namespace faultline
