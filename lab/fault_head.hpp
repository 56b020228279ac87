// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lab/evaluation.hpp"
#include "lab/statistics.hpp"

namespace faultline {

/// How long before its full effect the forecaster's supervised head shall say that a fault builds
/// up.
inline constexpr milliseconds head_horizon{15 * 60 * 1000};
/// After a fault the entity is not at once what it was.
inline constexpr milliseconds fault_recovery{10 * 60 * 1000};

/// What truth says of one tick to the question of the head: a fault is building up and has its full
/// effect within 15 min.
enum class soon_truth : std::uint8_t {
  no,
  yes,
  unknown,  ///< in a fault but not in that part of it, just behind one, or where one comes that
            ///< nothing can show yet
};
soon_truth truth_of_soon(const labels& truth, const std::string& entity, event_time ts);

/// Whether @p entity is among those that @p fault affects or began in.
bool is_of_fault(const fault_label& fault, const std::string& entity);

/// How good the head's probabilities are, over recordings that know when their faults build up.
/// Where one does not (no `full_effect`), its fault-free ticks still count as `no`.
class head_study {
public:
  /// Probabilities at which it is asked what an operator would have been told.
  static constexpr std::array<double, 4> levels{0.05, 0.2, 0.5, 0.8};

  /// Looks at all ticks of @p run about which the head said something; @p interval is what a tick
  /// is worth.
  void add(const detection_run& run, const labels& truth, milliseconds interval);
  void add(const head_study& other);

  std::size_t ticks() const noexcept { return probabilities_.count(); }
  std::size_t yes() const noexcept { return yes_; }
  const reliability& probabilities() const noexcept { return probabilities_; }
  /// Chance that a tick of `yes` is above one of `no` (area under the ROC curve, to a twentieth of
  /// a unit of the logit); 0 without either.
  double ranking() const;
  /// Faults that build up for five minutes at least, and can be seen.
  std::size_t ramps() const noexcept { return ramps_; }
  /// Of these, with levels[@p level] or more on an entity of theirs within 15 min before the full
  /// effect.
  std::size_t ramps_said(std::size_t level) const noexcept { return said_[level]; }
  /// Rises to levels[@p level] or more in ticks of `no`, half an hour apart at least, per entity
  /// and 30 days.
  double false_a_month(std::size_t level) const;

private:
  static constexpr std::size_t cells = 800;  ///< of the logit, -20 to 20

  void take(float probability, bool yes);
  void add_ramps(const detection_run& run, const labels& truth,
                 const std::vector<std::vector<scored_tick>>& by_entity);

  reliability probabilities_;
  std::array<std::uint64_t, cells> of_yes_{}, of_no_{};
  std::size_t yes_ = 0, ramps_ = 0;
  std::array<std::size_t, levels.size()> said_{}, false_{};
  double free_days_ = 0;
};

/// Markdown: how often, at some probabilities, ramps are said and nothing is; reliability by bins.
/// Empty where no tick of `yes` was seen.
std::string head_markdown(const head_study& study);

}  // namespace faultline
