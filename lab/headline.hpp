// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "lab/detection_study.hpp"

namespace faultline {

/// The set on which the promise is measured; anyone with the development recordings can make it.
///
/// - smd, nab (Cloudwatch series), prevent-dev/normal (days before 15 December train): real rows
///   with injected faults, labelled faults ignored;
/// - simulated: systems of the test split, edition 2, with faults of all types;
/// - simulated, quiet; prevent, as it is: no fault at all, for the rate that was promised.
struct headline_options {
  std::uint64_t seed = 1;
  std::filesystem::path data;  ///< where smd/, nab/, prevent-dev/ are; empty: simulated only
  std::size_t systems = 12;    ///< simulated with faults; half as many quiet ones
  std::int64_t days = 40;      ///< of each, the first quarter trains
  std::size_t faults_a_system = 14;
};

struct study_recording {
  std::string set;
  evaluation_input input;
  labels truth;
};

/// Hands the recordings to @p take one after the other. @returns ec::not_found where a set of
/// o.data is not there, and what reading returns.
outcome<void> headline_recordings(const headline_options& o,
                                  const std::function<void(study_recording)>& take);

/// Markdown: each bar of early warning beside what was measured and whether it holds, from the
/// outcomes of a study with variants at 1 a month and 1 a day (30 a month).
std::string headline_bars(const std::vector<detector_outcome>& outcomes, std::uint64_t seed);

}  // namespace faultline
