// SPDX-License-Identifier: Apache-2.0
// Where a channel's normal level is, and when another one has become normal.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "judgement/entity_state.hpp"

namespace faultline {
namespace {

constexpr std::size_t width = channel_block::width;
constexpr float accept_after_h = 4;                // flat at a new level
constexpr std::uint32_t known_at_new_level = 240;  // ticks that what was usual is worth there
constexpr std::int64_t lately_ms = 15 * 60'000;
constexpr std::int64_t least_lately = 5;  // ticks
constexpr float return_moved = 1.5f;      // times the usual deviation: a level that is another one

/// "a, b, c and 2 more".
class name_list {
public:
  void add(std::string_view name) {
    if (++count_ > 3) return;
    if (!text_.empty()) text_ += ", ";
    text_ += name;
  }
  bool empty() const noexcept { return count_ == 0; }
  std::string text() const {
    return count_ <= 3 ? text_ : text_ + " and " + std::to_string(count_ - 3) + " more";
  }

private:
  std::string text_;
  std::size_t count_ = 0;
};

}  // namespace

// The values are `by` away from what is expected: the level moves by as much, in raw units as the
// same step in z is another one where the values are, and the scale's middle with it, so that what
// comes is seen there as sharply as it was where the level had been. What is usual around it stays
// as it was.
void entity_core::impl::move_level(const tick_judgement& t, std::size_t channel, float by) {
  auto& b = blocks[channel / width];
  const auto i = channel % width;
  const float was = b.level[i];
  const double expected = t.channels->scores[channel / width].expected[i];
  const double to = raw_of(b, i, was) + raw_of(b, i, expected + by) - raw_of(b, i, expected);
  b.level[i] = static_cast<float>(z_of(b, i, to));
  for (auto* mean : {&b.fast, &b.slow, &b.slower}) (*mean)[i] -= by;
  b.away[i] = 0;
  const channel_block old = b;
  rebase_channel(b, i, to, static_cast<double>(b.scale[i]));
  ring.rebase(channel, old, b);
  for (std::size_t d = 0; d < deviation_count; ++d) b.usual[d].spread[i] = old.usual[d].spread[i];
  for (const auto quantile : {&channel_block::q05, &channel_block::q25, &channel_block::q50,
                              &channel_block::q75, &channel_block::q95, &channel_block::q999})
    (b.*quantile)[i] = (old.*quantile)[i] - was;
  b.shape0[i] = old.shape0[i], b.shape1[i] = old.shape1[i];
  b.error_level[i] = old.error_level[i], b.error_shape[i] = old.error_shape[i];
  b.set_grain(i, old.grain(i));
}

// The middle of a channel's last ticks, in z, where half of them have a value.
std::optional<float> entity_core::impl::middle_of(std::size_t channel, std::size_t last) const {
  std::vector<float> seen;
  const std::size_t behind = std::min<std::size_t>(ring.size(), last);
  for (std::size_t back = 0; back < behind; ++back) {
    if (ring.code(back, channel) != window_ring::missing && !apart(ring.ts(back)))
      seen.push_back(window_ring::z(ring.code(back, channel)));
  }
  if (seen.empty() || seen.size() < last / 2) return std::nullopt;
  const auto middle = seen.begin() + static_cast<std::ptrdiff_t>(seen.size() / 2);
  std::nth_element(seen.begin(), middle, seen.end());
  return *middle;
}

// Where the middle of the ticks since the pause is not where the level was, the level goes there.
void entity_core::impl::find_levels(const tick_judgement& t) {
  for (std::size_t c = 0; c < builder.channels().size(); ++c) {
    auto& b = blocks[c / width];
    const auto i = c % width;
    const auto middle = middle_of(c, std::min<std::size_t>(window_ring::ticks, since_pause + 1));
    if (!middle) continue;
    const float moved = *middle - t.channels->scores[c / width].expected[i];
    const float usual = std::max(b.usual[tick_profile].spread[i], b.spread_floor(i));
    if (std::fabs(moved) < return_moved * usual) continue;
    move_level(t, c, moved);
  }
}

// To where the values have been of late, and what was usual where they came from counts for little.
bool entity_core::impl::follow_level(const tick_judgement& t, std::size_t channel) {
  const auto lately = static_cast<std::size_t>(std::clamp<std::int64_t>(
      lately_ms / t.tick_ms, least_lately, static_cast<std::int64_t>(window_ring::ticks)));
  const auto middle = middle_of(channel, lately);
  if (!middle) return false;
  auto& b = blocks[channel / width];
  const auto i = channel % width;
  move_level(t, channel, *middle - t.channels->scores[channel / width].expected[i]);
  b.set_seen(i, std::min(static_cast<std::uint32_t>(b.seen(i)), known_at_new_level));
  return true;
}

// A channel that has been flat at another level for hours has changed its regime: that level is
// normal from now on, and it is told once.
void entity_core::impl::accept_levels(const tick_judgement& t, const record_mark& cause,
                                      std::vector<entity_decision>& out) {
  name_list accepted;
  for (std::size_t c = 0; c < builder.channels().size(); ++c) {
    auto& b = blocks[c / width];
    const auto i = c % width;
    if (b.away[i] < accept_after_h) continue;
    if (follow_level(t, c)) accepted.add(builder.channels()[c].name);
  }
  if (!accepted.empty()) note_regime(accepted.text(), cause, t.ts, out);
}

// What has been told for hours is the new normal: levels jump to where the values are.
void entity_core::impl::settle_levels(const tick_judgement& t, const record_mark& cause,
                                      std::vector<entity_decision>& out) {
  name_list moved;
  for (std::size_t c = 0; c < builder.channels().size(); ++c) {
    const auto& s = t.channels->scores[c / width];
    if (std::fabs(s.ratio[slow_profile][c % width]) <= 1) continue;
    if (follow_level(t, c)) moved.add(builder.channels()[c].name);
  }
  forget_deviations();
  tails.forget_ticks_before();
  if (!moved.empty()) note_regime(moved.text(), cause, t.ts, out);
}

}  // namespace faultline
