// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <string>

#include "processing/tick_builder.hpp"

namespace faultline {

void tick_builder::save(byte_writer& out) const {
  const std::int64_t numbers[] = {anchor_ms_, base_index_, closed_through_, last_closed_ms_,
                                  newest_ms_, clock_ms_,   median_ms_};
  out.put(numbers);
  out.put(intervals_);
  out.put(interval_count_);
  out.put(crowded_);
  out.put(late_);
  out.put(ignored_);
  out.put(static_cast<std::uint8_t>((started_ ? 1 : 0) | (deaf_ms_ != 0 ? 2 : 0)));
  if (deaf_ms_ != 0) out.put(deaf_ms_);
  out.put(static_cast<std::uint16_t>(channels_.size()));
  for (const auto& c : channels_) {
    out.put(static_cast<std::uint8_t>(c.name.size()));
    out.put_bytes(c.name.data(), c.name.size());
    out.put(static_cast<std::uint8_t>(static_cast<std::uint8_t>(c.kind) | (c.expected ? 2 : 0) |
                                      (c.derived ? 4 : 0) | (c.turned ? 8 : 0)));
    out.put(c.rising);
    out.put(c.missed);
    out.put(c.last);
    out.put(c.last_ms);
  }
  out.put(static_cast<std::uint8_t>(open_.size()));
  for (const auto& o : open_) {
    out.put(o.index);
    out.put(o.newest_ms);
    out.put(static_cast<std::uint16_t>(o.sum.size()));
    out.put_bytes(o.sum.data(), o.sum.size() * sizeof(double));
    out.put_bytes(o.count.data(), o.count.size() * sizeof(std::uint32_t));
  }
}

bool tick_builder::restore(byte_reader& in) {
  std::int64_t numbers[7];
  std::uint8_t started = 0;
  std::uint16_t count = 0;
  in.get(numbers);
  in.get(intervals_);
  in.get(interval_count_);
  in.get(crowded_);
  in.get(late_);
  in.get(ignored_);
  in.get(started);
  deaf_ms_ = 0;
  if ((started & 2) != 0) in.get(deaf_ms_);
  if (!in.get(count) || count > max_channels || started > 3) return false;
  anchor_ms_ = numbers[0], base_index_ = numbers[1], closed_through_ = numbers[2];
  last_closed_ms_ = numbers[3], newest_ms_ = numbers[4], clock_ms_ = numbers[5];
  median_ms_ = numbers[6];
  started_ = (started & 1) != 0;
  channels_.resize(count);
  expected_ = 0;
  sent_anew_ = false;
  std::string name;
  for (auto& c : channels_) {
    std::uint8_t size = 0, flags = 0;
    if (!in.get(size) || size == 0) return false;
    name.resize(size);
    in.get_bytes(name.data(), size);
    c.name = interned{name};
    in.get(flags);
    in.get(c.rising);
    in.get(c.missed);
    in.get(c.last);
    if (!in.get(c.last_ms) || flags > 15 || !std::isfinite(c.last)) return false;
    c.kind = static_cast<metric_kind>(flags & 1);
    c.expected = (flags & 2) != 0;
    c.derived = (flags & 4) != 0;
    c.turned = (flags & 8) != 0;
    sent_anew_ = sent_anew_ || c.turned;
    expected_ += c.expected ? 1 : 0;
  }
  std::uint8_t open = 0;
  in.get(open);
  open_.clear();
  for (std::uint8_t i = 0; in.ok() && i < open; ++i) {
    auto& o = open_.emplace_back();
    std::uint16_t width = 0;
    in.get(o.index);
    in.get(o.newest_ms);
    if (!in.get(width) || width > count) return false;
    o.sum.resize(width);
    o.count.resize(width);
    in.get_bytes(o.sum.data(), width * sizeof(double));
    in.get_bytes(o.count.data(), width * sizeof(std::uint32_t));
    if (!all_finite(o.sum.data(), width)) return false;
  }
  find_origin();
  return in.ok();
}

// Builds before left the origin where the entity began. What was the pace is not known, but when
// the newest event of a tick came is.
void tick_builder::find_origin() noexcept {
  if (base_index_ >= closed_through_) return;
  base_index_ = open_.empty() ? closed_through_ : open_.back().index;
  anchor_ms_ = open_.empty() ? last_closed_ms_ : open_.back().newest_ms;
}

}  // namespace faultline
