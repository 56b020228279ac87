// SPDX-License-Identifier: Apache-2.0
#include "judgement/calibration.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "processing/fast_math.hpp"

namespace faultline {
namespace {

constexpr float ln10 = 2.302585f;
constexpr float tail_from = 0.15f;  // probability beyond which the tail begins
constexpr float prior_exceedances = 6;
constexpr float known_exceedances = 30;  // what the prior is worth where the tail's shape counts
// What is usual of a channel is learned in the hours in which its first blocks are: those of six
// hours count a quarter, those of six more a half. In counts as add() makes them.
constexpr std::uint32_t first_hours = 12;
constexpr std::uint32_t first_day = 36;
constexpr std::uint32_t most_blocks = 1024;  // three weeks of half hours: then all fade by half
constexpr double month_ms = 30.0 * 86'400'000;
constexpr std::int64_t half_hour_ms = 1'800'000;
constexpr float episode_step = 0.3f;
constexpr float most_correction = 2.0f;
constexpr float least_correction = -1.0f;
constexpr float prior_blocks = 24;    // half a day
constexpr float youth_margin = 0.5f;  // decades while profile and tails are being learned
constexpr float youth_blocks = 240;   // five days
constexpr double raised_probability = 0.6;
constexpr double bits_per_decade = 1.2;
constexpr double decade_fades_ms = 20.0 * 60'000;
constexpr float told_excess = 0.43f;  // of an episode above the threshold: the mean of a tail
constexpr float most_rarity = 6;      // beyond what was ever seen decades are words
constexpr tail_shape combined_shape{0, 0.125f, {0.6f, 0.45f, prior_blocks}};
constexpr tail_shape steady_shape{0, 0.125f, {0.6f, 0.35f, prior_blocks}};

// Shares of the budget, and the same in decades.
constexpr float budget_share[page_tests] = {0.4f, 0.4f, 0.2f};
constexpr float decades_of_share[page_tests] = {-0.398f, -0.398f, -0.699f};

// Decades that a budget asks for.
float wanted(double budget, std::int64_t block_ms) noexcept {
  const double share = budget * static_cast<double>(block_ms) / month_ms;
  return -std::log10(static_cast<float>(std::clamp(share, 1e-9, 0.5)));
}

// Of a fault, by decades beyond what the budget asks for.
double probability_of(double decades) noexcept {
  return 1.0 / (1.0 + std::exp2(-bits_per_decade * decades));
}

// The model's score is a ratio and becomes a logarithm, the others are decades as they stand.
float scaled(std::size_t v, float score) noexcept {
  if (v != static_cast<std::size_t>(view::model)) return score;
  return score < 0.01f ? -6.6f : fast_log2(std::min(score, 1e6f));
}

/// What the largest score of half an hour is believed to exceed in 15 of 100 half hours with one
/// channel, how much more with twice as many, and how far it goes beyond.
struct view_belief {
  float low, width;
  float at85, per_doubling, scale;
};
constexpr view_belief tick_belief{0, 0.25f, 1.0f, 0.73f, 0.7f};
constexpr view_belief model_belief{-2, 0.125f, -0.5f, 0.62f, 0.45f};
constexpr view_belief lasting_belief{0, 0.25f, 0.8f, 0.49f, 0.6f};
constexpr view_belief slow_belief{0, 0.25f, 0.75f, 0.31f, 0.5f};

// The largest of many is larger, and more than eight are never quite independent of a few that are
// wild.
constexpr std::size_t doublings = 7;  // 1, 2, 4 .. 64 channels and more
constexpr std::array<float, doublings> wider{1, 1, 1, 1, 1.414f, 2, 2.828f};
constexpr float ln_of_mass = 1.897f;  // -ln tail_from

constexpr std::array<tail_shape, doublings> shapes_for(const view_belief& b, bool widens) noexcept {
  std::array<tail_shape, doublings> out{};
  for (std::size_t d = 0; d < doublings; ++d) {
    const std::size_t n = widens || d < 3 ? d : 3;  // the model sees eight channels at most
    const float scale = widens ? b.scale * wider[d] : b.scale;
    const float at85 = b.at85 + b.per_doubling * static_cast<float>(n);
    out[d] = {b.low, b.width, {at85 - ln_of_mass * scale, scale, prior_blocks}};
  }
  return out;
}
constexpr auto tick_shapes = shapes_for(tick_belief, true);
constexpr auto model_shapes = shapes_for(model_belief, false);
constexpr auto lasting_shapes = shapes_for(lasting_belief, true);
constexpr auto slow_shapes = shapes_for(slow_belief, true);

const tail_shape& shape_of(std::size_t place, std::size_t channels) noexcept {
  std::size_t d = 0;
  while (d + 1 < doublings && channels * 3 > (std::size_t{4} << d))
    ++d;  // the nearest power of two
  const auto v = static_cast<view>(place);
  if (v == view::model) return model_shapes[d];
  if (v == view::drift || v == view::forecast) return slow_shapes[d];
  if (v == view::level || v == view::breadth) return lasting_shapes[d];
  return tick_shapes[d];
}

constexpr auto weighed_order() noexcept {
  std::array<std::size_t, weighed_views> order{};
  std::size_t n = 0;
  for (std::size_t v = 0; v < view_count; ++v)
    if (has_weight(static_cast<view>(v))) order[n++] = v;
  return order;
}
constexpr auto weighed = weighed_order();  // places of the views that count

template <std::size_t... I>
std::array<tail_model, weighed_views> first_tails(std::index_sequence<I...>) noexcept {
  return {tail_model{shape_of(weighed[I], 8)}...};
}

// The drifts' tail is a test of its own, the model's says when a result is loud.
static_assert(has_weight(view::drift) && has_weight(view::model));

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

tail_model::tail_model(const tail_shape& shape) noexcept : shape_{&shape} { fit(); }

void tail_model::expect(const tail_shape& shape) noexcept {
  if (shape_ == &shape) return;
  shape_ = &shape;
  fit();
}

void tail_model::add(float x) noexcept {
  const std::uint32_t weight = total_ < first_hours ? unit / 4
                               : total_ < first_day ? unit / 2
                                                    : unit;
  const float place =
      clamped((x - shape_->low) / shape_->width, 0.0f, static_cast<float>(bins - 1));
  count_[static_cast<std::size_t>(place)] = static_cast<std::uint16_t>(
      std::min<std::uint32_t>(count_[static_cast<std::size_t>(place)] + weight, 0xffff));
  total_ += weight;
  if (total_ >= most_blocks * unit) {
    total_ = 0;
    for (auto& c : count_) total_ += c = static_cast<std::uint16_t>(c / 2);
  }
  fit();
}

// The tail begins at the highest edge that leaves enough beyond it; its scale is the mean excess,
// leaning on the prior's.
void tail_model::fit() noexcept {
  const auto& prior = shape_->prior;
  const float width = shape_->width;
  const float total = static_cast<float>(total_) / unit + prior.blocks;
  float above = 0;
  float excess = 0;  // sum of (x - edge) over what is above the edge
  for (std::size_t bin = bins; bin-- > 0;) {
    excess += above * width;
    const float here = static_cast<float>(count_[bin]) / unit;
    excess += here * 0.5f * width;
    above += here;
    const float expected =
        edge(bin) > prior.at ? std::exp(-(edge(bin) - prior.at) / prior.scale) : 1.0f;
    const float mass = (above + prior.blocks * expected) / total;
    if (mass < tail_from && bin != 0) continue;
    from_ = edge(bin);
    mass_ = std::min(mass, 1.0f);
    seen_ = above + known_exceedances;
    scale_ = (excess + prior_exceedances * prior.scale) / (above + prior_exceedances);
    break;
  }
  scale_ = clamped(scale_, 0.3f * prior.scale, 4.0f * prior.scale);
  at_from_ = -std::log10(mass_);
}

// An exponential tail whose scale was learned from few: Lomax, its predictive distribution.
float tail_model::rarity(float x) const noexcept {
  if (x >= from_) return at_from_ + seen_ / ln10 * std::log1p((x - from_) / (scale_ * seen_));
  const float below = (from_ - x) / (8.0f * scale_);
  return below >= 1.0f ? 0.0f : at_from_ * (1.0f - below);
}

float tail_model::value_at(float p) const noexcept {
  const float decades = std::max(mass_ / std::max(p, 1e-12f), 1.0f);
  return from_ + scale_ * seen_ * (std::pow(decades, 1.0f / seen_) - 1.0f);
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
    : views_{first_tails(std::make_index_sequence<weighed_views>{})},
      combined_{combined_shape},
      steady_{steady_shape} {}

void calibration::expect(std::size_t channels) noexcept {
  for (std::size_t i = 0; i < weighed_views; ++i) views_[i].expect(shape_of(weighed[i], channels));
}

float calibration::rarity_of(page_test test, const judged& j) const noexcept {
  float r = 0;
  if (test == page_test::one_tick) r = combined_.rarity(j.combined);
  if (test == page_test::two_of_three) r = steady_.rarity(j.steady);
  if (test == page_test::slow) r = tail(view::drift).rarity(j.slow);
  const auto t = static_cast<std::size_t>(test);
  return r + decades_of_share[t] - correction_[t];
}

float calibration::threshold(double budget, bool learning) const noexcept {
  const float youth = youth_margin * youth_blocks / (youth_blocks + combined_.blocks());
  return clamped(wanted(budget, block_ms_) + youth + (learning ? 1.0f : 0.0f), 0.3f, 14.0f);
}

judged calibration::judge(const view_scores& scores, double budget, bool learning) const noexcept {
  judged j;
  for (std::size_t i = 0; i < weighed_views; ++i) {
    const auto v = weighed[i];
    float r = scores[v] > 0 ? views_[i].rarity(scaled(v, scores[v])) : 0.0f;
    if (r > most_rarity) r = most_rarity + fast_log2(r - most_rarity + 1);
    j.rarity[v] = r;
    j.combined += view_weight[v] * r;
  }
  const float low = std::min(before_[0], before_[1]);
  const float high = std::max(before_[0], before_[1]);
  j.steady = std::max(low, std::min(high, j.combined));
  j.slow = scores[static_cast<std::size_t>(view::drift)];
  j.decades = -10;
  for (const auto test : {page_test::one_tick, page_test::two_of_three, page_test::slow}) {
    const float r = rarity_of(test, j);
    if (r > j.decades) j.decades = r, j.by = test;
  }
  j.threshold = threshold(budget, learning);
  j.share = static_cast<float>(budget * static_cast<double>(block_ms_) / month_ms);
  j.probability = probability_of(
      static_cast<double>(j.decades - wanted(budget, block_ms_) - (learning ? 1.0f : 0.0f)));
  return j;
}

double calibration::belief(double before, double probability, std::int64_t elapsed_ms) noexcept {
  if (before <= probability) return probability;
  const double p = std::clamp(before, 1e-6, 1.0 - 1e-6);
  const double faded = std::log2(p / (1.0 - p)) / bits_per_decade -
                       static_cast<double>(elapsed_ms) / decade_fades_ms;
  return std::max(probability, probability_of(faded));
}

void calibration::raise(judged& j) noexcept {
  j.decades = std::max(j.decades, j.threshold + told_excess);
  j.probability = std::max(j.probability, raised_probability);
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
  share_ = j.share;
  for (std::size_t i = 0; i < weighed_views; ++i)
    largest_[i] = std::max(largest_[i], scores[weighed[i]]);
  largest_combined_ = std::max(largest_combined_, j.combined);
  largest_steady_ = std::max(largest_steady_, j.steady);
}

void calibration::end_block() noexcept {
  if (ticks_ != 0) {
    for (std::size_t i = 0; i < weighed_views; ++i) {
      if (largest_[i] > 0) views_[i].add(scaled(weighed[i], largest_[i]));
    }
    combined_.add(largest_combined_);
    steady_.add(largest_steady_);
    for (std::size_t t = 0; t < page_tests; ++t)
      correction_[t] =
          std::max(correction_[t] - episode_step * share_ * budget_share[t], least_correction);
  }
  largest_.fill(0);
  largest_combined_ = 0;
  largest_steady_ = 0;
  ticks_ = 0;
}

void calibration::episode(const judged& j) noexcept {
  auto& correction = correction_[static_cast<std::size_t>(j.by)];
  correction = std::min(correction + episode_step, most_correction);
  const float p = std::pow(10.0f, -j.threshold - told_excess);
  auto& drift = largest_[weighed_before(static_cast<std::size_t>(view::drift))];
  drift = std::max(drift, std::min(j.slow, tail(view::drift).value_at(p)));
  largest_combined_ = std::max(largest_combined_, std::min(j.combined, combined_.value_at(p)));
  largest_steady_ = std::max(largest_steady_, std::min(j.steady, steady_.value_at(p)));
  ++ticks_;
}

float calibration::score_at_threshold(view v, double budget) const noexcept {
  const float wanted = std::pow(10.0f, -std::min(threshold(budget, false), 9.0f));
  const float at = tail(v).value_at(wanted);
  return v == view::model ? std::exp2(std::min(at, 16.0f)) : at;
}

// tails := count(u8) (view(u8) largest(f32) tail)*, in order of view. A reader whose views weigh
// differently leaves out what does not count any more; what has come to count begins anew.
void calibration::save(byte_writer& out) const {
  out.put(static_cast<std::uint8_t>(weighed_views));
  for (std::size_t i = 0; i < weighed_views; ++i) {
    out.put(static_cast<std::uint8_t>(weighed[i]));
    out.put(largest_[i]);
    views_[i].save(out);
  }
  combined_.save(out);
  steady_.save(out);
  out.put(largest_combined_);
  out.put(largest_steady_);
  out.put(block_);
  out.put(block_ms_);
  out.put(ticks_);
  out.put(correction_);
  out.put(share_);
  out.put(before_);
}

bool calibration::restore(byte_reader& in) {
  std::uint8_t count = 0;
  if (!in.get(count)) return false;
  std::size_t next = 0;
  for (std::uint8_t n = 0; n < count; ++n) {
    std::uint8_t v = 0;
    float largest = 0;
    in.get(v);
    if (!in.get(largest) || v < next || v >= view_count) return false;
    next = v + 1u;
    tail_model left_out{shape_of(v, 1)};
    const bool wanted = has_weight(static_cast<view>(v));
    if (wanted) largest_[weighed_before(v)] = largest;
    if (!(wanted ? tail(static_cast<view>(v)) : left_out).restore(in)) return false;
  }
  return combined_.restore(in) && steady_.restore(in) && restore_rest(in);
}

bool calibration::restore_version_4(byte_reader& in) {
  for (std::size_t v = 0; v < view_count; ++v) {
    tail_model left_out{shape_of(v, 1)};
    const bool wanted = has_weight(static_cast<view>(v));
    if (!(wanted ? tail(static_cast<view>(v)) : left_out).restore(in)) return false;
  }
  view_scores largest;
  if (!combined_.restore(in) || !steady_.restore(in) || !in.get(largest)) return false;
  for (std::size_t i = 0; i < weighed_views; ++i) largest_[i] = largest[weighed[i]];
  return restore_rest(in);
}

bool calibration::restore_rest(byte_reader& in) {
  in.get(largest_combined_);
  in.get(largest_steady_);
  in.get(block_);
  in.get(block_ms_);
  in.get(ticks_);
  in.get(correction_);
  in.get(share_);
  return in.get(before_) && all_finite(before_.data(), before_.size()) &&
         all_finite(largest_.data(), largest_.size()) && std::isfinite(largest_combined_) &&
         std::isfinite(largest_steady_) && all_finite(correction_.data(), page_tests) &&
         std::isfinite(share_) && block_ms_ > 0;
}

bool calibration::skip_version_3(byte_reader& in) {
  for (std::size_t tail = 0; tail < view_count + 1; ++tail) {
    if (!tail_model{tick_shapes[0]}.restore(in)) return false;
  }
  view_scores largest;
  float number = 0;
  std::int64_t time = 0;
  std::uint32_t ticks = 0;
  std::array<float, 2> before;
  in.get(largest);
  in.get(number);  // largest combined
  in.get(time);    // block
  in.get(time);    // its length
  in.get(ticks);
  in.get(number);  // correction
  return in.get(before);
}

}  // namespace faultline
