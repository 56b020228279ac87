// SPDX-License-Identifier: Apache-2.0
#include "judgement/views.hpp"

#include <algorithm>
#include <cmath>

#include "judgement/entity_state.hpp"
#include "processing/fast_math.hpp"

namespace faultline {
namespace {

constexpr std::uint32_t warm_after = 16;     // answers before the model is heard
constexpr std::uint32_t most_warm = 1000;    // counted
constexpr std::uint32_t learned_after = 24;  // comparisons before one is judged
constexpr float spread_floor = 0.3f;
constexpr float most_error = 3;  // one wild value decides nothing
// Times its own surprise: cpu and queues grow faster than the load.
constexpr float explains = 1.5f;
constexpr float usual_load = 3;  // decades: what is rarer than one tick in a thousand is no excuse

/// |z - mu| / b of the tick under way, by horizon and slot; < 0 = not compared. One per thread: the
/// tick that is scored is learned before another is.
using tick_offs = std::array<std::array<float, forecast_shape::slots>, forecast_shape::horizons>;
tick_offs& off_of_tick() {
  static thread_local tick_offs off;
  return off;
}

}  // namespace

float top_three::length() const noexcept {
  return std::sqrt(first_ * first_ + second_ * second_ + third_ * third_);
}

namespace {

/// What one channel adds to the views.
struct surprise {
  float abrupt = 0, lasting = 0, drifting = 0;
};

surprise surprise_of(const block_scores& s, std::size_t lane) noexcept {
  return {s.abrupt[lane], s.lasting[lane], s.drifting[lane]};
}

bool is_up(const block_scores& s, std::size_t lane) noexcept {
  return s.size[fast_profile][lane] + s.size[tick_profile][lane] > 0;
}

/// How far up what brings the load is: requests where they are counted, else the network.
struct load_rise {
  surprise up;
  bool shows = false;  ///< symptoms or capacities are measured: they tell whether it is borne
};

load_rise load_of(const tick_channels& c, const std::uint8_t* traits,
                  std::size_t channels) noexcept {
  load_rise l;
  for (std::size_t i = 0; i < channels; ++i) {
    const auto& s = c.scores[i / channel_block::width];
    const auto lane = i % channel_block::width;
    if (s.ready[lane] == 0) continue;
    l.shows = l.shows || (traits[i] & channel_trait::relief) != 0;
    if ((traits[i] & channel_trait::load) == 0 || !is_up(s, lane)) continue;
    const surprise here = surprise_of(s, lane);
    l.up.abrupt = std::max(l.up.abrupt, here.abrupt);
    l.up.lasting = std::max(l.up.lasting, here.lasting);
    l.up.drifting = std::max(l.up.drifting, here.drifting);
  }
  return l;
}

void scale(surprise& s, float by) noexcept { s.abrupt *= by, s.lasting *= by, s.drifting *= by; }

surprise usual_of(const surprise& load) noexcept {
  return {std::min(load.abrupt, usual_load), std::min(load.lasting, usual_load),
          std::min(load.drifting, usual_load)};
}

void take_off(surprise& s, float times, const surprise& what) noexcept {
  s.abrupt = std::max(s.abrupt - times * what.abrupt, 0.0f);
  s.lasting = std::max(s.lasting - times * what.lasting, 0.0f);
  s.drifting = std::max(s.drifting - times * what.drifting, 0.0f);
}

// What rises with the load is explained as far as the load is surprising itself, more load alone is
// half the surprise where it shows whether it is borne, and less use or fewer errors are no trouble
// of their own. Load that hardly ever was explains no more than what there is now and then: else
// what rises far out together, as in a fault, would explain itself away by the name of one.
surprise unexplained(const block_scores& s, std::size_t lane, std::uint8_t traits,
                     const load_rise& load) noexcept {
  surprise here = surprise_of(s, lane);
  const bool up = is_up(s, lane);
  if ((traits & channel_trait::load) != 0) {
    if (up && load.shows) take_off(here, 0.5f, usual_of(here));
  } else if (up) {
    take_off(here, explains, usual_of(load.up));
  } else if ((traits & channel_trait::relief) != 0) {
    scale(here, 0.4f);
  }
  return here;
}

constexpr float same_share = 0.06f;  // what rounding and a scale of its own leave between two names
constexpr float same_decades = 0.02f;

bool nearly(float a, float b) noexcept {
  return std::fabs(a - b) <= same_share * std::max(a, b) + same_decades;
}

// A share and its bytes, free and used, a sum and its mean: another unit or sign, and as surprised
// against every baseline. They are told apart by that alone, which needs no memory of pairs.
bool one_signal(const tick_channels& c, std::size_t i, std::size_t j) noexcept {
  const auto& a = c.scores[i / channel_block::width];
  const auto& b = c.scores[j / channel_block::width];
  const auto m = i % channel_block::width;
  const auto n = j % channel_block::width;
  const auto as_far = [&](std::size_t baseline) {
    return nearly(std::fabs(a.ratio[baseline][m]), std::fabs(b.ratio[baseline][n]));
  };
  return nearly(a.abrupt[m], b.abrupt[n]) && nearly(a.lasting[m], b.lasting[n]) &&
         nearly(a.drifting[m], b.drifting[n]) && as_far(tick_profile) && as_far(fast_hours);
}

/// Euclidean length of the three largest signals, each by the most surprised of the channels that
/// show it: under how many names something is measured is no evidence.
class three_signals {
public:
  explicit three_signals(const tick_channels& channels) noexcept : channels_{&channels} {}

  void add(std::size_t channel, float surprise) noexcept {
    if (surprise <= surprise_.back()) return;
    std::size_t at = place_of(channel);
    if (surprise <= surprise_[at]) return;
    for (; at > 0 && surprise_[at - 1] < surprise; --at) {
      surprise_[at] = surprise_[at - 1];
      shown_by_[at] = shown_by_[at - 1];
    }
    surprise_[at] = surprise;
    shown_by_[at] = channel;
  }
  float length() const noexcept {
    float squares = 0;
    for (const float s : surprise_) squares += s * s;
    return std::sqrt(squares);
  }

private:
  /// Of the signal that @p channel shows; of the smallest one where it is new.
  std::size_t place_of(std::size_t channel) const noexcept {
    for (std::size_t k = 0; k < surprise_.size() && surprise_[k] > 0; ++k)
      if (one_signal(*channels_, channel, shown_by_[k])) return k;
    return surprise_.size() - 1;
  }

  const tick_channels* channels_;
  std::array<float, 3> surprise_{};
  std::array<std::size_t, 3> shown_by_{};
};

}  // namespace

void score_views(tick_judgement& t, const std::uint8_t* traits, std::size_t channels) noexcept {
  const tick_channels& c = *t.channels;
  view_scores& out = t.scores;
  three_signals abrupt{c}, lasting{c}, drifting{c};
  const load_rise load = load_of(c, traits, channels);
  for (std::size_t i = 0; i < channels; ++i) {
    const auto& s = c.scores[i / channel_block::width];
    const auto lane = i % channel_block::width;
    if (s.ready[lane] == 0) continue;
    const surprise here = unexplained(s, lane, traits[i], load);
    abrupt.add(i, here.abrupt);
    lasting.add(i, here.lasting);
    drifting.add(i, here.drifting);
    const bool up = s.size[fast_profile][lane] > 0;
    if (up && (traits[i] & channel_trait::symptom) != 0)
      t.symptom = std::max({t.symptom, here.lasting, here.abrupt});
    if (!up && (traits[i] & channel_trait::relief) != 0) continue;
    const float away = std::fabs(s.ratio[fast_profile][lane]);
    t.away = std::max(t.away, away);
    t.gross = std::max(t.gross, std::min(away, std::fabs(s.ratio[fast_hours][lane])));
  }
  out[static_cast<std::size_t>(view::residual)] = abrupt.length();
  out[static_cast<std::size_t>(view::level)] = lasting.length();
  out[static_cast<std::size_t>(view::drift)] = drifting.length();
}

model_view::model_view() noexcept {
  static_assert(sizeof(model_view) <= 1280);  // what the allocator hands out next is 1,536
  for (auto& horizon : tail_) horizon.fill(3.5f);
  for (auto& horizon : spread_) horizon.fill(1.0f);
}

void model_view::fill(forecast_row& row, const forecast_tick& tick) const noexcept {
  row.h = h_;
  row.c = c_;
  lag_history with = lags_;
  with.push(tick);
  with.fill(row);
}

std::optional<float> model_view::expected(std::size_t slot) const noexcept {
  if (warm_ < warm_after) return std::nullopt;
  return mu_[slot];
}

std::optional<float> model_view::fault_logit() const noexcept {
  if (warm_ < warm_after || fault_logit_ == no_logit) return std::nullopt;
  return static_cast<float>(fault_logit_) / 256.0f;
}

void model_view::compare(std::size_t h, const forecast_tick& tick, const float* mu,
                         const float* log_b) noexcept {
  for (std::size_t s = 0; s < slots; ++s) {
    const float z = clamped(tick.z[s], -forecast_clip, forecast_clip);
    const float off = std::fabs(z - mu[s]) * std::exp2(-1.442695f * log_b[s]);
    off_of_tick()[h][s] = tick.mask[s] != 0 ? std::min(off, 1e4f) : -1.0f;
  }
}

std::optional<float> model_view::worse_than_last(const forecast_tick& tick) const noexcept {
  if (warm_ < warm_after) return std::nullopt;
  float worse = 0;
  for (std::size_t s = 0; s < slots; ++s) {
    if (tick.mask[s] == 0) continue;
    const float z = clamped(tick.z[s], -forecast_clip, forecast_clip);
    worse += std::min(std::fabs(z - mu_[s]), most_error) -
             std::min(std::fabs(z - lags_.newest(s)), most_error);
  }
  return worse;
}

float model_view::score(const forecast_tick& tick) noexcept {
  ++tick_;
  for (auto& horizon : off_of_tick()) horizon.fill(-1.0f);
  if (warm_ < warm_after) return 0;
  compare(0, tick, mu_.data(), log_b_.data());
  for (std::size_t f = 0; f + 1 < horizons; ++f) {
    for (auto& said : far_[f]) {
      if (said.due != tick_) continue;
      std::array<float, slots> mu, log_b;
      for (std::size_t s = 0; s < slots; ++s) {
        mu[s] = static_cast<float>(said.mu[s]) / 1024.0f;
        log_b[s] = static_cast<float>(said.log_b[s]) / 16.0f;
      }
      said.due = 0;
      compare(f + 1, tick, mu.data(), log_b.data());
    }
  }
  float worst = 0;
  for (std::size_t h = 0; h < horizons; ++h) {
    if (seen_[h] >= learned_after &&
        *std::max_element(off_of_tick()[h].begin(), off_of_tick()[h].end()) >= 0) {
      top_three top;
      for (std::size_t s = 0; s < slots; ++s)
        top.add(off_of_tick()[h][s] / (std::max(spread_[h][s], spread_floor) * tail_[h][s]));
      if (h == 0)
        worst = top.length();
      else
        held_[h - 1] = top.length();
    }
  }
  for (const float held : held_) worst = std::max(worst, held);
  return worst;
}

void model_view::learn(const tick_weights& w) noexcept {
  for (std::size_t h = 0; h < horizons; ++h) {
    bool any = false;
    for (std::size_t s = 0; s < slots; ++s) {
      const float off = off_of_tick()[h][s];
      if (off < 0) continue;
      any = true;
      const auto n = static_cast<float>(seen_[h]);
      const float rate = std::max(h == 0 ? w.spread : 4 * w.spread, 1.0f / (n + 2.0f));
      const bool beyond = off > std::max(spread_[h][s], spread_floor) * tail_[h][s];
      spread_[h][s] +=
          rate * (std::min(off, 4.0f * std::max(spread_[h][s], spread_floor)) - spread_[h][s]);
      const float step = std::max(w.tail, 2.0f / (n + 20.0f)) * (beyond ? 0.98f : -0.02f);
      tail_[h][s] = clamped(tail_[h][s] * (1.0f + step), 2.0f, 30.0f);
    }
    seen_[h] = std::min<std::uint32_t>(seen_[h] + (any ? 1 : 0), 1'000'000);
  }
}

void model_view::take(const forecast_tick& tick, const forecast_result* result,
                      double tick_seconds) noexcept {
  lags_.push(tick);
  if (result == nullptr) {
    warm_ = 0;  // what it knew is old: listen again after some answers
    fault_logit_ = no_logit;
    return;
  }
  h_ = result->h;
  c_ = result->c;
  mu_ = result->mu[0];
  log_b_ = result->log_b[0];
  warm_ = static_cast<std::uint16_t>(std::min(warm_ + 1u, most_warm));
  fault_logit_ =
      static_cast<std::int16_t>(std::lrint(clamped(result->fault_logit, -64.0f, 64.0f) * 256.0f));
  for (std::size_t f = 0; f + 1 < horizons; ++f) {
    const std::size_t ahead = horizon_ticks(f + 1, tick_seconds);
    const std::size_t stride = (ahead + depth - 1) / depth;
    if (ahead <= 1 || tick_ % stride != 0) continue;
    auto& said = far_[f][tick_ / stride % depth];
    said.due = tick_ + static_cast<std::uint32_t>(ahead);
    for (std::size_t s = 0; s < slots; ++s) {
      const float mu = clamped(result->mu[f + 1][s], -31.0f, 31.0f);
      said.mu[s] = static_cast<std::int16_t>(std::lrint(mu * 1024.0f));
      said.log_b[s] = static_cast<std::int8_t>(
          std::lrint(clamped(result->log_b[f + 1][s], -4.0f, 4.0f) * 16.0f));
    }
  }
}

void model_view::save(byte_writer& out) const {
  out.put(h_);
  out.put(c_);
  out.put(lags_.save());
  out.put(mu_);
  out.put(log_b_);
  for (const auto& horizon : far_) {
    for (const auto& said : horizon) {
      out.put(said.due);
      out.put(said.mu);
      out.put(said.log_b);
    }
  }
  out.put(spread_);
  out.put(tail_);
  out.put(held_);
  out.put(seen_);
  out.put(tick_);
  out.put(std::uint32_t{warm_});
}

bool model_view::restore(byte_reader& in) {
  in.get(h_);
  in.get(c_);
  lag_history::image lags;
  if (!in.get(lags) || !lags_.restore(lags)) return false;
  in.get(mu_);
  in.get(log_b_);
  for (auto& horizon : far_) {
    for (auto& said : horizon) {
      in.get(said.due);
      in.get(said.mu);
      in.get(said.log_b);
    }
  }
  in.get(spread_);
  in.get(tail_);
  in.get(held_);
  in.get(seen_);
  in.get(tick_);
  std::uint32_t warm = 0;
  if (!in.get(warm)) return false;
  warm_ = static_cast<std::uint16_t>(std::min(warm, most_warm));
  return all_finite(h_.data(), h_.size()) && all_finite(c_.data(), c_.size()) &&
         all_finite(mu_.data(), slots) && all_finite(log_b_.data(), slots) &&
         all_finite(spread_[0].data(), slots * horizons) &&
         all_finite(tail_[0].data(), slots * horizons) && all_finite(held_.data(), held_.size());
}

}  // namespace faultline
