// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "lab/evaluation.hpp"
#include "lab/statistics.hpp"

namespace faultline {

/// What a ranking was worth for one fault. Counted as the scorers of docs/evaluation.md do: equal
/// probabilities are broken against the root, a root that is not listed is a miss, abstaining takes
/// no fault out.
struct cause_verdict {
  std::size_t candidates = 0;
  std::size_t roots = 0;  ///< any one counts
  std::size_t rank = 0;   ///< of the best placed root, from 1; 0 = not listed
  double inspected = 0;   ///< entities looked at until it is found; beyond the list, expected
  double by_alerts = 0;   ///< likewise, walking the alerting entities from the most severe
  double by_chance = 0;   ///< likewise, in any order
  double top = 0;         ///< probability of the first
  bool abstained = false;
  bool first() const noexcept { return rank == 1; }
  bool within(std::size_t k) const noexcept { return rank != 0 && rank <= k; }
};

/// @p alerting entity and severity. @p candidates and @p roots as in the recording.
cause_verdict judge_causes(const std::vector<ranked_cause>& causes, bool abstained,
                           const std::vector<std::pair<std::string, double>>& alerting,
                           const std::vector<std::string>& candidates,
                           const std::vector<std::string>& roots);

/// Sums over faults.
class cause_figures {
public:
  void add(const cause_verdict& v);
  std::size_t faults() const noexcept { return faults_; }
  double within(std::size_t k) const noexcept;  ///< AC@k, 1 <= k <= 5
  double average5() const noexcept;             ///< mean of AC@1 .. AC@5
  double reciprocal() const noexcept;           ///< MRR
  double inspected() const noexcept;
  double by_alerts() const noexcept;
  double by_chance() const noexcept;
  double chance_within(std::size_t k) const noexcept;  ///< AC@k of a random order
  double abstained() const noexcept;
  double first_unless_abstained() const noexcept;  ///< NaN when it always abstained
  interval95 first_interval() const noexcept;      ///< Wilson, of AC@1
  const reliability& calibration() const noexcept { return reliability_; }

private:
  double share(double sum) const noexcept;
  std::size_t faults_ = 0, abstained_ = 0, answered_first_ = 0;
  double within_[6] = {}, chance_[6] = {};
  double reciprocal_ = 0, inspected_ = 0, by_alerts_ = 0, by_chance_ = 0;
  reliability reliability_;
};

}  // namespace faultline
