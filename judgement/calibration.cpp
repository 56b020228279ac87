// SPDX-License-Identifier: Apache-2.0
#include "judgement/calibration.hpp"

#include <algorithm>
#include <cmath>

#include "processing/fast_math.hpp"

namespace faultline {
namespace {

constexpr float ln10 = 2.302585f;
constexpr float tail_from = 0.15f;  // probability beyond which the tail begins
constexpr float prior_exceedances = 6;
constexpr std::uint32_t most_blocks = 1024;  // three weeks of half hours: then all fade by half
constexpr double month_ms = 30.0 * 86'400'000;
constexpr std::int64_t half_hour_ms = 1'800'000;
constexpr float episode_step = 0.1f;
constexpr float most_correction = 2.0f;
constexpr float prior_blocks = 48;     // a day
constexpr float youth_margin = 0.25f;  // decades while the prior rules: it may be wrong
constexpr tail_prior view_prior{0.6f, 0.30f, prior_blocks};
constexpr tail_prior combined_prior{0.4f, 0.55f, prior_blocks};

float log_score(float s) noexcept { return s < 0.01f ? -6.6f : fast_log2(std::min(s, 1e6f)); }

}  // namespace

const char* to_string(view v) noexcept {
  switch (v) {
    case view::residual:
      return "residual";
    case view::model:
      return "model";
    case view::level:
      return "level";
    case view::drift:
      return "drift";
    case view::forecast:
      return "forecast";
    case view::symptoms:
      return "symptoms";
    case view::breadth:
      return "breadth";
  }
  return "unknown";
}

tail_model::tail_model(float low, float width, tail_prior prior) noexcept
    : low_{low}, width_{width}, prior_{prior} {
  fit();
}

void tail_model::add(float x) noexcept {
  const float place = clamped((x - low_) / width_, 0.0f, static_cast<float>(bins - 1));
  count_[static_cast<std::size_t>(place)] = static_cast<std::uint16_t>(
      std::min<std::uint32_t>(count_[static_cast<std::size_t>(place)] + unit, 0xffff));
  total_ += unit;
  if (total_ >= most_blocks * unit) {
    total_ = 0;
    for (auto& c : count_) total_ += c = static_cast<std::uint16_t>(c / 2);
  }
  fit();
}

// The tail begins at the highest edge that leaves enough beyond it; its scale is the mean excess,
// leaning on the prior's.
void tail_model::fit() noexcept {
  const float total = static_cast<float>(total_) / unit + prior_.blocks;
  float above = 0;
  float excess = 0;  // sum of (x - edge) over what is above the edge
  for (std::size_t bin = bins; bin-- > 0;) {
    excess += above * width_;
    const float here = static_cast<float>(count_[bin]) / unit;
    excess += here * 0.5f * width_;
    above += here;
    const float expected =
        edge(bin) > prior_.at ? std::exp(-(edge(bin) - prior_.at) / prior_.scale) : 1.0f;
    const float mass = (above + prior_.blocks * expected) / total;
    if (mass < tail_from && bin != 0) continue;
    from_ = edge(bin);
    mass_ = std::min(mass, 1.0f);
    scale_ = (excess + prior_exceedances * prior_.scale) / (above + prior_exceedances);
    break;
  }
  scale_ = clamped(scale_, 0.3f * prior_.scale, 4.0f * prior_.scale);
  at_from_ = -std::log10(mass_);
}

float tail_model::rarity(float x) const noexcept {
  if (x >= from_) return at_from_ + (x - from_) / (scale_ * ln10);
  const float below = (from_ - x) / (8.0f * scale_);
  return below >= 1.0f ? 0.0f : at_from_ * (1.0f - below);
}

float tail_model::value_at(float p) const noexcept {
  return from_ + scale_ * std::log(std::max(mass_ / std::max(p, 1e-12f), 1.0f));
}

void tail_model::save(byte_writer& out) const {
  std::uint8_t first = 0, last = bins;
  while (first < bins && count_[first] == 0) ++first;
  while (last > first && count_[last - 1u] == 0) --last;
  out.put(first);
  out.put(last);
  out.put_bytes(count_.data() + first, (last - first) * sizeof count_[0]);
}

bool tail_model::restore(byte_reader& in) {
  std::uint8_t first = 0, last = 0;
  in.get(first);
  if (!in.get(last) || first > bins || last > bins || (first > last)) return false;
  count_.fill(0);
  if (!in.get_bytes(count_.data() + first, (last - first) * sizeof count_[0])) return false;
  total_ = 0;
  for (const auto c : count_) total_ += c;
  fit();
  return true;
}

calibration::calibration() noexcept
    : views_{tail_model{-2, 0.125f, view_prior}, tail_model{-2, 0.125f, view_prior},
             tail_model{-2, 0.125f, view_prior}, tail_model{-2, 0.125f, view_prior},
             tail_model{-2, 0.125f, view_prior}, tail_model{-2, 0.125f, view_prior},
             tail_model{-2, 0.125f, view_prior}},
      combined_{0, 1.0f / 12, combined_prior} {}

float calibration::threshold(double budget, bool learning) const noexcept {
  const double share = budget * static_cast<double>(block_ms_) / month_ms;
  const float p = static_cast<float>(std::clamp(share, 1e-9, 0.5));
  const float youth = youth_margin * prior_blocks / (prior_blocks + combined_.blocks());
  const float at = combined_.value_at(p) + correction_ + youth + (learning ? 1.0f : 0.0f);
  return clamped(at, 1.0f, 14.0f);
}

judged calibration::judge(const view_scores& scores, double budget, bool learning) const noexcept {
  judged j;
  float first = 0, second = 0;
  for (std::size_t v = 0; v < view_count; ++v) {
    float r = scores[v] > 0 ? views_[v].rarity(log_score(scores[v])) : 0.0f;
    if (r > 6.0f)  // beyond what was ever seen decades are words
      r = 6.0f + fast_log2(r - 5.0f);
    j.rarity[v] = r;
    second = r > first ? first : std::max(second, r);
    first = std::max(first, r);
  }
  j.combined = first + 0.25f * second;
  const float low = std::min(before_[0], before_[1]);
  const float high = std::max(before_[0], before_[1]);
  j.steady = std::max(low, std::min(high, j.combined));
  j.threshold = threshold(budget, learning);
  j.probability = 1.0 / (1.0 + std::exp2(-1.2 * static_cast<double>(j.excess())));
  return j;
}

void calibration::take(const view_scores& scores, const judged& j, std::int64_t ts_ms,
                       std::int64_t tick_ms, bool counted) noexcept {
  block_ms_ = std::max(half_hour_ms, tick_ms);
  const std::int64_t block = ts_ms / block_ms_;
  if (block != block_) {
    end_block();
    block_ = block;
  }
  before_ = {before_[1], j.combined};
  if (!counted) return;
  ++ticks_;
  for (std::size_t v = 0; v < view_count; ++v) largest_[v] = std::max(largest_[v], scores[v]);
  largest_combined_ = std::max(largest_combined_, j.steady);
}

void calibration::end_block() noexcept {
  if (ticks_ != 0) {
    for (std::size_t v = 0; v < view_count; ++v) {
      if (largest_[v] > 0) views_[v].add(log_score(largest_[v]));
    }
    combined_.add(largest_combined_);
  }
  correction_ *= 0.9995f;  // halves in a month of half hours
  largest_.fill(0);
  largest_combined_ = 0;
  ticks_ = 0;
}

void calibration::episode(const judged& j) noexcept {
  correction_ = std::min(correction_ + episode_step, most_correction);
  largest_combined_ = std::min(largest_combined_, j.threshold);
}

float calibration::score_at_threshold(view v, double budget) const noexcept {
  const auto& tail = views_[static_cast<std::size_t>(v)];
  const float wanted = std::pow(10.0f, -std::min(threshold(budget, false), 9.0f));
  return std::exp2(std::min(tail.value_at(wanted), 16.0f));
}

void calibration::save(byte_writer& out) const {
  for (const auto& v : views_) v.save(out);
  combined_.save(out);
  out.put(largest_);
  out.put(largest_combined_);
  out.put(block_);
  out.put(block_ms_);
  out.put(ticks_);
  out.put(correction_);
  out.put(before_);
}

bool calibration::restore(byte_reader& in) {
  for (auto& v : views_) {
    if (!v.restore(in)) return false;
  }
  if (!combined_.restore(in)) return false;
  in.get(largest_);
  in.get(largest_combined_);
  in.get(block_);
  in.get(block_ms_);
  in.get(ticks_);
  in.get(correction_);
  return in.get(before_) && all_finite(before_.data(), before_.size()) &&
         all_finite(largest_.data(), view_count) && std::isfinite(largest_combined_) &&
         std::isfinite(correction_) && block_ms_ > 0;
}

}  // namespace faultline
