// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "processing/byte_io.hpp"

namespace faultline {

/// What is believed of a tail before anything was seen: P(X > x) = exp(-(x - at) / scale), worth
/// `blocks` blocks of experience.
struct tail_prior {
  float at = 0;
  float scale = 0.3f;
  float blocks = 48;
};

/// What all tails of one kind share.
struct tail_shape {
  float low = 0;    ///< left edge of the first bin
  float width = 0;  ///< of a bin
  tail_prior prior;
};

/// Distribution of the largest score in half an hour (so that one disturbance counts once, however
/// long it lasts): empirical body, exponential tail above its 85th percentile. Scores of views come
/// as logarithms, which makes the tail a power law: with little data a cautious choice. Counts
/// fade: the last two to three weeks rule. (Declustered peaks over threshold; Pickands 1975, Hill
/// 1975.)
class tail_model {
public:
  static constexpr std::size_t bins = 64;

  /// @p shape outlives the model.
  explicit tail_model(const tail_shape& shape) noexcept;

  /// Another belief about what was not seen yet; the bins are the same.
  void expect(const tail_shape& shape) noexcept;
  /// Takes the largest value of one more block.
  void add(float x) noexcept;
  /// -log10 P(largest value of a block > x): 0 in the middle, grows without bound.
  float rarity(float x) const noexcept;
  /// The value that a block exceeds with probability @p p.
  float value_at(float p) const noexcept;
  float blocks() const noexcept { return static_cast<float>(total_) / unit; }

  void save(byte_writer& out) const;
  bool restore(byte_reader& in);

private:
  static constexpr std::uint32_t unit = 4;  ///< count of one block

  void fit() noexcept;
  float edge(std::size_t bin) const noexcept {
    return shape_->low + shape_->width * static_cast<float>(bin);
  }

  const tail_shape* shape_;
  std::uint32_t total_ = 0;
  float from_ = 0;  ///< the tail begins here,
  float mass_ = 1;  ///< with this probability beyond it
  float scale_ = 1;
  float seen_ = 1;     ///< exceedances the scale was learned from, the prior's among them
  float at_from_ = 0;  ///< rarity there
  std::array<std::uint16_t, bins> count_{};
};

/// Views of an entity, each a way of being surprised.
enum class view : std::uint8_t {
  residual = 0,  ///< one tick against the one before: abrupt faults
  model,         ///< one tick, 5 and 30 minutes against the LSTM's forecast
  level,         ///< some ticks against the daily profile
  drift,         ///< half an hour against the daily profile
  forecast,      ///< of snapshots before version 5, as the two that follow: looked at no more
  symptoms,
  breadth,
};
inline constexpr std::size_t view_count = 7;
const char* to_string(view) noexcept;

/// How much of a view counts. One tick against several baselines is the sharpest; what lasts adds
/// to it, but must not page alone whenever a level has moved. Only a view with weight is given a
/// tail, which takes 160 bytes of every entity.
inline constexpr std::array<float, view_count> view_weight{1.0f, 0.3f, 0.4f, 0.4f, 0, 0, 0};
constexpr bool has_weight(view v) noexcept { return view_weight[static_cast<std::size_t>(v)] > 0; }
/// How many views before @p v have a weight.
constexpr std::size_t weighed_before(std::size_t v) noexcept {
  std::size_t n = 0;
  for (std::size_t i = 0; i < v; ++i) n += view_weight[i] > 0 ? 1 : 0;
  return n;
}
inline constexpr std::size_t weighed_views = weighed_before(view_count);

/// Scores of one tick; 0 where a view has nothing to say.
using view_scores = std::array<float, view_count>;

/// What may page. Each has its share of the budget, its own tail and its own correction.
enum class page_test : std::uint8_t {
  one_tick = 0,  ///< one tick, all views weighed: abrupt faults
  two_of_three,  ///< the same, in two of three ticks
  slow,          ///< half an hour against the profile and the hours before: a single leak
};
inline constexpr std::size_t page_tests = 3;

/// What the calibration makes of a tick.
struct judged {
  view_scores rarity{};                ///< per view, decades; 0 of one without weight
  float combined = 0;                  ///< weighed sum of them
  float steady = 0;                    ///< what two of the last three ticks reached of it
  float slow = 0;                      ///< of the view of drifts
  page_test by = page_test::one_tick;  ///< which test is the most surprised, its budget regarded
  float decades = 0;       ///< how rare half an hour is that holds such a tick: comparable anywhere
  float threshold = 0;     ///< of `decades`, for the budget
  float share = 0;         ///< of half hours that may hold a false episode, by the budget
  double probability = 0;  ///< that this is a fault, 0..1
  /// Decades above the threshold.
  float excess() const noexcept { return decades - threshold; }
};

/// Turns view scores into a page threshold that keeps a budget of false episodes for the
/// COMBINATION of views: each view by its own tail model, their weighed sum once more, for one tick
/// and for two of three, and the view of drifts alone. Each of these tests has its share of the
/// budget; every episode makes its test stricter and quiet time milder (adaptive conformal
/// inference, Gibbs and Candes 2021).
class calibration {
public:
  calibration() noexcept;

  /// How many channels the views look at: the largest of many is larger, and what is believed of
  /// tails before they were seen depends on it.
  void expect(std::size_t channels) noexcept;
  /// @p budget false episodes per 30 days; @p learning: ten times stricter.
  judged judge(const view_scores& scores, double budget, bool learning) const noexcept;
  /// A tick that is a fault whatever the tails say: lifts it a little above the threshold.
  static void raise(judged& j) noexcept;
  /// Probability that a fault is under way: that of the tick, or what was believed @p elapsed_ms
  /// ago as far as it has not faded: a decade in twenty minutes, as faults are that show now and
  /// then.
  static double belief(double before, double probability, std::int64_t elapsed_ms) noexcept;
  /// Takes the tick at @p ts_ms into its block; @p counted: false while an alert is on.
  void take(const view_scores& scores, const judged& j, std::int64_t ts_ms, std::int64_t tick_ms,
            bool counted) noexcept;
  /// An episode began: it counts as one exceedance a little above the threshold, whatever it was.
  void episode(const judged& j) noexcept;
  /// The ticks before are no measure of those to come: what they showed is normal from now on.
  void forget_ticks_before() noexcept { before_.fill(0); }
  /// Score of view @p v that is as rare as the threshold asks for. @pre has_weight(v)
  float score_at_threshold(view v, double budget) const noexcept;
  float blocks() const noexcept { return combined_.blocks(); }
  /// Decades that the test which is stricter by most asks for beyond the budget, for episodes it
  /// has told; < 0 after quiet time.
  float stricter() const noexcept {
    return *std::max_element(correction_.begin(), correction_.end());
  }

  void save(byte_writer& out) const;
  bool restore(byte_reader& in);
  /// Reads what snapshots of version 4 hold here: tails of all seven views.
  bool restore_version_4(byte_reader& in);
  /// Reads past what snapshots of versions 1 to 3 hold here.
  static bool skip_version_3(byte_reader& in);

private:
  float rarity_of(page_test test, const judged& j) const noexcept;
  float threshold(double budget, bool learning) const noexcept;
  void end_block() noexcept;
  bool restore_rest(byte_reader& in);
  tail_model& tail(view v) noexcept { return views_[weighed_before(static_cast<std::size_t>(v))]; }
  const tail_model& tail(view v) const noexcept {
    return views_[weighed_before(static_cast<std::size_t>(v))];
  }

  std::array<tail_model, weighed_views> views_;  ///< of those with weight, in their order
  tail_model combined_;
  tail_model steady_;
  std::array<float, weighed_views> largest_{};  ///< of the block under way
  float largest_combined_ = 0;
  float largest_steady_ = 0;
  std::int64_t block_ = -1;
  std::int64_t block_ms_ = 1'800'000;
  std::uint32_t ticks_ = 0;                     ///< of the block under way that count
  std::array<float, page_tests> correction_{};  ///< decades taken off a test's rarity
  float share_ = 0;                             ///< of the block under way: what the budget allows
  std::array<float, 2> before_{};               ///< `combined` of the two ticks before
};

}  // namespace faultline
