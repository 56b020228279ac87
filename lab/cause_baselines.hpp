// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "judgement/root_cause.hpp"

namespace faultline {

/// Simple rankings of the same question, to be beaten. Own code after the published ideas.
enum class cause_baseline : std::uint8_t {
  nsigma,       ///< largest |x - mean| / standard deviation over an entity's metrics
  robust,       ///< largest |x - median| / inter-quartile range: BARO's scorer (Pham et al. 2024)
  traversal,    ///< anomalous entities without an anomalous dependency first, by `robust`
  random_walk,  ///< personalised walk down the dependencies by `robust`, after MonitorRank (2013)
};
inline constexpr std::array every_cause_baseline{cause_baseline::nsigma, cause_baseline::robust,
                                                 cause_baseline::traversal,
                                                 cause_baseline::random_walk};
const char* to_string(cause_baseline) noexcept;

/// All entities of @p question, best first; probabilities are plain shares of the scores. Metrics
/// of edges and machines are left out, as in the published protocols.
std::vector<ranked_cause> baseline_causes(cause_baseline which, const rca_question& question);

/// What alerting per entity would show: entities beyond what their own past reached nineteen times
/// in twenty, and by how much.
std::vector<std::pair<std::string, double>> baseline_alerts(const rca_question& question);

}  // namespace faultline
