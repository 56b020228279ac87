// SPDX-License-Identifier: Apache-2.0
#include "inference/internal/training_batches.hpp"

#include <algorithm>
#include <cmath>

#include "inference/internal/lstm_shape.hpp"

namespace faultline {

std::vector<training_segment> cut_segments(const std::vector<training_sequence>& sequences,
                                           std::size_t ticks, seeded_rng* rng) {
  std::vector<training_segment> segments;
  for (const training_sequence& sequence : sequences) {
    const std::size_t total = sequence.ticks.size();
    std::size_t begin = 0;
    std::size_t end = total > ticks && rng ? 1 + rng->below(ticks) : ticks;
    while (begin < total) {
      end = std::min(end, total);
      if (end - begin > 1) segments.push_back({&sequence, begin, end});
      begin = end;
      end = begin + ticks;
    }
  }
  if (rng) rng->shuffle(segments);
  return segments;
}

segment_batch::segment_batch(std::vector<training_segment> segments, const corruption& how,
                             seeded_rng& rng)
    : how_{how}, rng_{rng} {
  constexpr std::size_t warm_up = 9;
  for (const training_segment& s : segments) {
    lane l;
    l.segment = s;
    l.at = s.begin;
    for (bool& dropped : l.dropped)
      dropped = how.channel_dropout > 0 && rng.chance(how.channel_dropout);
    for (std::size_t t = s.begin - std::min(s.begin, warm_up); t < s.begin; ++t) {
      l.history.push(corrupted(l, t));
    }
    lanes_.push_back(l);
  }
}

bool segment_batch::next(std::size_t ticks, training_chunk& out) {
  std::size_t longest = 0;
  for (const lane& l : lanes_) longest = std::max(longest, l.segment.end - l.at);
  out.ticks = std::min(ticks, longest);
  out.rows = 0;
  out.gaps = false;
  const std::size_t n = out.ticks * lanes_.size();
  out.input.assign(n * lstm::inputs, 0);
  out.lagged.assign(n * lstm::slots * lstm::lags, 0);
  out.target.assign(n * lstm::outputs, 0);
  out.weight.assign(n * lstm::outputs, 0);
  out.fault.assign(n, 0);
  out.fault_weight.assign(n, 0);
  out.excess.assign(n, 0);
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    lane& l = lanes_[i];
    for (std::size_t t = 0; t < out.ticks && l.at < l.segment.end; ++t, ++l.at) {
      fill(l, t * lanes_.size() + i, out);
    }
  }
  return out.ticks > 0;
}

/// The tick with dropped channels and values taken out. The noise comes later, on the input alone.
forecast_tick segment_batch::corrupted(const lane& l, std::size_t tick) {
  forecast_tick in = l.segment.sequence->ticks[tick].in;
  for (std::size_t s = 0; s < forecast_shape::slots; ++s) {
    if (l.dropped[s] || (how_.tick_dropout > 0 && rng_.chance(how_.tick_dropout))) {
      in.mask[s] = 0;
      in.z[s] = 0;
    }
  }
  return in;
}

void segment_batch::fill(lane& l, std::size_t index, training_chunk& out) {
  const forecast_tick in = corrupted(l, l.at);
  l.history.push(in);
  forecast_row row;
  fill_input(row, in, l.segment.sequence->entity_class);
  l.history.fill(row);
  if (how_.input_noise > 0) {
    for (std::size_t s = 0; s < lstm::slots; ++s) {
      if (in.mask[s] != 0) row.input[s] += static_cast<float>(how_.input_noise * rng_.normal());
    }
  }
  std::copy(row.input.begin(), row.input.end(), out.input.begin() + index * lstm::inputs);
  std::copy(row.lagged.begin(), row.lagged.end(),
            out.lagged.begin() + index * lstm::slots * lstm::lags);
  const training_tick& tick = l.segment.sequence->ticks[l.at];
  const float log_dt = row.input[lstm::log_dt_index];
  out.excess[index] = log_dt > 0 ? std::max(0.0F, std::exp(log_dt) - lstm::decay_from) : 0.0F;
  out.gaps = out.gaps || out.excess[index] > 0;
  out.fault[index] = tick.fault_soon == 1 ? 1.0F : 0.0F;
  out.fault_weight[index] = tick.fault_soon >= 0 ? 1.0F : 0.0F;
  if (tick.usable) fill_targets(l, index, out);
  ++out.rows;
}

void segment_batch::fill_targets(const lane& l, std::size_t index, training_chunk& out) const {
  const training_sequence& sequence = *l.segment.sequence;
  for (std::size_t h = 0; h < lstm::horizons; ++h) {
    const std::size_t then = l.at + horizon_ticks(h, sequence.tick_seconds);
    if (then >= sequence.ticks.size() || !sequence.ticks[then].usable) continue;
    const forecast_tick& ahead = sequence.ticks[then].in;
    const std::size_t to = index * lstm::outputs + h * lstm::slots;
    for (std::size_t s = 0; s < lstm::slots; ++s) {
      if (ahead.mask[s] == 0 || l.dropped[s]) continue;
      out.target[to + s] = std::clamp(ahead.z[s], -forecast_clip, forecast_clip);
      out.weight[to + s] = 1;
    }
  }
}

}  // namespace faultline
